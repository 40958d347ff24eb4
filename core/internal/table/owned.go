package table

import (
	"hash/maphash"
	"iter"
	"maps"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const numShards = 256

// owned are the names of each tenant, by its ID. They are kept in shards, and one that was
// taken is copied before it is changed: so to take all costs next to nothing, and the first
// change after that the copy of one shard.
type owned struct {
	seed   maphash.Seed
	shards [numShards]shard
	takes  atomic.Uint64
}

type shard struct {
	keys map[string][]tenancy.Key // whose slices are never changed
	of   uint64                   // takes before which it was copied
}

func (o *owned) clear(seed maphash.Seed) {
	o.seed = seed
	clear(o.shards[:])
}

func (o *owned) shard(id string) int { return int(maphash.String(o.seed, id) % numShards) }

func (o *owned) get(id string) []tenancy.Key { return o.shards[o.shard(id)].keys[id] }

// set gives a tenant these names instead of those that it had.
func (o *owned) set(id string, keys []tenancy.Key) {
	s := &o.shards[o.shard(id)]
	if len(keys) == 0 && len(s.keys[id]) == 0 {
		return
	}
	if takes := o.takes.Load(); s.of != takes || s.keys == nil {
		if s.keys, s.of = maps.Clone(s.keys), takes; s.keys == nil {
			s.keys = map[string][]tenancy.Key{}
		}
	}
	if len(keys) == 0 {
		delete(s.keys, id)
	} else {
		s.keys[id] = keys
	}
}

// take returns a function that returns the names of a tenant as they are now.
func (o *owned) take() func(id string) []tenancy.Key {
	o.takes.Add(1)
	taken := &owned{seed: o.seed, shards: o.shards}
	return taken.get
}

// all yields the names of each tenant that has some, by its ID.
func (o *owned) all() iter.Seq2[string, []tenancy.Key] {
	return func(yield func(string, []tenancy.Key) bool) {
		for _, s := range o.shards {
			for id, keys := range s.keys {
				if !yield(id, keys) {
					return
				}
			}
		}
	}
}
