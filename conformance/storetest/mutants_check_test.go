package storetest_test

import (
	"context"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// checkMutants ask the application's check of metadata wrongly, or not at all.
func checkMutants() []mutant {
	return []mutant{
		{rule: "metadata-check-refuses", how: "takes every patch", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				return unjudged(f, func() (tenancy.Tenant, error) { return f.Store.UpdateMetadata(ctx, id, patch) })
			}
		}},
		{rule: "metadata-check-refuses", how: "takes every batch", spoil: func(f *faulty) {
			f.createBatch = func(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
				return unjudged(f, func() ([]tenancy.CreateResult, error) { return f.Store.CreateBatch(ctx, ts) })
			}
		}},
		{rule: "metadata-check-refuses", how: "keeps the reason to itself", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if f.judge != nil && f.judge(t.Metadata) != nil {
					return t, &tenancy.Error{Op: "Update", ID: t.ID, Field: "metadata", Err: tenancy.ErrInvalid}
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "metadata-check-judges-the-result", how: "judges the patch", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				if err := driver.MetadataCheck(f.judge).Judge(patch); err != nil {
					return tenancy.Tenant{}, err
				}
				return unjudged(f, func() (tenancy.Tenant, error) { return f.Store.UpdateMetadata(ctx, id, patch) })
			}
		}},
		{rule: "metadata-check-spares-what-is-stored", how: "judges what a change of the status leaves alone", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if err == nil {
					err = driver.MetadataCheck(f.judge).Judge(t.Metadata)
				}
				if err != nil {
					return t, err
				}
				return f.Store.SetStatus(ctx, id, s)
			}
		}},
		{rule: "metadata-check-spares-what-is-stored", how: "writes blindly what it has not judged", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				stored, err := f.Store.GetByID(ctx, t.ID)
				if err == nil && stored.Metadata == t.Metadata {
					return unjudged(f, func() (tenancy.Tenant, error) { return f.Store.Update(ctx, t) })
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "metadata-check-is-atomic", how: "judges the result of a merge with what it read before", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				if err := driver.MetadataCheck(f.judge).Judge(patch); err != nil { // of the tenant as it was created
					return tenancy.Tenant{}, err
				}
				f.blind.Store(true)
				return f.Store.UpdateMetadata(ctx, id, patch)
			}
		}},
		{rule: "metadata-check-may-panic", how: "makes an error of the panic", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (t tenancy.Tenant, err error) {
				defer func() {
					if r := recover(); r != nil {
						err = fmt.Errorf("%w: %v", tenancy.ErrInvalid, r)
					}
				}()
				return f.Store.UpdateMetadata(ctx, id, patch)
			}
		}},
	}
}

// unjudged makes a write that the check is not asked about.
func unjudged[T any](f *faulty, write func() (T, error)) (T, error) {
	f.blind.Store(true)
	defer f.blind.Store(false)
	return write()
}
