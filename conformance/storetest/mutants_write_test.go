package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func writeMutants() []mutant {
	return []mutant{
		{rule: "create-returns-what-it-stored", how: "forgets the schema name at create", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.SchemaName = ""
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "create-returns-what-it-stored", how: "returns what it was given and stores something else", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				stored := t
				stored.Isolation = ""
				stored, err := f.Store.Create(ctx, stored)
				stored.Isolation = t.Isolation
				return stored, err
			}
		}},
		{rule: "create-fills-id", how: "replaces a given ID", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.ID = tenancy.NewID()
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "create-fills-status", how: "creates every tenant as provisioning", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.Status = tenancy.StatusProvisioning
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "create-keeps-created-at", how: "sets CreatedAt to now", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.CreatedAt = time.Time{}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "create-sets-updated-at", how: "keeps the UpdatedAt that it is given", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if !t.UpdatedAt.IsZero() {
					created.UpdatedAt = t.UpdatedAt
				}
				return created, err
			}
		}},
		{rule: "create-ignores-revision", how: "takes over the Revision that it is given", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				created.Revision = t.Revision
				return created, err
			}
		}},
		{rule: "create-taken-id", how: "overwrites a tenant that has the ID", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				_ = f.Store.Delete(ctx, t.ID)
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "create-taken-identifier", how: "does not say which field is taken", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if errors.Is(err, tenancy.ErrAlreadyExists) {
					err = &tenancy.Error{Op: "Create", Err: tenancy.ErrAlreadyExists}
				}
				return created, err
			}
		}},
		{rule: "create-taken-both", how: "names the identifier first", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if _, err := f.Store.GetByIdentifier(ctx, t.Identifier); err == nil {
					return tenancy.Tenant{}, &tenancy.Error{Op: "Create", Field: "identifier", Err: tenancy.ErrAlreadyExists}
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "create-failed-changes-nothing", how: "touches the tenant that has the identifier", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if other, found := f.Store.GetByIdentifier(ctx, t.Identifier); err != nil && found == nil {
					_, _ = f.Store.SetStatus(ctx, other.ID, other.Status)
				}
				return created, err
			}
		}},
		{rule: "update-replaces-every-field", how: "takes zero values for absent ones", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if old, err := f.Store.GetByID(ctx, t.ID); err == nil && t.SchemaName == "" {
					t.SchemaName = old.SchemaName
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "update-keeps-created-at", how: "returns the CreatedAt that it is given", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				updated, err := f.Store.Update(ctx, t)
				updated.CreatedAt = t.CreatedAt
				return updated, err
			}
		}},
		{rule: "update-grows-updated-at", how: "relies on a coarse clock", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				t, err := f.Store.SetStatus(ctx, id, s)
				t.UpdatedAt = t.UpdatedAt.Truncate(time.Hour)
				return t, err
			}
		}},
		{rule: "update-checks-revision", how: "lets the last write win", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if t.Revision > 0 {
					t.Revision = tenancy.AnyRevision
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "update-checks-mark", how: "compares revisions only", spoil: revisionsOnly},
		{rule: "update-after-restore", how: "compares revisions only", spoil: revisionsOnly},
		{rule: "update-without-mark", how: "takes Mark 0 for any", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if stored, err := f.Store.GetByID(ctx, t.ID); err == nil && t.Mark == 0 {
					t.Mark = stored.Mark
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "mark-is-set", how: "forgets the mark of created tenants", spoil: func(f *faulty) {
			f.createBatch = func(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
				results, err := f.Store.CreateBatch(ctx, ts)
				for i := range results {
					results[i].Tenant.Mark = 0
				}
				return results, err
			}
		}},
		{rule: "mark-of-the-log", how: "returns the mark from before the write", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				before, _ := f.Store.GetByID(ctx, id)
				t, err := f.Store.SetStatus(ctx, id, s)
				t.Mark = before.Mark
				return t, err
			}
		}},
		{rule: "update-any-revision", how: "takes AnyRevision for a revision", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if t.Revision == tenancy.AnyRevision {
					return tenancy.Tenant{}, driver.ErrorIn("Update", tenancy.IDKey(t.ID), tenancy.ErrConflict)
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "update-zero-revision", how: "takes 0 for AnyRevision", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if t.Revision == 0 {
					t.Revision = tenancy.AnyRevision
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "update-missing", how: "creates what is missing", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				updated, err := f.Store.Update(ctx, t)
				if errors.Is(err, tenancy.ErrNotFound) {
					return f.Store.Create(ctx, t)
				}
				return updated, err
			}
		}},
		{rule: "update-taken-identifier", how: "calls a taken identifier a conflict", spoil: func(f *faulty) {
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				updated, err := f.Store.Update(ctx, t)
				if errors.Is(err, tenancy.ErrAlreadyExists) {
					err = driver.ErrorIn("Update", tenancy.IDKey(t.ID), tenancy.ErrConflict)
				}
				return updated, err
			}
		}},
		{rule: "rename-frees-identifier", how: "keeps an index entry of the old identifier", spoil: func(f *faulty) {
			old := map[string]string{} // identifier to ID
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if before, err := f.Store.GetByID(ctx, t.ID); err == nil {
					old[before.Identifier] = t.ID
				}
				return f.Store.Update(ctx, t)
			}
			f.getByIdentifier = func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByIdentifier(ctx, identifier)
				if id := old[identifier]; errors.Is(err, tenancy.ErrNotFound) && id != "" {
					return f.Store.GetByID(ctx, id)
				}
				return t, err
			}
		}},
		{rule: "set-status-any-to-any", how: "does not bring deleted tenants back", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				if t, err := f.Store.GetByID(ctx, id); err == nil && t.Status == tenancy.StatusDeleted {
					return t, nil
				}
				return f.Store.SetStatus(ctx, id, s)
			}
		}},
		{rule: "set-status-touches-status-only", how: "writes a record that it has only half read", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if err != nil {
					return t, err
				}
				t.Status, t.Metadata = s, tenancy.Metadata{}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "set-status-missing", how: "does not look at the number of rows that it changed", spoil: func(f *faulty) {
			f.setStatus = func(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
				t, err := f.Store.SetStatus(ctx, id, s)
				if errors.Is(err, tenancy.ErrNotFound) {
					err = nil
				}
				return t, err
			}
		}},
		{rule: "bulk-status-shares-updated-at", how: "writes tenant by tenant", spoil: func(f *faulty) { f.bulk = oneByOne(f) }},
		{rule: "bulk-status-order", how: "returns the tenants by ID", spoil: func(f *faulty) {
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
				ids = slices.Clone(ids)
				slices.Sort(ids)
				return f.Store.BulkUpdateStatus(ctx, ids, s)
			}
		}},
		{rule: "bulk-status-10000", how: "binds one parameter for each ID", spoil: func(f *faulty) {
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
				if len(ids) > 999 {
					return nil, driver.ErrorIn("BulkUpdateStatus", tenancy.Key{}, errors.New("too many parameters"))
				}
				return f.Store.BulkUpdateStatus(ctx, ids, s)
			}
		}},
		{rule: "bulk-status-all-or-nothing", how: "writes until it meets a bad ID", spoil: func(f *faulty) { f.bulk = oneByOne(f) }},
		{rule: "metadata-shallow-merge", how: "replaces all metadata by the patch", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if err != nil {
					return t, err
				}
				t.Metadata = patch
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "metadata-patch-of-nothing", how: "writes whatever the patch is", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.GetByID(ctx, id)
				if err != nil {
					return t, err
				}
				if t.Metadata, err = t.Metadata.Merge(patch); err != nil {
					return t, err
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "metadata-null-stays", how: "removes what a patch sets to null, as RFC 7396 does", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.UpdateMetadata(ctx, id, patch)
				for _, key := range t.Metadata.Keys() {
					if v, _ := t.Metadata.Get(key); string(v) == "null" {
						t.Metadata = t.Metadata.Without(key)
					}
				}
				if err != nil {
					return t, err
				}
				return f.Store.Update(ctx, t)
			}
		}},
		{rule: "metadata-numbers-exact", how: "takes numbers through float64", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if m, err := tenancy.MetadataAs[map[string]any](t.Metadata); err == nil {
					t.Metadata, _ = tenancy.NewMetadata(m)
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "metadata-canonical", how: "loses the empty key", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				t.Metadata = t.Metadata.Without("")
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "metadata-any-key", how: "takes keys for JSON paths", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				for _, key := range patch.Keys() {
					if strings.Contains(key, "$.") {
						v, _ := patch.Get(key)
						patch, _ = patch.Without(key).With(strings.TrimPrefix(key, "$."), v)
					}
				}
				return f.Store.UpdateMetadata(ctx, id, patch)
			}
		}},
		{rule: "metadata-patch-touches-metadata-only", how: "activates the tenant", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				if _, err := f.Store.SetStatus(ctx, id, tenancy.StatusActive); err != nil {
					return tenancy.Tenant{}, err
				}
				return f.Store.UpdateMetadata(ctx, id, patch)
			}
		}},
		{rule: "metadata-patch-missing", how: "has nothing to do for an empty patch", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.UpdateMetadata(ctx, id, patch)
				if len(patch.Keys()) == 0 {
					err = nil
				}
				return t, err
			}
		}},
		{rule: "metadata-size", how: "drops a patch that does not fit", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.UpdateMetadata(ctx, id, patch)
				if errors.Is(err, tenancy.ErrInvalid) {
					return f.Store.GetByID(ctx, id)
				}
				return t, err
			}
		}},
		{rule: "delete-removes", how: "keeps the row", spoil: func(f *faulty) {
			f.delete = func(ctx context.Context, id string) error {
				_, err := f.Store.SetStatus(ctx, id, tenancy.StatusDeleted)
				return err
			}
		}},
		{rule: "delete-missing", how: "does not mind", spoil: func(f *faulty) {
			f.delete = func(ctx context.Context, id string) error {
				if err := f.Store.Delete(ctx, id); !errors.Is(err, tenancy.ErrNotFound) {
					return err
				}
				return nil
			}
		}},
		{rule: "delete-frees-id-and-identifier", how: "never gives an identifier out again", spoil: func(f *faulty) {
			used := map[string]bool{}
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if used[t.Identifier] {
					return tenancy.Tenant{}, &tenancy.Error{Op: "Create", Field: "identifier", Err: tenancy.ErrAlreadyExists}
				}
				used[t.Identifier] = true
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "purge-or-unsupported", how: "says yes and does nothing", spoil: func(f *faulty) {
			f.purge = func(context.Context, string) error { return nil }
		}},
		{rule: "soft-delete-keeps-row", how: "removes the row", spoil: func(f *faulty) { f.delete = f.Store.Purge }},
		{rule: "soft-delete-keeps-row", how: "puts a new tenant over a deleted one", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if old, err := f.Store.GetByID(ctx, t.ID); err == nil && old.Status == tenancy.StatusDeleted {
					_ = f.Store.Purge(ctx, t.ID)
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "soft-delete-repeats", how: "writes again", spoil: func(f *faulty) {
			f.delete = func(ctx context.Context, id string) error {
				_, err := f.Store.SetStatus(ctx, id, tenancy.StatusDeleted)
				return err
			}
		}},
		{rule: "soft-delete-purge", how: "removes deleted tenants only", spoil: func(f *faulty) {
			f.purge = func(ctx context.Context, id string) error {
				if t, err := f.Store.GetByID(ctx, id); err == nil && t.Status != tenancy.StatusDeleted {
					return driver.ErrorIn("Purge", tenancy.IDKey(id), tenancy.ErrConflict)
				}
				return f.Store.Purge(ctx, id)
			}
		}},
		{rule: "create-batch-results", how: "stops at the first tenant that it cannot create", spoil: func(f *faulty) {
			f.createBatch = func(ctx context.Context, ts []tenancy.Tenant) (results []tenancy.CreateResult, err error) {
				for _, t := range ts {
					created, err := f.Store.Create(ctx, t)
					if err != nil {
						return results, err
					}
					results = append(results, tenancy.CreateResult{Tenant: created})
				}
				return results, nil
			}
		}},
		{rule: "create-batch-like-create", how: "begins at the end", spoil: func(f *faulty) {
			f.createBatch = func(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
				ts = slices.Clone(ts)
				slices.Reverse(ts)
				results, err := f.Store.CreateBatch(ctx, ts)
				slices.Reverse(results)
				return results, err
			}
		}},
		{rule: "revision-grows", how: "counts the versions of each tenant", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				created.Revision = 1
				return created, err
			}
		}},
		{rule: "revision-has-no-gaps", how: "writes a tenant twice that is named twice", spoil: func(f *faulty) {
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
				for i, id := range ids {
					if slices.Contains(ids[:i], id) {
						_, _ = f.Store.SetStatus(ctx, id, s)
					}
				}
				return f.Store.BulkUpdateStatus(ctx, ids, s)
			}
		}},
		{rule: "revision-has-no-gaps", how: "burns a revision at each create", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				created, err := f.Store.Create(ctx, t)
				if err != nil {
					return created, err
				}
				return f.Store.SetStatus(ctx, created.ID, created.Status)
			}
		}},
	}
}

// oneByOne is a BulkUpdateStatus that is not one write.
func oneByOne(f *faulty) func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	return func(ctx context.Context, ids []string, s tenancy.Status) (out []tenancy.Tenant, err error) {
		for _, id := range ids {
			t, err := f.Store.SetStatus(ctx, id, s)
			if errors.Is(err, tenancy.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		}
		return out, nil
	}
}

// revisionsOnly makes Update believe a revision without its mark.
func revisionsOnly(f *faulty) {
	f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
		if stored, err := f.Store.GetByID(ctx, t.ID); err == nil && t.Mark != 0 && t.Revision == stored.Revision {
			t.Mark = stored.Mark
		}
		return f.Store.Update(ctx, t)
	}
}
