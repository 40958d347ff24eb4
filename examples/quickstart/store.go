package main

import (
	"context"
	"log/slog"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// openStore opens the store that cfg names, and creates or migrates its schema.
// Nothing but this function knows which database it is.
func openStore(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Store, error) {
	if cfg.dsn != "" {
		log.Info("opening PostgreSQL")
		return bunpg.Open(ctx, cfg.dsn)
	}
	log.Info("opening SQLite", "file", cfg.path)
	return bunsqlite.Open(ctx, cfg.path)
}
