package driver_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// valid returns a tenant that every store takes.
func valid() tenancy.Tenant {
	return tenancy.Tenant{
		ID: "t1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive,
		CreatedAt: time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC),
	}
}

func wantInvalid(t *testing.T, what string, err error, field string) {
	t.Helper()
	var e *tenancy.Error
	if !errors.As(err, &e) || !errors.Is(err, tenancy.ErrInvalid) || e.Field != field {
		t.Errorf("%s: error %v, want an *Error of %q that wraps ErrInvalid", what, err, field)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
