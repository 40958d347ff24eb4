package tenantio

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// field is one member of a tenant: a column of CSV, a member of JSON.
type field struct {
	name string
	bare bool // its text is JSON as it stands, not a string
	text func(tenancy.Tenant) string
	// parse is given no empty text.
	parse func(*tenancy.Tenant, string) error
	// copy makes the field part of a comparison and of an update; nil if a
	// store sets it.
	copy func(dst *tenancy.Tenant, src tenancy.Tenant)
	// keep: empty means not stated, and does not replace what is stored.
	keep bool
	// withheld says why the store does not show the field; nil if it always does.
	withheld func(tenancy.Tenant) error
	// mask is the text of a field that is not shown. It stands for whatever is
	// stored.
	mask string
}

const secretField = "database_url"

// fields returns the fields in the order in which they are written.
func fields() []field {
	return []field{
		{
			name: "id", keep: true,
			text:  func(t tenancy.Tenant) string { return t.ID },
			parse: func(t *tenancy.Tenant, s string) error { t.ID = s; return nil },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.ID = src.ID },
		}, {
			name:  "identifier",
			text:  func(t tenancy.Tenant) string { return t.Identifier },
			parse: func(t *tenancy.Tenant, s string) error { t.Identifier = s; return nil },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.Identifier = src.Identifier },
		}, {
			name:  "name",
			text:  func(t tenancy.Tenant) string { return t.Name },
			parse: func(t *tenancy.Tenant, s string) error { t.Name = s; return nil },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.Name = src.Name },
		}, {
			name: "status", keep: true,
			text:  func(t tenancy.Tenant) string { return string(t.Status) },
			parse: func(t *tenancy.Tenant, s string) error { t.Status = tenancy.Status(s); return nil },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.Status = src.Status },
		}, {
			name:  "isolation",
			text:  func(t tenancy.Tenant) string { return string(t.Isolation) },
			parse: func(t *tenancy.Tenant, s string) error { t.Isolation = tenancy.Isolation(s); return nil },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.Isolation = src.Isolation },
		}, {
			name: secretField, keep: true, mask: mask,
			text:     func(t tenancy.Tenant) string { return t.DatabaseURL.Reveal() },
			withheld: func(t tenancy.Tenant) error { return t.DatabaseURL.Err() },
			parse:    func(t *tenancy.Tenant, s string) error { t.DatabaseURL = tenancy.NewSecret(s); return nil },
			copy:     func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.DatabaseURL = src.DatabaseURL },
		}, {
			name:  "schema_name",
			text:  func(t tenancy.Tenant) string { return t.SchemaName },
			parse: func(t *tenancy.Tenant, s string) error { t.SchemaName = s; return nil },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.SchemaName = src.SchemaName },
		}, {
			name: "metadata", bare: true, mask: `"` + mask + `"`,
			withheld: func(t tenancy.Tenant) error { return t.Metadata.Err() },
			text:     func(t tenancy.Tenant) string { return t.Metadata.String() },
			parse: func(t *tenancy.Tenant, s string) (err error) {
				t.Metadata, err = tenancy.ParseMetadata([]byte(s))
				return err
			},
			copy: func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.Metadata = src.Metadata },
		}, {
			name: "created_at", keep: true,
			text:  func(t tenancy.Tenant) string { return timeText(t.CreatedAt) },
			parse: func(t *tenancy.Tenant, s string) error { return parseTime("created_at", &t.CreatedAt, s) },
			copy:  func(dst *tenancy.Tenant, src tenancy.Tenant) { dst.CreatedAt = src.CreatedAt },
		}, {
			name:  "updated_at",
			text:  func(t tenancy.Tenant) string { return timeText(t.UpdatedAt) },
			parse: func(t *tenancy.Tenant, s string) error { return parseTime("updated_at", &t.UpdatedAt, s) },
		}, {
			name: "revision", bare: true,
			text: func(t tenancy.Tenant) string { return strconv.FormatInt(int64(t.Revision), 10) },
			parse: func(t *tenancy.Tenant, s string) error {
				n, err := strconv.ParseInt(s, 10, 64)
				if err != nil {
					return invalid("revision", "must be an integer")
				}
				t.Revision = tenancy.Revision(n)
				return nil
			},
		}, {
			name: "mark",
			text: func(t tenancy.Tenant) string {
				if t.Mark == 0 {
					return ""
				}
				_, mark, _ := strings.Cut(t.Position().String(), "-")
				return mark
			},
			parse: func(t *tenancy.Tenant, s string) error {
				var p tenancy.Position
				if p.UnmarshalText([]byte("0-"+s)) != nil {
					return invalid("mark", "must be 16 hexadecimal digits")
				}
				t.Mark = p.Mark
				return nil
			},
		}, {
			name: namesField, bare: true, keep: true, // of a Record, and not of its Tenant
			text: func(tenancy.Tenant) string { return "" },
		},
	}
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(name string, to *time.Time, s string) error {
	parsed, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return invalid(name, "must be an RFC 3339 time")
	}
	*to = driver.NormalizeTime(parsed)
	return nil
}

// shown returns the text of the field of a tenant with these names in a file: the mask
// where the store does not show it.
func (f field) shown(t tenancy.Tenant, names string) string {
	switch {
	case f.name == namesField:
		return names
	case f.withheld != nil && f.withheld(t) != nil:
		return f.mask
	}
	return f.text(t)
}
