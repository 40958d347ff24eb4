package tenancy

import (
	"slices"
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
	// Offset must then be 0, and Filter the one of the page before; Limit may be
	// another. A cursor that was altered or cut, or that belongs to another Filter,
	// is ErrInvalid.
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
	// AsOf is the newest position when the page was read, by the same statement or under
	// the same lock: the page shows all of it and nothing later. A [Source] knows it; zero
	// means that the store does not.
	AsOf Position
}

// The limits of Search.
const (
	DefaultSearchLimit = 10
	MaxSearchLimit     = 1000
)

// SearchOptions narrow a search.
type SearchOptions struct {
	Filter Filter
	// Limit is the largest number of results: DefaultSearchLimit if 0, at most
	// MaxSearchLimit.
	Limit int
}
