//go:build unix

package stacks

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// statements counts what a store sends to its database: it logs each statement.
type statements struct {
	slog.Handler
	count atomic.Int64
}

func (s *statements) Enabled(context.Context, slog.Level) bool { return true }

func (s *statements) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "tenancy: statement" {
		s.count.Add(1)
	}
	return nil
}

func (s *statements) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s *statements) WithGroup(string) slog.Handler      { return s }

// polled counts how often its store's Wait has ended.
type polled struct {
	*bunstore.Store
	waits atomic.Int64
}

func (p *polled) Wait(ctx context.Context, after tenancy.Position) error {
	err := p.Store.Wait(ctx, after)
	p.waits.Add(1)
	return err
}

// TestIdleProcess: while nothing happens, a process with a listening session sends one
// statement in each poll interval.
func TestIdleProcess(t *testing.T) {
	sent := &statements{Handler: slog.DiscardHandler}
	base, err := bunpg.Open(t.Context(), servers.NewDatabase(t), bunpg.WithStore(bunstore.WithPollInterval(20*time.Millisecond), bunstore.WithLogger(slog.New(sent))))
	must(t, base, err)
	primary := &polled{Store: base}
	store, err := ristrettotier.New(primary, ristrettotier.WithTier(tier.WithLogger(slog.New(slog.DiscardHandler))))
	if err != nil {
		t.Fatal(errors.Join(err, base.Close()))
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	acme := must1(t)(store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}))
	must1(t)(store.GetByID(t.Context(), acme.ID))
	const polls, looks = 200, 20 // a look at the triggers, once a minute, takes some statements too
	waits, before := primary.waits.Load(), sent.count.Load()
	eventually(t, "polls", func() bool { return primary.waits.Load() >= waits+polls })
	if n, waited := sent.count.Load()-before, primary.waits.Load()-waits; n > waited+looks || n < polls/2 {
		t.Errorf("%d statements for %d polls", n, waited)
	}
}
