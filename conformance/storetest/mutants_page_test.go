package storetest_test

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func pageMutants() []mutant {
	return []mutant{
		{rule: "list-as-of", how: "does not know as of when an empty page is", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				if len(page.Tenants) == 0 {
					page.AsOf = tenancy.Position{}
				}
				return page, err
			}
		}},
		{rule: "list-as-of", how: "takes the newest tenant for the position", spoil: func(f *faulty) {
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				for i, t := range page.Tenants {
					if at := t.Position(); i == 0 || at.Revision > page.AsOf.Revision {
						page.AsOf = at
					}
				}
				return page, err
			}
		}},
		{rule: "list-as-of", how: "asks for the position in a second statement", spoil: func(f *faulty) {
			meet := rendezvous()
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				meet()
				defer meet()
				return f.Store.SetStatus(ctx, id, s)
			}
			f.list = func(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
				page, err := f.Store.List(ctx, opts)
				at, asOfErr := f.after(ctx, meet)
				page.AsOf = at
				return page, errors.Join(err, asOfErr)
			}
		}},
		{rule: "list-names-as-of", how: "does not know as of when its names are", spoil: func(f *faulty) {
			f.listNames = func(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
				page, err := f.Store.ListNames(ctx, after, limit)
				return tenancy.NamePage{Names: page.Names}, err
			}
		}},
		{rule: "list-names-as-of", how: "asks for the position in a second statement", spoil: func(f *faulty) {
			meet := rendezvous()
			f.addDomain = func(ctx context.Context, id, domain string) (tenancy.Name, error) {
				meet()
				defer meet()
				return f.Store.AddDomain(ctx, id, domain)
			}
			f.listNames = func(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
				page, err := f.Store.ListNames(ctx, after, limit)
				at, asOfErr := f.after(ctx, meet)
				page.AsOf = at
				return page, errors.Join(err, asOfErr)
			}
		}},
	}
}

// after returns the newest position when a write that waits to begin has ended.
func (f *faulty) after(ctx context.Context, meet func()) (tenancy.Position, error) {
	meet()
	meet()
	bounds, err := f.Store.Bounds(ctx)
	return bounds.Newest, err
}
