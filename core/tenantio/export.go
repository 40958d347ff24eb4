package tenantio

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ExportOptions are the choices of an export. The zero value is a good one.
type ExportOptions struct {
	// Filter selects tenants; the zero Filter selects all, deleted included.
	Filter tenancy.Filter
	// Secrets includes every database_url in plain text. Keep such a file like a
	// password.
	Secrets bool
	// Progress, if set, is called with the number of tenants written so far,
	// about once in a thousand.
	Progress func(written int)
}

// progressEvery is how many tenants Export writes between two calls of Progress.
const progressEvery = 1000

// Export writes the tenants of store to w, in list order, page by page, and
// returns how many. Tenants that change meanwhile may show as before or as
// after. On an error of w or of the store, what was written is incomplete.
func Export(ctx context.Context, store tenancy.Lister, w io.Writer, format Format, opts ExportOptions) (int, error) {
	if err := format.validate(); err != nil {
		return 0, tenancy.ErrorIn("Export", tenancy.Key{}, err)
	}
	columns := fields()
	if !opts.Secrets {
		columns = slices.DeleteFunc(columns, func(f field) bool { return f.name == secretField })
	}
	out := bufio.NewWriterSize(w, readSize)
	if format == CSV {
		names := make([]string, len(columns))
		for i, f := range columns {
			names[i] = f.name
		}
		if _, err := out.Write(csvLine(names)); err != nil {
			return 0, writeError(0, err)
		}
	}
	n := 0
	for t, err := range tenancy.All(ctx, store, tenancy.ListOptions{Filter: opts.Filter}) {
		if err != nil {
			return n, tenancy.ErrorIn("Export", tenancy.Key{}, err)
		}
		line, err := encode(columns, t, format)
		if err != nil {
			return n, writeError(n, err)
		}
		if _, err := out.Write(line); err != nil {
			return n, writeError(n, err)
		}
		n++
		if opts.Progress != nil && n%progressEvery == 0 {
			opts.Progress(n)
		}
	}
	if err := out.Flush(); err != nil {
		return n, writeError(n, err)
	}
	if opts.Progress != nil && n%progressEvery != 0 {
		opts.Progress(n)
	}
	return n, nil
}

func encode(columns []field, t tenancy.Tenant, format Format) ([]byte, error) {
	if format == JSONLines {
		return jsonLine(columns, t)
	}
	cells := make([]string, len(columns))
	for i, f := range columns {
		cells[i] = f.text(t)
	}
	return csvLine(cells), nil
}

func writeError(n int, err error) error {
	return fmt.Errorf("tenantio: write tenant %d: %w", n+1, err)
}
