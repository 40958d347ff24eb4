package tenancy

import "context"

// Getter is the part of a Store that a request handler needs.
type Getter interface {
	// GetByID returns the tenant with this ID, whatever its status.
	// Errors: ErrNotFound, ErrInvalid.
	GetByID(ctx context.Context, id string) (Tenant, error)
	// GetByIdentifier returns the tenant that has this identifier now, whatever
	// its status. Errors: ErrNotFound, ErrInvalid.
	GetByIdentifier(ctx context.Context, identifier string) (Tenant, error)
}

// Store keeps tenants. All methods are safe for concurrent use, and atomic: a
// method that fails has changed nothing, unless it fails with ErrUnavailable, with
// a context's error, or with ErrClosed because Close came in between. Then the
// write may or may not have been applied, and may still be applied after the call
// returns. Every error is an [*Error]; besides those named here, each method may
// return ErrUnavailable, ErrClosed or the context's error.
type Store interface {
	Getter
	Names

	// GetByIDs returns the tenants with these IDs in order of first appearance,
	// each once; missing ones are skipped. Errors: ErrInvalid.
	GetByIDs(ctx context.Context, ids []string) ([]Tenant, error)
	// Exists reports whether a tenant has this ID, whatever its status.
	// Errors: ErrInvalid.
	Exists(ctx context.Context, id string) (bool, error)
	// List returns one page by CreatedAt, then ID (byte order), both descending.
	// Past the end the page is empty. Errors: ErrInvalid.
	List(ctx context.Context, opts ListOptions) (Page, error)
	// Count returns how many tenants filter selects. Errors: ErrInvalid.
	Count(ctx context.Context, filter Filter) (int, error)
	// Search returns the tenants whose identifier or name contains query as a
	// literal text, ignoring case (see driver.Fold), best driver.SearchRank first, then by
	// identifier. The empty query matches all. Errors: ErrInvalid.
	Search(ctx context.Context, query string, opts SearchOptions) ([]Tenant, error)

	// Create stores a new tenant and returns it as stored. An empty ID, Status
	// or CreatedAt is filled in; UpdatedAt, Revision and Mark are set.
	// Errors: ErrInvalid, ErrAlreadyExists.
	Create(ctx context.Context, t Tenant) (Tenant, error)
	// CreateBatch creates the tenants as Create would, one after the other, and
	// returns one result for each. A tenant that cannot be created has its error
	// in the result and does not stop the others. If the store itself fails, the
	// results end before the tenants whose fate is unknown, and that error is
	// returned.
	CreateBatch(ctx context.Context, ts []Tenant) ([]CreateResult, error)
	// Update replaces every mutable field of the tenant with t.ID, by zero
	// values too, and returns it as stored. CreatedAt never changes, UpdatedAt
	// strictly grows. t.Revision and t.Mark must be the stored ones, or t.Revision
	// AnyRevision; a Revision of 0, or one without a Mark, is ErrInvalid, so that a
	// half-filled Tenant cannot wipe a record. A changed
	// identifier frees the old one in the same commit; see [Names] for stores that
	// remember it.
	// Errors: ErrInvalid, ErrNotFound, ErrConflict, ErrAlreadyExists.
	Update(ctx context.Context, t Tenant) (Tenant, error)
	// SetStatus changes the status and nothing else (but UpdatedAt, Revision and
	// Mark). Any known status may follow any other.
	// Errors: ErrInvalid, ErrNotFound.
	SetStatus(ctx context.Context, id string, s Status) (Tenant, error)
	// BulkUpdateStatus is SetStatus for many tenants in one atomic write with
	// one shared UpdatedAt. It returns the changed tenants in order of first
	// appearance, each once; missing ones are skipped. Errors: ErrInvalid.
	BulkUpdateStatus(ctx context.Context, ids []string, s Status) ([]Tenant, error)
	// UpdateMetadata puts the top-level members of patch over the tenant's
	// metadata, atomically: concurrent patches lose nothing. See
	// [Metadata.Merge]. A patch that changes nothing writes nothing, and the
	// tenant is returned as it is. Errors: ErrInvalid (also where the result is too large),
	// ErrNotFound.
	UpdateMetadata(ctx context.Context, id string, patch Metadata) (Tenant, error)
	// Delete removes the tenant and its names. In a store with soft deletion it sets
	// StatusDeleted instead, keeps row, identifier and names, and does nothing if that
	// is the status already; Purge removes. Errors: ErrInvalid, ErrNotFound.
	Delete(ctx context.Context, id string) error
	// Purge removes the tenant whatever its status, and frees its identifier and names.
	// Errors: ErrInvalid, ErrNotFound; [errors.ErrUnsupported] where the store has no
	// soft deletion.
	Purge(ctx context.Context, id string) error

	// Close releases what the store opened and closes the stores that it wraps,
	// but never what the caller brought. It ends the calls under way, which fail
	// with ErrClosed as those after it do, and does not wait for a database that
	// hangs. Close itself may be called again and then does nothing.
	Close() error

	// Only what embeds a [Decorator], a driver.Extended or a Store is a Store. So
	// methods can be added to Store.
	mustEmbedDecoratorOrExtended()
}

// CreateResult is what became of one tenant of a batch: the tenant as stored, or
// the error (ErrInvalid, ErrAlreadyExists).
type CreateResult struct {
	Tenant Tenant
	Err    error
}
