// Quickstart is a small but complete tenant service: it opens a store, fills an
// empty one with real tenants, tells each request whose it is, and lets an
// operator manage tenants over HTTP.
//
// Read it in this order:
//
//   - main.go wires everything together; config.go has the flags
//   - store.go stacks the caches on SQLite, PostgreSQL or MySQL; tiers.go shows what they do
//   - import.go and institutions.go fill an empty store, once
//   - resolve.go finds the tenant of a request (tenancyhttp); whoami.go uses it
//   - routes.go is the table of endpoints, the admin_*.go files are behind it
//   - problem.go is every error answer (RFC 9457), request.go, members.go and
//     etag.go what is checked before a handler believes its input
//   - serve.go starts and stops without losing an accepted write
//
// The admin API has no authentication. It is meant for the loopback interface,
// or for a place behind your own.
package main
