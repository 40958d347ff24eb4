package tenancy_test

import (
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
		{&tenancy.Error{Op: "GetByDomain", Domain: "acme.test\n", Err: tenancy.ErrNotFound}, `tenancy: GetByDomain: domain "acme.test\n": not found`},
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
