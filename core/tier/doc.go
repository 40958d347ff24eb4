// Package tier puts a stack of caches in front of a store of tenants, as a decorator, and
// keeps it coherent: it never serves an old value after a newer one, through
// crashes, partitions, renames, slug reuse and restored backups.
//
// [New] is the only place with caching logic. An adapter implements a port, [LocalCache] or
// [SharedCache], and perhaps [Bus], and returns the same [*Store]. A stack has at most one
// cache of each kind:
//
//	shared, err := tier.New(primary, tier.Shared(l2)) // L2, used by several processes
//	store, err := tier.New(shared, tier.Local(l1))    // L1, in this process, joins the stack
//
// # The rules
//
// Each has tests, which name its number. Caches are not trusted: they may lose entries, or
// return old ones. `TestModelHolds` explores the rules as a model, and
// `TestModelNeedsEveryRule` switches them off one by one.
//
//  1. Positions. The database keeps a log of every change ([tenancy.Source]). An entry says
//     as of which position it is true, also one that says that there is no tenant.
//  2. Floors. The floor of a key is the revision of the newest change that touched it. An
//     entry below the floor of its key is not served, whatever holds it. A flush is a new
//     epoch. Both are looked at before a load, and again before its result is given away.
//  3. Acceptance. A value that is newer than what was followed is served only once the log
//     was followed to it and has confirmed its position by its mark. So reads do not go back,
//     and nothing of a history that the database lost is served once the loss was noticed.
//  4. Start. Nothing is served from a cache before the log was read once. For a shared cache,
//     it is replayed from its oldest position on.
//  5. One reader ([follow.Reader]) follows the log for the stack, and moves its one position.
//  6. Leases. Who finds nothing in a shared cache may be granted a lease to fill it. Only over
//     its lease, or over an older entry, is an entry stored; a change deletes the lease. What
//     fills a shared cache comes from the database, and from no cache. Leases that are not
//     used are given back.
//  7. Writes. After every write attempt, failed ones too, the log is followed before the call
//     returns: the writer's process reads its own writes. If the log cannot be read, nothing is
//     served from caches until it was. Only an attempt that cannot have changed anything
//     (ErrInvalid, ErrNotApplied) is left alone.
//  8. A message of a bus only wakes the reader of the log.
//  9. Flights. A key is loaded once, however many wait for it. A waiter leaves with its own
//     context, and refuses what was loaded before a change that was seen when it came.
//  10. MaxStale. Nothing is served from a cache when the log could not be read for so long.
//  11. A failing shared cache never fails a read or a write, and is not waited for twice.
//  12. Bounds. Loads under way are bounded. Negative entries have a TTL of their own. A
//     malformed key goes to no cache and no database.
//  13. A TTL bounds what an entry is kept for; entries that are used are loaded again ahead
//     of it.
//  14. What must not be in a shared cache, or could not be read by this process, is not put
//     there.
//  15. InvalidateAll makes what the caches hold unservable first, and then removes it.
//  16. What is no stack is refused by New, with the reason: a second cache of a kind, a
//     shared one in front of a local one, a decorator between two caches.
//
// # The files, in the order in which to read them
//
//   - fence.go: floors (rule 2), which stand for themselves
//   - cache.go: the ports; entry.go: what is in a cache (1)
//   - store.go: the stack and New (16); option.go
//   - obey.go: what a change does to it (2, 4, 5); applier.go: and to a shared cache (6)
//   - read.go: lookups, and hits (3, 10); flight.go: who waits for whom (9)
//   - load.go: the way of what is no hit, for one key and for many (2, 3, 9, 12);
//     shared.go: the part of it that is about the shared cache (6, 11, 14)
//   - refresh.go (13); write.go (7), for the rest of which see [follow.Decorator]; manage.go
//     (15); names.go; resets.go
//   - observer.go and stats.go, for metrics
//
// # Guarantees and limits
//
// On one node, a read never returns older than what a read that had returned
// before it began. A write is seen by its own node at once; by other nodes as soon
// as they are woken (by the database's notification or a [Bus]) and have read the
// log, at the latest within the poll interval plus that read; within MaxStale when
// a node cannot reach the database. A process that was stopped, and resumes, serves
// what it had until it has read the log; after more than MaxStale, for one tick of the
// hit path's clock at most: 50 ms.
//
// # Cost
//
// A hit in a local cache costs a few atomic loads on top of the cache and does
// not allocate. A miss is one trip, whatever the stack: the shared cache is asked, then the
// database, and the shared cache is filled when the caller has the answer. Each process reads
// the log once after a write of anybody, and once in each poll interval of the store. Floors
// grow, as keys are looked up, to 32 bytes for each entry that the local cache may hold, at
// least 256 KiB and at most 16 MiB; 4 MiB for a shared cache alone. Marks take 8 bytes for each
// of the last 131,072 changes.
package tier
