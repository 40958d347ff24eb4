package replica_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestBadArguments(t *testing.T) {
	for name, opt := range map[string]replica.Option{
		"nil": nil, "tenants": replica.WithMaxTenants(0), "many tenants": replica.WithMaxTenants(math.MaxInt),
		"stale": replica.WithMaxStale(0), "timeout": replica.WithFollowTimeout(0),
		"bus": replica.WithBus(nil), "absent bus": replica.WithBus((*closable)(nil)),
	} {
		if _, err := replica.New(memstore.New(), opt); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if _, err := replica.New(nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("no source: %v, want ErrInvalid", err)
	}
	if _, err := replica.New(tenancy.Decorator{Next: struct{ tenancy.Store }{memstore.New()}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a source that leads nowhere: %v, want ErrUnsupported", err)
	}
}

// A function that is nil is noticed where it is passed, and not by the goroutine that
// calls it.
func TestFunctionsThatAreNil(t *testing.T) {
	bubble(t, func(t *testing.T, _ *database, r *replica.Store) {
		for what, pass := range map[string]func(){
			"NewIndex": func() { replica.NewIndex(r, nil) },
			"OnChange": func() { r.OnChange(nil) },
		} {
			func() {
				defer func() {
					if message, ok := recover().(string); !ok || !strings.HasPrefix(message, "replica: ") {
						t.Errorf("%s panics with %q, want what is wrong", what, message)
					}
				}()
				pass()
			}()
		}
	})
}
