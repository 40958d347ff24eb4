package tenancygrpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/metadata"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Resolver reads from a call which tenant it names: from the incoming metadata and the peer
// in the context, or what an interceptor in front has put there. It does not look the tenant
// up: the interceptors do, and check the form of the key before. Implementations are safe
// for concurrent use.
//
// What becomes of a call for each error is said at [resolve.Policy.Decide].
type Resolver interface {
	Resolve(ctx context.Context) (resolve.Match, error)
}

// Func is a function as a Resolver.
type Func func(ctx context.Context) (tenancy.Key, error)

// Resolve implements Resolver.
func (f Func) Resolve(ctx context.Context) (resolve.Match, error) {
	key, err := f(ctx)
	return resolve.Match{Key: key, Resolver: resolve.NameFunc}, err
}

// First asks one resolver after the other, and takes what the first says that does not
// return [resolve.ErrAbsent]; see [resolve.First]. The strongest comes first.
func First(resolvers ...Resolver) Resolver { return first(resolvers) }

type first []Resolver

func (f first) Resolve(ctx context.Context) (resolve.Match, error) {
	return resolve.First(len(f), func(i int) (resolve.Match, error) { return f[i].Resolve(ctx) })
}

func (f first) check() error {
	if len(f) == 0 {
		return misconfigured("First: needs a resolver")
	}
	return checkAll(f...)
}

// Agree asks all resolvers. Those that find something must name the same tenant; see
// [resolve.Agree]. The usual pair is a credential, which proves what the other only says:
//
//	Agree(Claims(tenantOfToken), Subdomain(resolve.Subdomains{Bases: []string{"example.com"}}))
func Agree(resolvers ...Resolver) Resolver { return agree(resolvers) }

type agree []Resolver

func (a agree) Resolve(ctx context.Context) (resolve.Match, error) {
	return resolve.Agree(len(a), func(i int) (resolve.Match, error) { return a[i].Resolve(ctx) })
}

func (a agree) check() error {
	if len(a) < 2 {
		return misconfigured("Agree: needs two resolvers")
	}
	return checkAll(a...)
}

// KeyOption says how a resolver reads the value that it finds.
type KeyOption interface{ applyKey(*keyConfig) }

type keyOption func(*keyConfig)

func (o keyOption) applyKey(c *keyConfig) { o(c) }

// ByID says that the value is the tenant's ID. Without it, it is its identifier.
func ByID() KeyOption {
	return keyOption(func(c *keyConfig) { c.kind = tenancy.KindID })
}

type keyConfig struct {
	kind tenancy.KeyKind
	err  error
}

func newKeyConfig(opts []KeyOption) keyConfig {
	c := keyConfig{kind: tenancy.KindIdentifier}
	for _, o := range opts {
		if o == nil {
			c.err = misconfigured("an option of a resolver is nil")
			continue
		}
		o.applyKey(&c)
	}
	return c
}

// match returns the value as a valid key.
func (c keyConfig) match(name, value string) (resolve.Match, error) {
	m := resolve.Match{Key: tenancy.Key{Kind: c.kind, Value: value}, Resolver: name}
	return m, m.Validate()
}

// single returns the one value that the metadata have under a key, or [resolve.ErrAbsent].
func single(ctx context.Context, key string) (string, error) {
	switch values := metadata.ValueFromIncomingContext(ctx, key); len(values) {
	case 0:
		return "", resolve.ErrAbsent
	case 1:
		return values[0], nil
	}
	return "", refuse("metadata", "were sent more than once")
}

// refuse says that a part of the call has a form that is not allowed.
func refuse(field, reason string) error {
	return &tenancy.Error{Op: "Resolve", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}

// misconfigured is the error of something that was made with a wrong argument.
func misconfigured(format string, args ...any) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tenancygrpc: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))}
}

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
