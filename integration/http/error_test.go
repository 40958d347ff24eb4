package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// failing is a store whose Update fails with err.
type failing struct {
	*memstore.Store
	err error
}

func (f *failing) Update(context.Context, tenancy.Tenant) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, f.err
}

// What is wrong is told alike, whatever lies between the handler and the store that
// says so.
func TestErrorThroughDecorators(t *testing.T) {
	const canary = "canary-5432"
	quiet := tier.WithLogger(slog.New(slog.DiscardHandler))
	local := func(s tenancy.Store) tenancy.Store {
		if _, joins := tier.Of(s); joins {
			return must(ristrettotier.New(s))
		}
		return must(ristrettotier.New(s, ristrettotier.WithTier(quiet)))
	}
	shared := func(s tenancy.Store) tenancy.Store {
		return must(tier.New(s, tier.Shared(faults.NewServer().Open()), quiet))
	}
	observed := func(s tenancy.Store) tenancy.Store { return must(observe.Wrap(s, observe.Config{})) } // as promtenancy and oteltenancy do
	for name, decorate := range map[string]func(tenancy.Store) tenancy.Store{
		"none":    func(s tenancy.Store) tenancy.Store { return s },
		"local":   local,
		"shared":  shared,
		"observe": observed,
		"fresh":   tenancy.Fresh,
		"all":     func(s tenancy.Store) tenancy.Store { return observed(local(shared(observed(s)))) },
	} {
		t.Run(name, func(t *testing.T) {
			bottom := &failing{Store: memstore.New()}
			store := decorate(bottom)
			defer store.Close()
			for _, c := range []struct {
				err    error
				status int
				field  string
			}{
				{&tenancy.Error{Field: "name", Err: fmt.Errorf("%w: too long", tenancy.ErrInvalid)}, http.StatusBadRequest, "name"},
				{tenancy.ErrNotFound, http.StatusNotFound, ""},
				{&tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}, http.StatusConflict, "identifier"},
				{tenancy.ErrConflict, http.StatusPreconditionFailed, ""},
				{fmt.Errorf("%w: %s", tenancy.ErrUnavailable, canary), http.StatusServiceUnavailable, ""},
				{fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotApplied), http.StatusServiceUnavailable, ""},
				{context.DeadlineExceeded, http.StatusServiceUnavailable, ""},
				{context.Canceled, http.StatusServiceUnavailable, ""},
				{errors.ErrUnsupported, http.StatusNotImplemented, ""},
				{tenancy.ErrCompacted, http.StatusGone, ""},
				{tenancy.ErrWithheld, http.StatusInternalServerError, ""},
				{tenancy.ErrClosed, http.StatusServiceUnavailable, ""},
			} {
				bottom.err = c.err
				_, err := store.Update(t.Context(), tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive, Revision: tenancy.AnyRevision})
				r := httptest.NewRequest(http.MethodPut, "/", nil)
				r.Header.Set("If-Match", `"7"`)
				w := httptest.NewRecorder()
				tenancyhttp.Error(w, r, err)
				var p tenancyhttp.Problem
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
					t.Fatal(err)
				}
				if w.Code != c.status || p.Field != c.field || strings.Contains(w.Body.String(), canary) {
					t.Errorf("%v: got %d %s, want %d with field %q", c.err, w.Code, w.Body, c.status, c.field)
				}
				if again := w.Header().Get("Retry-After") != ""; again != errors.Is(c.err, tenancy.ErrNotApplied) {
					t.Errorf("%v: Retry-After %q", c.err, w.Header().Get("Retry-After"))
				}
			}
		})
	}
}
