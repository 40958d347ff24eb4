package tenancy

import (
	"context"
	"errors"
)

// Decorator is the Store to embed in a store that stands in front of another: write
// the methods that do something, and the Decorator forwards all others to Next, those of
// a [Source] too. Where Next is no Source, they fail with [errors.ErrUnsupported], and
// [SourceOf] says no.
//
//	type counting struct {
//		tenancy.Decorator
//		reads atomic.Int64
//	}
//
//	func (c *counting) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
//		c.reads.Add(1)
//		return c.Next.GetByID(ctx, id)
//	}
//
//	store := &counting{Decorator: tenancy.Decorator{Next: next}}
//
// Who changes what lookups return decorates Load as well; who changes Create,
// CreateBatch; and who keeps answers obeys the log.
type Decorator struct {
	Next Store // not nil
}

var _ Source = Decorator{}

func (Decorator) mustEmbedDecoratorOrExtended() {}

// Below returns Next: so the tiers of a stack are found under its decorators.
func (d Decorator) Below() Store { return d.Next }

// HasSource reports whether Next is a [Source]; see [SourceOf].
func (d Decorator) HasSource() bool {
	_, ok := SourceOf(d.Next)
	return ok
}

// HasNames reports whether Next has names; see [Names].
func (d Decorator) HasNames() bool { return HasNames(d.Next) }

// source returns Next as a Source, for the method op.
func (d Decorator) source(op string) (Source, error) {
	if source, ok := SourceOf(d.Next); ok {
		return source, nil
	}
	return nil, &Error{Op: op, Err: errors.ErrUnsupported}
}

// GetByID forwards to Next.
func (d Decorator) GetByID(ctx context.Context, id string) (Tenant, error) {
	return d.Next.GetByID(ctx, id)
}

// GetByIdentifier forwards to Next.
func (d Decorator) GetByIdentifier(ctx context.Context, identifier string) (Tenant, error) {
	return d.Next.GetByIdentifier(ctx, identifier)
}

// GetByIDs forwards to Next.
func (d Decorator) GetByIDs(ctx context.Context, ids []string) ([]Tenant, error) {
	return d.Next.GetByIDs(ctx, ids)
}

// Exists forwards to Next.
func (d Decorator) Exists(ctx context.Context, id string) (bool, error) {
	return d.Next.Exists(ctx, id)
}

// List forwards to Next.
func (d Decorator) List(ctx context.Context, opts ListOptions) (Page, error) {
	return d.Next.List(ctx, opts)
}

// Count forwards to Next.
func (d Decorator) Count(ctx context.Context, filter Filter) (int, error) {
	return d.Next.Count(ctx, filter)
}

// Search forwards to Next.
func (d Decorator) Search(ctx context.Context, query string, opts SearchOptions) ([]Tenant, error) {
	return d.Next.Search(ctx, query, opts)
}

// Create forwards to Next.
func (d Decorator) Create(ctx context.Context, t Tenant) (Tenant, error) {
	return d.Next.Create(ctx, t)
}

// CreateBatch forwards to Next.
func (d Decorator) CreateBatch(ctx context.Context, ts []Tenant) ([]CreateResult, error) {
	return d.Next.CreateBatch(ctx, ts)
}

// Update forwards to Next.
func (d Decorator) Update(ctx context.Context, t Tenant) (Tenant, error) {
	return d.Next.Update(ctx, t)
}

// SetStatus forwards to Next.
func (d Decorator) SetStatus(ctx context.Context, id string, s Status) (Tenant, error) {
	return d.Next.SetStatus(ctx, id, s)
}

// BulkUpdateStatus forwards to Next.
func (d Decorator) BulkUpdateStatus(ctx context.Context, ids []string, s Status) ([]Tenant, error) {
	return d.Next.BulkUpdateStatus(ctx, ids, s)
}

// UpdateMetadata forwards to Next.
func (d Decorator) UpdateMetadata(ctx context.Context, id string, patch Metadata) (Tenant, error) {
	return d.Next.UpdateMetadata(ctx, id, patch)
}

// Delete forwards to Next.
func (d Decorator) Delete(ctx context.Context, id string) error { return d.Next.Delete(ctx, id) }

// Purge forwards to Next.
func (d Decorator) Purge(ctx context.Context, id string) error { return d.Next.Purge(ctx, id) }

// GetByDomain forwards to Next.
func (d Decorator) GetByDomain(ctx context.Context, domain string) (Tenant, error) {
	return d.Next.GetByDomain(ctx, domain)
}

// FormerOwner forwards to Next.
func (d Decorator) FormerOwner(ctx context.Context, identifier string) (Tenant, error) {
	return d.Next.FormerOwner(ctx, identifier)
}

// NamesOf forwards to Next.
func (d Decorator) NamesOf(ctx context.Context, id string) ([]Name, error) {
	return d.Next.NamesOf(ctx, id)
}

// ListNames forwards to Next.
func (d Decorator) ListNames(ctx context.Context, after TenantName, limit int) (NamePage, error) {
	return d.Next.ListNames(ctx, after, limit)
}

// AddDomain forwards to Next.
func (d Decorator) AddDomain(ctx context.Context, id, domain string) (Name, error) {
	return d.Next.AddDomain(ctx, id, domain)
}

// VerifyDomain forwards to Next.
func (d Decorator) VerifyDomain(ctx context.Context, id, domain string) (Tenant, error) {
	return d.Next.VerifyDomain(ctx, id, domain)
}

// SetPrimaryDomain forwards to Next.
func (d Decorator) SetPrimaryDomain(ctx context.Context, id, domain string) (Tenant, error) {
	return d.Next.SetPrimaryDomain(ctx, id, domain)
}

// RemoveDomain forwards to Next.
func (d Decorator) RemoveDomain(ctx context.Context, id, domain string) (Tenant, error) {
	return d.Next.RemoveDomain(ctx, id, domain)
}

// Close forwards to Next.
func (d Decorator) Close() error { return d.Next.Close() }

// Load forwards to Next.
func (d Decorator) Load(ctx context.Context, want []Lookup) ([]Versioned, error) {
	source, err := d.source("Load")
	if err != nil {
		return nil, err
	}
	return source.Load(ctx, want)
}

// Bounds forwards to Next.
func (d Decorator) Bounds(ctx context.Context) (Bounds, error) {
	source, err := d.source("Bounds")
	if err != nil {
		return Bounds{}, err
	}
	return source.Bounds(ctx)
}

// Changes forwards to Next.
func (d Decorator) Changes(ctx context.Context, after Position, limit int) ([]Change, error) {
	source, err := d.source("Changes")
	if err != nil {
		return nil, err
	}
	return source.Changes(ctx, after, limit)
}

// Wait forwards to Next.
func (d Decorator) Wait(ctx context.Context, after Position) error {
	source, err := d.source("Wait")
	if err != nil {
		return err
	}
	return source.Wait(ctx, after)
}
