package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/suite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Harness tells the suite how to make the buses under test. Only Open is
// required. Every function is called from the goroutine of the test that tb
// belongs to; several tests may call it at the same time.
type Harness struct {
	// Open returns a new bus whose messages no other hears but its peers. The
	// suite closes it.
	Open func(tb testing.TB) tier.Bus

	// Peer opens a second bus for the same messages, as another process would.
	// The suite closes it.
	Peer func(tb testing.TB, b tier.Bus) tier.Bus

	// Disconnect breaks the connections of b. It has to connect again by itself.
	Disconnect func(tb testing.TB, b tier.Bus)

	// Patience is how long the suite waits for what must happen soon: a minute if 0.
	Patience time.Duration
}

// Rule is one rule of the contract of a bus.
type Rule struct {
	// Name is stable: it names the subtest, and every failure.
	Name string
	// Says is the rule in one sentence.
	Says string

	peer, disconnect bool // fields of the harness that it needs
	check            func(p *probe)
}

// Run checks the buses of h against every rule, one parallel subtest each.
func Run(t *testing.T, h Harness) {
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			r.Check(t, h)
		})
	}
}

// Check checks a new bus of h against the rule alone. It skips if the rule needs
// a field of h that is not set.
func (r Rule) Check(tb testing.TB, h Harness) {
	tb.Helper()
	switch {
	case h.Open == nil:
		tb.Fatal("bustest: Harness.Open is required")
	case r.peer && h.Peer == nil:
		tb.Skip("bustest: Harness.Peer is not set")
	case r.disconnect && h.Disconnect == nil:
		tb.Skip("bustest: Harness.Disconnect is not set")
	}
	if h.Patience == 0 {
		h.Patience = time.Minute
	}
	p := &probe{T: suite.T{TB: tb, Name: r.Name, Says: r.Says}, ctx: tb.Context(), h: h, b: h.Open(tb)}
	tb.Cleanup(func() {
		if !p.closed {
			p.close(p.b)
		}
	})
	r.check(p)
}

// probe is one rule at work on one bus.
type probe struct {
	suite.T

	ctx    context.Context // of the test
	h      Harness
	b      tier.Bus
	closed bool // by the rule
}

func (p *probe) openPeer() tier.Bus {
	p.Helper()
	peer := p.h.Peer(p.TB, p.b)
	p.Cleanup(func() { p.close(peer) })
	return peer
}

func (p *probe) close(b tier.Bus) {
	p.Helper()
	p.Returns(p.h.Patience, "Close", func() {
		if err := b.Close(); err != nil {
			p.Errorf("Close: %v", err)
		}
	})
}

func (p *probe) publish(b tier.Bus, at tenancy.Position) {
	p.Helper()
	if err := b.Publish(p.ctx, at); err != nil {
		p.Fatalf("Publish %v: unexpected error: %v", at, err)
	}
}
