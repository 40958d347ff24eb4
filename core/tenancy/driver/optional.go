package driver

import (
	"context"
	"errors"
	"reflect"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The interfaces of this file are what a Backend may add, each with the contract of
// the method of [tenancy.Store] of that name. Have the compiler see to the spelling:
//
//	var _ driver.Counter = (*backend)(nil)
//
// [Extend] refuses a Backend that has a method of such a name with another signature.

// ManyGetter is a Backend that reads many tenants faster than one by one. The IDs are
// valid, each once; the tenants may come in any order.
type ManyGetter interface {
	GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error)
}

// Exister is a Backend that knows without reading a tenant whether it is there.
type Exister interface {
	Exists(ctx context.Context, id string) (bool, error)
}

// Counter is a Backend that counts without listing.
type Counter interface {
	Count(ctx context.Context, filter tenancy.Filter) (int, error)
}

// Searcher is a Backend that searches without listing. It compares by [Fold] and
// orders by [RankOf]; [TopMatches] helps.
type Searcher interface {
	Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error)
}

// StatusSetter is a Backend that has something better for one tenant than
// BulkUpdateStatus.
type StatusSetter interface {
	SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error)
}

// BatchCreator is a Backend that creates many tenants faster than one by one. It gets
// valid tenants only, no two with one ID or identifier.
type BatchCreator interface {
	CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error)
}

// Purger is a Backend with soft deletion.
type Purger interface {
	Purge(ctx context.Context, id string) error
}

// Reserver is a Backend that keeps identifiers for the product: see
// [ReservedIdentifiers].
type Reserver interface {
	IsReserved(identifier string) bool
}

// Source is a Backend with a change log: its Store is a [tenancy.Source].
type Source interface {
	tenancy.Log
	Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error)
}

// Names is implemented by a Backend that stores domains and former identifiers. Domains and
// identifiers are valid when they reach it; "" reaches SetPrimaryDomain only. The limit of
// ListNames is filled in; its after is whatever the caller has. With a
// [Source], Load knows their keys, and the keys of a change are those of [KeysOf] with the
// names before and after it.
type Names interface{ tenancy.Names }

// checkOptional returns an error if b has a method of one of these interfaces and is
// none: that method would never be called.
func checkOptional(b Backend) error {
	t := reflect.TypeOf(b)
	// Each name is a constant where it is looked up: so the linker can still drop what
	// nobody calls.
	return errors.Join(
		optional[ManyGetter](b)(t.MethodByName("GetByIDs")),
		optional[Exister](b)(t.MethodByName("Exists")),
		optional[Counter](b)(t.MethodByName("Count")),
		optional[Searcher](b)(t.MethodByName("Search")),
		optional[StatusSetter](b)(t.MethodByName("SetStatus")),
		optional[BatchCreator](b)(t.MethodByName("CreateBatch")),
		optional[Purger](b)(t.MethodByName("Purge")),
		optional[Reserver](b)(t.MethodByName("IsReserved")),
		optional[MetadataChecker](b)(t.MethodByName("CheckMetadata")),
		optional[Names](b)(t.MethodByName("GetByDomain")),
		optional[Names](b)(t.MethodByName("FormerOwner")),
		optional[Names](b)(t.MethodByName("NamesOf")),
		optional[Names](b)(t.MethodByName("ListNames")),
		optional[Names](b)(t.MethodByName("AddDomain")),
		optional[Names](b)(t.MethodByName("VerifyDomain")),
		optional[Names](b)(t.MethodByName("SetPrimaryDomain")),
		optional[Names](b)(t.MethodByName("RemoveDomain")),
		optional[Source](b)(t.MethodByName("Load")),
		optional[Source](b)(t.MethodByName("Bounds")),
		optional[Source](b)(t.MethodByName("Changes")),
	)
}

// optional returns a function that fails if b has a method, and is no T.
func optional[T any](b Backend) func(method reflect.Method, has bool) error {
	return func(method reflect.Method, has bool) error {
		if _, is := b.(T); is || !has {
			return nil
		}
		return invalid("backend", "%T has a method %s, and is no driver.%s: give them its signatures, or the method another name",
			b, method.Name, reflect.TypeFor[T]().Name())
	}
}
