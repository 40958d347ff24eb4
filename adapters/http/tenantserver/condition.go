package tenantserver

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var (
	errPreconditionRequired = wire.NewProblem(http.StatusPreconditionRequired, "precondition-required",
		"Say which state was edited by If-Match, or by If-None-Match: * that there is none yet.")
	errBadCondition = wire.NewProblem(http.StatusBadRequest, "bad-condition",
		"The condition must be If-Match with one entity tag or *, or If-None-Match: *.")
)

func etag(t tenancy.Tenant) string { return strconv.Quote(t.Position().String()) }

// condition is what a PUT demands of what is stored.
type condition struct {
	absent bool             // If-None-Match: *
	any    bool             // If-Match: *
	at     tenancy.Position // If-Match: "…"
}

func conditionOf(header http.Header) (condition, error) {
	match, none := header.Values("If-Match"), header.Values("If-None-Match")
	switch {
	case len(match)+len(none) == 0:
		return condition{}, errPreconditionRequired
	case len(match)+len(none) > 1:
		return condition{}, errBadCondition
	case len(none) == 1:
		if none[0] != "*" {
			return condition{}, errBadCondition
		}
		return condition{absent: true}, nil
	case match[0] == "*":
		return condition{any: true}, nil
	}
	tag, err := strconv.Unquote(match[0])
	if strings.HasPrefix(match[0], "W/") { // no state, by RFC 9110, section 13.1.1
		return condition{}, tenancy.ErrConflict
	}
	if err != nil || !strings.HasPrefix(match[0], `"`) || strings.Contains(tag, ",") {
		return condition{}, errBadCondition
	}
	var c condition
	if c.at.UnmarshalText([]byte(tag)) != nil || c.at.IsZero() {
		return condition{}, tenancy.ErrConflict // a tag of somebody else's
	}
	return c, nil
}

// noneMatches reports whether one of the entity tags of If-None-Match is tag, by weak
// comparison: the client has this state.
func noneMatches(lines []string, tag string) bool {
	for _, line := range lines {
		for candidate := range strings.SplitSeq(line, ",") {
			if candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/"); candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}
