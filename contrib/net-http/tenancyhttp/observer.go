package tenancyhttp

import (
	"context"
	"time"
)

// Observer is told what became of each request, once for each, before the
// handler behind the middleware runs or the refusal is written. It is called in
// the request's goroutine: it must be quick, and safe for concurrent use.
type Observer interface {
	ObserveRequest(ctx context.Context, e Event)
}

// Event is what an Observer is told.
type Event struct {
	// Outcome is what was found out, also where the answer hides it.
	Outcome Outcome
	// Resolver is the name of the resolver that decided, one of [ResolverNames]
	// or the name that an application's own one puts into its [Match].
	Resolver string
	// Duration is the time that it took to decide, lookup included.
	Duration time.Duration
	// Err is why there is no tenant, for logs and spans only: it may hold what
	// the client sent, quoted and cut. It is nil if there is one, or a skip.
	Err error
}

// The names of the resolvers of this package, and of none.
const (
	nameNone       = "none"
	nameOther      = "other"
	nameHeader     = "header"
	nameSubdomain  = "subdomain"
	nameDomain     = "domain"
	namePathPrefix = "path_prefix"
	namePathValue  = "path_value"
	nameClaims     = "claims"
	nameStatic     = "static"
	nameFunc       = "func"
	nameAgree      = "agree"
	nameContext    = "context"
)

// ResolverNames returns the values that [Event].Resolver takes, apart from those
// of an application's own resolvers: "none" where no resolver decided, "context"
// where an outer middleware had found the tenant, "other" for a resolver that
// gives no name.
func ResolverNames() []string {
	return []string{
		nameNone, nameOther, nameContext,
		nameHeader, nameSubdomain, nameDomain, namePathPrefix, namePathValue, nameClaims, nameStatic, nameFunc, nameAgree,
	}
}
