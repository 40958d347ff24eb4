package bunpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// socketParameters are those of libpq that are about the socket; see settleDialer.
const socketParameters = "keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout"

// settleDialer makes conn dial as the parameters of libpq about its socket say, and
// takes them out of the settings of the session.
func settleDialer(conn *pgx.ConnConfig) error {
	values, given := map[string]int{}, false
	for _, name := range strings.Fields(socketParameters) {
		text, found := conn.RuntimeParams[name]
		if !found {
			continue
		}
		delete(conn.RuntimeParams, name)
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1<<31-1 {
			return fmt.Errorf("parameter %s: must be a whole number that is not negative", name)
		}
		values[name], given = n, true
	}
	if !given {
		return nil
	}
	// 0 is the system's default, for libpq; for a dialer of Go it is -1.
	orDefault := func(n int) int {
		if n == 0 {
			return -1
		}
		return n
	}
	seconds := func(name string) time.Duration { return time.Duration(orDefault(values[name])) * time.Second }
	off, found := values["keepalives"]
	dialer := net.Dialer{
		KeepAlive: -1,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   !found || off != 0,
			Idle:     seconds("keepalives_idle"),
			Interval: seconds("keepalives_interval"),
			Count:    orDefault(values["keepalives_count"]),
		},
	}
	if ms := values["tcp_user_timeout"]; ms > 0 {
		dialer.Control = func(network, _ string, raw syscall.RawConn) (err error) {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			if failed := raw.Control(func(fd uintptr) { err = setUserTimeout(fd, ms) }); failed != nil {
				return failed
			}
			return err
		}
	}
	conn.DialFunc = dialer.DialContext
	return nil
}

// lookUp gives each host the address that hostaddr says, instead of asking DNS.
func lookUp(conn *pgx.ConnConfig, hostaddr string) error {
	if hostaddr == "" {
		return nil
	}
	hosts := []string{conn.Host}
	for _, f := range conn.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	addresses, next := map[string]string{}, strings.Split(hostaddr, ",")
	for _, host := range slices.Compact(hosts) { // one for each way of TLS
		if filepath.IsAbs(host) || len(next) == 0 || net.ParseIP(next[0]) == nil {
			return errors.New("must be an IP address for each name in host")
		}
		addresses[host], next = next[0], next[1:]
	}
	if len(next) > 0 {
		return errors.New("must be an IP address for each name in host")
	}
	conn.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{addresses[host]}, nil }
	return nil
}
