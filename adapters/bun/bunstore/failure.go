package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// kind is what a driver's error means to this package.
type kind int

const (
	unavailable kind = iota // an outage, or something unknown
	contended               // lost against another session; nothing was written, try again
	duplicate               // a unique constraint
	refused                 // another constraint: trying again will not help
	interrupted             // the statement was cancelled
	denied                  // for want of a privilege; an outage that lasts until somebody grants it
	outdated                // a plan, or a prepared statement that the server no longer has; the driver forgets it
)

// failure is a driver's error with a text that is safe to show: drivers put
// values of rows, arguments and parts of the DSN into theirs. errors.As still
// reaches the cause.
type failure struct {
	kind   kind
	reason error // a sentinel of package tenancy or a context's error
	text   string
	cause  error
	// notApplied: the database has said so, of a write.
	notApplied bool
	// inDoubt: a commit failed, and may have happened.
	inDoubt bool
}

// Error implements error.
func (f *failure) Error() string {
	text := f.reason.Error()
	if f.text != "" {
		text += ": " + f.text
	}
	if f.notApplied {
		text += nothingChanged
	}
	return text
}

// Unwrap gives the reason and the cause; but not a cause that claims that the
// context has ended, for only the reason may say that.
func (f *failure) Unwrap() []error {
	wrapped := []error{f.reason}
	if f.notApplied {
		wrapped = append(wrapped, tenancy.ErrNotApplied)
	}
	if !isContextError(f.cause) {
		wrapped = append(wrapped, f.cause)
	}
	return wrapped
}

const nothingChanged = "; nothing was changed"

// undone returns err, by which a write has ended whose transaction was rolled back,
// with [tenancy.ErrNotApplied], unless err is a commit's that may have reached the
// disk.
func undone(err error) error {
	if isContextError(err) && errors.Unwrap(err) == nil {
		err = &failure{kind: interrupted, reason: err}
	}
	f, ok := err.(*failure) //nolint:errorlint // what is wrapped by more is not of the write
	if !ok || f.inDoubt || !errors.Is(f.reason, tenancy.ErrUnavailable) && !isContextError(f.reason) {
		return err
	}
	claimed := *f
	claimed.notApplied = true
	return &claimed
}

// notApplied returns err, by which a write of one transaction has ended, with
// [tenancy.ErrNotApplied] if the database has said that it changed nothing.
func notApplied(err error) error {
	f, ok := err.(*failure) //nolint:errorlint // what is wrapped by more is not of the write
	if !ok || !aborted(f.cause) || !errors.Is(f.reason, tenancy.ErrUnavailable) && !isContextError(f.reason) {
		return err
	}
	claimed := *f
	claimed.notApplied = true
	return &claimed
}

// fail turns an error of database/sql or a driver into a failure.
func fail(ctx context.Context, d dialect, err error) error {
	if err == nil {
		return nil
	}
	var known *failure
	var typed *tenancy.Error
	if errors.As(err, &known) || errors.As(err, &typed) {
		return err
	}
	kind, text := d.classify(err)
	f := &failure{kind: kind, reason: tenancy.ErrUnavailable, text: text, cause: err}
	switch {
	case ctx.Err() != nil && (kind == interrupted || kind == unavailable):
		f.kind, f.reason, f.text = interrupted, ctx.Err(), ""
	case kind == duplicate:
		f.reason = tenancy.ErrAlreadyExists
	case kind == refused:
		f.reason = tenancy.ErrInvalid
	}
	return f
}

func kindOf(err error) kind {
	var f *failure
	if errors.As(err, &f) {
		return f.kind
	}
	var unsent interface{ TryAgain() bool } // from the package that opened the database
	if errors.As(err, &unsent) && unsent.TryAgain() {
		return contended
	}
	return unavailable
}

// mayBeApplied returns err without the claim that nothing was changed, for an
// operation that has changed something before err came in its way.
func mayBeApplied(err error) error {
	if !errors.Is(err, tenancy.ErrNotApplied) {
		return err
	}
	reason := tenancy.ErrUnavailable
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			reason = ended
		}
	}
	var typed *tenancy.Error
	if errors.As(err, &typed) && typed.Err != nil {
		err = typed.Err
	}
	text := strings.TrimSuffix(err.Error(), nothingChanged)
	return &failure{reason: reason, text: strings.TrimPrefix(strings.TrimPrefix(text, reason.Error()), ": ")}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// describe says what is safe to say of an error that came without a code: what
// the network or the file system reported, without hosts and addresses, which come
// from the connection string; or else only its type.
func describe(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) {
		return "the connection was lost"
	}
	var (
		dnsErr *net.DNSError
		netErr *net.OpError
		errno  syscall.Errno
	)
	switch {
	case errors.As(err, &dnsErr) && dnsErr.IsNotFound:
		return "the host name does not resolve"
	case errors.As(err, &dnsErr):
		return "the host name could not be looked up"
	case errors.As(err, &netErr) && errors.As(netErr.Err, &errno):
		return netErr.Op + ": " + errno.Error()
	case errors.As(err, &netErr) && netErr.Timeout():
		return netErr.Op + ": no answer in time"
	}
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Op + ": " + pathErr.Err.Error()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("driver error of type %T", err)
		}
		err = inner
	}
}
