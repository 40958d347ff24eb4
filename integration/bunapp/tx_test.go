package bunapp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// The program's own tables.
type (
	user struct {
		bun.BaseModel `bun:"table:users"`

		ID       int64            `bun:",pk,autoincrement"`
		TenantID string           `bun:"tenant_id"`
		Tenant   *bunstore.Tenant `bun:"rel:belongs-to,join:tenant_id=id"`
	}
	event struct {
		bun.BaseModel `bun:"table:outbox"`

		ID    int64 `bun:",pk,autoincrement"`
		Topic string
	}
)

var errRollback = errors.New("rolled back by the program")

// app is a program with two nodes, each with a cache over a store in db.
type app struct {
	db    *bun.DB
	store *bunstore.Store // of nodes[0]
	nodes []tenancy.Store
}

func newApp(t *testing.T, db *bun.DB, poll time.Duration) app {
	t.Helper()
	a := app{db: db}
	for range 2 {
		s := newStore(t, db, bunstore.WithPollInterval(poll))
		if a.store == nil {
			a.store = s
		}
		node, err := ristrettotier.New(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := node.Close(); err != nil {
				t.Error(err)
			}
		})
		a.nodes = append(a.nodes, node)
	}
	for _, model := range []any{(*user)(nil), (*event)(nil)} {
		if _, err := db.NewCreateTable().Model(model).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// signUp creates a tenant, its first user and a row of the outbox, and suspends another tenant.
func (a app) signUp(ctx context.Context, tx bun.Tx, tenants tenancy.Store, identifier, suspend string) error {
	created, err := tenants.Create(ctx, tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&user{TenantID: created.ID}).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&event{Topic: "tenant.created"}).Exec(ctx); err != nil {
		return err
	}
	_, err = tenants.SetStatus(ctx, suspend, tenancy.StatusSuspended)
	return err
}

// status is that of a tenant as s has it, "" if there is none.
func status(t *testing.T, s tenancy.Store, identifier string) tenancy.Status {
	t.Helper()
	got, err := s.GetByIdentifier(t.Context(), identifier)
	if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
		t.Fatal(err)
	}
	return got.Status
}

func (a app) rows(t *testing.T) int {
	t.Helper()
	users, err1 := a.db.NewSelect().Model((*user)(nil)).Count(t.Context())
	events, err2 := a.db.NewSelect().Model((*event)(nil)).Count(t.Context())
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return int(users + events)
}

// What every node shows of a transaction: nothing before the commit, although it has asked
// and keeps the answers; everything after it, a fresh read at once; nothing of what was
// rolled back.
func TestCachesShowATransactionFromItsCommitOn(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		a := newApp(t, db, 10*time.Millisecond)
		ctx := t.Context()
		old, err := a.nodes[0].Create(ctx, tenancy.Tenant{Identifier: "old", Name: "Old"})
		if err != nil {
			t.Fatal(err)
		}
		unchanged := func() {
			t.Helper()
			for i, node := range a.nodes {
				for _, s := range []tenancy.Store{node, tenancy.Fresh(node)} {
					if created, was := status(t, s, "acme"), status(t, s, "old"); created != "" || was != tenancy.StatusActive {
						t.Errorf("node %d shows %q and %q of a transaction without a commit", i, created, was)
					}
				}
			}
		}
		unchanged()
		for _, end := range []error{errRollback, nil} {
			err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				tenants, err := a.store.Tx(tx)
				if err != nil {
					return err
				}
				if err := a.signUp(ctx, tx, tenants, "acme", old.ID); err != nil {
					return err
				}
				unchanged()
				return end
			})
			if !errors.Is(err, end) {
				t.Fatalf("RunInTx: %v, want %v", err, end)
			}
			if end == nil {
				break
			}
			if n := a.rows(t); n != 0 {
				t.Errorf("%d rows of what was rolled back", n)
			}
			// What comes after it in the log has reached every node: so has what came before.
			if _, err := a.nodes[0].Create(ctx, tenancy.Tenant{Identifier: "next", Name: "Next"}); err != nil {
				t.Fatal(err)
			}
			servers.Eventually(t, "the next tenant is seen", func() bool { return status(t, a.nodes[1], "next") != "" })
			unchanged()
		}
		if n := a.rows(t); n != 2 {
			t.Errorf("%d rows of what was committed, want 2", n)
		}
		for i, node := range a.nodes {
			fresh := tenancy.Fresh(node)
			if created, was := status(t, fresh, "acme"), status(t, fresh, "old"); created != tenancy.StatusActive || was != tenancy.StatusSuspended {
				t.Errorf("a fresh read of node %d shows %q and %q after the commit", i, created, was)
			}
			servers.Eventually(t, "the caches show what was committed", func() bool {
				return status(t, node, "acme") == tenancy.StatusActive && status(t, node, "old") == tenancy.StatusSuspended
			})
		}
		var users []user
		if err := db.NewSelect().Model(&users).Relation("Tenant").Scan(ctx); err != nil || len(users) != 1 || users[0].Tenant.Identifier != "acme" {
			t.Errorf("users %+v, %v", users, err)
		}
	})
}

// After RunInTx of the store, the caches of this process need no poll.
func TestCachesAreWokenByRunInTx(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		a := newApp(t, db, time.Hour)
		ctx := t.Context()
		old, err := a.nodes[0].Create(ctx, tenancy.Tenant{Identifier: "old", Name: "Old"})
		if err != nil {
			t.Fatal(err)
		}
		if status(t, a.nodes[0], "acme") != "" || status(t, a.nodes[0], "old") != tenancy.StatusActive {
			t.Fatal("the store is not as it should be")
		}
		if err := a.store.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx, tenants tenancy.Store) error {
			return a.signUp(ctx, tx, tenants, "acme", old.ID)
		}); err != nil {
			t.Fatal(err)
		}
		servers.Eventually(t, "the caches show what was committed", func() bool {
			return status(t, a.nodes[0], "acme") == tenancy.StatusActive && status(t, a.nodes[0], "old") == tenancy.StatusSuspended
		})
	})
}
