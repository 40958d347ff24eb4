package tenancyhttp

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Problem is the body of a refusal, or of another error ([ProblemOf]), by RFC 9457:
// application/problem+json. That of a refusal is the same for every request with the
// same answer: it repeats nothing that the client sent and tells nothing of what failed
// inside. As an [http.Handler] a Problem writes itself; as an error it can be returned
// by a handler's own functions, and reaches [Error] through what wraps it.
type Problem struct {
	Type   string `json:"type"`             // urn:tenantstore:problem: and the code
	Title  string `json:"title"`            // for people
	Status int    `json:"status"`           // of HTTP
	Code   string `json:"code"`             // for programs
	Detail string `json:"detail,omitempty"` // for people: what this request can do about it
	Field  string `json:"field,omitempty"`  // the JSON name of what is wrong in the input

	RetryAfter int64 `json:"-"` // seconds, for the header of that name; 0 for none
}

func newProblem(status int, code, title string) Problem {
	return Problem{Type: "urn:tenantstore:problem:" + code, Title: title, Status: status, Code: code}
}

// Error returns title and detail.
func (p Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + " " + p.Detail
}

// ServeHTTP answers with p. What the header says about another body it removes.
func (p Problem) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		header.Del(name)
	}
	p.setHeader(header)
	header.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if body, err := json.Marshal(p); err == nil { // it always is
		_, _ = w.Write(append(body, '\n')) // else the client has gone
	}
}

func (p Problem) setHeader(header http.Header) {
	header.Set("Cache-Control", "no-store") // a CDN may keep a 404 else, and hide a new tenant
	header.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(p.RetryAfter, 10))
	}
}

// ErrorHandler writes a refusal in place of [Problem.ServeHTTP], to which it may
// leave requests that it does not care for. Cache-Control, Vary, Retry-After and
// WWW-Authenticate are set already. It is not told why: what is hidden from the
// client it cannot give away.
type ErrorHandler func(w http.ResponseWriter, r *http.Request, p Problem)

// refusal is an outcome that is answered with a problem.
type refusal struct {
	outcome resolve.Outcome
	status  int
	code    string
	title   string
}

func (r refusal) problem() Problem { return newProblem(r.status, r.code, r.title) }

// refusals are the answers to all outcomes but those that are passed on.
var refusals = [...]refusal{
	{resolve.OutcomeMissing, http.StatusBadRequest, "tenant-missing", "The request names no tenant."},
	{resolve.OutcomeInvalid, http.StatusBadRequest, "tenant-malformed", "The request names a tenant in a form that is not allowed."},
	{resolve.OutcomeMisdirected, http.StatusMisdirectedRequest, "host-not-served", "This host is not served here."},
	{resolve.OutcomeUnauthenticated, http.StatusUnauthorized, "unauthenticated", "The request has no valid credential."},
	{resolve.OutcomeForbidden, http.StatusForbidden, "no-tenant-claim", "The credential names no tenant."},
	{resolve.OutcomeConflict, http.StatusBadRequest, "tenant-conflict", "The request names more than one tenant."},
	{resolve.OutcomeUnknown, http.StatusNotFound, "tenant-not-found", "There is no such tenant."},
	{resolve.OutcomeSuspended, http.StatusForbidden, "tenant-suspended", "The tenant is suspended."},
	{resolve.OutcomeProvisioning, http.StatusServiceUnavailable, "tenant-not-ready", "The tenant is being set up."},
	{resolve.OutcomeDeleted, http.StatusNotFound, "tenant-not-found", "There is no such tenant."},
	{resolve.OutcomeUnavailable, http.StatusServiceUnavailable, "unavailable", "The service cannot find out whose request this is. Try again."},
	{resolve.OutcomeCanceled, http.StatusServiceUnavailable, "unavailable", "The service cannot find out whose request this is. Try again."},
}

// Where a credential contradicts the rest of the request.
const verifiedConflictStatus = http.StatusForbidden

// Deleted tenants with a status of their own, such as 410, say so.
var gone = refusal{resolve.OutcomeDeleted, http.StatusGone, "tenant-deleted", "The tenant was deleted."}

// answers writes and logs refusals.
type answers struct {
	*config
	byOutcome map[resolve.Outcome]*answer
	verified  Problem // of a conflict with a credential
}

type answer struct {
	problem    Problem
	nextLog    atomic.Int64 // Unix time in nanoseconds
	suppressed atomic.Int64 // lines since the last
}

func newAnswers(c *config) *answers {
	a := &answers{config: c, byOutcome: map[resolve.Outcome]*answer{}}
	for _, r := range refusals {
		if status := c.statuses[r.outcome]; status != 0 {
			if r.outcome == resolve.OutcomeDeleted && status != r.status {
				r = gone
			}
			r.status = status
		}
		a.byOutcome[r.outcome] = &answer{problem: r.problem()}
	}
	a.verified = a.byOutcome[resolve.OutcomeConflict].problem
	if c.statuses[resolve.OutcomeConflict] == 0 {
		a.verified.Status = verifiedConflictStatus
	}
	return a
}

func (a *answers) refuse(w http.ResponseWriter, r *http.Request, d *resolve.Decision) {
	p := a.byOutcome[d.Shown].problem
	if d.Shown == resolve.OutcomeConflict && d.Verified {
		p = a.verified
	}
	a.log(r, d, p.Status)
	switch p.Status {
	case http.StatusServiceUnavailable:
		p.RetryAfter = retrySeconds(a.retryAfter, d.Err)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", a.challenge)
	}
	p.setHeader(w.Header())
	a.errorHandler(w, r, p)
}

// retrySeconds returns a random time that is at least least, and as long as err demands.
func retrySeconds(least time.Duration, err error) int64 {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		least = max(least, asks.RetryAfter())
	}
	seconds := int64((least-1)/time.Second) + 1 // rounded up
	return seconds + rand.Int64N(seconds+1)
}

// log writes at most one line for each outcome and second: whoever sends bad
// requests must not fill the disk with them.
func (a *answers) log(r *http.Request, d *resolve.Decision, status int) {
	level := slog.LevelDebug
	if d.Outcome == resolve.OutcomeUnavailable {
		level = slog.LevelError
		if errors.Is(d.Err, tenancy.ErrClosed) {
			level = slog.LevelInfo // its owner has closed the store: a shutdown
		}
	}
	if !a.logger.Enabled(r.Context(), level) {
		return
	}
	entry := a.byOutcome[d.Outcome]
	now := time.Now().UnixNano()
	next := entry.nextLog.Load()
	if now < next || !entry.nextLog.CompareAndSwap(next, now+int64(time.Second)) {
		entry.suppressed.Add(1)
		return
	}
	a.logger.LogAttrs(r.Context(), level, "tenant not served",
		slog.String("outcome", string(d.Outcome)), slog.String("resolver", d.Resolver), slog.Int("status", status),
		slog.Any("err", d.Err), slog.Int64("suppressed", entry.suppressed.Swap(0)))
}
