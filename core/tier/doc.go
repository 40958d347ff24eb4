// Package tier puts a stack of caches in front of a store of tenants, as a decorator, and
// keeps it coherent: it never serves an old value after a newer one, through
// crashes, partitions, renames, slug reuse and restored backups.
//
// All caching logic is here. An adapter implements a port, [LocalCache] or [SharedCache], and
// perhaps [Bus]; its constructor calls [New] and returns the [*Store]. A stack has at most one
// cache of each kind:
//
//	shared, err := tier.New(primary, tier.Shared(l2)) // L2, used by several processes
//	store, err := tier.New(shared, tier.Local(l1))    // L1, in this process, joins the stack
//
// # The rules
//
// Tests cite the rules by number. Caches are not trusted: they may lose entries, or
// return old ones. `TestModelHolds` explores the rules as a model, and
// `TestModelNeedsEveryRule` switches them off one by one.
//
//  1. Positions. The database keeps a log of every change ([tenancy.Source]). Each entry, a
//     negative one too, records the position as of which it is true.
//  2. Floors. The floor of a key is the revision of the newest change that touched it. An
//     entry below the floor of its key is not served, wherever it is held. A flush begins a
//     new epoch. Floor and epoch are read before a load, and checked before its result is
//     returned.
//  3. Acceptance. A value newer than the position is served only after the log has been
//     followed to it and its mark has confirmed it. So reads do not go back, and once the
//     loss of a history is noticed, nothing of that history is served.
//  4. Start. Nothing is served from a cache before the log has been read once. For a shared
//     cache, the log is replayed from its oldest position.
//  5. One reader ([follow.Reader]) follows the log for the stack, and moves its one position.
//  6. Leases. A process that finds nothing in a shared cache may get a lease to fill it. An
//     entry is stored only with the lease, or over an older entry; a change deletes the
//     lease. A shared cache is filled from the database, never from a cache. Unused leases
//     are given back.
//  7. Writes. After every attempt to write, successful or not, the log is followed before the
//     call returns: a process reads its own writes. If the log cannot be read, nothing is
//     served from caches until it has been. The exception is an attempt that certainly
//     changed nothing (ErrInvalid, ErrNotApplied).
//  8. A message of a bus only wakes the reader of the log.
//  9. Flights. A key is loaded once, by the first caller, however many wait for it. A caller
//     stops waiting when its own context ends; if the first leaves, the load begins anew for
//     the others. A caller refuses a value loaded before a change that had been seen when it
//     called.
//  10. MaxStale. If the log has not been read for that long, nothing is served from a cache.
//  11. A failing shared cache never fails a read or a write, and no call waits for it twice.
//  12. Bounds. The number of loads under way is bounded. Negative entries have their own TTL.
//     A malformed key reaches neither caches nor database.
//  13. A TTL bounds how long an entry is kept; an entry in use is reloaded before it expires.
//  14. An entry that a shared cache must not hold, or that this process could not read back,
//     is not put there.
//  15. InvalidateAll first makes what the caches hold unservable, then removes it.
//  16. New refuses what is not a stack, and says why: a second cache of a kind, a shared cache
//     in front of a local one, a decorator between two caches.
//
// # The files, in the order in which to read them
//
//   - fence.go: floors (rule 2), which depend on nothing else
//   - cache.go: the ports; entry.go: what is in a cache (1)
//   - store.go: the stack and New (16); option.go
//   - obey.go: changes and the local cache (2, 4, 5); applier.go: changes and the shared
//     cache (6)
//   - read.go: lookups, and hits (3, 10); flight.go: callers that share a load (9)
//   - load.go: misses, for one key and for many (2, 3, 9, 12); shared.go: the part of a miss
//     in the shared cache (6, 11, 14)
//   - refresh.go (13); write.go (7), most of which is [follow.Decorator]; manage.go (15);
//     names.go; resets.go
//   - observer.go and stats.go, for metrics
//
// # Guarantees and limits
//
// On one node, a read never returns an older value than a read that returned before it
// began. A write is visible on its own node when the call returns. Other nodes see it when
// the database's notification or a [Bus] has woken them and they have read the log; without
// a wake-up, after the poll interval and that read; within MaxStale if they cannot reach the
// database. A process that was stopped and resumes serves what it had until it has read the
// log; if it was stopped for more than MaxStale, for at most one tick of its clock, 50 ms.
//
// # Cost
//
// A hit in a local cache costs a few atomic loads on top of the cache and does
// not allocate. A miss is one trip through the stack: it asks the shared cache, then the
// database, and fills the shared cache after the caller has the answer. Each process reads
// the log once after each write by any process, and once per poll interval of the store.
// Floors grow, as keys are looked up, to 32 bytes for each entry that the local cache may
// hold, at least 256 KiB and at most 16 MiB; 4 MiB for a shared cache alone. Marks take 8
// bytes for each of the last 131,072 changes.
package tier
