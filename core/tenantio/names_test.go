package tenantio_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// named returns a store with a tenant that has domains, a claim and a former identifier, and
// with one that has no names.
func named(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New(memstore.WithKeepFormer(time.Hour))
	var err error
	do := func(_ any, failure error) { err = errors.Join(err, failure) }
	for _, id := range []string{"t-acme", "t-none"} {
		do(s.Create(t.Context(), tenancy.Tenant{ID: id, Identifier: id, Name: "N"}))
	}
	for _, domain := range []string{"a.test", "b.test", "claim.test"} {
		do(s.AddDomain(t.Context(), "t-acme", domain))
	}
	do(s.VerifyDomain(t.Context(), "t-acme", "a.test"))
	do(s.VerifyDomain(t.Context(), "t-acme", "b.test"))
	do(s.SetPrimaryDomain(t.Context(), "t-acme", "b.test"))
	do(tenancy.Modify(t.Context(), s, "t-acme", func(t *tenancy.Tenant) error { t.Identifier = "renamed"; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exportNames(t *testing.T, s tenancy.Lister, format tenantio.Format) string {
	t.Helper()
	var out strings.Builder
	if _, err := tenantio.Export(t.Context(), s, &out, format, tenantio.ExportOptions{Names: true}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// shape is what an import can bring back of names.
func shape(t *testing.T, s tenancy.Store, id string) string {
	t.Helper()
	names, err := s.NamesOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, n := range names {
		if n.Kind == tenancy.KindDomain {
			out.WriteString(n.Value)
			if !n.VerifiedAt.IsZero() {
				out.WriteString(" verified")
			}
			if n.Primary {
				out.WriteString(" primary")
			}
			out.WriteString("; ")
		}
	}
	return out.String()
}

func TestNamesMoveWithTheirTenants(t *testing.T) {
	const want = "a.test verified; b.test verified primary; claim.test; "
	for _, format := range []tenantio.Format{tenantio.JSONLines, tenantio.CSV} {
		t.Run(string(format), func(t *testing.T) {
			text := exportNames(t, named(t), format)
			if strings.Contains(text, "token") || !strings.Contains(text, "former") {
				t.Errorf("the file has tokens, or no former identifier: %s", text)
			}
			to := memstore.New()
			for _, counts := range []string{"2 0 0 0", "0 0 2 0"} { // again, it changes nothing
				report, err := tenantio.Import(t.Context(), to, strings.NewReader(text), format, tenantio.ImportOptions{Names: true})
				if err != nil || show(report) != counts {
					t.Fatalf("%s, %v %v, want %s", show(report), err, report.Errors, counts)
				}
			}
			if got := shape(t, to, "t-acme"); got != want {
				t.Errorf("the domains are %q, want %q", got, want)
			}
			if got := shape(t, to, "t-none"); got != "" {
				t.Errorf("a tenant without names has %q", got)
			}
			// An import that was interrupted before it came to the names goes on.
			if _, err := to.RemoveDomain(t.Context(), "t-acme", "b.test"); err != nil {
				t.Fatal(err)
			}
			report, err := tenantio.Import(t.Context(), to, strings.NewReader(text), format, tenantio.ImportOptions{Names: true})
			if err != nil || show(report) != "0 1 1 0" || shape(t, to, "t-acme") != want {
				t.Errorf("%s, %v: %q", show(report), err, shape(t, to, "t-acme"))
			}
		})
	}
}

func TestNamesOfALineFail(t *testing.T) {
	const line = `{"id":"t-new","identifier":"new","name":"N","names":[{"kind":"domain","value":"a.test","verified_at":"2026-01-02T03:04:05Z"}]}`
	for name, c := range map[string]struct {
		line, field string
		opts        tenantio.ImportOptions
		want        error
	}{
		"not asked for": {line, "names", tenantio.ImportOptions{}, tenancy.ErrInvalid},
		"taken":         {line, "domain", tenantio.ImportOptions{Names: true}, tenancy.ErrAlreadyExists},
		"no domain":     {strings.Replace(line, "a.test", "A.test", 1), "names", tenantio.ImportOptions{Names: true}, tenancy.ErrInvalid},
		"another kind":  {strings.Replace(line, `"domain","value":"a.test"`, `"id","value":"x"`, 1), "names", tenantio.ImportOptions{Names: true}, tenancy.ErrInvalid},
		"unknown":       {strings.Replace(line, `"kind"`, `"sort"`, 1), "names", tenantio.ImportOptions{Names: true}, tenancy.ErrInvalid},
		"no list":       {strings.Replace(strings.Replace(line, "[{", "{", 1), "}]", "}", 1), "names", tenantio.ImportOptions{Names: true}, tenancy.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := importText(t, named(t), c.line, c.opts)
			if err != nil || len(report.Errors) != 1 {
				t.Fatalf("%s, %v, %v", show(report), report.Errors, err)
			}
			var e *tenancy.Error
			if !errors.As(report.Errors[0], &e) || !errors.Is(e, c.want) || e.Field != c.field {
				t.Errorf("%v, want %v in %s", report.Errors[0], c.want, c.field)
			}
		})
	}
}

func TestNamesNeedAStoreThatListsThem(t *testing.T) {
	var out strings.Builder
	_, err := tenantio.Export(t.Context(), lister{named(t)}, &out, tenantio.CSV, tenantio.ExportOptions{Names: true})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, want ErrUnsupported", err)
	}
}

type lister struct{ tenancy.Lister }
