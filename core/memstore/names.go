package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func (b *backend) GetByDomain(_ context.Context, domain string) (tenancy.Tenant, error) {
	return b.get(domainKey(domain))
}

func (b *backend) FormerOwner(_ context.Context, identifier string) (tenancy.Tenant, error) {
	b.expire()
	return b.get(formerKey(identifier))
}

func (b *backend) NamesOf(_ context.Context, id string) ([]tenancy.Name, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := b.byID[id]
	if r == nil {
		return nil, tenancy.ErrNotFound
	}
	return current(r.names, time.Now()), nil
}

func (b *backend) ListNames(_ context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	b.expire()
	b.mu.RLock()
	defer b.mu.RUnlock()
	page, now := tenancy.NamePage{Names: []tenancy.TenantName{}, AsOf: b.log.newest()}, time.Now()
	from, _ := slices.BinarySearch(b.named, after.TenantID)
	for _, id := range b.named[from:] {
		names := current(b.byID[id].names, now)
		if id == after.TenantID {
			at, found := place(names, tenancy.Key{Kind: after.Kind, Value: after.Value})
			if found {
				at++
			}
			names = names[at:]
		}
		for _, n := range names {
			if len(page.Names) == limit {
				return page, nil
			}
			page.Names = append(page.Names, tenancy.TenantName{TenantID: id, Name: n})
		}
	}
	return page, nil
}

func (b *backend) AddDomain(ctx context.Context, id, domain string) (claim tenancy.Name, err error) {
	_, err = b.changeNames(ctx, id, func(names []tenancy.Name) ([]tenancy.Name, error) {
		at, found := place(names, domainKey(domain))
		if found {
			claim = names[at]
			return names, nil
		}
		if n, _ := place(names, formerKey("")); n >= tenancy.MaxDomains { // all domains stand before it
			return nil, &tenancy.Error{Field: "domain", Err: fmt.Errorf("%w: the tenant has %d already", tenancy.ErrInvalid, n)}
		}
		claim = driver.NewClaim(domain, time.Now(), b.claimLifetime)
		return slices.Insert(names, at, claim), nil
	})
	return claim, err
}

func (b *backend) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.changeNames(ctx, id, func(names []tenancy.Name) ([]tenancy.Name, error) {
		at, found := place(names, domainKey(domain))
		if !found {
			return nil, tenancy.ErrNotFound
		}
		if owner := b.byName[domainKey(domain)]; owner != nil && owner.ID != id {
			return nil, taken("domain")
		}
		if n := &names[at]; n.VerifiedAt.IsZero() {
			n.VerifiedAt, n.ExpiresAt = driver.NormalizeTime(time.Now()), time.Time{}
		}
		return names, nil
	})
}

func (b *backend) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.changeNames(ctx, id, func(names []tenancy.Name) ([]tenancy.Name, error) {
		at, found := place(names, domainKey(domain))
		if domain != "" && (!found || names[at].VerifiedAt.IsZero()) {
			return nil, tenancy.ErrNotFound
		}
		for i := range names {
			names[i].Primary = found && i == at
		}
		return names, nil
	})
}

func (b *backend) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.changeNames(ctx, id, func(names []tenancy.Name) ([]tenancy.Name, error) {
		at, found := place(names, domainKey(domain))
		if !found {
			return nil, tenancy.ErrNotFound
		}
		return slices.Delete(names, at, at+1), nil
	})
}

// changeNames replaces the names of a tenant by what edit, which may change its argument,
// makes of them.
func (b *backend) changeNames(ctx context.Context, id string, edit func([]tenancy.Name) ([]tenancy.Name, error)) (tenancy.Tenant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.byID[id]
	if old == nil {
		return tenancy.Tenant{}, tenancy.ErrNotFound
	}
	before := current(old.names, time.Now())
	names, err := edit(slices.Clone(before))
	if err != nil {
		return tenancy.Tenant{}, err
	}
	if slices.Equal(names, before) {
		return old.Tenant, nil
	}
	return b.putNames(ctx, old, names), nil
}

// putNames gives a tenant other names.
func (b *backend) putNames(ctx context.Context, old *record, names []tenancy.Name) tenancy.Tenant {
	t := old.Tenant
	t.UpdatedAt = driver.NextUpdate(old.UpdatedAt, time.Now())
	return b.put(ctx, tenancy.ChangeUpdate, old, &t, names)
}

// rename returns the names of a tenant that gives up its identifier for another.
func (b *backend) rename(ctx context.Context, old *record, identifier string) []tenancy.Name {
	now := driver.NormalizeTime(time.Now())
	names := without(current(old.names, now), formerKey(identifier))
	if b.byName[formerKey(identifier)] != old {
		b.takeFormer(ctx, identifier)
	}
	if b.keepFormer > 0 {
		at, _ := place(names, formerKey(old.Identifier))
		end := driver.NormalizeTime(now.Add(b.keepFormer))
		names = slices.Insert(names, at, tenancy.Name{Kind: tenancy.KindFormer, Value: old.Identifier, CreatedAt: now, ExpiresAt: end})
		b.endings = append(b.endings, ending{formerKey(old.Identifier), end})
	}
	return names
}

// takeFormer removes an identifier that is to be somebody's from the names of whoever
// had it before.
func (b *backend) takeFormer(ctx context.Context, identifier string) {
	if r := b.byName[formerKey(identifier)]; r != nil {
		b.putNames(ctx, r, without(slices.Clone(r.names), formerKey(identifier)))
	}
}

// ending is a former identifier, and when its time is over.
type ending struct {
	key tenancy.Key
	at  time.Time
}

// expire removes the former identifiers whose time is over, each by a change like any
// other, so that caches know of it. Whoever asks for one, or reads the log, calls it first.
func (b *backend) expire() {
	now := time.Now()
	due := func() bool { return len(b.endings) > 0 && !now.Before(b.endings[0].at) }
	b.mu.RLock()
	idle := !due()
	b.mu.RUnlock()
	if idle {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for due() {
		k := b.endings[0].key
		b.endings = b.endings[1:]
		if r := b.byName[k]; r != nil {
			if names := current(r.names, now); len(names) < len(r.names) {
				b.putNames(context.Background(), r, names)
			}
		}
	}
}

// endingsOf returns the former identifiers of records, in the order of their ends.
func endingsOf(records []*record) (all []ending) {
	for _, r := range records {
		for _, n := range r.names {
			if n.Kind == tenancy.KindFormer {
				all = append(all, ending{formerKey(n.Value), n.ExpiresAt})
			}
		}
	}
	slices.SortFunc(all, func(a, b ending) int { return a.at.Compare(b.at) })
	return all
}

// current returns a copy of names without those whose time is over.
func current(names []tenancy.Name, now time.Time) []tenancy.Name {
	return slices.DeleteFunc(slices.Clone(names), func(n tenancy.Name) bool { return !n.ExpiresAt.IsZero() && !now.Before(n.ExpiresAt) })
}

// place returns where k is among names, or belongs.
func place(names []tenancy.Name, k tenancy.Key) (at int, found bool) {
	return slices.BinarySearchFunc(names, k, func(n tenancy.Name, k tenancy.Key) int {
		return cmp.Or(strings.Compare(string(n.Kind), string(k.Kind)), strings.Compare(n.Value, k.Value))
	})
}

// without removes the name that is called k from names, and returns what is left.
func without(names []tenancy.Name, k tenancy.Key) []tenancy.Name {
	if at, found := place(names, k); found {
		return slices.Delete(names, at, at+1)
	}
	return names
}

func domainKey(domain string) tenancy.Key {
	return tenancy.Key{Kind: tenancy.KindDomain, Value: domain}
}

func formerKey(identifier string) tenancy.Key {
	return tenancy.Key{Kind: tenancy.KindFormer, Value: identifier}
}
