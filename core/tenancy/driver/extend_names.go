package driver

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// HasNames reports whether the backend is a [Names], and if that is a decorator, whether
// it leads to one; see [tenancy.HasNames].
func (x *Extended) HasNames() bool {
	_, ok := x.b.(Names)
	if asked, isDecorator := x.b.(interface{ HasNames() bool }); ok && isDecorator {
		return asked.HasNames()
	}
	return ok
}

// names enters, too. What is wrong with the call counts more than what is wrong with the
// input.
func (x *Extended) names(ctx context.Context, input ...error) (context.Context, *inflight.Call, Names, error) {
	ctx, call, err := x.enter(ctx)
	names, ok := x.b.(Names)
	if err == nil && !ok {
		err = errors.ErrUnsupported
	}
	return ctx, call, names, firstError(append([]error{err}, input...)...)
}

// GetByDomain implements [tenancy.Names].
func (x *Extended) GetByDomain(ctx context.Context, domain string) (t tenancy.Tenant, err error) {
	defer complete(&err, "GetByDomain", tenancy.Key{Kind: tenancy.KindDomain, Value: domain})
	ctx, call, names, err := x.names(ctx, tenancy.ValidateDomain(domain))
	defer call.Leave(&err)
	if err != nil {
		return t, err
	}
	return names.GetByDomain(ctx, domain)
}

// FormerOwner implements [tenancy.Names].
func (x *Extended) FormerOwner(ctx context.Context, identifier string) (t tenancy.Tenant, err error) {
	defer complete(&err, "FormerOwner", tenancy.IdentifierKey(identifier))
	ctx, call, names, err := x.names(ctx, tenancy.ValidateIdentifier(identifier))
	defer call.Leave(&err)
	if err != nil {
		return t, err
	}
	return names.FormerOwner(ctx, identifier)
}

// NamesOf implements [tenancy.Names].
func (x *Extended) NamesOf(ctx context.Context, id string) (ns []tenancy.Name, err error) {
	defer complete(&err, "NamesOf", tenancy.IDKey(id))
	ctx, call, names, err := x.names(ctx, tenancy.ValidateID(id))
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	return names.NamesOf(ctx, id)
}

// ListNames implements [tenancy.Names].
func (x *Extended) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (page tenancy.NamePage, err error) {
	defer complete(&err, "ListNames", tenancy.Key{})
	limit, invalidLimit := pageLimit(limit)
	ctx, call, names, err := x.names(ctx, invalidLimit, validPlace(after))
	defer call.Leave(&err)
	if err != nil {
		return page, err
	}
	return names.ListNames(ctx, after, limit)
}

// validPlace refuses what no database can compare a name with.
func validPlace(n tenancy.TenantName) error {
	text := n.TenantID + string(n.Kind) + n.Value
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return invalid("after", "must be UTF-8 without NUL")
	}
	return nil
}

// AddDomain implements [tenancy.Names].
func (x *Extended) AddDomain(ctx context.Context, id, domain string) (n tenancy.Name, err error) {
	defer completeDomain(&err, "AddDomain", id, domain)
	ctx, call, names, err := x.names(ctx, tenancy.ValidateID(id), tenancy.ValidateDomain(domain))
	defer call.Leave(&err)
	if err != nil {
		return n, err
	}
	return names.AddDomain(ctx, id, domain)
}

// VerifyDomain implements [tenancy.Names].
func (x *Extended) VerifyDomain(ctx context.Context, id, domain string) (t tenancy.Tenant, err error) {
	defer completeDomain(&err, "VerifyDomain", id, domain)
	ctx, call, names, err := x.names(ctx, tenancy.ValidateID(id), tenancy.ValidateDomain(domain))
	defer call.Leave(&err)
	if err != nil {
		return t, err
	}
	return names.VerifyDomain(ctx, id, domain)
}

// SetPrimaryDomain implements [tenancy.Names].
func (x *Extended) SetPrimaryDomain(ctx context.Context, id, domain string) (t tenancy.Tenant, err error) {
	defer completeDomain(&err, "SetPrimaryDomain", id, domain)
	invalid := tenancy.ValidateDomain(domain)
	if domain == "" {
		invalid = nil
	}
	ctx, call, names, err := x.names(ctx, tenancy.ValidateID(id), invalid)
	defer call.Leave(&err)
	if err != nil {
		return t, err
	}
	return names.SetPrimaryDomain(ctx, id, domain)
}

// RemoveDomain implements [tenancy.Names].
func (x *Extended) RemoveDomain(ctx context.Context, id, domain string) (t tenancy.Tenant, err error) {
	defer completeDomain(&err, "RemoveDomain", id, domain)
	ctx, call, names, err := x.names(ctx, tenancy.ValidateID(id), tenancy.ValidateDomain(domain))
	defer call.Leave(&err)
	if err != nil {
		return t, err
	}
	return names.RemoveDomain(ctx, id, domain)
}

func completeDomain(err *error, op, id, domain string) {
	complete(err, op, tenancy.IDKey(id))
	complete(err, op, tenancy.Key{Kind: tenancy.KindDomain, Value: domain})
}
