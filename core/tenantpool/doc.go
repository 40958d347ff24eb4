// Package tenantpool keeps one open resource per tenant: a pool of connections to the
// tenant's database, a client, a rate limiter.
//
//	pools, err := tenantpool.New(store, open, (*sql.DB).Close, tenantpool.WithMax(50))
//
//	lease, err := pools.Get(ctx) // of the tenant in the context
//	if err != nil {
//		return err
//	}
//	defer lease.Release()
//	rows, err := lease.Resource().QueryContext(ctx, …)
//
// # Guarantees
//
//   - A resource is opened once, however many wait for it, each with a context of its own.
//     Whoever gets one that is open waits for nothing, and nobody waits for the open of
//     another tenant, unless there is no room for a further resource.
//   - There are never more resources than [WithMax] allows, those that are being opened or
//     closed included. To make room, the one that was unused for the longest time is closed; one
//     that is in use is not.
//   - No tenant gets the resource of another, not even one that has the same ID since.
//   - The pool follows the change log of the store. Once it has read that a tenant is no longer
//     served, Get refuses it; once it has read that the tenant's key (see [WithKey]) is another
//     one, Get opens a new resource. If the tenant in the context says so first, Get acts on
//     that. It asks the store before each open, and never opens for a tenant that is not served.
//   - A resource that must go is closed when its leases were released, and [Lease.Done] tells
//     those who have one. It is closed after [WithDrain] in any case, and no earlier while it
//     is in use.
//   - After a failed open, Get fails at once for a second, and for longer after each further
//     failure, up to 30 seconds. It tries again earlier when the tenant's key changes.
//   - While the change log cannot be read, open resources are in use for [WithMaxStale], and
//     are then closed.
//
// # Cost
//
// Get of an open resource locks a mutex and looks into a map; it does no I/O and does not
// allocate. A process has one goroutine that follows the log, and one per resource.
package tenantpool
