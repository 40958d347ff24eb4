package main

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// identifierKey is where the metadata keeps an identifier that was replaced.
const identifierKey = "fastapi_tenancy_identifier"

// mapping makes tenants of rows.
type mapping struct {
	fix     bool
	renamed func(old, identifier string)
	decrypt func(text string) (string, error) // nil without a key
}

func (m mapping) records(from source) iter.Seq2[tenantio.Record, error] {
	return func(yield func(tenantio.Record, error) bool) {
		line := 0
		for r, err := range from.rows {
			if err != nil {
				yield(tenantio.Record{}, err)
				return
			}
			line++
			t, err := m.tenant(r)
			if !yield(tenantio.Record{Line: line, Tenant: t, Err: err}, nil) {
				return
			}
		}
	}
}

// tenant returns the tenant of a row. Its errors name the tenant and the column, and
// hold no secret.
func (m mapping) tenant(r row) (tenancy.Tenant, error) {
	t := tenancy.Tenant{ID: r[0], Identifier: r[1], Name: r[2], Status: tenancy.Status(r[3]), SchemaName: r[6]}
	wrong := func(field string, err error) (tenancy.Tenant, error) {
		if e := (*tenancy.Error)(nil); errors.As(err, &e) {
			err = e.Err // of package tenancy, which calls the field otherwise
		} else {
			err = fmt.Errorf("%w: %w", tenancy.ErrInvalid, err)
		}
		return t, &tenancy.Error{Op: "import", ID: t.ID, Identifier: t.Identifier, Field: field, Err: err}
	}
	switch r[4] {
	case "rls":
		t.Isolation = tenancy.IsolationRow
	default: // the others are called the same here; Create refuses what it does not know
		t.Isolation = tenancy.Isolation(r[4])
	}
	url, err := m.databaseURL(r[5])
	if err != nil {
		return wrong("database_url", err)
	}
	t.DatabaseURL = tenancy.NewSecret(url)
	if r[7] != "" {
		if t.Metadata, err = tenancy.ParseMetadata([]byte(r[7])); err != nil {
			return wrong("tenant_metadata", err)
		}
	}
	if t.CreatedAt, err = parseTime(r[8]); err != nil {
		return wrong("created_at", err)
	}
	if m.fix && tenancy.ValidateIdentifier(t.Identifier) != nil {
		if t.Metadata, err = t.Metadata.With(identifierKey, t.Identifier); err != nil {
			return wrong("tenant_metadata", err)
		}
		t.Identifier = fixIdentifier(t.Identifier)
		m.renamed(r[1], t.Identifier)
	}
	return t, nil
}

// databaseURL decrypts what fastapi-tenancy has encrypted.
func (m mapping) databaseURL(stored string) (string, error) {
	token, encrypted := strings.CutPrefix(stored, "enc::")
	switch {
	case !encrypted:
		return stored, nil
	case m.decrypt == nil:
		return "", errors.New("is encrypted, and TENANCY_ENCRYPTION_KEY is not set")
	}
	return m.decrypt(token)
}

// fixIdentifier derives an identifier from one that breaks the rule: lower case, a
// hyphen for each run of other characters, t- in front of what does not begin with a
// letter or is too short. The same input always gives the same output; two inputs may
// give the same, and then the second tenant is refused by the store.
func fixIdentifier(old string) string {
	var fixed strings.Builder
	for _, c := range strings.ToLower(old) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			fixed.WriteRune(c)
		case !strings.HasSuffix(fixed.String(), "-"):
			fixed.WriteByte('-')
		}
	}
	s := strings.Trim(fixed.String(), "-")
	if len(s) < 3 || s[0] < 'a' {
		s = "t-" + s
	}
	return strings.TrimRight(s[:min(len(s), 63)], "-")
}
