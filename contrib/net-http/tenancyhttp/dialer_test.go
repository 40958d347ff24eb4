package tenancyhttp_test

import (
	"context"
	"net"
)

// dialer connects to one address, whatever it is asked for.
func dialer(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}
