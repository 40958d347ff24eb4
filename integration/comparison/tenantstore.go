//go:build unix

package comparison

import (
	"context"
	"errors"
	"log/slog"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// ours is a stack of tenantstore.
type ours struct{ tenancy.Store }

func openRistrettotier(ctx context.Context, s Setting) (Node, error) {
	return stack(ctx, s, s.overRistretto)
}

func openValkeytier(ctx context.Context, s Setting) (Node, error) {
	return stack(ctx, s, s.overValkey)
}

func openBothTiers(ctx context.Context, s Setting) (Node, error) {
	return stack(ctx, s, s.overValkey, s.overRistretto)
}

// openReplica returns when all tenants were read.
func openReplica(ctx context.Context, s Setting) (Node, error) {
	base, err := bunpg.Open(ctx, s.DSN)
	if err != nil {
		return nil, err
	}
	r, err := replica.New(base, replica.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, errors.Join(err, base.Close())
	}
	select {
	case <-r.Synced():
		return ours{r}, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), r.Close())
	}
}

func stack(ctx context.Context, s Setting, tiers ...func(tenancy.Store) (*tier.Store, error)) (Node, error) {
	base, err := bunpg.Open(ctx, s.DSN)
	if err != nil {
		return nil, err
	}
	store := tenancy.Store(base)
	for _, over := range tiers {
		next, err := over(store)
		if err != nil {
			return nil, errors.Join(err, store.Close())
		}
		store = next
	}
	return ours{store}, nil
}

func (s Setting) overRistretto(next tenancy.Store) (*tier.Store, error) {
	return ristrettotier.New(next, ristrettotier.WithMaxEntries(s.Entries), ristrettotier.WithMaxNegatives(s.Entries/10),
		ristrettotier.WithTier(s.tier(next)...))
}

func (s Setting) overValkey(next tenancy.Store) (*tier.Store, error) {
	return valkeytier.New(next, valkey.ClientOption{InitAddress: []string{s.Valkey}},
		valkeytier.WithKeyPrefix(s.Prefix), valkeytier.WithTier(s.tier(next)...))
}

func (s Setting) tier(next tenancy.Store) []tier.Option {
	opts := []tier.Option{tier.WithTTL(s.TTL)}
	if _, joins := tier.Of(next); !joins {
		opts = append(opts, tier.WithLogger(slog.New(slog.DiscardHandler)))
	}
	return opts
}

func (n ours) Get(ctx context.Context, slug string) (Answer, error) {
	t, err := n.GetByIdentifier(ctx, slug)
	if errors.Is(err, tenancy.ErrNotFound) {
		return Answer{}, ErrNotFound
	}
	return Answer{string(t.Status), int64(t.Revision)}, err
}

func (n ours) SetStatus(ctx context.Context, id, status string) (int64, error) {
	t, err := n.Store.SetStatus(ctx, id, tenancy.Status(status))
	return int64(t.Revision), err
}
