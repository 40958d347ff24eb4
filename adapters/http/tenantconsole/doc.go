// Package tenantconsole is a page for the people who run a registry of tenants: they find a
// tenant, see its names and its history, suspend and activate it, rename it, edit its
// metadata, and watch changes as they are made. It uses a [tenantserver] of the same origin:
//
//	console, err := tenantconsole.Handler()
//	mux.Handle("/v1/", server) // a tenantserver
//	mux.Handle("/", console)
//
// The page is static and holds no data. It has the rights that the service grants to whoever
// looks at it, asks GET /v1/access which those are, and offers nothing beyond them. Where the
// service wants a token, the page asks for it, and keeps it until it is closed or reloaded.
//
// # Guarantees
//
//   - What tenants contain is shown as text, whatever it is; a DatabaseURL never, even if
//     the service would show it.
//   - The page loads and contacts nothing of another origin. Its Content-Security-Policy
//     forbids it, and scripts and styles within the page.
//   - An edit does not replace what somebody else has written since: it is conditional, and a
//     conflict is shown.
//   - Metadata are sent as they were typed, numbers of any size included.
//
// [tenantserver]: https://pkg.go.dev/github.com/go-tenancy/tenantstore/adapters/http/tenantserver
package tenantconsole
