package engine

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

// Kind is what a driver's error means to this package.
type Kind int

const (
	Unavailable Kind = iota // an outage, or something unknown
	Contended               // lost against another session; nothing was written, try again
	Duplicate               // a unique constraint
	Refused                 // another constraint: trying again will not help
	Interrupted             // the statement was cancelled
	Denied                  // for want of a privilege; an outage that lasts until somebody grants it
	Former                  // an identifier that another tenant had; see SerialTexts.Free
	Outdated                // a plan, or a prepared statement that the server no longer has; the driver forgets it
)

// Failure is a driver's error with a text that is safe to show: drivers put
// values of rows, arguments and parts of the DSN into theirs. errors.As still
// reaches the cause.
type Failure struct {
	Kind   Kind
	Reason error // a sentinel of package tenancy or a context's error
	Text   string
	Cause  error
	// NotApplied: the database has said so, of a write.
	NotApplied bool
	// InDoubt: a commit failed, and may have happened.
	InDoubt bool
}

// Error implements error.
func (f *Failure) Error() string {
	text := f.Reason.Error()
	if f.Text != "" {
		text += ": " + f.Text
	}
	if f.NotApplied {
		text += nothingChanged
	}
	return text
}

// Unwrap gives the reason and the cause; but not a cause that claims that the
// context has ended, for only the reason may say that.
func (f *Failure) Unwrap() []error {
	wrapped := []error{f.Reason}
	if f.NotApplied {
		wrapped = append(wrapped, tenancy.ErrNotApplied)
	}
	if !IsContextError(f.Cause) {
		wrapped = append(wrapped, f.Cause)
	}
	return wrapped
}

const nothingChanged = "; nothing was changed"

// RolledBack returns err, by which a write has ended whose transaction was rolled back,
// with [tenancy.ErrNotApplied], unless err is a commit's that may have reached the
// disk.
func RolledBack(err error) error {
	if IsContextError(err) && errors.Unwrap(err) == nil {
		err = &Failure{Kind: Interrupted, Reason: err}
	}
	f, ok := err.(*Failure) //nolint:errorlint // what is wrapped by more is not of the write
	if !ok || f.InDoubt || !errors.Is(f.Reason, tenancy.ErrUnavailable) && !IsContextError(f.Reason) {
		return err
	}
	claimed := *f
	claimed.NotApplied = true
	return &claimed
}

// classifier is the part of a Dialect that tells errors apart.
type classifier interface {
	Classify(err error) (Kind, string)
}

// Fail turns an error of database/sql or a driver into a failure.
func Fail(ctx context.Context, d classifier, err error) error {
	if err == nil {
		return nil
	}
	var known *Failure
	var typed *tenancy.Error
	if errors.As(err, &known) || errors.As(err, &typed) {
		return err
	}
	kind, text := d.Classify(err)
	f := &Failure{Kind: kind, Reason: tenancy.ErrUnavailable, Text: text, Cause: err}
	switch {
	case ctx.Err() != nil && (kind == Interrupted || kind == Unavailable):
		f.Kind, f.Reason, f.Text = Interrupted, ctx.Err(), ""
	case errors.Is(err, sql.ErrTxDone):
		f.Reason, f.Text = tenancy.ErrClosed, "the transaction has ended"
	case kind == Duplicate:
		f.Reason = tenancy.ErrAlreadyExists
	case kind == Refused:
		f.Reason = tenancy.ErrInvalid
	}
	return f
}

// KindOf returns what err means, which Fail has made.
func KindOf(err error) Kind {
	var f *Failure
	if errors.As(err, &f) {
		return f.Kind
	}
	var unsent interface{ TryAgain() bool } // from the package that opened the database
	if errors.As(err, &unsent) && unsent.TryAgain() {
		return Contended
	}
	return Unavailable
}

// MayBeApplied returns err without the claim that nothing was changed, for an
// operation that has changed something before err came in its way.
func MayBeApplied(err error) error {
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
	return &Failure{Reason: reason, Text: strings.TrimPrefix(strings.TrimPrefix(text, reason.Error()), ": ")}
}

// IsContextError reports whether err says that a context has ended.
func IsContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Describe says what is safe to say of an error that came without a code: what
// the network or the file system reported, without hosts and addresses, which come
// from the connection string; or else only its type.
func Describe(err error) string {
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
