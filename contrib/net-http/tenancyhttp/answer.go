package tenancyhttp

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-tenancy/tenantstore/core/resolve"
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

// statuses are the answers to all outcomes but those that are passed on.
var statuses = map[resolve.Outcome]int{
	resolve.OutcomeMissing:         http.StatusBadRequest,
	resolve.OutcomeInvalid:         http.StatusBadRequest,
	resolve.OutcomeMisdirected:     http.StatusMisdirectedRequest,
	resolve.OutcomeUnauthenticated: http.StatusUnauthorized,
	resolve.OutcomeForbidden:       http.StatusForbidden,
	resolve.OutcomeConflict:        http.StatusBadRequest,
	resolve.OutcomeUnknown:         http.StatusNotFound,
	resolve.OutcomeSuspended:       http.StatusForbidden,
	resolve.OutcomeProvisioning:    http.StatusServiceUnavailable,
	resolve.OutcomeDeleted:         http.StatusNotFound,
	resolve.OutcomeUnavailable:     http.StatusServiceUnavailable,
	resolve.OutcomeCanceled:        http.StatusServiceUnavailable,
}

// Where a credential contradicts the rest of the request.
const verifiedConflictStatus = http.StatusForbidden

// answers writes and logs refusals.
type answers struct {
	*config
	log       *resolve.RefusalLog
	byOutcome map[resolve.Outcome]Problem
	verified  Problem // of a conflict with a credential
}

func newAnswers(c *config) *answers {
	a := &answers{config: c, log: resolve.NewRefusalLog(c.logger), byOutcome: map[resolve.Outcome]Problem{}}
	for o, status := range statuses {
		code, title := o.Problem()
		if own := c.statuses[o]; own != 0 {
			if o == resolve.OutcomeDeleted && own != status { // such as 410, which says so
				code, title = "tenant-deleted", "The tenant was deleted."
			}
			status = own
		}
		a.byOutcome[o] = newProblem(status, code, title)
	}
	a.verified = a.byOutcome[resolve.OutcomeConflict]
	if c.statuses[resolve.OutcomeConflict] == 0 {
		a.verified.Status = verifiedConflictStatus
	}
	return a
}

func (a *answers) refuse(w http.ResponseWriter, r *http.Request, d *resolve.Decision) {
	p := a.byOutcome[d.Shown]
	if d.Shown == resolve.OutcomeConflict && d.Verified {
		p = a.verified
	}
	a.log.Log(r.Context(), d, slog.Int("status", p.Status))
	switch p.Status {
	case http.StatusServiceUnavailable:
		p.RetryAfter = resolve.RetryAfter(a.retryAfter, d.Err)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", a.challenge)
	}
	p.setHeader(w.Header())
	a.errorHandler(w, r, p)
}
