package tenancygrpc

import (
	"context"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// watch runs the handler of a stream until the watcher ends it.
//
// A handler that waits for its client cannot be told, since only the return of the interceptor
// ends what gRPC does for it. So it has a goroutine of its own, and is left behind if it waits.
func (i *Interceptors) watch(ctx context.Context, t tenancy.Tenant, srv any, stream grpc.ServerStream, handler grpc.StreamHandler) error {
	ctx, cancel, d := i.watcher.Watch(ctx, t)
	defer cancel()
	if d.Outcome != resolve.OutcomeResolved {
		return i.refusal(stream.Context(), &d)
	}
	s := &watched{inContext: inContext{stream, ctx}}
	done, left := make(chan returned), make(chan struct{})
	defer close(left)
	go func() {
		r := returned{err: errGoexit}
		defer func() {
			r.panic = recover()
			select {
			case done <- r:
			case <-left:
				if r.panic != nil {
					i.logger.ErrorContext(ctx, "tenancy: the handler of a stream that has ended panics", "panic", r.panic)
				}
			}
		}()
		r.err = handler(srv, s)
	}()
	select {
	case r := <-done:
		return i.answer(s, t, r)
	case <-ctx.Done():
	}
	if s.ended() && s.waiting.Load() > 0 {
		return i.ended(s, t)
	}
	return i.answer(s, t, <-done) // it heeds its context, and the stream
}

// returned is how a handler has returned.
type returned struct {
	err   error
	panic any
}

var errGoexit = errors.New("the handler of a stream has ended its goroutine")

// answer is what a handler has answered, unless it had to end.
func (i *Interceptors) answer(s *watched, t tenancy.Tenant, r returned) error {
	switch {
	case r.panic != nil:
		panic(r.panic) //nolint:forbidigo // the handler's
	case r.err != nil && s.ended():
		return i.ended(s, t)
	}
	return r.err
}

// ended is the answer to a stream that the watcher has ended: what its tenant is now.
func (i *Interceptors) ended(s *watched, t tenancy.Tenant) error {
	ctx, cause := s.ServerStream.Context(), context.Cause(s.ctx)
	d := resolve.Decision{Outcome: resolve.OutcomeUnavailable, Shown: resolve.OutcomeUnavailable, Resolver: resolve.NameContext, Err: cause}
	if errors.Is(cause, resolve.ErrNotServed) {
		m := resolve.Match{Key: tenancy.IDKey(t.ID), Resolver: resolve.NameContext}
		if now := i.policy.Decide(ctx, i.getter, m, nil); now.Outcome != resolve.OutcomeResolved {
			d = now
		}
	}
	return i.refusal(ctx, &d)
}

// watched is a stream that fails when its context has ended.
type watched struct {
	inContext
	waiting atomic.Int32 // calls for which gRPC may wait for the client
}

// ended reports whether the watcher has ended the stream, and not its client.
func (s *watched) ended() bool { return s.ctx.Err() != nil && s.ServerStream.Context().Err() == nil }

// RecvMsg implements [grpc.ServerStream].
func (s *watched) RecvMsg(m any) error {
	return s.wait(func() error { return s.ServerStream.RecvMsg(m) })
}

// SendMsg implements [grpc.ServerStream].
func (s *watched) SendMsg(m any) error {
	return s.wait(func() error { return s.ServerStream.SendMsg(m) })
}

// wait counts before it looks at the context: watch looks the other way round.
func (s *watched) wait(call func() error) error {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	if s.ended() {
		return context.Cause(s.ctx)
	}
	if err := call(); err != nil {
		return err
	}
	if s.ended() {
		return context.Cause(s.ctx) // nothing that came after the end is handled
	}
	return nil
}
