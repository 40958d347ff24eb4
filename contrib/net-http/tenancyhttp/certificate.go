package tenancyhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// HostPolicy returns a function for the field of that name of autocert.Manager (package
// golang.org/x/crypto/acme/autocert). It returns nil for a domain that a served tenant has
// verified. It returns an error for every other host, claims included, and when getter
// cannot answer, so that sending names does not get certificates issued.
//
// getter is a [tenancy.Store] with [tenancy.Names]. With caches in front, unknown names are
// answered from memory too. Of the options, it uses [WithServed]: a tenant that is not
// served keeps its certificate, but gets no new one. If an argument or an option is wrong,
// the error wraps [tenancy.ErrInvalid].
func HostPolicy(getter tenancy.DomainGetter, opts ...Option) (func(ctx context.Context, host string) error, error) {
	c := newConfig(opts)
	if err := errors.Join(c.err, checkNames("HostPolicy", getter)); err != nil {
		return nil, err
	}
	return certificates{c.policy, getter}.allow, nil
}

// Ask returns a handler for the ask endpoint of Caddy's on-demand TLS, which Caddy calls
// before it obtains a certificate: GET with the query domain=…. It answers 200 if
// [HostPolicy] returns nil, otherwise 4xx, or 503 if getter cannot answer.
//
// It reveals which domains are customers': serve it on an address that only Caddy can
// reach. Of the options, it uses [WithServed].
func Ask(getter tenancy.DomainGetter, opts ...Option) (http.Handler, error) {
	c := newConfig(opts)
	if err := errors.Join(c.err, checkNames("Ask", getter)); err != nil {
		return nil, err
	}
	policy := certificates{c.policy, getter}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "Ask by GET.").ServeHTTP(w, r)
			return
		}
		domain, err := queryDomain(r.URL.RawQuery)
		if err == nil {
			err = policy.allow(r.Context(), domain)
		}
		if err != nil {
			Error(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
	}), nil
}

// queryDomain returns the one domain of a query.
func queryDomain(query string) (string, error) {
	values, err := url.ParseQuery(query)
	if err != nil || len(values["domain"]) != 1 {
		return "", refuse("domain", "must be given once")
	}
	return values["domain"][0], nil
}

// certificates decides which hosts may have a certificate.
type certificates struct {
	policy resolve.Policy
	getter tenancy.DomainGetter
}

var errNotServed = fmt.Errorf("%w: its tenant is not served", tenancy.ErrNotFound)

func (c certificates) allow(ctx context.Context, host string) error {
	domain := strings.ToLower(host) // as in the handshake
	if len(domain) != len(host) {   // a letter beyond ASCII
		return refuse("domain", "must be in ASCII")
	}
	if err := tenancy.ValidateDomain(domain); err != nil {
		return err
	}
	t, err := c.getter.GetByDomain(ctx, domain)
	switch {
	case err != nil && !isNotFound(err):
		return resolve.AsOutage(err)
	case err != nil:
		return err
	case !serves(ctx, c.policy, t):
		return &tenancy.Error{Op: "GetByDomain", Domain: domain, Err: errNotServed}
	}
	return nil
}
