package tenancy

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
)

// WithProgressNotify returns a copy of ctx with which Watch also yields an
// ChangeProgress each time it has read the log to its end: at least once in each poll
// interval. All changes up to its Position have been yielded; it has no keys. So
// "nothing has changed" can be told from "nothing can be seen".
func WithProgressNotify(ctx context.Context) context.Context {
	return logread.WithProgressNotify(ctx)
}
