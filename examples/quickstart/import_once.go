package main

import (
	"cmp"
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
// that was interrupted. It leaves every other store alone. Instances that start
// together may all import: each creates what it does not find.
func importOnce(ctx context.Context, store tenancy.Store, log *slog.Logger) error {
	mark, err := beginImport(ctx, store, log)
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil // nothing to import
	}
	if err != nil {
		return err
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

// beginImport returns the mark of an import, which it creates in an empty store,
// and ErrNotFound if there is nothing to import.
func beginImport(ctx context.Context, store tenancy.Store, log *slog.Logger) (tenancy.Tenant, error) {
	mark, err := store.GetByIdentifier(ctx, importMark)
	if errors.Is(err, tenancy.ErrNotFound) {
		count, countErr := store.Count(ctx, tenancy.Filter{})
		if countErr != nil || count > 0 {
			return tenancy.Tenant{}, cmp.Or(countErr, err)
		}
		mark, err = store.Create(ctx, tenancy.Tenant{
			Identifier: importMark, Name: "Import of the sample under way", Status: tenancy.StatusProvisioning,
		})
		if err == nil {
			log.Info("the store is empty: importing the sample")
			return mark, nil
		}
		if errors.Is(err, tenancy.ErrAlreadyExists) { // another instance was first
			mark, err = store.GetByIdentifier(ctx, importMark)
		}
	}
	if err == nil {
		log.Info("going on with an import that was interrupted, or that another instance has begun")
	}
	return mark, err
}
