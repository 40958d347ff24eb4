package main

import (
	"context"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// openTarget opens the store to import into, and creates what it needs in the database.
func openTarget(ctx context.Context, cfg config) (tenancy.Store, error) {
	switch table := bunstore.WithTable(cfg.toTable); {
	case cfg.dry:
		return memstore.New(), nil
	case isPostgres(cfg.to):
		return bunpg.Open(ctx, postgresURL(cfg.to), bunpg.WithStore(table))
	case isMySQL(cfg.to):
		return bunmysql.Open(ctx, mysqlURL(cfg.to), bunmysql.WithStore(table))
	default:
		file, err := sqliteFile(cfg.to)
		if err != nil {
			return nil, err
		}
		return bunsqlite.Open(ctx, file, bunsqlite.WithStore(table))
	}
}
