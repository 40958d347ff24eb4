package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// importBatch is how many tenants are created in one write.
const importBatch = 2000

// importInstitutions creates a tenant for every line of the sample that the
// store does not hold yet. It logs progress, and every line that it leaves out. It
// stops with an error only if ctx ends or the store fails, and can
// then be run again.
func importInstitutions(ctx context.Context, store tenancy.Store, log *slog.Logger) (tenantio.Report, error) {
	start, lines := time.Now(), strings.Count(institutionsCSV, "\n")
	records := tenantio.MapCSV(strings.NewReader(institutionsCSV), []string{"domain", "name"},
		func(values []string) (tenancy.Tenant, error) { return newInstitution(values[0], values[1]) })
	report, err := tenantio.ImportRecords(ctx, store, records, tenantio.ImportOptions{
		BatchSize: importBatch,
		MaxErrors: -1, // OnError has them all
		OnError: func(e *tenantio.LineError) {
			level, why := slog.LevelWarn, "line not imported"
			if errors.Is(e, tenancy.ErrAlreadyExists) { // the sample has an institution twice
				level, why = slog.LevelInfo, "line left out: an earlier one has its identifier"
			}
			log.Log(ctx, level, why, "line", e.Line, "err", e.Err)
		},
		Progress: func(c tenantio.Counts) { log.Info("importing", "line", c.Line, "of", lines) },
	})
	if err != nil {
		return report, err
	}
	log.Info("import complete", "imported", report.Created, "already_there", report.Unchanged, "left_out", report.Failed,
		"took", time.Since(start).Round(time.Millisecond))
	return report, nil
}
