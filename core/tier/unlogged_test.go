package tier_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// triggerless is a database whose triggers are gone once off is set: it writes rows, and
// logs nothing. rows are the rows that it wrote then.
type triggerless struct {
	*database
	off atomic.Bool

	mu      sync.Mutex
	rows    map[string]tenancy.Tenant
	deleted map[string]bool
}

func (d *triggerless) write(id string, logged func() (tenancy.Tenant, error), change func(*tenancy.Tenant)) (tenancy.Tenant, error) {
	if !d.off.Load() {
		return logged()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.rows[id]
	if !ok {
		var err error
		if t, err = d.database.GetByID(context.Background(), id); err != nil {
			return t, err
		}
	}
	change(&t)
	d.rows[id] = t
	return t, nil
}

func (d *triggerless) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	return d.write(id, func() (tenancy.Tenant, error) { return d.database.SetStatus(ctx, id, s) }, func(t *tenancy.Tenant) { t.Status = s })
}

func (d *triggerless) Update(ctx context.Context, u tenancy.Tenant) (tenancy.Tenant, error) {
	return d.write(u.ID, func() (tenancy.Tenant, error) { return d.database.Update(ctx, u) }, func(t *tenancy.Tenant) { *t = u })
}

func (d *triggerless) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return d.write(id, func() (tenancy.Tenant, error) { return d.database.UpdateMetadata(ctx, id, patch) }, func(t *tenancy.Tenant) { t.Metadata = patch })
}

func (d *triggerless) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	if !d.off.Load() {
		return d.database.BulkUpdateStatus(ctx, ids, s)
	}
	var out []tenancy.Tenant
	for _, id := range ids {
		t, err := d.SetStatus(ctx, id, s)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// Create makes a row without a revision, as a table without triggers does.
func (d *triggerless) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	if !d.off.Load() {
		return d.database.Create(ctx, t)
	}
	return t, nil
}

func (d *triggerless) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	if !d.off.Load() {
		return d.database.CreateBatch(ctx, ts)
	}
	return []tenancy.CreateResult{{Tenant: ts[0]}}, nil
}

func (d *triggerless) Delete(ctx context.Context, id string) error {
	if !d.off.Load() {
		return d.database.Delete(ctx, id)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deleted[id] = true
	return nil
}

func (d *triggerless) Purge(ctx context.Context, id string) error { return d.Delete(ctx, id) }

func (d *triggerless) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	out, err := d.database.Load(ctx, want)
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range out {
		if t, ok := d.rows[out[i].Tenant.ID]; ok && out[i].Found {
			out[i].Tenant = t
		}
		if d.deleted[out[i].Tenant.ID] {
			out[i] = tenancy.Versioned{AsOf: out[i].AsOf}
		}
	}
	return out, err
}

// A write that the log does not show fails, empties the caches, and says what is wrong.
func TestUnloggedWrite(t *testing.T) {
	for op, write := range map[string]func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error{
		"SetStatus": func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error {
			return second(s.SetStatus(ctx, acme.ID, tenancy.StatusSuspended))
		},
		"Update": func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error {
			acme.Status = tenancy.StatusSuspended
			return second(s.Update(ctx, acme))
		},
		"UpdateMetadata": func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error {
			patch, err := tenancy.Metadata{}.With("plan", "pro")
			if err != nil {
				return err
			}
			return second(s.UpdateMetadata(ctx, acme.ID, patch))
		},
		"BulkUpdateStatus": func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error {
			return second(s.BulkUpdateStatus(ctx, []string{acme.ID}, tenancy.StatusSuspended))
		},
		"Create": func(ctx context.Context, s tenancy.Store, _ tenancy.Tenant) error {
			return second(s.Create(ctx, tenancy.Tenant{ID: "n", Identifier: "new", Name: "New"}))
		},
		"CreateBatch": func(ctx context.Context, s tenancy.Store, _ tenancy.Tenant) error {
			return second(s.CreateBatch(ctx, []tenancy.Tenant{{ID: "n", Identifier: "new", Name: "New"}}))
		},
		"Delete": func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error { return s.Delete(ctx, acme.ID) },
		"Purge": func(ctx context.Context, s tenancy.Store, acme tenancy.Tenant) error {
			return s.Purge(ctx, acme.ID)
		},
	} {
		t.Run(op, func(t *testing.T) {
			db := &triggerless{database: newDatabase(), rows: map[string]tenancy.Tenant{}, deleted: map[string]bool{}}
			var logged bytes.Buffer
			logger := tier.WithLogger(slog.New(slog.NewTextHandler(&logged, nil)))
			s := newStack(t, db, newLocalMap(), newSharedMap(), logger)
			acme := create(t, s, "acme")
			if op == "Create" || op == "CreateBatch" {
				create(t, s, "bolt")
			}
			if got := get(t, s, "acme"); got != acme {
				t.Fatal(got)
			}
			db.off.Store(true)
			for i := range 2 {
				if op == "UpdateMetadata" && i == 1 {
					continue // changes nothing any more
				}
				err := write(t.Context(), s, acme)
				if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "trigger") || !strings.Contains(err.Error(), "Migrate") {
					t.Errorf("%v, want ErrUnavailable that speaks of triggers", err)
				}
				if errors.Is(err, tenancy.ErrNotApplied) {
					t.Errorf("%v says that nothing was changed", err)
				}
			}
			if !strings.Contains(logged.String(), "triggers") {
				t.Errorf("logged: %s", &logged)
			}
			snapshots, err := db.Load(t.Context(), []tenancy.Lookup{{Key: tenancy.IdentifierKey("acme")}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.GetByIdentifier(t.Context(), "acme")
			if snapshots[0].Found && got != snapshots[0].Tenant || !snapshots[0].Found && !errors.Is(err, tenancy.ErrNotFound) {
				t.Errorf("served %+v, %v; the database has %+v", got, err, snapshots[0])
			}
			db.off.Store(false)
			if _, err := s.SetStatus(t.Context(), create(t, s, "globex").ID, tenancy.StatusSuspended); err != nil {
				t.Errorf("with triggers again: %v", err)
			}
		})
	}
}

// What is written after a restore has a smaller revision than what was followed; it is
// in the log, and no error.
func TestWriteAfterARestore(t *testing.T) {
	mem := memstore.New()
	db := &database{Store: mem}
	s := newTier(t, db, newLocalMap())
	acme := create(t, s, "acme")
	backup := mem.Backup()
	for range 5 {
		suspend(t, s, acme.ID)
	}
	mem.Restore(backup)
	if got := suspend(t, s, acme.ID); got.Revision != acme.Revision+1 {
		t.Errorf("revision %d, want %d", got.Revision, acme.Revision+1)
	}
}

// A deletion that finds nothing to do logs nothing, and is no error.
func TestRepeatedSoftDeletion(t *testing.T) {
	s := newTier(t, memstore.New(memstore.WithSoftDelete()), newLocalMap())
	acme := create(t, s, "acme")
	for range 3 {
		if err := s.Delete(t.Context(), acme.ID); err != nil {
			t.Error(err)
		}
	}
	if st := s.Stats(); st.Unfollowed != 0 {
		t.Errorf("%+v", st)
	}
}

// mute is triggerless, and answers no Load after a deletion.
type mute struct{ triggerless }

func (d *mute) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	d.mu.Lock()
	silent := len(d.deleted) > 0
	d.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.triggerless.Load(ctx, want)
}

// A deletion that the log does not show does not wait for long for a database that does not
// say whether the tenant is there.
func TestUnloggedDeletionInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &mute{triggerless{database: newDatabase(), rows: map[string]tenancy.Tenant{}, deleted: map[string]bool{}}}
		s := newTier(t, db, newLocalMap())
		acme := create(t, s, "acme")
		db.off.Store(true)
		begun := time.Now()
		if err := s.Delete(context.Background(), acme.ID); err != nil || time.Since(begun) > 250*time.Millisecond {
			t.Errorf("%v after %v, want no error within 250 ms", err, time.Since(begun))
		}
	})
}
