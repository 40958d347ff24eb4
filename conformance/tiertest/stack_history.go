package tiertest

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// history is what one log says: that of the source, until a backup is restored.
type history struct {
	base     tenancy.Revision // up to here it is that of the history before
	head     tenancy.Position
	versions map[tenancy.Key][]version
	values   map[tenancy.Revision]tenancy.Tenant // that writes have returned
	removed  map[tenancy.Revision]tenancy.Key    // the name that the write has removed, if it has
	touched  map[tenancy.Revision]string         // the tenant of each change
}

func newHistory() *history {
	return &history{
		versions: map[tenancy.Key][]version{}, values: map[tenancy.Revision]tenancy.Tenant{},
		removed: map[tenancy.Revision]tenancy.Key{}, touched: map[tenancy.Revision]string{},
	}
}

// version is what is under a key from a revision on, until the next one.
type version struct {
	since  tenancy.Revision
	found  bool
	known  bool // tenant is set; else the write failed, and was made all the same
	tenant tenancy.Tenant
}

func (h *history) newest() tenancy.Position { return h.head }

// add takes the next change of the log.
func (h *history) add(c tenancy.Change) {
	r := c.Position.Revision
	h.head, h.touched[r] = c.Position, c.TenantID
	t, known := h.values[r]
	for _, k := range c.Keys {
		v := version{since: r, known: known, tenant: t}
		switch {
		case c.Kind == tenancy.ChangeDelete:
			v = version{since: r, known: true}
		case !known:
			v.found = true // perhaps; explain is generous
		case k.OfField():
			v.found = k.Matches(t)
		default: // a change touches the names that the tenant has before it or after it
			v.found = k != h.removed[r] && (k.Kind != tenancy.KindFormer || k.Value != t.Identifier)
			if k.Kind == tenancy.KindFormer && slices.Equal(c.Fields, []string{"names"}) {
				v.known = false // another tenant may have taken it, and a later write that changed nothing returned t
			}
		}
		h.versions[k] = append(h.versions[k], v)
	}
}

// fork returns a history that goes another way from base on.
func (h *history) fork(base tenancy.Position) *history {
	next := &history{
		base: base.Revision, head: base, versions: map[tenancy.Key][]version{},
		touched: maps.Clone(h.touched), values: maps.Clone(h.values), removed: maps.Clone(h.removed),
	}
	lost := func(r tenancy.Revision) bool { return r > base.Revision }
	maps.DeleteFunc(next.touched, func(r tenancy.Revision, _ string) bool { return lost(r) })
	maps.DeleteFunc(next.values, func(r tenancy.Revision, _ tenancy.Tenant) bool { return lost(r) })
	maps.DeleteFunc(next.removed, func(r tenancy.Revision, _ tenancy.Key) bool { return lost(r) })
	for k, vs := range h.versions {
		next.versions[k] = slices.DeleteFunc(slices.Clone(vs), func(v version) bool { return lost(v.since) })
	}
	return next
}

// explain returns the smallest revision, not below least, at which the answer of
// e is right.
func (h *history) explain(e *event, least tenancy.Revision) (tenancy.Revision, bool) {
	vs := h.versions[e.key]
	for i := -1; i < len(vs); i++ {
		v, until := version{known: true}, tenancy.Revision(math.MaxInt64)
		if i >= 0 {
			v = vs[i]
		}
		if i+1 < len(vs) {
			until = vs[i+1].since
		}
		if until > least && v.explains(e) {
			return max(least, v.since), true
		}
	}
	return 0, false
}

func (v version) explains(e *event) bool {
	a := e.answer
	switch {
	case !v.known && e.key.Kind != tenancy.KindID: // whether it has it is not known
		return !a.found || a.any || a.tenant.Revision == v.since
	case a.found != v.found:
		return false
	case !a.found || a.any:
		return true
	case !v.known:
		return a.tenant.Revision == v.since
	}
	return a.tenant == v.tenant
}

// tail shows the newest versions of a key.
func (h *history) tail(k tenancy.Key) string {
	vs := h.versions[k]
	vs = vs[max(0, len(vs)-4):]
	out := ""
	for _, v := range vs {
		out += fmt.Sprintf("[%d: %s]", v.since, answer{found: v.found, tenant: v.tenant})
	}
	return out
}
