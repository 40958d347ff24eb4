package tiertest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func modelRules() []Rule {
	return []Rule{{
		Name:  "behaves-like-the-model",
		Says:  "After every one of several hundred random calls, a shared cache holds what a simple model of one does.",
		of:    sharedCache,
		check: checkModel,
	}}
}

// model is what is under one key: nothing, an entry, or a lease.
type model struct {
	entry *tier.Entry
	lease tier.Token
	since time.Time    // of the lease
	old   []tier.Token // that were granted before
}

// steady is how long the model counts on a lease.
const steady = 300 * time.Millisecond

func checkModel(p *probe) {
	seed := p.h.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	random := rand.New(rand.NewPCG(seed, 0))
	models := make([]model, 3)
	var trace []string
	for range 600 {
		n := random.IntN(len(models))
		m, k := &models[n], key(n)
		r := tenancy.Revision(1 + random.IntN(30))
		token := m.anyToken(random)
		var err error
		var did string
		switch random.IntN(9) {
		case 0, 1, 2, 3:
			did = "Get"
			if wrong := m.get(p.get(k)); wrong != "" {
				p.Fatalf("seed %d: Get %s: %s; after %v", seed, show(k), wrong, trace[max(0, len(trace)-12):])
			}
		case 4, 5:
			e := entry(k, r)
			did = fmt.Sprintf("Put as of %d with token %d", r, token)
			err = p.c.Put(p.ctx, token, e)
			if m.lease != 0 && m.lease == token || m.entry != nil && m.entry.Versioned.AsOf.Revision < r {
				m.set(e)
			}
		case 6:
			did = fmt.Sprintf("Apply %d", r)
			err = p.c.Apply(p.ctx, change(r, k))
			if m.lease != 0 || m.entry != nil && m.entry.Versioned.AsOf.Revision < r {
				m.set(nil)
			}
		case 7:
			did = fmt.Sprintf("Release %d", token)
			err = p.c.Release(p.ctx, k, token)
			if m.lease != 0 && m.lease == token {
				m.set(nil)
			}
		case 8:
			e := entry(k, r)
			did = fmt.Sprintf("Drop as of %d", r)
			err = p.c.Drop(p.ctx, e)
			if m.entry != nil && m.entry.Versioned.AsOf == e.Versioned.AsOf {
				m.set(nil)
			}
		}
		p.OK(err, "seed %d: %s", seed, did)
		trace = append(trace, fmt.Sprintf("%d:%s", n, did))
	}
}

func (m *model) set(e *tier.Entry) {
	if m.lease != 0 {
		m.old = append(m.old, m.lease)
	}
	m.entry, m.lease = e, 0
}

// anyToken returns the token that is held, one that was, or none.
func (m *model) anyToken(random *rand.Rand) tier.Token {
	switch random.IntN(4) {
	case 0:
		return 0
	case 1:
		if len(m.old) > 0 {
			return m.old[random.IntN(len(m.old))]
		}
	}
	return m.lease
}

// get compares what Get returned.
func (m *model) get(r tier.Result) (wrong string) {
	if m.lease != 0 && r.Token != 0 && time.Since(m.since) > steady { // it has ended by itself
		m.set(nil)
	}
	want := tier.Result{Entry: m.entry, Leased: m.lease != 0}
	if m.entry == nil && m.lease == 0 {
		want.Token = 1
	}
	if describe(r) != describe(want) || m.entry != nil && r.Entry.Versioned != m.entry.Versioned {
		return fmt.Sprintf("got %s, want %s", describe(r), describe(want))
	}
	if r.Token != 0 {
		m.lease, m.since = r.Token, time.Now()
	}
	return ""
}
