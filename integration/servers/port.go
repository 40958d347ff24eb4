//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Ports are taken from below the range from which systems take the local ports
// of outgoing connections: while a server is down, nobody else gets its port.
const (
	lowestPort  = 20_000
	highestPort = 30_000
)

// FreePort returns a port of 127.0.0.1 on which nobody listens. Whoever closes a listener
// there and opens it again finds the port free: no outgoing connection takes it, not even
// one that is made to it meanwhile and would meet itself.
func FreePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	for range 1000 {
		port := lowestPort + rand.N(highestPort-lowestPort)
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, err
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port from %d to %d on 127.0.0.1", lowestPort, highestPort)
}

// onFreePorts tries start again where another program has taken a port meanwhile.
func onFreePorts(start func() error) error {
	for attempt := 1; ; attempt++ {
		err := start()
		if err == nil || attempt == 3 || !strings.Contains(err.Error(), "ddress already in use") {
			return err
		}
	}
}
