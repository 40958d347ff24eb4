package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func errorRules() []Rule {
	return []Rule{
		{
			Name: "secret-round-trips",
			Says: "A DatabaseURL is stored and read back as it was given, through every read and write that keeps it.",
			check: func(p *probe) {
				t := tenant(0)
				t.DatabaseURL = tenancy.NewSecret(canary)
				t = p.create(t)
				check := func(t tenancy.Tenant, from string) {
					p.Helper()
					if t.DatabaseURL.Reveal() != canary {
						p.Errorf("%s returned another DatabaseURL, of %d bytes", from, len(t.DatabaseURL.Reveal()))
					}
				}
				check(t, "Create")
				check(p.setStatus(t.ID, tenancy.StatusSuspended), "SetStatus")
				check(p.patch(t.ID, `{"a":1}`), "UpdateMetadata")
				check(p.get(t.ID), "GetByID")
				for _, found := range append(p.all(), p.search(t.Identifier, tenancy.SearchOptions{})...) {
					check(found, "List or Search")
				}
				t = p.get(t.ID)
				t.DatabaseURL = tenancy.Secret{}
				equal(p, p.update(t).DatabaseURL.IsZero(), true, "Update without DatabaseURL removes it")
				equal(p, p.get(t.ID).DatabaseURL.IsZero(), true, "GetByID after Update without DatabaseURL has none")
			},
		},
		{
			Name: "secret-never-in-errors",
			Says: "No error, nor anything that it wraps, shows a DatabaseURL, however it is printed.",
			check: func(p *probe) {
				t := fullTenant()
				t.DatabaseURL = tenancy.NewSecret(canary)
				t = p.create(t)
				other := p.create(tenant(1))
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				spoil := func(f func(t *tenancy.Tenant)) tenancy.Tenant {
					t := t
					f(&t)
					return t
				}
				for _, given := range []tenancy.Tenant{
					t, // taken, and an old revision after the first write below
					spoil(func(t *tenancy.Tenant) { t.ID = "other" }),
					spoil(func(t *tenancy.Tenant) { t.ID, t.Name = "other", "" }),
					spoil(func(t *tenancy.Tenant) { t.ID, t.Identifier = "other", "Bad" }),
					spoil(func(t *tenancy.Tenant) { t.Revision = 0 }),
					spoil(func(t *tenancy.Tenant) { t.Identifier = other.Identifier }),
					spoil(func(t *tenancy.Tenant) { t.Revision = tenancy.AnyRevision; t.Identifier = other.Identifier }),
					spoil(func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(canary + "\x00") }),
					spoil(func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(strings.Repeat(canary, 10_000)) }),
					spoil(func(t *tenancy.Tenant) { t.ID = "missing"; t.Revision = 1 }),
				} {
					p.setStatus(t.ID, tenancy.StatusActive)
					for _, ctx := range []context.Context{p.ctx, ended} {
						_, err := p.s.Update(ctx, given)
						p.hides(err, "Update")
						results, err := p.s.CreateBatch(ctx, []tenancy.Tenant{given, given})
						p.hides(err, "CreateBatch")
						for _, r := range results {
							p.hides(r.Err, "CreateBatch, in the result")
						}
						if _, err := p.s.Create(ctx, given); err != nil {
							p.hides(err, "Create")
						}
					}
				}
			},
		},
		{
			Name: "errors-are-typed",
			Says: "Every error is an *Error that names the method, and the ID or identifier that it is about.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				missing := tenant(1)
				missing.Status, missing.Revision, missing.Mark = tenancy.StatusActive, 1, 1
				typed := func(err error, op string, key tenancy.Key) {
					p.Helper()
					var e *tenancy.Error
					if !errors.As(err, &e) {
						p.Errorf("%s: got error %s of type %T, want a *tenancy.Error", op, text(err), err)
						return
					}
					equal(p, e.Op, op, "Op of the error %q", err)
					if key.Kind == tenancy.KindID {
						equal(p, e.ID, key.Value, "ID of the error %q", err)
					}
					if key.Kind == tenancy.KindIdentifier {
						equal(p, e.Identifier, key.Value, "Identifier of the error %q", err)
					}
				}
				id := tenancy.IDKey(missing.ID)
				_, err := p.s.GetByID(p.ctx, missing.ID)
				typed(err, "GetByID", id)
				_, err = p.s.GetByIdentifier(p.ctx, missing.Identifier)
				typed(err, "GetByIdentifier", tenancy.IdentifierKey(missing.Identifier))
				_, err = p.s.Update(p.ctx, missing)
				typed(err, "Update", id)
				_, err = p.s.SetStatus(p.ctx, missing.ID, tenancy.StatusActive)
				typed(err, "SetStatus", id)
				_, err = p.s.UpdateMetadata(p.ctx, missing.ID, tenancy.Metadata{})
				typed(err, "UpdateMetadata", id)
				typed(p.s.Delete(p.ctx, missing.ID), "Delete", id)
				_, err = p.s.Create(p.ctx, t)
				typed(err, "Create", tenancy.IdentifierKey(t.Identifier))
				stale := t
				p.setStatus(t.ID, tenancy.StatusSuspended)
				_, err = p.s.Update(p.ctx, stale)
				typed(err, "Update", tenancy.IDKey(t.ID))
				_, err = p.s.GetByIDs(p.ctx, []string{""})
				typed(err, "GetByIDs", tenancy.Key{})
				_, err = p.s.Exists(p.ctx, "")
				typed(err, "Exists", tenancy.Key{})
				_, err = p.s.List(p.ctx, tenancy.ListOptions{Limit: -1})
				typed(err, "List", tenancy.Key{})
				_, err = p.s.Count(p.ctx, tenancy.Filter{Statuses: []tenancy.Status{"x"}})
				typed(err, "Count", tenancy.Key{})
				_, err = p.s.Search(p.ctx, "\x00", tenancy.SearchOptions{})
				typed(err, "Search", tenancy.Key{})
				_, err = p.s.BulkUpdateStatus(p.ctx, []string{""}, tenancy.StatusActive)
				typed(err, "BulkUpdateStatus", tenancy.Key{})
			},
		},
	}
}

// canary is a text that must not turn up in an error.
const canary = "postgres://canary:h4rmless-c4nary@db.example/canary"

// hides expects err, and what it wraps, not to show the canary.
func (p *probe) hides(err error, from string) {
	p.Helper()
	for _, e := range errorsIn(err) {
		for _, shown := range []string{e.Error(), fmt.Sprintf("%v %+v %#v %q", e, e, e, e)} {
			if strings.Contains(shown, "c4nary") {
				p.Errorf("an error of %s shows the DatabaseURL", from)
			}
		}
	}
}
