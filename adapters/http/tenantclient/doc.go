// Package tenantclient is a store that another process serves with package tenantserver: a
// [tenancy.Source] over HTTP. Caches and replicas stack on it as on a database:
//
//	store, err := tenantclient.Open("https://tenants.internal:8443", tenantclient.WithToken(token))
//	if err != nil {
//		return err
//	}
//	all, err := replica.New(store)
//
// Open does not connect: a process starts while the server is down.
//
// # Guarantees
//
//   - Nothing but the server's own answer is ErrNotFound. A server that cannot be reached, a
//     proxy's error page, a token that is not accepted and an answer that was cut are
//     ErrUnavailable.
//   - A write whose answer was lost is ErrUnavailable, or the context's error, and may have
//     happened. [tenancy.ErrNotApplied] is said of those that were not sent, or that the
//     server has refused. No write is sent twice.
//   - Reads are as current as those of the store that is served.
//
// # Cost
//
// A call is a request, over connections that are kept open; a batch is one for each 4 MiB. The
// first call of Wait opens a stream of changes, by which the process is woken from then on.
package tenantclient
