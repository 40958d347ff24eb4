// Package follow reads the change log of a store ([tenancy.Log]), for what must obey it.
//
// [Run] is for a worker: it calls functions of yours for each change, says whether it is
// in contact, and goes on through outages and restored backups.
//
//	err := follow.Run(ctx, store, follow.Handler{Sync: all, Change: one, Contact: contact})
//
// [Reader] is for what serves from memory, such as a stack of caches or a replica, and
// must know how current that is at each moment. It consists of a position in the log, by
// which other positions are judged; of freshness, which is until when what is known may be
// served; and of the group of buses over which processes wake each other. Read position.go,
// freshness.go and buses.go first, each of which stands for itself, then reader.go, which
// reads the log for them.
//
// # Guarantees
//
//   - Changes are obeyed in commit order, each once and without gaps, or the follower is
//     told to start over.
//   - Only the log moves the position. A message of a bus, and the store's Wait, do no more
//     than have it read.
//   - A [Reader.Wrote] that has returned nil has followed the log to what was written. If
//     the log could not be read, nothing may be served until a read that began afterwards
//     has ended.
//   - A log that is not read within the limit of [Reader.LimitStale] ends the service of
//     what is known, and its first read begins it.
//   - Nobody waits for the log longer than their context allows, or than the time of two
//     pages in which nothing comes.
//
// # Cost
//
// A log is read once when the store's Wait says that there may be more: after a write of
// anybody, and once in each poll interval of the store. A process that is idle makes no
// other statements. Marks take 8 bytes for each of the last 131,072 changes.
package follow
