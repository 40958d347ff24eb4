package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// recorder is a query hook that keeps all that it is shown.
type recorder struct {
	mu         sync.Mutex
	texts      map[string]int
	operations map[string]int
	shown      strings.Builder
}

func (r *recorder) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (r *recorder) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil {
		r.texts, r.operations = map[string]int{}, map[string]int{}
	}
	r.texts[event.Query]++
	r.operations[event.Operation()]++
	fmt.Fprintln(&r.shown, event.Query, event.QueryTemplate, event.QueryArgs, event.Model, event.Result, event.Err)
}

// tracer records what pgx sends.
type tracer struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.texts[data.SQL] = true
	return ctx
}

func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// use does everything that a store can, and much of it in vain.
func use(t *testing.T, db *bun.DB, opts ...bunstore.Option) {
	t.Helper()
	opts = append(opts, keyring(t, key(t, "k")), bunstore.WithLogger(slog.New(slog.DiscardHandler)))
	if db.Dialect().Name() != dialect.MySQL {
		opts = append(opts, bunstore.WithSearchIndex())
	}
	s := newStore(t, db, opts...)
	refuse(t, db)
	ctx := tenancy.WithActor(t.Context(), "actor-"+canary)
	created, err := s.Create(ctx, secretive(t, "acme-"+canary))
	if err != nil {
		t.Fatal(err)
	}
	refused := created
	refused.Name = "refused " + canary
	for what, call := range map[string]func() error{
		"Create, taken":  func() error { _, err := s.Create(ctx, secretive(t, "acme-"+canary)); return err },
		"Update refused": func() error { _, err := s.Update(ctx, refused); return err },
	} {
		if call() == nil {
			t.Errorf("%s succeeds", what)
		}
	}
	renamed := created
	renamed.Identifier = "renamed-" + canary
	_, err1 := s.Update(ctx, renamed)
	_, err2 := s.GetByID(ctx, created.ID)
	_, err3 := s.GetByIdentifier(ctx, renamed.Identifier)
	_, err4 := s.GetByIDs(ctx, []string{created.ID, "other-" + canary})
	_, err5 := s.List(ctx, tenancy.ListOptions{})
	_, err6 := s.Count(ctx, tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive, tenancy.StatusSuspended}})
	_, err7 := s.Search(ctx, canary, tenancy.SearchOptions{})
	_, err8 := s.UpdateMetadata(ctx, created.ID, created.Metadata)
	_, err9 := s.SetStatus(ctx, created.ID, tenancy.StatusSuspended)
	_, err10 := s.Changes(ctx, tenancy.Position{}, 0)
	_, err11 := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(created.ID)}, {Key: tenancy.IdentifierKey(renamed.Identifier)}})
	_, err12 := s.CreateBatch(ctx, []tenancy.Tenant{secretive(t, "batch-"+canary), renamed})
	_, err13 := s.Bounds(ctx)
	_, err14 := s.Reseal(ctx)
	_, err15 := s.Check(ctx)
	_, err16 := s.Trim(ctx)
	if err := s.RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx, tenants tenancy.Store) error {
		if _, err := tenants.Create(ctx, secretive(t, renamed.Identifier)); !errors.Is(err, tenancy.ErrAlreadyExists) {
			t.Errorf("Create, taken, in a transaction: %v", err)
		}
		_, err := tenants.UpdateMetadata(ctx, created.ID, created.Metadata)
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12, err13, err14, err15, err16, s.Delete(ctx, created.ID)); err != nil {
		t.Error(err)
	}
}

// Query hooks see every statement and no argument, whether it succeeds or fails.
func TestQueryHooksSeeStatementsWithoutArguments(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		hook := &recorder{}
		db = db.WithQueryHook(hook)
		use(t, db)
		hook.mu.Lock()
		defer hook.mu.Unlock()
		shown := hook.shown.String()
		// What the test itself has sent, by refuse, went past the hooks.
		if at := strings.Index(shown, canary); at >= 0 {
			t.Errorf("a hook was shown an argument: …%s", shown[max(0, at-300):at+len(canary)])
		}
		for _, operation := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK"} {
			if hook.operations[operation] == 0 {
				t.Errorf("no %s was seen, but %v", operation, hook.operations)
			}
		}
	})
}

// What pgx sends, hooks have seen.
func TestNoStatementGoesPastQueryHooks(t *testing.T) {
	config, err := pgx.ParseConfig(newPostgres(t))
	if err != nil {
		t.Fatal("TENANTSTORE_POSTGRES is no connection string")
	}
	sent := &tracer{texts: map[string]bool{}}
	config.Tracer = sent
	pool := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = pool.Close() })
	hook := &recorder{}
	use(t, bun.NewDB(pool, pgdialect.New()), bunstore.WithQueryHook(hook))
	hook.mu.Lock()
	defer hook.mu.Unlock()
	sent.mu.Lock()
	defer sent.mu.Unlock()
	for text := range sent.texts {
		switch {
		case hook.texts[text] > 0:
		case strings.HasPrefix(text, "CREATE FUNCTION refuse"), strings.HasPrefix(text, "CREATE TRIGGER refuse"): // the test's own
		case strings.HasPrefix(text, "begin"), text == "commit", text == "rollback": // bun spells them otherwise
		case text == "-- ping": // of database/sql
		default:
			t.Errorf("not seen by the hook: %s", text)
		}
	}
	if len(sent.texts) < 20 {
		t.Errorf("only %d texts were sent", len(sent.texts))
	}
}
