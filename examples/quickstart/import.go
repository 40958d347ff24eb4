package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// importBatch is how many tenants are created in one write.
const importBatch = 2000

// importInstitutions creates a tenant for every line of the sample that the
// store does not hold yet. It logs progress, and every line that it cannot
// import. It stops with an error only if ctx ends or the store fails, and can
// then be run again.
func importInstitutions(ctx context.Context, store tenancy.Store, log *slog.Logger) (tenantio.Report, error) {
	start, lines := time.Now(), strings.Count(institutionsCSV, "\n")
	records := tenantio.MapCSV(strings.NewReader(institutionsCSV), []string{"domain", "name"},
		func(values []string) (tenancy.Tenant, error) { return newInstitution(values[0], values[1]) })
	report, err := tenantio.ImportRecords(ctx, store, records, tenantio.ImportOptions{
		BatchSize: importBatch,
		MaxErrors: -1, // OnError has them all
		OnError:   func(e *tenantio.LineError) { log.Warn("line not imported", "line", e.Line, "err", e.Err) },
		Progress:  func(c tenantio.Counts) { log.Info("importing", "line", c.Line, "of", lines) },
	})
	if err != nil {
		return report, err
	}
	log.Info("import complete", "imported", report.Created, "already_there", report.Unchanged, "not_imported", report.Failed,
		"took", time.Since(start).Round(time.Millisecond))
	return report, nil
}
