package main

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var (
	errPreconditionFailed   = newProblem(http.StatusPreconditionFailed, "precondition-failed", "The tenant was changed in the meantime: its ETag is not the one in If-Match.")
	errPreconditionRequired = newProblem(http.StatusPreconditionRequired, "precondition-required", "Say which revision was edited: by If-Match, or by the member revision.")
	errNotConditional       = newProblem(http.StatusBadRequest, "not-conditional", "If-Match is honoured by PUT only.")
)

// etag is the entity tag of a tenant: its revision, which no other state of it
// ever has.
func etag(rev tenancy.Revision) string {
	return strconv.Quote(strconv.FormatInt(int64(rev), 10))
}

func conditional(r *http.Request) bool { return len(r.Header.Values("If-Match")) > 0 }

// checkRevision compares what a client edited with what is stored.
func checkRevision(r *http.Request, edited, stored tenancy.Revision) error {
	if !conditional(r) && edited == 0 {
		return errPreconditionRequired
	}
	if conditional(r) && !matches(r.Header.Values("If-Match"), etag(stored)) {
		return errPreconditionFailed
	}
	if edited != 0 && edited != stored {
		return tenancy.ErrConflict
	}
	return nil
}

// matches reports whether one of the entity tags of an If-Match header is tag,
// by strong comparison (RFC 9110, section 13.1.1): a weak tag never matches.
func matches(ifMatch []string, tag string) bool {
	for _, line := range ifMatch {
		for candidate := range strings.SplitSeq(line, ",") {
			if candidate = strings.TrimSpace(candidate); candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}

// unconditional refuses requests with If-Match, rather than ignore a condition
// that the store cannot check.
func unconditional(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if conditional(r) {
			return errNotConditional
		}
		return next(w, r)
	}
}
