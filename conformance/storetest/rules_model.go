package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func modelRules() []Rule {
	return []Rule{
		{
			Name: "behaves-like-the-model",
			Says: "After every one of several hundred random operations, results and errors are those of a simple model of a store.",
			check: func(p *probe) {
				seed := p.h.Seed
				if seed == 0 {
					seed = rand.Uint64()
				}
				m := &model{rng: rand.New(rand.NewPCG(seed, 0)), tenants: map[string]tenancy.Tenant{}}
				for step := range 400 {
					what, err := m.step(p)
					m.done = append(m.done, what)
					if err != nil {
						p.Fatalf("step %d with Harness.Seed %d: %s: %v\n\tsteps before: %q", step, seed, what, err, m.done[max(0, step-8):step])
					}
				}
				p.sameAll(p.all(), m.list(tenancy.Filter{}), "what is stored after all steps with Harness.Seed %d", seed)
			},
		},
	}
}

// model is what a store should hold.
type model struct {
	rng     *rand.Rand
	tenants map[string]tenancy.Tenant // by ID
	past    []tenancy.Tenant          // some of what was stored once
	newest  tenancy.Revision
	done    []string
}

// Few IDs and identifiers, so that steps meet.
func (m *model) id() string         { return fmt.Sprintf("id-%d", m.rng.IntN(8)) }
func (m *model) identifier() string { return fmt.Sprintf("slug-%d", m.rng.IntN(8)) }

func (m *model) status() tenancy.Status {
	return tenancy.Statuses()[m.rng.IntN(4)]
}

func (m *model) metadata() tenancy.Metadata {
	return metadata(fmt.Sprintf(`{"k%d":%d,"k%d":[null,%d.50]}`, m.rng.IntN(3), m.rng.IntN(100), m.rng.IntN(3), m.rng.IntN(100)))
}

func (m *model) byIdentifier(identifier string) (tenancy.Tenant, bool) {
	for _, t := range m.tenants {
		if t.Identifier == identifier {
			return t, true
		}
	}
	return tenancy.Tenant{}, false
}

func (m *model) list(filter tenancy.Filter) []tenancy.Tenant {
	var ts []tenancy.Tenant
	for _, t := range m.tenants {
		if filter.Matches(t) {
			ts = append(ts, t)
		}
	}
	return inListOrder(ts)
}

// step does one random operation on the store and on the model, and returns
// what it was and how the two differ.
func (m *model) step(p *probe) (string, error) {
	steps := []func(p *probe) (string, error){m.create, m.create, m.update, m.update, m.setStatus, m.bulk, m.patch, m.delete, m.get, m.getByIDs, m.page, m.search}
	return steps[m.rng.IntN(len(steps))](p)
}

func (m *model) create(p *probe) (string, error) {
	t := tenancy.Tenant{ID: m.id(), Identifier: m.identifier(), Name: "Name of " + m.identifier(), Status: m.status(), Metadata: m.metadata()}
	what := fmt.Sprintf("Create %s %s", t.ID, t.Identifier)
	got, err := p.s.Create(p.ctx, t)
	_, idTaken := m.tenants[t.ID]
	_, identifierTaken := m.byIdentifier(t.Identifier)
	switch {
	case idTaken:
		return what, expect(err, tenancy.ErrAlreadyExists, "id")
	case identifierTaken:
		return what, expect(err, tenancy.ErrAlreadyExists, "identifier")
	}
	t.CreatedAt = got.CreatedAt
	return what, m.wrote(got, t, err)
}

func (m *model) update(p *probe) (string, error) {
	t := tenancy.Tenant{ID: m.id(), Identifier: m.identifier(), Name: "New name", Status: m.status(), Metadata: m.metadata(), Revision: tenancy.AnyRevision}
	if m.rng.IntN(3) > 0 && len(m.past) > 0 {
		past := m.past[m.rng.IntN(len(m.past))]
		t.Revision, t.Mark = past.Revision, past.Mark
	}
	old, found := m.tenants[t.ID]
	if found && m.rng.IntN(2) == 0 {
		t.Revision, t.Mark = old.Revision, old.Mark
	}
	what := fmt.Sprintf("Update %s to %s at Revision %d", t.ID, t.Identifier, t.Revision)
	got, err := p.s.Update(p.ctx, t)
	other, taken := m.byIdentifier(t.Identifier)
	conflict := t.Revision != tenancy.AnyRevision && t.Position() != old.Position()
	switch taken = taken && other.ID != t.ID; {
	case !found:
		return what, expect(err, tenancy.ErrNotFound, "")
	case conflict && taken: // either will do
		if errors.Is(err, tenancy.ErrAlreadyExists) {
			return what, nil
		}
		return what, expect(err, tenancy.ErrConflict, "")
	case conflict:
		return what, expect(err, tenancy.ErrConflict, "")
	case taken:
		return what, expect(err, tenancy.ErrAlreadyExists, "identifier")
	}
	t.CreatedAt = old.CreatedAt
	return what, m.wrote(got, t, err)
}

func (m *model) setStatus(p *probe) (string, error) {
	id, s := m.id(), m.status()
	what := fmt.Sprintf("SetStatus %s %s", id, s)
	got, err := p.s.SetStatus(p.ctx, id, s)
	t, found := m.tenants[id]
	if !found {
		return what, expect(err, tenancy.ErrNotFound, "")
	}
	t.Status = s
	return what, m.wrote(got, t, err)
}

func (m *model) bulk(p *probe) (string, error) {
	ids, s := []string{m.id(), m.id(), m.id()}, m.status()
	what := fmt.Sprintf("BulkUpdateStatus %v %s", ids, s)
	got, err := p.s.BulkUpdateStatus(p.ctx, ids, s)
	if err != nil {
		return what, err
	}
	var want []string
	for _, id := range ids {
		if _, found := m.tenants[id]; found && !slices.Contains(want, id) {
			want = append(want, id)
		}
	}
	if len(got) != len(want) {
		return what, fmt.Errorf("got %d tenants, want %v", len(got), want)
	}
	before := m.newest
	for i, id := range want {
		if got[i].ID != id {
			return what, fmt.Errorf("got %s at place %d, want %v", got[i].ID, i, want)
		}
		t := m.tenants[id]
		t.Status = s
		m.newest = before // the order of revisions within the write is free
		if err := m.wrote(got[i], t, nil); err != nil {
			return what, err
		}
	}
	for _, t := range got {
		m.newest = max(m.newest, t.Revision)
	}
	return what, nil
}

func (m *model) patch(p *probe) (string, error) {
	id, patch := m.id(), m.metadata()
	what := fmt.Sprintf("UpdateMetadata %s by %s", id, patch)
	got, err := p.s.UpdateMetadata(p.ctx, id, patch)
	t, found := m.tenants[id]
	if !found {
		return what, expect(err, tenancy.ErrNotFound, "")
	}
	merged, mergeErr := t.Metadata.Merge(patch)
	if merged == t.Metadata { // nothing is written
		return what, errors.Join(mergeErr, compare(got, err, t, true))
	}
	t.Metadata = merged
	return what, errors.Join(mergeErr, m.wrote(got, t, err))
}

func (m *model) delete(p *probe) (string, error) {
	id := m.id()
	what := "Delete " + id
	err := p.s.Delete(p.ctx, id)
	if _, found := m.tenants[id]; !found {
		return what, expect(err, tenancy.ErrNotFound, "")
	}
	delete(m.tenants, id)
	return what, err
}

func (m *model) get(p *probe) (string, error) {
	if m.rng.IntN(2) == 0 {
		id := m.id()
		got, err := p.s.GetByID(p.ctx, id)
		want, found := m.tenants[id]
		return "GetByID " + id, compare(got, err, want, found)
	}
	identifier := m.identifier()
	got, err := p.s.GetByIdentifier(p.ctx, identifier)
	want, found := m.byIdentifier(identifier)
	return "GetByIdentifier " + identifier, compare(got, err, want, found)
}

func (m *model) getByIDs(p *probe) (string, error) {
	ids := []string{m.id(), m.id(), m.id()}
	what := fmt.Sprintf("GetByIDs %v", ids)
	got, err := p.s.GetByIDs(p.ctx, ids)
	var want []tenancy.Tenant
	for i, id := range ids {
		if t, found := m.tenants[id]; found && !slices.Contains(ids[:i], id) {
			want = append(want, t)
		}
	}
	return what, compareAll(got, err, want)
}

func (m *model) page(p *probe) (string, error) {
	filter := tenancy.Filter{Statuses: tenancy.Statuses()[m.rng.IntN(4):]}
	offset := m.rng.IntN(4)
	what := fmt.Sprintf("List and Count of %v from %d", filter.Statuses, offset)
	want := m.list(filter)
	if n, err := p.s.Count(p.ctx, filter); err != nil || n != len(want) {
		return what, fmt.Errorf("the count is %d with error %s, want %d", n, text(err), len(want))
	}
	got, err := p.s.List(p.ctx, tenancy.ListOptions{Filter: filter, Offset: offset, Limit: 3})
	want = want[min(offset, len(want)):]
	return what, compareAll(got.Tenants, err, want[:min(3, len(want))])
}

func (m *model) search(p *probe) (string, error) {
	query := []string{"", "slug", "SLUG-1", "name", "of", "lug-2"}[m.rng.IntN(6)]
	var matches []driver.Match
	for _, t := range m.tenants {
		if rank := driver.RankOf(driver.Fold(t.Identifier), driver.Fold(t.Name), driver.Fold(query)); rank != driver.RankNone {
			matches = append(matches, driver.Match{Tenant: t, Rank: rank})
		}
	}
	got, err := p.s.Search(p.ctx, query, tenancy.SearchOptions{Limit: 5})
	return "Search " + query, compareAll(got, err, driver.TopMatches(slices.Values(matches), 5))
}

// wrote compares what a write returned with what it should have, and keeps it.
func (m *model) wrote(got, want tenancy.Tenant, err error) error {
	if err != nil {
		return err
	}
	if got.Revision <= m.newest {
		return fmt.Errorf("revision %d after %d", got.Revision, m.newest)
	}
	m.newest = got.Revision
	if old, found := m.tenants[want.ID]; found && !got.UpdatedAt.After(old.UpdatedAt) {
		return fmt.Errorf("UpdatedAt %s after %s", stamp(got.UpdatedAt), stamp(old.UpdatedAt))
	}
	want = writtenLike(want, got)
	m.tenants[want.ID] = want
	m.past = append(m.past, want)
	return compare(got, nil, want, true)
}

func expect(err, want error, field string) error {
	if !errors.Is(err, want) || fieldOf(err) != field {
		return fmt.Errorf("got error %s with field %q, want %s with field %q", text(err), fieldOf(err), text(want), field)
	}
	return nil
}

func compare(got tenancy.Tenant, err error, want tenancy.Tenant, found bool) error {
	if !found {
		return expect(err, tenancy.ErrNotFound, "")
	}
	if d := diff(got, want); err != nil || d != "" {
		return fmt.Errorf("error %s; %s", text(err), d)
	}
	return nil
}

func compareAll(got []tenancy.Tenant, err error, want []tenancy.Tenant) error {
	if err != nil || !slices.Equal(got, want) {
		return fmt.Errorf("error %s, tenants %s, want %s with the same fields", text(err), idsOf(got), idsOf(want))
	}
	return nil
}
