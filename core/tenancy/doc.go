// Package tenancy holds the model and the ports of tenantstore: what a tenant
// is, what a store of tenants promises, and what a cache needs from a store in
// order to be coherent with it.
//
// # The port
//
// [Store] is what an application uses. [Getter] is the part of it that a
// request handler needs. A [Decorator] is what a store in front of another embeds.
// Package driver is for authors of new stores.
//
// [Source] adds what makes caches coherent: a store-wide [Revision] for every
// changed row, a log of changes in commit order, and reads that say as of which
// [Position] of that log they are true. [SourceOf] tells whether a store has it.
//
// # Semantics
//
// Every implementation answers alike; conformance/storetest decides.
//
//   - Identifiers match [a-z][a-z0-9-]{1,61}[a-z0-9]. IDs and names have 1 to
//     255 runes; new IDs are printable and no path tricks (driver.ValidateNewID). Metadata is one JSON object of at most 256 KiB. NUL and invalid
//     UTF-8 are refused everywhere. What is wrong with an input is an [*Error]
//     that wraps [ErrInvalid] and names the field, before any I/O.
//   - Reads return suspended and deleted tenants too: the caller decides what
//     to do with a [Status].
//   - Update replaces every mutable field if Revision and Mark still match, else
//     it fails with [ErrConflict]; see [AnyRevision] and [Modify].
//   - Times are UTC with microsecond precision, and read back as written.
//   - List is ordered by CreatedAt, then ID, both descending; Search by rank,
//     then identifier. Text is ordered by bytes, whatever the database's
//     collation.
//
// # Errors
//
// Every error is an [*Error] around one of the sentinels, or around the
// context's error. Test them with [errors.Is]. No error text holds a
// [Secret], the arguments of a statement or a driver's parameters.
//
// # Concurrency
//
// A [Tenant], [Metadata], [Secret] or [Position] is a value: safe to copy, share
// and compare with ==. Every Store is safe for concurrent use.
package tenancy
