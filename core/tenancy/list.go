package tenancy

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// The limits of a page.
const (
	DefaultPageLimit = 100
	MaxPageLimit     = 1000
)

// Filter selects tenants. The zero Filter selects all.
type Filter struct {
	// Statuses selects tenants with one of these; empty means any status,
	// deleted included.
	Statuses []Status
}

// Matches reports whether f selects t.
func (f Filter) Matches(t Tenant) bool {
	return len(f.Statuses) == 0 || slices.Contains(f.Statuses, t.Status)
}

// Validate returns an [*Error] that wraps ErrInvalid for an unknown status.
func (f Filter) Validate() error {
	for _, s := range f.Statuses {
		if err := s.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// ListOptions select one page of tenants.
type ListOptions struct {
	Filter Filter
	// Limit is the size of the page: DefaultPageLimit if 0, at most
	// MaxPageLimit.
	Limit int
	// Offset skips so many tenants. Its cost grows with it; prefer Cursor.
	Offset int
	// Cursor is the Next of the page before; empty begins at the newest tenant.
	// Offset must then be 0.
	Cursor string
	// OmitSecrets leaves every DatabaseURL that there is withheld (see
	// [Secret.Err]), so that a store that encrypts them opens none.
	OmitSecrets bool
}

// Page is one page of tenants, by CreatedAt, then ID, both descending.
type Page struct {
	Tenants []Tenant
	// Next is the Cursor of the page after this one; empty on the last page. A
	// page reached by cursor is not shifted by tenants that come or go before
	// it.
	Next string
}

// Normalized returns o with its default filled in, and the place after which
// the page begins: the zero ListKey without a cursor. Otherwise it returns an
// [*Error] that wraps ErrInvalid.
func (o ListOptions) Normalized() (ListOptions, ListKey, error) {
	if o.Limit < 0 || o.Limit > MaxPageLimit {
		return o, ListKey{}, invalid("limit", "must be 0 to %d", MaxPageLimit)
	}
	if o.Limit == 0 {
		o.Limit = DefaultPageLimit
	}
	if o.Offset < 0 {
		return o, ListKey{}, invalid("offset", "must not be negative")
	}
	if err := o.Filter.Validate(); err != nil {
		return o, ListKey{}, err
	}
	if o.Cursor == "" {
		return o, ListKey{}, nil
	}
	if o.Offset > 0 {
		return o, ListKey{}, invalid("offset", "must be 0 with a cursor")
	}
	after, err := parseCursor(o.Cursor)
	return o, after, err
}

// PageOf returns the page of at most limit tenants out of rows, which a store
// fetched in list order with one row more than limit to see whether there is a
// next page.
func PageOf(rows []Tenant, limit int) Page {
	if len(rows) <= limit {
		return Page{Tenants: rows}
	}
	return Page{Tenants: rows[:limit:limit], Next: ListKeyOf(rows[limit-1]).Cursor()}
}

// ListKey is a tenant's place in the order of List.
type ListKey struct {
	CreatedAt time.Time
	ID        string
}

// ListKeyOf returns the place of t.
func ListKeyOf(t Tenant) ListKey { return ListKey{t.CreatedAt, t.ID} }

// IsZero reports whether k is no place: a listing from the start.
func (k ListKey) IsZero() bool { return k.ID == "" }

// Compare returns -1 if List shows k before other, 1 if after, 0 if they are
// equal.
func (k ListKey) Compare(other ListKey) int {
	return cmp.Or(other.CreatedAt.Compare(k.CreatedAt), strings.Compare(other.ID, k.ID))
}

const cursorVersion = 1

// Cursor returns k as an opaque text that is safe in a URL.
func (k ListKey) Cursor() string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(k.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(b, k.ID...))
}

func parseCursor(cursor string) (ListKey, error) {
	bad := invalid("cursor", "is not one that List returned")
	if len(cursor) > base64.RawURLEncoding.EncodedLen(9+MaxIDRunes*4) {
		return ListKey{}, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 10 || b[0] != cursorVersion {
		return ListKey{}, bad
	}
	k := ListKey{time.UnixMicro(int64(binary.BigEndian.Uint64(b[1:9]))).UTC(), string(b[9:])}
	// The decoder skips line breaks; a cursor has one spelling only.
	if k.Cursor() != cursor || ValidateID(k.ID) != nil || validateTime("", k.CreatedAt, maxYear) != nil {
		return ListKey{}, bad
	}
	return k, nil
}
