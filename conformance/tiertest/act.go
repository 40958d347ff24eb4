package tiertest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// This file holds the steps that many checks share. Each ends the test if it
// fails.

func key(n int) tenancy.Key { return tenancy.IDKey(fmt.Sprintf("id-%05d", n)) }

// entry returns an entry of a plain tenant under the nth key, or under its
// identifier, as of a revision.
func entry(k tenancy.Key, r tenancy.Revision) *tier.Entry {
	t := tenancy.Tenant{
		ID: "id-of-" + k.Value, Identifier: "acme", Name: fmt.Sprintf("As of %d", r), Status: tenancy.StatusActive,
		CreatedAt: time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC),
		UpdatedAt: time.Date(2025, 1, 1, 0, 0, 0, 1000, time.UTC),
		Revision:  r,
		Mark:      -int64(r)*104_729 - 1<<50,
	}
	if k.Kind == tenancy.KindID {
		t.ID = k.Value
	} else {
		t.Identifier = k.Value
	}
	return &tier.Entry{
		Key: k, TTL: time.Hour,
		Versioned: tenancy.Versioned{AsOf: position(r), Tenant: t, Found: true},
	}
}

func negative(k tenancy.Key, r tenancy.Revision) *tier.Entry {
	return &tier.Entry{Key: k, TTL: time.Hour, Versioned: tenancy.Versioned{AsOf: position(r)}}
}

// position returns the position of a revision in the history of the test.
func position(r tenancy.Revision) tenancy.Position {
	return tenancy.Position{Revision: r, Mark: int64(r)*7919 - 1<<40}
}

func change(r tenancy.Revision, keys ...tenancy.Key) tenancy.Change {
	return tenancy.Change{Position: position(r), Kind: tenancy.ChangeUpdate, TenantID: "id-00000", Keys: keys, At: time.Unix(1, 0).UTC()}
}

func (p *probe) get(k tenancy.Key) tier.Result {
	p.Helper()
	return p.getFrom(p.c, k)
}

func (p *probe) getFrom(c view, k tenancy.Key) tier.Result {
	p.Helper()
	r, err := c.Get(p.ctx, k)
	p.OK(err, "Get %s", show(k))
	if r.Entry != nil && r.Entry.Key != k {
		p.Fatalf("Get %s: got an entry of the key %s", show(k), show(r.Entry.Key))
	}
	if p.shared != nil && (r.Entry != nil && r.Token != 0 || r.Leased && (r.Entry != nil || r.Token != 0)) {
		p.Fatalf("Get %s: got more than one of an entry, a lease, and that it is leased", show(k))
	}
	return r
}

// lease takes the lease of a key that nothing is under.
func (p *probe) lease(k tenancy.Key) tier.Token {
	p.Helper()
	r := p.get(k)
	if r.Entry != nil {
		p.Fatalf("Get %s: got an entry, want nothing, and the lease", show(k))
	}
	if r.Token == 0 {
		p.Fatalf("Get %s: got nothing and no lease, want the lease", show(k))
	}
	return r.Token
}

func (p *probe) put(token tier.Token, e *tier.Entry) {
	p.Helper()
	p.OK(p.c.Put(p.ctx, token, e), "Put %s as of %d", show(e.Key), e.Versioned.AsOf.Revision)
}

// fill puts e where nothing is.
func (p *probe) fill(e *tier.Entry) {
	p.Helper()
	p.put(p.lease(e.Key), e)
	p.holds(e)
}

// putBatch puts entries, of which the cache must refuse to hold so many.
func (p *probe) putBatch(tokens []tier.Token, entries []*tier.Entry, uncacheable int) {
	p.Helper()
	fills := make([]tier.Fill, len(entries))
	for i, e := range entries {
		fills[i] = tier.Fill{Entry: e, Token: tokens[i]}
	}
	n, err := p.shared.Put(p.ctx, fills)
	p.OK(err, "Put of %d", len(entries))
	if n != uncacheable {
		p.Errorf("Put of %d returned that %d are uncacheable, want %d", len(entries), n, uncacheable)
	}
}

// holds expects the cache to have e.
func (p *probe) holds(e *tier.Entry) {
	p.Helper()
	if d := p.differs(e, p.get(e.Key)); d != "" {
		p.Fatalf("Get %s: %s", show(e.Key), d)
	}
}

// differs says how a result is not want.
func (p *probe) differs(want *tier.Entry, r tier.Result) string {
	got := r.Entry
	switch {
	case got == nil:
		return fmt.Sprintf("got nothing, want the entry as of %d", want.Versioned.AsOf.Revision)
	case got.Versioned.AsOf != want.Versioned.AsOf:
		return fmt.Sprintf("got an entry as of %v, want %v", got.Versioned.AsOf, want.Versioned.AsOf)
	case got.Versioned != want.Versioned:
		return fmt.Sprintf("got %s, want %s", reveal(got), reveal(want))
	case p.shared == nil && got != want:
		return "got a copy, want the entry itself"
	}
	return ""
}

// gone expects nothing under k, and no entry over it.
func (p *probe) gone(k tenancy.Key, after string) {
	p.Helper()
	if r := p.get(k); r.Entry != nil {
		p.Fatalf("after %s: Get %s: got the entry as of %d, want nothing", after, show(k), r.Entry.Versioned.AsOf.Revision)
	}
}

func (p *probe) eventually(wrong func() string, what string, args ...any) {
	p.Helper()
	deadline := time.Now().Add(p.patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		w := wrong()
		if w == "" {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("%s: not within %v: %s", fmt.Sprintf(what, args...), p.patience, w)
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			p.Fatalf("%s: the test ended: %v", fmt.Sprintf(what, args...), errors.Join(errors.New(w), p.ctx.Err()))
		}
	}
}

// together runs f for 0 to n-1 at once.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func show(k tenancy.Key) string { return fmt.Sprintf("%s %+.80q", k.Kind, k.Value) }

// reveal shows what a test has made up, secrets included.
func reveal(e *tier.Entry) string {
	t := e.Versioned.Tenant
	return fmt.Sprintf("found %v, ID %+.60q, identifier %+.60q, name %+.60q, status %q, isolation %q, URL %+.60q, schema %+.60q, metadata %.100s, created %v, updated %v, at %s",
		e.Versioned.Found, t.ID, t.Identifier, t.Name, t.Status, t.Isolation, t.DatabaseURL.Reveal(), t.SchemaName, t.Metadata.String(), t.CreatedAt, t.UpdatedAt, t.Position())
}
