package bustest

import (
	"context"
	"fmt"
	"testing"
	"time"

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
	p := &probe{tb: tb, ctx: tb.Context(), h: h, rule: r, b: h.Open(tb)}
	tb.Cleanup(func() {
		if !p.closed {
			p.close(p.b)
		}
	})
	r.check(p)
}

// probe is one rule at work on one bus.
type probe struct {
	tb     testing.TB
	ctx    context.Context // of the test
	h      Harness
	rule   Rule
	b      tier.Bus
	closed bool // by the rule
}

func (p *probe) openPeer() tier.Bus {
	p.tb.Helper()
	peer := p.h.Peer(p.tb, p.b)
	p.tb.Cleanup(func() { p.close(peer) })
	return peer
}

func (p *probe) close(b tier.Bus) {
	p.tb.Helper()
	p.within("Close", func() {
		if err := b.Close(); err != nil {
			p.errorf("Close: %v", err)
		}
	})
}

// within runs call and expects it to return in time.
func (p *probe) within(what string, call func()) {
	p.tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
	case <-time.After(p.h.Patience):
		p.fatalf("%s did not return within %v", what, p.h.Patience)
	}
}

func (p *probe) publish(b tier.Bus, at tenancy.Position) {
	p.tb.Helper()
	if err := b.Publish(p.ctx, at); err != nil {
		p.fatalf("Publish %v: unexpected error: %v", at, err)
	}
}

func (p *probe) errorf(format string, args ...any) {
	p.tb.Helper()
	p.tb.Errorf("rule %s: %s\n\t%s", p.rule.Name, p.rule.Says, fmt.Sprintf(format, args...))
}

func (p *probe) fatalf(format string, args ...any) {
	p.tb.Helper()
	p.tb.Fatalf("rule %s: %s\n\t%s", p.rule.Name, p.rule.Says, fmt.Sprintf(format, args...))
}
