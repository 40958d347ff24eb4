package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newTenants(t testing.TB, identifiers ...string) (*memstore.Store, map[string]tenancy.Tenant) {
	t.Helper()
	store, tenants := memstore.New(memstore.WithSoftDelete()), map[string]tenancy.Tenant{}
	t.Cleanup(func() { _ = store.Close() })
	for _, identifier := range identifiers {
		created, err := store.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier})
		if err != nil {
			t.Fatal(err)
		}
		tenants[identifier] = created
	}
	return store, tenants
}

func newWatcher(t testing.TB, store tenancy.Store, opts ...resolve.Option) *resolve.Watcher {
	t.Helper()
	w, err := resolve.NewWatcher(store, resolve.Policy{}, append([]resolve.Option{resolve.WithLogger(nil)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// cut is a source whose log can be cut off.
type cut struct {
	tenancy.Source
	begun, off atomic.Bool
}

func (c *cut) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if c.off.Load() {
		return tenancy.Bounds{}, tenancy.ErrUnavailable
	}
	return c.Source.Bounds(ctx)
}

func (c *cut) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	switch {
	case !c.begun.Swap(true):
		return nil, tenancy.ErrUnavailable // which ends nothing
	case c.off.Load():
		return nil, tenancy.ErrCompacted
	}
	return c.Source.Changes(ctx, after, limit)
}

// watched does work for the tenant, which is watched until its context ends or leave is
// called. It returns the cause; errRefused if the tenant is not served.
func watched(w *resolve.Watcher, tenant tenancy.Tenant) (cause chan error, leave context.CancelFunc) {
	cause = make(chan error, 1)
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		ctx, cancel, d := w.Watch(ctx, tenant)
		defer cancel()
		if d.Outcome != resolve.OutcomeResolved {
			cause <- fmt.Errorf("%w: %s, %w", errRefused, d.Outcome, context.Cause(ctx))
			return
		}
		<-ctx.Done()
		cause <- context.Cause(ctx)
	}()
	synctest.Wait()
	return cause, leave
}

var errRefused = errors.New("refused")

// wantCause expects the cause to be there by now, or none if want is nil.
func wantCause(t testing.TB, cause chan error, want error, what string) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-cause:
		if want == nil || !errors.Is(got, want) {
			t.Errorf("%s: ended by %v, want %v", what, got, want)
		}
	default:
		if want != nil {
			t.Errorf("%s: goes on, want %v", what, want)
		}
	}
}

// What changed while the log could not be followed is noticed when it can again.
func TestWatcherFindsItsWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme", "globex", "initech", "hooli")
		source := &cut{Source: store}
		watcher := newWatcher(t, source)
		before, _ := watched(watcher, tenants["initech"])
		setStatus(t, store, tenants["initech"], tenancy.StatusSuspended)
		time.Sleep(time.Second)
		wantCause(t, before, resolve.ErrNotServed, "suspended after a report of an outage")
		suspended, _ := watched(watcher, tenants["acme"])
		same, leave := watched(watcher, tenants["globex"])
		interrupted, _ := watched(watcher, tenants["hooli"])

		source.off.Store(true)
		setStatus(t, store, tenants["acme"], tenancy.StatusSuspended)
		setStatus(t, store, tenants["hooli"], tenancy.StatusSuspended, tenancy.StatusActive)
		time.Sleep(time.Minute)
		wantCause(t, suspended, nil, "while nobody can know")
		source.off.Store(false)
		time.Sleep(2 * time.Second)
		wantCause(t, suspended, resolve.ErrNotServed, "the stream of a suspended tenant")
		wantCause(t, interrupted, resolve.ErrNotServed, "the stream of a tenant that was suspended and activated meanwhile")
		wantCause(t, same, nil, "the stream of a tenant that is the same")
		leave()
		wantCause(t, same, context.Canceled, "a client that leaves")
	})
}

func setStatus(t testing.TB, store tenancy.Store, tenant tenancy.Tenant, statuses ...tenancy.Status) {
	t.Helper()
	for _, status := range statuses {
		if _, err := store.SetStatus(t.Context(), tenant.ID, status); err != nil {
			t.Fatal(err)
		}
	}
}

// gated is a source whose changes are seen when its gate is opened. It can pretend that
// a statement by hand has changed an ID.
type gated struct {
	tenancy.Source
	gate    chan struct{}
	renamed string // the ID that tenants had before they were named anew
}

func (g *gated) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := g.Source.Changes(ctx, after, limit)
	if len(changes) > 0 {
		select {
		case <-g.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for i := range changes {
		if c := &changes[i]; g.renamed != "" && slices.Contains(c.Fields, "name") {
			c.Keys = append(slices.Clip(c.Keys), tenancy.IDKey(g.renamed))
			c.Fields = []string{"id", "name"}
		}
	}
	return changes, err
}

// Whether a request ends is a matter of the log, and so the same on every node: on one
// that sees each change before the next is made, as on one that sees them when all is as
// it was before.
func TestWatcherActsOnTheLog(t *testing.T) {
	replace := func(t testing.TB, store *memstore.Store, acme tenancy.Tenant) {
		if err := store.Purge(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := store.Create(t.Context(), tenancy.Tenant{ID: acme.ID, Identifier: "acme", Name: "acme"}); err != nil {
			t.Fatal(err)
		}
	}
	update := func(edit func(*tenancy.Tenant)) func(testing.TB, *memstore.Store, tenancy.Tenant) {
		return func(t testing.TB, store *memstore.Store, tenant tenancy.Tenant) {
			_, err := tenancy.Modify(t.Context(), store, tenant.ID, func(t *tenancy.Tenant) error { edit(t); return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		change  func(testing.TB, *memstore.Store, tenancy.Tenant)
		renamed bool // the change is of the ID, which was acme's
		want    error
	}{
		"suspended and activated at once": {change: func(t testing.TB, s *memstore.Store, acme tenancy.Tenant) {
			setStatus(t, s, acme, tenancy.StatusSuspended, tenancy.StatusActive)
		}, want: resolve.ErrNotServed},
		"deleted softly and activated at once": {change: func(t testing.TB, s *memstore.Store, acme tenancy.Tenant) {
			if err := s.Delete(t.Context(), acme.ID); err != nil {
				t.Fatal(err)
			}
			setStatus(t, s, acme, tenancy.StatusActive)
		}, want: resolve.ErrNotServed},
		"removed, and its ID given to another": {change: replace, want: resolve.ErrNotServed},
		"its ID changed by hand": {change: func(t testing.TB, s *memstore.Store, _ tenancy.Tenant) {
			other, err := s.GetByIdentifier(t.Context(), "globex")
			if err != nil {
				t.Fatal(err)
			}
			update(func(t *tenancy.Tenant) { t.Name = "other" })(t, s, other)
		}, renamed: true, want: resolve.ErrNotServed},
		"renamed": {change: update(func(t *tenancy.Tenant) { t.Identifier, t.Name = "acme2", "Other" })},
		"written without a change": {change: func(t testing.TB, s *memstore.Store, acme tenancy.Tenant) {
			setStatus(t, s, acme, tenancy.StatusActive, tenancy.StatusActive)
		}},
		"another is suspended": {change: func(t testing.TB, s *memstore.Store, _ tenancy.Tenant) {
			other, err := s.GetByIdentifier(t.Context(), "globex")
			if err != nil {
				t.Fatal(err)
			}
			setStatus(t, s, other, tenancy.StatusSuspended)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, tenants := newTenants(t, "acme", "globex")
				acme := tenants["acme"]
				renamed := ""
				if c.renamed {
					renamed = acme.ID
				}
				open, closed := make(chan struct{}), make(chan struct{})
				close(open)
				prompt := newWatcher(t, &gated{store, open, renamed})
				late := newWatcher(t, &gated{store, closed, renamed})
				first, leaveFirst := watched(prompt, acme)
				second, leaveSecond := watched(late, acme)
				c.change(t, store, acme)
				now, err := store.GetByID(t.Context(), acme.ID)
				if err != nil {
					t.Fatal(err)
				}
				third, leaveThird := watched(late, now) // on a state that the watcher has not seen
				close(closed)
				time.Sleep(time.Second)
				wantCause(t, first, c.want, "where each change is seen as it is made")
				wantCause(t, second, c.want, "where they are seen later")
				if !c.renamed { // in which the ID of this test is not really changed
					wantCause(t, third, nil, "begun after the changes")
				}
				leaveFirst()
				leaveSecond()
				leaveThird()
				synctest.Wait()
			})
		})
	}
}

// A request of a tenant whose ID another tenant has by now is not served as that one.
func TestWatcherAdmitsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme")
		watcher := newWatcher(t, store)
		if err := store.Purge(t.Context(), tenants["acme"].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		now, err := store.Create(t.Context(), tenancy.Tenant{ID: tenants["acme"].ID, Identifier: "acme", Name: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		former, _ := watched(watcher, tenants["acme"])
		wantCause(t, former, errRefused, "the former tenant")
		current, leave := watched(watcher, now)
		wantCause(t, current, nil, "the tenant that is there")
		leave()
		synctest.Wait()
	})
}

// slow is a source whose log is first read when its gate is opened.
type slow struct {
	tenancy.Source
	gate chan struct{}
}

func (s *slow) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	select {
	case <-s.gate:
		return s.Source.Bounds(ctx)
	case <-ctx.Done():
		return tenancy.Bounds{}, ctx.Err()
	}
}

// What changes before the watcher has read the log for the first time is no lost change.
func TestWatcherStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme", "globex")
		source := &slow{store, make(chan struct{})}
		watcher := newWatcher(t, source)
		renamed, leave := watched(watcher, tenants["acme"])
		suspended, _ := watched(watcher, tenants["globex"])
		tenants["acme"] = rename(t, store, tenants["acme"], "acme2")
		setStatus(t, store, tenants["globex"], tenancy.StatusSuspended)
		close(source.gate)
		wantCause(t, renamed, nil, "a tenant that was renamed")
		wantCause(t, suspended, errRefused, "a tenant that was suspended")
		leave()
		wantCause(t, renamed, context.Canceled, "a client that leaves")
	})
}

func rename(t testing.TB, store tenancy.Store, tenant tenancy.Tenant, identifier string) tenancy.Tenant {
	t.Helper()
	tenant.Identifier = identifier
	renamed, err := store.Update(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return renamed
}

// A log that cannot be read from the start holds nobody up for long.
func TestWatcherStartsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme")
		watcher := newWatcher(t, &slow{store, make(chan struct{})})
		begun := time.Now()
		served, leave := watched(watcher, tenants["acme"])
		time.Sleep(3 * time.Second)
		wantCause(t, served, nil, "what the store answers")
		leave()
		wantCause(t, served, context.Canceled, "a client that leaves")
		ctx, cancel, d := watcher.Watch(t.Context(), tenants["acme"])
		defer cancel()
		if d.Outcome != resolve.OutcomeResolved || ctx.Err() != nil || time.Since(begun) > 3*time.Second {
			t.Errorf("%+v after %v", d, time.Since(begun))
		}
	})
}

// hanging is a source whose log can be made to hang.
type hanging struct {
	tenancy.Source
	hangs atomic.Bool
}

func (h *hanging) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if h.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Source.Changes(ctx, after, limit)
}

func (h *hanging) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if h.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Source.Load(ctx, want)
}

// A request for which nothing can be found out is answered, though its client waits on.
func TestWatcherDoesNotWaitForAHungStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme")
		source := &hanging{Source: store}
		watcher := newWatcher(t, source)
		source.hangs.Store(true)
		begun := time.Now()
		refused, _ := watched(watcher, tenants["acme"])
		if err := <-refused; !errors.Is(err, errRefused) || time.Since(begun) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// While the log cannot be read, requests go on for MaxStale, and no longer.
func TestWatcherMaxStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme")
		source := &hanging{Source: store}
		var log strings.Builder
		logger := resolve.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		usual := newWatcher(t, source, logger)
		forEver := newWatcher(t, source, resolve.WithMaxStale(-1))
		limited, _ := watched(usual, tenants["acme"])
		unlimited, leave := watched(forEver, tenants["acme"])
		time.Sleep(time.Hour)
		wantCause(t, limited, nil, "while nothing happens")

		source.hangs.Store(true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := strings.Count(log.String(), "cannot be followed"); n != 1 {
			t.Errorf("3 s after the log began to hang, the watcher has said so %d times:\n%s", n, log.String())
		}
		time.Sleep(resolve.DefaultMaxStale - 5*time.Second)
		wantCause(t, limited, nil, "before MaxStale is over")
		time.Sleep(5 * time.Second)
		wantCause(t, limited, resolve.ErrStale, "after MaxStale")
		wantCause(t, unlimited, nil, "without a limit")
		refused, _ := watched(usual, tenants["acme"])
		wantCause(t, refused, errRefused, "a request that comes after MaxStale")

		source.hangs.Store(false)
		time.Sleep(10 * time.Second)
		again, leaveAgain := watched(usual, tenants["acme"])
		wantCause(t, again, nil, "when the log can be read again")
		leaveAgain()
		leave()
		synctest.Wait()
		if n := strings.Count(log.String(), "be followed"); n != 2 {
			t.Errorf("%d lines of one outage:\n%s", n, log.String())
		}
	})
}

func TestWatcherArguments(t *testing.T) {
	store, _ := newTenants(t)
	for name, c := range map[string]struct {
		store  tenancy.Store
		policy resolve.Policy
		opt    resolve.Option
		want   error
	}{
		"no store":       {nil, resolve.Policy{}, resolve.WithLogger(nil), tenancy.ErrInvalid},
		"no source":      {struct{ tenancy.Store }{store}, resolve.Policy{}, resolve.WithLogger(nil), errors.ErrUnsupported},
		"wrong policy":   {store, resolve.Policy{Served: []tenancy.Status{"archived"}}, resolve.WithLogger(nil), tenancy.ErrInvalid},
		"no option":      {store, resolve.Policy{}, nil, tenancy.ErrInvalid},
		"no time at all": {store, resolve.Policy{}, resolve.WithMaxStale(0), tenancy.ErrInvalid},
		"no key":         {store, resolve.Policy{}, resolve.WithKey(nil), tenancy.ErrInvalid},
	} {
		if w, err := resolve.NewWatcher(c.store, c.policy, c.opt); w != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Streams that come and go leave nothing behind, while tenants change.
func TestWatcherUnderLoad(t *testing.T) {
	store, tenants := newTenants(t, "acme", "globex")
	watcher := newWatcher(t, store)
	var ended atomic.Int64
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := 0; i < 50 || ended.Load() == 0 && i < 100_000; i++ { // all of 50 may find acme suspended
				ctx, cancel, d := watcher.Watch(t.Context(), tenants["acme"])
				<-ctx.Done()
				switch {
				case d.Outcome == resolve.OutcomeResolved && errors.Is(context.Cause(ctx), resolve.ErrNotServed):
					ended.Add(1)
				case d.Outcome != resolve.OutcomeSuspended:
					t.Errorf("%+v, ended by %v", d, context.Cause(ctx))
				}
				cancel()
			}
		}()
	}
	for running := 8; running > 0; {
		for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive} {
			if _, err := store.SetStatus(t.Context(), tenants["acme"].ID, status); err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
				running--
			case <-time.After(time.Millisecond):
			}
		}
	}
	if ended.Load() == 0 {
		t.Error("no stream was ended")
	}
	if n := resolve.Watched(watcher); n > 0 {
		t.Errorf("%d streams are watched still", n)
	}
}

// With a key, work also ends when the key changes, and not at other changes.
func TestWatcherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tenants := newTenants(t, "acme", "globex")
		watcher := newWatcher(t, store, resolve.WithKey(func(t tenancy.Tenant) any { return t.DatabaseURL }))
		moved, _ := watched(watcher, tenants["acme"])
		same, leave := watched(watcher, tenants["globex"])
		suspended, _ := watched(watcher, tenants["globex"])
		rename(t, store, tenants["globex"], "globex2")
		move := func(url string) {
			_, err := tenancy.Modify(t.Context(), store, tenants["acme"].ID, func(t *tenancy.Tenant) error {
				t.DatabaseURL = tenancy.NewSecret(url)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		move("postgres://new")
		wantCause(t, moved, resolve.ErrChanged, "a tenant with another key")
		wantCause(t, same, nil, "a tenant that was renamed")
		again, _ := watched(watcher, tenants["acme"])
		wantCause(t, again, nil, "the tenant with its new key")
		move("postgres://newer")
		wantCause(t, again, resolve.ErrChanged, "the second time")
		leave()
		setStatus(t, store, tenants["globex"], tenancy.StatusSuspended)
		wantCause(t, suspended, resolve.ErrNotServed, "a tenant that is suspended")
		synctest.Wait()
	})
}
