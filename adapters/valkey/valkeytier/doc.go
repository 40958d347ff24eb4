// Package valkeytier keeps tenants in Valkey (or Redis), for all processes that use it: a
// shared cache (L2) and a bus, on github.com/valkey-io/valkey-go.
//
//	primary, err := bunpg.Open(ctx, dsn)
//	store, err := valkeytier.New(primary, valkey.ClientOption{InitAddress: []string{"127.0.0.1:6379"}})
//
// [New] returns the [tier.Store] that package tier documents; its guarantees hold
// whatever Valkey does. One server, Sentinel, a cluster, TLS and ACL users come
// with [valkey.ClientOption]. Valkey 7.2 and Redis 7.0 are the oldest that work.
//
// # What is kept
//
// Two keys for each tenant that was looked up: prefix + "id:" + ID and prefix +
// "identifier:" + identifier, each with the whole record in the form of
// [entrycodec.Codec], or with the fact that there is none. A key that is being filled
// holds a lease for 3 s at most. Every value expires; let maxmemory-policy be
// allkeys-lru or allkeys-lfu.
//
// A DatabaseURL goes to Valkey only sealed ([WithSealer]), or as plain text on request
// ([WithPlainSecrets]); else a tenant that has one is not cached here. All else is plain,
// and anyone who can write to Valkey can make up tenants: set a password, and a user that
// may use only the prefix (README.md has its rules).
//
// # When Valkey fails
//
// A failing Valkey never fails a read or a write; SQL answers. A call takes at most its
// deadline ([WithDeadline], 50 ms), and at most 128 are under way at once ([WithMaxCalls]);
// further ones fail at once. When 5 of the last 64 calls failed, a circuit breaker opens:
// Valkey gets no more calls until a probe in the background has had an answer to every
// command, each under the key of its last failure. It is tried after 100 ms at first and
// after 2 s at most. So a server that hangs delays a read by the deadline, and only until
// the breaker opens; one that hangs in a cluster opens it for the whole cluster.
//
// A command that the server refuses, or a proxy before it, is not sent any more until a
// probe of it succeeds; what does not need it goes on (README.md has a table). Without
// SET, GET, EVAL or EVALSHA nothing can be cached: the breaker opens.
//
// Each of these is logged once, with its reason: a wrong password, a missing
// permission, too old a server. It is over when all has been well for 10 s.
//
// New does no I/O. It connects in the background; lookups that come before the
// first attempt is over wait for it, within their deadline.
//
// A value that cannot be read (another type, altered, of a newer release, sealed
// with an unknown key) is counted, logged once for each kind, and replaced if it
// is still the same.
//
// # Cost
//
// A lookup is one round trip, and so is a fill (a script with one key). A batch is
// one MGET for each 1000 keys, or one pipeline for each node of a cluster, and a
// second round trip for what was not there. Each process holds a few
// connections to each server, and one goroutine besides those of the client.
//
// # The bus
//
// A [Bus] tells the other processes that the log has grown, in a fraction of a
// millisecond. Use it where the database has no notification of its own: SQLite
// with several processes. PostgreSQL needs none.
package valkeytier
