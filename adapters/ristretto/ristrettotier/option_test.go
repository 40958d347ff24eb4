package ristrettotier

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Every size is taken up to its bound, and refused beyond it.
func TestSizesAtTheEdge(t *testing.T) {
	for name, c := range map[string]struct {
		option func(n int64) Option
		most   int64
	}{
		"WithMaxEntries":   {func(n int64) Option { return WithMaxEntries(int(n)) }, maxEntries},
		"WithMaxBytes":     {WithMaxBytes, maxBytes},
		"WithMaxNegatives": {func(n int64) Option { return WithMaxNegatives(int(n)) }, maxEntries},
	} {
		for _, n := range []int64{math.MinInt64, math.MinInt, math.MinInt32, -1, 0, c.most + 1, math.MaxInt32 * 1024, math.MaxInt - 1, math.MaxInt, math.MaxInt64} {
			if name != "WithMaxBytes" && int64(int(n)) != n {
				continue // on a 32-bit machine
			}
			_, err := NewCache(c.option(n))
			if want := fmt.Sprintf("%s must be 1 to %d, not %d", name, c.most, n); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s(%d): %v, want ErrInvalid that says %q", name, n, err, want)
			}
			if _, err := New(memstore.New(), c.option(n)); !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("New with %s(%d): %v, want ErrInvalid", name, n, err)
			}
		}
		if _, err := newConfig([]Option{c.option(c.most)}); err != nil {
			t.Errorf("%s(%d): %v", name, c.most, err)
		}
		newTestCache(t, c.option(1))
	}
	newTestCache(t, WithMaxBytes(1<<30))
	if _, err := New(nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("New(nil): %v, want ErrInvalid", err)
	}
	if _, err := NewCache(nil); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), "option 1 is nil") {
		t.Errorf("NewCache(nil): %v, want ErrInvalid that says so", err)
	}
}
