package tenantpool

import "github.com/go-tenancy/tenantstore/core/tenancy"

// The reasons for which Get fails, beside [resolve.ErrNotServed], [resolve.ErrAbsent] (there
// is no tenant in the context), [tenancy.ErrUnavailable] of the store, [tenancy.ErrClosed]
// and the error of the context. These two are [tenancy.ErrUnavailable], too.
var (
	// ErrOpen: the resource cannot be opened. The error also wraps that of the open.
	ErrOpen error = outage("the tenant's resource cannot be opened")
	// ErrExhausted: the context has ended before there was room for a further resource.
	ErrExhausted error = outage("all resources are in use")
)

// outage says nothing about the tenant.
type outage string

func (o outage) Error() string { return string(o) }

func (o outage) Is(target error) bool { return target == tenancy.ErrUnavailable }
