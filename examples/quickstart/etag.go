package main

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var (
	errPreconditionRequired = newProblem(http.StatusPreconditionRequired, "precondition-required", "Say which state was edited: by If-Match, or by the members revision and mark.")
	errNotConditional       = newProblem(http.StatusBadRequest, "not-conditional", "Of all conditions, If-Match alone is honoured, and by PUT only.")
)

// etag is the entity tag of a tenant: its position in the change log, which no
// other state of it ever has. Its revision alone would not do, for a backup that
// is restored takes revisions a second time.
func etag(t tenancy.Tenant) string {
	return strconv.Quote(t.Position().String())
}

func conditional(r *http.Request) bool { return len(r.Header.Values("If-Match")) > 0 }

// checkEdited compares what a client edited with what is stored.
func checkEdited(r *http.Request, in replacement, stored tenancy.Tenant) error {
	edited, err := in.position()
	switch {
	case err != nil:
		return err
	case !conditional(r) && edited.IsZero():
		return errPreconditionRequired
	case conditional(r) && !matches(r.Header.Values("If-Match"), etag(stored)),
		!edited.IsZero() && edited != stored.Position():
		return tenancy.ErrConflict // 412 if there is an If-Match, else 409
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

// unconditional refuses writes with If-Match, which PUT alone takes:
// conditions that the store cannot check must not be ignored.
func unconditional(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if conditional(r) {
			return errNotConditional
		}
		return ifMatchOnly(next)(w, r)
	}
}

// ifMatchOnly refuses writes with any other condition.
func ifMatchOnly(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Values("If-None-Match") != nil || r.Header.Values("If-Unmodified-Since") != nil {
			return errNotConditional
		}
		return next(w, r)
	}
}
