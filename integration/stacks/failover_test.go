//go:build unix

package stacks

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestFailoverBringsBackAnOldEntry: a replica that lacks a change becomes the primary,
// with the entry from before. Neither the nodes that saw the change nor one that starts
// later serve it.
func TestFailoverBringsBackAnOldEntry(t *testing.T) {
	f := newFleet(t, plan{nodes: 2, postgres: true, valkey: true, sentinel: true})
	ctx, set := t.Context(), f.sentinel
	old, err := f.raw.Create(ctx, tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	first, late := f.nodes[0], f.nodes[1]
	fromValkey := func(n *node, want tenancy.Tenant) {
		t.Helper()
		store := n.store.Load()
		hits := store.Stats().Shared.Hits
		eventually(t, "Valkey answers a lookup", func() bool {
			if got, err := onlyShared(store).GetByID(ctx, "t1"); err != nil || got != want {
				t.Fatalf("node %d: %+v, %v, want what was written last", n.index, got, err)
			}
			return store.Stats().Shared.Hits > hits
		})
	}
	fromValkey(first, old)
	on := func(v *servers.Valkey) string {
		value, err := valueOf(ctx, v, prefix+"id:t1")
		return must(t, value, err)
	}
	before := on(set.Primary)
	eventually(t, "the entry is on the replica", func() bool { return on(set.Replica) == before })

	if err := set.Part(ctx); err != nil {
		t.Fatal(err)
	}
	changed, err := first.store.Load().SetStatus(ctx, "t1", tenancy.StatusSuspended)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := set.Replaced(ctx, set.Primary); err != nil {
		t.Fatal(err)
	}
	if before == "" || on(set.Replica) != before {
		t.Fatal("the old entry is not back: the test proves nothing")
	}

	if err := f.restart(late); err != nil {
		t.Fatal(err)
	}
	fromValkey(late, changed)
	fromValkey(first, changed)
	stale := int64(0)
	for _, n := range f.nodes {
		stale += n.store.Load().Stats().Shared.Stale
	}
	if stale == 0 {
		t.Error("no node has met the old entry: the test proves nothing")
	}
}
