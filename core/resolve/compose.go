package resolve

import (
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// First is for a protocol's resolver that asks n others, one after the other, and takes
// what the first says that does not return [ErrAbsent]. Any other error is the end: an
// invalid token, or a malformed header, does not open the way to a weaker resolver.
//
// If none knows, a host that nobody owns ([tenancy.ErrNotFound]) counts more than one that
// is not served ([ErrMisdirected]), and that more than a request that names nothing. A match
// without a Key is ErrAbsent.
func First(n int, ask func(i int) (Match, error)) (Match, error) {
	resolver, none := "", ErrAbsent
	for i := range n {
		m, err := found(ask(i))
		if err == nil || !errors.Is(err, ErrAbsent) || IsOutage(err) {
			return m, err
		}
		if rank(err) > rank(none) {
			resolver, none = m.Resolver, err
		}
	}
	return Match{Resolver: resolver}, none
}

func rank(absent error) int {
	switch {
	case errors.Is(absent, tenancy.ErrNotFound):
		return 2
	case errors.Is(absent, ErrMisdirected):
		return 1
	}
	return 0
}

// Agree is for a protocol's resolver that asks n others, of which all that find something
// must name the same tenant, as an ID or as an identifier. Any error is the end, unless it
// says that a request names no tenant there ([IsAbsent]).
func Agree(n int, ask func(i int) (Match, error)) (Match, error) {
	all := Match{Resolver: NameAgree}
	for i := range n {
		m, err := found(ask(i))
		if err != nil {
			if IsAbsent(err) {
				continue
			}
			return m, err
		}
		switch {
		case all.Key == (tenancy.Key{}):
			all.Key = m.Key
		case all.Key != m.Key:
			all.Also = append(all.Also, m.Key)
		}
		all.Also = append(all.Also, m.Also...)
		all.Verified = all.Verified || m.Verified
		all.Min = max(all.Min, m.Min)
	}
	return found(all, nil)
}

// found returns what a resolver has found. A match without a key is ErrAbsent.
func found(m Match, err error) (Match, error) {
	if err == nil && m.Key == (tenancy.Key{}) {
		err = ErrAbsent
	}
	return m, err
}
