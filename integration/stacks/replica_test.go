//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// A replica that reads all tenants while they are written has what the database has, row
// by row.
func TestReplicaScanUnderWrites(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (*bunstore.Store, error){
		"postgres": func(t *testing.T) (*bunstore.Store, error) { return bunpg.Open(t.Context(), servers.NewDatabase(t)) },
		"mysql": func(t *testing.T) (*bunstore.Store, error) {
			return bunmysql.Open(t.Context(), servers.NewMySQLDatabase(t))
		},
		"sqlite": func(t *testing.T) (*bunstore.Store, error) {
			return bunsqlite.Open(t.Context(), filepath.Join(t.TempDir(), "tenants.db"), bunsqlite.WithSynchronous(bunsqlite.Normal))
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			const n = 10_000
			batch := make([]tenancy.Tenant, n)
			for i := range batch {
				batch[i] = tenancy.Tenant{ID: fmt.Sprint("t", i), Identifier: fmt.Sprintf("slug-%d", i), Name: "Tenant"}
			}
			for some := range slices.Chunk(batch, 1000) {
				if _, err := db.CreateBatch(t.Context(), some); err != nil {
					t.Fatal(err)
				}
			}
			stop := writeAtRandom(t, db, n)
			before, begun := newest(t, db), time.Now()
			r, err := replica.New(db, replica.WithLogger(slog.New(slog.DiscardHandler)), replica.WithFollowTimeout(patience))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // which closes the database
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			})
			<-r.Synced()
			took, written := time.Since(begun), newest(t, db).Revision-before.Revision
			stop()
			if err := r.Await(t.Context(), newest(t, db)); err != nil {
				t.Fatal(err)
			}
			rows := 0
			for want, err := range tenancy.All(t.Context(), db, tenancy.ListOptions{Limit: tenancy.MaxPageLimit}) {
				if err != nil {
					t.Fatal(err)
				}
				rows++
				byID, err := r.GetByID(t.Context(), want.ID)
				byIdentifier, err2 := r.GetByIdentifier(t.Context(), want.Identifier)
				if err := errors.Join(err, err2); err != nil || byID != want || byIdentifier != want {
					t.Fatalf("%s: %v, %v, want %v: %v", want.ID, byID, byIdentifier, want, err)
				}
			}
			st := r.State()
			if st.Tenants != rows || st.Scans != 1 {
				t.Errorf("%d tenants after %d scans, the database has %d", st.Tenants, st.Scans, rows)
			}
			t.Logf("%d tenants, and %d rows written while they were read, %.0f a second", rows, written, float64(written)/took.Seconds())
		})
	}
}

func newest(t *testing.T, db *bunstore.Store) tenancy.Position {
	t.Helper()
	bounds, err := db.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bounds.Newest
}

// writeAtRandom writes until stop is called.
func writeAtRandom(t *testing.T, db *bunstore.Store, n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 3 {
		random := rand.New(rand.NewPCG(1, uint64(w)))
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprint("t", random.IntN(n))
				var err error
				switch random.IntN(5) {
				case 0:
					_, err = db.SetStatus(ctx, id, tenancy.StatusSuspended)
				case 1:
					_, err = tenancy.Modify(ctx, db, id, func(t *tenancy.Tenant) error {
						t.Identifier = fmt.Sprintf("slug-%d", random.IntN(n))
						return nil
					})
				case 2:
					err = db.Delete(ctx, id)
				case 3: // many rows, so that a slow disk does not slow the test down
					ids := make([]string, 20)
					for i := range ids {
						ids[i] = fmt.Sprint("t", random.IntN(n))
					}
					_, err = db.BulkUpdateStatus(ctx, ids, tenancy.StatusProvisioning)
				default:
					_, err = db.Create(ctx, tenancy.Tenant{ID: id, Identifier: fmt.Sprintf("slug-%d", random.IntN(n)), Name: "Again"})
				}
				if err != nil && ctx.Err() == nil && !errors.Is(err, tenancy.ErrNotFound) && !errors.Is(err, tenancy.ErrAlreadyExists) && !errors.Is(err, tenancy.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		writers.Wait()
	}
}
