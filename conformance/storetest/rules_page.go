package storetest

import (
	"fmt"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func pageRules() []Rule {
	return []Rule{
		{
			Name:  "list-as-of",
			Says:  "A page of List shows exactly what the log says as of its AsOf, also if it is empty, and while others write.",
			needs: needSource,
			check: func(p *probe) {
				asOfNewest := func(opts tenancy.ListOptions, after string) {
					p.Helper()
					equal(p, p.list(opts).AsOf, p.bounds().Newest, "AsOf of a page after %s", after)
				}
				asOfNewest(tenancy.ListOptions{}, "New")
				t := p.create(tenant(0))
				asOfNewest(tenancy.ListOptions{}, "Create")
				asOfNewest(tenancy.ListOptions{Filter: tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusDeleted}}}, "Create, filtered")
				asOfNewest(tenancy.ListOptions{Offset: 2}, "Create, past the end")
				p.create(tenant(1))
				asOfNewest(tenancy.ListOptions{Cursor: p.list(tenancy.ListOptions{Limit: 1}).Next}, "Create, by cursor")
				p.delete(tenant(1).ID)
				asOfNewest(tenancy.ListOptions{}, "Delete")
				p.setStatus(t.ID, tenancy.StatusSuspended) // and nothing else from now on: each position is the tenant's
				p.whileWriting(40, func(n int) error {
					_, err := p.s.SetStatus(p.ctx, t.ID, tenancy.Statuses()[n%2])
					return err
				}, func() error {
					page, err := p.s.List(p.ctx, tenancy.ListOptions{})
					if err == nil && (len(page.Tenants) != 1 || page.Tenants[0].Position() != page.AsOf) {
						err = fmt.Errorf("a page as of %s has %+v, written last", page.AsOf, page.Tenants)
					}
					return err
				})
			},
		},
		{
			Name:  "list-names-as-of",
			Says:  "A page of ListNames shows exactly what the log says as of its AsOf, also if it is empty, and while others write.",
			needs: needSource | needNames,
			check: func(p *probe) {
				t := p.create(tenant(0))
				newest := func(after string) {
					p.Helper()
					page, err := p.s.ListNames(p.ctx, tenancy.TenantName{}, 0)
					p.OK(err, "ListNames after %s", after)
					equal(p, page.AsOf, p.bounds().Newest, "AsOf of a page of names after %s", after)
				}
				newest("Create")
				p.verified(t.ID, "acme.test")
				newest("VerifyDomain")
				p.removed(t.ID, "acme.test")
				newest("RemoveDomain")
				start := p.bounds().Newest
				p.whileWriting(40, func(n int) error { // one name for each revision
					_, err := p.s.AddDomain(p.ctx, t.ID, fmt.Sprintf("d%d.test", n))
					return err
				}, func() error {
					page, err := p.s.ListNames(p.ctx, tenancy.TenantName{}, 0)
					if want := page.AsOf.Revision - start.Revision; err == nil && len(page.Names) != int(want) {
						err = fmt.Errorf("a page as of %s has %d names, and there were %d", page.AsOf, len(page.Names), want)
					}
					return err
				})
			},
		},
	}
}

// whileWriting reads again and again while write is called n times.
func (p *probe) whileWriting(n int, write func(int) error, read func() error) {
	p.Helper()
	var done atomic.Bool
	for i, err := range together(2, func(i int) error {
		if i == 0 {
			defer done.Store(true)
			for n := range n {
				if err := write(n); err != nil {
					return err
				}
			}
			return nil
		}
		for !done.Load() {
			if err := read(); err != nil {
				return err
			}
			breathe()
		}
		return nil
	}) {
		p.OK(err, "%s", []string{"a write", "a read meanwhile"}[i])
	}
}
