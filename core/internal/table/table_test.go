package table

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func record(id, identifier string, revision tenancy.Revision) *Record {
	return NewRecord(tenancy.Tenant{ID: id, Identifier: identifier, Name: "n", Revision: revision})
}

// A table holds what a map would, whatever is done to it: batches of creations,
// changes, renames to slugs that others give up in the same batch, and deletions.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0x42, 0x43, 0x81, 0x80, 0xc1, 0xff})
	f.Add([]byte{0, 64, 0, 64, 128, 192, 1, 65, 255, 254, 2, 66, 130})
	f.Fuzz(func(t *testing.T, program []byte) {
		table, want := New(), map[string]*Record{}
		owner := func(identifier string) *Record {
			for _, r := range want {
				if r.Identifier == identifier {
					return r
				}
			}
			return nil
		}
		var batch []Change
		touched := map[string]bool{}
		publish := func() {
			table.Apply(batch)
			batch, touched = nil, map[string]bool{}
			compare(t, table, want)
		}
		for n, b := range program {
			id, identifier := fmt.Sprint("id", b&7), fmt.Sprint("slug", b>>3&7)
			old := want[id]
			if touched[id] || b>>6 == 3 {
				publish()
			}
			switch other := owner(identifier); {
			case b>>6 == 2: // delete
				if old == nil {
					continue
				}
				batch = append(batch, Change{Before: old})
				delete(want, id)
			case other != nil && other != old:
				continue
			default:
				r := record(id, identifier, tenancy.Revision(n))
				batch = append(batch, Change{Before: old, After: r})
				want[id] = r
			}
			touched[id] = true
		}
		publish()
	})
}

func compare(t *testing.T, table *Table, want map[string]*Record) {
	t.Helper()
	if table.Len() != len(want) {
		t.Fatalf("%d tenants, want %d", table.Len(), len(want))
	}
	for n := range 8 {
		id, identifier := fmt.Sprint("id", n), fmt.Sprint("slug", n)
		if got := table.Find(tenancy.IDKey(id)); got != want[id] {
			t.Fatalf("under %s: %v, want %v", id, got, want[id])
		}
		got := table.Find(tenancy.IdentifierKey(identifier))
		if got != nil && (got.Identifier != identifier || want[got.ID] != got) {
			t.Fatalf("under %s: %v", identifier, got)
		}
		for _, r := range want {
			if r.Identifier == identifier && got != r {
				t.Fatalf("under %s: %v, want %v", identifier, got, r)
			}
		}
	}
	all := map[string]*Record{}
	for r := range table.All() {
		all[r.ID] = r
	}
	if len(all) != len(want) {
		t.Fatalf("All yields %d tenants, want %d", len(all), len(want))
	}
}

// All changes of a batch are seen at once, by every key, by readers without a lock: the
// revision of each tenant is that of its batch, and two of them swap their slugs in each.
func TestBatchIsSeenAtOnce(t *testing.T) {
	table := New()
	now := map[string]*Record{}
	ids := []string{"a", "b", "c", "d"}
	slugs := []string{"one", "two", "free", "last"}
	var batch []Change
	for i, id := range ids {
		now[id] = record(id, slugs[i], 1)
		batch = append(batch, Change{After: now[id]})
	}
	table.Apply(batch)
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var seen tenancy.Revision
			for n := 0; !done.Load(); n++ {
				key := tenancy.IDKey(ids[n%len(ids)])
				if n%3 > 0 {
					key = tenancy.IdentifierKey(slugs[n%2])
				}
				r := table.Find(key)
				if r == nil {
					t.Errorf("%v is not there", key)
					return
				}
				if r.Revision < seen {
					t.Errorf("%v: revision %d after %d", key, r.Revision, seen)
					return
				}
				seen = r.Revision
				if n%16 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	for n := range tenancy.Revision(2000) {
		batch = batch[:0]
		for _, id := range ids {
			slug := now[id].Identifier
			switch id {
			case "a":
				slug = now["b"].Identifier
			case "b":
				slug = now["a"].Identifier
			}
			batch = append(batch, Change{Before: now[id], After: record(id, slug, n+2)})
		}
		// Others come and go, so that the table grows and is rebuilt.
		extra := record(fmt.Sprint("x", n), fmt.Sprint("x", n), n+2)
		batch = append(batch, Change{After: extra})
		table.Apply(batch)
		for _, c := range batch {
			now[c.After.ID] = c.After
		}
		if n%2 == 1 {
			table.Apply([]Change{{Before: extra}})
		}
		runtime.Gosched()
	}
	done.Store(true)
	readers.Wait()
}

// A lookup beside one in sync.Map, which is what one would write.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		table, plain := New(), &sync.Map{}
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf("tenant-%07d", i)
			r := record(fmt.Sprintf("0192f-%08d-abcd-0000-%012d", i, i*7), keys[i], 1)
			table.Add(r)
			plain.Store(keys[i], r)
		}
		for name, find := range map[string]func(string) *Record{
			"table": func(k string) *Record { return table.Find(tenancy.IdentifierKey(k)) },
			"sync.Map": func(k string) *Record {
				r, _ := plain.Load(k)
				return r.(*Record)
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if r := find(keys[i]); r.Revision != 1 {
						b.Fatal(r.Revision)
					}
					if i += 7919; i >= n {
						i %= n
					}
				}
			})
		}
	}
}
