package observe_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// deaf is a store that counts for ever, whatever becomes of the context.
type deaf struct {
	*memstore.Store
	goOn chan struct{}
}

func (d deaf) Count(context.Context, tenancy.Filter) (int, error) {
	<-d.goOn
	return 0, nil
}

// Close does not wait for ever for a count in the background.
func TestCloseWhileTenantsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deaf{memstore.New(), make(chan struct{})}
		s := wrap(t, d, observe.Config{TenantCounts: time.Second})
		synctest.Wait()
		begun := time.Now()
		if err := s.Close(); err != nil || time.Since(begun) > 10*time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(begun))
		}
		close(d.goOn)
	})
}
