package tenancy

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/internal/canonical"
)

// The limits of a Tenant's fields.
const (
	MaxIDRunes          = 255
	MinIdentifierBytes  = 3
	MaxIdentifierBytes  = 63
	MaxNameRunes        = 255
	MaxDatabaseURLBytes = 8 << 10
	MaxSchemaNameRunes  = 255
	MaxMetadataBytes    = canonical.MaxBytes
)

// The last years of times. The year 9999, the last one that RFC 3339 and every
// database can hold, is left to UpdatedAt, which is not before CreatedAt and grows
// with every write.
const (
	maxCreatedYear = 9998
	maxYear        = 9999
)

// Validate checks every field but Revision and Mark against the rules of the package
// documentation, and returns an [*Error] that wraps ErrInvalid and names the
// first offending field. No I/O.
func (t Tenant) Validate() error {
	if err := ValidateID(t.ID); err != nil {
		return err
	}
	if err := ValidateIdentifier(t.Identifier); err != nil {
		return err
	}
	if err := validateText("name", t.Name, 1, MaxNameRunes); err != nil {
		return err
	}
	if err := t.Status.Validate(); err != nil {
		return err
	}
	if !t.Isolation.Known() {
		return invalid("isolation", "%s is not a known isolation level: row, schema, database, hybrid, or empty",
			quote(string(t.Isolation)))
	}
	if err := t.DatabaseURL.Err(); err != nil {
		return &Error{Field: "database_url", Err: fmt.Errorf("%w: %w: set a new value", ErrInvalid, err)}
	}
	if url := t.DatabaseURL.Reveal(); len(url) > MaxDatabaseURLBytes || !cleanText(url) || isStandIn(url) {
		return invalid("database_url", "must be at most %d bytes of UTF-8 without NUL, and not the mask", MaxDatabaseURLBytes)
	}
	if err := validateText("schema_name", t.SchemaName, 0, MaxSchemaNameRunes); err != nil {
		return err
	}
	if err := t.Metadata.Validate(); err != nil {
		return err
	}
	if err := validateTime("created_at", t.CreatedAt, maxCreatedYear); err != nil {
		return err
	}
	return validateTime("updated_at", t.UpdatedAt, maxYear)
}

// ValidateID returns an [*Error] that wraps ErrInvalid if no tenant can have
// this ID.
func ValidateID(id string) error { return validateText("id", id, 1, MaxIDRunes) }

// ValidateIdentifier returns an [*Error] that wraps ErrInvalid if no tenant can
// have this identifier: it must match [a-z][a-z0-9-]{1,61}[a-z0-9], as a whole.
func ValidateIdentifier(identifier string) error {
	// It is a label of a host, which begins with a letter.
	if len(identifier) < MinIdentifierBytes || identifier[0] < 'a' || !validLabel(identifier) {
		return invalid("identifier", "must be %d to %d characters a-z, 0-9 or hyphen, begin with a letter and not end with a hyphen",
			MinIdentifierBytes, MaxIdentifierBytes)
	}
	return nil
}

func cleanText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func validateText(field, s string, low, high int) error {
	if len(s) > high*utf8.UTFMax || !cleanText(s) {
		return invalid(field, "must be %d to %d characters of UTF-8 without NUL", low, high)
	}
	if n := utf8.RuneCountInString(s); n < low || n > high {
		return invalid(field, "must be %d to %d characters of UTF-8 without NUL", low, high)
	}
	return nil
}

func validateTime(field string, t time.Time, lastYear int) error {
	if y := t.UTC().Year(); y < 1 || y > lastYear {
		return invalid(field, "must lie in the years 1 to %d", lastYear)
	}
	return nil
}
