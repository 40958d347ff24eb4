package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// unclosed stays open when a tier above it is closed.
type unclosed struct{ *bunstore.Store }

func (unclosed) Close() error { return nil }

// patient lets tiers do what none does in service, such as the replay of a log of a
// million rows.
func patient() []tier.Option {
	return []tier.Option{
		tier.WithFollowTimeout(time.Minute), tier.WithLoadTimeout(time.Minute),
		tier.WithLogger(slog.New(slog.DiscardHandler)),
	}
}

// newLocal returns a cache for so many entries over the store, which serves.
func (s *site) newLocal(ctx context.Context, entries int) (*tier.Store, error) {
	local, err := ristrettotier.New(unclosed{s.store},
		ristrettotier.WithMaxEntries(entries), ristrettotier.WithTier(patient()...))
	if err != nil {
		return nil, err
	}
	return local, s.firstRead(ctx, local)
}

// firstRead is what a request makes a tier do that has just been started: it has
// read the log when it answers.
func (s *site) firstRead(ctx context.Context, t *tier.Store) error {
	_, err := t.GetByIdentifier(ctx, s.sample.identifier(0))
	return err
}
