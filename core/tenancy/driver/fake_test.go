package driver_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// fakeMark is the mark of every write of a fake, whose history never turns back.
const fakeMark = 7

// fake is the smallest Backend: a slice, searched from end to end. What it is
// asked is in calls.
type fake struct {
	mu       sync.Mutex
	tenants  []tenancy.Tenant
	revision tenancy.Revision
	calls    []string
	fail     error // answer to everything
}

func (f *fake) enter(op string) (unlock func(), err error) {
	f.mu.Lock()
	f.calls = append(f.calls, op)
	return f.mu.Unlock, f.fail
}

func (f *fake) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fake) find(match func(tenancy.Tenant) bool) (*tenancy.Tenant, error) {
	if i := slices.IndexFunc(f.tenants, match); i >= 0 {
		return &f.tenants[i], nil
	}
	return nil, tenancy.ErrNotFound
}

func (f *fake) get(op string, k tenancy.Key) (tenancy.Tenant, error) {
	unlock, err := f.enter(op)
	defer unlock()
	if err != nil {
		return tenancy.Tenant{}, err
	}
	t, err := f.find(k.Matches)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return *t, nil
}

func (f *fake) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	return f.get("GetByID", tenancy.IDKey(id))
}

func (f *fake) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	return f.get("GetByIdentifier", tenancy.IdentifierKey(identifier))
}

func (f *fake) ListAfter(_ context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	unlock, err := f.enter("List")
	defer unlock()
	if err != nil {
		return tenancy.Page{}, err
	}
	var rows []tenancy.Tenant
	for _, t := range f.tenants {
		if opts.Filter.Matches(t) && (after.IsZero() || after.Compare(driver.ListKeyOf(t)) < 0) {
			rows = append(rows, t)
		}
	}
	slices.SortFunc(rows, func(a, b tenancy.Tenant) int { return driver.ListKeyOf(a).Compare(driver.ListKeyOf(b)) })
	rows = rows[min(opts.Offset, len(rows)):]
	return driver.PageOf(rows[:min(len(rows), opts.Limit+1)], opts), nil
}

func (f *fake) Create(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	unlock, err := f.enter("Create")
	defer unlock()
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return f.create(t)
}

func (f *fake) create(t tenancy.Tenant) (tenancy.Tenant, error) {
	for _, k := range driver.KeysOf(nil, &t) {
		if _, err := f.find(k.Matches); err == nil {
			return tenancy.Tenant{}, &tenancy.Error{Field: string(k.Kind), Err: tenancy.ErrAlreadyExists}
		}
	}
	f.revision++
	t.Revision, t.Mark = f.revision, fakeMark
	f.tenants = append(f.tenants, t)
	return t, nil
}

func (f *fake) Update(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	unlock, err := f.enter("Update")
	defer unlock()
	if err != nil {
		return tenancy.Tenant{}, err
	}
	old, err := f.find(tenancy.IDKey(t.ID).Matches)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	if t.Revision != tenancy.AnyRevision && t.Position() != old.Position() {
		return tenancy.Tenant{}, tenancy.ErrConflict
	}
	f.revision++
	t.CreatedAt, t.UpdatedAt = old.CreatedAt, driver.NextUpdate(old.UpdatedAt, old.UpdatedAt)
	t.Revision, t.Mark = f.revision, fakeMark
	*old = t
	return t, nil
}

// BulkUpdateStatus answers in the reverse order of creation, as a Backend may.
func (f *fake) BulkUpdateStatus(_ context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	unlock, err := f.enter("BulkUpdateStatus")
	defer unlock()
	if err != nil {
		return nil, err
	}
	var changed []tenancy.Tenant
	for i := range f.tenants {
		if t := &f.tenants[i]; slices.Contains(ids, t.ID) {
			f.revision++
			t.Status, t.Revision, t.Mark = s, f.revision, fakeMark
			changed = append(changed, *t)
		}
	}
	slices.Reverse(changed)
	return changed, nil
}

func (f *fake) UpdateMetadata(_ context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	unlock, err := f.enter("UpdateMetadata")
	defer unlock()
	if err != nil {
		return tenancy.Tenant{}, err
	}
	t, err := f.find(tenancy.IDKey(id).Matches)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	m, err := t.Metadata.Merge(patch)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	t.Metadata = m
	return *t, nil
}

func (f *fake) Delete(_ context.Context, id string) error {
	unlock, err := f.enter("Delete")
	defer unlock()
	if err != nil {
		return err
	}
	n := len(f.tenants)
	f.tenants = slices.DeleteFunc(f.tenants, tenancy.IDKey(id).Matches)
	if len(f.tenants) == n {
		return tenancy.ErrNotFound
	}
	return nil
}

func (f *fake) Close() error {
	unlock, err := f.enter("Close")
	defer unlock()
	return err
}

// fast is a fake that has everything that Extend looks for.
type fast struct {
	fake
	batches [][]tenancy.Tenant
	lose    int // results that CreateBatch and Load owe
}

func (f *fast) GetByIDs(_ context.Context, ids []string) ([]tenancy.Tenant, error) {
	unlock, err := f.enter("GetByIDs")
	defer unlock()
	var found []tenancy.Tenant
	for _, t := range f.tenants {
		if slices.Contains(ids, t.ID) {
			found = append(found, t)
		}
	}
	return found, err
}

func (f *fast) Exists(context.Context, string) (bool, error) {
	unlock, err := f.enter("Exists")
	defer unlock()
	return err == nil, err
}

func (f *fast) Count(context.Context, tenancy.Filter) (int, error) {
	unlock, err := f.enter("Count")
	defer unlock()
	return 42, err
}

func (f *fast) Search(context.Context, string, tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	unlock, err := f.enter("Search")
	defer unlock()
	return nil, err
}

func (f *fast) SetStatus(context.Context, string, tenancy.Status) (tenancy.Tenant, error) {
	unlock, err := f.enter("SetStatus")
	defer unlock()
	return tenancy.Tenant{}, err
}

func (f *fast) Purge(context.Context, string) error {
	unlock, err := f.enter("Purge")
	defer unlock()
	return err
}

func (f *fast) CreateBatch(_ context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	unlock, err := f.enter("CreateBatch")
	defer unlock()
	f.batches = append(f.batches, ts)
	var results []tenancy.CreateResult
	for _, t := range ts[:max(0, len(ts)-f.lose)] {
		created, err := f.create(t)
		results = append(results, tenancy.CreateResult{Tenant: created, Err: err})
	}
	return results, err
}

func (f *fast) Bounds(context.Context) (tenancy.Bounds, error) {
	unlock, err := f.enter("Bounds")
	defer unlock()
	return tenancy.Bounds{}, err
}

func (f *fast) Load(_ context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	unlock, err := f.enter("Load")
	defer unlock()
	if err != nil {
		return nil, err
	}
	snapshots := make([]tenancy.Versioned, len(want))
	for i, l := range want {
		if t, err := f.find(l.Key.Matches); err == nil {
			snapshots[i] = tenancy.Versioned{Tenant: *t, Found: true}
		}
	}
	return snapshots[:max(0, len(snapshots)-f.lose)], nil
}

func (f *fast) Changes(_ context.Context, _ tenancy.Position, limit int) ([]tenancy.Change, error) {
	unlock, err := f.enter("Changes")
	defer unlock()
	return make([]tenancy.Change, limit), err
}

func (f *fast) Wait(ctx context.Context, _ tenancy.Position) error {
	unlock, err := f.enter("Wait")
	defer unlock()
	return err
}

func extend(tb testing.TB, b driver.Backend) *driver.Extended {
	tb.Helper()
	s, err := driver.Extend(b)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
