package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// benchTenants is how many tenants a store holds while it is measured.
const benchTenants = 10_000

// Bench measures a store that holds 10,000 tenants: reads by one goroutine
// (and, as name/parallel, by GOMAXPROCS), writes by one.
func Bench(b *testing.B, h Harness) {
	s := h.Open(b)
	b.Cleanup(func() { _ = s.Close() })
	ts := fillBench(b, s)
	reads := benchReads(b, s, ts)
	for _, m := range reads {
		m.run(b)
	}
	for _, m := range reads[:2] {
		m.runParallel(b)
	}
	if h.Source {
		source, ok := tenancy.SourceOf(s)
		if !ok {
			b.Fatalf("tenancy.SourceOf says that %T is no Source", s)
		}
		for _, m := range benchLoads(source, ts) {
			m.run(b)
		}
	}
	for _, m := range benchWrites(s, ts) {
		m.run(b)
	}
}

func fillBench(b *testing.B, s tenancy.Store) []tenancy.Tenant {
	b.Helper()
	given := make([]tenancy.Tenant, benchTenants)
	for i := range given {
		given[i] = tenant(i)
		given[i].Metadata = fullTenant().Metadata
	}
	created := make([]tenancy.Tenant, 0, len(given))
	for chunk := range slices.Chunk(given, 1000) {
		results, err := s.CreateBatch(b.Context(), chunk)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
			created = append(created, r.Tenant)
		}
	}
	return created
}

// measured is one operation of a benchmark; n counts its calls.
type measured struct {
	name string
	do   func(ctx context.Context, n int) error
}

func (m measured) run(b *testing.B) {
	b.Run(m.name, func(b *testing.B) {
		ctx := b.Context()
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if err := m.do(ctx, n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func (m measured) runParallel(b *testing.B) {
	b.Run(m.name+"/parallel", func(b *testing.B) {
		ctx := b.Context()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				if err := m.do(ctx, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// at picks the nth tenant in an order that defeats neighbouring rows.
func at(ts []tenancy.Tenant, n int) tenancy.Tenant { return ts[n*7919%len(ts)] }

func benchReads(b *testing.B, s tenancy.Store, ts []tenancy.Tenant) []measured {
	b.Helper()
	ids := func(count int) []string {
		out := make([]string, count)
		for i := range out {
			out[i] = at(ts, i).ID
		}
		return out
	}
	hundred, thousand := ids(100), ids(1000)
	byIDs := func(ids []string) func(ctx context.Context, _ int) error {
		return func(ctx context.Context, _ int) error {
			got, err := s.GetByIDs(ctx, ids)
			if err == nil && len(got) != len(ids) {
				err = fmt.Errorf("GetByIDs of %d found %d", len(ids), len(got))
			}
			return err
		}
	}
	middle, err := s.List(b.Context(), tenancy.ListOptions{Limit: 1, Offset: benchTenants / 2})
	if err != nil {
		b.Fatal(err)
	}
	list := func(opts tenancy.ListOptions) func(ctx context.Context, _ int) error {
		return func(ctx context.Context, _ int) error {
			_, err := s.List(ctx, opts)
			return err
		}
	}
	return []measured{
		{"GetByID", func(ctx context.Context, n int) error {
			_, err := s.GetByID(ctx, at(ts, n).ID)
			return err
		}},
		{"GetByIdentifier", func(ctx context.Context, n int) error {
			_, err := s.GetByIdentifier(ctx, at(ts, n).Identifier)
			return err
		}},
		{"Missing", func(ctx context.Context, n int) error {
			if _, err := s.GetByIdentifier(ctx, fmt.Sprintf("missing-%d", n%benchTenants)); expect(err, tenancy.ErrNotFound, "") != nil {
				return fmt.Errorf("GetByIdentifier of a missing tenant: %w", err)
			}
			return nil
		}},
		{"GetByIDs/100", byIDs(hundred)},
		{"GetByIDs/1000", byIDs(thousand)},
		{"List/first", list(tenancy.ListOptions{Limit: 100})},
		{"List/deep", list(tenancy.ListOptions{Limit: 100, Cursor: middle.Next})},
		{"Count", func(ctx context.Context, _ int) error {
			_, err := s.Count(ctx, tenancy.Filter{})
			return err
		}},
		{"Search", func(ctx context.Context, n int) error {
			_, err := s.Search(ctx, at(ts, n).Name[3:], tenancy.SearchOptions{})
			return err
		}},
	}
}

func benchLoads(source tenancy.Source, ts []tenancy.Tenant) []measured {
	hundred := make([]tenancy.Lookup, 100)
	for i := range hundred {
		hundred[i] = tenancy.Lookup{Key: tenancy.IDKey(at(ts, i).ID), Min: tenancy.Latest}
	}
	return []measured{
		{"Load/1", func(ctx context.Context, n int) error {
			_, err := source.Load(ctx, []tenancy.Lookup{{Key: tenancy.IdentifierKey(at(ts, n).Identifier), Min: tenancy.Latest}})
			return err
		}},
		{"Load/100", func(ctx context.Context, _ int) error {
			_, err := source.Load(ctx, hundred)
			return err
		}},
		{"Bounds", func(ctx context.Context, _ int) error {
			_, err := source.Bounds(ctx)
			return err
		}},
	}
}

func benchWrites(s tenancy.Store, ts []tenancy.Tenant) []measured {
	var made atomic.Int64 // b.Run may call a benchmark several times
	return []measured{
		{"Create", func(ctx context.Context, _ int) error {
			_, err := s.Create(ctx, tenant(benchTenants+int(made.Add(1))))
			return err
		}},
		{"CreateBatch/100", func(ctx context.Context, _ int) error {
			batch := make([]tenancy.Tenant, 100)
			for i := range batch {
				batch[i] = tenant(benchTenants + int(made.Add(1)))
			}
			_, err := s.CreateBatch(ctx, batch)
			return err
		}},
		{"Update", func(ctx context.Context, n int) error {
			t := at(ts, n)
			t.Revision = tenancy.AnyRevision
			_, err := s.Update(ctx, t)
			return err
		}},
		{"SetStatus", func(ctx context.Context, n int) error {
			_, err := s.SetStatus(ctx, at(ts, n).ID, tenancy.Statuses()[n%4])
			return err
		}},
		{"UpdateMetadata", func(ctx context.Context, n int) error {
			_, err := s.UpdateMetadata(ctx, at(ts, n).ID, metadata(fmt.Sprintf(`{"seats":%d}`, n)))
			return err
		}},
	}
}
