package tenancyhttp

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// answers writes and logs refusals.
type answers struct {
	*config
	byOutcome map[Outcome]*answer
	verified  Problem // of a conflict with a credential
}

type answer struct {
	problem    Problem
	nextLog    atomic.Int64 // Unix time in nanoseconds
	suppressed atomic.Int64 // lines since the last
}

func newAnswers(c *config) *answers {
	a := &answers{config: c, byOutcome: map[Outcome]*answer{}}
	for _, r := range refusals {
		if status := c.statuses[r.outcome]; status != 0 {
			if r.outcome == OutcomeDeleted && status != r.status {
				r = gone
			}
			r.status = status
		}
		a.byOutcome[r.outcome] = &answer{problem: r.problem()}
	}
	if c.hidden {
		unknown := a.byOutcome[OutcomeUnknown].problem
		for _, o := range []Outcome{OutcomeSuspended, OutcomeProvisioning, OutcomeDeleted} {
			a.byOutcome[o].problem = unknown
		}
	}
	a.verified = a.byOutcome[OutcomeConflict].problem
	if c.statuses[OutcomeConflict] == 0 {
		a.verified.Status = verifiedConflictStatus
	}
	return a
}

func (a *answers) refuse(w http.ResponseWriter, r *http.Request, d decision) {
	entry := a.byOutcome[d.outcome]
	p := a.problem(d)
	a.log(r, d, entry, p.Status)
	header := w.Header()
	header.Set("Cache-Control", "no-store") // a CDN may keep a 404 else, and hide a new tenant
	header.Set("X-Content-Type-Options", "nosniff")
	switch p.Status {
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.FormatInt(a.retrySeconds(d.err), 10))
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", a.challenge)
	}
	a.errorHandler(w, r, p)
}

func (a *answers) problem(d decision) Problem {
	p := a.byOutcome[d.outcome].problem
	// An ID and an identifier of two tenants, or of none, are a conflict. So are,
	// where existence is hidden, those of one that is not served.
	conflict := a.byOutcome[OutcomeConflict].problem
	if a.hidden && d.mixed && p == a.byOutcome[OutcomeUnknown].problem {
		p = conflict
	}
	if p == conflict && d.verified {
		return a.verified
	}
	return p
}

// misconfigured answers every request alike.
func (a *answers) misconfigured(err error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, decision{outcome: OutcomeMisconfigured, resolver: nameNone, err: err})
	}
}

// retrySeconds returns a random time that is as long as the configuration and
// err demand.
func (a *answers) retrySeconds(err error) int64 {
	least := a.retryAfter
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		least = max(least, asks.RetryAfter())
	}
	seconds := int64((least-1)/time.Second) + 1 // rounded up
	return seconds + rand.Int64N(seconds+1)
}

// log writes at most one line for each outcome and second: whoever sends bad
// requests must not fill the disk with them.
func (a *answers) log(r *http.Request, d decision, entry *answer, status int) {
	level := slog.LevelDebug
	switch d.outcome {
	case OutcomeUnavailable, OutcomeMisconfigured:
		level = slog.LevelError
		if errors.Is(d.err, tenancy.ErrClosed) {
			level = slog.LevelInfo // its owner has closed the store: a shutdown
		}
	}
	if !a.logger.Enabled(r.Context(), level) {
		return
	}
	now := time.Now().UnixNano()
	next := entry.nextLog.Load()
	if now < next || !entry.nextLog.CompareAndSwap(next, now+int64(time.Second)) {
		entry.suppressed.Add(1)
		return
	}
	a.logger.LogAttrs(r.Context(), level, "tenant not served",
		slog.String("outcome", string(d.outcome)), slog.String("resolver", d.resolver), slog.Int("status", status),
		slog.Any("err", d.err), slog.Int64("suppressed", entry.suppressed.Swap(0)))
}
