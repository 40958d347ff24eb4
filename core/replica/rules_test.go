package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// world is a database and a replica of it, in a bubble: what synctest.Wait waits for is
// that the replica has read all that there is to be read.
type world struct {
	*memstore.Store
	bounds  func() // called once, by the first Bounds
	load    func() // called once, before the first Load, and loaded after it
	loaded  func()
	list    func()             // called once, before the first List
	listed  func(tenancy.Page) // called once, after it
	names   func()             // called once, before the first ListNames, and named after it
	named   func()
	closed  atomic.Bool
	deleted bool // the log says of each update that it is a deletion
	replica *Store
}

func (w *world) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if w.bounds != nil {
		w.bounds()
		w.bounds = nil
	}
	return w.Store.Bounds(ctx)
}

// Changes has nothing to say while the world is closed.
func (w *world) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if w.closed.Load() {
		return nil, nil
	}
	changes, err := w.Store.Changes(ctx, after, limit)
	for i := range changes {
		if w.deleted && changes[i].Kind == tenancy.ChangeUpdate {
			changes[i].Kind = tenancy.ChangeDelete
		}
	}
	return changes, err
}

func (w *world) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if w.load == nil {
		return w.Store.Load(ctx, want)
	}
	w.load()
	w.load = nil
	found, err := w.Store.Load(ctx, want)
	w.loaded()
	return found, err
}

// List has two tenants a page.
func (w *world) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	opts.Limit = 2
	if w.list != nil {
		w.list()
		w.list = nil
	}
	page, err := w.Store.List(ctx, opts)
	if w.listed != nil {
		w.listed(page)
		w.listed = nil
	}
	return page, err
}

func (w *world) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	if w.names == nil {
		return w.Store.ListNames(ctx, after, limit)
	}
	w.names()
	w.names = nil
	page, err := w.Store.ListNames(ctx, after, limit)
	w.named()
	return page, err
}

func (w *world) create(identifier string) tenancy.Tenant {
	t, err := w.Create(context.Background(), tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		panic(err)
	}
	return t
}

func (w *world) rename(t tenancy.Tenant, identifier string) tenancy.Tenant {
	t, err := tenancy.Modify(context.Background(), w.Store, t.ID, func(t *tenancy.Tenant) error {
		t.Identifier = identifier
		return nil
	})
	if err != nil {
		panic(err)
	}
	return t
}

func (w *world) suspend(t tenancy.Tenant) tenancy.Tenant {
	t, err := w.SetStatus(context.Background(), t.ID, tenancy.StatusSuspended)
	if err != nil {
		panic(err)
	}
	return t
}

// gap makes changes of which the log tells nothing any more.
func (w *world) gap(change func()) {
	w.closed.Store(true)
	change()
	for range 3 {
		w.create(fmt.Sprintf("later-%d", w.Statistics().Tenants))
	}
	w.Compact(w.Statistics().Log.Newest.Revision)
	w.closed.Store(false)
	settle()
}

// settle waits until the replica has read the log, as after a poll.
func settle() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

// has returns an error unless the replica has t, under both keys.
func (w *world) has(t tenancy.Tenant) error {
	for _, get := range []func() (tenancy.Tenant, error){
		func() (tenancy.Tenant, error) { return w.replica.GetByID(context.Background(), t.ID) },
		func() (tenancy.Tenant, error) { return w.replica.GetByIdentifier(context.Background(), t.Identifier) },
	} {
		if got, err := get(); err != nil || got != t {
			return fmt.Errorf("the replica has %s %s of revision %d, %s, for %s %s of revision %d",
				got.Identifier, got.Status, got.Revision, fmt.Sprint(err), t.Identifier, t.Status, t.Revision)
		}
	}
	return nil
}

// hasNot returns an error unless the replica has all tenants but t, which is deleted.
func (w *world) hasNot(t tenancy.Tenant) error {
	if _, err := w.replica.GetByIdentifier(context.Background(), t.Identifier); !errors.Is(err, tenancy.ErrNotFound) {
		return fmt.Errorf("the deleted tenant: %s, want ErrNotFound", fmt.Sprint(err))
	}
	if n, err := w.replica.Count(context.Background(), tenancy.Filter{}); n != w.Statistics().Tenants || err != nil {
		return fmt.Errorf("%d tenants, %s, want %d", n, fmt.Sprint(err), w.Statistics().Tenants)
	}
	return nil
}

// rule is something that a replica keeps. Its check opens the replica of a world.
type rule struct {
	says  string
	check func(w *world, open func()) error
}

var rules = map[string]rule{
	"bounds-first": {"What changes after the log was first asked, and before the scan, is seen.", func(w *world, open func()) error {
		acme := w.create("acme")
		w.bounds = func() { acme = w.suspend(acme) }
		open()
		return w.has(acme)
	}},
	"loaded-not-inferred": {"What a change touched is loaded: its kind may be another.", func(w *world, open func()) error {
		acme := w.create("acme")
		w.deleted = true
		open()
		acme = w.suspend(acme)
		settle()
		return w.has(acme)
	}},
	"identifier-of-its-owner": {"An identifier that another tenant has taken leads to that one.", func(w *world, open func()) error {
		old := w.create("acme")
		open()
		w.closed.Store(true)
		old = w.rename(old, "former")
		heir := w.create("acme")
		w.closed.Store(false)
		settle()
		return errors.Join(w.has(old), w.has(heir))
	}},
	"absence-after-all-pages": {"Nothing is known to be absent before all pages were read.", func(w *world, open func()) error {
		var all []tenancy.Tenant
		for i := range 7 {
			all = append(all, w.create(fmt.Sprintf("tenant-%d", i)))
		}
		open()
		var errs []error
		for _, t := range all {
			errs = append(errs, w.has(t))
		}
		return errors.Join(errs...)
	}},
	"deleted-in-a-scan": {"What is deleted after a page has shown it is gone.", func(w *world, open func()) error {
		for i := range 7 {
			w.create(fmt.Sprintf("tenant-%d", i))
		}
		var deleted tenancy.Tenant
		w.listed = func(page tenancy.Page) {
			deleted = page.Tenants[0]
			if err := w.Delete(context.Background(), deleted.ID); err != nil {
				panic(err)
			}
		}
		open()
		return w.hasNot(deleted)
	}},
	"a-gap-is-scanned": {"What changed where the log was trimmed too early is seen.", func(w *world, open func()) error {
		acme := w.create("acme")
		open()
		w.gap(func() { acme = w.suspend(acme) })
		return w.has(acme)
	}},
	"gone-in-a-gap": {"What was removed where the log was trimmed too early is gone.", func(w *world, open func()) error {
		acme := w.create("acme")
		open()
		w.gap(func() {
			if err := w.Delete(context.Background(), acme.ID); err != nil {
				panic(err)
			}
		})
		return w.hasNot(acme)
	}},
	"same-memory": {"All tenants are read anew into the same memory: one that has not changed is not held twice.", func(w *world, open func()) error {
		acme := w.create("acme")
		open()
		before := w.replica.table.ByID(acme.ID)
		w.gap(func() {})
		if w.replica.State().Scans != 2 {
			return fmt.Errorf("%d scans, want 2", w.replica.State().Scans)
		}
		if w.replica.table.ByID(acme.ID) != before {
			return errors.New("a tenant that has not changed was replaced")
		}
		return nil
	}},
	"handlers-hold-up-nobody": {"A handler that blocks does not keep the replica from following the log.", func(w *world, open func()) error {
		acme, bolt := w.create("acme"), w.create("bolt")
		open()
		release := make(chan struct{})
		defer close(release)
		w.replica.OnChange(func(_, _ *tenancy.Tenant) { <-release })
		w.suspend(acme)
		settle()
		bolt = w.suspend(bolt)
		settle()
		return w.has(bolt)
	}},
	"absence-is-confirmed": {"A deletion that a page reflects, and that the database then loses, is not kept.", func(w *world, open func()) error {
		bolt, acme := w.create("bolt"), w.create("acme")
		backup := w.Backup()
		w.list = func() {
			if err := w.Delete(context.Background(), acme.ID); err != nil {
				panic(err)
			}
		}
		w.listed = func(tenancy.Page) {
			w.Restore(backup)
			bolt = w.suspend(bolt)
		}
		open()
		return errors.Join(w.has(acme), w.has(bolt))
	}},
	"seen-is-confirmed": {"What was read ahead of the log, and then lost by the database, is not kept.", func(w *world, open func()) error {
		acme, bolt := w.create("acme"), w.create("bolt")
		open()
		var backup memstore.Backup
		w.load = func() { // the change of bolt is read, and there comes another before bolt is
			backup = w.Backup()
			w.rename(bolt, "lost")
		}
		w.loaded = func() {
			w.Restore(backup)
			acme = w.suspend(acme)
			acme = w.rename(acme, "overtaker")
		}
		suspended := w.suspend(bolt)
		settle()
		return errors.Join(w.has(acme), w.has(suspended))
	}},
}

func (r rule) try(t *testing.T, broken func(*loader) follow.Loader, opts ...memstore.Option) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{Store: memstore.New(opts...)}
		err = r.check(w, func() {
			var err error
			opts := []Option{WithLogger(slog.New(slog.DiscardHandler)), WithMaxStale(-1)}
			if w.replica, err = open(w, opts, broken); err != nil {
				t.Fatal(err)
			}
			settle()
		})
		if err := w.replica.Close(); err != nil {
			t.Error(err)
		}
	})
	return err
}

func TestRules(t *testing.T) { keeps(t, rules) }

func keeps(t *testing.T, rules map[string]rule, opts ...memstore.Option) {
	t.Helper()
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			if err := r.try(t, func(l *loader) follow.Loader { return l }, opts...); err != nil {
				t.Errorf("%s\n%v", r.says, err)
			}
		})
	}
}
