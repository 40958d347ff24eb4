package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func create(tb testing.TB, s *memstore.Store, t tenancy.Tenant) tenancy.Tenant {
	tb.Helper()
	created, err := s.Create(context.Background(), t)
	if err != nil {
		tb.Fatal(err)
	}
	return created
}

func TestPagesMergeStatusesInListOrder(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	statuses := tenancy.Statuses()
	var want []tenancy.Tenant
	for i := range 200 {
		made := create(t, s, tenancy.Tenant{
			Identifier: fmt.Sprintf("t%03d", i), Name: "n", Status: statuses[bits.TrailingZeros(uint(i))%len(statuses)], // some have many
			CreatedAt: time.Unix(int64(i*37%50), 0), // many are equal: the ID decides
		})
		want = append(want, made)
	}
	slices.SortFunc(want, func(a, b tenancy.Tenant) int { return driver.ListKeyOf(a).Compare(driver.ListKeyOf(b)) })
	for _, filter := range []tenancy.Filter{
		{},
		{Statuses: statuses[:1]},
		{Statuses: statuses[:2]},
		{Statuses: []tenancy.Status{statuses[1], statuses[1], statuses[3]}},
		{Statuses: statuses},
	} {
		expected := slices.DeleteFunc(slices.Clone(want), func(t tenancy.Tenant) bool { return !filter.Matches(t) })
		n, err := s.Count(ctx, filter)
		if err != nil || n != len(expected) {
			t.Errorf("%v: Count = %d, %v; want %d", filter, n, err, len(expected))
		}
		var got []tenancy.Tenant
		for tenant, err := range tenancy.All(ctx, s, tenancy.ListOptions{Filter: filter, Limit: 7}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, tenant)
		}
		if !slices.Equal(got, expected) {
			t.Errorf("%v: cursor pages differ from the sorted tenants", filter)
		}
		for offset := range len(expected) + 2 {
			page, err := s.List(ctx, tenancy.ListOptions{Filter: filter, Offset: offset, Limit: 5})
			from := min(offset, len(expected))
			if to := min(from+5, len(expected)); err != nil || !slices.Equal(page.Tenants, expected[from:to]) {
				t.Errorf("%v: offset %d differs from the sorted tenants (%v)", filter, offset, err)
			}
		}
	}
}

// A full chunk takes one more at any place.
func TestInsertIntoAFullChunk(t *testing.T) {
	const full = 512
	for _, at := range []int{0, 1, full/2 - 1, full / 2, full/2 + 1, full/2 + 2, full - 1, full} {
		s := memstore.New()
		for i := range full {
			create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n", CreatedAt: time.Unix(int64(2*i+1), 0)})
		}
		create(t, s, tenancy.Tenant{Identifier: "one-more", Name: "n", CreatedAt: time.Unix(int64(2*at), 0)})
		all := s.All()
		if len(all) != full+1 || all[full-at].Identifier != "one-more" || !slices.IsSortedFunc(all, func(a, b tenancy.Tenant) int {
			return driver.ListKeyOf(a).Compare(driver.ListKeyOf(b))
		}) {
			t.Errorf("at %d: the list is out of order", at)
		}
	}
}

// More tenants than one chunk of the index holds, which come and go everywhere.
func TestPagesOfManyTenants(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	rng := rand.New(rand.NewPCG(1, 2))
	var want []tenancy.Tenant
	check := func() {
		t.Helper()
		slices.SortFunc(want, func(a, b tenancy.Tenant) int { return driver.ListKeyOf(a).Compare(driver.ListKeyOf(b)) })
		if !slices.Equal(s.All(), want) || s.Statistics().Tenants != len(want) {
			t.Fatalf("All differs from the %d sorted tenants", len(want))
		}
		for _, limit := range []int{511, 512, 513} {
			var got []tenancy.Tenant
			for tenant, err := range tenancy.All(ctx, s, tenancy.ListOptions{Limit: limit}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, tenant)
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d differ from the %d sorted tenants", limit, len(want))
			}
		}
		for range 20 {
			filter := tenancy.Filter{Statuses: tenancy.Statuses()[rng.IntN(4):]}
			expected := slices.DeleteFunc(slices.Clone(want), func(t tenancy.Tenant) bool { return !filter.Matches(t) })
			from := rng.IntN(len(expected) + 1)
			to := min(from+20, len(expected))
			page, err := s.List(ctx, tenancy.ListOptions{Filter: filter, Offset: from, Limit: 20})
			if err != nil || !slices.Equal(page.Tenants, expected[from:to]) {
				t.Errorf("%v: offset %d differs from the sorted tenants (%v)", filter, from, err)
			}
		}
	}
	for _, at := range []func(i int) int{
		func(i int) int { return i },            // the newest last
		func(i int) int { return -i },           // the newest first, as in an export
		func(int) int { return rng.IntN(1400) }, // anywhere
	} {
		for i := range 700 {
			want = append(want, create(t, s, tenancy.Tenant{
				Identifier: fmt.Sprintf("t-%d", len(want)), Name: "n", Status: tenancy.Statuses()[rng.IntN(4)],
				CreatedAt: time.Unix(int64(at(i)), 0),
			}))
		}
		check()
	}
	for i := range want {
		changed, err := s.SetStatus(ctx, want[i].ID, tenancy.Statuses()[rng.IntN(4)])
		if err != nil {
			t.Fatal(err)
		}
		want[i] = changed
	}
	check()
	for len(want) > 10 {
		for range len(want) / 2 {
			i := rng.IntN(len(want))
			if err := s.Delete(ctx, want[i].ID); err != nil {
				t.Fatal(err)
			}
			want = slices.Delete(want, i, i+1)
		}
		check()
	}
}

func TestStatisticsAllAndClear(t *testing.T) {
	s := memstore.New()
	for i := range 5 {
		create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
	}
	if _, err := s.SetStatus(t.Context(), s.All()[0].ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	st := s.Statistics()
	if st.Tenants != 5 || len(st.ByStatus) != 2 || st.ByStatus[tenancy.StatusActive] != 4 || st.ByStatus[tenancy.StatusSuspended] != 1 {
		t.Errorf("Statistics = %+v", st)
	}
	if st.Log.Oldest.Revision != 1 || st.Log.Newest.Revision != 7 {
		t.Errorf("log = %+v, want revisions 1 (the reset), 5 creates, 1 update", st.Log)
	}
	if _, err := s.SetStatus(t.Context(), s.All()[0].ID, tenancy.StatusActive); err != nil {
		t.Fatal(err)
	}
	if st = s.Statistics(); len(st.ByStatus) != 1 || st.ByStatus[tenancy.StatusActive] != 5 {
		t.Errorf("Statistics = %+v, want no status that no tenant has", st)
	}
	s.Clear()
	changes, err := s.Changes(t.Context(), st.Log.Newest, 0)
	if err != nil || len(changes) != 1 || changes[0].Kind != tenancy.ChangeReset || !changes[0].Touches(tenancy.IDKey("any")) {
		t.Errorf("after Clear: Changes = %+v, %v; want one reset", changes, err)
	}
	if st := s.Statistics(); st.Tenants != 0 || len(st.ByStatus) != 0 || len(s.All()) != 0 {
		t.Errorf("after Clear: %+v", st)
	}
}

func TestLogRetention(t *testing.T) {
	const keep = 10
	s := memstore.New(memstore.WithLogRetention(keep))
	beginning := s.Statistics().Log.Newest
	for i := range 95 {
		create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
		head := s.Statistics().Log
		if n := head.Newest.Revision - head.Oldest.Revision + 1; int(n) != min(keep, i+2) || int(head.Newest.Revision) != i+2 {
			t.Fatalf("after %d creates the log is %+v", i+1, head)
		}
	}
	head := s.Statistics().Log
	changes, err := s.Changes(t.Context(), head.Oldest, 0)
	if err != nil || len(changes) != keep-1 {
		t.Errorf("Changes after the oldest = %d, %v; want %d", len(changes), err, keep-1)
	}
	for _, p := range []tenancy.Position{{}, beginning, {Revision: head.Oldest.Revision - 1}} {
		if _, err := s.Changes(t.Context(), p, 0); !errors.Is(err, tenancy.ErrCompacted) {
			t.Errorf("Changes after %v: %v, want ErrCompacted", p, err)
		}
	}
	s.Compact(tenancy.Latest)
	if head := s.Statistics().Log; head.Oldest != head.Newest {
		t.Errorf("Compact(Latest) left %+v, want only the newest", head)
	}
}

// A log that keeps everything grows like any slice: a write does not copy it.
func TestUnboundedLogIsNotCopied(t *testing.T) {
	s := memstore.New(memstore.WithLogRetention(math.MaxInt))
	fill := func(from, to int) (allocated uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := from; i < to; i++ {
			create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	fill(0, 5000)
	if n := fill(5000, 5200); n > 20<<20 { // one copy of the log is about 1 MB
		t.Errorf("200 creates after 5000 allocated %d bytes", n)
	}
	if changes, err := s.Changes(t.Context(), tenancy.Position{}, tenancy.MaxChangesLimit); err != nil || len(changes) != 5201 {
		t.Errorf("the log holds %d changes, %v; want all", len(changes), err)
	}
}

func TestRestoreDeniesLaterPositions(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	kept := create(t, s, tenancy.Tenant{Identifier: "kept", Name: "n"})
	backup := s.Backup()
	at := s.Statistics().Log.Newest
	create(t, s, tenancy.Tenant{Identifier: "lost", Name: "n"})
	lost := s.Statistics().Log.Newest
	s.Restore(backup)
	create(t, s, tenancy.Tenant{Identifier: "other", Name: "n"}) // takes the revision of lost again

	if _, err := s.Changes(ctx, lost, 0); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("Changes after a lost position: %v, want ErrCompacted", err)
	}
	if changes, err := s.Changes(ctx, at, 0); err != nil || len(changes) != 1 {
		t.Errorf("Changes after the backup's position = %v, %v; want one", changes, err)
	}
	if got, err := s.GetByID(ctx, kept.ID); err != nil || got != kept {
		t.Errorf("kept tenant = %+v, %v", got, err)
	}
	if _, err := s.GetByIdentifier(ctx, "lost"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("lost tenant: %v, want ErrNotFound", err)
	}
}

func TestRestoreTwice(t *testing.T) {
	s := memstore.New()
	kept := create(t, s, tenancy.Tenant{Identifier: "kept", Name: "n"})
	backup := s.Backup()
	head := s.Statistics().Log
	for range 3 {
		if _, err := s.SetStatus(t.Context(), kept.ID, tenancy.StatusSuspended); err != nil {
			t.Fatal(err)
		}
		create(t, s, tenancy.Tenant{Identifier: "lost", Name: "n"})
		s.Restore(backup)
		if got := s.All(); len(got) != 1 || got[0] != kept || s.Statistics().Log != head {
			t.Fatalf("restored %+v with the log %+v, want %+v with %+v", got, s.Statistics().Log, kept, head)
		}
	}
}

func TestLeastRetention(t *testing.T) {
	for _, retention := range []int{1, 0, -5} {
		s := memstore.New(memstore.WithLogRetention(retention))
		for i := range 3 {
			made := create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
			if head := s.Statistics().Log; head.Oldest != head.Newest || head.Newest.Revision != made.Revision {
				t.Errorf("retention %d: the log is %+v after revision %d", retention, head, made.Revision)
			}
		}
	}
}

func TestRestoreZeroBackup(t *testing.T) {
	s := memstore.New()
	create(t, s, tenancy.Tenant{Identifier: "lost", Name: "n"})
	lost := s.Statistics().Log.Newest
	s.Restore(memstore.Backup{})
	if st := s.Statistics(); st.Tenants != 0 || st.Log.Newest.Revision != 1 || st.Log.Oldest != st.Log.Newest {
		t.Errorf("Statistics = %+v, want those of a new store", st)
	}
	if _, err := s.Changes(t.Context(), lost, 0); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("Changes after a lost position: %v, want ErrCompacted", err)
	}
	if made := create(t, s, tenancy.Tenant{Identifier: "acme", Name: "n"}); made.Revision != 2 {
		t.Errorf("the first tenant has Revision %d, want 2", made.Revision)
	}
}

func TestCloseEndsWatch(t *testing.T) {
	s := memstore.New()
	done := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		var last error
		for _, err := range tenancy.Watch(context.Background(), s, tenancy.Position{}) {
			if err == nil {
				close(started) // the reset that every log begins with
			}
			last = err
		}
		done <- last
	}()
	<-started
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("Watch ended with %v, want ErrClosed", err)
	}
}

// A watch that has much to catch up with does not go on with that after its end.
func TestWatchEndsWhileItCatchesUp(t *testing.T) {
	for want, end := range map[error]func(cancel context.CancelFunc, s *memstore.Store){
		context.Canceled:  func(cancel context.CancelFunc, _ *memstore.Store) { cancel() },
		tenancy.ErrClosed: func(_ context.CancelFunc, s *memstore.Store) { _ = s.Close() },
	} {
		s := memstore.New()
		for i := range 3 * tenancy.DefaultChangesLimit {
			create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		n := 0
		for _, err := range tenancy.Watch(ctx, s, tenancy.Position{}) {
			if last = err; n == 0 {
				end(cancel, s)
			}
			n++
		}
		if !errors.Is(last, want) || n > tenancy.DefaultChangesLimit+1 {
			t.Errorf("after the end it went on with %d changes, and ended with %v; want %v soon", n-1, last, want)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	made := create(t, s, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	for name, get := range map[string]func() (tenancy.Tenant, error){
		"GetByID":         func() (tenancy.Tenant, error) { return s.GetByID(ctx, made.ID) },
		"GetByIdentifier": func() (tenancy.Tenant, error) { return s.GetByIdentifier(ctx, made.Identifier) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if got, err := get(); err != nil || got != made {
				t.Fatal(got, err)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkGetByID(b *testing.B) {
	s, ctx := memstore.New(), b.Context()
	made := create(b, s, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	plain := map[string]tenancy.Tenant{made.ID: made}
	b.Run("baseline=map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if plain[made.ID] != made {
				b.Fatal("wrong tenant")
			}
		}
	})
	b.Run("memstore", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, err := s.GetByID(ctx, made.ID); err != nil || got != made {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGrowth compares a store of 100,000 tenants with one of 1,000. What
// reads or moves every tenant takes 100 times as long.
func BenchmarkGrowth(b *testing.B) {
	ctx := b.Context()
	const small, large = 1000, 100_000
	type filled struct {
		*memstore.Store
		oldest, middle tenancy.Tenant
		n              int
	}
	fill := func(n int) filled {
		f := filled{Store: memstore.New(), n: n}
		for i := range n {
			made := create(b, f.Store, tenancy.Tenant{
				Identifier: fmt.Sprintf("t-%d", i), Name: "n", Status: tenancy.Statuses()[i%len(tenancy.Statuses())],
			})
			switch i {
			case 0:
				f.oldest = made
			case n / 2:
				f.middle = made
			}
		}
		return f
	}
	stores := [...]filled{fill(small), fill(large)}
	list := func(opts func(f filled) tenancy.ListOptions) func(filled) error {
		return func(f filled) error {
			page, err := f.List(ctx, opts(f))
			if err == nil && len(page.Tenants) != tenancy.DefaultPageLimit {
				err = fmt.Errorf("a page of %d", len(page.Tenants))
			}
			return err
		}
	}
	two := tenancy.Filter{Statuses: tenancy.Statuses()[:2]}
	for _, op := range []struct {
		name string
		do   func(filled) error
	}{
		{"GetByID", func(f filled) error { _, err := f.GetByID(ctx, f.middle.ID); return err }},
		{"GetByIdentifier", func(f filled) error { _, err := f.GetByIdentifier(ctx, f.middle.Identifier); return err }},
		{"Count", func(f filled) error { _, err := f.Count(ctx, two); return err }},
		{"List", list(func(filled) tenancy.ListOptions { return tenancy.ListOptions{} })},
		{"List/cursor", list(func(f filled) tenancy.ListOptions {
			return tenancy.ListOptions{Filter: two, Cursor: driver.ListKeyOf(f.middle).Cursor(two)}
		})},
		{"List/offset", list(func(f filled) tenancy.ListOptions { return tenancy.ListOptions{Filter: two, Offset: f.n / 4} })},
		{"Statistics", func(f filled) error { f.Statistics(); return nil }},
		{"Create+Delete/oldest", func(f filled) error {
			made, err := f.Create(ctx, tenancy.Tenant{Identifier: "older", Name: "n", CreatedAt: f.oldest.CreatedAt.Add(-time.Second)})
			if err != nil {
				return err
			}
			return f.Delete(ctx, made.ID)
		}},
		{"SetStatus/oldest", func(f filled) error {
			_, err := f.SetStatus(ctx, f.oldest.ID, tenancy.StatusActive)
			return err
		}},
	} {
		b.Run(op.name, func(b *testing.B) {
			var took [len(stores)]time.Duration
			n := 0
			for ; b.Loop(); n++ {
				for i, f := range stores {
					start := time.Now()
					err := op.do(f)
					took[i] += time.Since(start)
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(took[1].Nanoseconds())/float64(n), "ns/op")
			b.ReportMetric(float64(took[0].Nanoseconds())/float64(n), "of-1000-ns/op")
			b.ReportMetric(float64(took[1])/float64(took[0]), "x-of-1000")
		})
	}
}

func TestUpdateAfterRestore(t *testing.T) {
	s := memstore.New()
	create(t, s, tenancy.Tenant{ID: "acme", Identifier: "acme", Name: "n"})
	backup := s.Backup()
	edited, err := tenancy.Modify(t.Context(), s, "acme", func(t *tenancy.Tenant) error { t.Name = "Lost"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	s.Restore(backup)
	suspended, err := s.SetStatus(t.Context(), "acme", tenancy.StatusSuspended)
	if err != nil || suspended.Revision != edited.Revision {
		t.Fatalf("%+v, %v: the revision was to be taken again", suspended, err)
	}
	if _, err := s.Update(t.Context(), edited); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("Update of what the restore undid: %v, want ErrConflict", err)
	}
	if got, err := s.GetByID(t.Context(), "acme"); err != nil || got != suspended {
		t.Errorf("stored is %+v, %v", got, err)
	}
}

func TestChangesTellWhoAndWhat(t *testing.T) {
	s := memstore.New()
	ctx := tenancy.WithActor(t.Context(), "alice")
	must := func(tenant tenancy.Tenant, err error) tenancy.Tenant {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if tenant.Mark == 0 || tenant.Position() != s.Statistics().Log.Newest {
			t.Errorf("%s is not where the log ends: %s", tenant.Position(), s.Statistics().Log.Newest)
		}
		return tenant
	}
	acme := must(s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "n"}))
	acme = must(s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended))
	acme.Name, acme.Identifier, acme.DatabaseURL = "New", "new", tenancy.NewSecret("postgres://db")
	acme = must(s.Update(ctx, acme))
	patch, err := tenancy.ParseMetadata([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	must(s.UpdateMetadata(ctx, acme.ID, patch))
	must(s.UpdateMetadata(ctx, acme.ID, patch)) // writes nothing
	if err := s.Delete(ctx, acme.ID); err != nil {
		t.Fatal(err)
	}
	changes, err := s.Changes(ctx, tenancy.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		actor  string
		fields []string
	}{{}, {"alice", nil}, {"", []string{"status"}}, {"alice", []string{"database_url", "identifier", "name"}}, {"alice", []string{"metadata"}}, {"alice", nil}}
	if len(changes) != len(want) {
		t.Fatalf("%+v", changes)
	}
	for i, c := range changes {
		if c.Actor != want[i].actor || !slices.Equal(c.Fields, want[i].fields) {
			t.Errorf("change %d is by %q, of %q; want %+v", i, c.Actor, c.Fields, want[i])
		}
	}
	changes[3].Fields[0] = "spoilt"
	if again, _ := s.Changes(ctx, tenancy.Position{}, 0); again[3].Fields[0] != "database_url" {
		t.Error("Fields are shared with the log")
	}
}

func TestExtremeNumbers(t *testing.T) {
	ctx := t.Context()
	for _, retention := range []int{math.MinInt, -1, 0, 1, math.MaxInt32, math.MaxInt} {
		s := memstore.New(memstore.WithLogRetention(retention))
		for i := range 5 {
			create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
		}
		want := tenancy.Revision(6) // the oldest that is retained
		if retention > 6 {
			want = 1
		}
		if head := s.Statistics().Log; head.Oldest.Revision != want || head.Newest.Revision != 6 {
			t.Errorf("retention %d: %+v", retention, head)
		}
	}
	for revision, want := range map[tenancy.Revision]tenancy.Revision{
		math.MinInt64: 1, -1: 1, 0: 1, 1: 1, 3: 3, 6: 6, 7: 6, math.MaxInt64: 6,
	} {
		s := memstore.New()
		for i := range 5 {
			create(t, s, tenancy.Tenant{Identifier: fmt.Sprintf("t-%d", i), Name: "n"})
		}
		s.Compact(revision)
		if head := s.Statistics().Log; head.Oldest.Revision != want {
			t.Errorf("Compact(%d): %+v", revision, head)
		}
	}
	s := memstore.New()
	create(t, s, tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "n"})
	for _, n := range []int{math.MinInt, -1, tenancy.MaxPageLimit + 1, math.MaxInt} {
		if _, err := s.List(ctx, tenancy.ListOptions{Limit: n}); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("List with Limit %d: %v", n, err)
		}
		if _, err := s.Search(ctx, "", tenancy.SearchOptions{Limit: n}); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("Search with Limit %d: %v", n, err)
		}
		if _, err := s.Changes(ctx, tenancy.Position{}, n); n != tenancy.MaxPageLimit+1 && !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("Changes with limit %d: %v", n, err)
		}
		page, err := s.List(ctx, tenancy.ListOptions{Offset: n})
		if bad := n < 0; bad != errors.Is(err, tenancy.ErrInvalid) || len(page.Tenants) != 0 || !bad && err != nil {
			t.Errorf("List with Offset %d: %+v, %v", n, page, err)
		}
	}
	for _, r := range []tenancy.Revision{math.MinInt64, -1, 3, math.MaxInt64 - 1, math.MaxInt64} {
		if _, err := s.Changes(ctx, tenancy.Position{Revision: r, Mark: 1}, 0); !errors.Is(err, tenancy.ErrCompacted) {
			t.Errorf("Changes after %d: %v", r, err)
		}
		_, err := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey("t1"), Min: r}})
		if beyond := r > 2 && r != tenancy.Latest; beyond != errors.Is(err, tenancy.ErrCompacted) || !beyond && err != nil {
			t.Errorf("Load with Min %d: %v", r, err)
		}
	}
}
