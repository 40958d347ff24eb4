package table

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func domain(n int) tenancy.Key {
	return tenancy.Key{Kind: tenancy.KindDomain, Value: fmt.Sprintf("d%d.test", n)}
}

// Names lead where a map says, whatever is done to them: batches in which tenants come, go,
// change, and take names that others give up in the same batch, or do not give up.
func FuzzNames(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0x42, 0x43, 0x81, 0x80, 0xc1, 0xff})
	f.Add([]byte{0, 64, 0, 64, 128, 192, 1, 65, 255, 254, 2, 66, 130, 9, 17, 25, 33})
	f.Add([]byte{0x40, 0x41, 0xc2, 0, 0xc2}) // claimed twice in one batch; then the first one is deleted
	f.Fuzz(func(t *testing.T, program []byte) {
		table, records, owners := New(), map[string]*Record{}, map[tenancy.Key]string{}
		var batch []Change
		for n, b := range program {
			id, k := fmt.Sprint("id", b&3), domain(int(b>>2&7)+n/16) // the names grow in number
			if b>>6 == 3 || slices.ContainsFunc(batch, func(c Change) bool { return c.id() == id }) {
				table.Apply(batch)
				batch = nil
				compareNames(t, table, records, owners)
			}
			c := Change{Before: records[id]}
			switch b >> 5 & 3 {
			case 0: // deleted
				if c.Before == nil {
					continue
				}
				maps.DeleteFunc(owners, func(_ tenancy.Key, owner string) bool { return owner == id })
				delete(records, id)
				batch = append(batch, c)
				continue
			case 1: // it gets a name and keeps the others
				for k, owner := range owners {
					if owner == id {
						c.Names = append(c.Names, Name{Key: k})
					}
				}
				fallthrough
			case 2: // a name is all it has
				c.Renamed = true
				maps.DeleteFunc(owners, func(other tenancy.Key, owner string) bool {
					return owner == id && !slices.ContainsFunc(c.Names, func(n Name) bool { return n.Key == other })
				})
				if owners[k] != id { // perhaps another one claims it in the same batch; the last one has it
					c.Names = append(c.Names, Name{Key: k})
				}
				owners[k] = id
			}
			c.After = c.Before
			if c.Before == nil || b&1 == 0 {
				c.After = record(id, "slug-"+id, tenancy.Revision(n))
			}
			records[id] = c.After
			batch = append(batch, c)
		}
		table.Apply(batch)
		compareNames(t, table, records, owners)
		table.Clear()
		compareNames(t, table, nil, nil)
	})
}

// What was taken stays as it was.
func TestTakenNamesStay(t *testing.T) {
	table := New()
	const n = 2 * numShards
	want := func(get func(string) []tenancy.Key, i, name int) {
		t.Helper()
		var keys []tenancy.Key
		if name >= 0 {
			keys = []tenancy.Key{domain(name)}
		}
		if got := get(fmt.Sprint(i)); !slices.Equal(got, keys) {
			t.Fatalf("%d has %v, want %v", i, got, keys)
		}
	}
	records := make([]*Record, n)
	give := func(i, name int) {
		records[i] = cmp.Or(records[i], record(fmt.Sprint(i), fmt.Sprint("slug-", i), 1))
		c := Change{Before: table.ByID(fmt.Sprint(i)), After: records[i], Renamed: true}
		if name >= 0 {
			c.Names = []Name{{Key: domain(name)}}
		}
		table.Apply([]Change{c})
	}
	none := table.TakeNames()
	for i := range n {
		give(i, i)
	}
	first := table.TakeNames()
	for i := range n / 2 {
		give(i, i+n)
	}
	second := table.TakeNames()
	for i := range n {
		give(i, -1)
	}
	for i := range n {
		want(none, i, -1)
		want(first, i, i)
		want(second, i, map[bool]int{true: i + n, false: i}[i < n/2])
		want(table.TakeNames(), i, -1)
	}
}

func compareNames(t *testing.T, table *Table, records map[string]*Record, owners map[tenancy.Key]string) {
	t.Helper()
	for n := range 40 {
		if got, want := table.FindName(domain(n)), records[owners[domain(n)]]; got != want {
			t.Fatalf("%s leads to %v, want %v", domain(n).Value, got, want)
		}
	}
	listed := map[tenancy.Key]string{}
	for id, keys := range table.AllNames() {
		for _, k := range keys {
			listed[k] = id
		}
		if len(keys) != len(table.Names(id)) {
			t.Fatalf("%s has %v and %v", id, keys, table.Names(id))
		}
	}
	if !maps.Equal(listed, owners) {
		t.Fatalf("the tenants have %v, want %v", listed, owners)
	}
}

// A name that moves leads, at each moment, to the tenant that has it: in each batch, one of
// two tenants gets the domain of the other, and both get the revision of the batch.
func TestNamesMoveAtOnce(t *testing.T) {
	table := New()
	now := [2]*Record{record("0", "one", 1), record("1", "two", 1)}
	table.Apply([]Change{{After: now[0]}, {After: now[1], Renamed: true, Names: []Name{{Key: domain(0)}}}})
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for seen := tenancy.Revision(0); !done.Load(); {
				r := table.FindName(domain(0))
				if r == nil || r.ID != fmt.Sprint(r.Revision%2) {
					t.Errorf("the domain leads to %v", r)
					return
				}
				if r.Revision < seen {
					t.Errorf("revision %d after %d", r.Revision, seen)
					return
				}
				seen = r.Revision
			}
		})
	}
	for n := tenancy.Revision(2); n < 20_000; n++ {
		owner := n % 2
		next := [2]*Record{record("0", "one", n), record("1", "two", n)}
		changes := []Change{{Before: now[0], After: next[0], Renamed: true}, {Before: now[1], After: next[1], Renamed: true}}
		changes[owner].Names = []Name{{Key: domain(0)}, {Key: domain(int(n))}} // others come and go, so that the array is rebuilt
		table.Apply(changes)
		now = next
	}
	done.Store(true)
	readers.Wait()
}

// A lookup by name beside one by identifier.
func BenchmarkFindName(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		table := New()
		keys := map[string][]tenancy.Key{"identifier": make([]tenancy.Key, n), "domain": make([]tenancy.Key, n)}
		for i := range n {
			r := record(fmt.Sprintf("0192f-%08d-abcd-0000-%012d", i, i*7), fmt.Sprintf("tenant-%07d", i), 1)
			keys["identifier"][i], keys["domain"][i] = tenancy.IdentifierKey(r.Identifier), domain(i)
			table.Apply([]Change{{After: r, Renamed: true, Names: []Name{{Key: domain(i)}}}})
		}
		for name, find := range map[string]func(tenancy.Key) *Record{"identifier": table.Find, "domain": table.FindName} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if r := find(keys[name][i]); r.Revision != 1 {
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
