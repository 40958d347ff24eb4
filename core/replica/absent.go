package replica

import (
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// absent returns the error of a lookup by op of k, under which memory has no tenant.
func (s *Store) absent(op string, k tenancy.Key) error {
	if err := k.Validate(); err != nil {
		return driver.ErrorIn(op, k, err)
	}
	s.stats.absent.Add()
	if k.Kind == tenancy.KindIdentifier {
		return unknown(k.Value)
	}
	return driver.ErrorIn(op, k, tenancy.ErrNotFound)
}

// unknown is the error of GetByIdentifier for an identifier that no tenant has. Any stranger
// can cause such lookups, and a [tenancy.Error] for each would be most of their cost: so it
// is made only for who asks for it.
type unknown string

func (u unknown) full() *tenancy.Error {
	return &tenancy.Error{Op: "GetByIdentifier", Identifier: string(u), Err: tenancy.ErrNotFound}
}

// Error implements error.
func (u unknown) Error() string { return u.full().Error() }

// Unwrap leads [errors.Is] to the reason.
func (u unknown) Unwrap() error { return tenancy.ErrNotFound }

// As gives [errors.As] the tenancy.Error.
func (u unknown) As(target any) bool {
	e, ok := target.(**tenancy.Error)
	if ok {
		*e = u.full()
	}
	return ok
}
