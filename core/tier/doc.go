// Package tier puts a cache in front of a store of tenants, as a decorator, and
// keeps it coherent: a tier never serves an old value after a newer one, through
// crashes, partitions, renames, slug reuse and restored backups.
//
// [New] is the only place with caching logic; an adapter implements [Cache], and
// perhaps [Bus], and returns the same [*Store]. Tiers stack:
//
//	shared, err := tier.New(primary, l2)   // L2, shared by processes
//	local, err := tier.New(shared, l1)     // L1, in this process
//
// # How it works
//
// The database keeps a log of every change ([tenancy.Source]). Each entry of a
// cache carries the position as of which it is true, and is served only if no
// change that was seen since touches its key: the floor of the key is not above
// it. One reader in each process ([follow.Reader]) reads the log for the whole stack and raises
// floors. Caches are not trusted to order anything; they may lose entries, or
// return old ones.
//
//   - A value that is newer than what was followed is served only once the log was
//     followed to it, and has confirmed its position by its mark. So reads do not
//     go back, whichever tier answers, and nothing of a history that the database
//     lost (a restored backup) is served once the loss was noticed.
//   - After every write attempt, failed ones too, the log is followed before the
//     call returns: the writer's process reads its own writes. Only an attempt that
//     cannot have changed anything (ErrInvalid, ErrNotApplied) is left alone.
//   - Nothing is served from a cache before the log was read once, or when it
//     could not be read for MaxStale.
//   - A miss is loaded once, however many wait for it. Across processes a shared
//     cache grants a lease to one of them; the others wait for a moment.
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
// not allocate. Each process reads the log once after a write of anybody, and once in
// each poll interval of the store. Floors grow, as keys are looked up, to 32 bytes for
// each entry that the largest cache may hold, at least 256 KiB and at most 16 MiB, or 4
// MiB if the cache does not say how many it may hold. Marks take 8 bytes for each of the
// last 131,072 changes.
package tier
