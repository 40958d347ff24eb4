package tiertest_test

import (
	"errors"
	"flag"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// plan says how the nodes of a stack are made of doubles.
type plan struct {
	layers []string // "local" or "shared", the innermost first
	nodes  int
	opts   []tier.Option // of the stack
	// Where a mutant comes in: between a node's tiers and the source, before its
	// caches, or over the whole.
	source func(s *faults.Source) tenancy.Source
	local  func(c tier.LocalCache) tier.LocalCache
	shared func(c tier.SharedCache) tier.SharedCache
	node   func(s tenancy.Store, source *faults.Source) tenancy.Store
}

// open makes a stack, with everything that can go wrong.
func (p plan) open(tb testing.TB) tiertest.Stack {
	db, hub := memstore.New(memstore.WithKeepFormer(time.Hour)), faults.NewHub()
	servers := make([]*faults.Server, len(p.layers))
	for i := range servers {
		servers[i] = faults.NewServer()
	}
	out := tiertest.Stack{
		Source:  db,
		Backup:  func() func() { b := db.Backup(); return func() { db.Restore(b) } },
		Compact: db.Compact,
	}
	var sources []*faults.Source
	locals := map[*faults.Local]int{} // the node of each cache
	open := func(node int) tenancy.Store {
		source := sources[node]
		next := tenancy.Source(source)
		if p.source != nil {
			next = p.source(source)
		}
		store := tenancy.Store(next)
		for i, layer := range p.layers {
			var cache tier.Cache
			opts := []tier.Option{tier.WithNegativeTTL(time.Minute)}
			if layer == "shared" {
				var shared tier.SharedCache = servers[i].Open()
				if p.shared != nil {
					shared = p.shared(shared)
				}
				cache, opts = tier.Shared(shared), append(opts, tier.WithLeaseWait(20*time.Millisecond))
			} else {
				own := faults.NewLocal()
				locals[own] = node
				var local tier.LocalCache = own
				if p.local != nil {
					local = p.local(local)
				}
				cache = tier.Local(local)
			}
			if i == 0 {
				opts = append(opts, tier.WithLogger(slog.New(slog.DiscardHandler)), tier.WithBus(hub.Open()))
				opts = append(opts, p.opts...)
			}
			tiered, err := tier.New(store, cache, opts...)
			if err != nil {
				tb.Fatal(err)
			}
			store = tiered
		}
		if p.node != nil {
			store = p.node(store, source)
		}
		return store
	}
	for i := range p.nodes {
		sources = append(sources, faults.NewSource(db, uint64(i)))
		out.Nodes = append(out.Nodes, open(i))
	}
	out.Restart = open
	out.Faults = []tiertest.Fault{
		{Name: "an unreadable log", MayFail: true, Begin: func(random *rand.Rand) func() {
			s := sources[random.IntN(len(sources))]
			s.FailLog(errDown)
			return func() { s.FailLog(nil) }
		}},
		{Name: "a log that no node can read", MayFail: true, Begin: func(*rand.Rand) func() {
			for _, s := range sources {
				s.FailLog(errDown)
			}
			return func() {
				for _, s := range sources {
					s.FailLog(nil)
				}
			}
		}},
		{Name: "late answers", Begin: func(*rand.Rand) func() {
			for _, s := range sources {
				s.Delay(2 * time.Millisecond)
			}
			return func() {
				for _, s := range sources {
					s.Delay(0)
				}
			}
		}},
		{Name: "lost notifications", Begin: func(random *rand.Rand) func() {
			for _, s := range sources {
				s.Deafen(true)
			}
			hub.Fail(random.Uint64(), 1, 0)
			return func() {
				for _, s := range sources {
					s.Deafen(false)
				}
				hub.Fail(0, 0, 0)
			}
		}},
		{Name: "lost and repeated messages", Begin: func(random *rand.Rand) func() {
			hub.Fail(random.Uint64(), 0.4, 0.4)
			return func() { hub.Fail(0, 0, 0) }
		}},
		{Name: "eviction", Begin: func(*rand.Rand) func() {
			for l := range locals {
				l.Evict()
			}
			for _, s := range servers {
				s.Evict()
			}
			return nil
		}},
		{Name: "a shared cache that is down", Begin: func(*rand.Rand) func() {
			for _, s := range servers {
				s.Fail(errDown)
			}
			return func() {
				for _, s := range servers {
					s.Fail(nil)
				}
			}
		}},
		{Name: "a shared cache that forgets what was new", Begin: func(*rand.Rand) func() {
			var failovers []func()
			for _, s := range servers {
				failovers = append(failovers, s.Backup())
			}
			return func() {
				for _, failover := range failovers {
					failover()
				}
			}
		}},
		{Name: "InvalidateAll", Begin: func(random *rand.Rand) func() {
			s, ok := tier.Of(out.Nodes[random.IntN(len(out.Nodes))])
			if !ok { // a mutant hides it
				return nil
			}
			if _, err := s.InvalidateAll(tb.Context()); err != nil && !errors.Is(err, errDown) {
				tb.Errorf("InvalidateAll: %v", err)
			}
			return nil
		}},
	}
	return out
}

var errDown = errors.New("down")

var stacks = map[string][]string{
	"local":             {"local"},
	"shared":            {"shared"},
	"local-over-shared": {"shared", "local"},
}

var (
	rounds = flag.Int("rounds", 0, "rounds of each run of TestStacks; 0 for a short run")
	seed   = flag.Uint64("seed", 0, "seed of TestStacks; 0 for a new one")
)

func TestStacks(t *testing.T) {
	for name, layers := range stacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tiertest.RunStack(t, tiertest.StackHarness{Open: plan{layers: layers, nodes: 3}.open, Rounds: *rounds, Seed: *seed})
		})
	}
}
