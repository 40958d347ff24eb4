package tenancyhttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Resolver reads from a request which tenant it names. It does not look the
// tenant up: the middleware does, and checks the form of the key before.
// Implementations are safe for concurrent use and do not change the request.
//
// The errors of Resolve, and what the middleware answers if it is the end of it:
//
//   - [resolve.ErrAbsent]: the request says nothing here. 400. [First] asks the next.
//   - [resolve.ErrMisdirected], an ErrAbsent: the host is not one of ours. 421.
//   - [tenancy.ErrInvalid]: what it says has a form that is not allowed. 400.
//   - [resolve.ErrUnauthenticated]: 401. [resolve.ErrNoTenantClaim]: 403.
//   - [tenancy.ErrNotFound]: there is no such tenant. 404.
//   - any other: the resolver could not find out. 503, never 404.
type Resolver interface {
	Resolve(r *http.Request) (Match, error)
}

// Match is what a Resolver has found in a request.
type Match struct {
	resolve.Match
	// Strip is the beginning of the path that is for the middleware alone, such
	// as /t/acme; the next handler sees the path without it.
	Strip string

	// renamed returns where the request would lead if the tenant had this identifier; nil
	// if the resolver cannot say so.
	renamed func(r *http.Request, m Match, identifier string) location
}

// named is the Match of a resolver that has found nothing yet.
func named(resolver string) Match { return Match{Match: resolve.Match{Resolver: resolver}} }

// ask returns what resolver finds in r. A match without a key is ErrAbsent: the
// resolver has found nothing.
func ask(resolver Resolver, r *http.Request) (Match, error) {
	m, err := resolver.Resolve(r)
	if err == nil && m.Key == (tenancy.Key{}) {
		err = resolve.ErrAbsent
	}
	return m, err
}

// Varier is a Resolver whose answer depends on headers of the request. The
// middleware names them in the Vary header of every response.
type Varier interface {
	Resolver
	Vary() []string
}

// Func is a function as a Resolver. To depend on headers, implement [Varier]
// instead.
type Func func(r *http.Request) (tenancy.Key, error)

// Resolve implements Resolver.
func (f Func) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NameFunc)
	var err error
	m.Key, err = f(r)
	return m, err
}

// Static is always the same tenant: for an installation that serves one, and for
// development. It cannot be part of [First], where it would be the tenant of every
// request from which a header was lost on the way.
func Static(key tenancy.Key) Resolver { return static(key) }

type static tenancy.Key

func (s static) Resolve(*http.Request) (Match, error) {
	m := named(resolve.NameStatic)
	m.Key = tenancy.Key(s)
	return m, nil
}

func (s static) check() error {
	if err := tenancy.Key(s).Validate(); err != nil {
		return misconfigured("Static: %v", err)
	}
	return nil
}

// KeyOption says how a resolver reads the value that it finds.
type KeyOption interface{ applyKey(*keyConfig) }

type keyOption func(*keyConfig)

func (o keyOption) applyKey(c *keyConfig) { o(c) }

type keyConfig struct {
	kind tenancy.KeyKind
	vary []string
	err  error
}

func newKeyConfig(opts []KeyOption, vary ...string) keyConfig {
	c := keyConfig{kind: tenancy.KindIdentifier, vary: vary}
	for _, o := range opts {
		if o == nil {
			c.err = misconfigured("an option of a resolver is nil")
			continue
		}
		o.applyKey(&c)
	}
	return c
}

// ByID says that the value is the tenant's ID. Without it, it is its identifier.
func ByID() KeyOption {
	return keyOption(func(c *keyConfig) { c.kind = tenancy.KindID })
}

// VaryBy replaces the headers that the value is said to depend on (see [Varier]).
// Claims out of a session cookie, for instance, need VaryBy("Cookie").
func VaryBy(headers ...string) KeyOption {
	return keyOption(func(c *keyConfig) { c.vary = headers })
}

// match returns the value as a valid key.
func (c keyConfig) match(name, value string) (Match, error) {
	m := named(name)
	m.Key = tenancy.Key{Kind: c.kind, Value: value}
	return m, m.Validate()
}

// refuse says that a part of the request has a form that is not allowed. The
// value, if any, is shown quoted and cut.
func refuse(field, reason string) error {
	return &tenancy.Error{Op: "Resolve", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}

// misconfigured is the error of something that was made with a wrong argument.
func misconfigured(format string, args ...any) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tenancyhttp: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))}
}

// Check returns an error that wraps [tenancy.ErrInvalid] if a resolver of this
// package was made with wrong arguments, for programs that take them from a
// configuration. [NewMiddleware] checks too.
func Check(r Resolver) error { return checkAll(r) }

// checker is a resolver that may have been made with wrong arguments.
type checker interface{ check() error }

func checkAll(resolvers ...Resolver) error {
	var errs []error
	for _, r := range resolvers {
		if driver.IsNil(r) {
			errs = append(errs, misconfigured("a resolver is nil"))
		} else if c, ok := r.(checker); ok {
			errs = append(errs, c.check())
		}
	}
	return errors.Join(errs...)
}

// varyOf returns the headers that the resolvers depend on, in canonical form.
func varyOf(resolvers ...Resolver) []string {
	var vary []string
	for _, r := range resolvers {
		v, ok := r.(Varier)
		if !ok || driver.IsNil(r) {
			continue
		}
		for _, name := range v.Vary() {
			if name = textproto.CanonicalMIMEHeaderKey(name); !slices.Contains(vary, name) {
				vary = append(vary, name)
			}
		}
	}
	return vary
}

func checkVary(names []string) error {
	for _, name := range names {
		if name != "*" && !validHeaderName(name) {
			return misconfigured("a resolver depends on %q, which is not the name of a header that can be used", name)
		}
	}
	return nil
}
