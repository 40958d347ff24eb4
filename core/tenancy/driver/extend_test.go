package driver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// seeded returns a store of n tenants: t0, t1 …, with names that search tells
// apart.
func seeded(t testing.TB, n int) (*driver.Extended, *fake) {
	t.Helper()
	b := &fake{}
	s := extend(t, b)
	for i := range n {
		_, err := s.Create(t.Context(), tenancy.Tenant{
			ID: fmt.Sprintf("t%d", i), Identifier: fmt.Sprintf("acme-%d", i), Name: fmt.Sprintf("Firma %d ÉCOLE", i),
			CreatedAt: valid().CreatedAt.Add(time.Duration(i) * time.Second),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.took()
	return s, b
}

func ids(ts []tenancy.Tenant) string {
	var all []string
	for _, t := range ts {
		all = append(all, t.ID)
	}
	return strings.Join(all, " ")
}

func wantError(t *testing.T, what string, err, reason error, op string) {
	t.Helper()
	var e *tenancy.Error
	if !errors.As(err, &e) || !errors.Is(err, reason) || e.Op != op {
		t.Errorf("%s: error %v, want an *Error of %s that wraps %q", what, err, op, reason)
	}
}

func TestExtendDefaults(t *testing.T) {
	s, b := seeded(t, 5)
	ctx := t.Context()
	got, err := s.GetByIDs(ctx, []string{"t3", "absent", "t1", "t3"})
	if err != nil || ids(got) != "t3 t1" {
		t.Errorf("GetByIDs: %s, %v", ids(got), err)
	}
	if calls := b.took(); len(calls) != 3 {
		t.Errorf("GetByIDs of 3 IDs made %q", calls)
	}
	if found, err := s.Exists(ctx, "t1"); !found || err != nil {
		t.Errorf("Exists: %t, %v", found, err)
	}
	if found, err := s.Exists(ctx, "absent"); found || err != nil {
		t.Errorf("Exists of an absent one: %t, %v", found, err)
	}
	if n, err := s.Count(ctx, tenancy.Filter{}); n != 5 || err != nil {
		t.Errorf("Count: %d, %v", n, err)
	}
	if got, err := s.Search(ctx, "école", tenancy.SearchOptions{Limit: 2}); err != nil || ids(got) != "t0 t1" {
		t.Errorf("Search: %s, %v", ids(got), err)
	}
	if got, err := s.Search(ctx, "%", tenancy.SearchOptions{}); err != nil || len(got) != 0 {
		t.Errorf("Search of a per cent sign: %s, %v", ids(got), err)
	}
	if got, err := s.SetStatus(ctx, "t2", tenancy.StatusSuspended); err != nil || got.ID != "t2" || got.Status != tenancy.StatusSuspended {
		t.Errorf("SetStatus: %+v, %v", got, err)
	}
	_, err = s.SetStatus(ctx, "absent", tenancy.StatusSuspended)
	wantError(t, "SetStatus of an absent one", err, tenancy.ErrNotFound, "SetStatus")
	if got, err := s.BulkUpdateStatus(ctx, []string{"t1", "absent", "t4", "t1"}, tenancy.StatusActive); err != nil || ids(got) != "t1 t4" {
		t.Errorf("BulkUpdateStatus: %s, %v", ids(got), err)
	}
	b.took()
	for _, none := range [][]string{nil, {}} {
		if got, err := s.BulkUpdateStatus(ctx, none, tenancy.StatusActive); err != nil || len(got) != 0 {
			t.Errorf("BulkUpdateStatus of none: %s, %v", ids(got), err)
		}
		if got, err := s.GetByIDs(ctx, none); err != nil || len(got) != 0 {
			t.Errorf("GetByIDs of none: %s, %v", ids(got), err)
		}
	}
	if calls := b.took(); len(calls) != 0 {
		t.Errorf("nothing to do made %q", calls)
	}
	if got, err := s.List(ctx, tenancy.ListOptions{Limit: 2}); err != nil || ids(got.Tenants) != "t4 t3" || got.Next == "" {
		t.Errorf("List: %s, %v", ids(got.Tenants), err)
	}
}

func TestExtendUsesFasterVersions(t *testing.T) {
	b := &fast{}
	s := extend(t, b)
	ctx := t.Context()
	b.tenants = []tenancy.Tenant{{ID: "a"}, {ID: "b"}, {ID: "not asked for"}}
	got, err := s.GetByIDs(ctx, []string{"b", "a", "b"})
	if err != nil || ids(got) != "b a" {
		t.Errorf("GetByIDs: %s, %v", ids(got), err)
	}
	_, _ = s.GetByIDs(ctx, nil)
	_, _ = s.Exists(ctx, "a")
	_, _ = s.Count(ctx, tenancy.Filter{})
	_, _ = s.Search(ctx, "a", tenancy.SearchOptions{})
	_, _ = s.SetStatus(ctx, "a", tenancy.StatusActive)
	_, _ = s.CreateBatch(ctx, []tenancy.Tenant{valid()})
	_ = s.Purge(ctx, "a")
	_, _ = s.Bounds(ctx)
	_, _ = s.Load(ctx, nil)
	if cs, err := s.Changes(ctx, tenancy.Position{}, 0); err != nil || len(cs) != tenancy.DefaultChangesLimit {
		t.Errorf("Changes: %d, %v", len(cs), err)
	}
	want := "GetByIDs Exists Count Search SetStatus CreateBatch Purge Bounds Load Changes"
	if calls := strings.Join(b.took(), " "); calls != want {
		t.Errorf("calls %s\nwant  %s", calls, want)
	}
	if source, ok := tenancy.SourceOf(s); !ok || source != tenancy.Source(s) {
		t.Error("SourceOf does not see the log")
	}
	if _, ok := tenancy.SourceOf(extend(t, tenancyBackend{s})); !ok {
		t.Error("SourceOf does not see a log two levels down")
	}
}

// tenancyBackend lets a Store be a Backend: a naive decorator.
type tenancyBackend struct{ *driver.Extended }

func (b tenancyBackend) ListAfter(ctx context.Context, opts tenancy.ListOptions, _ driver.ListKey) (tenancy.Page, error) {
	return b.Extended.List(ctx, opts)
}

func TestExtendWithoutLog(t *testing.T) {
	s, _ := seeded(t, 1)
	ctx := t.Context()
	if _, ok := tenancy.SourceOf(s); ok || s.HasSource() {
		t.Error("SourceOf sees a log where there is none")
	}
	if _, ok := tenancy.SourceOf(extend(t, tenancyBackend{s})); ok {
		t.Error("SourceOf sees a log where there is none two levels down")
	}
	if tenancy.Fresh(s) != tenancy.Store(s) {
		t.Error("Fresh of a store without log is another one")
	}
	_, err := s.Bounds(ctx)
	wantError(t, "Bounds", err, errors.ErrUnsupported, "Bounds")
	_, err = s.Load(ctx, nil)
	wantError(t, "Load", err, errors.ErrUnsupported, "Load")
	_, err = s.Changes(ctx, tenancy.Position{}, 0)
	wantError(t, "Changes", err, errors.ErrUnsupported, "Changes")
	wantError(t, "Purge", s.Purge(ctx, "t0"), errors.ErrUnsupported, "Purge")
	wantError(t, "Wait", s.Wait(ctx, tenancy.Position{}), errors.ErrUnsupported, "Wait")
}

// everything calls every method with valid input.
func everything(ctx context.Context, s *driver.Extended) map[string]error {
	errs := map[string]error{}
	t := valid()
	t.Revision = tenancy.AnyRevision
	_, errs["GetByID"] = s.GetByID(ctx, "t0")
	_, errs["GetByIdentifier"] = s.GetByIdentifier(ctx, "acme-0")
	_, errs["GetByIDs"] = s.GetByIDs(ctx, []string{"t0"})
	_, errs["Exists"] = s.Exists(ctx, "t0")
	_, errs["List"] = s.List(ctx, tenancy.ListOptions{})
	_, errs["Count"] = s.Count(ctx, tenancy.Filter{})
	_, errs["Search"] = s.Search(ctx, "a", tenancy.SearchOptions{})
	_, errs["Create"] = s.Create(ctx, t)
	_, errs["CreateBatch"] = s.CreateBatch(ctx, []tenancy.Tenant{t})
	_, errs["Update"] = s.Update(ctx, t)
	_, errs["SetStatus"] = s.SetStatus(ctx, "t0", tenancy.StatusActive)
	_, errs["BulkUpdateStatus"] = s.BulkUpdateStatus(ctx, []string{"t0"}, tenancy.StatusActive)
	_, errs["UpdateMetadata"] = s.UpdateMetadata(ctx, "t0", tenancy.Metadata{})
	errs["Delete"] = s.Delete(ctx, "t0")
	errs["Purge"] = s.Purge(ctx, "t0")
	_, errs["Bounds"] = s.Bounds(ctx)
	_, errs["Load"] = s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey("t0")}})
	_, errs["Changes"] = s.Changes(ctx, tenancy.Position{}, 0)
	errs["Wait"] = s.Wait(ctx, tenancy.Position{})
	return errs
}

func TestExtendCloseAndContext(t *testing.T) {
	b := &fast{}
	s := extend(t, b)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for op, err := range everything(ended, s) {
		wantError(t, op+" after the context ended", err, context.Canceled, op)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for op, err := range everything(t.Context(), s) {
		wantError(t, op+" after Close", err, tenancy.ErrClosed, op)
	}
	if calls := b.took(); !slices.Equal(calls, []string{"Close"}) {
		t.Errorf("the backend was asked %q", calls)
	}
	failing := extend(t, &fake{fail: errors.New("disk full")})
	wantError(t, "Close that fails", failing.Close(), tenancy.ErrUnavailable, "Close")
	if err := failing.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestExtendErrors(t *testing.T) {
	for _, reason := range []error{tenancy.ErrConflict, tenancy.ErrUnavailable, context.DeadlineExceeded, errors.New("boom")} {
		for op, err := range everything(t.Context(), extend(t, &fast{fake: fake{fail: reason}})) {
			wantError(t, op, err, reason, op)
		}
	}
	defaults := everything(t.Context(), extend(t, &fake{fail: tenancy.ErrConflict}))
	for _, op := range []string{"GetByIDs", "Exists", "Count", "Search", "SetStatus", "CreateBatch"} {
		if !errors.Is(defaults[op], tenancy.ErrConflict) {
			t.Errorf("%s, derived from a method that fails: %v", op, defaults[op])
		}
	}
	s, b := seeded(t, 1)
	ctx := t.Context()
	_, err := s.GetByID(ctx, "absent")
	var e *tenancy.Error
	if !errors.As(err, &e) || e.ID != "absent" || !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("GetByID: %#v", err)
	}
	_, err = s.Create(ctx, tenancy.Tenant{ID: "new", Identifier: "acme-0", Name: "x"})
	if !errors.As(err, &e) || e.ID != "new" || e.Identifier != "acme-0" || e.Field != "identifier" || e.Op != "Create" {
		t.Errorf("Create: %#v", err)
	}
	_, err = s.Create(ctx, tenancy.Tenant{ID: "new", Identifier: "acme-1"})
	if !errors.As(err, &e) || e.ID != "new" || e.Identifier != "acme-1" || e.Field != "name" {
		t.Errorf("Create of an invalid one: %#v", err)
	}
	_, err = extend(t, &fast{fake: fake{fail: tenancy.ErrUnavailable}}).Create(ctx, tenancy.Tenant{Identifier: "acme-1", Name: "x"})
	if !errors.As(err, &e) || e.ID == "" { // it may have been created
		t.Errorf("Create in an outage without an ID: %#v", err)
	}
	_, err = extend(t, &fast{lose: 1}).Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey("t0")}})
	wantError(t, "Load that returns too little", err, tenancy.ErrUnavailable, "Load")
	b.took()
	bad := "\x00"
	big := driver.MetadataFromStored([]byte(`{"a":"` + strings.Repeat("x", tenancy.MaxMetadataBytes) + `"}`))
	for field, errs := range map[string][]error{
		"id": {
			second(s.GetByID(ctx, bad)), second(s.GetByIDs(ctx, []string{"t0", bad})), second(s.Exists(ctx, "")), s.Delete(ctx, bad), s.Purge(ctx, bad),
			second(s.SetStatus(ctx, bad, tenancy.StatusActive)), second(s.BulkUpdateStatus(ctx, []string{bad}, tenancy.StatusActive)),
			second(s.UpdateMetadata(ctx, bad, tenancy.Metadata{})), second(s.Create(ctx, tenancy.Tenant{ID: bad})), second(s.Update(ctx, tenancy.Tenant{})),
		},
		"identifier": {second(s.GetByIdentifier(ctx, "No")), second(s.Create(ctx, tenancy.Tenant{}))},
		"status":     {second(s.SetStatus(ctx, "t0", "frozen")), second(s.BulkUpdateStatus(ctx, nil, "")), second(s.Count(ctx, tenancy.Filter{Statuses: []tenancy.Status{"x"}}))},
		"limit":      {second(s.List(ctx, tenancy.ListOptions{Limit: -1})), second(s.Search(ctx, "", tenancy.SearchOptions{Limit: tenancy.MaxSearchLimit + 1}))},
		"query":      {second(s.Search(ctx, bad, tenancy.SearchOptions{})), second(s.Search(ctx, "\xff", tenancy.SearchOptions{}))},
		"metadata":   {second(s.UpdateMetadata(ctx, "t0", big))},
	} {
		for i, err := range errs {
			wantInvalid(t, fmt.Sprintf("%s, %d", field, i), err, field)
		}
	}
	if calls := b.took(); len(calls) != 0 {
		t.Errorf("bad input reached the backend: %q", calls)
	}
	source := extend(t, &fast{})
	wantInvalid(t, "Changes", second(source.Changes(ctx, tenancy.Position{}, tenancy.MaxChangesLimit+1)), "limit")
	wantInvalid(t, "Load", second(source.Load(ctx, []tenancy.Lookup{{Key: tenancy.IdentifierKey("A")}})), "identifier")
	wantInvalid(t, "Load", second(source.Load(ctx, []tenancy.Lookup{{}})), "key")
}

func second[T any](_ T, err error) error { return err }

func TestExtendGetDoesNotAllocate(t *testing.T) {
	s := extend(t, constant{})
	ctx := t.Context()
	if got := testing.AllocsPerRun(100, func() { _, _ = s.GetByID(ctx, "t1"); _, _ = s.GetByIdentifier(ctx, "acme") }); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

type constant struct{ driver.Backend }

func (constant) GetByID(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{ID: "t1"}, nil
}

func (constant) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{ID: "t1"}, nil
}

func TestListOmitsSecrets(t *testing.T) {
	s := extend(t, &fake{})
	with, without := valid(), valid()
	with.DatabaseURL = tenancy.NewSecret("postgres://u:canary@db/1")
	without.ID, without.Identifier = "t2", "other"
	for _, tenant := range []tenancy.Tenant{with, without} {
		if _, err := s.Create(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.List(t.Context(), tenancy.ListOptions{OmitSecrets: true})
	if err != nil || len(page.Tenants) != 2 {
		t.Fatal(page, err)
	}
	for _, got := range page.Tenants {
		if err := got.DatabaseURL.Err(); (err != nil) != (got.ID == with.ID) || err != nil && !errors.Is(err, tenancy.ErrWithheld) {
			t.Errorf("%s: %v", got.ID, err)
		}
	}
	if got, err := s.GetByID(t.Context(), with.ID); err != nil || got.DatabaseURL != with.DatabaseURL {
		t.Errorf("it was omitted for good: %v", err)
	}
}
