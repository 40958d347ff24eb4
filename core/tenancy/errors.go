package tenancy

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// The reasons for which an operation fails. Test them with [errors.Is];
// [errors.As] has the [*Error].
var (
	// ErrNotFound: no tenant has this ID, identifier or domain.
	ErrNotFound = errors.New("not found")
	// ErrAlreadyExists: another tenant has this ID, identifier or domain; Error.Field
	// says which ("id" when both).
	ErrAlreadyExists = errors.New("already exists")
	// ErrConflict: what is stored is not the revision and mark that Update was given.
	// Read again and retry, or use [Modify].
	ErrConflict = errors.New("changed in the meantime")
	// ErrInvalid: the input breaks a rule; Error.Field says which field.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: the store cannot answer now. It says nothing about the
	// tenant, and a write that ends with it may or may not have happened, or
	// happen yet, unless the error wraps ErrNotApplied too.
	ErrUnavailable = errors.New("store unavailable")
	// ErrNotApplied comes with ErrUnavailable or the context's error, and says that
	// the operation has changed nothing and will not: the store knows that it never
	// reached the database, because there was no connection, or that the database has
	// refused it or rolled it back. It can be repeated without danger. After CreateBatch, it is said of the tenants without a result.
	// An error without it says nothing of the kind.
	ErrNotApplied = errors.New("not applied")
	// ErrCompacted: the change log cannot continue from this position: it was
	// trimmed away, or belongs to a history that the store no longer has.
	ErrCompacted = errors.New("position is not in the change log")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)

// Error is the error of every operation, for [errors.As].
type Error struct {
	Op         string // the method: "GetByID"
	ID         string // the tenant's ID, where known
	Identifier string // the tenant's identifier, where known
	Domain     string // the domain, where it is about one
	Field      string // the offending field in its JSON name: "identifier"
	Err        error  // wraps a sentinel of this package, a context's error or errors.ErrUnsupported
}

// Error returns one line of printable text. Texts that came from outside are
// quoted and cut, and the text of a foreign error is put on one line, so that a
// hostile one cannot forge log lines.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tenancy: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.ID != "" {
		b.WriteString("id " + quote(e.ID) + ": ")
	}
	if e.Identifier != "" {
		b.WriteString("identifier " + quote(e.Identifier) + ": ")
	}
	if e.Domain != "" {
		b.WriteString("domain " + quote(e.Domain) + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	if e.Err == nil {
		return b.String() + "unknown error"
	}
	return b.String() + oneLine(e.Err.Error())
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// quoted runes of an outside text in an error
const quoteLimit = 64

func quote(s string) string {
	n := 0
	for i := range s {
		if n++; n > quoteLimit {
			return strconv.QuoteToASCII(s[:i]) + "…"
		}
	}
	return strconv.QuoteToASCII(s)
}

// named returns err, of a call that op has made, as an error of op on key (its zero
// value for none).
func named(op string, key Key, err error) error {
	out := Error{Err: err}
	if e, ok := err.(*Error); ok { //nolint:errorlint // only the outermost one names an operation
		out = *e
	}
	out.Op = op
	switch key.Kind {
	case KindID:
		out.ID = cmp.Or(out.ID, key.Value)
	case KindIdentifier, KindFormer:
		out.Identifier = cmp.Or(out.Identifier, key.Value)
	case KindDomain:
		out.Domain = cmp.Or(out.Domain, key.Value)
	}
	return &out
}

func invalid(field, format string, args ...any) error {
	return &Error{Field: field, Err: fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))}
}
