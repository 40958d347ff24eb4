// Package carry takes the tenant of a request along to where its work goes on: a job, a message,
// a call of another service.
//
//	err := carry.Inject(ctx, message.Header)                              // where it is sent
//	ctx, err := carry.Extract(ctx, store, resolve.Policy{}, message.Header) // where it is received
//
// The ID is carried and not the identifier, which may belong to another tenant by the time the
// work is done. Extract looks the tenant up again, and refuses one that is no longer served: a
// job may wait for days. The revision is carried too, so that a receiver whose cache is behind
// does not take a tenant that was just created or activated for one that is not served.
//
// Carry it in the headers of a message, not in OpenTelemetry's baggage, which is also sent to
// third parties.
//
// # Trust
//
// Whoever can write to the carrier can name any tenant. Where messages come from outside, find
// the tenant by a credential instead.
package carry
