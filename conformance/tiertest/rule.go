package tiertest

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/suite"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Rule is one rule of the contract of a cache.
type Rule struct {
	// Name is stable: it names the subtest, and every failure.
	Name string
	// Says is the rule in one sentence.
	Says string

	of       kind
	peer     bool // needs SharedHarness.Peer
	refusing bool // is about SharedHarness.OpenRefusing
	brief    bool // is about SharedHarness.OpenBrief, if that is set
	check    func(p *probe)
}

// kind says which caches a rule is about.
type kind int

const (
	everyCache kind = iota
	sharedCache
	localCache
)

// Rules returns every rule.
func Rules() []Rule {
	return slices.Concat(
		entryRules(), leaseRules(), putRules(), changeRules(), removeRules(),
		batchRules(), peerRules(), concurrencyRules(), modelRules(), lifecycleRules(),
	)
}

// LocalRules returns those for local caches, in the order in which RunLocal checks them.
func LocalRules() []Rule {
	return slices.DeleteFunc(Rules(), func(r Rule) bool { return r.of == sharedCache })
}

// SharedRules returns those for shared caches, in the order in which RunShared checks
// them.
func SharedRules() []Rule {
	return slices.DeleteFunc(Rules(), func(r Rule) bool { return r.of == localCache })
}

// RunLocal checks the caches of h against every rule for local ones, one parallel subtest
// each.
func RunLocal(t *testing.T, h LocalHarness) {
	for _, r := range LocalRules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			r.CheckLocal(t, h)
		})
	}
}

// RunShared checks the caches of h against every rule for shared ones, one parallel
// subtest each.
func RunShared(t *testing.T, h SharedHarness) {
	for _, r := range SharedRules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			r.CheckShared(t, h)
		})
	}
}

// CheckLocal checks a new cache of h against a rule of LocalRules alone.
func (r Rule) CheckLocal(tb testing.TB, h LocalHarness) {
	tb.Helper()
	if h.Open == nil {
		tb.Fatal("tiertest: LocalHarness.Open is required")
	}
	p := &probe{T: suite.T{TB: tb, Name: r.Name, Says: r.Says}, ctx: tb.Context(), patience: cmp.Or(h.Patience, time.Minute), c: localView{h.Open(tb)}}
	p.closeAtEnd(p.c)
	r.check(p)
}

// CheckShared checks a new cache of h against a rule of SharedRules alone. It skips if the
// rule needs a field of h that is not set.
func (r Rule) CheckShared(tb testing.TB, h SharedHarness) {
	tb.Helper()
	open := h.Open
	switch {
	case h.Open == nil:
		tb.Fatal("tiertest: SharedHarness.Open is required")
	case r.refusing && h.OpenRefusing == nil:
		tb.Skip("tiertest: SharedHarness.OpenRefusing is not set")
	case r.peer && h.Peer == nil:
		tb.Skip("tiertest: SharedHarness.Peer is not set")
	case r.refusing:
		open = h.OpenRefusing
	case r.brief && h.OpenBrief != nil:
		open = h.OpenBrief
	}
	p := &probe{T: suite.T{TB: tb, Name: r.Name, Says: r.Says}, ctx: tb.Context(), patience: cmp.Or(h.Patience, time.Minute), h: h, shared: open(tb)}
	p.c = sharedView{p.shared}
	p.closeAtEnd(p.c)
	r.check(p)
}

// probe is one rule at work on one cache.
type probe struct {
	suite.T

	ctx      context.Context // of the test
	patience time.Duration
	c        view
	closed   bool // by the rule

	shared tier.SharedCache // what c is a view of, or nil
	h      SharedHarness
}

func (p *probe) closeAtEnd(c view) {
	p.Cleanup(func() {
		if !p.closed {
			if err := c.Close(); err != nil {
				p.Errorf("Close at the end of the test: %v", err)
			}
		}
		// Package testing keeps the functions of parallel subtests until the last has
		// ended, and with them what they hold. A call that has failed to return may still
		// need it.
		if !p.Failed() {
			c, p.c, p.shared = nil, nil, nil
		}
	})
}

func (p *probe) openPeer() view {
	p.Helper()
	peer := view(sharedView{p.h.Peer(p.TB, p.shared)})
	open := peer
	p.Cleanup(func() {
		if err := open.Close(); err != nil {
			p.Errorf("Close of the peer at the end of the test: %v", err)
		}
		open = nil // as in closeAtEnd
	})
	return peer
}
