package tenancy

import (
	"context"
	"slices"
	"time"
)

// Source is a Store with a change log, from which caches can be kept coherent.
// The log holds every change of every row in commit order, its Revision one
// more than that of the row before, whoever made the change. A List that is called after
// Bounds or Changes has returned a position is not older than that.
type Source interface {
	Store
	Log
	// Load looks up want and returns one Versioned for each, in order. Each is
	// true as of its own AsOf, whose Revision is at least the lookup's Min; with
	// Min == Latest, it is current when Load is called. A Min beyond the newest
	// revision means that the log went back: ErrCompacted. A lookup that nothing
	// can match is ErrInvalid.
	Load(ctx context.Context, want []Lookup) ([]Versioned, error)
}

// Log is the change log of a Source.
type Log interface {
	// Bounds returns the oldest and the newest position that the log retains. The
	// log is never empty: a new one holds a ChangeReset.
	Bounds(ctx context.Context) (Bounds, error)
	// Changes returns at most limit changes after the position, which it does
	// not include, oldest first and without a gap; none if there are none yet.
	// Fewer than limit are all that there were. A limit of 0 means
	// DefaultChangesLimit; at most MaxChangesLimit. It fails with ErrCompacted if
	// the log does not hold the position: it is older than the oldest, beyond the
	// newest, or has another mark. The zero Position is held as long as the log
	// retains revision 1.
	Changes(ctx context.Context, after Position, limit int) ([]Change, error)
	// Wait returns when the log may hold more than the position, and in any case
	// when the store's poll interval is over: at once, if it may do so already, as when
	// it was not read up to there. So whoever calls Changes and Wait by turns sees each
	// change soon after it was committed, at the latest after the poll interval, and
	// polls no more than the store does. It costs the database nothing, does not fail
	// because of it, and need not return for a change that the caller's own Changes has
	// returned. It fails with the context's error, or ErrClosed.
	Wait(ctx context.Context, after Position) error
}

// The limits of Changes.
const (
	DefaultChangesLimit = 1000
	MaxChangesLimit     = 10_000
)

// Bounds is the extent of a change log.
type Bounds struct {
	Oldest, Newest Position
}

// Lookup asks Load for the tenant under Key, not older than Min. Min is a bound and
// names no state: after a restored backup, a revision of the lost history may be one
// of the new history, too. Which history a Versioned is of, the mark of its AsOf tells.
type Lookup struct {
	Key Key
	Min Revision
}

// Versioned says what was stored under a key as of a position: Tenant if Found,
// else nothing. It is current as long as no later change touches the key.
type Versioned struct {
	AsOf   Position
	Tenant Tenant
	Found  bool
}

// ChangeKind says what a change did.
type ChangeKind string

// The operations.
const (
	ChangeCreate ChangeKind = "create"
	ChangeUpdate ChangeKind = "update"
	ChangeDelete ChangeKind = "delete"
	ChangeReset  ChangeKind = "reset" // every tenant may have changed: a new log, TRUNCATE
)

// Change is one row of the change log.
type Change struct {
	Position Position
	Kind     ChangeKind
	// TenantID is the ID that the tenant has since, or had; empty with ChangeReset. It is
	// for people: where an ID was changed by hand, who acts on a change must know the
	// old one too. TenantIDs has both.
	TenantID string
	// Keys are all the keys whose answer may have changed, old and new.
	Keys []Key
	// At is when the change was made, by the clock of whoever made it. For
	// people, and for retention; never for order.
	At time.Time
	// Actor is who made the change, if they said so: see [WithActor].
	Actor string
	// Fields are the fields that a ChangeUpdate changed, by their JSON names, sorted:
	// of database_url, identifier, isolation, metadata, name, names (see [Names]),
	// schema_name, status, and id, which only a statement by hand changes. Nil for any other Op, and
	// where none of them changed. Values are never in the log.
	Fields []string
}

// TenantIDs returns the IDs under which the answer may have changed: one, or two where
// an ID was changed by hand. There are none of a ChangeReset, which touches every tenant.
func (c Change) TenantIDs() []string {
	ids := make([]string, 0, 2)
	for _, k := range c.Keys {
		if k.Kind == KindID {
			ids = append(ids, k.Value)
		}
	}
	return ids
}

// Touches reports whether the answer under k may have changed.
func (c Change) Touches(k Key) bool {
	return c.Kind == ChangeReset || slices.Contains(c.Keys, k)
}

// SourceOf returns s as a Source, if it and every store below it is one. A [Decorator]
// has the methods in any case; it says through HasSource whether they lead anywhere.
// Where they do not, they fail with [errors.ErrUnsupported].
func SourceOf(s Store) (Source, bool) {
	source, ok := s.(Source)
	if !ok {
		return nil, false
	}
	if asked, ok := s.(interface{ HasSource() bool }); ok && !asked.HasSource() {
		return nil, false
	}
	return source, true
}
