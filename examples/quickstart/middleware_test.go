package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// hung is a store that answers when the request gives up.
type hung struct{ *memstore.Store }

func (hung) GetByIdentifier(ctx context.Context, _ string) (tenancy.Tenant, error) {
	<-ctx.Done()
	return tenancy.Tenant{}, driver.ErrorIn("GetByIdentifier", tenancy.Key{}, ctx.Err())
}

func TestHungStoreIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{store: hung{memstore.New()}, base: "localhost", log: slog.New(slog.DiscardHandler)}
		r := httptest.NewRequest("GET", "http://mit-edu.localhost/whoami", nil)
		w := httptest.NewRecorder()
		begin := time.Now()
		must(s.handler()).ServeHTTP(w, r)
		if took := time.Since(begin); took != requestTimeout {
			t.Errorf("answered after %v, want %v", took, requestTimeout)
		}
		answer{w.Code, w.Header(), w.Body.String()}.wantProblem(t, http.StatusServiceUnavailable, "unavailable", "")
	})
}

// A client that does not wait is no fault of the service.
func TestClientThatLeaves(t *testing.T) {
	for _, target := range []string{"http://localhost/admin/tenants/by-identifier/mit-edu", "http://mit-edu.localhost/whoami"} {
		var log logBuffer
		s := &service{store: hung{memstore.New()}, base: "localhost", log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		w := httptest.NewRecorder()
		must(s.handler()).ServeHTTP(w, httptest.NewRequest("GET", target, nil).WithContext(ctx))
		answer{w.Code, w.Header(), w.Body.String()}.wantProblem(t, http.StatusServiceUnavailable, "unavailable", "")
		if strings.Contains(log.String(), "ERROR") {
			t.Errorf("%s: %s", target, &log)
		}
	}
}
