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
//   - Reads never go back: a lookup, by either key, never returns a tenant as it was
//     before what an earlier one has returned. List, Count and Search are each as of one
//     moment.
//   - A write is read by its own process as soon as the call has returned, also after a
//     failed attempt; by others when they have read the log, which something wakes them
//     to do.
//   - Without contact with the log nothing is served from memory for longer than
//     [WithMaxStale]; reads then go to the source.
//   - Absence is known: once synced, a name that does not exist costs no statement, and
//     nothing that stays.
//   - Where the log was trimmed before it could be read, or every row may have changed,
//     all tenants are read anew, into the same memory. What is known is served meanwhile,
//     within WithMaxStale, until there is a write through this process. Its log can be
//     read only when that is finished.
//   - Where the log has another history, as after a restored backup, reads go to the
//     source until all tenants were read anew.
//   - What a change touched is read from the source, and never inferred from its kind.
//
// Tenants are scanned by pages of List. A change that one page has shown and the database
// then lost, in a failover before the next read of the log, is noticed only if it
// was a change of a tenant that the page has. The window is the time of one page, while a
// replica starts.
//
// # Cost
//
// A hit takes no lock and does not allocate. A tenant takes some 350 bytes besides its
// texts. A change costs one read of the log and one Load, together with others that come
// at the same time. Over a stack of tiers a replica reads the log besides the stack's
// own reader, which costs a second small statement for each change, and reads what was
// changed through the stack. It needs none below: once synced, it does not look anything
// up.
package replica
