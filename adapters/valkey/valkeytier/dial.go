package valkeytier

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/valkey-io/valkey-go"
)

// dialFunc makes a connection for valkey-go.
type dialFunc = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

// dialer returns a function that connects in the way of option, and whose connections
// end with the link, whatever valkey-go is waiting for on them.
func (l *link) dialer(option valkey.ClientOption) dialFunc {
	return func(ctx context.Context, to string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(l.ctx, cancel)()
		c, err := dial(ctx, option, to, d, t)
		if err != nil {
			return nil, err
		}
		return &conn{c, context.AfterFunc(l.ctx, func() { _ = c.Close() })}, nil
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
		return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", to)
	}
	return d.DialContext(ctx, "tcp", to)
}

// conn is a connection that ends with its link.
type conn struct {
	net.Conn
	forget func() bool
}

func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}
