package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func loadRules() []Rule {
	return []Rule{
		{
			Name:  "load-in-order",
			Says:  "Load returns one Snapshot for each lookup, in order, repeated ones too; what is missing is a Snapshot that is not Found.",
			needs: needSource,
			check: func(p *probe) {
				a, b := p.create(fullTenant()), p.create(tenant(1))
				wants := []struct {
					key   tenancy.Key
					found bool
					t     tenancy.Tenant
				}{
					{tenancy.IdentifierKey(b.Identifier), true, b},
					{tenancy.IDKey("missing"), false, tenancy.Tenant{}},
					{tenancy.IDKey(a.ID), true, a},
					{tenancy.IdentifierKey("missing"), false, tenancy.Tenant{}},
					{tenancy.IdentifierKey(a.Identifier), true, a},
					{tenancy.IDKey(a.ID), true, a},
					{tenancy.IDKey(b.ID), true, b},
					{tenancy.IDKey(b.Identifier), false, tenancy.Tenant{}},
				}
				var lookups []tenancy.Lookup
				for _, w := range wants {
					lookups = append(lookups, tenancy.Lookup{Key: w.key})
				}
				for n := range len(wants) + 1 { // one at a time is often another statement
					for i, s := range p.load(lookups[:n]...) {
						equal(p, s.Found, wants[i].found, "Found of snapshot %d of %d", i, n)
						p.same(s.Tenant, wants[i].t, "snapshot %d of %d", i, n)
					}
					if n < len(wants) {
						s := p.load(lookups[n])[0]
						equal(p, s.Found, wants[n].found, "Found of lookup %d alone", n)
						p.same(s.Tenant, wants[n].t, "lookup %d alone", n)
					}
				}
			},
		},
		{
			Name:  "load-10000",
			Says:  "Load works for 10,000 lookups.",
			needs: needSource,
			check: func(p *probe) {
				ids, created := p.manyIDs()
				byID := map[string]tenancy.Tenant{}
				for _, t := range created {
					byID[t.ID] = t
				}
				lookups := make([]tenancy.Lookup, len(ids))
				for i, id := range ids {
					lookups[i].Key = tenancy.IDKey(id)
					if t, found := byID[id]; found && i%3 == 0 {
						lookups[i].Key = tenancy.IdentifierKey(t.Identifier)
					}
				}
				for i, s := range p.load(lookups...) {
					want, found := byID[ids[i]]
					if s.Found != found || s.Tenant != want {
						p.Fatalf("lookup %d, %v: found %t, want %t: %s", i, lookups[i].Key, s.Found, found, diff(s.Tenant, want))
					}
				}
			},
		},
		{
			Name:  "load-as-of",
			Says:  "A Snapshot is as of a position that the log confirms, not older than Min.",
			needs: needSource,
			check: func(p *probe) {
				t := p.create(tenant(0))
				for i := range 5 {
					t = p.setStatus(t.ID, tenancy.Statuses()[i%4])
					newest := p.bounds().Newest
					for _, minimum := range []tenancy.Revision{0, 1, t.Revision, tenancy.Latest} {
						for _, s := range p.load(
							tenancy.Lookup{Key: tenancy.IDKey(t.ID), Min: minimum},
							tenancy.Lookup{Key: tenancy.IdentifierKey("missing"), Min: minimum},
						) {
							if _, err := p.source().Changes(p.ctx, s.AsOf, 1); err != nil {
								p.Errorf("the log does not confirm AsOf %s of a Snapshot with Min %d: %v", s.AsOf, minimum, err)
							}
							if minimum != tenancy.Latest && s.AsOf.Revision < minimum {
								p.Errorf("AsOf is %s with Min %d", s.AsOf, minimum)
							}
							if s.AsOf.Revision > newest.Revision || s.AsOf.Revision < s.Tenant.Revision {
								p.Errorf("AsOf is %s, the newest position %s, the Revision of the tenant %d", s.AsOf, newest, s.Tenant.Revision)
							}
						}
					}
				}
			},
		},
		{
			Name:  "load-latest",
			Says:  "Load with Min Latest, or with Min at the last write, returns what is stored now.",
			needs: needSource,
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.stored(t, "Create") // so that a cache has it
				for i := range 10 {
					t = p.setStatus(t.ID, tenancy.Statuses()[i%4])
					for _, minimum := range []tenancy.Revision{tenancy.Latest, t.Revision} {
						s := p.load(tenancy.Lookup{Key: tenancy.IDKey(t.ID), Min: minimum})[0]
						p.same(s.Tenant, t, "Load with Min %d", minimum)
					}
				}
				p.delete(t.ID)
				s := p.load(tenancy.Lookup{Key: tenancy.IdentifierKey(t.Identifier), Min: tenancy.Latest})[0]
				equal(p, s.Found, false, "Found after Delete with Min Latest")
			},
		},
		{
			Name:  "load-beyond-newest",
			Says:  "Load with a Min beyond the newest Revision is ErrCompacted, as the log went back.",
			needs: needSource,
			check: func(p *probe) {
				t := p.create(tenant(0))
				for _, beyond := range []tenancy.Revision{1, 1000, 1 << 60} {
					for _, key := range []tenancy.Key{tenancy.IDKey(t.ID), tenancy.IdentifierKey(t.Identifier), tenancy.IDKey("missing")} {
						_, err := p.source().Load(p.ctx, []tenancy.Lookup{{Key: key, Min: t.Revision + beyond}})
						p.fails(err, tenancy.ErrCompacted, "Load of %v with a Min %d beyond the newest", key, beyond)
						_, err = p.source().Load(p.ctx, []tenancy.Lookup{{Key: tenancy.IDKey(t.ID)}, {Key: key, Min: t.Revision + beyond}})
						p.fails(err, tenancy.ErrCompacted, "Load of two, %v with a Min %d beyond the newest", key, beyond)
					}
				}
			},
		},
		{
			Name:  "load-invalid",
			Says:  "Load of a key that no tenant can have is ErrInvalid.",
			needs: needSource,
			check: func(p *probe) {
				t := p.create(tenant(0))
				for _, key := range []tenancy.Key{
					{}, {Kind: "name", Value: "x"}, tenancy.IDKey(""), tenancy.IDKey("\x00"), tenancy.IdentifierKey("No"), tenancy.IdentifierKey("abc\n"),
				} {
					_, err := p.source().Load(p.ctx, []tenancy.Lookup{{Key: tenancy.IDKey(t.ID)}, {Key: key}})
					p.fails(err, tenancy.ErrInvalid, "Load of %+q", key)
				}
			},
		},
		{
			Name:  "load-is-a-snapshot",
			Says:  "Under concurrent writers every Snapshot is exactly what the log says about its key as of AsOf, and current if Min is Latest.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
				h := &history{after: map[tenancy.Revision]tenancy.Tenant{}}
				var taken []taken
				var mu sync.Mutex
				var writing atomic.Int32
				const writers, readers = 4, 4
				writing.Store(writers)
				errs := together(writers+readers, func(i int) error {
					if i < writers {
						defer writing.Add(-1)
						return h.write(p, i)
					}
					for n := 0; writing.Load() > 0 || n < 5; n++ {
						got, err := h.read(p, n+i)
						if err != nil {
							return err
						}
						mu.Lock()
						taken = append(taken, got...)
						mu.Unlock()
						breathe()
					}
					return nil
				})
				for i, err := range errs {
					p.OK(err, "goroutine %d", i)
				}
				var log []tenancy.Change
				for at := start; ; at = log[len(log)-1].Position {
					got := p.changes(at, tenancy.MaxChangesLimit)
					gapFree(p, at, got)
					if log = append(log, got...); len(got) == 0 {
						break
					}
				}
				for _, s := range taken {
					if problem := h.contradicts(start, log, s); problem != "" {
						p.Fatalf("snapshot %+v of %v: %s", s.got, s.lookup.Key, problem)
					}
				}
			},
		},
	}
}

func (p *probe) load(lookups ...tenancy.Lookup) []tenancy.Versioned {
	p.Helper()
	snapshots, err := p.source().Load(p.ctx, lookups)
	p.OK(err, "Load of %d lookups", len(lookups))
	if len(snapshots) != len(lookups) {
		p.Fatalf("Load of %d lookups returned %d snapshots", len(lookups), len(snapshots))
	}
	return snapshots
}

// history is what writers have written: the tenant after each revision.
type history struct {
	mu     sync.Mutex
	after  map[tenancy.Revision]tenancy.Tenant
	newest atomic.Int64 // revision of the newest write that has returned
}

// taken is a snapshot, and the newest write that had returned before it was
// asked for.
type taken struct {
	lookup tenancy.Lookup
	got    tenancy.Versioned
	newest tenancy.Revision
}

// write creates, renames, changes and deletes one tenant again and again. The
// identifiers go from tenant to tenant.
func (h *history) write(p *probe, i int) error {
	note := func(t tenancy.Tenant, err error) (tenancy.Tenant, error) {
		if err != nil {
			return t, err
		}
		h.mu.Lock()
		h.after[t.Revision] = t
		h.mu.Unlock()
		for {
			old := h.newest.Load()
			if int64(t.Revision) <= old || h.newest.CompareAndSwap(old, int64(t.Revision)) {
				return t, nil
			}
		}
	}
	for n := range 4 {
		t, err := note(p.s.Create(p.ctx, tenancy.Tenant{ID: fmt.Sprintf("id-%d", i), Identifier: fmt.Sprintf("home-%d", i), Name: "Traveller"}))
		if err != nil {
			return err
		}
		t.Identifier = fmt.Sprintf("away-%d", (i+n)%4) // perhaps somebody is there
		renamed, err := p.s.Update(p.ctx, t)
		if err == nil {
			renamed, err = note(renamed, nil)
		} else if expect(err, tenancy.ErrAlreadyExists, "identifier") == nil {
			renamed, err = note(p.s.SetStatus(p.ctx, t.ID, tenancy.StatusSuspended))
		}
		if err != nil {
			return err
		}
		if _, err := note(p.s.UpdateMetadata(p.ctx, renamed.ID, metadata(`{"n":1}`))); err != nil {
			return err
		}
		if err := p.s.Delete(p.ctx, t.ID); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) read(p *probe, n int) ([]taken, error) {
	lookups := []tenancy.Lookup{
		{Key: tenancy.IDKey(fmt.Sprintf("id-%d", n%4))},
		{Key: tenancy.IdentifierKey(fmt.Sprintf("away-%d", n%4)), Min: tenancy.Latest},
		{Key: tenancy.IdentifierKey(fmt.Sprintf("home-%d", (n+1)%4)), Min: tenancy.Latest},
		{Key: tenancy.IDKey(fmt.Sprintf("id-%d", (n+1)%4)), Min: tenancy.Revision(h.newest.Load())},
	}[:1+n%4]
	newest := tenancy.Revision(h.newest.Load())
	source, ok := tenancy.SourceOf(p.s)
	if !ok {
		return nil, fmt.Errorf("%T is no Source", p.s)
	}
	snapshots, err := source.Load(p.ctx, lookups)
	if err != nil {
		return nil, err
	}
	if len(snapshots) != len(lookups) {
		return nil, fmt.Errorf("%d snapshots for %d lookups", len(snapshots), len(lookups))
	}
	out := make([]taken, len(lookups))
	for i, l := range lookups {
		out[i] = taken{l, snapshots[i], newest}
	}
	return out, nil
}

// contradicts says how a snapshot differs from what the log says, or "".
func (h *history) contradicts(start tenancy.Position, log []tenancy.Change, s taken) string {
	asOf := int(s.got.AsOf.Revision - start.Revision) // so many changes are in it
	if asOf < 0 || asOf > len(log) || (asOf > 0 && log[asOf-1].Position != s.got.AsOf) || (asOf == 0 && s.got.AsOf != start) {
		return "AsOf is not in the log"
	}
	if s.lookup.Min == tenancy.Latest && s.got.AsOf.Revision < s.newest {
		return fmt.Sprintf("Min is Latest, but revision %d had been written before Load was called", s.newest)
	}
	if s.lookup.Min != tenancy.Latest && s.got.AsOf.Revision < s.lookup.Min {
		return fmt.Sprintf("Min is %d", s.lookup.Min)
	}
	var want tenancy.Tenant
	for _, c := range log[:asOf] {
		if !c.Touches(s.lookup.Key) {
			continue
		}
		t, written := h.after[c.Position.Revision]
		switch {
		case written != (c.Kind != tenancy.ChangeDelete):
			return fmt.Sprintf("the log says %s at revision %d, the writers disagree", c.Kind, c.Position.Revision)
		case written && s.lookup.Key.Matches(t):
			want = t
		case c.TenantID == want.ID: // deleted, or renamed away
			want = tenancy.Tenant{}
		}
	}
	if found := want != (tenancy.Tenant{}); s.got.Found != found || s.got.Tenant != want {
		return fmt.Sprintf("found is %t, want %t: %s", s.got.Found, found, diff(s.got.Tenant, want))
	}
	return ""
}
