package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
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
	if cfg.replica {
		return openReplica(ctx, cfg, log)
	}
	store, err := openShared(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	var options []ristrettotier.Option
	if cfg.valkey == "" { // else its cache has begun the stack, and logs for both
		options = append(options, ristrettotier.WithTier(tier.WithLogger(log)))
	}
	local, err := ristrettotier.New(store, options...)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return local, nil
}

const (
	// snapshotAge is how old the tenants may be that are served without the database.
	snapshotAge = 24 * time.Hour
	// replicaPatience is how long a start waits for the tenants.
	replicaPatience = 10 * time.Second
)

// openReplica opens what is below a replica later, if the replica starts from a file and the
// database is down.
func openReplica(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Store, error) {
	open := func(ctx context.Context) (tenancy.Source, error) { return openShared(ctx, cfg, log) }
	options := []replica.Option{replica.WithLogger(log)}
	if cfg.file == "" {
		source, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return replica.New(source, options...)
	}
	r, err := replica.Open(open, append(options, replica.WithSnapshotFile(cfg.file, snapshotAge))...)
	if err != nil {
		return nil, err
	}
	select {
	case <-r.Ready():
	case <-time.After(replicaPatience): // without the database, and without a file: it fails
	case <-ctx.Done():
	}
	return r, nil
}

// openShared returns Valkey, if it is named, over the database.
func openShared(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Source, error) {
	store, err := openDatabase(ctx, cfg, log)
	if err != nil || cfg.valkey == "" {
		return store, err
	}
	options := []valkeytier.Option{valkeytier.WithLogger(log)}
	if cfg.dsn == "" || isMySQL(cfg.dsn) { // PostgreSQL tells other processes of changes itself, the others do not
		options = append(options, valkeytier.WithBus())
	}
	shared, err := valkeytier.New(store, valkey.ClientOption{InitAddress: []string{cfg.valkey}}, options...)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	log.Info("using Valkey", "addr", cfg.valkey) // not before it was judged: a misplaced URL has a password in it
	return shared, nil
}

// formerAge is for how long the identifier before a rename leads to the tenant.
const formerAge = 90 * 24 * time.Hour

func isMySQL(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, "://")
	return scheme == "mysql" || scheme == "mariadb"
}

// openDatabase creates or migrates the schema.
func openDatabase(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Source, error) {
	readable := bunstore.WithMetadataCheck(new(tenancy.View[institution]).Check) // by whoami
	former := bunstore.WithKeepFormer(formerAge)
	switch {
	case isMySQL(cfg.dsn):
		log.Info("opening MySQL")
		return bunmysql.Open(ctx, cfg.dsn, bunmysql.WithLogger(log), bunmysql.WithStore(readable, former))
	case cfg.dsn != "":
		log.Info("opening PostgreSQL")
		return bunpg.Open(ctx, cfg.dsn, bunpg.WithLogger(log), bunpg.WithStore(readable, former))
	}
	store, err := bunsqlite.Open(ctx, cfg.path, bunsqlite.WithStore(bunstore.WithLogger(log), readable, former))
	if err != nil {
		return nil, err
	}
	log.Info("using SQLite", "file", cfg.path) // not before it was judged: a misplaced URL has a password in it
	return store, nil
}
