package driver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

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
