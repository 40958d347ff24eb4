package resolve

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Problem returns how a client is told that its request is refused: a code for programs and
// a text for people, the same for every request with this outcome. Both are empty for one that
// is not refused.
func (o Outcome) Problem() (code, text string) {
	p := problems[o]
	return p.code, p.text
}

var problems = map[Outcome]struct{ code, text string }{
	OutcomeMissing:         {"tenant-missing", "The request names no tenant."},
	OutcomeInvalid:         {"tenant-malformed", "The request names a tenant in a form that is not allowed."},
	OutcomeMisdirected:     {"host-not-served", "This host is not served here."},
	OutcomeUnauthenticated: {"unauthenticated", "The request has no valid credential."},
	OutcomeForbidden:       {"no-tenant-claim", "The credential names no tenant."},
	OutcomeConflict:        {"tenant-conflict", "The request names more than one tenant."},
	OutcomeUnknown:         {"tenant-not-found", "There is no such tenant."},
	OutcomeSuspended:       {"tenant-suspended", "The tenant is suspended."},
	OutcomeProvisioning:    {"tenant-not-ready", "The tenant is being set up."},
	OutcomeDeleted:         {"tenant-not-found", "There is no such tenant."},
	OutcomeUnavailable:     {"unavailable", "The service cannot find out whose request this is. Try again."},
	OutcomeCanceled:        {"unavailable", "The service cannot find out whose request this is. Try again."},
}

// DefaultRetryAfter is the usual first argument of [RetryAfter].
const DefaultRetryAfter = 2 * time.Second

// RetryAfter returns how many seconds a client should wait before it tries again: at least
// one, and between least and twice that at random, so that clients do not come back at once.
// An error with a method RetryAfter() time.Duration, such as that of a circuit breaker, may ask
// for more.
func RetryAfter(least time.Duration, err error) (seconds int64) {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		least = max(least, asks.RetryAfter())
	}
	seconds = max(1, int64((least-1)/time.Second)+1) // rounded up
	return seconds + rand.Int64N(seconds+1)
}

// RefusalLog logs refusals, at most one line for each outcome and second: whoever sends bad
// requests must not fill the disk with them. Those that are the service's fault are errors, a
// store that was closed, as in a shutdown, is information, others are for debugging. It is safe
// for concurrent use.
type RefusalLog struct {
	logger *slog.Logger
	lines  map[Outcome]*logLine
}

type logLine struct {
	next       atomic.Int64 // Unix time in nanoseconds
	suppressed atomic.Int64 // lines since the last
}

// NewRefusalLog returns a RefusalLog that writes to l.
func NewRefusalLog(l *slog.Logger) *RefusalLog {
	log := &RefusalLog{l, map[Outcome]*logLine{}}
	for _, o := range Outcomes() {
		log.lines[o] = &logLine{}
	}
	return log
}

// Log logs that d was refused; answer is how.
func (l *RefusalLog) Log(ctx context.Context, d *Decision, answer slog.Attr) {
	level := slog.LevelDebug
	if d.Outcome == OutcomeUnavailable {
		level = slog.LevelError
		if errors.Is(d.Err, tenancy.ErrClosed) {
			level = slog.LevelInfo // its owner has closed the store: a shutdown
		}
	}
	if !l.logger.Enabled(ctx, level) {
		return
	}
	line := l.lines[d.Outcome]
	now := time.Now().UnixNano()
	next := line.next.Load()
	if now < next || !line.next.CompareAndSwap(next, now+int64(time.Second)) {
		line.suppressed.Add(1)
		return
	}
	l.logger.LogAttrs(ctx, level, "tenant not served",
		slog.String("outcome", string(d.Outcome)), slog.String("resolver", d.Resolver), answer,
		slog.Any("err", d.Err), slog.Int64("suppressed", line.suppressed.Swap(0)))
}
