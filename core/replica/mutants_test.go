package replica

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// mutant is a replica that breaks a rule.
type mutant struct {
	rule, how string
	broken    func(*loader) follow.Loader
}

// scansFirst reads all tenants before the bounds of the log.
type scansFirst struct{ *loader }

func (m scansFirst) Restore(ctx context.Context, r *follow.Reader) (tenancy.Position, time.Time) {
	for last := false; !last; {
		last, _ = m.loader.Scan(ctx, r)
	}
	return tenancy.Position{}, time.Time{}
}
func (scansFirst) Scan(context.Context, *follow.Reader) (bool, error) { return true, nil }
func (m scansFirst) StartOver(at tenancy.Position)                    { m.newest = at.Revision }

// believing believes the kind of a change.
type believing struct{ *loader }

func (m believing) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	if err := m.loader.Load(ctx, r, changes); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Kind == tenancy.ChangeDelete {
			m.set(c.TenantID, nil)
		}
	}
	return nil
}

// freeing removes what it finds under an identifier that a tenant had.
type freeing struct{ *loader }

func (m freeing) Publish(at tenancy.Position) {
	var freed []string
	for id, after := range m.staged {
		if before := m.table.ByID(id); before != nil && after != nil && before.Identifier != after.Identifier {
			freed = append(freed, before.Identifier)
		}
	}
	m.loader.Publish(at)
	for _, identifier := range freed {
		if r := m.table.Find(tenancy.IdentifierKey(identifier)); r != nil {
			m.set(r.ID, nil)
		}
	}
	m.apply(at)
}

// hasty is content with the first page.
type hasty struct{ *loader }

func (m hasty) Scan(ctx context.Context, r *follow.Reader) (bool, error) {
	page, err := m.readPage(ctx)
	return err == nil, cmp.Or(err, m.take(r, page))
}

// timeless does not note as of when a page is.
type timeless struct{ *loader }

func (m timeless) Scan(ctx context.Context, r *follow.Reader) (bool, error) {
	if m.listed {
		return m.loader.Scan(ctx, r)
	}
	page, err := m.readPage(ctx)
	page.AsOf = tenancy.Position{}
	m.cursor, m.listed = page.Next, page.Next == ""
	return false, cmp.Or(err, m.take(r, page))
}

// postponing takes a page after the log was read.
type postponing struct {
	*loader
	page *tenancy.Page // that was read last
}

func (m *postponing) Scan(ctx context.Context, r *follow.Reader) (last bool, err error) {
	if m.page != nil {
		if err := m.take(r, *m.page); err != nil || m.page.Next == "" {
			return err == nil, err
		}
		m.cursor = m.page.Next
	}
	page, err := m.readPage(ctx)
	m.page = &page
	return false, err
}

// goingOn goes on from the end of the log where it was trimmed.
type goingOn struct{ *loader }

func (m goingOn) Scan(ctx context.Context, r *follow.Reader) (bool, error) {
	if m.scan > 1 {
		m.swept = true
		return true, nil
	}
	return m.loader.Scan(ctx, r)
}

// keeping keeps what a scan has not found.
type keeping struct{ *loader }

func (m keeping) Publish(at tenancy.Position) {
	m.swept = true
	m.loader.Publish(at)
}

// doubling reads all tenants anew into new memory.
type doubling struct{ *loader }

func (m doubling) StartOver(at tenancy.Position) {
	m.loader.StartOver(at)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Clear()
	m.clearIndexes()
}

// calling calls handlers itself.
type calling struct{ *loader }

func (m calling) Publish(at tenancy.Position) {
	m.loader.Publish(at)
	for _, h := range m.handlers {
		h.f(nil, nil)
	}
}

// unconfirmed takes what it reads for what the log has.
type unconfirmed struct{ *loader }

func (m unconfirmed) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	loaded, err := m.loadKeys(ctx, keysOf(changes)[tenancy.KindID])
	for _, v := range loaded {
		m.stage(&v.Tenant)
	}
	return err
}

var mutants = []mutant{
	{"bounds-first", "reads the bounds after the scan", func(l *loader) follow.Loader { return scansFirst{l} }},
	{"loaded-not-inferred", "believes the kind of a change", func(l *loader) follow.Loader { return believing{l} }},
	{"identifier-of-its-owner", "removes an old identifier that has a new owner", func(l *loader) follow.Loader { return freeing{l} }},
	{"absence-after-all-pages", "believes in absence before it is synced", func(l *loader) follow.Loader { return hasty{l} }},
	{"deleted-in-a-scan", "takes a page after the log was read", func(l *loader) follow.Loader { return &postponing{loader: l} }},
	{"a-gap-is-scanned", "goes on from now where changes were lost", func(l *loader) follow.Loader { return goingOn{l} }},
	{"gone-in-a-gap", "keeps what a scan has not found", func(l *loader) follow.Loader { return keeping{l} }},
	{"same-memory", "reads all tenants anew into a second table", func(l *loader) follow.Loader { return doubling{l} }},
	{"absence-is-confirmed", "does not note as of when a page is", func(l *loader) follow.Loader { return timeless{l} }},
	{"seen-is-confirmed", "keeps what it has read ahead of the log", func(l *loader) follow.Loader { return unconfirmed{l} }},
	{"handlers-hold-up-nobody", "has a handler block the follower", func(l *loader) follow.Loader { return calling{l} }},
}

// Each rule must reject a replica that breaks it.
func TestMutantsAreRejected(t *testing.T) { rejects(t, rules, mutants) }

func rejects(t *testing.T, rules map[string]rule, mutants []mutant, opts ...memstore.Option) {
	t.Helper()
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.how, " ", "-"), func(t *testing.T) {
			err := rules[m.rule].try(t, m.broken, opts...)
			if err == nil {
				t.Errorf("rule %s accepts a replica that %s", m.rule, m.how)
			}
			t.Log(err)
		})
	}
	for name := range rules {
		if !slices.ContainsFunc(mutants, func(m mutant) bool { return m.rule == name }) {
			t.Errorf("rule %s has no mutant", name)
		}
	}
}
