package bunpg_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The tables are changed, and sessions emptied, under a running process whose
// connections have prepared their statements.
func TestStatementsOutliveDDL(t *testing.T) {
	dsn := newDatabase(t)
	const connections = 4
	store := open(t, dsn, bunpg.WithPool(bunpg.Pool{Size: connections}))
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
				_, err5 := store.Head(t.Context())
				if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
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
		`ALTER TABLE tenants_changes ALTER COLUMN op TYPE varchar(20)`,
		`ALTER TABLE tenants_changes ALTER COLUMN mark TYPE numeric; ALTER TABLE tenants_changes ALTER COLUMN mark TYPE bigint`,
	} {
		exec(t, admin, ddl)
		use(ddl)
	}
}
