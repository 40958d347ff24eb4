package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func (w *world) verify(t tenancy.Tenant, domain string) tenancy.Tenant {
	_, err := w.AddDomain(context.Background(), t.ID, domain)
	if err == nil {
		t, err = w.VerifyDomain(context.Background(), t.ID, domain)
	}
	if err != nil {
		panic(err)
	}
	return t
}

func (w *world) remove(t tenancy.Tenant, domain string) tenancy.Tenant {
	t, err := w.RemoveDomain(context.Background(), t.ID, domain)
	if err != nil {
		panic(err)
	}
	return t
}

// named returns an error unless the replica answers every lookup as the database does, and
// without asking that.
func (w *world) answers(keys ...tenancy.Key) error {
	before := w.replica.Stats().Below
	var errs []error
	for _, k := range keys {
		get, want := w.replica.GetByDomain, w.GetByDomain
		if k.Kind == tenancy.KindFormer {
			get, want = w.replica.FormerOwner, w.FormerOwner
		}
		t, err := get(context.Background(), k.Value)
		stored, storedErr := want(context.Background(), k.Value)
		if t != stored || errors.Is(err, tenancy.ErrNotFound) != errors.Is(storedErr, tenancy.ErrNotFound) {
			errs = append(errs, fmt.Errorf("%s %s leads to %q of revision %d (%s), and in the database to %q of revision %d (%s)",
				k.Kind, k.Value, t.Identifier, t.Revision, fmt.Sprint(err), stored.Identifier, stored.Revision, fmt.Sprint(storedErr)))
		}
	}
	if n := w.replica.Stats().Below - before; n > 0 {
		errs = append(errs, fmt.Errorf("%d lookups went to the database", n))
	}
	return errors.Join(errs...)
}

func domain(value string) tenancy.Key { return tenancy.Key{Kind: tenancy.KindDomain, Value: value} }
func former(value string) tenancy.Key { return tenancy.Key{Kind: tenancy.KindFormer, Value: value} }

var nameRules = map[string]rule{
	"names-are-scanned": {"All verified domains and former identifiers are found after the scan, and no claims, however many there are.", func(w *world, open func()) error {
		var keys []tenancy.Key
		for i := range 12 {
			t := w.create(fmt.Sprintf("tenant-%d", i))
			for j := range tenancy.MaxDomains - 1 {
				keys = append(keys, domain(fmt.Sprintf("d%d.t%d.test", j, i)))
				w.verify(t, keys[len(keys)-1].Value)
			}
			if _, err := w.AddDomain(context.Background(), t.ID, "claim.test"); err != nil {
				panic(err)
			}
			w.rename(t, fmt.Sprintf("renamed-%d", i))
			keys = append(keys, former(t.Identifier))
		}
		open()
		return w.answers(append(keys, domain("claim.test"))...)
	}},
	"unknown-names-are-known": {"A name that nobody has costs no statement.", func(w *world, open func()) error {
		w.create("acme")
		open()
		return w.answers(domain("unknown.test"), former("unknown"))
	}},
	"changes-keep-names": {"A tenant keeps its names through changes of other fields.", func(w *world, open func()) error {
		acme := w.rename(w.verify(w.create("acme"), "acme.test"), "renamed")
		open()
		w.suspend(acme)
		settle()
		return w.answers(domain("acme.test"), former("acme"))
	}},
	"names-follow-the-log": {"A domain is found when it is verified, and not when it is claimed or removed; a former identifier when it is given up, and not when another has it.", func(w *world, open func()) error {
		acme := w.create("acme")
		open()
		keys := []tenancy.Key{domain("acme.test"), domain("claim.test"), former("acme")}
		var errs []error
		for _, step := range []func(){
			func() { _, _ = w.AddDomain(context.Background(), acme.ID, "claim.test") },
			func() { acme = w.verify(acme, "acme.test") },
			func() { acme = w.rename(acme, "renamed") },
			func() { w.create("acme") },
			func() { w.remove(acme, "acme.test") },
		} {
			step()
			settle()
			errs = append(errs, w.answers(keys...))
		}
		return errors.Join(errs...)
	}},
	"taken-over": {"A domain that another tenant has taken over leads to that one, whatever happens to the one before.", func(w *world, open func()) error {
		acme, bolt := w.verify(w.create("acme"), "acme.test"), w.create("bolt")
		open()
		w.closed.Store(true)
		acme = w.remove(acme, "acme.test")
		w.verify(bolt, "acme.test")
		w.suspend(acme)
		w.closed.Store(false)
		settle()
		err := w.answers(domain("acme.test"))
		w.suspend(acme)
		settle()
		if err := w.Delete(context.Background(), acme.ID); err != nil {
			panic(err)
		}
		settle()
		return errors.Join(err, w.answers(domain("acme.test")))
	}},
	"former-identifiers-end": {"A former identifier whose time is over leads to nobody.", func(w *world, open func()) error {
		acme := w.rename(w.create("acme"), "renamed")
		open()
		err := w.answers(former("acme"))
		time.Sleep(2 * time.Hour)
		settle()
		if got, err := w.replica.FormerOwner(context.Background(), "acme"); !errors.Is(err, tenancy.ErrNotFound) {
			return fmt.Errorf("it leads to %s: %w", got.Identifier, err)
		}
		return errors.Join(err, w.has(must(w.GetByID(context.Background(), acme.ID))))
	}},
	"names-go-with-the-tenant": {"A tenant that is deleted, and one that gets its ID, are not found by its names.", func(w *world, open func()) error {
		acme := w.rename(w.verify(w.create("acme"), "acme.test"), "renamed")
		open()
		w.closed.Store(true)
		if err := w.Delete(context.Background(), acme.ID); err != nil {
			panic(err)
		}
		_ = must(w.Create(context.Background(), tenancy.Tenant{ID: acme.ID, Identifier: "another", Name: "Another"}))
		w.closed.Store(false)
		settle()
		return w.answers(domain("acme.test"), former("acme"), former("renamed"))
	}},
	"names-in-a-gap": {"Names that came or went where the log was trimmed too early are seen.", func(w *world, open func()) error {
		acme, bolt := w.verify(w.create("acme"), "acme.test"), w.verify(w.create("bolt"), "bolt.test")
		gone := w.verify(w.create("gone"), "gone.test")
		open()
		w.gap(func() {
			w.remove(gone, "gone.test")
			w.verify(w.remove(acme, "acme.test"), "new.test")
			w.verify(w.remove(bolt, "bolt.test"), "acme.test")
		})
		return w.answers(domain("acme.test"), domain("bolt.test"), domain("new.test"), domain("gone.test"))
	}},
	"absent-name-is-confirmed": {"The removal of a domain that a page reflects, and that the database then loses, is not kept.", func(w *world, open func()) error {
		acme, bolt := w.verify(w.create("acme"), "acme.test"), w.create("bolt")
		backup := w.Backup()
		w.names = func() { w.remove(acme, "acme.test") }
		w.named = func() {
			w.Restore(backup)
			w.suspend(bolt)
		}
		open()
		return w.answers(domain("acme.test"))
	}},
	"names-in-a-restore": {"After a restored backup, names are those that it holds.", func(w *world, open func()) error {
		acme, bolt := w.verify(w.create("acme"), "acme.test"), w.verify(w.create("bolt"), "bolt.test")
		var moved []tenancy.Key
		for i := range 20 {
			k := domain(fmt.Sprintf("moved-%d.test", i))
			moved = append(moved, k)
			w.verify(w.create(fmt.Sprintf("first-%d", i)), k.Value)
			w.verify(w.create(fmt.Sprintf("second-%d", i)), "other-"+k.Value)
		}
		backup := w.Backup()
		open()
		acme = w.remove(acme, "acme.test")
		w.verify(bolt, "acme.test")
		w.verify(acme, "new.test")
		for _, k := range moved { // to a tenant that loses another name, and gets that back
			first := must(w.GetByDomain(context.Background(), k.Value))
			w.remove(first, k.Value)
			second := must(w.GetByDomain(context.Background(), "other-"+k.Value))
			w.verify(second, k.Value)
			w.remove(second, "other-"+k.Value)
		}
		settle()
		w.Restore(backup)
		w.create("later")
		settle()
		return w.answers(append(moved, domain("acme.test"), domain("bolt.test"), domain("new.test"))...)
	}},
}

func must[T any](result T, err error) T {
	if err != nil {
		panic(err)
	}
	return result
}

// remembering keeps the names that a tenant had.
type remembering struct{ *loader }

func (m remembering) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	err := m.loader.Load(ctx, r, changes)
	for id, names := range m.names.of {
		for _, n := range m.table.Names(id) {
			if !slices.ContainsFunc(names, func(other table.Name) bool { return other.Key == n.Key }) {
				m.names.of[id] = append(m.names.of[id], n)
			}
		}
	}
	return err
}

// unmoving removes what a tenant has lost, whoever has it now.
type unmoving struct{ *loader }

func (m unmoving) Publish(at tenancy.Position) {
	lost := map[tenancy.Key]bool{}
	for id, names := range m.names.of {
		for _, n := range m.table.Names(id) {
			if !slices.ContainsFunc(names, func(other table.Name) bool { return other.Key == n.Key }) {
				lost[n.Key] = true
			}
		}
	}
	m.loader.Publish(at)
	for k := range lost {
		if owner := m.table.FindName(k); owner != nil {
			m.setNames(owner.ID, slices.DeleteFunc(m.table.Names(owner.ID), func(n table.Name) bool { return n.Key == k }))
		}
	}
	m.apply(at)
}

// credulous believes claims.
type credulous struct{ *loader }

func (m credulous) Publish(at tenancy.Position) {
	all := must(m.source.ListNames(context.Background(), tenancy.TenantName{}, tenancy.MaxPageLimit))
	m.loader.Publish(at)
	for _, n := range all.Names {
		m.setNames(n.TenantID, append(m.namesOf(n.TenantID), table.Name{Key: tenancy.Key{Kind: n.Kind, Value: n.Value}}))
	}
	m.apply(at)
}

// narrow obeys no change of names alone.
type narrow struct{ *loader }

func (m narrow) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	return m.loader.Load(ctx, r, slices.DeleteFunc(slices.Clone(changes), func(c tenancy.Change) bool { return slices.Equal(c.Fields, []string{"names"}) }))
}

// blind loads tenants, and not their names.
type blind struct{ *loader }

func (m blind) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	changes = slices.Clone(changes)
	for i, c := range changes {
		changes[i].Keys = slices.DeleteFunc(slices.Clone(c.Keys), func(k tenancy.Key) bool { return !k.OfField() })
	}
	return m.loader.Load(ctx, r, changes)
}

// inheriting lets a tenant that gets the ID of another have its names.
type inheriting struct{ *loader }

func (m inheriting) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	err := m.loader.Load(ctx, r, changes)
	for id, names := range m.names.of {
		if len(names) == 0 {
			delete(m.names.of, id)
		}
	}
	return err
}

// unswept keeps the names that a scan has not found.
type unswept struct{ *loader }

func (m unswept) Publish(at tenancy.Position) {
	for _, names := range m.names.of {
		for i := range names {
			names[i].Scan = m.scan
		}
	}
	for _, keys := range m.table.AllNames() {
		for _, k := range keys {
			m.table.NoteScan(k, m.scan)
		}
	}
	m.loader.Publish(at)
}

// nameless does not look for names again.
type nameless struct{ *loader }

func (m nameless) Scan(ctx context.Context, r *follow.Reader) (bool, error) {
	if m.listed && m.scan > 1 {
		for _, keys := range m.table.AllNames() {
			for _, k := range keys {
				m.table.NoteScan(k, m.scan)
			}
		}
		m.names.known = true
		return true, nil
	}
	return m.loader.Scan(ctx, r)
}

// brief is content with the first page of names.
type brief struct{ *loader }

func (m brief) Scan(ctx context.Context, r *follow.Reader) (bool, error) {
	if !m.listed {
		return m.loader.Scan(ctx, r)
	}
	page, err := m.source.ListNames(ctx, tenancy.TenantName{}, batch)
	m.names.known = true
	return err == nil, errors.Join(err, m.takeNames(ctx, r, page))
}

// timelessNames does not note as of when a page of names is.
type timelessNames struct{ *loader }

func (m timelessNames) Scan(ctx context.Context, r *follow.Reader) (bool, error) {
	if !m.listed {
		return m.loader.Scan(ctx, r)
	}
	page, err := m.source.ListNames(ctx, tenancy.TenantName{}, batch)
	m.names.known, page.AsOf = true, tenancy.Position{}
	return err == nil, errors.Join(err, m.takeNames(ctx, r, page))
}

// asking knows of no name that there is none.
type asking struct{ *loader }

func (m asking) Publish(at tenancy.Position) {
	m.loader.Publish(at)
	m.named.Store(false)
}

var nameMutants = []mutant{
	{"names-are-scanned", "is content with the first page of names", func(l *loader) follow.Loader { return brief{l} }},
	{"names-are-scanned", "believes claims", func(l *loader) follow.Loader { return credulous{l} }},
	{"unknown-names-are-known", "asks the database for names that nobody has", func(l *loader) follow.Loader { return asking{l} }},
	{"changes-keep-names", "loads tenants and not their names", func(l *loader) follow.Loader { return blind{l} }},
	{"names-follow-the-log", "keeps the names that a tenant had", func(l *loader) follow.Loader { return remembering{l} }},
	{"names-follow-the-log", "obeys no change of names alone", func(l *loader) follow.Loader { return narrow{l} }},
	{"taken-over", "removes what a tenant has lost, whoever has it now", func(l *loader) follow.Loader { return unmoving{l} }},
	{"former-identifiers-end", "obeys no change of names alone", func(l *loader) follow.Loader { return narrow{l} }},
	{"names-go-with-the-tenant", "lets a tenant inherit the names of the one with its ID", func(l *loader) follow.Loader { return inheriting{l} }},
	{"names-in-a-gap", "keeps names that a scan has not found", func(l *loader) follow.Loader { return unswept{l} }},
	{"names-in-a-gap", "does not look for names again", func(l *loader) follow.Loader { return nameless{l} }},
	{"absent-name-is-confirmed", "does not note as of when a page of names is", func(l *loader) follow.Loader { return timelessNames{l} }},
	{"names-in-a-restore", "keeps names that a scan has not found", func(l *loader) follow.Loader { return unswept{l} }},
}

func TestNameRules(t *testing.T) { keeps(t, nameRules, memstore.WithKeepFormer(time.Hour)) }

func TestNameMutantsAreRejected(t *testing.T) {
	rejects(t, nameRules, nameMutants, memstore.WithKeepFormer(time.Hour))
}
