package engine

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// nameTexts are the statements about names that all databases have. The triggers make each
// of those that write a change of the tenant.
type nameTexts struct {
	byDomain, byFormer string
	load               string // by ids, identifiers, domains, former identifiers
	loadByDomain       string
	loadByFormer       string
	of, page           string // the names of a tenant; of all, after a name
	logged             string // the tenant, if its last change is in the log
	claim, reclaim     string
	verify, primary    string
	remove             string
	keep, unkeep       string // the identifier that a tenant is about to give up
	firstEnd           string // of all former identifiers
	end                string // some whose time is over
}

func newNameTexts(d Dialect, snapshot, sel string) (x nameTexts) {
	var (
		tenants, names = d.Source("", "t"), d.Source("_names", "n")
		table          = d.Table("_names")
		p1, p2, p3, p4 = d.Param(1), d.Param(2), d.Param(3), d.Param(4)
		p5, p6         = d.Param(5), d.Param(6)
		joined         = " FROM " + names + " JOIN " + tenants + " ON t.id = n.tenant_id WHERE "
		// A former identifier that is the tenant's own has not been given up yet.
		domain, former = "n.kind = 'domain' AND n.verified_at IS NOT NULL", "n.kind = 'former' AND n.value <> t.identifier"
		// SQLite, which may have samples of the index, would plan a statement anew for each
		// value of a bare parameter: the index is one of some rows only.
		is      = " AND n.value = (SELECT " + p1 + ")"
		named   = "SELECT n.kind, n.value, n.expires_at, " + Columns + joined
		unnamed = "SELECT '', '', NULL, " + Columns + " FROM " + tenants
		own     = " WHERE tenant_id = " + p1 + " AND kind = 'domain' AND value = " + p2
		ended   = "kind = 'former' AND expires_at <= " + d.Now()
	)
	x.byDomain = "SELECT " + Columns + joined + domain + is
	x.byFormer = "SELECT n.expires_at, " + Columns + joined + former + is
	load := func(from string) string {
		return "SELECT h.revision, h.mark, t.kind, t.value, t.expires_at, " + Columns + snapshot + "(" + from + ") AS t ON TRUE"
	}
	x.loadByDomain, x.loadByFormer = load(named+domain+is), load(named+former+is)
	x.load = load(named + domain + " AND " + d.In("n.value", p3) + " UNION ALL " + named + former + " AND " + d.In("n.value", p4) +
		" UNION ALL " + unnamed + " WHERE " + d.In("t.id", p1) + " UNION ALL " + unnamed + " WHERE " + d.In("t.identifier", p2))
	columns := "t.id, t.identifier, t.primary_domain, n.kind, n.value, n.token, n.created_at, n.verified_at, n.expires_at, t.revision, t.mark"
	all := "SELECT " + columns + " FROM "
	x.of = all + tenants + " LEFT JOIN " + names + " ON n.tenant_id = t.id WHERE t.id = " + p1 + " ORDER BY n.kind, n.value"
	x.page = pageText(d, columns, all+names+" JOIN "+tenants+" ON t.id = n.tenant_id WHERE "+d.Rows([]string{"n.tenant_id", "n.kind", "n.value"}, ">", []string{p1, p2, p3})+
		" AND NOT (n.kind = 'former' AND n.value = t.identifier) AND (n.expires_at IS NULL OR n.expires_at > "+d.Now()+")"+
		" ORDER BY n.tenant_id, n.kind, n.value LIMIT "+p4)
	x.logged = sel + " WHERE t.id = " + p1 + " AND EXISTS (SELECT 1 FROM " + d.Source("_changes", "c") + " WHERE c.revision = t.revision AND c.mark = t.mark)"
	x.claim = "INSERT INTO " + table + " (tenant_id, kind, value, token, created_at, expires_at) VALUES (" + p1 + ", 'domain', " + p2 + ", " + p3 + ", " + p4 + ", " + p5 + ")"
	x.reclaim = "UPDATE " + table + " SET value = " + p6 + ", token = " + p3 + ", created_at = " + p4 + ", expires_at = " + p5 + own
	x.verify = "UPDATE " + table + " SET verified_at = " + p3 + ", expires_at = NULL" + own
	x.remove = "DELETE FROM " + table + own
	x.primary = "UPDATE " + d.Table("") + " SET primary_domain = " + p2 + " WHERE id = " + p1
	x.keep = "INSERT INTO " + table + " (tenant_id, kind, value, created_at, expires_at) VALUES (" + p1 + ", 'former', " + p2 + ", " + p3 + ", " + p4 + ")"
	x.unkeep = "DELETE FROM " + table + " WHERE tenant_id = " + p1 + " AND kind = 'former' AND value = " + p2
	x.firstEnd = "SELECT min(n.expires_at) FROM " + names + " WHERE n.kind = 'former'"
	x.end = "DELETE FROM " + table + " WHERE " + ended + " AND value IN (SELECT e.value FROM (SELECT value FROM " + table + " WHERE " + ended +
		fmt.Sprintf(" ORDER BY expires_at LIMIT %d) AS e)", endChunk)
	return x
}

// GetByDomain implements driver.Names.
func (b *Base) GetByDomain(ctx context.Context, domain string) (t tenancy.Tenant, err error) {
	err = b.Look(ctx, func() (bool, error) {
		t, err = b.Read.Tenant(ctx, b.Texts.names.byDomain, domain)
		return err == nil, err
	})
	return t, err
}

// FormerOwner implements driver.Names. What has ended is removed first: an answer that a
// clock changed would be none of a position in the log.
func (b *Base) FormerOwner(ctx context.Context, identifier string) (t tenancy.Tenant, err error) {
	err = Repeat(func() (bool, error) {
		var ends Instant
		err := b.Look(ctx, func() (found bool, err error) {
			r := b.Read.newRow(&ends)
			err = b.Read.keyed(ctx, b.Texts.names.byFormer, []any{identifier}, func(rows *sql.Rows) error {
				found = true
				t, err = r.scan(rows)
				return err
			})
			if err == nil && !found {
				err = tenancy.ErrNotFound
			}
			return found, err
		})
		if err != nil || !ended(ends, time.Now()) {
			return false, err
		}
		if b.InTx() { // which may be rolled back, and whose answers nobody keeps
			return false, tenancy.ErrNotFound
		}
		n, err := b.endFormer(ctx)
		return n > 0, err
	})
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// NamesOf implements driver.Names.
func (b *Base) NamesOf(ctx context.Context, id string) (names []tenancy.Name, err error) {
	err = b.Look(ctx, func() (bool, error) {
		names, err = b.namesOf(ctx, b.Read, id)
		return err == nil, err
	})
	return current(names, time.Now()), err
}

// namesOf returns all names of a tenant, also those whose time is over.
func (b *Base) namesOf(ctx context.Context, in Session, id string) (names []tenancy.Name, err error) {
	found := false
	err = in.Each(ctx, b.Texts.names.of, []any{id}, func(rows *sql.Rows) error {
		found = true
		n, _, ok, err := scanName(rows)
		if ok {
			names = append(names, n.Name)
		}
		return err
	})
	if err == nil && !found {
		err = tenancy.ErrNotFound
	}
	return names, err
}

// ListNames implements driver.Names.
func (b *Base) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (page tenancy.NamePage, err error) {
	err = b.Look(ctx, func() (bool, error) {
		page = tenancy.NamePage{}
		err := b.Read.Each(ctx, b.Texts.names.page, []any{after.TenantID, string(after.Kind), after.Value, int64(limit)}, func(rows *sql.Rows) error {
			n, at, _, err := scanName(rows)
			if n.TenantID == "" {
				page.AsOf = b.asOf(at)
				return err
			}
			page.Names = append(page.Names, n)
			return err
		})
		return len(page.Names) > 0, err
	})
	return page, err
}

// scanName reports false for a tenant without names, and for an identifier that is not given
// up yet.
func scanName(rows *sql.Rows) (n tenancy.TenantName, at Position, ok bool, err error) {
	var id, identifier, primary, kind, value, token Text
	var created, verified, expires Instant
	if err := rows.Scan(&id, &identifier, &primary, &kind, &value, &token, &created, &verified, &expires, &at.Revision, &at.Mark); err != nil {
		return n, at, false, err
	}
	n = tenancy.TenantName{TenantID: string(id), Name: tenancy.Name{
		Kind: tenancy.KeyKind(kind), Value: string(value), Token: string(token),
		CreatedAt: time.Time(created), VerifiedAt: time.Time(verified), ExpiresAt: time.Time(expires),
	}}
	n.Primary = n.Kind == tenancy.KindDomain && value == primary && !n.VerifiedAt.IsZero()
	return n, at, kind != "" && (n.Kind != tenancy.KindFormer || value != identifier), nil
}

// AddDomain implements driver.Names. A claim that has ended gives its row to the new one: so
// claims do not pile up, and it is one change.
func (b *Base) AddDomain(ctx context.Context, id, domain string) (claim tenancy.Name, err error) {
	_, err = b.changeNames(ctx, id, func(in Session, names []tenancy.Name) (bool, error) {
		now := time.Now()
		isDomain := func(n tenancy.Name) bool { return n.Kind == tenancy.KindDomain }
		valid := slices.DeleteFunc(current(names, now), func(n tenancy.Name) bool { return !isDomain(n) })
		if at := slices.IndexFunc(valid, func(n tenancy.Name) bool { return n.Value == domain }); at >= 0 {
			claim = valid[at]
			return false, nil
		}
		if len(valid) >= tenancy.MaxDomains {
			return false, &tenancy.Error{Field: "domain", Err: fmt.Errorf("%w: the tenant has %d already", tenancy.ErrInvalid, len(valid))}
		}
		claim = driver.NewClaim(domain, now, b.ClaimLifetime)
		args := []any{id, domain, claim.Token, b.Time(claim.CreatedAt), b.Time(claim.ExpiresAt)}
		over := slices.DeleteFunc(names, func(n tenancy.Name) bool { return !isDomain(n) || !ended(Instant(n.ExpiresAt), now) })
		if len(over) == 0 {
			_, err := in.Exec(ctx, b.Texts.names.claim, args...)
			return true, err
		}
		args[1] = over[max(0, slices.IndexFunc(over, func(n tenancy.Name) bool { return n.Value == domain }))].Value
		_, err := in.Exec(ctx, b.Texts.names.reclaim, append(args, domain)...)
		return true, err
	})
	return claim, err
}

// VerifyDomain implements driver.Names.
func (b *Base) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.changeNames(ctx, id, func(in Session, names []tenancy.Name) (bool, error) {
		now := time.Now()
		n, found := domainIn(current(names, now), domain)
		if !found {
			return false, tenancy.ErrNotFound
		}
		if !n.VerifiedAt.IsZero() {
			return false, nil
		}
		taken := &tenancy.Error{Field: "domain", Err: tenancy.ErrAlreadyExists}
		if _, err := in.Tenant(ctx, b.Texts.names.byDomain, domain); !errors.Is(err, tenancy.ErrNotFound) {
			return false, cmp.Or(err, error(taken))
		}
		_, err := in.Exec(ctx, b.Texts.names.verify, id, domain, b.Time(driver.NormalizeTime(now)))
		if KindOf(err) == Duplicate { // of what this transaction does not see
			err = taken
		}
		return true, err
	})
}

// SetPrimaryDomain implements driver.Names.
func (b *Base) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.changeNames(ctx, id, func(in Session, names []tenancy.Name) (bool, error) {
		n, found := domainIn(names, domain)
		if domain != "" && (!found || n.VerifiedAt.IsZero()) {
			return false, tenancy.ErrNotFound
		}
		if n.Primary || domain == "" && !slices.ContainsFunc(names, func(n tenancy.Name) bool { return n.Primary }) {
			return false, nil
		}
		_, err := in.Exec(ctx, b.Texts.names.primary, id, domain)
		return true, err
	})
}

// RemoveDomain implements driver.Names.
func (b *Base) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return b.changeNames(ctx, id, func(in Session, names []tenancy.Name) (bool, error) {
		if _, found := domainIn(current(names, time.Now()), domain); !found {
			return false, tenancy.ErrNotFound
		}
		_, err := in.Exec(ctx, b.Texts.names.remove, id, domain)
		return true, err
	})
}

var errNotLogged = errors.New("a name is not logged")

// changeNames has edit change the names of a tenant, if it says so, by one statement.
func (b *Base) changeNames(ctx context.Context, id string, edit func(in Session, names []tenancy.Name) (bool, error)) (t tenancy.Tenant, err error) {
	err = b.Exclusively(ctx, func(in Session) error {
		before, err := in.Tenant(ctx, b.Texts.Locked, id)
		if err != nil {
			return err
		}
		names, err := b.namesOf(ctx, in, id)
		if err != nil {
			return err
		}
		t = before
		changed, err := edit(in, names)
		if err != nil || !changed {
			return err
		}
		t, err = in.Tenant(ctx, b.Texts.names.logged, id)
		if errors.Is(err, tenancy.ErrNotFound) || err == nil && t.Position() == before.Position() {
			err = &Failure{
				Reason: tenancy.ErrUnavailable, Cause: errNotLogged,
				Text: "a trigger of the store is missing, disabled or does something else, so that the change of a name would reach neither the log nor the caches: run Migrate",
			}
		}
		return err
	})
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// KeepFormer writes that the tenant t, which is about to give up its identifier for another
// one, had it. It is for Update, in Exclusively.
func (b *Base) KeepFormer(ctx context.Context, in Session, id, identifier string) error {
	if b.FormerLifetime == 0 {
		return nil
	}
	old, err := in.Tenant(ctx, b.Texts.Locked, id)
	if err != nil || old.Identifier == identifier {
		return err
	}
	now := driver.NormalizeTime(time.Now())
	end := driver.NormalizeTime(now.Add(b.FormerLifetime))
	if _, err := in.Exec(ctx, b.Texts.names.unkeep, id, old.Identifier); err != nil { // perhaps written by hand
		return err
	}
	if _, err := in.Exec(ctx, b.Texts.names.keep, id, old.Identifier, b.Time(now), b.Time(end)); err != nil {
		return err
	}
	b.endings.kept.Store(&end)
	return nil
}

func domainIn(names []tenancy.Name, domain string) (tenancy.Name, bool) {
	at := slices.IndexFunc(names, func(n tenancy.Name) bool { return n.Kind == tenancy.KindDomain && n.Value == domain })
	if at < 0 {
		return tenancy.Name{}, false
	}
	return names[at], true
}

// current returns a copy of names without those whose time is over.
func current(names []tenancy.Name, now time.Time) []tenancy.Name {
	return slices.DeleteFunc(slices.Clone(names), func(n tenancy.Name) bool { return ended(Instant(n.ExpiresAt), now) })
}

// ended reports whether the time of a name is over, if it ends.
func ended(end Instant, now time.Time) bool {
	at := time.Time(end)
	return !at.IsZero() && !now.Before(at)
}
