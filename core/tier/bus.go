package tier

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Bus tells the other processes that the log has grown. A message moves nothing
// by itself: it makes its receivers read the log, which alone says what changed.
// So a lost, late, repeated, reordered or forged message costs latency or one
// read, never correctness. Implementations are safe for concurrent use.
type Bus interface {
	// Publish tells every subscriber, in other processes too, that the log
	// reaches to p. The tier calls it after a write, with a deadline; an error is counted and otherwise ignored.
	Publish(ctx context.Context, p tenancy.Position) error
	// Subscribe calls wake with the position of each message, and with the zero
	// Position after every time that messages may have been lost, such as a
	// reconnection. It returns at once, connects by itself again and again, and
	// goes on until ctx ends. wake does not block.
	Subscribe(ctx context.Context, wake func(tenancy.Position))
	// Close releases what the bus opened.
	Close() error
}
