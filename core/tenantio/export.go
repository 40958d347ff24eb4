package tenantio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// ExportOptions are the choices of an export. The zero value is a good one.
type ExportOptions struct {
	// Filter selects tenants; the zero Filter selects all, deleted included.
	Filter tenancy.Filter
	// Secrets includes every database_url in plain text. Keep such a file like a
	// password. Without it, a store that encrypts them opens none.
	Secrets bool
	// Names includes the names of each tenant. The names of all tenants are read first, and
	// kept in memory.
	Names bool
	// Progress, if set, is called with the number of tenants written so far,
	// about once in a thousand.
	Progress func(written int)
}

// progressEvery is how many tenants Export writes between two calls of Progress.
const progressEvery = 1000

// Export writes the tenants of store to w, in list order, page by page, and
// returns how many. Tenants that change meanwhile may show as before or as
// after. On an error of w or of the store, what was written is incomplete.
//
// A database_url or metadata that the store cannot read does not stop an export:
// the line has the mask "***" in its place, and when all are written, Export
// returns an error that wraps [tenancy.ErrWithheld] and names the first 100 of
// these tenants.
func Export(ctx context.Context, store tenancy.Lister, w io.Writer, format Format, opts ExportOptions) (int, error) {
	if err := format.validate(); err != nil {
		return 0, driver.ErrorIn("Export", tenancy.Key{}, err)
	}
	columns := slices.DeleteFunc(fields(), func(f field) bool {
		return f.name == secretField && !opts.Secrets || f.name == namesField && !opts.Names
	})
	var names map[string][]tenancy.Name
	if opts.Names {
		var err error
		if names, err = listNames(ctx, store); err != nil {
			return 0, driver.ErrorIn("Export", tenancy.Key{}, err)
		}
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if format == CSV {
		header := make([]string, len(columns))
		for i, f := range columns {
			header[i] = f.name
		}
		if _, err := out.Write(csvLine(header)); err != nil {
			return 0, writeError(0, err)
		}
	}
	n := 0
	var masked withheldErrors
	for t, err := range tenancy.All(ctx, store, tenancy.ListOptions{Filter: opts.Filter, OmitSecrets: !opts.Secrets}) {
		if err != nil {
			return n, driver.ErrorIn("Export", tenancy.Key{}, err)
		}
		masked.note(columns, t)
		line, err := encode(columns, t, names[t.ID], format)
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
	return n, masked.err()
}

// withheldErrors is what an export could not read.
type withheldErrors struct {
	first []error
	more  int
}

func (w *withheldErrors) note(columns []field, t tenancy.Tenant) {
	for _, f := range columns {
		if f.withheld == nil || f.withheld(t) == nil {
			continue
		}
		if len(w.first) == DefaultMaxErrors {
			w.more++
			continue
		}
		w.first = append(w.first, &tenancy.Error{
			Op: "Export", ID: t.ID, Identifier: t.Identifier, Field: f.name, Err: f.withheld(t),
		})
	}
}

func (w *withheldErrors) err() error {
	if w.more > 0 {
		return errors.Join(append(w.first, fmt.Errorf("tenantio: and %d more", w.more))...)
	}
	return errors.Join(w.first...)
}

func encode(columns []field, t tenancy.Tenant, names []tenancy.Name, format Format) ([]byte, error) {
	text, err := namesText(names)
	if err != nil {
		return nil, err
	}
	if format == JSONLines {
		return jsonLine(columns, t, text)
	}
	cells := make([]string, len(columns))
	for i, f := range columns {
		cells[i] = f.shown(t, text)
	}
	return csvLine(cells), nil
}

func writeError(n int, err error) error {
	return fmt.Errorf("tenantio: write tenant %d: %w", n+1, err)
}
