package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// nameMutants keep domains and former identifiers badly.
func nameMutants() []mutant {
	return slices.Concat(domainMutants(), primaryMutants(), formerMutants(), nameLogMutants())
}

func domainMutants() []mutant {
	return []mutant{
		{rule: "names-as-declared", how: "has names and denies it", spoil: func(f *faulty) { f.hasNames = func() bool { return false } }},
		{rule: "claims-find-nobody", how: "believes every claim", spoil: func(f *faulty) {
			f.addDomain = func(ctx context.Context, id, domain string) (tenancy.Name, error) {
				n, err := f.Store.AddDomain(ctx, id, domain)
				if err == nil {
					_, _ = f.Store.VerifyDomain(ctx, id, domain)
				}
				return n, err
			}
		}},
		{rule: "claims-find-nobody", how: "verifies what nobody has claimed", spoil: func(f *faulty) {
			f.verifyDomain = func(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
				if _, err := f.Store.AddDomain(ctx, id, domain); err != nil {
					return tenancy.Tenant{}, err
				}
				return f.Store.VerifyDomain(ctx, id, domain)
			}
		}},
		{rule: "claims-find-nobody", how: "finds a tenant by what lies below its domain", spoil: func(f *faulty) {
			f.getByDomain = func(ctx context.Context, domain string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByDomain(ctx, domain)
				if _, above, ok := strings.Cut(domain, "."); err != nil && ok && strings.Contains(above, ".") {
					return f.Store.GetByDomain(ctx, above)
				}
				return t, err
			}
		}},
		{rule: "claims-are-not-exclusive", how: "has a UNIQUE constraint over claims", spoil: func(f *faulty) {
			claims := map[string]string{}
			f.addDomain = func(ctx context.Context, id, domain string) (tenancy.Name, error) {
				if owner, taken := claims[domain]; taken && owner != id {
					return tenancy.Name{}, &tenancy.Error{Field: "domain", Err: tenancy.ErrAlreadyExists}
				}
				n, err := f.Store.AddDomain(ctx, id, domain)
				if err == nil {
					claims[domain] = id
				}
				return n, err
			}
		}},
		{rule: "claims-are-not-exclusive", how: "lets a claim touch the domain", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i, c := range changes {
					if slices.Contains(c.Fields, "names") && len(c.Keys) == 2 {
						changes[i].Keys = append(c.Keys, tenancy.Key{Kind: tenancy.KindDomain, Value: "acme.test"})
					}
				}
				return changes, err
			}
		}},
		{rule: "verified-domain-is-unique", how: "gives a domain to whoever verifies it last", spoil: func(f *faulty) {
			f.verifyDomain = func(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
				if owner, err := f.Store.GetByDomain(ctx, domain); err == nil && owner.ID != id {
					_, _ = f.Store.RemoveDomain(ctx, owner.ID, domain)
				}
				return f.Store.VerifyDomain(ctx, id, domain)
			}
		}},
		{rule: "verified-domain-is-unique", how: "does not name the field", spoil: func(f *faulty) {
			f.verifyDomain = func(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
				t, err := f.Store.VerifyDomain(ctx, id, domain)
				if err != nil {
					err = driver.ErrorIn("VerifyDomain", tenancy.IDKey(id), tenancy.ErrAlreadyExists)
				}
				return t, err
			}
		}},
		{rule: "one-tenant-verifies", how: "looks first and writes later", spoil: func(f *faulty) {
			verified := map[string]string{}
			f.verifyDomain = func(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
				f.mu.Lock()
				_, taken := verified[domain]
				f.mu.Unlock()
				if taken {
					return tenancy.Tenant{}, &tenancy.Error{Field: "domain", Err: tenancy.ErrAlreadyExists}
				}
				time.Sleep(time.Millisecond) // the way to the database and back
				f.mu.Lock()
				verified[domain] = id
				f.mu.Unlock()
				_, _ = f.Store.VerifyDomain(ctx, id, domain)
				return f.Store.GetByID(ctx, id)
			}
		}},
		{rule: "claims-expire", how: "keeps claims for ever", spoil: func(f *faulty) {
			claims := map[string]tenancy.Name{}
			f.addDomain = func(ctx context.Context, id, domain string) (tenancy.Name, error) {
				n, err := f.Store.AddDomain(ctx, id, domain)
				if err == nil {
					claims[id] = n
				}
				return n, err
			}
			f.namesOf = func(ctx context.Context, id string) ([]tenancy.Name, error) {
				names, err := f.Store.NamesOf(ctx, id)
				if n, claimed := claims[id]; claimed && len(names) == 0 {
					names = append(names, n)
				}
				return names, err
			}
		}},
		{rule: "claims-have-tokens", how: "makes the token of the domain", spoil: func(f *faulty) {
			f.addDomain = func(ctx context.Context, id, domain string) (tenancy.Name, error) {
				n, err := f.Store.AddDomain(ctx, id, domain)
				n.Token = strings.Repeat(domain, 4)
				return n, err
			}
		}},
		{rule: "domains-are-checked", how: "lowers the case of what it is given", spoil: func(f *faulty) {
			f.getByDomain = func(ctx context.Context, domain string) (tenancy.Tenant, error) {
				return f.Store.GetByDomain(ctx, strings.ToLower(domain))
			}
		}},
		{rule: "domains-are-limited", how: "has no limit", spoil: func(f *faulty) {
			f.addDomain = func(ctx context.Context, id, domain string) (tenancy.Name, error) {
				n, err := f.Store.AddDomain(ctx, id, domain)
				if errors.Is(err, tenancy.ErrInvalid) {
					n, err = tenancy.Name{Kind: tenancy.KindDomain, Value: domain}, nil
				}
				return n, err
			}
		}},
		{rule: "names-need-a-tenant", how: "says of a missing tenant that it has no names", spoil: func(f *faulty) {
			f.namesOf = func(ctx context.Context, id string) ([]tenancy.Name, error) {
				names, _ := f.Store.NamesOf(ctx, id)
				return names, nil
			}
		}},
	}
}

func primaryMutants() []mutant {
	return []mutant{
		{rule: "one-primary-domain", how: "keeps the primary one before", spoil: func(f *faulty) {
			was := map[string]bool{}
			f.primaryDomain = func(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
				t, err := f.Store.SetPrimaryDomain(ctx, id, domain)
				if err == nil {
					was[domain] = true
				}
				return t, err
			}
			f.namesOf = func(ctx context.Context, id string) ([]tenancy.Name, error) {
				names, err := f.Store.NamesOf(ctx, id)
				for i := range names {
					names[i].Primary = was[names[i].Value]
				}
				return names, err
			}
		}},
		{rule: "removed-domain-finds-nobody", how: "removes whoever's domain it is", spoil: func(f *faulty) {
			f.removeDomain = func(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
				if owner, err := f.Store.GetByDomain(ctx, domain); err == nil {
					id = owner.ID
				}
				return f.Store.RemoveDomain(ctx, id, domain)
			}
		}},
		{rule: "removed-domain-finds-nobody", how: "keeps what it has found", spoil: func(f *faulty) { f.getByDomain = remembering(f) }},
		{rule: "names-go-with-the-tenant", how: "keeps what it has found", spoil: func(f *faulty) { f.getByDomain = remembering(f) }},
		{rule: "names-of-is-sorted", how: "shows names as they came", spoil: func(f *faulty) {
			f.namesOf = func(ctx context.Context, id string) ([]tenancy.Name, error) {
				names, err := f.Store.NamesOf(ctx, id)
				slices.SortFunc(names, func(a, b tenancy.Name) int { return a.CreatedAt.Compare(b.CreatedAt) })
				slices.Reverse(names)
				return names, err
			}
		}},
		{rule: "list-names-is-complete", how: "leaves out claims", spoil: listing(func(names []tenancy.TenantName) []tenancy.TenantName {
			return slices.DeleteFunc(names, func(n tenancy.TenantName) bool { return !n.ExpiresAt.IsZero() && n.Kind == tenancy.KindDomain })
		})},
		{rule: "list-names-is-complete", how: "begins each page with the end of the one before", spoil: func(f *faulty) {
			f.listNames = func(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
				if after.Value != "" {
					after.Value = after.Value[:len(after.Value)-1]
				}
				return f.Store.ListNames(ctx, after, limit)
			}
		}},
		{rule: "list-names-is-complete", how: "goes on after the tenant, whose other names it skips", spoil: func(f *faulty) {
			f.listNames = func(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
				if after.TenantID != "" {
					after.Kind = "z"
				}
				return f.Store.ListNames(ctx, after, limit)
			}
		}},
		{rule: "list-names-is-complete", how: "compares IDs as the language of the system has it", spoil: listing(func(names []tenancy.TenantName) []tenancy.TenantName {
			slices.SortStableFunc(names, func(a, b tenancy.TenantName) int {
				return strings.Compare(strings.ToLower(a.TenantID), strings.ToLower(b.TenantID))
			})
			return names
		})},
	}
}

// listing is a fault of ListNames.
func listing(spoil func([]tenancy.TenantName) []tenancy.TenantName) func(*faulty) {
	return func(f *faulty) {
		f.listNames = func(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
			page, err := f.Store.ListNames(ctx, after, limit)
			page.Names = spoil(page.Names)
			return page, err
		}
	}
}

// remembering is GetByDomain of a store that never forgets.
func remembering(f *faulty) func(ctx context.Context, domain string) (tenancy.Tenant, error) {
	found := map[string]tenancy.Tenant{}
	return func(ctx context.Context, domain string) (tenancy.Tenant, error) {
		t, err := f.Store.GetByDomain(ctx, domain)
		if err == nil {
			found[domain] = t
		}
		if old, known := found[domain]; known {
			return old, nil
		}
		return t, err
	}
}

func formerMutants() []mutant {
	return []mutant{
		{rule: "rename-keeps-the-former-identifier", how: "answers to the old identifier", spoil: func(f *faulty) {
			f.getByIdentifier = func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
				t, err := f.Store.GetByIdentifier(ctx, identifier)
				if err != nil {
					return f.FormerOwner(ctx, identifier)
				}
				return t, err
			}
		}},
		{rule: "rename-keeps-the-former-identifier", how: "keeps the last one only", spoil: func(f *faulty) {
			last := ""
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				old, _ := f.Store.GetByID(ctx, t.ID)
				t, err := f.Store.Update(ctx, t)
				if err == nil {
					last = old.Identifier
				}
				return t, err
			}
			f.formerOwner = func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
				t, err := f.Store.FormerOwner(ctx, identifier)
				if err == nil && identifier != last {
					err = driver.ErrorIn("FormerOwner", tenancy.IdentifierKey(identifier), tenancy.ErrNotFound)
				}
				return t, err
			}
		}},
		{rule: "former-identifier-is-free", how: "reserves former identifiers for who had them", spoil: func(f *faulty) {
			f.create = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				if _, err := f.Store.FormerOwner(ctx, t.Identifier); err == nil {
					return t, &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
				}
				return f.Store.Create(ctx, t)
			}
		}},
		{rule: "former-identifier-is-free", how: "remembers the former owner of what somebody has", spoil: func(f *faulty) { f.formerOwner = remembersOwner(f) }},
		{rule: "rename-chains-end", how: "remembers the former owner of what somebody has", spoil: func(f *faulty) { f.formerOwner = remembersOwner(f) }},
		{rule: "former-identifiers-expire", how: "keeps them for ever", spoil: func(f *faulty) {
			had := map[string]string{}
			f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
				old, _ := f.Store.GetByID(ctx, t.ID)
				t, err := f.Store.Update(ctx, t)
				if err == nil {
					had[old.Identifier] = t.ID
				}
				return t, err
			}
			f.formerOwner = func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
				return f.Store.GetByID(ctx, had[identifier])
			}
		}},
		{rule: "former-identifiers-expire", how: "forgets them without a change", spoil: func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i, c := range changes {
					if slices.Equal(c.Fields, []string{"names"}) {
						changes[i].Keys = c.Keys[:2]
					}
				}
				return changes, err
			}
		}},
	}
}

// remembersOwner is FormerOwner of a store that never takes an identifier from who had it.
func remembersOwner(f *faulty) func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	had := map[string]string{}
	f.update = func(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
		old, _ := f.Store.GetByID(ctx, t.ID)
		t, err := f.Store.Update(ctx, t)
		if err == nil && old.Identifier != t.Identifier {
			had[old.Identifier] = t.ID
		}
		return t, err
	}
	return func(ctx context.Context, identifier string) (tenancy.Tenant, error) {
		if id, known := had[identifier]; known {
			return f.Store.GetByID(ctx, id)
		}
		return f.Store.FormerOwner(ctx, identifier)
	}
}

func nameLogMutants() []mutant {
	touching := func(spoil func(c *tenancy.Change)) func(f *faulty) {
		return func(f *faulty) {
			f.changes = func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
				changes, err := f.Store.Changes(ctx, after, limit)
				for i := range changes {
					spoil(&changes[i])
				}
				return changes, err
			}
		}
	}
	fieldsOnly := func(c *tenancy.Change) {
		c.Keys = slices.DeleteFunc(c.Keys, func(k tenancy.Key) bool { return !k.OfField() })
	}
	return []mutant{
		{rule: "names-are-logged", how: "does not say what it was that changed", spoil: touching(func(c *tenancy.Change) { c.Fields = nil })},
		{rule: "names-are-logged", how: "touches the ID and the identifier only", spoil: touching(fieldsOnly)},
		{rule: "changes-touch-names", how: "touches the ID and the identifier only", spoil: touching(fieldsOnly)},
		{rule: "changes-touch-names", how: "touches claims too", spoil: touching(func(c *tenancy.Change) {
			c.Keys = append(c.Keys, tenancy.Key{Kind: tenancy.KindDomain, Value: "claim.test"})
		})},
		{rule: "restore-brings-names-back", how: "keeps what it has found", spoil: func(f *faulty) { f.getByDomain = remembering(f) }},
	}
}
