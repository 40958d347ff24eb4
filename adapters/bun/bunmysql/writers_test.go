package bunmysql_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/internal/mysqlerror"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// People edit rows in any order, some of it in transactions that they abandon, beside eight
// stores. A person may meet a deadlock; a store never does, and the log has no gap at any
// time: a revision is visible only if all smaller ones are.
func TestRevisionsFollowCommits(t *testing.T) {
	dsn := newSchema(t)
	const stores, people, rounds = 8, 4, 25
	var writers, checker sync.WaitGroup
	for w := range stores {
		s := open(t, dsn, bunmysql.WithPool(bunmysql.Pool{Size: 2}))
		writers.Go(func() {
			for i := range rounds {
				id := fmt.Sprint("s-", w, "-", i)
				created, err := s.Create(t.Context(), tenancy.Tenant{ID: id, Identifier: id, Name: "S"})
				if err == nil {
					_, err = s.SetStatus(t.Context(), created.ID, tenancy.StatusSuspended)
				}
				if err == nil {
					_, err = s.BulkUpdateStatus(t.Context(), []string{"p-1", id, "p-0", "p-3", "p-2"}, tenancy.StatusActive)
				}
				if err != nil && !errors.Is(err, tenancy.ErrNotFound) { // somebody may have deleted it
					t.Errorf("store %d: %v", w, err)
					return
				}
			}
		})
	}
	for p := range people {
		conn := connect(t, dsn)
		writers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(p)))
			for range rounds {
				a, b := strconv.Itoa(random.IntN(people)), strconv.Itoa(random.IntN(people))
				insert := `INSERT IGNORE INTO tenants (id, identifier, name) VALUES ('p-` + a + `', 'p-` + a + `', 'P'), ('p-` + b + `', 'p-` + b + `', 'P')`
				update := `UPDATE tenants SET name = CONCAT(LEFT(name, 200), 'x') WHERE id IN ('p-` + b + `', 'p-` + a + `')`
				remove := `DELETE FROM tenants WHERE id LIKE 's-%' ORDER BY identifier DESC LIMIT 3`
				script := [][]string{
					{insert}, {update}, {remove},
					{`START TRANSACTION`, update, insert, `COMMIT`},
					{`START TRANSACTION`, remove, `ROLLBACK`},
					{`START TRANSACTION`, insert, `SAVEPOINT s`, remove, `ROLLBACK TO s`, update, `COMMIT`},
				}[random.IntN(6)]
				for _, text := range script {
					if err := try(conn, text); err != nil {
						if number, _ := mysqlerror.Of(err); number != 1213 && number != 1205 {
							t.Errorf("%s: %v", text, err)
						}
						_ = try(conn, `ROLLBACK`)
						break
					}
				}
			}
		})
	}
	done := make(chan struct{})
	reader := connect(t, dsn)
	checker.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if gap := one[int64](t, reader, `SELECT MAX(revision) - COUNT(*) FROM tenants_changes`); gap != 0 {
				t.Errorf("%d revisions below the newest one are not visible", gap)
				return
			}
		}
	})
	writers.Wait()
	close(done)
	checker.Wait()
	checkLog(t, reader)
	if n := len(changes(t, reader)); n < stores*rounds*2 {
		t.Errorf("only %d changes: the test has lost its load", n)
	}
}
