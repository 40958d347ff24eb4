package storetest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func logMutants() []mutant {
	return []mutant{
		{rule: "log-is-never-empty", how: "has no first row", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				return slices.DeleteFunc(changes, func(c tenancy.Change) bool { return c.Kind == tenancy.ChangeReset }), err
			}
		}},
		{rule: "bounds-follow-writes", how: "returns bounds from before", spoil: func(f *faulty) {
			var before tenancy.Bounds
			f.head = func(ctx context.Context) (tenancy.Bounds, error) {
				head, err := f.Store.Bounds(ctx)
				if before == (tenancy.Bounds{}) {
					before = head
				}
				head, before = before, head
				return head, err
			}
		}},
		{rule: "changes-tell-every-write", how: "does not tell the old identifier of a rename", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i, c := range changes {
					if len(c.Keys) == 3 {
						changes[i].Keys = []tenancy.Key{c.Keys[0], c.Keys[2]}
					}
				}
				return changes, err
			}
		}},
		{rule: "changes-tell-every-write", how: "tells a bulk write as one change", spoil: func(f *faulty) {
			f.bulk = func(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
				ts, err := f.Store.BulkUpdateStatus(ctx, ids, s)
				for i := range ts {
					ts[i].Revision = ts[0].Revision
				}
				return ts, err
			}
		}},
		{rule: "changes-tell-who-and-what", how: "does not know who deletes", spoil: func(f *faulty) {
			f.delete = func(ctx context.Context, id string) error {
				return f.Store.Delete(tenancy.WithActor(ctx, ""), id)
			}
		}},
		{rule: "changes-tell-who-and-what", how: "says of every update that the name changed", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i := range changes {
					if changes[i].Kind == tenancy.ChangeUpdate && !slices.Contains(changes[i].Fields, "name") {
						changes[i].Fields = append(changes[i].Fields, "name")
						slices.Sort(changes[i].Fields)
					}
				}
				return changes, err
			}
		}},
		{rule: "soft-delete-is-logged", how: "tells a soft delete as a delete", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i := range changes {
					if changes[i].Kind == tenancy.ChangeUpdate {
						changes[i].Kind = tenancy.ChangeDelete
					}
				}
				return changes, err
			}
		}},
		{rule: "changes-are-exclusive", how: "begins with the position itself", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				all, err := f.Store.Changes(ctx, tenancy.Position{}, tenancy.MaxChangesLimit)
				return slices.DeleteFunc(all, func(c tenancy.Change) bool { return c.Position.Revision < after.Revision }), err
			}
		}},
		{rule: "changes-limit", how: "takes 0 for no limit", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				if limit == 0 {
					limit = tenancy.MaxChangesLimit
				}
				return f.Store.Changes(ctx, after, limit)
			}
		}},
		{rule: "changes-limit", how: "returns 500 at most, whatever the limit", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				return changes[:min(len(changes), 500)], err
			}
		}},
		{rule: "changes-from-zero", how: "does not know the zero position", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				if after.IsZero() {
					return nil, driver.ErrorIn("Changes", tenancy.Key{}, tenancy.ErrCompacted)
				}
				return f.Store.Changes(ctx, after, limit)
			}
		}},
		{rule: "changes-in-commit-order", how: "shows some revisions late, as a sequence does", spoil: func(f *faulty) {
			var shown tenancy.Revision // the newest
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				f.mu.Lock()
				defer f.mu.Unlock()
				return slices.DeleteFunc(changes, func(c tenancy.Change) bool {
					if c.Position.Revision%5 == 0 && c.Position.Revision > shown { // not before a later one
						return true
					}
					shown = max(shown, c.Position.Revision)
					return false
				}), err
			}
		}},
		{rule: "changes-in-commit-order", how: "returns a revision that is not the row's", spoil: func(f *faulty) {
			f.patch = func(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
				t, err := f.Store.UpdateMetadata(ctx, id, patch)
				t.Revision--
				return t, err
			}
		}},
		{rule: "changes-deny-mark", how: "looks at the revision alone", spoil: func(f *faulty) { f.changes = ignoreMarks(f) }},
		{rule: "changes-beyond-newest", how: "waits for a revision that will come", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				if head, err := f.Store.Bounds(ctx); err == nil && after.Revision > head.Newest.Revision {
					return nil, nil
				}
				return f.Store.Changes(ctx, after, limit)
			}
		}},
		{rule: "changes-compacted", how: "begins at the oldest change that is left", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				if head, headErr := f.Store.Bounds(ctx); errors.Is(err, tenancy.ErrCompacted) && headErr == nil {
					return f.Store.Changes(ctx, head.Oldest, limit)
				}
				return changes, err
			}
		}},
		{rule: "load-in-order", how: "returns what it finds by ID first", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				want = slices.Clone(want)
				slices.SortStableFunc(want, func(a, b tenancy.Lookup) int { return len(a.Key.Kind) - len(b.Key.Kind) })
				return f.Store.Load(ctx, want)
			}
		}},
		{rule: "load-in-order", how: "leaves missing tenants out", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				snapshots, err := f.Store.Load(ctx, want)
				return slices.DeleteFunc(snapshots, func(s tenancy.Versioned) bool { return !s.Found }), err
			}
		}},
		{rule: "load-10000", how: "binds one parameter for each key", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				if len(want) > 999 {
					return nil, driver.ErrorIn("Load", tenancy.Key{}, errors.New("too many parameters"))
				}
				return f.Store.Load(ctx, want)
			}
		}},
		{rule: "load-as-of", how: "forgets the mark", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				snapshots, err := f.Store.Load(ctx, want)
				for i := range snapshots {
					snapshots[i].AsOf.Mark = 0
				}
				return snapshots, err
			}
		}},
		{rule: "load-as-of", how: "gives the revision of the tenant for that of the snapshot", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				snapshots, err := f.Store.Load(ctx, want)
				for i := range snapshots {
					snapshots[i].AsOf.Revision = snapshots[i].Tenant.Revision
				}
				return snapshots, err
			}
		}},
		{rule: "load-latest", how: "keeps what it loaded once", spoil: func(f *faulty) {
			kept := map[tenancy.Lookup]tenancy.Versioned{}
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				snapshots, err := f.Store.Load(ctx, want)
				for i := range snapshots {
					if old, found := kept[want[i]]; found {
						snapshots[i] = old
					}
					kept[want[i]] = snapshots[i]
				}
				return snapshots, err
			}
		}},
		{rule: "load-beyond-newest", how: "ignores Min", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				want = slices.Clone(want)
				for i := range want {
					want[i].Min = 0
				}
				return f.Store.Load(ctx, want)
			}
		}},
		{rule: "load-invalid", how: "finds nothing under a key that nobody can have", spoil: func(f *faulty) {
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				snapshots, err := f.Store.Load(ctx, want)
				if errors.Is(err, tenancy.ErrInvalid) {
					return make([]tenancy.Versioned, len(want)), nil
				}
				return snapshots, err
			}
		}},
		{rule: "load-is-a-snapshot", how: "asks for the position in a second statement", spoil: func(f *faulty) {
			f.patch = slowly(f.Store.UpdateMetadata)
			f.setStatus = slowly(f.Store.SetStatus)
			f.load = func(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
				snapshots, err := f.Store.Load(ctx, want)
				time.Sleep(500 * time.Microsecond) // the way to the database and back
				head, headErr := f.Store.Bounds(ctx)
				for i := range snapshots {
					snapshots[i].AsOf = head.Newest
				}
				return snapshots, errors.Join(err, headErr)
			}
		}},
	}
}

// slowly is write after the time that a way to the database takes, so that
// others write meanwhile.
func slowly[A any](write func(context.Context, string, A) (tenancy.Tenant, error)) func(context.Context, string, A) (tenancy.Tenant, error) {
	return func(ctx context.Context, id string, a A) (tenancy.Tenant, error) {
		time.Sleep(500 * time.Microsecond)
		return write(ctx, id, a)
	}
}

// ignoreMarks is a Changes that takes a revision for a position.
func ignoreMarks(f *faulty) func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	return func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
		all, err := f.Store.Changes(ctx, tenancy.Position{}, tenancy.MaxChangesLimit)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if c.Position.Revision == after.Revision {
				after = c.Position
			}
		}
		return f.Store.Changes(ctx, after, limit)
	}
}
