package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func lifecycleRules() []Rule {
	return []Rule{
		{
			Name: "close-repeats",
			Says: "Close may be called again, also at once from several goroutines, and then does nothing.",
			check: func(p *probe) {
				for _, err := range together(4, func(int) error { return p.s.Close() }) {
					p.OK(err, "Close")
				}
				p.OK(p.s.Close(), "Close for the second time")
			},
		},
		{
			Name: "closed-store",
			Says: "After Close every method but Close is ErrClosed.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.stored(t, "Create") // so that a cache has it
				p.OK(p.s.Close(), "Close")
				for op, err := range p.calls(p.ctx, t) {
					p.fails(err, tenancy.ErrClosed, "%s after Close", op)
				}
				if p.h.Source {
					for op, err := range logCalls(p.ctx, p.source(), t) {
						p.fails(err, tenancy.ErrClosed, "%s after Close", op)
					}
				}
			},
		},
		{
			Name: "ended-context-reads",
			Says: "A read with a context that has ended returns the context's error, or the right answer from memory.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for name, ended := range endedContexts(p.ctx) {
					got, err := p.s.GetByID(ended, t.ID)
					if err == nil {
						p.same(got, t, "GetByID with a context that is %s", name)
					}
					for op, err := range p.reads(ended, t) {
						if err != nil {
							p.fails(err, ended.Err(), "%s with a context that is %s", op, name)
						}
					}
					// Nothing can know this without asking.
					_, err = p.s.List(ended, tenancy.ListOptions{})
					p.fails(err, ended.Err(), "List with a context that is %s", name)
				}
			},
		},
		{
			Name: "ended-context-writes",
			Says: "A write with a context that has ended returns the context's error and changes nothing.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for name, ended := range endedContexts(p.ctx) {
					for op, err := range p.writes(ended, t) {
						p.fails(err, ended.Err(), "%s with a context that is %s", op, name)
					}
					p.sameAll(p.all(), []tenancy.Tenant{t}, "what is stored after writes with a context that is %s", name)
				}
			},
		},
		{
			Name: "cancelled-writes-are-whole",
			Says: "A write that is cancelled while it runs fails with the context's error or ErrUnavailable, and happens as a whole or not at all.",
			check: func(p *probe) {
				created := p.createMany(200)
				ids := make([]string, len(created))
				for i, t := range created {
					ids[i] = t.ID
				}
				start := time.Now()
				_, err := p.s.BulkUpdateStatus(p.ctx, ids, tenancy.StatusSuspended)
				p.OK(err, "BulkUpdateStatus")
				took := time.Since(start)
				late := false // a database may do what it has received after the caller has gone
				for i := range 20 {
					want := tenancy.Statuses()[i%2]
					ctx, cancel := context.WithTimeout(p.ctx, took*time.Duration(i)/15)
					changed, err := p.s.BulkUpdateStatus(ctx, ids, want)
					cancel()
					switch {
					case err == nil && len(changed) != len(ids):
						p.Errorf("BulkUpdateStatus of %d tenants returned %d and no error", len(ids), len(changed))
					case err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, tenancy.ErrUnavailable):
						p.Errorf("BulkUpdateStatus that ran out of time: %v", err)
					}
					late = late || err != nil
					if n := p.count(want); n != len(ids) && (n != 0 || !late) {
						p.Errorf("BulkUpdateStatus with error %v changed %d of %d tenants", err, n, len(ids))
					}
				}
				p.setStatus(ids[0], tenancy.StatusActive) // the store is still usable
			},
		},
		{
			Name:  "reopen-keeps-everything",
			Says:  "What was stored is there when the store is opened anew, and revisions go on.",
			needs: needReopen,
			check: func(p *probe) {
				full := p.create(fullTenant())
				gone := p.create(tenant(1))
				p.delete(gone.ID)
				last := p.create(tenant(2))
				var at tenancy.Position
				if p.h.Source {
					head, err := p.source().Bounds(p.ctx)
					p.OK(err, "Bounds")
					at = head.Newest
				}
				p.s = p.h.Reopen(p.TB, p.s)
				p.closeAtEnd(p.s)
				p.stored(full, "opening anew")
				p.stored(last, "opening anew")
				p.gone(gone, "opening anew")
				next := p.create(tenant(3))
				if next.Revision <= last.Revision {
					p.Errorf("Create after opening anew gave Revision %d, the last one before was %d", next.Revision, last.Revision)
				}
				if p.h.Source {
					changes, err := p.source().Changes(p.ctx, at, 0)
					p.OK(err, "Changes after a position from before")
					equal(p, len(changes), 1, "number of changes since the store was opened anew")
				}
			},
		},
		{
			Name:  "reconnects",
			Says:  "A store whose connections broke serves reads and writes again by itself.",
			needs: needDisconnect,
			check: func(p *probe) {
				t := p.create(tenant(0))
				for range 3 {
					p.h.Disconnect(p.TB, p.s)
					p.eventually("SetStatus after the connections broke", func() (err error) {
						_, err = p.s.SetStatus(p.ctx, t.ID, tenancy.StatusSuspended)
						return err
					})
					p.eventually("List after the connections broke", func() error {
						_, err := p.s.List(p.ctx, tenancy.ListOptions{})
						return err
					})
					equal(p, p.get(t.ID).Status, tenancy.StatusSuspended, "status after the connections broke")
				}
			},
		},
		{
			Name: "source-as-declared",
			Says: "tenancy.SourceOf says whether there is a change log; where there is none, the methods of a Source, if the store has them, are ErrUnsupported.",
			check: func(p *probe) {
				_, says := tenancy.SourceOf(p.s)
				equal(p, says, p.h.Source, "tenancy.SourceOf(%T), against Harness.Source", p.s)
				if source, ok := p.s.(tenancy.Source); ok && !p.h.Source {
					for op, err := range logCalls(p.ctx, source, tenant(0)) {
						p.fails(err, errors.ErrUnsupported, "%s", op)
					}
				}
			},
		},
	}
}

// reads calls every method that reads and returns their errors by name.
func (p *probe) reads(ctx context.Context, t tenancy.Tenant) map[string]error {
	errs := map[string]error{}
	_, errs["GetByID"] = p.s.GetByID(ctx, t.ID)
	_, errs["GetByIdentifier"] = p.s.GetByIdentifier(ctx, t.Identifier)
	_, errs["GetByIDs"] = p.s.GetByIDs(ctx, []string{t.ID})
	_, errs["Exists"] = p.s.Exists(ctx, t.ID)
	_, errs["List"] = p.s.List(ctx, tenancy.ListOptions{})
	_, errs["Count"] = p.s.Count(ctx, tenancy.Filter{})
	_, errs["Search"] = p.s.Search(ctx, t.Name, tenancy.SearchOptions{})
	return errs
}

// writes calls every method that writes, each with valid input, and returns
// their errors by name.
func (p *probe) writes(ctx context.Context, t tenancy.Tenant) map[string]error {
	errs := map[string]error{}
	_, errs["Create"] = p.s.Create(ctx, tenant(1000))
	_, errs["CreateBatch"] = p.s.CreateBatch(ctx, []tenancy.Tenant{tenant(1001), tenant(1002)})
	t.Revision = tenancy.AnyRevision
	t.Name += " updated"
	_, errs["Update"] = p.s.Update(ctx, t)
	_, errs["SetStatus"] = p.s.SetStatus(ctx, t.ID, tenancy.StatusSuspended)
	_, errs["BulkUpdateStatus"] = p.s.BulkUpdateStatus(ctx, []string{t.ID}, tenancy.StatusSuspended)
	_, errs["UpdateMetadata"] = p.s.UpdateMetadata(ctx, t.ID, metadata(`{"a":1}`))
	errs["Delete"] = p.s.Delete(ctx, t.ID)
	return errs
}

// calls calls every method but Close.
func (p *probe) calls(ctx context.Context, t tenancy.Tenant) map[string]error {
	errs := p.reads(ctx, t)
	for op, err := range p.writes(ctx, t) {
		errs[op] = err
	}
	if err := p.s.Purge(ctx, t.ID); !errors.Is(err, errors.ErrUnsupported) {
		errs["Purge"] = err
	}
	return errs
}

// logCalls calls every method of a Source that is not one of Store.
func logCalls(ctx context.Context, source tenancy.Source, t tenancy.Tenant) map[string]error {
	errs := map[string]error{}
	_, errs["Bounds"] = source.Bounds(ctx)
	_, errs["Load"] = source.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(t.ID)}})
	_, errs["Changes"] = source.Changes(ctx, tenancy.Position{}, 0)
	errs["Wait"] = source.Wait(ctx, tenancy.Position{})
	return errs
}

// endedContexts returns contexts that have ended, by what became of them.
func endedContexts(parent context.Context) map[string]context.Context {
	cancelled, cancel := context.WithCancel(parent)
	cancel()
	late, cancel := context.WithDeadline(parent, time.Now().Add(-time.Second))
	cancel()
	return map[string]context.Context{"cancelled": cancelled, "past its deadline": late}
}
