package tenancyhttp

import (
	"net/http"
	"slices"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// First asks one resolver after the other, and takes what the first says that
// does not return [resolve.ErrAbsent]. Any other error is the end: an invalid token, or a
// malformed header, does not open the way to a weaker resolver. So the strongest
// comes first.
//
// If none knows, a host that nobody owns (404) counts more than one that is not
// served (421), and that more than a request that names nothing (400).
func First(resolvers ...Resolver) Resolver { return first(resolvers) }

type first []Resolver

func (f first) Resolve(r *http.Request) (m Match, err error) {
	m.Match, err = resolve.First(len(f), func(i int) (resolve.Match, error) {
		m, err = f[i].Resolve(r)
		return m.Match, err
	})
	return m, err
}

func (f first) Vary() []string { return varyOf(f...) }

func (f first) check() error {
	if len(f) == 0 {
		return misconfigured("First: needs a resolver")
	}
	for _, r := range f {
		if alwaysAnswers(r) {
			return misconfigured("First: Static would be the tenant of every request that names none")
		}
	}
	return checkAll(f...)
}

func alwaysAnswers(r Resolver) bool {
	switch r := r.(type) {
	case static:
		return true
	case agree:
		return slices.ContainsFunc(r, alwaysAnswers)
	}
	return false
}

// Agree asks all resolvers. Those that do not return [resolve.ErrAbsent] must name the
// same tenant, as an ID or as an identifier; a conflict is answered 403 if one of
// them is Claims, else 400, without telling which of the tenants exist. Any
// error is the end, that of a foreign host too. The usual pair is
//
//	Agree(Claims(tenantOfToken), Subdomain("example.com"))
//
// where the token proves what the host only says.
func Agree(resolvers ...Resolver) Resolver { return agree(resolvers) }

type agree []Resolver

func (a agree) Resolve(r *http.Request) (Match, error) {
	var all Match
	var err error
	all.Match, err = resolve.Agree(len(a), func(i int) (resolve.Match, error) {
		m, err := a[i].Resolve(r)
		if err == nil && m.Strip != "" {
			all.Strip = m.Strip
		}
		return m.Match, err
	})
	return all, err
}

func (a agree) Vary() []string { return varyOf(a...) }

func (a agree) check() error {
	if len(a) < 2 {
		return misconfigured("Agree: needs two resolvers")
	}
	return checkAll(a...)
}
