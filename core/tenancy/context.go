package tenancy

import (
	"context"
	"strings"
	"unicode"
)

type (
	contextKey struct{}
	actorKey   struct{}
)

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

// MaxActorRunes is how much of an actor is kept.
const MaxActorRunes = 255

// WithActor returns a copy of ctx whose writes are the actor's: their changes say
// so in [Change].Actor. It is a name that an operator understands, such as a
// login or the name of a job. It may come from a request: what is not printable
// is replaced, and what is longer than MaxActorRunes is cut.
func WithActor(ctx context.Context, actor string) context.Context {
	n := 0
	actor = strings.Map(func(r rune) rune {
		if n++; n > MaxActorRunes {
			return -1
		}
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, actor)
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorFrom returns the actor of ctx, or "".
func ActorFrom(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}
