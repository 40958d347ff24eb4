package bunstore

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// denial logs that the database refuses a statement for want of a privilege: once, until
// it takes that statement. To callers it is an outage like others, but one that does not
// end by itself.
type denial struct{ statement atomic.Pointer[string] }

func (d *denial) saw(ctx context.Context, logger *slog.Logger, text string, err error) {
	if err == nil {
		if last := d.statement.Load(); last != nil && *last == text && d.statement.CompareAndSwap(last, nil) {
			logger.InfoContext(ctx, "tenancy: the database grants what it has denied")
		}
		return
	}
	if kindOf(err) == denied && d.statement.CompareAndSwap(nil, &text) {
		logger.ErrorContext(ctx, "tenancy: the database denies what a call needs, and does so until somebody grants it; until then such calls fail",
			slog.Any("error", err), slog.String("statement", text[:min(len(text), maxShownStatement)]+"…"))
	}
}

const maxShownStatement = 80 // bytes; what the store itself wrote is ASCII
