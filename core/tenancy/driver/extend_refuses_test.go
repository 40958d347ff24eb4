package driver_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

type backend struct{ driver.Backend }

type (
	count64 struct{ backend }
	loud    struct{ backend }
	half    struct{ backend }
)

func (count64) Count(context.Context, tenancy.Filter) (int64, error) { return 0, nil }
func (loud) IsReserved(string) (bool, error)                         { return false, nil }
func (half) Bounds(context.Context) (b tenancy.Bounds, err error)    { return b, err }

// Such a method would never be called, and nobody would notice.
func TestExtendRefuses(t *testing.T) {
	for says, b := range map[string]driver.Backend{
		"is nil":                       nil,
		"it is nil":                    (*backend)(nil),
		"Count, and is no driver.Coun": count64{},
		"IsReserved, and is no driver": loud{},
		"Bounds, and is no driver.Sou": half{},
	} {
		var e *tenancy.Error
		s, err := driver.Extend(b)
		if s != nil || !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &e) || e.Op != "Extend" || e.Field != "backend" ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%v, want ErrInvalid that says %q", err, says)
		}
	}
	if _, err := driver.Extend(backend{}); err != nil {
		t.Error(err)
	}
}
