package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Match is what a request says about its tenant.
type Match struct {
	// Key is the tenant's identifier or ID, as the request has it, and no other kind of
	// key. The zero Key means that the request names none: [ErrAbsent].
	Key tenancy.Key
	// Also are further keys in the request. All must be of the same tenant.
	Also []tenancy.Key
	// Min is the revision as of which, or later, the tenant is looked up, if the getter is a
	// [tenancy.Source]: whoever has named the tenant has seen it so. It is for those who are
	// trusted, since a cache that is behind passes the lookup on.
	Min tenancy.Revision
	// Verified says that at least one key comes from a credential that was checked.
	Verified bool
	// Resolver is the name of what read the request, for [Event].Resolver: one of
	// [ResolverNames], or another from a small fixed set. It is set together with an
	// error too.
	Resolver string
}

// The reasons for which no tenant is found in a request, beside those of package
// tenancy. Wrap them to say more: the text is for logs, and never sent.
var (
	// ErrAbsent: the request names no tenant here.
	ErrAbsent = errors.New("names no tenant")
	// ErrMisdirected: the request is for a host that is not served here. It is an
	// ErrAbsent.
	ErrMisdirected = fmt.Errorf("%w: its host is not served here", ErrAbsent)
	// ErrUnauthenticated: there is no credential, or it is not valid.
	ErrUnauthenticated = errors.New("no valid credential")
	// ErrNoTenantClaim: the credential is valid and names no tenant.
	ErrNoTenantClaim = errors.New("the credential names no tenant")
)

var (
	errConflict = errors.New("the request names more than one tenant")
	errMixedUp  = errors.New("the store answered with another tenant than the one that was asked for")
)

// IsAbsent reports whether err says that a request names no tenant, and nothing
// worse: another place of the request may name one.
func IsAbsent(err error) bool {
	return errors.Is(err, ErrAbsent) && !errors.Is(err, ErrMisdirected) && !errors.Is(err, tenancy.ErrNotFound) && !IsOutage(err)
}

// IsOutage reports whether err says that something could not answer, whatever else
// it says: an outage must not look like a deletion.
func IsOutage(err error) bool {
	return errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// AsOutage returns err as an error that IsOutage reports: whatever a lookup has failed with,
// it was no answer.
func AsOutage(err error) error {
	if IsOutage(err) {
		return err
	}
	return fmt.Errorf("%w: %w", tenancy.ErrUnavailable, err)
}

// Validate returns an error that wraps [tenancy.ErrInvalid] if a key is none that a
// tenant can have.
func (m Match) Validate() error {
	if err := validate(m.Key); err != nil {
		return err
	}
	for _, k := range m.Also {
		if err := validate(k); err != nil {
			return err
		}
	}
	return nil
}

func validate(k tenancy.Key) error {
	err := k.Validate()
	if err == nil && !k.OfField() {
		err = fmt.Errorf("%w: the key is of kind %s, and not the tenant's ID or identifier", tenancy.ErrInvalid, k.Kind)
	}
	if err == nil {
		return nil
	}
	return driver.ErrorIn("Resolve", k, err)
}

// mixed reports whether m has both an ID and an identifier.
func (m Match) mixed() bool {
	return slices.ContainsFunc(m.Also, func(k tenancy.Key) bool { return k.Kind != m.Key.Kind })
}

// lookUp asks the getter for the tenant that m names, once, and puts it into t.
func (m *Match) lookUp(ctx context.Context, getter tenancy.Getter, t *tenancy.Tenant) error {
	if err := m.Validate(); err != nil {
		return err
	}
	// Each tenant has one ID and one identifier. So two of a kind that differ
	// need no lookup, and the answer does not tell whether either exists.
	for _, k := range m.Also {
		if k.Kind == m.Key.Kind && k != m.Key {
			return errConflict
		}
	}
	err := m.get(ctx, getter, t)
	switch {
	case err == nil && !m.Key.Matches(*t):
		return errMixedUp
	case err == nil && !m.alsoMatch(t), m.mixed() && errors.Is(err, tenancy.ErrNotFound) && !IsOutage(err): // as if it existed
		return errConflict
	}
	return err
}

func (m *Match) get(ctx context.Context, getter tenancy.Getter, t *tenancy.Tenant) (err error) {
	if m.Min > 0 {
		if store, ok := getter.(tenancy.Store); ok {
			if source, ok := tenancy.SourceOf(store); ok {
				if err = m.load(ctx, source, t); !errors.Is(err, tenancy.ErrCompacted) {
					return err
				}
			} // else a restored database does not know the revision
		}
	}
	if m.Key.Kind == tenancy.KindID {
		*t, err = getter.GetByID(ctx, m.Key.Value)
	} else {
		*t, err = getter.GetByIdentifier(ctx, m.Key.Value)
	}
	return err
}

// load is get as of m.Min.
func (m *Match) load(ctx context.Context, source tenancy.Source, t *tenancy.Tenant) error {
	found, err := source.Load(ctx, []tenancy.Lookup{{Key: m.Key, Min: min(m.Min, tenancy.Latest-1)}})
	switch {
	case err != nil:
		return err
	case !found[0].Found:
		return driver.ErrorIn("Load", m.Key, tenancy.ErrNotFound)
	}
	*t = found[0].Tenant
	return nil
}

// alsoMatch reports whether all further keys are of t.
func (m *Match) alsoMatch(t *tenancy.Tenant) bool {
	for _, k := range m.Also {
		if !k.Matches(*t) {
			return false
		}
	}
	return true
}
