// Package replica holds all tenants of a store in memory, kept current by the store's
// change log. Once it is synced, no read waits for the database: not of a tenant, not of
// one that does not exist, not of a list.
//
//	r, err := replica.New(source) // at once; it reads the tenants in the background
//	<-r.Synced()                  // until then, reads go to the source
//
// A [Store] is a [tenancy.Source] in front of another, as a tier is. Package tier is for
// more tenants than a process wants to hold.
//
// # Guarantees
//
//   - Reads never go back: none shows what was before something that an earlier one has
//     shown, by whatever key. What is in memory is as of one position of the log.
//   - A write is read by its own process as soon as the call has returned, also after a
//     failed attempt; by others when they have read the log, which something wakes them
//     to do, or after [Store.Await].
//   - Without contact with the log nothing is served from memory for longer than
//     [WithMaxStale]; reads then go to the source.
//   - Absence is known: once synced, a name that does not exist costs no statement, and
//     nothing that stays.
//   - Where the log was trimmed before it could be read, or every row may have changed,
//     all tenants are read anew; one that has not changed is not held twice. What is known is served
//     meanwhile, within WithMaxStale, until a caller is shown something newer: by a write
//     through this process, or by its log.
//   - Where the log has another history, as after a restored backup, reads go to the
//     source until all tenants were read anew.
//   - What a change touched is read from the source, and never inferred from its kind.
//
// Tenants are scanned by pages of List. That a page has not shown a tenant, because of a
// deletion which the database then lost in a failover, is not noticed where the log was
// not read in between: a matter of milliseconds, while a replica starts.
//
// # Cost
//
// A hit takes no lock and does not allocate. A tenant takes some 370 bytes besides its
// texts. A change costs one read of the log and one Load, together with others that come
// at the same time. Over a stack of tiers a replica reads the log besides the stack's
// own reader, which costs a second small statement for each change, and reads what was
// changed through the stack. It needs none below: once synced, it does not look anything
// up.
package replica
