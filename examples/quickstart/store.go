package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// openStore returns the stack that cfg describes: a cache or a replica in this process, over
// Valkey if it is named, over the database. Closing it closes all of them.
// Nothing but this file knows what there is below.
func openStore(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Store, error) {
	store, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if cfg.valkey != "" {
		options := []valkeytier.Option{valkeytier.WithLogger(log)}
		if cfg.dsn == "" { // PostgreSQL tells other processes of changes itself, SQLite does not
			options = append(options, valkeytier.WithBus())
		}
		shared, err := valkeytier.New(store, valkey.ClientOption{InitAddress: []string{cfg.valkey}}, options...)
		if err != nil {
			return nil, errors.Join(err, store.Close())
		}
		log.Info("using Valkey", "addr", cfg.valkey) // not before it was judged: a misplaced URL has a password in it
		store = shared
	}
	local, err := openLocal(store, cfg, log)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return local, nil
}

func openLocal(store tenancy.Store, cfg config, log *slog.Logger) (tenancy.Store, error) {
	if source, ok := tenancy.SourceOf(store); cfg.replica && ok {
		return replica.New(source, replica.WithLogger(log))
	}
	if cfg.valkey != "" { // its cache has begun the stack, and logs for both
		return ristrettotier.New(store)
	}
	return ristrettotier.New(store, ristrettotier.WithTier(tier.WithLogger(log)))
}

// openDatabase creates or migrates the schema.
func openDatabase(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Store, error) {
	readable := bunstore.WithMetadataCheck(new(tenancy.View[institution]).Check) // by whoami
	if cfg.dsn != "" {
		log.Info("opening PostgreSQL")
		return bunpg.Open(ctx, cfg.dsn, bunpg.WithLogger(log), bunpg.WithStore(readable))
	}
	store, err := bunsqlite.Open(ctx, cfg.path, bunsqlite.WithStore(bunstore.WithLogger(log), readable))
	if err != nil {
		return nil, err
	}
	log.Info("using SQLite", "file", cfg.path) // not before it was judged: a misplaced URL has a password in it
	return store, nil
}
