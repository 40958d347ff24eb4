package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// NameOptions are those of a store with names.
type NameOptions struct {
	ClaimLifetime time.Duration // after which a claim ends; 0 leaves the default
	KeepFormer    time.Duration // how long former identifiers are kept; 0 for not at all
}

// This file holds the steps of the rules about names.

func domainKey(domain string) tenancy.Key {
	return tenancy.Key{Kind: tenancy.KindDomain, Value: domain}
}

func formerKey(identifier string) tenancy.Key {
	return tenancy.Key{Kind: tenancy.KindFormer, Value: identifier}
}

func (p *probe) openNames(opts NameOptions) tenancy.Store {
	p.Helper()
	s := p.h.OpenNames(p.TB, opts)
	p.closeAtEnd(s)
	return s
}

func (p *probe) claim(id, domain string) tenancy.Name {
	p.Helper()
	n, err := p.s.AddDomain(p.ctx, id, domain)
	p.OK(err, "AddDomain %s for %s", domain, id)
	return n
}

// verified claims and verifies a domain.
func (p *probe) verified(id, domain string) tenancy.Tenant {
	p.Helper()
	p.claim(id, domain)
	t, err := p.s.VerifyDomain(p.ctx, id, domain)
	p.OK(err, "VerifyDomain %s of %s", domain, id)
	return t
}

func (p *probe) primary(id, domain string) tenancy.Tenant {
	p.Helper()
	t, err := p.s.SetPrimaryDomain(p.ctx, id, domain)
	p.OK(err, "SetPrimaryDomain %q of %s", domain, id)
	return t
}

func (p *probe) removed(id, domain string) tenancy.Tenant {
	p.Helper()
	t, err := p.s.RemoveDomain(p.ctx, id, domain)
	p.OK(err, "RemoveDomain %s of %s", domain, id)
	return t
}

func (p *probe) renamed(t tenancy.Tenant, identifier string) tenancy.Tenant {
	p.Helper()
	t.Identifier = identifier
	return p.update(t)
}

func (p *probe) names(id string) []tenancy.Name {
	p.Helper()
	names, err := p.s.NamesOf(p.ctx, id)
	p.OK(err, "NamesOf %s", id)
	return names
}

// name returns one name of a tenant, which it has.
func (p *probe) name(id string, k tenancy.Key) tenancy.Name {
	p.Helper()
	for _, n := range p.names(id) {
		if n.Kind == k.Kind && n.Value == k.Value {
			return n
		}
	}
	p.Fatalf("NamesOf %s does not have %s %s", id, k.Kind, k.Value)
	return tenancy.Name{}
}

// listsNames expects ListNames to yield want, by pages of every size.
func (p *probe) listsNames(want []tenancy.TenantName, after string) {
	p.Helper()
	for _, limit := range []int{0, 1, 2, len(want), len(want) + 1, tenancy.MaxPageLimit} {
		var all []tenancy.TenantName
		for last := (tenancy.TenantName{}); ; last = all[len(all)-1] {
			page, err := p.s.ListNames(p.ctx, last, limit)
			p.OK(err, "ListNames after %s", after)
			full := cmp.Or(limit, tenancy.DefaultPageLimit)
			if all = append(all, page.Names...); len(page.Names) != full || len(all) > len(want) {
				break
			}
		}
		if !slices.Equal(all, want) {
			first := 0 // that differs
			for first < min(len(all), len(want)) && all[first] == want[first] {
				first++
			}
			p.Errorf("ListNames by pages of %d after %s: got %d names, want %d; from number %d on got %+v, want %+v", limit, after,
				len(all), len(want), first, all[first:min(first+1, len(all))], want[first:min(first+1, len(want))])
		}
	}
}

// leadsTo expects every lookup by a domain or a former identifier to find want.
func (p *probe) leadsTo(k tenancy.Key, want tenancy.Tenant, after string) {
	p.Helper()
	t, err := p.byName(k)
	p.OK(err, "lookup of %s %s after %s", k.Kind, k.Value, after)
	p.same(t, want, "lookup of %s %s after %s", k.Kind, k.Value, after)
	if p.h.Source {
		for _, least := range []tenancy.Revision{0, tenancy.Latest} {
			s := p.load(tenancy.Lookup{Key: k, Min: least})[0]
			equal(p, s.Found, true, "Found by Load of %s %s after %s", k.Kind, k.Value, after)
			p.same(s.Tenant, want, "Load of %s %s after %s", k.Kind, k.Value, after)
		}
	}
}

// leadsNowhere expects no lookup by a domain or a former identifier to find anybody.
func (p *probe) leadsNowhere(k tenancy.Key, after string) {
	p.Helper()
	_, err := p.byName(k)
	p.fails(err, tenancy.ErrNotFound, "lookup of %s %s after %s", k.Kind, k.Value, after)
	if p.h.Source {
		for _, least := range []tenancy.Revision{0, tenancy.Latest} {
			s := p.load(tenancy.Lookup{Key: k, Min: least})[0]
			equal(p, s.Found, false, "Found by Load of %s %s after %s", k.Kind, k.Value, after)
		}
	}
}

func (p *probe) byName(k tenancy.Key) (tenancy.Tenant, error) {
	if k.Kind == tenancy.KindDomain {
		return p.s.GetByDomain(p.ctx, k.Value)
	}
	return p.s.FormerOwner(p.ctx, k.Value)
}
