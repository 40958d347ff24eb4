package tenancyhttp

import (
	"net/http"
)

// Claims reads the tenant from the credential that the application's own
// authentication has checked, and has put into the context, a JWT for instance.
// claim returns the tenant in it and
//
//   - [ErrUnauthenticated] if there is no valid credential: 401
//   - "" or [ErrNoTenantClaim] if it names no tenant: 403
//   - [ErrAbsent] if the request may be anonymous, which lets [First] and
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
		err = ErrNoTenantClaim
	}
	if err != nil {
		return Match{Resolver: nameClaims}, err
	}
	m, err := c.match(nameClaims, value)
	m.Verified = true
	return m, err
}

func (c claims) Vary() []string { return c.vary }

func (c claims) check() error {
	if c.claim == nil {
		return misconfigured("Claims: the function is nil")
	}
	return nil
}
