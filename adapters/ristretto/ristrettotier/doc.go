// Package ristrettotier keeps tenants in the memory of the process: a local tier
// (L1) on github.com/dgraph-io/ristretto, of a bounded size.
//
//	primary, err := bunpg.Open(ctx, dsn)
//	store, err := ristrettotier.New(primary, ristrettotier.WithMaxEntries(50_000))
//
// [New] returns the [tier.Store] that package tier documents; its guarantees hold
// whatever this cache does. Nothing here orders or expires: the tier judges every
// entry that it gets.
//
// # Sizes
//
// A tenant that is looked up by ID and by identifier takes two entries. What is
// known not to exist has a small space of its own ([WithMaxNegatives]): a scan of
// random identifiers fills that and evicts no tenant. When a space is full, a new
// entry displaces one that is used less often, or is not kept if it is itself the
// one; see [Cache.Stats].
//
// Before the first entry, a cache takes about 5 MB with the defaults: two queues
// of 256 KiB, and 3 to 7 bytes for each of 10 frequency counters per possible
// entry. An entry takes about 450 bytes and the texts of its tenant.
//
// # Cost
//
// A hit does not allocate (ristretto itself makes a buffer for each 64 at most),
// takes no lock of its own and does not read the clock.
// A fill takes a few microseconds, one after the other: it waits until ristretto
// has decided on it, so that ristretto never has two changes under way and its
// races cannot happen (a second Set of a key that is lost, a Set that is dropped
// or overtakes a Del). So a lookup finds what the one before it has filled.
//
// Entries whose TTL is over are removed once a minute. Ristretto's own TTL would
// cost a reading of the clock for each hit.
//
// Close runs the garbage collector, once as a rule: that is how it finds out that
// no hit is under way any more, without a cost to any hit. It takes milliseconds,
// with a large heap a second.
package ristrettotier
