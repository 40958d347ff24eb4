package replica_test

import (
	"errors"
	"io/fs"
	"runtime"
	"strconv"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The error of a replica for an unknown identifier says what that of a store says, to
// whoever asks in whatever way.
func TestTheErrorOfAnUnknownName(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		_, want := db.source.GetByIdentifier(t.Context(), "nobody")
		_, got := r.GetByIdentifier(t.Context(), "nobody")
		if got.Error() != want.Error() {
			t.Errorf("%q, want %q", got, want)
		}
		if !errors.Is(got, tenancy.ErrNotFound) || errors.Is(got, tenancy.ErrUnavailable) {
			t.Errorf("%v does not wrap ErrNotFound alone", got)
		}
		var e, wanted *tenancy.Error
		if !errors.As(want, &wanted) || !errors.As(got, &e) || *e != *wanted {
			t.Errorf("%#v, want %#v", e, wanted)
		}
		if other := (*fs.PathError)(nil); errors.As(got, &other) {
			t.Error("it is every error")
		}
		for identifier, reason := range map[string]error{"no--body": tenancy.ErrNotFound, "Nobody": tenancy.ErrInvalid, "no": tenancy.ErrInvalid, "": tenancy.ErrInvalid} {
			_, want := db.source.GetByIdentifier(t.Context(), identifier)
			if _, got := r.GetByIdentifier(t.Context(), identifier); !errors.Is(got, reason) || got.Error() != want.Error() {
				t.Errorf("%q: %v, want %v", identifier, got, want)
			}
		}
	})
}

// A million names that no tenant has cost no statement, and leave nothing in memory.
func TestUnknownNamesLeaveNothing(t *testing.T) {
	store := memstore.New()
	create(t, store, "acme")
	db := newDatabase(store)
	r := start(t, db)
	defer stop(t, r)
	<-r.Synced()
	const n = 1_000_000
	name := []byte("unknown-")
	lookUp := func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := r.GetByIdentifier(t.Context(), string(strconv.AppendInt(name, int64(i), 10))); !errors.Is(err, tenancy.ErrNotFound) {
				t.Fatal(err)
			}
		}
	}
	lookUp(0, 1000)
	loads, before := r.Stats().Loads+r.Stats().Below, live()
	lookUp(0, n)
	if left := live() - before; left > n/10 {
		t.Errorf("%d bytes stay", left)
	}
	if made := r.Stats().Loads + r.Stats().Below - loads; made != 0 {
		t.Errorf("%d reads of the source", made)
	}
	if got := r.Stats().Negatives; got != n+1000 {
		t.Errorf("%d lookups were answered from memory, want %d", got, n+1000)
	}
	runtime.KeepAlive(store)
}
