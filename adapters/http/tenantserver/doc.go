// Package tenantserver serves a store over HTTP: tenants as resources with conditional
// requests, the change log as pages and as streams, and errors as problems of RFC 9457. So
// a fleet of processes, and programs in other languages, share one follower of the
// database. Package tenantclient is the client in Go.
//
//	server, err := tenantserver.New(source, authorize)
//	defer server.Close()
//	err = http.ListenAndServe("localhost:8080", server)
//
// GET /openapi.json describes every path, and docs/service.md leads through them.
//
// # Guarantees
//
//   - An answer of the service is that of the store. An outage is 503, and nothing but the
//     store's own ErrNotFound is the problem tenant-not-found.
//   - The log is what the store's is: each change once, in commit order and without gaps,
//     in pages and in streams alike. What a stream has sent up to a bookmark is all that
//     the log held then.
//   - A secret leaves the service only in the answer to a request that may see secrets.
//   - A failed write says in the member applied whether it may have happened.
//
// # Cost
//
// One follower reads the log, whatever the number of watchers, and each change is written
// as JSON once. Reads of the log and loads that ask the same share one read of the store if
// they come while another is under way; it begins after each of them has come.
package tenantserver
