package tenancy

import "time"

// Tenant is one customer of a multi-tenant product. It is a value: copies are
// independent, and == compares every field.
type Tenant struct {
	// ID identifies the tenant for ever: 1 to 255 runes, printable ones where it is
	// given to Create (see driver.ValidateNewID), which fills an empty one with [NewID].
	ID string
	// Identifier is the tenant's unique name in hosts, paths and headers (its
	// slug): [a-z][a-z0-9-]{1,61}[a-z0-9]. It may change; an old one may later
	// belong to another tenant.
	Identifier string
	// Name is for people: 1 to 255 runes, kept as given, whatever they do to a
	// screen. Names are not unique.
	Name string
	// Status is where the tenant is in its life cycle. Create turns an empty one
	// into StatusActive.
	Status Status
	// Isolation is how the tenant's data is kept apart; empty means the
	// application's default.
	Isolation Isolation
	// DatabaseURL reaches the tenant's own database, if it has one: at most
	// 8 KiB.
	DatabaseURL Secret
	// SchemaName is the tenant's schema in a shared database, if it has one: at
	// most 255 runes. The store does not use it: two tenants may have the same,
	// and databases may take less (PostgreSQL cuts names after 63 bytes).
	SchemaName string
	// Metadata is whatever the application wants to keep with the tenant.
	Metadata Metadata
	// CreatedAt is set by Create, unless given (in the years 1 to 9998), and never
	// changes. It is by the clock of the process that calls Create, which decides the
	// order of List, and nothing about which state is newer: that is Revision and Mark.
	// UTC, microseconds.
	CreatedAt time.Time
	// UpdatedAt grows with every write of this tenant. UTC, microseconds.
	UpdatedAt time.Time
	// Revision is the store-wide revision of the last write of this tenant.
	// Stores set it; Update compares it.
	Revision Revision
	// Mark is the mark of that write in the change log. A restored backup takes
	// revisions a second time, so only both together name one state of the tenant:
	// see [Tenant.Position]. Stores set it, never to 0; Update compares it.
	Mark int64
}

// Position returns the place in the change log of the last write of t.
func (t Tenant) Position() Position { return Position{t.Revision, t.Mark} }
