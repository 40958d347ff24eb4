package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// said is what a resolver returns.
type said struct {
	m   resolve.Match
	err error
}

func asks(all []said) (int, func(int) (resolve.Match, error)) {
	return len(all), func(i int) (resolve.Match, error) { return all[i].m, all[i].err }
}

func TestFirst(t *testing.T) {
	acme, nothing := said{m: named("acme")}, said{err: resolve.ErrAbsent}
	foreign := said{resolve.Match{Resolver: "host"}, resolve.ErrMisdirected}
	unowned := said{resolve.Match{Resolver: "domain"}, fmt.Errorf("%w: %w", resolve.ErrAbsent, tenancy.ErrNotFound)}
	down := said{err: fmt.Errorf("%w: %w", resolve.ErrAbsent, tenancy.ErrUnavailable)}
	for name, c := range map[string]struct {
		all      []said
		resolver string
		want     error
	}{
		"none":                    {nil, "", resolve.ErrAbsent},
		"no key is nothing":       {[]said{{m: resolve.Match{Resolver: "x"}}, acme}, "test", nil},
		"the second":              {[]said{nothing, foreign, unowned, acme}, "test", nil},
		"an invalid one ends it":  {[]said{{err: tenancy.ErrInvalid}, acme}, "", tenancy.ErrInvalid},
		"an outage ends it":       {[]said{down, acme}, "", tenancy.ErrUnavailable},
		"foreign before nothing":  {[]said{nothing, foreign, nothing}, "host", resolve.ErrMisdirected},
		"unknown before foreign":  {[]said{foreign, unowned, foreign}, "domain", tenancy.ErrNotFound},
		"only nothing is nothing": {[]said{nothing, nothing}, "", resolve.ErrAbsent},
	} {
		m, err := resolve.First(asks(c.all))
		if !errors.Is(err, c.want) || m.Resolver != c.resolver {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestAgree(t *testing.T) {
	acme, globex := tenancy.IdentifierKey("acme"), tenancy.IdentifierKey("globex")
	token := said{m: resolve.Match{Key: acme, Verified: true, Min: 7}}
	for name, c := range map[string]struct {
		all  []said
		also int
		want error
	}{
		"nobody":              {[]said{{err: resolve.ErrAbsent}, {}}, 0, resolve.ErrAbsent},
		"one":                 {[]said{{err: resolve.ErrAbsent}, token}, 0, nil},
		"the same":            {[]said{{m: resolve.Match{Key: acme}}, token}, 0, nil},
		"another":             {[]said{token, {m: resolve.Match{Key: globex}}}, 1, nil},
		"another inside":      {[]said{token, {m: resolve.Match{Key: acme, Also: []tenancy.Key{globex}}}}, 1, nil},
		"foreign is the end":  {[]said{token, {err: resolve.ErrMisdirected}}, 0, resolve.ErrMisdirected},
		"an error is the end": {[]said{token, {err: tenancy.ErrNotFound}}, 0, tenancy.ErrNotFound},
	} {
		m, err := resolve.Agree(asks(c.all))
		if !errors.Is(err, c.want) || err == nil && (m.Key != acme || len(m.Also) != c.also || !m.Verified || m.Min != 7 || m.Resolver != resolve.NameAgree) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// A cache that is behind is not asked for a tenant that was seen at a later revision.
func TestMinIsAskedOfTheSource(t *testing.T) {
	store := memstore.New()
	defer store.Close()
	acme, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	cache := &behindCache{Store: store}
	for least, want := range map[tenancy.Revision]resolve.Outcome{
		0: resolve.OutcomeUnknown, -1: resolve.OutcomeUnknown, acme.Revision: resolve.OutcomeResolved, tenancy.Latest: resolve.OutcomeUnknown,
	} {
		m := resolve.Match{Key: tenancy.IdentifierKey("acme"), Min: least}
		if d := (resolve.Policy{}).Decide(t.Context(), cache, m, nil); d.Outcome != want {
			t.Errorf("as of %d: %s, %v", least, d.Outcome, d.Err)
		}
	}
	m := resolve.Match{Key: tenancy.IDKey("nobody"), Min: 1}
	if d := (resolve.Policy{}).Decide(t.Context(), cache, m, nil); d.Outcome != resolve.OutcomeUnknown {
		t.Errorf("one that does not exist: %s, %v", d.Outcome, d.Err)
	}
}

// behindCache has not heard of any tenant.
type behindCache struct{ *memstore.Store }

func (*behindCache) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, tenancy.ErrNotFound
}
