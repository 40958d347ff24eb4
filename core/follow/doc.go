// Package follow reads the change log of a store ([tenancy.Log]) for caches, replicas and
// workers.
//
// [Run] is for a worker: it calls your functions for each change, reports whether it is in
// contact with the log, and continues through outages and restored backups.
//
//	err := follow.Run(ctx, store, follow.Handler{Sync: all, Change: one, Contact: contact})
//
// [Reader] is for a store that serves from memory, such as a stack of caches or a replica,
// and must know at each moment how current its data is. It has three parts: the position in
// the log, by which other positions are judged; freshness, which says until when the data
// may be served; and the buses over which processes wake each other. Read position.go,
// freshness.go and buses.go first, which are independent of each other, then reader.go, which
// reads the log for them.
//
// # Guarantees
//
//   - Changes are obeyed in commit order, each once and without gaps, or the follower is
//     told to start over.
//   - Only the log moves the position. A message of a bus and the store's Wait only cause
//     a read.
//   - When [Reader.Wrote] returns nil, the log has been followed to the write. If the log
//     cannot be read, nothing is served until a later read succeeds.
//   - Service from memory begins with the first read of the log. It ends when the log has
//     not been read within the limit of [Reader.LimitStale], and resumes with the next
//     read.
//   - No call waits for the log longer than its context allows, or longer than two pages
//     may take if nothing comes.
//
// # Cost
//
// The log is read once each time the store's Wait returns: after a write by any process,
// and once per poll interval of the store. An idle process makes no other statements. Marks
// take 8 bytes for each of the last 131,072 changes.
package follow
