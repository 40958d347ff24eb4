package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  *tenancy.Error
		want string
	}{
		{&tenancy.Error{Op: "GetByID", ID: "t1", Err: tenancy.ErrNotFound}, `tenancy: GetByID: id "t1": not found`},
		{&tenancy.Error{Op: "Create", ID: "t1", Identifier: "acme", Field: "identifier", Err: tenancy.ErrAlreadyExists}, `tenancy: Create: id "t1": identifier "acme": identifier: already exists`},
		{&tenancy.Error{Err: tenancy.ErrClosed}, `tenancy: store is closed`},
		{&tenancy.Error{Op: "List"}, `tenancy: List: unknown error`},
		{&tenancy.Error{ID: strings.Repeat("é", 65), Err: tenancy.ErrInvalid}, `tenancy: id "` + strings.Repeat(`\u00e9`, 64) + `"…: invalid`},
		{&tenancy.Error{ID: strings.Repeat("x", 64), Err: tenancy.ErrInvalid}, `tenancy: id "` + strings.Repeat(`x`, 64) + `": invalid`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

// Whatever comes from outside or from a driver, an error is one printable line.
func TestErrorTextCannotForgeLines(t *testing.T) {
	hostile := "a\nlevel=INFO msg=forged\r\n\x1b[2J\x00\u2028\u202e\xff\""
	for _, err := range []error{
		&tenancy.Error{Op: "GetByID", ID: hostile, Err: tenancy.ErrNotFound},
		&tenancy.Error{Op: "GetByIdentifier", Identifier: hostile, Err: tenancy.ErrNotFound},
		&tenancy.Error{Op: "List", Err: fmt.Errorf("%w: %s", tenancy.ErrUnavailable, hostile)},
		&tenancy.Error{Op: "List", Err: errors.Join(tenancy.ErrUnavailable, errors.New("second line"))},
		driver.ErrorIn("Update", tenancy.IDKey(hostile), errors.New(hostile)),
		tenancy.Status(hostile).Validate(),
		tenancy.Tenant{ID: "a", Identifier: "acme", Name: "A", Status: "active", Isolation: tenancy.Isolation(hostile)}.Validate(),
	} {
		text := err.Error()
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '…' && r != unicode.ReplacementChar && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q holds %q", text, text[i:])
		}
		if strings.Contains(text, "\xff") {
			t.Errorf("%q is not UTF-8", text)
		}
	}
	long := strings.Repeat("x", 1<<20)
	for _, err := range []error{
		&tenancy.Error{ID: long, Identifier: long, Err: tenancy.ErrNotFound}, tenancy.ValidateID(long), tenancy.Status(long).Validate(),
	} {
		if n := len(err.Error()); n > 1000 {
			t.Errorf("an error text has %d bytes", n)
		}
	}
}

func TestErrorIsAndAs(t *testing.T) {
	cause := errors.New("cause")
	inner := &tenancy.Error{Op: "Create", Field: "identifier", Err: fmt.Errorf("%w: %w", tenancy.ErrAlreadyExists, cause)}
	err := fmt.Errorf("handler: %w", fmt.Errorf("service: %w", inner))
	var e *tenancy.Error
	if !errors.Is(err, tenancy.ErrAlreadyExists) || !errors.Is(err, cause) || !errors.As(err, &e) || e != inner {
		t.Errorf("%v lost something on the way", err)
	}
	if errors.Is(err, tenancy.ErrNotFound) {
		t.Error("ErrNotFound out of nowhere")
	}
}

func TestErrorIn(t *testing.T) {
	cause := errors.New("driver: bad connection")
	reasons := []error{
		tenancy.ErrNotFound, tenancy.ErrAlreadyExists, tenancy.ErrConflict, tenancy.ErrInvalid, tenancy.ErrUnavailable,
		tenancy.ErrCompacted, tenancy.ErrClosed, context.Canceled, context.DeadlineExceeded, errors.ErrUnsupported,
	}
	if err := driver.ErrorIn("Get", tenancy.IDKey("t1"), nil); err != nil {
		t.Fatalf("ErrorIn of nil: %v", err)
	}
	for _, reason := range append(reasons, cause) {
		for name, given := range map[string]error{
			"bare":            reason,
			"wrapped":         fmt.Errorf("x: %w", reason),
			"an Error":        &tenancy.Error{Err: reason},
			"a wrapped Error": fmt.Errorf("x: %w", &tenancy.Error{Err: reason}),
		} {
			err := driver.ErrorIn("Get", tenancy.IDKey("t1"), given)
			var e *tenancy.Error
			if !errors.As(err, &e) || e.Op != "Get" || e.ID != "t1" || e.Identifier != "" {
				t.Errorf("%v, %s: %#v", reason, name, err)
			}
			if !errors.Is(err, reason) {
				t.Errorf("%v, %s: the reason is lost: %v", reason, name, err)
			}
			isOutage := reason == cause || reason == tenancy.ErrUnavailable //nolint:errorlint // the entry of the list itself
			if errors.Is(err, tenancy.ErrUnavailable) != isOutage {
				t.Errorf("%v, %s: ErrUnavailable is %t", reason, name, !isOutage)
			}
		}
	}
	full := &tenancy.Error{Op: "Update", ID: "t9", Identifier: "nine", Field: "identifier", Err: tenancy.ErrAlreadyExists}
	if err := driver.ErrorIn("Other", tenancy.IDKey("t1"), full); *err.(*tenancy.Error) != *full { //nolint:errorlint // the outermost
		t.Errorf("a complete error was changed: %v", err)
	}
	partial := &tenancy.Error{Err: tenancy.ErrNotFound}
	if _ = driver.ErrorIn("Get", tenancy.IdentifierKey("acme"), partial); partial.Op != "" {
		t.Error("ErrorIn changed the error that it was given")
	}
	// The field is not hidden by a layer that only adds words.
	err := driver.ErrorIn("Create", tenancy.Key{}, fmt.Errorf("tx: %w", &tenancy.Error{ID: "t1", Field: "id", Err: tenancy.ErrAlreadyExists}))
	var e *tenancy.Error
	if !errors.As(err, &e) || e.Field != "id" || e.ID != "t1" || !errors.Is(err, tenancy.ErrAlreadyExists) {
		t.Errorf("the field is lost: %v", err)
	}
	if err := driver.ErrorIn("Get", tenancy.Key{}, &tenancy.Error{}); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("an Error without a reason: %v", err)
	}
}
