//go:build unix

package stacks

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestLinearizableCatches: no order explains what a broken store answers.
func TestLinearizableCatches(t *testing.T) {
	for name, wrap := range map[string]func(*memstore.Store) tenancy.Store{
		"nothing is broken":                     func(s *memstore.Store) tenancy.Store { return s },
		"Update does not compare revisions":     func(s *memstore.Store) tenancy.Store { return lastWins{s} },
		"UpdateMetadata is not atomic":          func(s *memstore.Store) tenancy.Store { return readThenWrite{s} },
		"Fresh answers what was":                func(s *memstore.Store) tenancy.Store { return &laggard{Store: s} },
		"a write is acknowledged, and not made": func(s *memstore.Store) tenancy.Store { return forgetful{s} },
	} {
		t.Run(name, func(t *testing.T) {
			s := memstore.New()
			tr := &trial{raw: s, stores: make([]tenancy.Store, 5)}
			for i := range tr.stores {
				tr.stores[i] = wrap(s)
			}
			if name == "nothing is broken" {
				tr.run(t, 20)
				return
			}
			// Some windows have no order for a broken store by luck.
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				first := tr.first(t)
				history, _ := tr.window(t, rand.New(rand.NewPCG(rand.Uint64(), 0)), false)
				if porcupine.CheckOperationsTimeout(startingWith(first), history, patience) == porcupine.Illegal {
					return
				}
			}
			t.Error("not caught")
		})
	}
}

type lastWins struct{ *memstore.Store }

func (s lastWins) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	t.Revision = tenancy.AnyRevision
	return s.Store.Update(ctx, t)
}

type readThenWrite struct{ *memstore.Store }

func (s readThenWrite) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	t, err := s.GetByID(ctx, id)
	if err != nil {
		return t, err
	}
	time.Sleep(100 * time.Microsecond) // so that others come between
	if t.Metadata, err = t.Metadata.Merge(patch); err != nil {
		return t, err
	}
	t.Revision = tenancy.AnyRevision
	return s.Store.Update(ctx, t)
}

// laggard answers with what it has loaded before, if that was the same key.
type laggard struct {
	*memstore.Store
	last map[tenancy.Key]tenancy.Versioned
}

func (s *laggard) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	snapshots, err := s.Store.Load(ctx, want)
	if err != nil || len(want) != 1 {
		return snapshots, err
	}
	last, found := s.last[want[0].Key]
	if s.last == nil {
		s.last = map[tenancy.Key]tenancy.Versioned{}
	}
	s.last[want[0].Key] = snapshots[0]
	if found {
		snapshots[0] = last
	}
	return snapshots, nil
}

type forgetful struct{ *memstore.Store }

func (s forgetful) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	before, err := s.GetByID(ctx, id)
	if err != nil {
		return before, err
	}
	t, err := s.Store.SetStatus(ctx, id, status)
	if err == nil {
		before.Revision = tenancy.AnyRevision
		_, err = s.Store.Update(ctx, before)
	}
	return t, err
}
