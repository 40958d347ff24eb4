package tenancygrpc_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// handlers are the ways in which a handler can be at work when its stream ends.
var handlers = map[string]func(grpc.ServerStream) error{
	"receives": echo,
	"waits for its context": func(s grpc.ServerStream) error {
		if err := s.SendMsg(whoami(s.Context())); err != nil {
			return err
		}
		<-s.Context().Done()
		return errors.New("of its own")
	},
	"sends": func(s grpc.ServerStream) error { // more than the client takes
		for {
			if err := s.SendMsg(wrapperspb.String(whoami(s.Context()).Value)); err != nil {
				return err
			}
		}
	},
	"receives and waits": func(s grpc.ServerStream) error {
		received := make(chan error, 1)
		go func() { received <- echo(s) }()
		<-s.Context().Done()
		return context.Cause(s.Context())
	},
}

func newTenants(t *testing.T, identifiers ...string) (*memstore.Store, map[string]tenancy.Tenant) {
	t.Helper()
	store, tenants := memstore.New(memstore.WithSoftDelete()), map[string]tenancy.Tenant{}
	t.Cleanup(func() { _ = store.Close() })
	for _, identifier := range identifiers {
		tenants[identifier] = must(store.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier}))
	}
	return store, tenants
}

func newWatcher(t *testing.T, store tenancy.Store, p resolve.Policy, opts ...resolve.Option) *resolve.Watcher {
	t.Helper()
	w := must(resolve.NewWatcher(store, p, append(opts, resolve.WithLogger(nil))...))
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// wantEnd reads until the stream has ended.
func wantEnd(t *testing.T, s grpc.ClientStream, want codes.Code) *status.Status {
	t.Helper()
	for {
		if err := s.RecvMsg(new(wrapperspb.StringValue)); err != nil {
			if status.Code(err) != want {
				t.Errorf("the stream ended with %v, want %v", err, want)
			}
			return status.Convert(err)
		}
	}
}

// A stream ends when its tenant is suspended or removed, whatever its handler does; that of
// another goes on.
func TestStreamsEnd(t *testing.T) {
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			store, tenants := newTenants(t, "acme", "globex", "initech")
			i := must(tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("tenant"), silent, tenancygrpc.WithWatcher(newWatcher(t, store, resolve.Policy{}))))
			cc := dial(t, serve(t, i, handler))
			open := func(tenant string) grpc.ClientStream {
				s := openChat(t, as(t, "tenant", tenant), cc)
				if got, err := say(s); got != tenant || err != nil {
					t.Fatalf("got %q, %v", got, err)
				}
				return s
			}
			acme, globex, other := open("acme"), open("globex"), open("initech")
			must(store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended))
			wantEnd(t, acme, codes.PermissionDenied)
			if err := store.Delete(t.Context(), tenants["globex"].ID); err != nil {
				t.Fatal(err)
			}
			wantEnd(t, globex, codes.NotFound)
			if name == "receives" {
				if got, err := say(other); got != "initech" || err != nil {
					t.Errorf("the other's stream: %q, %v", got, err)
				}
			}
			if _, err := say(openChat(t, as(t, "tenant", "acme"), cc)); status.Code(err) != codes.PermissionDenied {
				t.Errorf("a new stream: %v", err)
			}
		})
	}
}

// The answer is what the tenant is now, as little as a policy says of that.
func TestEndIsJudgedAnew(t *testing.T) {
	store, tenants := newTenants(t, "acme")
	hidden := resolve.Policy{Hidden: true}
	watcher := newWatcher(t, store, hidden, resolve.WithKey(func(t tenancy.Tenant) any { return t.DatabaseURL.Reveal() }))
	i := must(tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("tenant"), silent, tenancygrpc.WithWatcher(watcher), tenancygrpc.WithPolicy(hidden)))
	cc := dial(t, serve(t, i, echo))
	open := func() grpc.ClientStream {
		s := openChat(t, as(t, "tenant", "acme"), cc)
		if got, err := say(s); got != "acme" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		return s
	}
	s := open()
	if _, err := tenancy.Modify(t.Context(), store, tenants["acme"].ID, func(t *tenancy.Tenant) error {
		t.DatabaseURL = tenancy.NewSecret("postgres://elsewhere/")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, s, codes.Unavailable) // it has moved: come again
	s = open()
	must(store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended))
	ended := wantEnd(t, s, codes.NotFound)
	_, err := who(as(t, "tenant", "nobody"), cc)
	if ended.String() != status.Convert(err).String() || reasonOf(ended) != reasonOf(status.Convert(err)) {
		t.Errorf("a suspended tenant's stream ends with %v, and an unknown one is answered %v", ended, err)
	}
	must(store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusActive))
	s = open()
	_ = watcher.Close()
	wantEnd(t, s, codes.Unavailable)
	if _, err := say(openChat(t, as(t, "tenant", "acme"), cc)); status.Code(err) != codes.Unavailable {
		t.Errorf("after Close: %v", err)
	}
}

// A stream that nobody ends is as without a watcher: its errors, its end, its panics.
func TestWatchedStreamIsAsAnyOther(t *testing.T) {
	store, _ := newTenants(t, "acme")
	own := status.Error(codes.DataLoss, "of its own")
	behave := map[string]func(grpc.ServerStream) error{
		"ok":    func(grpc.ServerStream) error { return nil },
		"error": func(grpc.ServerStream) error { return own },
		"panic": func(grpc.ServerStream) error { panic("of its own") },
	}
	recovers := func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = status.Errorf(codes.Internal, "%v", p)
			}
		}()
		return handler(srv, s)
	}
	for name, want := range map[string]codes.Code{"ok": codes.OK, "error": codes.DataLoss, "panic": codes.Internal} {
		i := must(tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("tenant"), silent, tenancygrpc.WithWatcher(newWatcher(t, store, resolve.Policy{}))))
		cc := dial(t, serve(t, i, behave[name], grpc.ChainStreamInterceptor(recovers)))
		s := openChat(t, as(t, "tenant", "acme"), cc)
		if err := s.RecvMsg(new(wrapperspb.StringValue)); status.Code(err) != want && want != codes.OK {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// When the client goes, the handler learns it as ever.
func TestClientGoes(t *testing.T) {
	store, _ := newTenants(t, "acme")
	ended := make(chan error, 1)
	i := must(tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("tenant"), silent, tenancygrpc.WithWatcher(newWatcher(t, store, resolve.Policy{}))))
	cc := dial(t, serve(t, i, func(s grpc.ServerStream) error {
		err := echo(s)
		ended <- err
		return err
	}))
	ctx, cancel := context.WithCancel(as(t, "tenant", "acme"))
	if got, err := say(openChat(t, ctx, cc)); got != "acme" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	cancel()
	if err := <-ended; status.Code(err) != codes.Canceled {
		t.Errorf("the handler got %v", err)
	}
}
