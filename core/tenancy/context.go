package tenancy

import "context"

type contextKey struct{}

// NewContext returns a copy of ctx that carries t, the tenant for which the
// work under ctx is done.
func NewContext(ctx context.Context, t Tenant) context.Context {
	return context.WithValue(ctx, contextKey{}, t)
}

// FromContext returns the tenant that [NewContext] put into ctx, and whether
// there is one.
func FromContext(ctx context.Context) (Tenant, bool) {
	t, ok := ctx.Value(contextKey{}).(Tenant)
	return t, ok
}

// MustFromContext is FromContext for code that is only reached with a tenant.
// It panics if there is none, which is a programming error: the handler was not
// wrapped by the tenant middleware.
func MustFromContext(ctx context.Context) Tenant {
	t, ok := FromContext(ctx)
	if !ok {
		panic("tenancy: no tenant in the context: is this handler behind the tenant middleware?") //nolint:forbidigo // its contract
	}
	return t
}
