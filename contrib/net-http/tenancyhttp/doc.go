// Package tenancyhttp finds the tenant of each request and puts it into the
// request's context.
//
//	tenant, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"))
//	…
//	handler := tenant(mux)
//
// A [Resolver] reads from the request which tenant it names; the middleware looks
// that tenant up, once, and passes the request on if it may be served.
// [tenancy.FromContext] gives the tenant to the handlers. Whom to serve is decided by
// package [resolve], which has the outcomes, the errors of resolvers and the observer.
//
// # What the middleware promises
//
//   - It fails closed. A request reaches the next handler with a tenant that the
//     store has, in a status that is served, or not at all, but for skip rules and
//     [WithOptional]. There is no default tenant.
//   - A wrong argument is an error of the constructor, never of a request.
//   - An outage is an outage: if the store or a resolver cannot answer, or the
//     deadline is over, the answer is 503 with Retry-After, never 404.
//   - Only well-formed keys reach the store, one lookup per request.
//   - Refusals are application/problem+json ([Problem]), repeat nothing that the
//     client sent and are never cached. They vary by what the resolvers read, as
//     do all responses.
//   - With [WithHidden], nobody can tell a tenant that is not served from one that
//     does not exist.
//
// # Answers
//
//	outcome                          status
//	missing, invalid                 400
//	conflict                         400, with a credential 403
//	unauthenticated                  401 and WWW-Authenticate
//	forbidden, suspended             403
//	unknown, deleted                 404
//	misdirected                      421
//	moved                            308, with WithRedirectFormer
//	provisioning, unavailable        503 and Retry-After
//	canceled                         503, to a client that has gone
//
// [WithStatus] changes them, [WithErrorHandler] the bodies.
//
// [Error] answers to what a store returns to a handler.
//
// # Composition
//
// [First] takes the first resolver that finds something, and never goes on after something
// invalid; [Agree] demands that all that find something name the same tenant. Behind a
// reverse proxy, [TrustedProxies] comes before everything else. For custom domains there
// are [Domain], [RedirectToPrimary], and, for certificates, [HostPolicy] and [Ask]. For
// long requests, a [Watcher] ends those whose tenant is no longer served.
package tenancyhttp
