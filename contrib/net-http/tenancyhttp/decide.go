package tenancyhttp

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// decision is what was found out about a request.
type decision struct {
	outcome  Outcome
	resolver string
	verified bool
	strip    string
	nested   bool // the tenant is in the context already
	mixed    bool // the request has both an ID and an identifier
	err      error
}

// decide finds out what to do with r. The tenant is set if it is to be served.
func (h *handler) decide(r *http.Request) (tenancy.Tenant, decision) {
	switch {
	case h.err != nil:
		return tenancy.Tenant{}, decision{outcome: OutcomeMisconfigured, resolver: nameNone, err: h.err}
	case h.skip(r):
		return tenancy.Tenant{}, decision{outcome: OutcomeSkipped, resolver: nameNone}
	case h.strictSNI && !sniMatches(r):
		return tenancy.Tenant{}, decision{outcome: OutcomeMisdirected, resolver: nameNone, err: errOtherSNI}
	}
	m, err := ask(h.resolver, r)
	if err == nil && m.Strip != "" && !strips(r.URL, m.Strip) {
		err = refuse("path", "does not begin with what was to be stripped")
	}
	d := decision{resolver: m.Resolver, verified: m.Verified, strip: m.Strip, mixed: m.mixed(), err: err}
	if d.resolver == "" {
		d.resolver = nameOther
	}
	outer, nested := tenancy.FromContext(r.Context())
	d.nested = nested
	if err != nil {
		d.strip = ""
		absent := plainlyAbsent(err)
		switch {
		case absent && nested:
			d.resolver, d.err = nameContext, nil
			d.outcome = h.status(outer)
			return outer, d
		case absent && h.optional:
			return tenancy.Tenant{}, decision{outcome: OutcomeSkipped, resolver: nameNone}
		case absent:
			d.resolver = nameNone
		}
		d.outcome = outcomeOf(r.Context(), err)
		return tenancy.Tenant{}, d
	}
	var tenant tenancy.Tenant
	if nested {
		d.resolver = nameContext
		tenant, err = outer, agrees(outer, m)
	} else {
		tenant, err = h.lookUp(r.Context(), m)
	}
	if d.err = err; err != nil {
		d.outcome = outcomeOf(r.Context(), err)
		return tenancy.Tenant{}, d
	}
	d.outcome = h.status(tenant)
	return tenant, d
}

var (
	errConflict = errors.New("tenancyhttp: the request names more than one tenant")
	errOtherSNI = errors.New("tenancyhttp: the host is not the one of the TLS handshake")
	errMixedUp  = errors.New("tenancyhttp: the store answered with another tenant than the one that was asked for")
)

// lookUp asks the getter for the tenant that m names, once.
func (h *handler) lookUp(ctx context.Context, m Match) (tenancy.Tenant, error) {
	if err := validate(m.Key); err != nil {
		return tenancy.Tenant{}, err
	}
	// Each tenant has one ID and one identifier. So two of a kind that differ
	// need no lookup, and the answer does not tell whether either exists.
	for _, k := range m.Also {
		if err := validate(k); err != nil {
			return tenancy.Tenant{}, err
		}
		if k.Kind == m.Key.Kind && k != m.Key {
			return tenancy.Tenant{}, errConflict
		}
	}
	var t tenancy.Tenant
	var err error
	if m.Key.Kind == tenancy.KindID {
		t, err = h.getter.GetByID(ctx, m.Key.Value)
	} else {
		t, err = h.getter.GetByIdentifier(ctx, m.Key.Value)
	}
	switch {
	case m.mixed() && errors.Is(err, tenancy.ErrNotFound) && !outage(err):
		return tenancy.Tenant{}, errConflict // as if it existed
	case err != nil:
		return tenancy.Tenant{}, err
	case !m.Key.Matches(t):
		return tenancy.Tenant{}, errMixedUp
	}
	return t, agrees(t, m)
}

// agrees reports whether every key of m is one of t.
func agrees(t tenancy.Tenant, m Match) error {
	if !m.Key.Matches(t) {
		return errConflict
	}
	for _, k := range m.Also {
		if !k.Matches(t) {
			return errConflict
		}
	}
	return nil
}

// status is the outcome for a tenant that was found.
func (c *config) status(t tenancy.Tenant) Outcome {
	if slices.Contains(c.served, t.Status) {
		return OutcomeResolved
	}
	switch t.Status {
	case tenancy.StatusProvisioning:
		return OutcomeProvisioning
	case tenancy.StatusDeleted:
		return OutcomeDeleted
	}
	return OutcomeSuspended
}

// plainlyAbsent reports whether err says that a request names no tenant, and
// nothing worse.
func plainlyAbsent(err error) bool {
	return errors.Is(err, ErrAbsent) && !errors.Is(err, ErrForeignHost) && !errors.Is(err, tenancy.ErrNotFound) && !outage(err)
}

// outage reports whether err says that something could not answer, whatever else
// it says: an outage must not look like a deletion.
func outage(err error) bool {
	return errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func outcomeOf(ctx context.Context, err error) Outcome {
	switch {
	case outage(err) && errors.Is(ctx.Err(), context.Canceled):
		return OutcomeCanceled
	case outage(err):
		return OutcomeUnavailable
	case errors.Is(err, errConflict):
		return OutcomeConflict
	case errors.Is(err, ErrUnauthenticated):
		return OutcomeUnauthenticated
	case errors.Is(err, ErrNoTenantClaim):
		return OutcomeForbidden
	case errors.Is(err, tenancy.ErrNotFound):
		return OutcomeUnknown
	case errors.Is(err, ErrForeignHost):
		return OutcomeMisdirected
	case errors.Is(err, ErrAbsent):
		return OutcomeMissing
	case errors.Is(err, tenancy.ErrInvalid):
		return OutcomeInvalid
	}
	return OutcomeUnavailable
}
