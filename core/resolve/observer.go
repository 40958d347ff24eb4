package resolve

import (
	"context"
	"time"
)

// Observer is told what becomes of each request, once for each, before the request
// is passed on or the refusal is written. It is called in the request's goroutine:
// it must be quick, and safe for concurrent use.
type Observer interface {
	ObserveRequest(ctx context.Context, e Event)
}

// Event is what an Observer is told.
type Event struct {
	// Outcome is what was found out, also where the answer hides it.
	Outcome Outcome
	// Resolver is the name of what decided: one of [ResolverNames], or the one that
	// an application's own resolver puts into its [Match].
	Resolver string
	// Duration is the time that it took to decide, lookup included.
	Duration time.Duration
	// Err is why there is no tenant, for logs and spans only: it may hold what
	// the client sent, quoted and cut. It is nil if there is one, or a skip.
	Err error
}

// The names of resolvers. An application's own may use them too.
const (
	NameNone        = "none"    // no resolver decided
	NameOther       = "other"   // a resolver that gives no name
	NameContext     = "context" // the tenant was in the context already
	NameHeader      = "header"
	NameSubdomain   = "subdomain"
	NameDomain      = "domain"
	NamePathPrefix  = "path_prefix"
	NamePathValue   = "path_value"
	NameClaims      = "claims"
	NameCertificate = "certificate"
	NameCarried     = "carried"
	NameStatic      = "static"
	NameFunc        = "func"
	NameAgree       = "agree"
)

// ResolverNames returns the names above: the values of [Event].Resolver, apart from
// those that an application makes up. Metrics count the latter as [NameOther].
func ResolverNames() []string {
	return []string{
		NameNone, NameOther, NameContext,
		NameHeader, NameSubdomain, NameDomain, NamePathPrefix, NamePathValue, NameClaims, NameCertificate, NameCarried, NameStatic, NameFunc, NameAgree,
	}
}
