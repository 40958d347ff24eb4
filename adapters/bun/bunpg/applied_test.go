package bunpg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A write that claims to have changed nothing has changed nothing, wherever the
// connection breaks. Others may have: the test would notice a false claim, because
// some of those that failed without it are there.
func TestNotAppliedIsTrue(t *testing.T) {
	dsn := newDatabase(t)
	through := newRelay(t, dsn)
	direct := open(t, dsn)
	stores := []*bunstore.Store{
		open(t, through.url),
		// Every statement needs a connection of its own, so that there may be none for the second.
		open(t, through.url, bunpg.WithPool(bunpg.Pool{Size: 1, MaxLifetime: 1})),
	}
	if _, err := direct.Create(t.Context(), tenancy.Tenant{ID: "taken", Identifier: "taken", Name: "Taken"}); err != nil {
		t.Fatal(err)
	}
	claimed, lost := 0, 0
	for round := range 400 {
		id := fmt.Sprintf("t-%d", round)
		fresh := tenancy.Tenant{ID: id, Identifier: id, Name: id}
		s := stores[round/2%2]
		if round%8 == 0 {
			through.cut() // so that all have to connect
		}
		through.limit(round * 41 % 8192)
		var err error
		if round%2 == 0 {
			_, err = s.Create(t.Context(), fresh)
		} else { // a second statement finds out about the tenant that is taken
			var results []tenancy.CreateResult
			results, err = s.CreateBatch(t.Context(), []tenancy.Tenant{{ID: "taken", Identifier: "taken", Name: "Taken"}, fresh})
			if slices.ContainsFunc(results, func(r tenancy.CreateResult) bool { return r.Tenant.ID == id }) {
				err = nil
			}
		}
		through.heal()
		found, existsErr := direct.Exists(t.Context(), id)
		switch {
		case existsErr != nil:
			t.Fatal(existsErr)
		case err == nil && !found:
			t.Errorf("round %d: acknowledged, and not there", round)
		case errors.Is(err, tenancy.ErrNotApplied):
			claimed++
			if found {
				t.Errorf("round %d: claims to have changed nothing, and is there: %v", round, err)
			}
		case err != nil && found:
			lost++
		}
	}
	if claimed == 0 || lost == 0 {
		t.Errorf("%d claims and %d lost answers: the test has seen too little", claimed, lost)
	}
	t.Logf("%d claims, %d lost answers", claimed, lost)
}

// A write whose context ends while all connections of the pool are taken was never sent,
// and says so: caches go on serving.
func TestWriteThatWaitsForAConnectionIsNotApplied(t *testing.T) {
	for name, opts := range map[string][]bunpg.Option{"as it is": nil, "behind a pooler": {bunpg.WithPgBouncer()}} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			s := open(t, dsn, append(opts, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 1}),
				bunpg.WithLockTimeout(time.Hour))...) // the first write keeps the connection
			acme := create(t, s, "acme")
			conn, other := connect(t, dsn), connect(t, dsn)
			exec(t, conn, `BEGIN`)
			exec(t, conn, `LOCK TABLE tenants`)
			first := make(chan error, 1)
			go func() {
				_, err := s.SetStatus(context.WithoutCancel(t.Context()), acme.ID, tenancy.StatusSuspended)
				first <- err
			}()
			waitUntil(t, func() bool {
				return one[int](t, other, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
			})
			for op, write := range map[string]func(ctx context.Context) error{
				"SetStatus": func(ctx context.Context) error { _, err := s.SetStatus(ctx, acme.ID, tenancy.StatusActive); return err },
				"Create": func(ctx context.Context) error {
					_, err := s.Create(ctx, tenancy.Tenant{Identifier: "globex", Name: "Globex"})
					return err
				},
				"CreateBatch": func(ctx context.Context) error {
					_, err := s.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "globex", Name: "Globex"}})
					return err
				},
				"Delete": func(ctx context.Context) error { return s.Delete(ctx, acme.ID) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				if err := write(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, tenancy.ErrNotApplied) {
					t.Errorf("%s: %v, want ErrNotApplied", op, err)
				}
				cancel()
			}
			exec(t, conn, `COMMIT`)
			if err := <-first; err != nil {
				t.Error(err)
			}
			if n, err := s.Count(t.Context(), tenancy.Filter{}); n != 1 || err != nil {
				t.Errorf("there are %d tenants, %v", n, err)
			}
		})
	}
}

// A batch of which a later tenant was created before the connection was lost for an
// earlier one has changed something.
func TestPartOfABatchIsApplied(t *testing.T) {
	dsn := newDatabase(t)
	through := newRelay(t, dsn)
	direct := open(t, dsn)
	taken := tenancy.Tenant{ID: "taken", Identifier: "taken", Name: "Taken"}
	if _, err := direct.Create(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	between := after{slog.DiscardHandler, func(statement string) {
		switch {
		case strings.Contains(statement, "WITH ORDINALITY"): // all but one were created
			if err := direct.Delete(t.Context(), "taken"); err != nil {
				t.Error(err)
			}
		case strings.HasPrefix(statement, "SELECT t.id, t.identifier"): // nothing is in the way of that one now
			through.limit(0)
			through.cut()
		}
	}}
	s := open(t, through.url, bunpg.WithLogger(slog.New(between)),
		bunpg.WithPool(bunpg.Pool{Size: 1, MaxLifetime: 1})) // a connection for every statement
	results, err := s.CreateBatch(t.Context(), []tenancy.Tenant{taken, {ID: "fresh", Identifier: "fresh", Name: "Fresh"}})
	if len(results) != 0 || !errors.Is(err, tenancy.ErrUnavailable) {
		t.Fatalf("%v, %v; want no result and ErrUnavailable", results, err)
	}
	if found, err := direct.Exists(t.Context(), "fresh"); err != nil || !found {
		t.Fatalf("%v, %v: the test is not what it should be", found, err)
	}
	if errors.Is(err, tenancy.ErrNotApplied) {
		t.Errorf("claims to have changed nothing: %v", err)
	}
}

// after calls a function after each statement.
type after struct {
	slog.Handler
	call func(statement string)
}

func (a after) Enabled(context.Context, slog.Level) bool { return true }

func (a after) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "statement" {
			a.call(attr.Value.String())
		}
		return true
	})
	return nil
}

// What takes several statements claims nothing of the kind once one has changed
// something.
func TestPartOfARunIsApplied(t *testing.T) {
	dsn := newDatabase(t)
	through := newRelay(t, dsn)
	admin := connect(t, dsn)
	key, err := seal.NewKey("a", make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := seal.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	var last string // the beginning of the last statement before the connection is lost
	s := open(t, through.url, bunpg.WithStore(bunstore.WithSealer(keyring), bunstore.WithRetention(1, 0)),
		bunpg.WithLogger(slog.New(after{slog.DiscardHandler, func(statement string) {
			if last != "" && strings.HasPrefix(statement, last) {
				through.limit(0)
				through.cut()
			}
		}})),
		bunpg.WithPool(bunpg.Pool{Size: 1, MaxLifetime: 1})) // a connection for every statement
	exec(t, admin, "INSERT INTO tenants (identifier, name, database_url) SELECT 'tenant-' || n, 'Tenant', 'postgres://' || n FROM generate_series(1, 3000) AS n")
	for name, run := range map[string]func() (int64, error){
		"Trim": func() (int64, error) {
			last = "DELETE"
			return s.Trim(t.Context())
		},
		"Reseal": func() (int64, error) {
			last = "UPDATE"
			n, err := s.Reseal(t.Context())
			return int64(n), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer through.heal()
			n, err := run()
			if n == 0 || !errors.Is(err, tenancy.ErrUnavailable) {
				t.Fatalf("%d, %v; want a part and ErrUnavailable", n, err)
			}
			if errors.Is(err, tenancy.ErrNotApplied) {
				t.Errorf("claims to have changed nothing: %.200v", err)
			}
		})
	}
}
