package tenantio_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// lines shows records as name, or as the line number of a bad one.
func lines(t *testing.T, f tenantio.Format, text string) string {
	t.Helper()
	records, err := collect(tenantio.Read(strings.NewReader(text), f))
	var all []string
	for _, r := range records {
		if r.Err == nil {
			all = append(all, fmt.Sprintf("%d=%s", r.Line, r.Tenant.Name))
			continue
		}
		all = append(all, fmt.Sprintf("%d!", r.Line))
		if !errors.Is(r.Err, tenancy.ErrInvalid) {
			t.Errorf("%v is not ErrInvalid", r.Err)
		}
	}
	var e *tenantio.LineError
	if errors.As(err, &e) {
		all = append(all, fmt.Sprintf("end %d", e.Line))
	} else if err != nil {
		t.Errorf("%v is no LineError", err)
	}
	return strings.Join(all, " ")
}

func TestReadCSV(t *testing.T) {
	const header = "identifier,name\n"
	for name, c := range map[string]struct{ in, want string }{
		"nothing":                      {"", ""},
		"a header":                     {"identifier,name", ""},
		"other order":                  {"name,status,identifier\nA,,a", "2=A"},
		"CRLF":                         {"identifier,name\r\na,A\r\nb,B\r\n", "2=A 3=B"},
		"empty lines":                  {"\n\nidentifier,name\n\r\na,A\n\n\nb,B\n\n", "5=A 8=B"},
		"quoted header":                {"\"identifier\",\"name\"\na,A", "2=A"},
		"a quoted comma":               {header + "a,\"A,B\"", "2=A,B"},
		"quoted quotes":                {header + `a,"""A"""`, `2="A"`},
		"a quoted break":               {header + "a,\"A\nB\"\nb,B", "2=A\nB 4=B"},
		"a quoted CRLF":                {header + "a,\"A\r\nB\"\r\nb,B", "2=A\r\nB 4=B"},
		"a quoted empty line":          {header + "a,\"A\n\nB\"\nb,B", "2=A\n\nB 5=B"},
		"CR inside":                    {header + "a,A\rB\nb,B", "2=A\rB 3=B"},
		"CR before CRLF":               {header + "a,A\r\r\nb,\"B\r\"\r\n", "2=A\r 3=B\r"},
		"a quoted CR before CRLF":      {header + "a,\"A\r\r\nB\"\r\nb,B", "2=A\r\r\nB 4=B"},
		"a quote not closed, twice":    {header + "a,\"A\nb,\"B\nc,C\nd,D", "2! 3! 4=C 5=D"},
		"too few cells":                {header + "a\nb,B", "2! 3=B"},
		"too many cells":               {header + "a,A,x\nb,B", "2! 3=B"},
		"a bare quote":                 {header + "a,5\" disk\nb,B\nc,C", "2! 3=B 4=C"},
		"two bare quotes":              {header + "a,5\" x 7\"\nb,B", "2! 3=B"},
		"a quote not closed":           {header + "a,\"A\nb,B\nc,C", "2! 3=B 4=C"},
		"a quote closed by the next":   {header + "a,\"A\nb,\"B\"\nc,C", "2! 3=B 4=C"},
		"text after a quote":           {header + "a,\"A\"x\nb,B", "2! 3=B"},
		"space before a quote":         {header + "a, \"A\"\nb,B", "2! 3=B"},
		"an apostrophe":                {header + "a,'=A\nb,'B\nc,''=C\nd,=D", "2==A 3='B 4='=C 5==D"},
		"unknown column":               {"identifier,name,plan\na,A,x", "end 1"},
		"upper case column":            {"Identifier,name\na,A", "end 1"},
		"column with a space":          {"identifier, name\na,A", "end 1"},
		"twice a column":               {"identifier,name,name\na,A,B", "end 1"},
		"a column lacks":               {"identifier\na", "end 1"},
		"no header":                    {"a,A\nb,B", "end 1"},
		"malformed header":             {"\"identifier,name\na,A", "end 1"},
		"a mark in the middle is text": {header + "a,\ufeffA", "2=\ufeffA"},
		"too long a line": {
			header + "a,A\nb," + strings.Repeat("x", tenantio.MaxLineBytes) + "\nc,C", "2=A 3! 4=C",
		},
		"too long a line at the end": {
			header + "a,A\nb," + strings.Repeat("x", 3*tenantio.MaxLineBytes), "2=A 3!",
		},
		"too long a record": {
			header + "a,\"A\n" + strings.Repeat("b,B\n", 3) + strings.Repeat("\n", tenantio.MaxLineBytes) + "c,C", fmt.Sprintf("2! 3=B 4=B 5=B %d=C", tenantio.MaxLineBytes+6),
		},
	} {
		if got := lines(t, tenantio.CSV, c.in); got != c.want {
			t.Errorf("%s: %.200q, want %.200q", name, got, c.want)
		}
	}
}

func TestReadJSONLines(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":       {"", ""},
		"lines":         {"{\"name\":\"A\"}\n\r\n \t \n{\"name\":\"B\"}\r\n{\"name\":\"C\"}", "1=A 4=B 5=C"},
		"a mark":        {"\ufeff{\"name\":\"A\"}", "1=A"},
		"no object":     {"[]\n1\nnull\n\"x\"\n{}{}\n{\"name\":\"A\"}", "1! 2! 3! 4! 5! 6=A"},
		"over lines":    {"{\"name\":\n\"A\"}\n{\"name\":\"B\"}", "1! 2! 3=B"},
		"unknown":       {`{"name":"A","plan":1}`, "1!"},
		"upper case":    {`{"Name":"A"}`, "1!"},
		"wrong types":   {"{\"name\":1}\n{\"metadata\":1}\n{\"revision\":\"1\"}\n{\"revision\":1.5}\n{\"created_at\":1}\n{\"created_at\":\"x\"}\n{\"status\":[]}", "1! 2! 3! 4! 5! 6! 7!"},
		"invalid UTF-8": {"{\"name\":\"\xff\"}\n{\"name\":\"B\"}", "1! 2=B"},
		"the API's form": {
			`{"id":"1","identifier":"a","name":"A","status":"active","database_url":"***","metadata":{},"created_at":"2024-01-01T00:00:00Z","updated_at":"2024-01-01T00:00:00Z","revision":3}`, "1=A",
		},
		"too long": {"{\"name\":\"" + strings.Repeat("x", tenantio.MaxLineBytes) + "\"}\n{\"name\":\"B\"}", "1! 2=B"},
		"just not too long": {
			`{"name":"A"}` + strings.Repeat(" ", tenantio.MaxLineBytes-13) + "\n" + `{"name":"B"}` + strings.Repeat(" ", tenantio.MaxLineBytes-11) + "\n", "1=A 2!",
		},
	} {
		if got := lines(t, tenantio.JSONLines, c.in); got != c.want {
			t.Errorf("%s: %.200q, want %.200q", name, got, c.want)
		}
	}
}

// An error is not lost if the reader would go on after it.
func TestReadEndsAtAnErrorOfItsReader(t *testing.T) {
	for _, f := range formats() {
		for _, start := range []string{"", "x", "\ufeff"} {
			r := iotest.TimeoutReader(io.MultiReader(strings.NewReader(start), strings.NewReader("{}\n")))
			if start == "" {
				if _, err := r.Read(nil); err != nil {
					t.Fatal(err)
				}
			}
			if records, err := collect(tenantio.Read(r, f)); len(records) > 0 || !errors.Is(err, iotest.ErrTimeout) {
				t.Errorf("%s after %q: %d records, %v", f, start, len(records), err)
			}
		}
	}
}

func TestReadCanBeBrokenOff(t *testing.T) {
	for _, text := range []string{"{}\n{}\n", "identifier,name\na,A\nb,B\n"} {
		f := tenantio.JSONLines
		if !strings.HasPrefix(text, "{") {
			f = tenantio.CSV
		}
		n := 0
		for range tenantio.Read(strings.NewReader(text), f) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d records", f, n)
		}
	}
}

// No cell of an export can be a formula, and a spreadsheet reads the same
// columns as we do.
func TestCSVCells(t *testing.T) {
	s := newStore(t)
	fill(t, s, hostile(t))
	text := export(t, s, tenantio.CSV, tenantio.ExportOptions{Secrets: true})
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != len(hostile(t))+1 {
		t.Fatalf("encoding/csv reads %d rows: %v", len(rows), err)
	}
	trimming := csv.NewReader(strings.NewReader(text))
	trimming.TrimLeadingSpace = true
	trimmed, err := trimming.ReadAll()
	if err != nil || !slices.EqualFunc(trimmed, rows, slices.Equal[[]string]) {
		t.Errorf("a reader that trims white space reads other cells: %v", err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
				t.Errorf("%q is a formula", cell)
			}
		}
	}
	// A sheet with another separator than the comma finds no double quote at the
	// start of what it splits off, at first.
	for _, separator := range ";|\t" {
		for _, piece := range strings.FieldsFunc(text, func(r rune) bool {
			return r == separator || strings.ContainsRune("\r\n\v\f\u0085\u2028\u2029", r)
		}) {
			inside := strings.TrimLeft(piece, "\" \u00a0\u200b\ufeff\x01\t")
			if inside != "" && strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫", []rune(inside)[0]) {
				t.Errorf("split at %q, %q is a formula", separator, piece)
			}
		}
	}
	if !strings.Contains(text, "\"a\rb\"") {
		t.Error("a carriage return is not quoted: some readers take it for a line break")
	}
	if want := "id,identifier,name,status,isolation,database_url,schema_name,metadata,created_at,updated_at,revision,mark\r\n"; !strings.HasPrefix(text, want) {
		t.Errorf("header %q, want %q", text[:min(len(text), len(want))], want)
	}
}

func TestMapCSV(t *testing.T) {
	text := "\ufeffname;x,extra,domain\r\nA,1,MIT.edu\r\n\"B\nB\",2,no\r\nC,3\r\n=D,4,d.org\r\n"
	errNo := errors.New("not a domain")
	mapping := func(values []string) (tenancy.Tenant, error) {
		if values[0] == "no" {
			return tenancy.Tenant{}, errNo
		}
		return tenancy.Tenant{Identifier: strings.ToLower(strings.ReplaceAll(values[0], ".", "-")), Name: values[1]}, nil
	}
	records := func() func(yield func(tenantio.Record, error) bool) {
		return tenantio.MapCSV(strings.NewReader(text), []string{"domain", "name;x"}, mapping)
	}
	s := newStore(t)
	report, err := tenantio.ImportRecords(t.Context(), s, records(), tenantio.ImportOptions{})
	if err != nil || show(report) != "2 0 0 2 3: 5:" {
		t.Errorf("%s, %v", show(report), err)
	}
	if !errors.Is(report.Errors[0], errNo) || !errors.Is(report.Errors[0], tenancy.ErrInvalid) {
		t.Errorf("the error of the mapping: %v", report.Errors[0])
	}
	for identifier, name := range map[string]string{"mit-edu": "A", "d-org": "=D"} {
		if got, err := s.GetByIdentifier(t.Context(), identifier); err != nil || got.Name != name {
			t.Errorf("%+v, %v", got, err)
		}
	}
	// What the mapping does not state is left alone.
	var all []string
	for _, tenant := range contents(t, s) {
		all = append(all, tenant.ID)
	}
	if _, err := s.BulkUpdateStatus(t.Context(), all, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	report, err = tenantio.ImportRecords(t.Context(), s, records(), tenantio.ImportOptions{Update: true})
	if err != nil || report.Unchanged != 2 || contents(t, s)[0].Status != tenancy.StatusSuspended {
		t.Errorf("again: %s, %v", show(report), err)
	}
	_, err = collect(tenantio.MapCSV(strings.NewReader(text), []string{"domain", "name"}, mapping))
	if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), `"name"`) {
		t.Errorf("a missing column: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("identifier,name\na,\"A\nB\"\nb,5\" x\nc,\"\n"), true)
	f.Add([]byte("\ufeffidentifier,name,metadata\r\nacme,'=x,\"{\"\"a\"\":1}\"\r\n\r\n"), true)
	f.Add([]byte("{\"identifier\":\"acme\",\"name\":\"\\ud83d\\ude00\"}\n\n{\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, isCSV bool) {
		format := tenantio.JSONLines
		if isCSV {
			format = tenantio.CSV
		}
		total := bytes.Count(data, []byte("\n")) + 1
		last := 0
		for r, err := range tenantio.Read(bytes.NewReader(data), format) {
			var e *tenantio.LineError
			if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Line > total) {
				t.Fatalf("error %v", err)
			}
			if err == nil && (r.Line <= last || r.Line > total) {
				t.Fatalf("line %d after %d of %d", r.Line, last, total)
			}
			if r.Err != nil && (!errors.Is(r.Err, tenancy.ErrInvalid) || strings.ContainsAny(r.Err.Error(), "\n\r")) {
				t.Fatalf("error %v", r.Err)
			}
			last = r.Line
		}
	})
}

// FuzzRoundTrip writes any tenant in both formats and reads it back.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"plain", "=1+1", "x;'=1\t-1", "\n'\n\"|@", " '\u2028+", "'=1", "\r\n", "a\"b,c\n", "\ufeff", "'", "***x", "😀\u2028"} {
		f.Add(s, s, s, "{}")
	}
	f.Fuzz(func(t *testing.T, id, name, url, metadata string) {
		m, err := tenancy.ParseMetadata([]byte(metadata))
		if err != nil {
			return
		}
		s := memstore.New()
		defer s.Close()
		tenant, err := s.Create(t.Context(), tenancy.Tenant{ID: newID(id), Identifier: "acme", Name: name, DatabaseURL: tenancy.NewSecret(url), Metadata: m})
		if err != nil {
			return
		}
		for _, format := range formats() {
			var file bytes.Buffer
			if n, err := tenantio.Export(t.Context(), s, &file, format, tenantio.ExportOptions{Secrets: true}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			text := file.String()
			records, err := collect(tenantio.Read(&file, format))
			if err != nil || len(records) != 1 || records[0].Err != nil || records[0].Tenant != tenant {
				t.Fatalf("%s: %q reads back as %+v (%v)", format, text, records, err)
			}
			report, err := tenantio.Import(t.Context(), s, strings.NewReader(text), format, tenantio.ImportOptions{})
			if err != nil || report.Unchanged != 1 {
				t.Fatalf("%s: %q again: %+v, %v", format, text, report, err)
			}
		}
	})
}

func BenchmarkImport(b *testing.B) {
	const n = 10_000
	for _, f := range formats() {
		source := memstore.New()
		ts := make([]tenancy.Tenant, n)
		for i := range ts {
			ts[i] = tenancy.Tenant{Identifier: fmt.Sprintf("acme-%d", i), Name: "Acme Industries"}
		}
		if _, err := source.CreateBatch(b.Context(), ts); err != nil {
			b.Fatal(err)
		}
		var file bytes.Buffer
		if _, err := tenantio.Export(b.Context(), source, &file, f, tenantio.ExportOptions{}); err != nil {
			b.Fatal(err)
		}
		b.Run("read/"+string(f), func(b *testing.B) {
			for b.Loop() {
				for _, err := range tenantio.Read(bytes.NewReader(file.Bytes()), f) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tenants/s")
		})
		for _, again := range []bool{false, true} {
			b.Run(fmt.Sprintf("import/%s/again=%t", f, again), func(b *testing.B) {
				for b.Loop() {
					target := source
					if !again {
						target = memstore.New()
					}
					report, err := tenantio.Import(b.Context(), target, bytes.NewReader(file.Bytes()), f, tenantio.ImportOptions{})
					if err != nil || report.Failed > 0 {
						b.Fatal(report, err)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tenants/s")
			})
		}
		b.Run("export/"+string(f), func(b *testing.B) {
			for b.Loop() {
				if _, err := tenantio.Export(b.Context(), source, io.Discard, f, tenantio.ExportOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tenants/s")
		})
	}
}
