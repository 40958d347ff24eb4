package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// This file holds the steps that many checks share. Each ends the test if it
// fails.

// tenant returns the nth of a series of plain tenants, not yet created.
func tenant(n int) tenancy.Tenant {
	return tenancy.Tenant{
		ID:         fmt.Sprintf("id-%05d", n),
		Identifier: fmt.Sprintf("tenant-%05d", n),
		Name:       fmt.Sprintf("Tenant %05d", n),
	}
}

// fullTenant returns a tenant with no field empty, not yet created.
func fullTenant() tenancy.Tenant {
	return tenancy.Tenant{
		ID: "id-full", Identifier: "full-house", Name: "Full House Ltd.",
		Status: tenancy.StatusSuspended, Isolation: tenancy.IsolationDatabase,
		DatabaseURL: tenancy.NewSecret("postgres://app:s3cret@db/full"), SchemaName: "full_house",
		Metadata:  metadata(`{"plan":"gold","seats":12,"tags":["a","b"],"owner":{"name":"Ada","mail":null}}`),
		CreatedAt: time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC),
	}
}

// metadata parses a constant of the suite, as regexp.MustCompile does.
func metadata(object string) tenancy.Metadata {
	m, err := tenancy.ParseMetadata([]byte(object))
	if err != nil {
		panic(fmt.Sprintf("storetest: %s: %v", object, err)) //nolint:forbidigo // a mistake in the suite, whatever the store does
	}
	return m
}

func (p *probe) create(t tenancy.Tenant) tenancy.Tenant {
	p.Helper()
	created, err := p.s.Create(p.ctx, t)
	p.OK(err, "Create %s", short(t.ID))
	return created
}

// createMany creates the plain tenants 0 to n-1.
func (p *probe) createMany(n int) []tenancy.Tenant {
	p.Helper()
	ts := make([]tenancy.Tenant, n)
	for i := range ts {
		ts[i] = tenant(i)
	}
	return p.createAll(ts...)
}

func (p *probe) createAll(ts ...tenancy.Tenant) []tenancy.Tenant {
	p.Helper()
	results, err := p.s.CreateBatch(p.ctx, ts)
	p.OK(err, "CreateBatch of %d", len(ts))
	if len(results) != len(ts) {
		p.Fatalf("CreateBatch of %d tenants gave %d results", len(ts), len(results))
	}
	created := make([]tenancy.Tenant, len(ts))
	for i, r := range results {
		p.OK(r.Err, "CreateBatch: tenant %s", short(ts[i].ID))
		created[i] = r.Tenant
	}
	return created
}

func (p *probe) get(id string) tenancy.Tenant {
	p.Helper()
	t, err := p.s.GetByID(p.ctx, id)
	p.OK(err, "GetByID %s", short(id))
	return t
}

func (p *probe) update(t tenancy.Tenant) tenancy.Tenant {
	p.Helper()
	updated, err := p.s.Update(p.ctx, t)
	p.OK(err, "Update %s", short(t.ID))
	return updated
}

func (p *probe) setStatus(id string, s tenancy.Status) tenancy.Tenant {
	p.Helper()
	t, err := p.s.SetStatus(p.ctx, id, s)
	p.OK(err, "SetStatus %s to %s", short(id), s)
	return t
}

func (p *probe) patch(id, object string) tenancy.Tenant {
	p.Helper()
	t, err := p.s.UpdateMetadata(p.ctx, id, metadata(object))
	p.OK(err, "UpdateMetadata %s", short(id))
	return t
}

// bulk sets the status of tenants that are all there.
func (p *probe) bulk(s tenancy.Status, ids ...string) []tenancy.Tenant {
	p.Helper()
	ts, err := p.s.BulkUpdateStatus(p.ctx, ids, s)
	p.OK(err, "BulkUpdateStatus %q to %s", ids, s)
	if len(ts) != len(ids) {
		p.Fatalf("BulkUpdateStatus of %d tenants returned %d", len(ids), len(ts))
	}
	return ts
}

func (p *probe) delete(id string) {
	p.Helper()
	p.OK(p.s.Delete(p.ctx, id), "Delete %s", short(id))
}

func (p *probe) list(opts tenancy.ListOptions) tenancy.Page {
	p.Helper()
	page, err := p.s.List(p.ctx, opts)
	p.OK(err, "List %+v", opts)
	return page
}

func (p *probe) search(query string, opts tenancy.SearchOptions) []tenancy.Tenant {
	p.Helper()
	ts, err := p.s.Search(p.ctx, query, opts)
	p.OK(err, "Search %s", short(query))
	return ts
}

func (p *probe) count(statuses ...tenancy.Status) int {
	p.Helper()
	n, err := p.s.Count(p.ctx, tenancy.Filter{Statuses: statuses})
	p.OK(err, "Count %v", statuses)
	return n
}

// all lists every tenant of the store.
func (p *probe) all() []tenancy.Tenant {
	p.Helper()
	var ts []tenancy.Tenant
	for t, err := range tenancy.All(p.ctx, p.s, tenancy.ListOptions{}) {
		p.OK(err, "tenancy.All")
		ts = append(ts, t)
	}
	return ts
}

// gone expects no read to find a tenant that was there.
func (p *probe) gone(t tenancy.Tenant, after string) {
	p.Helper()
	_, err := p.s.GetByID(p.ctx, t.ID)
	p.fails(err, tenancy.ErrNotFound, "GetByID after %s", after)
	_, err = p.s.GetByIdentifier(p.ctx, t.Identifier)
	p.fails(err, tenancy.ErrNotFound, "GetByIdentifier after %s", after)
	found, err := p.s.Exists(p.ctx, t.ID)
	p.OK(err, "Exists after %s", after)
	equal(p, found, false, "Exists after %s", after)
	ts, err := p.s.GetByIDs(p.ctx, []string{t.ID})
	p.OK(err, "GetByIDs after %s", after)
	p.sameAll(ts, nil, "GetByIDs after %s", after)
	for _, other := range p.all() {
		if other.ID == t.ID {
			p.Errorf("List after %s still shows the tenant", after)
		}
	}
	for _, other := range p.search(t.Identifier, tenancy.SearchOptions{}) {
		if other.ID == t.ID {
			p.Errorf("Search after %s still finds the tenant", after)
		}
	}
}

// stored expects every kind of read to return want.
func (p *probe) stored(want tenancy.Tenant, after string) {
	p.Helper()
	p.same(p.get(want.ID), want, "GetByID after %s", after)
	t, err := p.s.GetByIdentifier(p.ctx, want.Identifier)
	p.OK(err, "GetByIdentifier after %s", after)
	p.same(t, want, "GetByIdentifier after %s", after)
	ts, err := p.s.GetByIDs(p.ctx, []string{want.ID})
	p.OK(err, "GetByIDs after %s", after)
	p.sameAll(ts, []tenancy.Tenant{want}, "GetByIDs after %s", after)
}

// together runs f for 0 to n-1 at once and returns its errors in that order.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			errs[i] = f(i)
		}()
	}
	close(start)
	wg.Wait()
	return errs
}

// breathe is what somebody who asks again and again does in between: others get on.
func breathe() { time.Sleep(10 * time.Microsecond) }

// eventually waits until done returns nil, and ends the test if that takes
// longer than the harness allows.
func (p *probe) eventually(what string, done func() error) {
	p.Helper()
	deadline := time.Now().Add(p.h.Patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("%s: not within %v: %v", what, p.h.Patience, err)
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			p.Fatalf("%s: the test ended: %v", what, errors.Join(err, p.ctx.Err()))
		}
	}
}
