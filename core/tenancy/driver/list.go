package driver

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ForList returns o with its default filled in, and the place after which
// the page begins: the zero ListKey without a cursor. Otherwise it returns an
// [*tenancy.Error] that wraps ErrInvalid.
func ForList(o tenancy.ListOptions) (tenancy.ListOptions, ListKey, error) {
	var err error
	if o.Limit, err = pageLimit(o.Limit); err != nil {
		return o, ListKey{}, err
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
	after, err := parseCursor(o.Cursor, o.Filter)
	return o, after, err
}

// pageLimit returns a limit with its default filled in, or an error that wraps ErrInvalid.
func pageLimit(limit int) (int, error) {
	if limit < 0 || limit > tenancy.MaxPageLimit {
		return 0, invalid("limit", "must be 0 to %d", tenancy.MaxPageLimit)
	}
	if limit == 0 {
		return tenancy.DefaultPageLimit, nil
	}
	return limit, nil
}

// PageOf returns the page of at most opts.Limit tenants out of rows, which a store
// fetched in list order with one row more than that to see whether there is a next
// page.
func PageOf(rows []tenancy.Tenant, opts tenancy.ListOptions) tenancy.Page {
	n := opts.Limit
	if len(rows) <= n {
		return tenancy.Page{Tenants: rows}
	}
	return tenancy.Page{Tenants: rows[:n:n], Next: ListKeyOf(rows[n-1]).Cursor(opts.Filter)}
}

// ListKey is a tenant's place in the order of List.
type ListKey struct {
	CreatedAt time.Time
	ID        string
}

// ListKeyOf returns the place of t.
func ListKeyOf(t tenancy.Tenant) ListKey { return ListKey{t.CreatedAt, t.ID} }

// IsZero reports whether k is no place: a listing from the start.
func (k ListKey) IsZero() bool { return k.ID == "" }

// Compare returns -1 if List shows k before other, 1 if after, 0 if they are
// equal.
func (k ListKey) Compare(other ListKey) int {
	return cmp.Or(other.CreatedAt.Compare(k.CreatedAt), strings.Compare(other.ID, k.ID))
}

// The bytes of a cursor, in base64: the version, which stands for the order too;
// the filter's hash; microseconds; the ID; a checksum of all this. The checksum is
// there to find mistakes, not forgeries: a cursor leads to nothing that List would
// not show in any case.
const (
	cursorVersion = 1
	cursorHead    = 1 + 4 + 8
	cursorTail    = 4
)

// Cursor returns k, in a listing with filter, as an opaque text that is safe in a
// URL.
func (k ListKey) Cursor(filter tenancy.Filter) string {
	b := binary.BigEndian.AppendUint32([]byte{cursorVersion}, hash(filter))
	b = binary.BigEndian.AppendUint64(b, uint64(k.CreatedAt.UnixMicro()))
	b = append(b, k.ID...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc(b)))
}

func parseCursor(cursor string, filter tenancy.Filter) (ListKey, error) {
	bad := invalid("cursor", "is not one that List returned, or was altered or cut")
	if len(cursor) > base64.RawURLEncoding.EncodedLen(cursorHead+tenancy.MaxIDRunes*utf8.UTFMax+cursorTail) {
		return ListKey{}, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) <= cursorHead+cursorTail || b[0] != cursorVersion {
		return ListKey{}, bad
	}
	b, sum := b[:len(b)-cursorTail], b[len(b)-cursorTail:]
	k := ListKey{time.UnixMicro(int64(binary.BigEndian.Uint64(b[5:cursorHead]))).UTC(), string(b[cursorHead:])}
	// The decoder skips line breaks.
	if binary.BigEndian.Uint32(sum) != crc(b) || strings.ContainsAny(cursor, "\r\n") ||
		tenancy.ValidateID(k.ID) != nil || k.CreatedAt.Year() < 1 || k.CreatedAt.Year() > 9999 {
		return ListKey{}, bad
	}
	if binary.BigEndian.Uint32(b[1:5]) != hash(filter) {
		return ListKey{}, invalid("cursor", "belongs to a listing with another filter: go on with that filter, or begin without a cursor")
	}
	return k, nil
}

// hash tells filters apart that select differently.
func hash(f tenancy.Filter) uint32 {
	statuses := slices.Clone(f.Statuses)
	slices.Sort(statuses)
	var b []byte
	for _, s := range slices.Compact(statuses) {
		b = append(append(b, s...), ',')
	}
	return crc(b)
}

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
