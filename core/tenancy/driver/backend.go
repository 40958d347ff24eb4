package driver

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Backend is the small set that an author of a third-party store writes;
// [Extend] makes a Store of it. The methods keep the contracts of the same
// methods of [tenancy.Store], with these reliefs:
//
//   - Input has been validated and completed: tenants by [ForCreate] and
//     [ForUpdate], options by [ForList] and [ForSearch], IDs by [UniqueIDs]. Calls after Close do not arrive; those that began before it
//     may still be under way when it is called.
//   - A bare sentinel will do as an error; for ErrAlreadyExists return an
//     [*tenancy.Error] with the Field. Any error that wraps none of the reasons counts
//     as ErrUnavailable, and its text is shown: keep secrets out of it.
//
// BulkUpdateStatus and UpdateMetadata are here because they must be atomic.
type Backend interface {
	tenancy.Getter
	// ListAfter returns the page of opts.Limit tenants after the place, skipping
	// opts.Offset; opts.Cursor is already decoded into after. Where opts.OmitSecrets
	// is set, Extend withholds what secrets there still are.
	ListAfter(ctx context.Context, opts tenancy.ListOptions, after ListKey) (tenancy.Page, error)
	// Create stores t with its next Revision, and returns it.
	Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error)
	Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error)
	// BulkUpdateStatus may return the changed tenants in any order.
	BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error)
	UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error)
	Delete(ctx context.Context, id string) error
	Close() error
}
