package tenancy

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
)

// Revision counts the changed rows of a store, in commit order and without
// gaps, as etcd's revisions do. The first one is 1.
type Revision int64

const (
	// AnyRevision in [Tenant].Revision lets Update overwrite whatever is stored,
	// whatever the Mark: the last write wins.
	AnyRevision Revision = -1
	// Latest as [Lookup].Min asks for a value that is current when Load is
	// called, past every cache.
	Latest Revision = math.MaxInt64
)

// Position is a place in a store's change log. A revision alone does not name
// one: a restored backup or a promoted replica takes revisions a second time.
// So each row of the log carries a random mark, and the log can confirm or deny
// a position that it still retains: one that was altered or cut is denied, too.
//
// The zero Position is the beginning, before the first change.
type Position struct {
	Revision Revision
	Mark     int64
}

// IsZero reports whether p is the beginning of the log.
func (p Position) IsZero() bool { return p == Position{} }

// String returns the revision in decimal and the mark in 16 hexadecimal digits:
// "42-00c0ffee00c0ffee".
func (p Position) String() string {
	text, _ := p.MarshalText()
	return string(text)
}

// MarshalText implements [encoding.TextMarshaler] in the form of String.
func (p Position) MarshalText() ([]byte, error) {
	b := strconv.AppendInt(nil, int64(p.Revision), 10)
	return appendMark(append(b, '-'), p.Mark), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]; anything that String
// does not produce is ErrInvalid.
func (p *Position) UnmarshalText(text []byte) error {
	rev, digits, _ := strings.Cut(string(text), "-")
	r, err := strconv.ParseInt(rev, 10, 64)
	mark, ok := parseMark(digits)
	if q := (Position{Revision(r), mark}); err == nil && ok && r >= 0 && q.String() == string(text) {
		*p = q
		return nil
	}
	return invalid("position", "must be a revision, a hyphen and 16 hexadecimal digits")
}

// appendMark appends the 16 hexadecimal digits of a mark.
func appendMark(b []byte, mark int64) []byte {
	return hex.AppendEncode(b, binary.BigEndian.AppendUint64(nil, uint64(mark)))
}

// parseMark undoes appendMark and takes nothing else.
func parseMark(digits string) (mark int64, ok bool) {
	n, err := strconv.ParseUint(digits, 16, 64)
	mark = int64(n)
	return mark, err == nil && string(appendMark(nil, mark)) == digits
}
