package tiertest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tier"
)

// Rule is one rule of the contract of a cache.
type Rule struct {
	// Name is stable: it names the subtest, and every failure.
	Name string
	// Says is the rule in one sentence.
	Says string

	of       kind
	peer     bool // needs Harness.Peer
	refusing bool // is about Harness.OpenRefusing
	brief    bool // is about Harness.OpenBrief, if that is set
	batch    bool // is about a tier.BatchCache
	check    func(p *probe)
}

// Rules returns every rule, in the order in which Run checks them.
func Rules() []Rule {
	return slices.Concat(
		entryRules(), leaseRules(), putRules(), changeRules(), removeRules(),
		batchRules(), peerRules(), concurrencyRules(), modelRules(), lifecycleRules(),
	)
}

// Run checks the caches of h against every rule, one parallel subtest each.
func Run(t *testing.T, h Harness) {
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			r.Check(t, h)
		})
	}
}

// Check checks a new cache of h against the rule alone. It skips if the rule is
// not about such a cache, or needs a field of h that is not set.
func (r Rule) Check(tb testing.TB, h Harness) {
	tb.Helper()
	if h.Open == nil {
		tb.Fatal("tiertest: Harness.Open is required")
	}
	if h.Patience == 0 {
		h.Patience = time.Minute
	}
	open := h.Open
	if r.refusing {
		if open = h.OpenRefusing; open == nil {
			tb.Skip("tiertest: Harness.OpenRefusing is not set")
		}
	}
	if r.brief && h.OpenBrief != nil {
		open = h.OpenBrief
	}
	p := &probe{tb: tb, ctx: tb.Context(), h: h, rule: r, c: open(tb)}
	p.closeAtEnd(p.c)
	shared := p.c.Shared()
	switch _, batch := p.c.(tier.BatchCache); {
	case r.of == sharedCache && !shared:
		tb.Skip("tiertest: about shared caches; this one is local")
	case r.of == localCache && shared:
		tb.Skip("tiertest: about local caches; this one is shared")
	case r.batch && !batch:
		tb.Skip("tiertest: the cache is no tier.BatchCache")
	case r.peer && h.Peer == nil:
		tb.Skip("tiertest: Harness.Peer is not set")
	}
	r.check(p)
}

// probe is one rule at work on one cache.
type probe struct {
	tb     testing.TB
	ctx    context.Context // of the test
	h      Harness
	rule   Rule
	c      tier.Cache
	closed bool // by the rule
}

func (p *probe) closeAtEnd(c tier.Cache) {
	p.tb.Cleanup(func() {
		if !p.closed {
			if err := c.Close(); err != nil {
				p.errorf("Close at the end of the test: %v", err)
			}
		}
		// Package testing keeps the functions of parallel subtests until the last has
		// ended, and with them what they hold. A call that has failed to return may still
		// need it.
		if !p.tb.Failed() {
			c, p.c = nil, nil
		}
	})
}

func (p *probe) openPeer() tier.Cache {
	p.tb.Helper()
	peer := p.h.Peer(p.tb, p.c)
	open := peer
	p.tb.Cleanup(func() {
		if err := open.Close(); err != nil {
			p.errorf("Close of the peer at the end of the test: %v", err)
		}
		open = nil // as in closeAtEnd
	})
	return peer
}

// This is what the checks say when they are not satisfied.

func (p *probe) errorf(format string, args ...any) {
	p.tb.Helper()
	p.tb.Errorf("rule %s: %s\n\t%s", p.rule.Name, p.rule.Says, fmt.Sprintf(format, args...))
}

func (p *probe) fatalf(format string, args ...any) {
	p.tb.Helper()
	p.tb.Fatalf("rule %s: %s\n\t%s", p.rule.Name, p.rule.Says, fmt.Sprintf(format, args...))
}

// ok ends the test if err is not nil.
func (p *probe) ok(err error, doing string, args ...any) {
	p.tb.Helper()
	if err != nil {
		p.fatalf("%s: unexpected error: %v", fmt.Sprintf(doing, args...), err)
	}
}
