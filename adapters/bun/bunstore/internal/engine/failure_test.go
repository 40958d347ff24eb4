package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

var (
	errCancelled = errors.New("cancelled")
	errTaken     = errors.New("taken")
)

// database knows two errors of its own.
type database struct{}

func (database) Classify(err error) (Kind, string) {
	switch {
	case errors.Is(err, errCancelled):
		return Interrupted, "cancelled"
	case errors.Is(err, errTaken):
		return Duplicate, "taken"
	}
	return Unavailable, Describe(err)
}

// host is an address of the database: part of a connection string.
type host struct{}

func (host) Network() string { return "tcp" }
func (host) String() string  { return canary + ":5432" }

func TestFail(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		kind   Kind
		reason error
		text   string // part of it
	}{
		{"connection", fmt.Errorf("write %s: %w", canary, io.ErrUnexpectedEOF), Unavailable, tenancy.ErrUnavailable, "connection was lost"},
		{"bad connection", driver.ErrBadConn, Unavailable, tenancy.ErrUnavailable, "connection was lost"},
		{"refused", &net.OpError{Op: "dial", Net: "tcp", Addr: host{}, Err: syscall.ECONNREFUSED}, Unavailable, tenancy.ErrUnavailable, "dial: connection refused"},
		{"reset", &net.OpError{Op: "read", Net: "tcp", Source: host{}, Addr: host{}, Err: os.NewSyscallError("read", syscall.ECONNRESET)},
			Unavailable, tenancy.ErrUnavailable, "read: connection reset"},
		{"network timeout", &net.OpError{Op: "read", Net: "tcp", Addr: host{}, Err: os.ErrDeadlineExceeded}, Unavailable, tenancy.ErrUnavailable, "read: no answer in time"},
		{"unknown host", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: canary, IsNotFound: true}},
			Unavailable, tenancy.ErrUnavailable, "does not resolve"},
		{"no name server", &net.DNSError{Err: "server misbehaving", Name: canary, Server: "10.0.0.2:53"}, Unavailable, tenancy.ErrUnavailable, "could not be looked up"},
		{"no address", &net.OpError{Op: "dial", Err: &net.AddrError{Err: "missing port", Addr: canary}}, Unavailable, tenancy.ErrUnavailable, "*net.AddrError"},
		{"unknown", errors.New(canary), Unavailable, tenancy.ErrUnavailable, "*errors.errorString"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Fail(t.Context(), database{}, fmt.Errorf("wrapped: %w", c.err))
			if got := KindOf(err); got != c.kind {
				t.Errorf("kind = %d, want %d", got, c.kind)
			}
			if !errors.Is(err, c.reason) {
				t.Errorf("errors.Is(%v, %v) is false", err, c.reason)
			}
			if !errors.Is(err, c.err) {
				t.Error("the cause cannot be reached")
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("text = %q, want %q in it", err, c.text)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("text = %q, shows what the driver wrote", err)
			}
		})
	}
}

func TestFailGivesTheContextsError(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cause := range []error{errCancelled, errors.New("Interrupted"), context.Canceled} {
		err := Fail(ended, database{}, cause)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v: errors.Is(%v, context.Canceled) is false", cause, err)
		}
		if KindOf(err) != Interrupted {
			t.Errorf("%v: kind = %d", cause, KindOf(err))
		}
	}
	// What the database decided stands, whatever became of the context.
	if err := Fail(ended, database{}, errTaken); !errors.Is(err, tenancy.ErrAlreadyExists) {
		t.Errorf("unique violation under an ended context: %v", err)
	}
	// A timeout of the driver's own must not look like one of the caller's.
	err := Fail(t.Context(), database{}, fmt.Errorf("connect: %w", context.DeadlineExceeded))
	if errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("driver's own timeout: %v", err)
	}
}

func TestFailKeepsTypedErrors(t *testing.T) {
	typed := &tenancy.Error{Field: "metadata", Err: tenancy.ErrInvalid}
	if err := Fail(t.Context(), database{}, typed); err != error(typed) { //nolint:errorlint // the very same
		t.Errorf("got %v", err)
	}
	if err := Fail(t.Context(), database{}, nil); err != nil {
		t.Errorf("got %v", err)
	}
}
