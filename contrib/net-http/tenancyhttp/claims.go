package tenancyhttp

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// Claims reads the tenant from the credential that the application's own
// authentication has checked, and has put into the context, a JWT for instance.
// claim returns the tenant in it and
//
//   - [resolve.ErrUnauthenticated] if there is no valid credential: 401
//   - "" or [resolve.ErrNoTenantClaim] if it names no tenant: 403
//   - [resolve.ErrAbsent] if the request may be anonymous, which lets [First] and
//     [Agree] look elsewhere
//
// Responses vary by Authorization, or what [VaryBy] says.
func Claims(claim func(r *http.Request) (string, error), opts ...KeyOption) Resolver {
	return claims{claim, newKeyConfig(opts, "Authorization")}
}

type claims struct {
	claim func(*http.Request) (string, error)
	keyConfig
}

func (c claims) Resolve(r *http.Request) (Match, error) {
	value, err := c.claim(r)
	if err == nil && value == "" {
		err = resolve.ErrNoTenantClaim
	}
	if err != nil {
		return named(resolve.NameClaims), err
	}
	m, err := c.match(resolve.NameClaims, value)
	m.Verified = true
	return m, err
}

func (c claims) Vary() []string { return c.vary }

func (c claims) check() error {
	if c.claim == nil {
		return misconfigured("Claims: the function is nil")
	}
	return c.err
}
