package storetest

import (
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func limitRules() []Rule {
	return []Rule{
		{
			Name: "id-length",
			Says: "An ID has 1 to 255 characters, not bytes; other IDs are ErrInvalid with the field id, in every method.",
			check: func(p *probe) {
				longest := strings.Repeat("𝕏", 255)
				t := tenant(0)
				t.ID = longest
				p.stored(p.create(t), "Create with an ID of 255 four-byte characters")
				for _, id := range []string{"", longest + "x", strings.Repeat("x", 256), strings.Repeat("x", 1<<20)} {
					if id != "" {
						t := tenant(1)
						t.ID = id
						_, err := p.s.Create(p.ctx, t)
						p.failsIn(err, tenancy.ErrInvalid, "id", "Create with the ID %s", short(id))
					}
					for op, err := range p.byID(id) {
						p.failsIn(err, tenancy.ErrInvalid, "id", "%s with the ID %s", op, short(id))
					}
				}
				equal(p, p.count(), 1, "Count")
			},
		},
		{
			Name: "name-length",
			Says: "A name has 1 to 255 characters, not bytes; others are ErrInvalid with the field name.",
			check: func(p *probe) {
				longest := strings.Repeat("𝕏", 255)
				t := tenant(0)
				t.Name = longest
				t = p.create(t)
				p.stored(t, "Create with a name of 255 four-byte characters")
				t.Name = "X"
				t = p.update(t)
				p.stored(t, "Update to a name of one character")
				for _, name := range []string{"", longest + "x", strings.Repeat("x", 256), strings.Repeat("x", 1<<20)} {
					other := tenant(1)
					other.Name = name
					_, err := p.s.Create(p.ctx, other)
					p.failsIn(err, tenancy.ErrInvalid, "name", "Create with the name %s", short(name))
					changed := t
					changed.Name = name
					_, err = p.s.Update(p.ctx, changed)
					p.failsIn(err, tenancy.ErrInvalid, "name", "Update to the name %s", short(name))
				}
				p.sameAll(p.all(), []tenancy.Tenant{t}, "what is stored after writes that failed")
			},
		},
		{
			Name: "identifier-syntax",
			Says: "An identifier matches [a-z][a-z0-9-]{1,61}[a-z0-9] as a whole; others are ErrInvalid with the field identifier in Create and Update.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for i, good := range goodIdentifiers() {
					other := tenant(i + 1)
					other.Identifier = good
					p.stored(p.create(other), "Create with the identifier "+good)
				}
				for _, bad := range badIdentifiers() {
					other := tenant(100)
					other.Identifier = bad
					_, err := p.s.Create(p.ctx, other)
					p.failsIn(err, tenancy.ErrInvalid, "identifier", "Create with the identifier %s", short(bad))
					changed := t
					changed.Identifier = bad
					_, err = p.s.Update(p.ctx, changed)
					p.failsIn(err, tenancy.ErrInvalid, "identifier", "Update to the identifier %s", short(bad))
				}
				equal(p, p.count(), 1+len(goodIdentifiers()), "Count after writes that failed")
			},
		},
		{
			Name: "identifier-syntax-lookup",
			Says: "GetByIdentifier of what cannot be an identifier is ErrInvalid with the field identifier.",
			check: func(p *probe) {
				t := tenant(0)
				t.Identifier = "acme"
				p.create(t)
				for _, bad := range append(badIdentifiers(), "ACME", "acme\n", " acme", "acme\x00") {
					_, err := p.s.GetByIdentifier(p.ctx, bad)
					p.failsIn(err, tenancy.ErrInvalid, "identifier", "GetByIdentifier %s", short(bad))
				}
			},
		},
		{
			Name: "field-limits",
			Says: "DatabaseURL has at most 8 KiB, SchemaName at most 255 characters, Isolation is a known level, CreatedAt lies in the years 1 to 9998; others are ErrInvalid and name the field.",
			check: func(p *probe) {
				t := tenant(0)
				t.DatabaseURL = tenancy.NewSecret(strings.Repeat("u", tenancy.MaxDatabaseURLBytes))
				t.SchemaName = strings.Repeat("𝕏", 255)
				t = p.create(t)
				p.stored(t, "Create at the limits")
				for i, level := range []tenancy.Isolation{
					tenancy.IsolationDefault, tenancy.IsolationRow, tenancy.IsolationSchema, tenancy.IsolationDatabase, tenancy.IsolationHybrid,
				} {
					other := tenant(i + 1)
					other.Isolation = level
					p.stored(p.create(other), "Create with isolation "+string(level))
				}
				before := p.all()
				for _, c := range []struct {
					field  string
					spoil  func(t *tenancy.Tenant)
					update bool // CreatedAt is ignored by Update
				}{
					{"database_url", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(strings.Repeat("u", 8<<10+1)) }, true},
					{"database_url", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(strings.Repeat("u", 1<<20)) }, true},
					{"database_url", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("***") }, true},
					{"schema_name", func(t *tenancy.Tenant) { t.SchemaName = strings.Repeat("s", 256) }, true},
					{"isolation", func(t *tenancy.Tenant) { t.Isolation = "galaxy" }, true},
					{"isolation", func(t *tenancy.Tenant) { t.Isolation = "Row" }, true},
					{"created_at", func(t *tenancy.Tenant) { t.CreatedAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }, false},
					{"created_at", func(t *tenancy.Tenant) { t.CreatedAt = time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC) }, false},
				} {
					other := tenant(100)
					c.spoil(&other)
					_, err := p.s.Create(p.ctx, other)
					p.failsIn(err, tenancy.ErrInvalid, c.field, "Create with a bad %s", c.field)
					if c.update {
						changed := t
						c.spoil(&changed)
						_, err := p.s.Update(p.ctx, changed)
						p.failsIn(err, tenancy.ErrInvalid, c.field, "Update with a bad %s", c.field)
					}
				}
				p.sameAll(p.all(), before, "what is stored after writes that failed")
			},
		},
	}
}

// byID calls every method that takes one ID and returns their errors by name.
func (p *probe) byID(id string) map[string]error {
	errs := map[string]error{}
	_, errs["GetByID"] = p.s.GetByID(p.ctx, id)
	_, errs["GetByIDs"] = p.s.GetByIDs(p.ctx, []string{id})
	_, errs["Exists"] = p.s.Exists(p.ctx, id)
	_, errs["Update"] = p.s.Update(p.ctx, tenancy.Tenant{
		ID: id, Identifier: "by-id", Name: "By ID", Status: tenancy.StatusActive, Revision: tenancy.AnyRevision,
	})
	_, errs["SetStatus"] = p.s.SetStatus(p.ctx, id, tenancy.StatusActive)
	_, errs["BulkUpdateStatus"] = p.s.BulkUpdateStatus(p.ctx, []string{id}, tenancy.StatusActive)
	_, errs["UpdateMetadata"] = p.s.UpdateMetadata(p.ctx, id, tenancy.Metadata{})
	errs["Delete"] = p.s.Delete(p.ctx, id)
	return errs
}

func goodIdentifiers() []string {
	return []string{"abc", "a-b", "a1b2", "a--b", "xn--bcher-kva", "a00", strings.Repeat("a", 63), "a" + strings.Repeat("-", 61) + "9", "select", "null", "drop-table"}
}

func badIdentifiers() []string {
	return []string{
		"", "a", "ab", "Abc", "aBc", "1abc", "-abc", "abc-", "a_b", "a.b", "a b", "abc\n", "\nabc", "abc\r\n", "abc ", " abc",
		strings.Repeat("a", 64), strings.Repeat("a", 1<<20), "äbc", "abс" /* Cyrillic es */, "ａｂｃ", "abc\x00", "a\x00c", "ab\xff",
		"a'b", `a"b`, "a;b", "a%b", "a/b", "a\\b", "a--'; DROP TABLE tenants; --", "🙂🙂🙂", "abc\u200b", "\u202eabc",
	}
}
