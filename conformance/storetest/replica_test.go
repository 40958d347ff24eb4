package storetest_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A replica is a decorator that keeps every promise, wherever it stands, before it is
// synced and after that.
func TestReplica(t *testing.T) {
	for name, wait := range map[string]bool{"starting": false, "synced": true} {
		t.Run(name, func(t *testing.T) {
			storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store {
				source, ok := tenancy.SourceOf(s)
				if !ok { // which New refuses
					return s
				}
				file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour) // does no harm
				r, err := replica.New(source, replica.WithLogger(slog.New(slog.DiscardHandler)), replica.WithFollowTimeout(time.Minute), file)
				if err != nil {
					t.Fatal(err)
				}
				if wait {
					<-r.Synced()
				}
				return r
			})
		})
	}
}
