package valkeytier

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/valkey-io/valkey-go"
)

// dialFunc makes a connection for valkey-go.
type dialFunc = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

// connections can be ended all at once, whatever valkey-go is waiting for on them.
type connections struct{ current atomic.Pointer[generation] }

// generation are the connections that are made between one end of all and the next.
type generation struct {
	ctx  context.Context
	stop context.CancelFunc
}

// renew ends the connections that are there. Later ones end with ctx, or with the next
// renew.
func (cs *connections) renew(ctx context.Context) {
	g := &generation{}
	g.ctx, g.stop = context.WithCancel(ctx)
	if old := cs.current.Swap(g); old != nil {
		old.stop()
	}
}

// dialer returns a function that connects in the way of option.
func (cs *connections) dialer(option valkey.ClientOption) dialFunc {
	return func(ctx context.Context, to string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
		g := cs.current.Load()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(g.ctx, cancel)()
		c, err := dial(ctx, option, to, d, t)
		if err != nil {
			return nil, err
		}
		return &conn{c, context.AfterFunc(g.ctx, func() { _ = c.Close() })}, nil
	}
}

// dial is what valkey-go does by itself.
func dial(ctx context.Context, option valkey.ClientOption, to string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
	switch {
	case option.DialCtxFn != nil:
		return option.DialCtxFn(ctx, to, d, t)
	case option.DialFn != nil:
		return option.DialFn(to, d, t)
	case t != nil:
		c, err := (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", to)
		if err != nil { // a server that does not speak TLS says nothing
			return nil, fmt.Errorf("connecting by TLS: %w", err)
		}
		return c, nil
	}
	return d.DialContext(ctx, "tcp", to)
}

// conn is one of a generation.
type conn struct {
	net.Conn
	forget func() bool
}

func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}
