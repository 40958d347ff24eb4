package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func namesRules() []Rule {
	return slices.Concat(domainRules(), primaryRules(), formerRules(), nameLogRules())
}

func domainRules() []Rule {
	return []Rule{
		{
			Name: "names-as-declared",
			Says: "HasNames says whether the store has names; where it has none, all methods of Names are ErrUnsupported, and so is Load of their keys.",
			check: func(p *probe) {
				if p.h.OpenNames != nil {
					p.s = p.openNames(NameOptions{})
					equal(p, tenancy.HasNames(p.s), true, "HasNames")
					p.verified(p.create(tenant(0)).ID, "acme.test")
					return
				}
				equal(p, tenancy.HasNames(p.s), false, "HasNames")
				id := p.create(tenant(0)).ID
				for op, err := range map[string]error{
					"GetByDomain":      second(p.s.GetByDomain(p.ctx, "acme.test")),
					"FormerOwner":      second(p.s.FormerOwner(p.ctx, "acme")),
					"NamesOf":          second(p.s.NamesOf(p.ctx, id)),
					"ListNames":        second(p.s.ListNames(p.ctx, tenancy.TenantName{}, 0)),
					"AddDomain":        second(p.s.AddDomain(p.ctx, id, "acme.test")),
					"VerifyDomain":     second(p.s.VerifyDomain(p.ctx, id, "acme.test")),
					"SetPrimaryDomain": second(p.s.SetPrimaryDomain(p.ctx, id, "")),
					"RemoveDomain":     second(p.s.RemoveDomain(p.ctx, id, "acme.test")),
				} {
					p.fails(err, errors.ErrUnsupported, "%s", op)
				}
				if p.h.Source {
					for _, k := range []tenancy.Key{domainKey("acme.test"), formerKey("acme")} {
						_, err := p.source().Load(p.ctx, []tenancy.Lookup{{Key: k}})
						p.fails(err, errors.ErrUnsupported, "Load of %v", k)
					}
				}
			},
		},
		{
			Name:  "claims-find-nobody",
			Says:  "A domain finds its tenant after VerifyDomain, and not before; VerifyDomain needs the claim of that tenant, and repeated it does nothing.",
			needs: needNames,
			check: func(p *probe) {
				t, other := p.create(tenant(0)), p.create(tenant(1))
				p.leadsNowhere(domainKey("acme.test"), "Create") // so that a cache has it
				_, err := p.s.VerifyDomain(p.ctx, t.ID, "acme.test")
				p.fails(err, tenancy.ErrNotFound, "VerifyDomain without a claim")
				p.claim(other.ID, "acme.test")
				p.leadsNowhere(domainKey("acme.test"), "AddDomain")
				_, err = p.s.VerifyDomain(p.ctx, t.ID, "acme.test")
				p.fails(err, tenancy.ErrNotFound, "VerifyDomain of another tenant's claim")
				t = p.verified(t.ID, "acme.test")
				p.leadsTo(domainKey("acme.test"), t, "VerifyDomain")
				p.stored(t, "VerifyDomain")
				p.leadsNowhere(domainKey("www.acme.test"), "VerifyDomain of the domain above")
				again, err := p.s.VerifyDomain(p.ctx, t.ID, "acme.test")
				p.OK(err, "VerifyDomain again")
				p.same(again, t, "VerifyDomain again")
				n := p.name(t.ID, domainKey("acme.test"))
				equal(p, n.ExpiresAt, time.Time{}, "ExpiresAt of a verified domain")
				equal(p, n.VerifiedAt.IsZero(), false, "VerifiedAt is zero")
				suspended := p.setStatus(t.ID, tenancy.StatusSuspended)
				p.leadsTo(domainKey("acme.test"), suspended, "SetStatus")
			},
		},
		{
			Name:  "claims-are-not-exclusive",
			Says:  "Any tenant may claim a domain, also one that another has verified: nothing changes for that one, not even what the log touches.",
			needs: needNames,
			check: func(p *probe) {
				owner, squatter := p.create(tenant(0)), p.create(tenant(1))
				p.claim(squatter.ID, "acme.test")
				owner = p.verified(owner.ID, "acme.test")
				p.removed(squatter.ID, "acme.test")
				start := p.newest()
				p.claim(squatter.ID, "acme.test")
				p.leadsTo(domainKey("acme.test"), owner, "another tenant's claim")
				for _, c := range p.since(start) {
					equal(p, c.Touches(domainKey("acme.test")), false, "the change of a claim touches the domain")
				}
				start = p.newest()
				p.removed(squatter.ID, "acme.test")
				p.leadsTo(domainKey("acme.test"), owner, "another tenant has removed its claim")
				for _, c := range p.since(start) {
					equal(p, c.Touches(domainKey("acme.test")), false, "the change that removes a claim touches the domain")
				}
			},
		},
		{
			Name:  "verified-domain-is-unique",
			Says:  "VerifyDomain of a domain that another tenant has verified is ErrAlreadyExists with the field domain, until that one removes it.",
			needs: needNames,
			check: func(p *probe) {
				owner, other := p.verified(p.create(tenant(0)).ID, "acme.test"), p.create(tenant(1))
				p.claim(other.ID, "acme.test")
				_, err := p.s.VerifyDomain(p.ctx, other.ID, "acme.test")
				p.failsIn(err, tenancy.ErrAlreadyExists, "domain", "VerifyDomain of another tenant's domain")
				p.leadsTo(domainKey("acme.test"), owner, "a VerifyDomain that was refused")
				p.removed(owner.ID, "acme.test")
				p.leadsNowhere(domainKey("acme.test"), "RemoveDomain")
				got, err := p.s.VerifyDomain(p.ctx, other.ID, "acme.test")
				p.OK(err, "VerifyDomain after the owner has removed it")
				p.leadsTo(domainKey("acme.test"), got, "VerifyDomain after the owner has removed it")
			},
		},
		{
			Name:  "one-tenant-verifies",
			Says:  "Of tenants that verify one domain at the same time, exactly one succeeds.",
			needs: needNames,
			check: func(p *probe) {
				const tenants = 16
				ts := p.createMany(tenants)
				for round := range 4 {
					domain := fmt.Sprintf("race-%d.test", round)
					for _, t := range ts {
						p.claim(t.ID, domain)
					}
					won := ""
					for i, err := range together(tenants, func(i int) error { return second(p.s.VerifyDomain(p.ctx, ts[i].ID, domain)) }) {
						switch {
						case err != nil:
							p.failsIn(err, tenancy.ErrAlreadyExists, "domain", "VerifyDomain by tenant %d", i)
						case won != "":
							p.Errorf("%s and %s have both verified %s", won, ts[i].ID, domain)
						default:
							won = ts[i].ID
						}
					}
					t, err := p.s.GetByDomain(p.ctx, domain)
					p.OK(err, "GetByDomain")
					equal(p, t.ID, won, "the ID of the tenant that %s finds", domain)
				}
			},
		},
		{
			Name:  "claims-expire",
			Says:  "A claim ends after its time, 30 days by default, and can then be made anew, with another token; a verified domain stays.",
			needs: needNames,
			check: func(p *probe) {
				t := p.create(tenant(0))
				n := p.claim(t.ID, "acme.test")
				if lifetime := n.ExpiresAt.Sub(n.CreatedAt); lifetime != driver.DefaultClaimLifetime {
					p.Errorf("a claim lasts %v, want %v", lifetime, driver.DefaultClaimLifetime)
				}
				p.s = p.openNames(NameOptions{ClaimLifetime: time.Millisecond})
				t = p.create(tenant(0))
				first := p.claim(t.ID, "acme.test")
				p.eventually("the claim ends", func() error {
					if names := p.names(t.ID); len(names) > 0 {
						return fmt.Errorf("the tenant has %+v", names)
					}
					return nil
				})
				_, err := p.s.VerifyDomain(p.ctx, t.ID, "acme.test")
				p.fails(err, tenancy.ErrNotFound, "VerifyDomain of a claim that has ended")
				p.leadsNowhere(domainKey("acme.test"), "the claim has ended")
				if again := p.claim(t.ID, "acme.test"); again.Token == first.Token {
					p.Errorf("the new claim has the token of the old one")
				}
			},
		},
		{
			Name:  "claims-have-tokens",
			Says:  "Each claim has a token of its own, of 26 characters at least; AddDomain of a domain that the tenant has returns that, token included.",
			needs: needNames,
			check: func(p *probe) {
				a, b := p.create(tenant(0)), p.create(tenant(1))
				tokens := map[string]bool{}
				for _, id := range []string{a.ID, b.ID} {
					for _, domain := range []string{"acme.test", "globex.test"} {
						n := p.claim(id, domain)
						if len(n.Token) < 26 || tokens[n.Token] {
							p.Errorf("the token %q is short, or not the claim's alone", n.Token)
						}
						tokens[n.Token] = true
						equal(p, p.claim(id, domain), n, "AddDomain again")
						equal(p, p.name(id, domainKey(domain)), n, "NamesOf")
					}
				}
				p.verified(a.ID, "acme.test")
				equal(p, p.claim(a.ID, "acme.test"), p.name(a.ID, domainKey("acme.test")), "AddDomain of a verified domain")
			},
		},
		{
			Name:  "domains-are-checked",
			Says:  "What is no domain in lower case, in A-labels and without a dot at its end is ErrInvalid with the field domain, in every method.",
			needs: needNames,
			check: func(p *probe) {
				t := p.create(tenant(0))
				long := strings.Repeat("a", 63)
				for _, domain := range []string{
					"", "test", "Acme.test", "acme.test.", ".acme.test", "acme..test", "-acme.test", "acme-.test", "acme.test:443", "*.acme.test",
					"münchen.test", "acme_shop.test", "192.0.2.1", "acme.0x7f", "[::1]", "acme.test\n", "a\x00.test", "acme test.test",
					long + "a.test", strings.Join([]string{long, long, long, long}, "."),
				} {
					for op, err := range map[string]error{
						"GetByDomain":  second(p.s.GetByDomain(p.ctx, domain)),
						"AddDomain":    second(p.s.AddDomain(p.ctx, t.ID, domain)),
						"VerifyDomain": second(p.s.VerifyDomain(p.ctx, t.ID, domain)),
						"RemoveDomain": second(p.s.RemoveDomain(p.ctx, t.ID, domain)),
					} {
						p.failsIn(err, tenancy.ErrInvalid, "domain", "%s of %+q", op, domain)
					}
					if domain != "" {
						_, err := p.s.SetPrimaryDomain(p.ctx, t.ID, domain)
						p.failsIn(err, tenancy.ErrInvalid, "domain", "SetPrimaryDomain of %+q", domain)
					}
				}
				for _, domain := range []string{"a.b", "xn--mnchen-3ya.test", "1.acme.test", "a--b.c-d.test", strings.Join([]string{long, long, long, long[:61]}, ".")} {
					p.leadsTo(domainKey(domain), p.verified(t.ID, domain), "VerifyDomain")
				}
			},
		},
		{
			Name:  "domains-are-limited",
			Says:  "A tenant has 100 domains at most, claims included; one more is ErrInvalid with the field domain.",
			needs: needNames,
			check: func(p *probe) {
				t, other := p.create(tenant(0)), p.create(tenant(1))
				for i := range tenancy.MaxDomains {
					p.claim(t.ID, fmt.Sprintf("shop-%d.test", i))
				}
				_, err := p.s.AddDomain(p.ctx, t.ID, "one-more.test")
				p.failsIn(err, tenancy.ErrInvalid, "domain", "AddDomain beyond the limit")
				p.claim(t.ID, "shop-0.test")
				p.claim(other.ID, "one-more.test")
				p.removed(t.ID, "shop-0.test")
				p.claim(t.ID, "one-more.test")
			},
		},
		{
			Name:  "names-need-a-tenant",
			Says:  "Names of a tenant that is not there are ErrNotFound, and of an ID that no tenant can have ErrInvalid.",
			needs: needNames,
			check: func(p *probe) {
				for id, want := range map[string]error{"missing": tenancy.ErrNotFound, "": tenancy.ErrInvalid} {
					for op, err := range map[string]error{
						"NamesOf":          second(p.s.NamesOf(p.ctx, id)),
						"AddDomain":        second(p.s.AddDomain(p.ctx, id, "acme.test")),
						"VerifyDomain":     second(p.s.VerifyDomain(p.ctx, id, "acme.test")),
						"SetPrimaryDomain": second(p.s.SetPrimaryDomain(p.ctx, id, "")),
						"RemoveDomain":     second(p.s.RemoveDomain(p.ctx, id, "acme.test")),
					} {
						p.fails(err, want, "%s of ID %q", op, id)
					}
				}
				_, err := p.s.FormerOwner(p.ctx, "No Slug")
				p.failsIn(err, tenancy.ErrInvalid, "identifier", "FormerOwner of what is no identifier")
			},
		},
	}
}

func second[T any](_ T, err error) error { return err }
