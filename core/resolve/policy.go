package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Policy says which requests are served. The zero Policy serves active tenants.
type Policy struct {
	// Served are the statuses whose tenants are served: active alone if there are
	// none.
	Served []tenancy.Status
	// Optional passes on requests that name no tenant, as [OutcomeSkipped].
	// Requests that name one in a wrong way are refused all the same.
	Optional bool
	// Hidden hides which tenants exist: to the client, one that is not served
	// looks as one that does not exist. See [Decision].Shown.
	Hidden bool
}

// Validate returns an error that wraps [tenancy.ErrInvalid] if a status is none that
// package tenancy knows.
func (p Policy) Validate() error {
	for _, s := range p.Served {
		if !s.Known() {
			return &tenancy.Error{Op: "Validate", Field: "status", Err: fmt.Errorf("%w: %q is not a known status", tenancy.ErrInvalid, s)}
		}
	}
	return nil
}

// Decision is what becomes of a request.
type Decision struct {
	// Outcome is the truth, for logs and metrics.
	Outcome Outcome
	// Shown is the outcome that the client may be told. It differs from Outcome
	// where the policy hides that.
	Shown Outcome
	// Tenant is the one to serve if Outcome is OutcomeResolved, and the zero
	// Tenant otherwise.
	Tenant tenancy.Tenant
	// FromContext says that the tenant was in the context already.
	FromContext bool
	// Resolver is the name of what decided, for [Event].
	Resolver string
	// Verified says that a credential that was checked names a tenant.
	Verified bool
	// Err is why no tenant was found. It is nil for one that is only not served.
	Err error
}

// Refusal returns nil if the tenant is served, or the request needs none, and otherwise why
// not. The error wraps Err, and [ErrNotServed] if it is certain that the tenant is not served;
// [IsOutage] reports it if the lookup has failed.
func (d Decision) Refusal() error {
	switch d.Outcome {
	case OutcomeUnknown, OutcomeSuspended, OutcomeProvisioning, OutcomeDeleted:
		if d.Err != nil {
			return fmt.Errorf("%w: %w", ErrNotServed, d.Err)
		}
		return fmt.Errorf("%w: it is %s", ErrNotServed, d.Outcome)
	case OutcomeUnavailable:
		return AsOutage(d.Err)
	}
	return d.Err
}

// Decide decides about a request of which m and err are what was found in it. It asks
// the getter for the tenant, once, unless m needs no lookup or the context has a
// tenant already: then m must name that one, or none.
//
// With these errors, and others that wrap them, the outcome is
//
//   - [ErrAbsent], or no Key: missing, or skipped if that is allowed
//   - [ErrMisdirected]: misdirected
//   - [tenancy.ErrInvalid]: invalid
//   - [ErrUnauthenticated]: unauthenticated
//   - [ErrNoTenantClaim]: forbidden
//   - [tenancy.ErrNotFound]: unknown
//   - any other: unavailable, or canceled if the context was
func (p Policy) Decide(ctx context.Context, getter tenancy.Getter, m Match, err error) (d Decision) {
	d.Resolver, d.Verified, d.Err = m.Resolver, m.Verified, err
	if d.Resolver == "" {
		d.Resolver = NameOther
	}
	if err == nil && m.Key == (tenancy.Key{}) {
		d.Err = ErrAbsent
	}
	d.Tenant, d.FromContext = tenancy.FromContext(ctx)
	switch absent := IsAbsent(d.Err); {
	case absent && d.FromContext:
		d.Resolver, d.Err = NameContext, nil
	case absent && p.Optional:
		return Skip()
	case absent:
		d.Resolver = NameNone
	case d.Err != nil:
	case d.FromContext:
		d.Resolver = NameContext
		if !m.Key.Matches(d.Tenant) || !m.alsoMatch(&d.Tenant) {
			d.Err = errConflict
		}
	default:
		d.Err = m.lookUp(ctx, getter, &d.Tenant)
	}
	if d.Err != nil {
		d.Outcome = outcomeOf(ctx, d.Err)
	} else {
		d.Outcome = p.outcome(&d.Tenant)
	}
	if d.Outcome != OutcomeResolved {
		d.Tenant = tenancy.Tenant{}
	}
	d.Shown = p.shown(d.Outcome, m.mixed())
	return d
}

// Skip is the decision about a request that is passed on without a tenant.
func Skip() Decision {
	return Decision{Outcome: OutcomeSkipped, Shown: OutcomeSkipped, Resolver: NameNone}
}

// outcome is the one for a tenant that was found.
func (p Policy) outcome(t *tenancy.Tenant) Outcome {
	switch {
	case len(p.Served) == 0 && t.Status == tenancy.StatusActive, slices.Contains(p.Served, t.Status):
		return OutcomeResolved
	case t.Status == tenancy.StatusProvisioning:
		return OutcomeProvisioning
	case t.Status == tenancy.StatusDeleted:
		return OutcomeDeleted
	}
	return OutcomeSuspended
}

// shown is what a client may know of o. An ID and an identifier of two tenants, or of
// none, are a conflict. So are, where existence is hidden, those of one that is not
// served.
func (p Policy) shown(o Outcome, mixed bool) Outcome {
	if !p.Hidden {
		return o
	}
	switch o {
	case OutcomeUnknown, OutcomeSuspended, OutcomeProvisioning, OutcomeDeleted:
		if mixed {
			return OutcomeConflict
		}
		return OutcomeUnknown
	}
	return o
}

func outcomeOf(ctx context.Context, err error) Outcome {
	switch {
	case IsOutage(err) && errors.Is(ctx.Err(), context.Canceled):
		return OutcomeCanceled
	case IsOutage(err):
		return OutcomeUnavailable
	case errors.Is(err, errConflict):
		return OutcomeConflict
	case errors.Is(err, ErrUnauthenticated):
		return OutcomeUnauthenticated
	case errors.Is(err, ErrNoTenantClaim):
		return OutcomeForbidden
	case errors.Is(err, tenancy.ErrNotFound):
		return OutcomeUnknown
	case errors.Is(err, ErrMisdirected):
		return OutcomeMisdirected
	case errors.Is(err, ErrAbsent):
		return OutcomeMissing
	case errors.Is(err, tenancy.ErrInvalid):
		return OutcomeInvalid
	}
	return OutcomeUnavailable
}
