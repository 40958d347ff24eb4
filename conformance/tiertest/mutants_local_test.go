package tiertest_test

import (
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// localMutant is a local cache that breaks one rule.
type localMutant struct {
	rule  string // that must reject it
	how   string // what it does wrong
	spoil func(f *faultyLocal)
}

func localMutants() []localMutant {
	out := []localMutant{
		{"new-cache-is-empty", "finds zero entries", func(f *faultyLocal) {
			f.get = func(k tenancy.Key) *tier.Entry { return &tier.Entry{Key: k} }
		}},
		{"get-after-put", "stores nothing", func(f *faultyLocal) { f.put = func(*tier.Entry) {} }},
		{"local-returns-the-entry-itself", "returns a copy", func(f *faultyLocal) {
			f.get = func(k tenancy.Key) *tier.Entry {
				e := f.next.Get(k)
				if e == nil {
					return nil
				}
				copied := *e
				return &copied
			}
		}},
		{"entries-are-many", "keeps ten entries", func(f *faultyLocal) {
			n := 0
			f.put = func(e *tier.Entry) {
				if n++; n <= 10 {
					f.next.Put(e)
				}
			}
		}},
		{"tenant-follows-negative", "keeps negative entries beside tenants and asks them first", func(f *faultyLocal) {
			negatives := map[tenancy.Key]*tier.Entry{}
			f.put = func(e *tier.Entry) {
				if e.Negative() {
					negatives[e.Key] = e
					return
				}
				f.next.Put(e)
			}
			f.get = func(k tenancy.Key) *tier.Entry {
				if e := negatives[k]; e != nil {
					return e
				}
				return f.next.Get(k)
			}
		}},
		{"tenant-follows-negative", "does not store over what is there", func(f *faultyLocal) {
			f.put = func(e *tier.Entry) {
				if f.next.Get(e.Key) == nil {
					f.next.Put(e)
				}
			}
		}},
		{"invalidate-all-removes", "keeps one", func(f *faultyLocal) {
			var last *tier.Entry
			f.put = func(e *tier.Entry) { last = e; f.next.Put(e) }
			f.invalidateAll = func() int64 {
				n := f.next.InvalidateAll()
				if last != nil {
					f.next.Put(last)
				}
				return n
			}
		}},
		{"invalidate-all-removes", "counts half", func(f *faultyLocal) {
			f.invalidateAll = func() int64 { return f.next.InvalidateAll() / 2 }
		}},
		{"size-is-known", "says that it holds none", func(f *faultyLocal) { f.maxEntries = func() int64 { return 0 } }},
		{"concurrent-use", "returns an entry of another key now and then", func(f *faultyLocal) {
			f.get = func(k tenancy.Key) *tier.Entry {
				if k.Value == "id-00003" {
					if e := f.next.Get(tenancy.IDKey("id-00004")); e != nil {
						return e
					}
				}
				return f.next.Get(k)
			}
		}},
		{"close-returns", "waits for what it holds", func(f *faultyLocal) { f.close = func() { time.Sleep(time.Second) } }},
		{"local-get-during-close", "goes on from memory", func(f *faultyLocal) { f.close = func() {} }},
		{"local-get-during-close", "finds zero entries after Close", func(f *faultyLocal) {
			var closed atomic.Bool
			f.close = func() { closed.Store(true) }
			f.get = func(k tenancy.Key) *tier.Entry {
				if closed.Load() {
					return &tier.Entry{Key: k}
				}
				return f.next.Get(k)
			}
		}},
	}
	for how, key := range confusions() {
		out = append(out, localMutant{"keys-are-exact", how, func(f *faultyLocal) { f.rekey(key) }})
	}
	return out
}

// rekey makes f mix up the keys for which key returns the same.
func (f *faultyLocal) rekey(key func(k tenancy.Key) tenancy.Key) {
	entries := map[tenancy.Key]*tier.Entry{}
	f.get = func(k tenancy.Key) *tier.Entry { return entries[key(k)] }
	f.put = func(e *tier.Entry) { entries[key(e.Key)] = e }
}
