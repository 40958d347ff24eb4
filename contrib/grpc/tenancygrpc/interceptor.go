package tenancygrpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Interceptors resolve the tenant of each call, put it into the call's context for
// [tenancy.FromContext], and refuse calls that name none, or one that is not served. They
// are safe for concurrent use.
type Interceptors struct {
	*config
	getter   tenancy.Getter
	resolver Resolver
	log      *resolve.RefusalLog
}

// NewInterceptors returns the interceptors of a server. The resolver says which tenant a
// call names; getter is asked for it, once. If an argument or an option is wrong, the error
// wraps [tenancy.ErrInvalid] and says everything that is wrong.
//
// Behind others, the tenant in the context is used again, without a lookup. The inner resolver
// must then name the same tenant, or none.
func NewInterceptors(getter tenancy.Getter, resolver Resolver, opts ...Option) (*Interceptors, error) {
	c := newConfig(opts)
	err := errors.Join(c.err, checkAll(resolver))
	if driver.IsNil(getter) {
		err = errors.Join(err, misconfigured("the getter is nil"))
	}
	if err != nil {
		return nil, err
	}
	return &Interceptors{config: c, getter: getter, resolver: resolver, log: resolve.NewRefusalLog(c.logger)}, nil
}

// Unary is a [grpc.UnaryServerInterceptor].
func (i *Interceptors) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, err := i.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// Stream is a [grpc.StreamServerInterceptor].
func (i *Interceptors) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := i.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	if t, ok := tenancy.FromContext(ctx); ok && i.watcher != nil && !i.skips(info.FullMethod) {
		return i.watch(ctx, t, srv, stream, handler)
	}
	return handler(srv, &inContext{stream, ctx})
}

// admit returns the context for the handler, or the refusal of the call.
func (i *Interceptors) admit(ctx context.Context, method string) (context.Context, error) {
	var began time.Time
	if i.observer != nil {
		began = time.Now()
	}
	d := i.decide(ctx, method)
	if i.observer != nil {
		i.observer.ObserveRequest(ctx, resolve.Event{
			Outcome: d.Outcome, Resolver: d.Resolver, Duration: time.Since(began), Err: d.Err,
		})
	}
	switch {
	case d.Outcome == resolve.OutcomeSkipped, d.Outcome == resolve.OutcomeResolved && d.FromContext:
		return ctx, nil
	case d.Outcome == resolve.OutcomeResolved:
		return tenancy.NewContext(ctx, d.Tenant), nil
	}
	return nil, i.refusal(ctx, &d)
}

func (i *Interceptors) decide(ctx context.Context, method string) resolve.Decision {
	if i.skips(method) {
		return resolve.Skip()
	}
	m, err := i.resolver.Resolve(ctx)
	return i.policy.Decide(ctx, i.getter, m, err)
}

// inContext is a stream with another context.
type inContext struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *inContext) Context() context.Context { return s.ctx }
