package tenantserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// failing is a store in which one page of the list fails.
type failing struct {
	*memstore.Store
	page, calls int
}

func (f *failing) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	if f.calls++; f.calls == f.page {
		return tenancy.Page{}, errors.Join(tenancy.ErrUnavailable)
	}
	return f.Store.List(ctx, opts)
}

// TestSnapshot: a snapshot begins with its position, has all tenants and names, and says at
// its end that it is whole, or why it is not.
func TestSnapshot(t *testing.T) {
	store := prepared(t)
	const n = 1500 // more than one page
	for i := range n {
		if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%d", i), Name: "T"}); err != nil {
			t.Fatal(err)
		}
	}
	bounds, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counts := func(body string) (counts map[string]int, first, last line) {
		counts = map[string]int{}
		for text := range strings.Lines(body) {
			last = line{}
			if err := json.Unmarshal([]byte(text), &last); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if len(counts) == 0 {
				first = last
			}
			counts[last.Type]++
		}
		return counts, first, last
	}
	got, first, last := counts(serve(t, store, tenantserver.Full).do("GET", "/v1/snapshot", "").body)
	if got["tenant"] != n+1 || got["name"] != 2 || first.Type != "bookmark" || first.Position != bounds.Newest.String() {
		t.Errorf("got %v, first %+v", got, first)
	}
	if last.Type != "end" || last.Reason != "complete" {
		t.Errorf("the last line is %+v", last)
	}
	got, _, last = counts(serve(t, &failing{Store: store, page: 2}, tenantserver.Full).do("GET", "/v1/snapshot", "").body)
	if got["tenant"] >= n || last.Type != "end" || last.Reason != "unavailable" {
		t.Errorf("of a store that fails: %v, the last line is %+v", got, last)
	}
}
