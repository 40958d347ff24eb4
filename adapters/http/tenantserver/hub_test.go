package tenantserver

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestHub: the hub gives the changes after a position that it holds, and after no other: not
// after one that only has the revision, nor after one that it has dropped.
func TestHub(t *testing.T) {
	h := newHub()
	handler := h.handler()
	at := func(r tenancy.Revision) tenancy.Position { return tenancy.Position{Revision: r, Mark: int64(100 + r)} }
	if v := h.after(at(1)); v.holds {
		t.Error("an empty hub holds a position")
	}
	if err := handler.Sync(t.Context(), at(10)); err != nil {
		t.Fatal(err)
	}
	const n = keptEvents + 10
	for i := range tenancy.Revision(n) {
		if err := handler.Change(t.Context(), tenancy.Change{Position: at(11 + i), Kind: tenancy.ChangeDelete}); err != nil {
			t.Fatal(err)
		}
	}
	last := tenancy.Revision(10 + n)
	for r := range last + 5 {
		v := h.after(at(r))
		if holds := r >= last-keptEvents && r <= last; v.holds != holds {
			t.Fatalf("it holds %s: %t, want %t", at(r), v.holds, holds)
		}
		if v.holds && len(v.events) != int(last-r) || len(v.events) > 0 && v.events[0].at != at(r+1) {
			t.Fatalf("after %s come %d events", at(r), len(v.events))
		}
		other := at(r)
		other.Mark++
		if h.after(other).holds {
			t.Fatalf("it holds %s, which has another mark", other)
		}
	}
}
