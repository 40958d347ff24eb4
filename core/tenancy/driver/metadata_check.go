package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// MetadataCheck is the application's say in what metadata a store takes, such as
// [tenancy.View.Check]; nil has none. A store asks it about the metadata that Create,
// CreateBatch and Update are given, and about those that a patch of UpdateMetadata
// results in. Its error makes them fail with ErrInvalid and the field "metadata",
// and nothing is written.
//
// What is stored already is not asked about: a tenant whose metadata would not pass
// any more can be read, suspended, deleted, repaired by a patch, and updated by an
// Update that leaves its metadata alone and is not of AnyRevision.
//
// The store may ask several times in one call, and while it holds locks that keep
// every other writer waiting. So a check must be fast, must not use the store, and
// must depend on nothing but its argument. Where it panics, what it was asked about is
// not written, and the panic goes on to the caller.
type MetadataCheck func(tenancy.Metadata) error

// MetadataChecker is what a [Backend] adds whose stores are opened with a
// [MetadataCheck]. [Extend] then asks it where whole metadata are given. The backend
// itself asks in UpdateMetadata, about the result of the merge, in the same atomic
// step.
type MetadataChecker interface {
	// CheckMetadata returns [MetadataCheck.Judge] of m.
	CheckMetadata(m tenancy.Metadata) error
}

// Judge returns nil if c accepts m, or an [*tenancy.Error] that wraps ErrInvalid and the
// error of c, with the field "metadata". It is for authors of stores.
func (c MetadataCheck) Judge(m tenancy.Metadata) error {
	if c == nil {
		return nil
	}
	err := c(m)
	if err == nil {
		return nil
	}
	var e *tenancy.Error
	if errors.As(err, &e) && e.Field == "metadata" && errors.Is(err, tenancy.ErrInvalid) {
		return err
	}
	return &tenancy.Error{Field: "metadata", Err: fmt.Errorf("%w: %w", tenancy.ErrInvalid, err)}
}

func (x *Extended) checkMetadata(m tenancy.Metadata) error {
	if b, ok := x.b.(MetadataChecker); ok {
		return b.CheckMetadata(m)
	}
	return nil
}

// checkUpdate lets stored metadata stay, whatever they are: Update compares the
// position of t with the stored one, so that they cannot have changed since.
func (x *Extended) checkUpdate(ctx context.Context, t tenancy.Tenant) error {
	refused := x.checkMetadata(t.Metadata)
	if refused == nil || t.Revision == tenancy.AnyRevision {
		return refused
	}
	stored, err := x.b.GetByID(ctx, t.ID)
	if err != nil || stored.Metadata == t.Metadata {
		return err
	}
	return refused
}
