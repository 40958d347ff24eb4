package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// importMark is a tenant that exists while an import is under way. It makes the
// difference between a store that was left half full, which the next start goes
// on to fill, and one whose tenants somebody deleted, which stays as it is.
const importMark = "quickstart-import"

// importOnce imports the sample into an empty store, or goes on with an import
// that was interrupted. It leaves every other store alone.
func importOnce(ctx context.Context, store tenancy.Store, log *slog.Logger) error {
	mark, err := store.GetByIdentifier(ctx, importMark)
	switch {
	case err == nil:
		log.Info("going on with an interrupted import")
	case !errors.Is(err, tenancy.ErrNotFound):
		return err
	default:
		count, err := store.Count(ctx, tenancy.Filter{})
		if err != nil || count > 0 {
			return err
		}
		log.Info("the store is empty: importing the sample")
		mark, err = store.Create(ctx, tenancy.Tenant{
			Identifier: importMark, Name: "Import of the sample under way", Status: tenancy.StatusProvisioning,
		})
		if err != nil {
			return err
		}
	}
	if _, err := importInstitutions(ctx, store, log); err != nil {
		return err
	}
	err = store.Delete(ctx, mark.ID)
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil // another process imported at the same time
	}
	return err
}
