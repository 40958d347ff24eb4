// Package resolve decides whether the tenant that a request names is served. It
// knows nothing of HTTP: tenancyhttp is a thin layer over it, and so can be an
// interceptor for another protocol.
//
//	d := policy.Decide(ctx, store, match, err) // match, err: what the request says
//	if d.Outcome == resolve.OutcomeResolved {
//		ctx = tenancy.NewContext(ctx, d.Tenant)
//	}
//
// A [Match] is what a request says about its tenant, a [Policy] whom to serve, a
// [Decision] what becomes of the request. An [Observer] is told of every decision.
//
// # Guarantees
//
//   - It fails closed. A tenant is served that the store has, under the key that was
//     asked for, in a status that the policy serves. There is no default tenant.
//   - An outage is an outage: if the store cannot answer, the outcome is
//     [OutcomeUnavailable], never [OutcomeUnknown].
//   - Only valid keys reach the store, and a decision costs one lookup.
//   - Two keys that cannot be of one tenant are a conflict, which does not tell
//     whether either of them exists.
package resolve
