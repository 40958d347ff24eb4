// Package tenancygrpc finds the tenant of each gRPC call and puts it into the call's
// context.
//
//	tenants, err := tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("x-tenant-id"))
//	…
//	server := grpc.NewServer(grpc.ChainUnaryInterceptor(tenants.Unary), grpc.ChainStreamInterceptor(tenants.Stream))
//
// A [Resolver] reads from the call which tenant it names; the interceptors look that
// tenant up, once, and pass the call on if it may be served. [tenancy.FromContext] gives
// the tenant to the handlers. Whom to serve is decided by package [resolve], which has the
// policy, the outcomes, the errors of resolvers and the observer.
//
// # What the interceptors promise
//
//   - They fail closed. A call reaches its handler with a tenant that the store has, in a
//     status that is served, or not at all, but for [WithSkipMethods] and a policy in which
//     tenants are optional. There is no default tenant.
//   - A wrong argument is an error of the constructor, never of a call.
//   - An outage is UNAVAILABLE, never NOT_FOUND.
//   - Only well-formed keys reach the store, one lookup per call.
//   - Refusals repeat nothing that the client sent.
//   - Where the policy hides which tenants exist, nobody can tell a tenant that is not served
//     from one that does not exist: status, message, details and trailers are the same bytes.
//   - With [WithWatcher], a stream ends when its tenant is no longer served, also one whose
//     handler waits for its client.
//
// # Codes
//
//	outcome                          code
//	missing, invalid, misdirected    INVALID_ARGUMENT
//	conflict                         INVALID_ARGUMENT, with a credential PERMISSION_DENIED
//	unauthenticated                  UNAUTHENTICATED
//	forbidden, suspended             PERMISSION_DENIED
//	unknown, deleted                 NOT_FOUND
//	provisioning, unavailable        UNAVAILABLE, with google.rpc.RetryInfo
//	canceled                         CANCELLED
//
// Each refusal has a google.rpc.ErrorInfo, whose reason is a code for programs, such as
// TENANT_SUSPENDED, and whose domain is [ErrorDomain].
//
// # Between services
//
// A client sends the tenant of its context along with [InjectUnary] and [InjectStream]; the
// called service finds it with [Carried].
package tenancygrpc
