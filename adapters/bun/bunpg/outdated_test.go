package bunpg_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The tables are changed, and sessions emptied, under a running process whose
// connections have prepared their statements.
func TestStatementsOutliveDDL(t *testing.T) {
	dsn := newDatabase(t)
	const connections = 4
	store := open(t, dsn, bunpg.WithPool(bunpg.Pool{Size: connections}))
	t.Run("directly", func(t *testing.T) { testStatementsOutliveDDL(t, dsn, store, connections) })
	dsn = newDatabase(t)
	open(t, dsn)
	t.Run("a *bun.DB of its own", func(t *testing.T) { testStatementsOutliveDDL(t, dsn, bare(t, dsn), connections) })
}

func testStatementsOutliveDDL(t *testing.T, dsn string, store *bunstore.Store, connections int) {
	admin := connect(t, dsn)
	acme := create(t, store, "acme")
	var mu sync.Mutex
	use := func(what string) {
		t.Helper()
		var calls sync.WaitGroup
		for range 4 * connections {
			calls.Go(func() {
				_, err1 := store.GetByID(t.Context(), acme.ID)
				_, err2 := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
				_, err3 := store.UpdateMetadata(t.Context(), acme.ID, metadata(t, `{"a":1}`))
				_, err4 := store.List(t.Context(), tenancy.ListOptions{})
				_, err5 := store.Bounds(t.Context())
				other, err6 := store.Create(t.Context(), tenancy.Tenant{Identifier: "x" + tenancy.NewID(), Name: "Other"})
				_, err7 := tenancy.Modify(t.Context(), store, other.ID, func(t *tenancy.Tenant) error { t.Name = "Name"; return nil })
				_, err8 := store.BulkUpdateStatus(t.Context(), []string{acme.ID, other.ID}, tenancy.StatusActive)
				err9 := store.Delete(t.Context(), other.ID)
				if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9); err != nil {
					mu.Lock()
					defer mu.Unlock()
					t.Errorf("after %s: %v", what, err)
				}
			})
		}
		calls.Wait()
	}
	use("nothing")
	for _, ddl := range []string{
		`ALTER TABLE tenants ALTER COLUMN schema_name TYPE varchar(255)`,
		`ALTER TABLE tenants ADD COLUMN plan text NOT NULL DEFAULT 'free'`,
		`ALTER TABLE tenants ALTER COLUMN schema_name TYPE text COLLATE "C"`,
		`ALTER TABLE tenants DROP COLUMN plan`,
		`ALTER TABLE tenants ALTER COLUMN name TYPE varchar(255) COLLATE "C"`, // triggers have plans, too
		`ALTER TABLE tenants ALTER COLUMN id TYPE varchar(255) COLLATE "C"`,
		`ALTER TABLE tenants ALTER COLUMN identifier TYPE varchar(63) COLLATE "C", ALTER COLUMN name TYPE text COLLATE "C"`,
		`ALTER TABLE tenants_changes ALTER COLUMN op TYPE varchar(20)`,
		`ALTER TABLE tenants_changes ALTER COLUMN mark TYPE numeric; ALTER TABLE tenants_changes ALTER COLUMN mark TYPE bigint`,
	} {
		exec(t, admin, ddl)
		use(ddl)
	}
}
