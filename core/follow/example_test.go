package follow_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Jobs has a job for each tenant that is active.
type Jobs struct {
	store   tenancy.Source
	running map[string]string // by the tenant's ID
}

// Sync looks at all tenants, and stops the jobs of those that are not there.
func (j *Jobs) Sync(ctx context.Context, _ tenancy.Position) error {
	gone := maps.Clone(j.running)
	for t, err := range tenancy.All(ctx, j.store, tenancy.ListOptions{}) {
		if err != nil {
			return err
		}
		delete(gone, t.ID)
		j.judge(t)
	}
	for id := range gone {
		delete(j.running, id)
	}
	return nil
}

// Change looks at the tenants that were changed.
func (j *Jobs) Change(ctx context.Context, c tenancy.Change) error {
	for _, id := range c.TenantIDs() {
		t, err := j.store.GetByID(ctx, id)
		switch {
		case errors.Is(err, tenancy.ErrNotFound):
			delete(j.running, id)
		case err != nil:
			return err // Run calls again
		default:
			j.judge(t)
		}
	}
	return nil
}

// judge starts the job of an active tenant, and stops that of another. It may be asked
// again and again.
func (j *Jobs) judge(t tenancy.Tenant) {
	if t.Status == tenancy.StatusActive {
		j.running[t.ID] = t.Identifier
	} else {
		delete(j.running, t.ID)
	}
}

// A worker that does something for every tenant that is active keeps up with the store:
// first with all tenants, then with each change.
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memstore.New()
	defer store.Close()
	for _, name := range []string{"acme", "globex"} {
		if _, err := store.Create(ctx, tenancy.Tenant{ID: name + "-1", Identifier: name, Name: name}); err != nil {
			fmt.Println(err)
			return
		}
	}

	jobs := &Jobs{store, map[string]string{}}
	steps := []func() error{
		func() error { _, err := store.SetStatus(ctx, "acme-1", tenancy.StatusSuspended); return err },
		func() error { return store.Delete(ctx, "globex-1") },
	}
	err := follow.Run(ctx, store, follow.Handler{
		Sync:   jobs.Sync,
		Change: jobs.Change,
		Contact: func(err error) { // jobs is up to date, if err is nil
			fmt.Println("running:", strings.Join(slices.Sorted(maps.Values(jobs.running)), " "), err)
			if len(steps) == 0 {
				stop()
				return
			}
			if err := steps[0](); err != nil {
				fmt.Println(err)
			}
			steps = steps[1:]
		},
	})
	fmt.Println(err)
	// Output:
	// running: acme globex <nil>
	// running: globex <nil>
	// running:  <nil>
	// context canceled
}
