//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// never is a poll interval that plays no part in a test.
const never = time.Hour

// expect is what a lookup must show: a tenant, or, where it is the zero one, that
// there is none.
type expect struct {
	key  tenancy.Key
	want tenancy.Tenant
}

func lookup(ctx context.Context, s tenancy.Store, key tenancy.Key) (tenancy.Tenant, error) {
	if key.Kind == tenancy.KindID {
		return s.GetByID(ctx, key.Value)
	}
	return s.GetByIdentifier(ctx, key.Value)
}

// shows reports whether s shows what is expected.
func shows(ctx context.Context, s tenancy.Store, e expect) (tenancy.Tenant, bool) {
	got, err := lookup(ctx, s, e.key)
	if e.want.ID == "" {
		return got, errors.Is(err, tenancy.ErrNotFound)
	}
	return got, err == nil && got == e.want
}

// step is one write, and what must be seen after it.
type step struct {
	name  string
	write func(ctx context.Context, s tenancy.Store) ([]expect, error)
}

// story is the life of a tenant with everything that goes wrong in caches:
// suspension, rename, a slug that another tenant takes, deletion and a second
// creation.
func story(round int) []step {
	id, other := fmt.Sprintf("t-%d", round), fmt.Sprintf("other-%d", round)
	first, second := fmt.Sprintf("first-%d", round), fmt.Sprintf("second-%d", round)
	var current tenancy.Tenant
	under := func(key tenancy.Key, t tenancy.Tenant) expect { return expect{key, t} }
	return []step{
		{"create", func(ctx context.Context, s tenancy.Store) (_ []expect, err error) {
			current, err = s.Create(ctx, tenancy.Tenant{ID: id, Identifier: first, Name: "One"})
			return []expect{under(tenancy.IDKey(id), current), under(tenancy.IdentifierKey(first), current)}, err
		}},
		{"suspend", func(ctx context.Context, s tenancy.Store) (_ []expect, err error) {
			current, err = s.SetStatus(ctx, id, tenancy.StatusSuspended)
			return []expect{under(tenancy.IDKey(id), current), under(tenancy.IdentifierKey(first), current)}, err
		}},
		{"rename", func(ctx context.Context, s tenancy.Store) (_ []expect, err error) {
			current.Identifier = second
			current, err = s.Update(ctx, current)
			return []expect{
				under(tenancy.IdentifierKey(first), tenancy.Tenant{}),
				under(tenancy.IDKey(id), current), under(tenancy.IdentifierKey(second), current),
			}, err
		}},
		{"slug reuse", func(ctx context.Context, s tenancy.Store) ([]expect, error) {
			t, err := s.Create(ctx, tenancy.Tenant{ID: other, Identifier: first, Name: "Two"})
			return []expect{
				under(tenancy.IdentifierKey(first), t), under(tenancy.IDKey(other), t), under(tenancy.IDKey(id), current),
			}, err
		}},
		{"delete", func(ctx context.Context, s tenancy.Store) ([]expect, error) {
			err := s.Delete(ctx, id)
			return []expect{under(tenancy.IDKey(id), tenancy.Tenant{}), under(tenancy.IdentifierKey(second), tenancy.Tenant{})}, err
		}},
		{"create again", func(ctx context.Context, s tenancy.Store) (_ []expect, err error) {
			current, err = s.Create(ctx, tenancy.Tenant{ID: id, Identifier: second, Name: "Three"})
			return []expect{under(tenancy.IDKey(id), current), under(tenancy.IdentifierKey(second), current)}, err
		}},
	}
}

// plans are the fleets of the tests of coherence; in each, one thing alone wakes the
// nodes.
var plans = map[string]plan{
	"valkey and postgres, by NOTIFY": {nodes: 2, postgres: true, valkey: true, poll: never, patient: true, deadline: time.Minute},
	"postgres, by NOTIFY":            {nodes: 2, postgres: true, poll: never, patient: true},
	"mysql, by the poll":             {nodes: 2, mysql: true, poll: 20 * time.Millisecond, patient: true},
	"mysql, by the bus":              {nodes: 2, mysql: true, valkey: true, bus: true, poll: never, patient: true, deadline: time.Minute},
	"sqlite, by the poll":            {nodes: 2, poll: 20 * time.Millisecond, patient: true},
	"sqlite, by the bus":             {nodes: 2, valkey: true, bus: true, poll: never, patient: true, deadline: time.Minute},
}

// TestCoherence: after a write has returned, its node shows it at once, and the
// other one as soon as it is woken, whatever both had cached.
func TestCoherence(t *testing.T) {
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, p)
			for round := range 5 {
				writer, reader := f.nodes[round%2].store.Load(), f.nodes[1-round%2].store.Load()
				for _, s := range story(round) {
					expected, err := s.write(t.Context(), writer)
					if err != nil {
						t.Fatalf("%s: %v", s.name, err)
					}
					for _, e := range expected {
						if got, ok := shows(t.Context(), writer, e); !ok {
							t.Errorf("after %s, its node shows under %v\n%+v, want\n%+v", s.name, e.key, got, e.want)
						}
						eventually(t, fmt.Sprintf("after %s, the other node shows under %v %+v", s.name, e.key, e.want), func() bool {
							_, ok := shows(t.Context(), reader, e)
							return ok
						})
					}
				}
			}
		})
	}
}

// TestEditedByHand: nodes show what somebody wrote with psql.
func TestEditedByHand(t *testing.T) {
	f := newFleet(t, plan{nodes: 2, postgres: true, valkey: true, poll: never, patient: true, deadline: time.Minute})
	first := f.nodes[0].store.Load()
	if _, err := first.Create(t.Context(), tenancy.Tenant{ID: "t1", Identifier: "old-name", Name: "One"}); err != nil {
		t.Fatal(err)
	}
	for round, statement := range []string{
		"UPDATE tenants SET status = 'suspended' WHERE id = 't1'",
		"UPDATE tenants SET identifier = 'new-name' WHERE id = 't1'",
		"DELETE FROM tenants WHERE id = 't1'",
		"TRUNCATE tenants",
	} {
		if round == 3 {
			if _, err := first.Create(t.Context(), tenancy.Tenant{ID: "t1", Identifier: "old-name", Name: "One"}); err != nil {
				t.Fatal(err)
			}
		}
		keys := []tenancy.Key{tenancy.IDKey("t1"), tenancy.IdentifierKey("old-name"), tenancy.IdentifierKey("new-name")}
		for _, n := range f.nodes { // everything is cached now
			for _, key := range keys {
				if _, err := lookup(t.Context(), n.store.Load(), key); err != nil && !errors.Is(err, tenancy.ErrNotFound) {
					t.Fatal(err)
				}
			}
		}
		execute(t, f.postgres.DSN(), statement)
		for _, n := range f.nodes {
			for _, key := range keys {
				want, err := lookup(t.Context(), f.raw, key)
				if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
					t.Fatal(err)
				}
				eventually(t, fmt.Sprintf("after %s, node %d shows under %v %+v", statement, n.index, key, want), func() bool {
					_, ok := shows(t.Context(), n.store.Load(), expect{key, want})
					return ok
				})
			}
		}
	}
}
