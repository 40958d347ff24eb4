package tenancyhttp

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Static is always the same tenant: for an installation that serves one, and for
// development. It cannot be part of [First], where it would be the tenant of every
// request from which a header was lost on the way.
func Static(key tenancy.Key) Resolver { return static(key) }

type static tenancy.Key

func (s static) Resolve(*http.Request) (Match, error) {
	return Match{Key: tenancy.Key(s), Resolver: nameStatic}, nil
}

func (s static) check() error {
	if err := tenancy.Key(s).Validate(); err != nil {
		return misconfigured("Static: %v", err)
	}
	return nil
}
