package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/suite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Rule is one rule of the contract of a store.
type Rule struct {
	// Name is stable: it names the subtest, and every failure.
	Name string
	// Says is the rule in one sentence.
	Says string

	needs need
	check func(p *probe)
}

// Rules returns every rule, in the order in which Run checks them.
func Rules() []Rule {
	return slices.Concat(
		createRules(), updateRules(), statusRules(), metadataRules(), checkRules(), deleteRules(), namesRules(),
		readRules(), listRules(), searchRules(),
		limitRules(), textRules(), timeRules(), errorRules(),
		batchRules(), revisionRules(), concurrencyRules(), modelRules(), lifecycleRules(),
		boundsRules(), changesRules(), logRules(), loadRules(), pageRules(), waitRules(), watchRules(), historyRules(),
		peerRules(), editRules(),
	)
}

// Run checks the stores of h against every rule, one parallel subtest each.
func Run(t *testing.T, h Harness) {
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			r.Check(t, h)
		})
	}
}

// Check checks a new store of h against the rule alone. It skips if the rule
// needs a field of h that is not set.
func (r Rule) Check(tb testing.TB, h Harness) {
	tb.Helper()
	if h.Open == nil {
		tb.Fatal("storetest: Harness.Open is required")
	}
	if why := h.missing(r.needs); why != "" {
		tb.Skip("storetest: " + why)
	}
	if h.Patience == 0 {
		h.Patience = time.Minute
	}
	p := &probe{T: suite.T{TB: tb, Name: r.Name, Says: r.Says}, ctx: tb.Context(), h: h}
	switch {
	case r.needs&needSoftDelete != 0:
		p.s = h.OpenSoftDelete(tb)
	case r.needs&needCheck != 0:
		p.s = h.OpenChecked(tb, p.judge.check)
	case r.needs&needNames != 0:
		p.s = h.OpenNames(tb, NameOptions{KeepFormer: time.Hour})
	default:
		p.s = h.Open(tb)
	}
	p.closeAtEnd(p.s)
	r.check(p)
}

// probe is one rule at work on one store.
type probe struct {
	suite.T

	ctx context.Context // of the test
	h   Harness
	s   tenancy.Store

	judge judge // of metadata, if the rule needs one
}

func (p *probe) closeAtEnd(s tenancy.Store) {
	p.Cleanup(func() {
		if err := s.Close(); err != nil {
			p.Errorf("Close at the end of the test: %v", err)
		}
		// Package testing keeps the functions of parallel subtests until the last has
		// ended, and with them what they hold: a cache may be some megabytes.
		// A call that has failed to return may still need it.
		if !p.Failed() {
			s, p.s = nil, nil
		}
	})
}

// source returns the store as the Source that the harness says it is.
func (p *probe) source() tenancy.Source {
	p.Helper()
	return p.sourceOf(p.s)
}

func (p *probe) sourceOf(s tenancy.Store) tenancy.Source {
	p.Helper()
	source, ok := tenancy.SourceOf(s)
	if !ok {
		p.Fatalf("tenancy.SourceOf says that %T is no Source, but Harness.Source says that it is", s)
	}
	return source
}
