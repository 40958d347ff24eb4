package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// restless is a database that somebody changes before and after each call: a few tenants
// are created, deleted and created again with the same ID, and renamed to a few
// identifiers. Its log is trimmed, and backups are restored.
type restless struct {
	*memstore.Store
	rand    *rand.Rand
	busy    float64      // how often there is another change
	left    atomic.Int64 // changes to come
	restore bool         // and backups are taken and restored
	backups []memstore.Backup
	open    chan struct{} // closed when the first call may come
}

func (d *restless) change() {
	for d.left.Load() > 0 && d.rand.Float64() < d.busy {
		d.left.Add(-1)
		id, identifier := fmt.Sprint("id-", d.rand.IntN(9)), fmt.Sprint("slug-", d.rand.IntN(9))
		ctx := context.Background()
		switch n := d.rand.IntN(9); { // what the store refuses is no change
		case n < 3:
			_, _ = d.Create(ctx, tenancy.Tenant{ID: id, Identifier: identifier, Name: "n"})
		case n < 5:
			_ = d.Delete(ctx, id)
		case n < 8:
			_, _ = tenancy.Modify(ctx, d.Store, id, func(t *tenancy.Tenant) error {
				t.Identifier = identifier
				return nil
			})
		case d.restore:
			d.disaster()
		}
	}
}

// disaster does what loses a part of the log, or may.
func (d *restless) disaster() {
	switch n := len(d.backups); {
	case n > 0 && d.rand.IntN(2) == 0:
		d.backups = d.backups[:1+d.rand.IntN(n)] // what was lost does not come back
		d.Restore(d.backups[len(d.backups)-1])
	case d.rand.IntN(2) == 0:
		d.backups = append(d.backups, d.Backup())
	default:
		d.Compact(d.Statistics().Log.Newest.Revision - 1)
	}
}

func (d *restless) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	d.change()
	defer d.change()
	opts.Limit = 2
	return d.Store.List(ctx, opts)
}

func (d *restless) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	d.change()
	defer d.change()
	return d.Store.Load(ctx, want)
}

func (d *restless) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	<-d.open
	d.change()
	defer d.change()
	return d.Store.Bounds(ctx)
}

func (d *restless) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	d.change()
	defer d.change()
	return d.Store.Changes(ctx, after, limit)
}

// Whatever happens to a database while it is scanned and followed, the replica has what
// that has in the end, under every key, and so has a handler.
func TestReplicaOfARestlessDatabase(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			d := &restless{Store: memstore.New(), rand: rand.New(rand.NewPCG(seed, 1)), busy: 0.9, open: make(chan struct{})}
			d.left.Store(12)
			d.change()
			d.left.Store(400)
			d.busy, d.restore = []float64{0.3, 0.6, 0.8}[seed%3], seed%2 == 1
			r, err := New(d, WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Fatal(err)
			}
			told := map[string]tenancy.Tenant{}
			r.OnChange(func(before, after *tenancy.Tenant) {
				if before != nil {
					if told[before.ID] != *before {
						t.Errorf("a handler that knows %v is told of %v", told[before.ID], *before)
					}
					delete(told, before.ID)
				}
				if after != nil {
					told[after.ID] = *after
				}
			})
			close(d.open)
			time.Sleep(time.Minute)
			synctest.Wait()
			d.left.Store(0)
			settle()
			r.compare(t, d.All(), told)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// compare checks that a replica has these tenants, under every key, and no others.
func (s *Store) compare(t *testing.T, want []tenancy.Tenant, told map[string]tenancy.Tenant) {
	t.Helper()
	keys := map[tenancy.Key]tenancy.Tenant{}
	for n := range 9 {
		keys[tenancy.IDKey(fmt.Sprint("id-", n))] = tenancy.Tenant{}
		keys[tenancy.IdentifierKey(fmt.Sprint("slug-", n))] = tenancy.Tenant{}
	}
	for _, t := range want {
		keys[tenancy.IDKey(t.ID)], keys[tenancy.IdentifierKey(t.Identifier)] = t, t
	}
	for k, want := range keys {
		get := s.GetByIdentifier
		if k.Kind == tenancy.KindID {
			get = s.GetByID
		}
		got, err := get(t.Context(), k.Value)
		if absent := want.ID == ""; got != want || errors.Is(err, tenancy.ErrNotFound) != absent {
			t.Errorf("%v: %v, %v, want %v", k, got, err, want)
		}
	}
	page, err := s.List(t.Context(), tenancy.ListOptions{})
	for _, all := range [][]tenancy.Tenant{want, page.Tenants} {
		slices.SortFunc(all, func(a, b tenancy.Tenant) int { return strings.Compare(a.ID, b.ID) })
	}
	if err != nil || !slices.Equal(page.Tenants, want) || !s.State().Serving {
		t.Errorf("%v, %v, want %v", page.Tenants, err, want)
	}
	for _, w := range want {
		if told[w.ID] != w || len(told) != len(want) {
			t.Errorf("a handler knows %v of %d tenants, want %v of %d", told[w.ID], len(told), w, len(want))
		}
	}
}
