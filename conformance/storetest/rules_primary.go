package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func primaryRules() []Rule {
	return []Rule{
		{
			Name:  "one-primary-domain",
			Says:  "Of the verified domains of a tenant, one at most is primary: SetPrimaryDomain takes the place of the one before, and \"\" leaves none.",
			needs: needNames,
			check: func(p *probe) {
				t := p.create(tenant(0))
				primaries := func(want ...string) {
					p.Helper()
					var got []string
					for _, n := range p.names(t.ID) {
						if n.Primary {
							got = append(got, n.Value)
						}
					}
					if len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
						p.Errorf("the primary domains are %q, want %q", got, want)
					}
				}
				p.claim(t.ID, "claim.test")
				p.verified(t.ID, "a.test")
				p.verified(t.ID, "b.test")
				primaries()
				for _, domain := range []string{"claim.test", "missing.test"} {
					_, err := p.s.SetPrimaryDomain(p.ctx, t.ID, domain)
					p.fails(err, tenancy.ErrNotFound, "SetPrimaryDomain of %s, which is not verified", domain)
				}
				p.primary(t.ID, "a.test")
				primaries("a.test")
				set := p.primary(t.ID, "b.test")
				primaries("b.test")
				p.stored(set, "SetPrimaryDomain")
				p.same(p.primary(t.ID, "b.test"), set, "SetPrimaryDomain again")
				p.primary(t.ID, "")
				primaries()
				p.primary(t.ID, "a.test")
				p.removed(t.ID, "a.test")
				primaries()
			},
		},
		{
			Name:  "removed-domain-finds-nobody",
			Says:  "RemoveDomain removes a domain or claim of that tenant alone; what is not there is ErrNotFound.",
			needs: needNames,
			check: func(p *probe) {
				t, other := p.verified(p.create(tenant(0)).ID, "acme.test"), p.create(tenant(1))
				p.leadsTo(domainKey("acme.test"), t, "VerifyDomain") // so that a cache has it
				_, err := p.s.RemoveDomain(p.ctx, other.ID, "acme.test")
				p.fails(err, tenancy.ErrNotFound, "RemoveDomain of another tenant's domain")
				p.leadsTo(domainKey("acme.test"), t, "a RemoveDomain that was refused")
				t = p.removed(t.ID, "acme.test")
				p.leadsNowhere(domainKey("acme.test"), "RemoveDomain")
				p.stored(t, "RemoveDomain")
				_, err = p.s.RemoveDomain(p.ctx, t.ID, "acme.test")
				p.fails(err, tenancy.ErrNotFound, "RemoveDomain again")
				p.claim(t.ID, "acme.test")
				p.removed(t.ID, "acme.test")
				_, err = p.s.VerifyDomain(p.ctx, t.ID, "acme.test")
				p.fails(err, tenancy.ErrNotFound, "VerifyDomain of a claim that was removed")
			},
		},
		{
			Name:  "names-go-with-the-tenant",
			Says:  "Delete frees the names of the tenant at once: lookups find nobody, and a tenant with the same ID has none of them.",
			needs: needNames,
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.verified(t.ID, "acme.test")
				p.claim(t.ID, "claim.test")
				t = p.renamed(p.get(t.ID), "renamed")
				p.leadsTo(domainKey("acme.test"), t, "Update")
				p.leadsTo(formerKey(tenant(0).Identifier), t, "Update")
				p.delete(t.ID)
				p.leadsNowhere(domainKey("acme.test"), "Delete")
				p.leadsNowhere(formerKey(tenant(0).Identifier), "Delete")
				again := tenancy.Tenant{ID: t.ID, Identifier: "another", Name: "Another"}
				again = p.create(again)
				equal(p, len(p.names(again.ID)), 0, "number of names of a new tenant with the ID of an old one")
				p.leadsNowhere(domainKey("acme.test"), "Create")
				other := p.verified(p.create(tenant(2)).ID, "acme.test")
				p.leadsTo(domainKey("acme.test"), other, "VerifyDomain by another tenant")
			},
		},
		{
			Name:  "names-of-is-sorted",
			Says:  "NamesOf returns the names of that tenant alone, domains before former identifiers, each by value.",
			needs: needNames,
			check: func(p *probe) {
				t, other := p.create(tenant(0)), p.create(tenant(1))
				p.claim(other.ID, "other.test")
				for _, domain := range []string{"m.test", "z.test", "a.test"} {
					p.verified(t.ID, domain)
				}
				t = p.renamed(p.get(t.ID), "zebra")
				t = p.renamed(t, "antelope")
				t = p.renamed(t, "monkey")
				want := []tenancy.Key{
					domainKey("a.test"), domainKey("m.test"), domainKey("z.test"),
					formerKey("antelope"), formerKey(tenant(0).Identifier), formerKey("zebra"),
				}
				names := p.names(t.ID)
				if len(names) != len(want) {
					p.Fatalf("got %+v, want %v", names, want)
				}
				for i, n := range names {
					k, found := n.Key()
					equal(p, k, want[i], "name %d", i)
					equal(p, found, true, "the tenant is found by name %d", i)
				}
			},
		},
		{
			Name:  "list-names-is-complete",
			Says:  "ListNames yields each name of each tenant once, claims included, by tenant, kind and value in byte order, whatever the pages; what has ended, or whose tenant is gone, is not there.",
			needs: needNames,
			check: func(p *probe) {
				p.listsNames(nil, "New")
				var want []tenancy.TenantName
				for _, id := range []string{"t-a", "T-B", "t", "é", "t-a-2"} {
					t := p.create(tenancy.Tenant{ID: id, Identifier: fmt.Sprintf("first-%d", len(want)), Name: "N"})
					p.verified(id, fmt.Sprintf("z-%d.test", len(want)))
					p.claim(id, "acme.test")
					p.renamed(p.get(t.ID), fmt.Sprintf("second-%d", len(want)))
					for _, n := range p.names(id) {
						want = append(want, tenancy.TenantName{TenantID: id, Name: n})
					}
				}
				p.create(tenant(0)) // has no names
				slices.SortStableFunc(want, func(a, b tenancy.TenantName) int { return strings.Compare(a.TenantID, b.TenantID) })
				p.listsNames(want, "VerifyDomain")
				p.removed(want[0].TenantID, "acme.test")
				p.delete(want[len(want)-1].TenantID)
				want = want[1 : len(want)-3]
				p.listsNames(want, "RemoveDomain and Delete")
				_, err := p.s.ListNames(p.ctx, tenancy.TenantName{}, tenancy.MaxPageLimit+1)
				p.failsIn(err, tenancy.ErrInvalid, "limit", "ListNames beyond the limit")
				_, err = p.s.ListNames(p.ctx, tenancy.TenantName{}, -1)
				p.failsIn(err, tenancy.ErrInvalid, "limit", "ListNames with a negative limit")
				_, err = p.s.ListNames(p.ctx, tenancy.TenantName{TenantID: "\x00"}, 0)
				p.fails(err, tenancy.ErrInvalid, "ListNames after NUL")

				p.s = p.openNames(NameOptions{ClaimLifetime: time.Millisecond, KeepFormer: time.Millisecond})
				t := p.create(tenant(0))
				p.claim(t.ID, "acme.test")
				p.renamed(p.get(t.ID), "renamed")
				p.eventually("the names end", func() error {
					page, err := p.s.ListNames(p.ctx, tenancy.TenantName{}, 0)
					if err != nil || len(page.Names) > 0 {
						return fmt.Errorf("ListNames returns %+v, %w", page.Names, err)
					}
					return nil
				})
			},
		},
	}
}
