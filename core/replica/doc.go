// Package replica holds all tenants of a store in memory, kept current by the store's
// change log. Once it is synced, no read waits for the database: neither a lookup by ID,
// identifier, domain or former identifier, of a tenant that exists or of one that does not,
// nor a list. Only NamesOf and ListNames do.
//
//	r, err := replica.New(source) // returns at once, and reads the tenants in the background
//	<-r.Synced()                  // until then, reads go to the source
//
// A [Store] is a [tenancy.Source] in front of another one, as a stack of caches is. Use
// package tier if there are more tenants than a process should hold.
//
// # Guarantees
//
//   - Reads never go back: no read shows a state older than an earlier read has shown, by
//     any key. What is in memory is as of one position of the log.
//   - A process reads its own write when the call has returned, even if the call failed.
//     Other processes see it when they have been woken and have read the log, or after
//     [Store.Await].
//   - Without contact with the log, nothing is served from memory for longer than
//     [WithMaxStale]; reads then go to the source.
//   - Absence is known: once synced, looking up a name that does not exist costs no
//     statement, and leaves nothing in memory.
//   - If the log was trimmed before it could be read, or every row may have changed, all
//     tenants are read again; unchanged ones are not held twice. Until then the replica
//     serves what it has, within WithMaxStale, unless a write through this process or its
//     log has shown a caller something newer. It begins at a random time, within 16 times
//     what the last scan took and 10 s, so that the processes of a fleet do not all scan at
//     once.
//   - If the log has another history, as after a restored backup, reads go to the source
//     until all tenants have been read again.
//   - Tenants that a change touched are read from the source. Nothing is inferred from the
//     kind of the change.
//
// # Cost
//
// A hit takes no lock and does not allocate. An unknown identifier allocates 16 bytes, for
// its error. A tenant takes some 370 bytes plus its texts, and each of its names some 230. A
// change costs one read of the log and one Load, and another Load if the tenant has names;
// changes that arrive together share them. A replica over a stack of caches reads the log
// itself, which costs a second small statement for each change, and loads changed tenants
// through the stack. It does not need such a stack: once synced, it looks nothing up.
package replica
