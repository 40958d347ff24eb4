package tenantio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

const canary = "postgres://u:canary@db/1"

func formats() []tenantio.Format { return []tenantio.Format{tenantio.JSONLines, tenantio.CSV} }

func newStore(t testing.TB) *memstore.Store {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// hostile are tenants with every text that a format could spoil.
func hostile(t testing.TB) []tenancy.Tenant {
	t.Helper()
	texts := []string{
		"plain", `quo"te`, `""`, ",", "a,b", " space ", "line\nbreak", "line\r\nbreak", "\r", "\r\n", "\n", "ends in CR\r", "\ttab", "=1+1",
		"=HYPERLINK(\"x\")", "+1", "-1", "@x", "'", "''", "'=1", "''=1", "'t Hooft", "'quoted'", "＝1", "\ufeffbom", "😀 世界 עברית", "\\", `\n`, "null",
		"***x", "<a>&amp;</a>", "\u2028", "\x01\x1b", "#comment", ";", "a\tb", "'\t", "\\.", "true", "1e5", " ", "a\rb",
		"x;=1+1", "x\t=1+1", "x|@SUM(1)", "x; =1", ";;-1", "x;'=1", "x;''+1", "x\n=1", "x\r\n\t-1", "x\u2028=1", "x\v=1", " =1", "\u00a0=1", "\u200b=1",
		"'\n", "x;\"=1\"", "\"=1", "\n\n=1", "﹦1", "x;＋1", "a;b|c\td", "x;", ";", "\x00=1"[1:], "\x01=1", "x,=1", "Acme - Berlin", "\r\n", "\t\t",
	}
	var ts []tenancy.Tenant
	for i, text := range texts {
		m, err := (tenancy.Metadata{}).With(text, map[string]any{"v": text, "n": 1.5})
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, tenancy.Tenant{
			ID: newID(text + fmt.Sprint(i)), Identifier: fmt.Sprintf("tenant-%d", i), Name: text, SchemaName: text, DatabaseURL: tenancy.NewSecret(text),
			Status: tenancy.Statuses()[i%4], Isolation: tenancy.IsolationHybrid, Metadata: m,
			CreatedAt: time.Date(1+i*100, 2, 3, 4, 5, 6, i*1000, time.UTC),
		})
	}
	return append(ts, tenancy.Tenant{Identifier: "minimal", Name: "x"}, tenancy.Tenant{Identifier: "masked", Name: "***", SchemaName: "***"})
}

// newID returns the ID if Create takes it.
func newID(id string) string {
	if driver.ValidateNewID(id) != nil {
		return tenancy.NewID()
	}
	return id
}

func fill(t testing.TB, s tenancy.Store, ts []tenancy.Tenant) {
	t.Helper()
	results, err := s.CreateBatch(t.Context(), ts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// contents are the tenants of s without what a store sets.
func contents(t testing.TB, s tenancy.Store) []tenancy.Tenant {
	t.Helper()
	var ts []tenancy.Tenant
	for tenant, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		tenant.UpdatedAt, tenant.Revision, tenant.Mark = time.Time{}, 0, 0
		ts = append(ts, tenant)
	}
	return ts
}

func export(t testing.TB, s tenancy.Store, f tenantio.Format, opts tenantio.ExportOptions) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := tenantio.Export(t.Context(), s, &out, f, opts); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func importText(t testing.TB, s tenancy.Store, text string, opts tenantio.ImportOptions) (tenantio.Report, error) {
	t.Helper()
	return tenantio.Import(t.Context(), s, strings.NewReader(text), tenantio.JSONLines, opts)
}

func load(t testing.TB, s tenancy.Store, f tenantio.Format, text string, opts tenantio.ImportOptions) tenantio.Report {
	t.Helper()
	report, err := tenantio.Import(t.Context(), s, strings.NewReader(text), f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// show is a report in short: created, updated, unchanged, failed, and the lines
// and fields of the errors.
func show(r tenantio.Report) string {
	text := fmt.Sprintf("%d %d %d %d", r.Created, r.Updated, r.Unchanged, r.Failed)
	for _, e := range r.Errors {
		var in *tenancy.Error
		field := "?"
		if errors.As(e, &in) {
			field = in.Field
		}
		text += fmt.Sprintf(" %d:%s", e.Line, field)
	}
	return text
}

func TestRoundTrip(t *testing.T) {
	source := newStore(t)
	fill(t, source, hostile(t))
	want := contents(t, source)
	for _, f := range formats() {
		text := export(t, source, f, tenantio.ExportOptions{Secrets: true})
		for name, variant := range map[string]string{
			"as it is":             text,
			"with a mark":          "\ufeff" + text,
			"without a last break": strings.TrimRight(text, "\r\n"),
		} {
			target := newStore(t)
			if got := show(load(t, target, f, variant, tenantio.ImportOptions{BatchSize: 7})); got != fmt.Sprintf("%d 0 0 0", len(want)) {
				t.Errorf("%s, %s: %s", f, name, got)
			}
			if got := contents(t, target); !slices.Equal(got, want) {
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Errorf("%s, %s: %#v\nwant %#v", f, name, got[i], want[i])
					}
				}
			}
		}
		// One byte at a time.
		target := newStore(t)
		if _, err := tenantio.Import(t.Context(), target, iotest.OneByteReader(strings.NewReader("\ufeff"+text)), f, tenantio.ImportOptions{}); err != nil || !slices.Equal(contents(t, target), want) {
			t.Errorf("%s, byte by byte: %v", f, err)
		}
	}
}

func TestImportAgain(t *testing.T) {
	for _, f := range formats() {
		source, target := newStore(t), newStore(t)
		fill(t, source, hostile(t))
		n := len(hostile(t))
		text := export(t, source, f, tenantio.ExportOptions{Secrets: true})
		if _, err := tenantio.Import(t.Context(), target, strings.NewReader(text[:len(text)*2/3]), f, tenantio.ImportOptions{BatchSize: 4}); err != nil {
			t.Fatal(err)
		}
		before := len(contents(t, target))
		for _, update := range []bool{false, true} {
			report := load(t, target, f, text, tenantio.ImportOptions{BatchSize: 10, Update: update})
			if got, want := show(report), fmt.Sprintf("%d 0 %d 0", n-before, before); got != want {
				t.Errorf("%s: %s, want %s", f, got, want)
			}
			before = n
		}
		if !slices.Equal(contents(t, source), contents(t, target)) {
			t.Errorf("%s: the stores differ", f)
		}
		// Without secrets the same tenants still count as equal.
		if got := show(load(t, target, f, export(t, source, f, tenantio.ExportOptions{}), tenantio.ImportOptions{})); got != fmt.Sprintf("0 0 %d 0", n) {
			t.Errorf("%s without secrets: %s", f, got)
		}
	}
}

func TestExportKeepsSecretsBack(t *testing.T) {
	s := newStore(t)
	fill(t, s, []tenancy.Tenant{{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret(canary)}})
	for _, f := range formats() {
		if text := export(t, s, f, tenantio.ExportOptions{}); strings.Contains(text, "canary") || strings.Contains(text, "database_url") || strings.Contains(text, "***") {
			t.Errorf("%s: %s", f, text)
		}
		if text := export(t, s, f, tenantio.ExportOptions{Secrets: true}); !strings.Contains(text, canary) {
			t.Errorf("%s with secrets: %s", f, text)
		}
	}
}

func TestImportNeverWipesSecrets(t *testing.T) {
	for _, update := range []bool{false, true} {
		for f, texts := range map[tenantio.Format][]string{
			tenantio.JSONLines: {
				`{"identifier":"acme","name":"Acme"}`, `{"identifier":"acme","name":"Acme","database_url":"***"}`,
				`{"identifier":"acme","name":"Acme","database_url":""}`, `{"identifier":"acme","name":"Acme","database_url":null}`,
				`{"identifier":"acme","name":"Acme","database_url":"` + canary + `"}`,
			},
			tenantio.CSV: {
				"identifier,name\nacme,Acme", "identifier,name,database_url\nacme,Acme,***", "identifier,name,database_url\nacme,Acme,",
			},
		} {
			for _, text := range texts {
				s := newStore(t)
				fill(t, s, []tenancy.Tenant{{ID: "t1", Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret(canary)}})
				for _, name := range []string{"Acme", "Renamed"} {
					want := "0 0 1 0"
					if name == "Renamed" {
						if want = "0 0 0 1 1:identifier"; f == tenantio.CSV {
							want = "0 0 0 1 2:identifier"
						}
						if update {
							want = "0 1 0 0"
						}
					}
					if got := show(load(t, s, f, strings.ReplaceAll(text, "Acme", name), tenantio.ImportOptions{Update: update})); got != want {
						t.Errorf("%s, update %t: %s, want %s", text, update, got, want)
					}
				}
				if got := contents(t, s)[0].DatabaseURL.Reveal(); got != canary {
					t.Errorf("%s, update %t: the secret is now %q", text, update, got)
				}
			}
		}
	}
	s := newStore(t)
	text := `{"identifier":"acme","name":"Acme","database_url":"***"}` + "\n" + `{"identifier":"A","name":"Acme","database_url":"***"}`
	if got := show(load(t, s, tenantio.JSONLines, text, tenantio.ImportOptions{Update: true})); got != "0 0 0 2 1:database_url 2:database_url" {
		t.Errorf("a mask on a new tenant: %s", got)
	}
}

func TestImportUpdate(t *testing.T) {
	created := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	old := tenancy.Tenant{
		ID: "t1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusSuspended, Isolation: tenancy.IsolationSchema, SchemaName: "acme",
		CreatedAt: created,
	}
	old.Metadata, _ = tenancy.ParseMetadata([]byte(`{"plan":"pro"}`))
	for name, c := range map[string]struct {
		line   string
		report string
		edit   func(*tenancy.Tenant)
	}{
		"a new name":               {`{"identifier":"acme","name":"New"}`, "0 1 0 0", func(t *tenancy.Tenant) { t.Name = "New" }},
		"stated empty":             {`{"identifier":"acme","name":"Acme","isolation":"","schema_name":"","metadata":{}}`, "0 1 0 0", func(t *tenancy.Tenant) { t.Isolation, t.SchemaName, t.Metadata = "", "", tenancy.Metadata{} }},
		"null is not stated":       {`{"identifier":"acme","name":"Acme","isolation":null,"schema_name":null,"metadata":null,"status":null}`, "0 0 1 0", func(*tenancy.Tenant) {}},
		"empty status":             {`{"identifier":"acme","name":"Acme","status":""}`, "0 0 1 0", func(*tenancy.Tenant) {}},
		"a status":                 {`{"identifier":"acme","name":"Acme","status":"active"}`, "0 1 0 0", func(t *tenancy.Tenant) { t.Status = tenancy.StatusActive }},
		"an unknown status":        {`{"identifier":"acme","name":"Acme","status":"x"}`, "0 0 0 1 1:status", func(*tenancy.Tenant) {}},
		"a rename by ID":           {`{"id":"t1","identifier":"acme-2","name":"Acme"}`, "0 1 0 0", func(t *tenancy.Tenant) { t.Identifier = "acme-2" }},
		"a rename to a taken one":  {`{"id":"t1","identifier":"taken","name":"Acme"}`, "0 0 0 1 1:identifier", func(*tenancy.Tenant) {}},
		"another ID":               {`{"id":"t9","identifier":"acme","name":"Acme"}`, "0 0 0 1 1:identifier", func(*tenancy.Tenant) {}},
		"another created_at":       {`{"identifier":"acme","name":"New","created_at":"2024-01-02T03:04:06Z"}`, "0 0 0 1 1:identifier", func(*tenancy.Tenant) {}},
		"the same created_at":      {`{"identifier":"acme","name":"Acme","created_at":"2024-01-02T04:04:05.0000009+01:00"}`, "0 0 1 0", func(*tenancy.Tenant) {}},
		"the zero created_at":      {`{"identifier":"acme","name":"Acme","created_at":"0001-01-01T00:00:00Z"}`, "0 0 1 0", func(*tenancy.Tenant) {}},
		"revision and updated_at":  {`{"identifier":"acme","name":"Acme","revision":99,"updated_at":"2030-01-01T00:00:00Z"}`, "0 0 1 0", func(*tenancy.Tenant) {}},
		"twice, there and back":    {`{"identifier":"acme","name":"New"}` + "\n" + `{"identifier":"acme","name":"Acme"}`, "0 2 0 0", func(*tenancy.Tenant) {}},
		"twice the same":           {`{"identifier":"acme","name":"New"}` + "\n" + `{"identifier":"acme","name":"New"}`, "0 1 1 0", func(t *tenancy.Tenant) { t.Name = "New" }},
		"metadata, spelled anew":   {`{"identifier":"acme","name":"Acme","metadata":{ "plan" : "\u0070ro" }}`, "0 0 1 0", func(*tenancy.Tenant) {}},
		"metadata is replaced":     {`{"identifier":"acme","name":"Acme","metadata":{"x":1}}`, "0 1 0 0", func(t *tenancy.Tenant) { t.Metadata, _ = tenancy.ParseMetadata([]byte(`{"x":1}`)) }},
		"an invalid name":          {`{"identifier":"acme","name":""}`, "0 0 0 1 1:name", func(*tenancy.Tenant) {}},
		"a secret":                 {`{"identifier":"acme","name":"Acme","database_url":"` + canary + `"}`, "0 1 0 0", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(canary) }},
		"unpaired surrogate":       {`{"identifier":"acme","name":"\ud800"}`, "0 0 0 1 1:name", func(*tenancy.Tenant) {}},
		"a real replacement rune":  {`{"identifier":"acme","name":"\ufffd\\ud800"}`, "0 1 0 0", func(t *tenancy.Tenant) { t.Name = "\ufffd\\ud800" }},
		"what the name spells NUL": {`{"identifier":"acme","name":"\u0000"}`, "0 0 0 1 1:name", func(*tenancy.Tenant) {}},
	} {
		for _, plain := range []bool{false, true} {
			var s tenancy.Store = newStore(t)
			fill(t, s, []tenancy.Tenant{old, {ID: "t2", Identifier: "taken", Name: "Other", CreatedAt: created.Add(-time.Hour)}})
			if plain { // a store without Source and CreateBatch
				s = struct{ tenancy.Store }{s}
			}
			if got := show(load(t, s, tenantio.JSONLines, c.line, tenantio.ImportOptions{Update: true})); got != c.report {
				t.Errorf("%s: %s, want %s", name, got, c.report)
			}
			want := old
			c.edit(&want)
			if got := contents(t, s)[0]; got != want {
				t.Errorf("%s: stored %+v\nwant %+v", name, got, want)
			}
		}
	}
}

// Lines of one file that collide are told apart from lines that were imported
// before.
func TestImportCollisions(t *testing.T) {
	text := strings.Join([]string{
		`{"identifier":"acme","name":"Acme"}`,
		`{"identifier":"acme","name":"Other"}`,
		`{"identifier":"acme","name":"Acme"}`,
		`{"id":"t1","identifier":"one-1","name":"One"}`,
		`{"id":"t1","identifier":"one-2","name":"One"}`,
		`{"id":"t2","identifier":"one-1","name":"One"}`,
	}, "\n")
	for _, size := range []int{1, 2, 100} {
		s := newStore(t)
		var seen []string
		report := load(t, s, tenantio.JSONLines, text, tenantio.ImportOptions{BatchSize: size, OnError: func(e *tenantio.LineError) { seen = append(seen, e.Error()) }})
		if got, want := show(report), "2 0 1 3 2:identifier 5:id 6:identifier"; got != want {
			t.Errorf("batches of %d: %s, want %s", size, got, want)
		}
		for i, e := range report.Errors {
			if !errors.Is(e, tenancy.ErrAlreadyExists) || seen[i] != e.Error() {
				t.Errorf("%v, %s", e, seen[i])
			}
		}
		if want := `line 2: tenancy: Import: identifier "acme": identifier: already exists: is stored with another name`; seen[0] != want {
			t.Errorf("%s\nwant %s", seen[0], want)
		}
		if report.Line != 6 {
			t.Errorf("batches of %d: ended in line %d", size, report.Line)
		}
	}
}

// What the application refuses is the fault of a line, like everything that is
// invalid, and no outage.
func TestImportOfMetadataThatTheStoreRefuses(t *testing.T) {
	var seats tenancy.View[map[string]int]
	s := memstore.New(memstore.WithMetadataCheck(seats.Check))
	const lines = `{"identifier":"acme","name":"Acme","metadata":{"seats":1}}` + "\n" +
		`{"identifier":"bad","name":"Bad","metadata":{"seats":"many"}}` + "\n" +
		`{"identifier":"other","name":"Other","metadata":{"seats":2}}`
	if got := show(load(t, s, tenantio.JSONLines, lines, tenantio.ImportOptions{})); got != "2 0 0 1 2:metadata" {
		t.Errorf("new tenants: %s", got)
	}
	edited := strings.Replace(strings.Replace(lines, `1}`, `"none"}`, 1), `2}`, `3}`, 1)
	if got := show(load(t, s, tenantio.JSONLines, edited, tenantio.ImportOptions{Update: true})); got != "0 1 0 2 1:metadata 2:metadata" {
		t.Errorf("stored tenants: %s", got)
	}
}

func TestImportReportsAtMost(t *testing.T) {
	text := strings.Repeat("{\n", 500)
	for limit, want := range map[int]int{0: tenantio.DefaultMaxErrors, 3: 3, -1: 0, 1000: 500} {
		report := load(t, newStore(t), tenantio.JSONLines, text, tenantio.ImportOptions{MaxErrors: limit})
		if len(report.Errors) != want || report.Failed != 500 {
			t.Errorf("MaxErrors %d: %d of %d", limit, len(report.Errors), report.Failed)
		}
	}
}

func TestImportProgress(t *testing.T) {
	var text strings.Builder
	for i := range 25 {
		fmt.Fprintf(&text, "{\"identifier\":\"acme-%d\",\"name\":\"x\"}\n\n", i)
	}
	var seen []tenantio.Counts
	load(t, newStore(t), tenantio.JSONLines, text.String(), tenantio.ImportOptions{BatchSize: 10, Progress: func(c tenantio.Counts) { seen = append(seen, c) }})
	if want := []tenantio.Counts{{Line: 19, Created: 10}, {Line: 39, Created: 20}, {Line: 49, Created: 25}}; !slices.Equal(seen, want) {
		t.Errorf("progress %+v, want %+v", seen, want)
	}
	s := newStore(t)
	load(t, s, tenantio.JSONLines, text.String(), tenantio.ImportOptions{})
	var written []int
	export(t, s, tenantio.CSV, tenantio.ExportOptions{Progress: func(n int) { written = append(written, n) }})
	if !slices.Equal(written, []int{25}) {
		t.Errorf("progress of the export: %v", written)
	}
}

func TestExportProgressAtAThousand(t *testing.T) {
	s := newStore(t)
	ts := make([]tenancy.Tenant, 2000)
	for i := range ts {
		ts[i] = tenancy.Tenant{Identifier: fmt.Sprintf("acme-%d", i), Name: "x"}
	}
	fill(t, s, ts)
	var written []int
	export(t, s, tenantio.CSV, tenantio.ExportOptions{Progress: func(n int) { written = append(written, n) }})
	if !slices.Equal(written, []int{1000, 2000}) {
		t.Errorf("progress of the export: %v", written)
	}
}

func TestExportFilter(t *testing.T) {
	s := newStore(t)
	fill(t, s, hostile(t))
	filter := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusDeleted}}
	want := slices.DeleteFunc(contents(t, s), func(t tenancy.Tenant) bool { return !filter.Matches(t) })
	for _, f := range formats() {
		target := newStore(t)
		load(t, target, f, export(t, s, f, tenantio.ExportOptions{Filter: filter, Secrets: true}), tenantio.ImportOptions{})
		if got := contents(t, target); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %d tenants, want the %d that the filter selects", f, len(got), len(want))
		}
	}
}

// A file states what is empty, too: with Update, the store is as it was at the export.
func TestImportOfAnExportRestores(t *testing.T) {
	for _, f := range formats() {
		s := newStore(t)
		fill(t, s, []tenancy.Tenant{{Identifier: "acme", Name: "Acme"}})
		before := contents(t, s)
		text := export(t, s, f, tenantio.ExportOptions{})
		changed := before[0]
		changed.Name, changed.Isolation, changed.SchemaName, changed.Status = "New", tenancy.IsolationSchema, "acme", tenancy.StatusSuspended
		changed.Metadata, _ = changed.Metadata.With("a", 1)
		changed.Revision = tenancy.AnyRevision
		if _, err := s.Update(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		if got := show(load(t, s, f, text, tenantio.ImportOptions{Update: true})); got != "0 1 0 0" {
			t.Errorf("%s: %s", f, got)
		}
		if after := contents(t, s); !slices.Equal(after, before) {
			t.Errorf("%s: %+v, want %+v", f, after, before)
		}
	}
}

// Large metadata ends a batch early: memory is bounded by bytes, not by tenants.
func TestImportBoundsABatch(t *testing.T) {
	large, err := (tenancy.Metadata{}).With("v", strings.Repeat("x", tenancy.MaxMetadataBytes-10))
	if err != nil {
		t.Fatal(err)
	}
	records := func(yield func(tenantio.Record, error) bool) {
		for i := range 40 {
			if !yield(tenantio.Record{Line: i + 1, Tenant: tenancy.Tenant{Identifier: fmt.Sprintf("acme-%d", i), Name: "x", Metadata: large}}, nil) {
				return
			}
		}
	}
	batches := 0
	report, err := tenantio.ImportRecords(t.Context(), newStore(t), records, tenantio.ImportOptions{Progress: func(tenantio.Counts) { batches++ }})
	if err != nil || report.Created != 40 || batches != 3 {
		t.Errorf("10 MiB came in %d batches: %s, %v", batches, show(report), err)
	}
}

func TestImportEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	records := func(yield func(tenantio.Record, error) bool) {
		for i := range 100 {
			if i == 25 {
				cancel()
			}
			if !yield(tenantio.Record{Line: i + 1, Tenant: tenancy.Tenant{Identifier: fmt.Sprintf("acme-%d", i), Name: "x"}}, nil) {
				return
			}
		}
		t.Error("the import went on to the end")
	}
	s := newStore(t)
	report, err := tenantio.ImportRecords(ctx, s, records, tenantio.ImportOptions{BatchSize: 10})
	var e *tenancy.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || report.Created != 20 || report.Line != 20 {
		t.Errorf("%s, line %d, %v", show(report), report.Line, err)
	}
	if got := len(contents(t, s)); got != 20 {
		t.Errorf("%d tenants are stored", got)
	}
}

// failing fails when it has created so many tenants.
type failing struct {
	tenancy.Store
	left int
}

func (f *failing) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	if f.left--; f.left < 0 {
		return tenancy.Tenant{}, driver.ErrorIn("Create", tenancy.Key{}, errors.New("disk full"))
	}
	return f.Store.Create(ctx, t)
}

func (f *failing) CreateBatch(ctx context.Context, ts []tenancy.Tenant) (results []tenancy.CreateResult, err error) {
	for _, t := range ts {
		created, err := f.Create(ctx, t)
		if err != nil && !errors.Is(err, tenancy.ErrAlreadyExists) {
			return results, err
		}
		results = append(results, tenancy.CreateResult{Tenant: created, Err: err})
	}
	return results, nil
}

func TestImportIntoAStoreThatFails(t *testing.T) {
	s := &failing{Store: newStore(t), left: 5}
	records := func(yield func(tenantio.Record, error) bool) {
		for i := range 20 {
			r := tenantio.Record{Line: i + 1, Tenant: tenancy.Tenant{Identifier: fmt.Sprintf("acme-%d", i), Name: "x"}}
			if i == 7 {
				r.Err = errors.New("known before")
			}
			if !yield(r, nil) {
				return
			}
		}
	}
	report, err := tenantio.ImportRecords(t.Context(), s, records, tenantio.ImportOptions{BatchSize: 10})
	if !errors.Is(err, tenancy.ErrUnavailable) || show(report) != "5 0 0 1 8:" || report.Line != 5 {
		t.Errorf("%s, line %d, %v", show(report), report.Line, err)
	}
	s.left = 100
	report, err = tenantio.ImportRecords(t.Context(), s, records, tenantio.ImportOptions{BatchSize: 10})
	if err != nil || show(report) != "14 0 5 1 8:" {
		t.Errorf("again: %s, %v", show(report), err)
	}
	// A line whose key is taken is not compared any more: what it is remains open.
	s = &failing{Store: newStore(t), left: 3}
	fill(t, s.Store, []tenancy.Tenant{{Identifier: "acme-1", Name: "x"}})
	report, err = tenantio.ImportRecords(t.Context(), s, records, tenantio.ImportOptions{BatchSize: 10})
	if !errors.Is(err, tenancy.ErrUnavailable) || show(report) != "2 0 0 1 8:" || report.Line != 1 {
		t.Errorf("%s, line %d, %v", show(report), report.Line, err)
	}
	closed := newStore(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := tenantio.ImportRecords(t.Context(), closed, records, tenantio.ImportOptions{}); !errors.Is(err, tenancy.ErrClosed) || report.Created != 0 {
		t.Errorf("a closed store: %s, %v", show(report), err)
	}
	var out bytes.Buffer
	if n, err := tenantio.Export(t.Context(), closed, &out, tenantio.CSV, tenantio.ExportOptions{}); !errors.Is(err, tenancy.ErrClosed) || n != 0 {
		t.Errorf("an export of a closed store: %d, %v", n, err)
	}
}

func TestReadersAndWritersThatFail(t *testing.T) {
	broken := errors.New("cable cut")
	s := newStore(t)
	fill(t, s, hostile(t))
	for _, f := range formats() {
		text := export(t, s, f, tenantio.ExportOptions{})
		target := newStore(t)
		report, err := tenantio.Import(t.Context(), target, io.MultiReader(strings.NewReader(text[:len(text)/2]), iotest.ErrReader(broken)), f, tenantio.ImportOptions{})
		var e *tenantio.LineError
		if !errors.Is(err, broken) || !errors.As(err, &e) || e.Line <= report.Line {
			t.Errorf("%s: %v", f, err)
		}
		if report.Created == 0 || report.Created != len(contents(t, target)) || report.Failed != 0 {
			t.Errorf("%s: what came before the error is lost: %s", f, show(report))
		}
		if _, err := tenantio.Export(t.Context(), s, brokenWriter{broken}, f, tenantio.ExportOptions{}); !errors.Is(err, broken) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, err := tenantio.Export(t.Context(), s, io.Discard, "xml", tenantio.ExportOptions{}); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("an unknown format: %v", err)
	}
	if _, err := tenantio.Import(t.Context(), s, strings.NewReader(""), "", tenantio.ImportOptions{}); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("no format: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// The largest tenant fits into a line, whatever it consists of.
func TestLargestTenant(t *testing.T) {
	for _, text := range []string{"<", "\x01", `"`, "😀"} {
		n := (tenancy.MaxMetadataBytes - 20) / len(text)
		var m tenancy.Metadata
		for ; ; n = n * 9 / 10 {
			var err error
			if m, err = (tenancy.Metadata{}).With("v", strings.Repeat(text, n)); err == nil {
				break
			}
		}
		s := newStore(t)
		fill(t, s, []tenancy.Tenant{{
			ID: newID(strings.Repeat(text, 255)), Identifier: "acme", Name: strings.Repeat(text, 255), SchemaName: strings.Repeat(text, 255),
			DatabaseURL: tenancy.NewSecret(strings.Repeat(text, tenancy.MaxDatabaseURLBytes/len(text))), Metadata: m,
		}})
		for _, f := range formats() {
			target := newStore(t)
			if got := show(load(t, target, f, export(t, s, f, tenantio.ExportOptions{Secrets: true}), tenantio.ImportOptions{})); got != "1 0 0 0" {
				t.Errorf("%s of %q: %s", f, text, got)
			}
			if !slices.Equal(contents(t, s), contents(t, target)) {
				t.Errorf("%s of %q comes back changed", f, text)
			}
		}
	}
}

func collect(seq iter.Seq2[tenantio.Record, error]) (records []tenantio.Record, err error) {
	for r, e := range seq {
		if e != nil {
			return records, e
		}
		records = append(records, r)
	}
	return records, nil
}

func TestReadErrorsHoldNoSecret(t *testing.T) {
	for f, text := range map[tenantio.Format]string{
		tenantio.JSONLines: `{"database_url":"` + canary + `","name":5}` + "\n" + `{"database_url":["` + canary + `"]}` + "\n" +
			`{"identifier":"acme","name":"x","database_url":"` + canary + `\u0000"}` + "\n{\"" + canary + "\n" + `{"database_url":"` + canary + `","metadata":[]}`,
		tenantio.CSV: "identifier,name,database_url,metadata\nacme,x," + canary + ",[]\nacme,x," + canary + "\nacme,x,\"" + canary + "\"x\nacme,x," + canary + "\x00,\n\"" + canary,
	} {
		report := load(t, newStore(t), f, text, tenantio.ImportOptions{})
		if report.Failed != 5 {
			t.Errorf("%s: %s", f, show(report))
		}
		for _, e := range report.Errors {
			if strings.Contains(e.Error(), "canary") {
				t.Errorf("%s: %v", f, e)
			}
			if !errors.Is(e, tenancy.ErrInvalid) {
				t.Errorf("%s: %v is not ErrInvalid", f, e)
			}
		}
	}
	for _, c := range []struct {
		format tenantio.Format
		text   string
	}{ // no header, and a secret in the wrong place
		{tenantio.CSV, canary + ",acme,Acme\n"},
		{tenantio.CSV, "host=db password=canary,acme,Acme\n"},
		{tenantio.CSV, "identifier,name,u:canary@tcp(db)\n"},
		{tenantio.JSONLines, `{"identifier":"acme","name":"x","` + canary + `":""}`},
	} {
		report, err := tenantio.Import(t.Context(), newStore(t), strings.NewReader(c.text), c.format, tenantio.ImportOptions{})
		for _, e := range report.Errors {
			err = errors.Join(err, e)
		}
		if !errors.Is(err, tenancy.ErrInvalid) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.20q: %v", c.text, err)
		}
	}
}

// The options come from flags and requests: whatever they are, an import says so or works.
func TestImportOptionLimits(t *testing.T) {
	const text = `{"identifier":"acme","name":"Acme"}` + "\n" + `{"identifier":"Bad","name":"x"}` + "\n"
	for _, n := range []int{math.MinInt, -2, -1, 0, 1, tenantio.MaxBatchSize, tenantio.MaxBatchSize + 1, tenantio.MaxMaxErrors, tenantio.MaxMaxErrors + 1, math.MaxInt32, math.MaxInt} {
		for field, c := range map[string]struct {
			opts tenantio.ImportOptions
			ok   bool
		}{
			"batch_size": {tenantio.ImportOptions{BatchSize: n}, 0 <= n && n <= tenantio.MaxBatchSize},
			"max_errors": {tenantio.ImportOptions{MaxErrors: n}, -1 <= n && n <= tenantio.MaxMaxErrors},
		} {
			report, err := importText(t, newStore(t), text, c.opts)
			var e *tenancy.Error
			switch {
			case c.ok && (err != nil || report.Created != 1 || report.Failed != 1):
				t.Errorf("%s %d: %s, %v", field, n, show(report), err)
			case !c.ok && (!errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &e) || e.Field != field || report.Created != 0):
				t.Errorf("%s %d: %s, %v, want ErrInvalid", field, n, show(report), err)
			}
		}
	}
}
