package storetest

import (
	"strings"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func textRules() []Rule {
	return []Rule{
		{
			Name: "text-round-trips",
			Says: "Any text within the limits is read back byte by byte, in every field that takes free text.",
			check: func(p *probe) {
				for i, s := range hostileTexts() {
					if !utf8.ValidString(s) || strings.Contains(s, "\x00") || utf8.RuneCountInString(s) > 255 {
						continue
					}
					t := tenant(i)
					t.Name, t.SchemaName, t.DatabaseURL = s, s, tenancy.NewSecret("x://"+s)
					if driver.ValidateNewID(s) == nil {
						t.ID = s
					}
					m, err := tenancy.NewMetadata(map[string]any{s: s, "list": []string{s}, "deep": map[string]string{s: s}})
					p.OK(err, "NewMetadata of %+q", s)
					t.Metadata = m
					created := p.create(t)
					t.Status, t.CreatedAt = created.Status, created.CreatedAt
					t = writtenLike(t, created)
					p.same(created, t, "Create with %+q in every field", s)
					p.stored(t, "Create with hostile text")
					p.hostileWrites(t, s)
				}
				want := p.list(tenancy.ListOptions{Limit: tenancy.MaxPageLimit}).Tenants
				p.sameAll(want, inListOrder(want), "order of the List of hostile texts")
			},
		},
		{
			Name: "id-is-printable",
			Says: "Create refuses, as ErrInvalid with the field id, IDs that are paths to elsewhere, are not printable, or begin or end with a space; lookups of them find nothing.",
			check: func(p *probe) {
				for _, id := range append(oddIDs(), ".", "..", "../x", "a/../b", "a/./b", "/a", "a/", "a//b", `..\x`, `a\..\b`, "a\nb", "a\r\nb", "\t", "\x7f", "a\u0085b", "a\u2028b",
					"\u202eabc", "a\u2066b\u2069", "a\u200bb", "a\u200db", "\ufeffa", "a\u00adb", "a\u2060b", " a", "a ", "a\u00a0") {
					t := tenant(0)
					t.ID = id
					_, err := p.s.Create(p.ctx, t)
					p.failsIn(err, tenancy.ErrInvalid, "id", "Create with the ID %s", short(id))
					results, err := p.s.CreateBatch(p.ctx, []tenancy.Tenant{t})
					p.OK(err, "CreateBatch")
					p.failsIn(results[0].Err, tenancy.ErrInvalid, "id", "CreateBatch with the ID %s", short(id))
					_, err = p.s.GetByID(p.ctx, id)
					p.fails(err, tenancy.ErrNotFound, "GetByID %s", short(id))
				}
				for i, id := range []string{"...", "a.b", "a..b", "org/123", "auth0|123", "é 世界 🙂", "a b", "%2e%2e", "-", "a@b", `a'b"c`} {
					t := tenant(i)
					t.ID = id
					p.stored(p.create(t), "Create with the ID "+id)
				}
			},
		},
		{
			Name: "text-refused-in-writes",
			Says: "NUL, invalid UTF-8 and over-long text in any field of a tenant is ErrInvalid, names the field and stores nothing.",
			check: func(p *probe) {
				good := p.create(fullTenant())
				for _, bad := range badTexts() {
					for field, spoil := range map[string]func(t *tenancy.Tenant){
						"id":           func(t *tenancy.Tenant) { t.ID = bad },
						"identifier":   func(t *tenancy.Tenant) { t.Identifier = bad },
						"name":         func(t *tenancy.Tenant) { t.Name = bad },
						"schema_name":  func(t *tenancy.Tenant) { t.SchemaName = bad },
						"database_url": func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(bad) },
						"status":       func(t *tenancy.Tenant) { t.Status = tenancy.Status(bad) },
						"isolation":    func(t *tenancy.Tenant) { t.Isolation = tenancy.Isolation(bad) },
					} {
						t := tenant(1)
						spoil(&t)
						_, err := p.s.Create(p.ctx, t)
						p.failsIn(err, tenancy.ErrInvalid, field, "Create with %s in %s", short(bad), field)
						t = good
						spoil(&t)
						_, err = p.s.Update(p.ctx, t)
						p.failsIn(err, tenancy.ErrInvalid, field, "Update with %s in %s", short(bad), field)
					}
					for op, err := range p.byID(bad) {
						p.failsIn(err, tenancy.ErrInvalid, "id", "%s with the ID %s", op, short(bad))
					}
				}
				p.sameAll(p.all(), []tenancy.Tenant{good}, "what is stored after writes that failed")
			},
		},
		{
			Name: "text-harmless-in-reads",
			Says: "Hostile text as a lookup or a query finds nothing and harms nothing; NUL and invalid UTF-8 are ErrInvalid and name the field.",
			check: func(p *probe) {
				good := p.create(fullTenant())
				for _, s := range hostileTexts() {
					clean := utf8.ValidString(s) && !strings.Contains(s, "\x00")
					ts, err := p.s.Search(p.ctx, s, tenancy.SearchOptions{})
					if clean {
						p.OK(err, "Search %s", short(s))
						p.sameAll(ts, nil, "Search %s", short(s))
					} else {
						p.failsIn(err, tenancy.ErrInvalid, "query", "Search %s", short(s))
					}
					_, err = p.s.GetByIdentifier(p.ctx, s)
					if s == "null" || s == "true" {
						p.fails(err, tenancy.ErrNotFound, "GetByIdentifier %s", short(s))
					} else {
						p.failsIn(err, tenancy.ErrInvalid, "identifier", "GetByIdentifier %s", short(s))
					}
					_, err = p.s.GetByID(p.ctx, s)
					if clean && utf8.RuneCountInString(s) <= 255 {
						p.fails(err, tenancy.ErrNotFound, "GetByID %s", short(s))
					} else {
						p.failsIn(err, tenancy.ErrInvalid, "id", "GetByID %s", short(s))
					}
					_, err = p.s.List(p.ctx, tenancy.ListOptions{Cursor: s})
					p.failsIn(err, tenancy.ErrInvalid, "cursor", "List with the cursor %s", short(s))
				}
				p.sameAll(p.all(), []tenancy.Tenant{good}, "what is stored after hostile reads")
			},
		},
	}
}

// hostileWrites takes the tenant t, whose texts are all s (the ID, if it may be),
// through the other methods, and leaves it there.
func (p *probe) hostileWrites(t tenancy.Tenant, s string) {
	p.Helper()
	found, err := p.s.Exists(p.ctx, t.ID)
	p.OK(err, "Exists %+q", s)
	equal(p, found, true, "Exists %+q", s)
	ts := p.search(s, tenancy.SearchOptions{Limit: tenancy.MaxSearchLimit})
	seen := false
	for _, match := range ts {
		seen = seen || match == t
	}
	equal(p, seen, true, "Search for the name %+q finds its tenant", s)

	t.Name = "x"
	t = p.update(t)
	t.Name = s
	t = p.update(t)
	equal(p, t.Name, s, "the name after Update")
	p.stored(t, "Update with hostile text")
	ts, err = p.s.BulkUpdateStatus(p.ctx, []string{t.ID}, tenancy.StatusSuspended)
	p.OK(err, "BulkUpdateStatus %+q", s)
	equal(p, len(ts), 1, "number of tenants that BulkUpdateStatus %+q returns", s)
	patch, err := tenancy.NewMetadata(map[string]any{s: []string{s, s}})
	p.OK(err, "NewMetadata of %+q", s)
	patched, err := p.s.UpdateMetadata(p.ctx, t.ID, patch)
	p.OK(err, "UpdateMetadata with %+q", s)
	want, err := t.Metadata.Merge(patch)
	p.OK(err, "Metadata.Merge")
	equal(p, patched.Metadata, want, "metadata after a patch with %+q", s)
	p.delete(t.ID)
	p.gone(patched, "Delete")
	t.Status = tenancy.StatusActive
	p.stored(p.create(t), "Create again with hostile text")
}

// hostileTexts returns texts that break software which quotes, measures or
// compares them carelessly. No plain tenant of the suite contains one.
func hostileTexts() []string {
	return append(badTexts(),
		"'", `"`, "`", `\`, `\\`, `'; DROP TABLE tenants; --`, `" OR 1=1 --`, "' OR '1'='1", `\'; SELECT 1`, "'||pg_sleep(1)||'", "$$", "$1", "?", ":name", "@p1",
		"%%", "%_%", `\%`, `\_`, "_%", "%s%d%!v", "{{.}}", "${x}", "<script>alert(1)</script>", "&amp;", "../../etc/passwd", "\r\nX: y",
		"🙂", "👩‍👩‍👧‍👦", "𝕏𝕐", "\U0010FFFF", "e\u0301", "é", "שלום עולם", "مرحبا", "\u202Eesrever", "日本語", "ＦＵＬＬ", "ß ẞ ſ K", "ǅ", "İ ı",
		"\u00a0", "\u200b", "\ufeff", "\u2028", "\ufffd", "\x01\x02\x1b[31m", "\x7f", "\t", "\n", " leading", "trailing ", "a\nb", "null", "NULL", "true", "0x41", "1e5", "-0",
		strings.Repeat("𝕏", 255), strings.Repeat("'", 255), strings.Repeat("\\", 255), strings.Repeat("e\u0301", 127),
		strings.Repeat("%", 256), strings.Repeat("🙂", 1<<18), strings.Repeat("'", 1<<20),
	)
}

// oddIDs returns the hostile texts that lookups take for an ID and Create does not.
func oddIDs() (odd []string) {
	for _, s := range hostileTexts() {
		if tenancy.ValidateID(s) == nil && driver.ValidateNewID(s) != nil {
			odd = append(odd, s)
		}
	}
	return odd
}

// badTexts returns what no field takes.
func badTexts() []string {
	return []string{
		"\x00", "a\x00b", "nul at the end\x00", "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80",
		strings.Repeat("z", 1<<20) + "\x00", strings.Repeat("\xff", 300),
	}
}

// errorsIn returns err and everything that it wraps.
func errorsIn(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) { //nolint:errorlint // this walks the chain itself
	case interface{ Unwrap() error }:
		all = append(all, errorsIn(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, errorsIn(inner)...)
		}
	}
	return all
}
