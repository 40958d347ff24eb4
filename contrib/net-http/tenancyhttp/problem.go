package tenancyhttp

import (
	"encoding/json"
	"net/http"
)

// Problem is the body of a refusal (RFC 9457, application/problem+json). It is
// the same for every request with the same answer: it repeats nothing that the
// client sent and tells nothing of what failed inside. As an [http.Handler] it
// writes itself.
type Problem struct {
	Type   string `json:"type"`   // urn:tenantstore:problem: and the code
	Title  string `json:"title"`  // for people
	Status int    `json:"status"` // of HTTP
	Code   string `json:"code"`   // for programs
}

// ServeHTTP answers with p.
func (p Problem) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if body, err := json.Marshal(p); err == nil { // it always is
		_, _ = w.Write(append(body, '\n')) // else the client has gone
	}
}

// ErrorHandler writes a refusal in place of [Problem.ServeHTTP], to which it may
// leave requests that it does not care for. Cache-Control, Vary, Retry-After and
// WWW-Authenticate are set already. It is not told why: what is hidden from the
// client it cannot give away.
type ErrorHandler func(w http.ResponseWriter, r *http.Request, p Problem)

// refusal is an outcome that is answered with a problem.
type refusal struct {
	outcome Outcome
	status  int
	code    string
	title   string
}

func (r refusal) problem() Problem {
	return Problem{Type: "urn:tenantstore:problem:" + r.code, Title: r.title, Status: r.status, Code: r.code}
}

var refusals = [...]refusal{
	{OutcomeMissing, http.StatusBadRequest, "tenant-missing", "The request names no tenant."},
	{OutcomeInvalid, http.StatusBadRequest, "tenant-malformed", "The request names a tenant in a form that is not allowed."},
	{OutcomeMisdirected, http.StatusMisdirectedRequest, "host-not-served", "This host is not served here."},
	{OutcomeUnauthenticated, http.StatusUnauthorized, "unauthenticated", "The request has no valid credential."},
	{OutcomeForbidden, http.StatusForbidden, "no-tenant-claim", "The credential names no tenant."},
	{OutcomeConflict, http.StatusBadRequest, "tenant-conflict", "The request names more than one tenant."},
	{OutcomeUnknown, http.StatusNotFound, "tenant-not-found", "There is no such tenant."},
	{OutcomeSuspended, http.StatusForbidden, "tenant-suspended", "The tenant is suspended."},
	{OutcomeProvisioning, http.StatusServiceUnavailable, "tenant-not-ready", "The tenant is being set up."},
	{OutcomeDeleted, http.StatusNotFound, "tenant-not-found", "There is no such tenant."},
	{OutcomeUnavailable, http.StatusServiceUnavailable, "unavailable", "The service cannot find out whose request this is. Try again."},
	{OutcomeCanceled, http.StatusServiceUnavailable, "unavailable", "The service cannot find out whose request this is. Try again."},
	{OutcomeMisconfigured, http.StatusInternalServerError, "misconfigured", "The service is not configured correctly."},
}

// Where a credential contradicts the rest of the request.
const verifiedConflictStatus = http.StatusForbidden

// Deleted tenants with a status of their own, such as 410, say so.
var gone = refusal{OutcomeDeleted, http.StatusGone, "tenant-deleted", "The tenant was deleted."}
