package tenantio

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// The defaults and limits of ImportOptions.
const (
	DefaultBatchSize = 500
	DefaultMaxErrors = 100
	MaxBatchSize     = 10_000
	MaxMaxErrors     = 1_000_000
)

// batchBytes is how much text a batch holds at most, so that large metadata
// neither fills memory nor makes one transaction too long.
const batchBytes = 4 << 20

// ImportOptions are the choices of an import. The zero value is a good one.
type ImportOptions struct {
	// Update changes a stored tenant that differs from its line. Without it such
	// a line fails.
	Update bool
	// Names lets lines state names. Their domains are claimed for the tenant and, where a
	// line says so, verified and primary, without another proof: set it for files that you
	// trust. Nothing is removed, and former identifiers, which only a rename makes, are left
	// out. Without Names, a line that states names fails.
	Names bool
	// BatchSize is how many tenants are created at once: DefaultBatchSize if 0, at
	// most MaxBatchSize.
	BatchSize int
	// MaxErrors bounds Report.Errors, which are kept in memory: DefaultMaxErrors if
	// 0, none if -1, at most MaxMaxErrors. All are counted.
	MaxErrors int
	// OnError, if set, is called for every line that fails, in the order of the
	// file.
	OnError func(*LineError)
	// Progress, if set, is called after every batch.
	Progress func(Counts)
}

// Import reads tenants from r into store, and reports what became of them. It
// looks at ctx before every batch, and ends with its error. When Import fails,
// the report holds what was done until then, and a line of the batch that was
// under way may have been imported without being counted; run the import again
// to complete it.
func Import(ctx context.Context, store tenancy.Store, r io.Reader, format Format, opts ImportOptions) (Report, error) {
	return ImportRecords(ctx, store, Read(r, format), opts)
}

// ImportRecords is Import from any sequence of records: those of [MapCSV], or
// ones made by hand. An error in the sequence ends the import.
func ImportRecords(
	ctx context.Context, store tenancy.Store, records iter.Seq2[Record, error], opts ImportOptions,
) (Report, error) {
	if err := opts.normalize(); err != nil {
		return Report{}, driver.ErrorIn("Import", tenancy.Key{}, err)
	}
	im := importer{store: store, opts: opts}
	size := 0
	for record, err := range records {
		if err != nil {
			if flushErr := im.flush(ctx); flushErr != nil {
				return im.report, flushErr
			}
			return im.report, fmt.Errorf("tenantio: %w", err)
		}
		im.batch = append(im.batch, record)
		t := record.Tenant
		size += len(t.Name) + len(t.DatabaseURL.Reveal()) + len(t.Metadata.String())
		if len(im.batch) < opts.BatchSize && size < batchBytes {
			continue
		}
		if err := im.flush(ctx); err != nil {
			return im.report, err
		}
		size = 0
	}
	err := im.flush(ctx)
	return im.report, err
}

// normalize fills in the defaults, or returns an error that wraps ErrInvalid.
func (o *ImportOptions) normalize() error {
	if o.BatchSize < 0 || o.BatchSize > MaxBatchSize {
		return invalid("batch_size", "must be 0 to %d", MaxBatchSize)
	}
	if o.BatchSize == 0 {
		o.BatchSize = DefaultBatchSize
	}
	if o.MaxErrors < -1 || o.MaxErrors > MaxMaxErrors {
		return invalid("max_errors", "must be -1 to %d", MaxMaxErrors)
	}
	if o.MaxErrors == 0 {
		o.MaxErrors = DefaultMaxErrors
	}
	return nil
}

// importer is one import under way.
type importer struct {
	store  tenancy.Store
	opts   ImportOptions
	report Report
	batch  []Record
}

// flush imports the batch. An error means that the store failed; what is known
// of the batch is reported then, too.
func (im *importer) flush(ctx context.Context) error {
	if len(im.batch) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return driver.ErrorIn("Import", tenancy.Key{}, err)
	}
	b := batch{store: im.store, update: im.opts.Update, names: im.opts.Names, records: im.batch, done: make([]outcome, len(im.batch))}
	err := b.run(ctx)
	im.count(b.done)
	im.batch = im.batch[:0]
	if im.opts.Progress != nil {
		im.opts.Progress(im.report.Counts)
	}
	return driver.ErrorIn("Import", tenancy.Key{}, err)
}

// count adds the outcomes of the batch to the report.
func (im *importer) count(done []outcome) {
	complete := true
	for i, o := range done {
		r := im.batch[i]
		switch o.fate {
		case unknown:
			complete = false
		case created:
			im.report.Created++
		case updated:
			im.report.Updated++
		case unchanged:
			im.report.Unchanged++
		case failed:
			im.report.Failed++
			e := &LineError{r.Line, driver.ErrorIn("Import", tenancy.IdentifierKey(r.Tenant.Identifier), o.err)}
			if len(im.report.Errors) < im.opts.MaxErrors {
				im.report.Errors = append(im.report.Errors, e)
			}
			if im.opts.OnError != nil {
				im.opts.OnError(e)
			}
		}
		if complete {
			im.report.Line = r.Line
		}
	}
}
