package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func boundsRules() []Rule {
	return []Rule{
		{
			Name:  "log-is-never-empty",
			Says:  "A new store is a Source whose log holds one ChangeReset, with a Revision of at least 1.",
			needs: needSource,
			check: func(p *probe) {
				bounds := p.bounds()
				if bounds.Oldest.Revision < 1 || bounds.Oldest.Revision > bounds.Newest.Revision {
					p.Errorf("the Bounds of a new store are %+v, want at least one row", bounds)
				}
				changes := p.logOf(1)
				equal(p, changes[0].Kind, tenancy.ChangeReset, "Op of the first change")
				equal(p, changes[0].TenantID, "", "TenantID of a ChangeReset")
				equal(p, changes[0].Touches(tenancy.IDKey("any")), true, "a ChangeReset touches every key")
			},
		},
		{
			Name:  "bounds-follow-writes",
			Says:  "The newest of the Bounds is the position of the last write, as soon as the write returns.",
			needs: needSource,
			check: func(p *probe) {
				oldest := p.bounds().Oldest
				t := p.create(tenant(0))
				equal(p, p.bounds().Newest.Revision, t.Revision, "the newest Revision after Create")
				for range 5 {
					t = p.setStatus(t.ID, tenancy.StatusSuspended)
					equal(p, p.bounds().Newest.Revision, t.Revision, "the newest Revision after SetStatus")
				}
				p.delete(t.ID)
				equal(p, p.bounds().Newest.Revision, t.Revision+1, "the newest Revision after Delete")
				equal(p, p.bounds().Oldest, oldest, "the oldest position")
			},
		},
	}
}

func logRules() []Rule {
	return []Rule{
		{
			Name:  "changes-are-exclusive",
			Says:  "Changes begins with the change after the position, and is empty after the newest.",
			needs: needSource,
			check: func(p *probe) {
				p.createMany(5)
				all := p.logOf(6)
				for i, c := range all {
					equalChanges(p, p.changes(c.Position, 0), all[i+1:], "Changes after %s", c.Position)
				}
				equalChanges(p, p.changes(p.bounds().Newest, 0), nil, "Changes after the newest")
			},
		},
		{
			Name:  "changes-limit",
			Says:  "Changes returns at most limit changes, 1,000 by default and at most 10,000, and fewer only where there are no more; another limit is ErrInvalid with the field limit.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
				p.createMany(1005)
				for limit, want := range map[int]int{0: 1000, 1: 1, 7: 7, 1000: 1000, 1004: 1004, 10_000: 1005} {
					got := p.changes(start, limit)
					equal(p, len(got), want, "number of Changes with limit %d", limit)
					gapFree(p, start, got)
				}
				for _, limit := range []int{-1, 10_001} {
					_, err := p.source().Changes(p.ctx, start, limit)
					p.failsIn(err, tenancy.ErrInvalid, "limit", "Changes with limit %d", limit)
				}
			},
		},
		{
			Name:  "changes-from-zero",
			Says:  "Changes after the zero Position is the whole log, as long as it retains Revision 1.",
			needs: needSource,
			check: func(p *probe) {
				p.createMany(3)
				equal(p, p.bounds().Oldest.Revision, 1, "the oldest Revision of a new store")
				gapFree(p, tenancy.Position{}, p.changes(tenancy.Position{}, 0))
				equal(p, p.logOf(4)[0].Position, p.bounds().Oldest, "the first position")
			},
		},
		{
			Name:  "changes-in-commit-order",
			Says:  "Under 16 concurrent writers revisions have no gap, become visible in order, and the Revision of each written tenant is that of its Change.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
				var mu sync.Mutex
				written := map[tenancy.Revision]string{} // the tenant's ID
				note := func(t tenancy.Tenant, err error) error {
					mu.Lock()
					defer mu.Unlock()
					if other, twice := written[t.Revision]; twice && err == nil {
						return fmt.Errorf("revision %d was given to %s and to %s", t.Revision, other, t.ID)
					}
					if err == nil {
						written[t.Revision] = t.ID
					}
					return err
				}
				writers := make(chan []error, 1)
				go func() {
					writers <- together(16, func(i int) error {
						t := tenant(i)
						var err error
						for n := 0; n < 8 && err == nil; n++ {
							switch n % 4 {
							case 0:
								t, err = p.s.Create(p.ctx, tenant(i))
							case 1:
								t.Identifier = fmt.Sprintf("renamed-%d-%d", i, n)
								t, err = p.s.Update(p.ctx, t)
							case 2:
								t, err = p.s.UpdateMetadata(p.ctx, t.ID, metadata(`{"n":1}`))
							case 3:
								if err = p.s.Delete(p.ctx, t.ID); err != nil {
									return err
								}
								continue
							}
							if err = note(t, err); err != nil {
								return err
							}
						}
						return err
					})
				}()
				var log []tenancy.Change
				at := start
				for finished := false; ; {
					got := p.changes(at, 50)
					gapFree(p, at, got)
					if len(got) > 0 {
						log = append(log, got...)
						at = got[len(got)-1].Position
						continue
					}
					if finished {
						break
					}
					select {
					case errs := <-writers:
						for i, err := range errs {
							p.OK(err, "writer %d", i)
						}
						finished = true
					default:
						breathe()
					}
				}
				equal(p, len(log), 16*8, "number of changes")
				equal(p, p.bounds().Newest, at, "the newest position after everything was read")
				for _, c := range log {
					id, found := written[c.Position.Revision]
					if c.Kind == tenancy.ChangeDelete {
						equal(p, found, false, "the Revision %d of a Delete was given to a tenant", c.Position.Revision)
						continue
					}
					equal(p, c.TenantID, id, "the tenant of Revision %d", c.Position.Revision)
				}
			},
		},
		{
			Name:  "changes-deny-mark",
			Says:  "Changes after a position whose mark is not that of the log's row is ErrCompacted.",
			needs: needSource,
			check: func(p *probe) {
				p.createMany(3)
				marks := map[int64]bool{}
				for _, c := range p.logOf(4) {
					marks[c.Position.Mark] = true
					for _, mark := range []int64{c.Position.Mark + 1, -c.Position.Mark - 1, 0} {
						other := tenancy.Position{Revision: c.Position.Revision, Mark: mark}
						if other == c.Position {
							continue
						}
						_, err := p.source().Changes(p.ctx, other, 0)
						p.fails(err, tenancy.ErrCompacted, "Changes after %s, of which the log holds %s", other, c.Position)
					}
				}
				equal(p, len(marks), 4, "number of different marks, which are random")
			},
		},
		{
			Name:  "changes-beyond-newest",
			Says:  "Changes after a position beyond the newest is ErrCompacted, as that history is lost.",
			needs: needSource,
			check: func(p *probe) {
				p.createMany(2)
				newest := p.bounds().Newest
				for _, after := range []tenancy.Position{
					{Revision: newest.Revision + 1, Mark: newest.Mark}, {Revision: newest.Revision + 1}, {Revision: newest.Revision + 1000, Mark: 1}, {Revision: 1 << 62, Mark: 7},
				} {
					_, err := p.source().Changes(p.ctx, after, 0)
					p.fails(err, tenancy.ErrCompacted, "Changes after %s, where the newest is %s", after, newest)
				}
			},
		},
		{
			Name:  "changes-compacted",
			Says:  "Changes after a position older than the oldest retained, the zero Position included, is ErrCompacted; the oldest itself is held, and the newest is never dropped.",
			needs: needSource | needCompact,
			check: func(p *probe) {
				p.createMany(20)
				all := p.logOf(21)
				p.h.Compact(p.TB, p.s, all[10].Position.Revision)
				bounds := p.bounds()
				if bounds.Oldest.Revision <= all[0].Position.Revision || bounds.Oldest.Revision > all[10].Position.Revision {
					p.Fatalf("the oldest Revision after dropping those before %d is %d", all[10].Position.Revision, bounds.Oldest.Revision)
				}
				equal(p, bounds.Newest, all[20].Position, "the newest position")
				for i, c := range all {
					got, err := p.source().Changes(p.ctx, c.Position, 0)
					if c.Position.Revision < bounds.Oldest.Revision {
						p.fails(err, tenancy.ErrCompacted, "Changes after Revision %d, where the oldest is %d", c.Position.Revision, bounds.Oldest.Revision)
						continue
					}
					p.OK(err, "Changes after Revision %d, where the oldest is %d", c.Position.Revision, bounds.Oldest.Revision)
					equalChanges(p, got, all[i+1:], "Changes after Revision %d", c.Position.Revision)
				}
				_, err := p.source().Changes(p.ctx, tenancy.Position{}, 0)
				p.fails(err, tenancy.ErrCompacted, "Changes after the zero Position, where the oldest is %d", bounds.Oldest.Revision)

				p.h.Compact(p.TB, p.s, all[20].Position.Revision+1000)
				equal(p, p.bounds().Newest, all[20].Position, "the newest position after everything that may go was dropped")
				next := p.create(tenant(20))
				equal(p, next.Revision, all[20].Position.Revision+1, "the Revision of the next write")
				equal(p, len(p.changes(all[20].Position, 0)), 1, "number of changes after the next write")
			},
		},
	}
}

func (p *probe) bounds() tenancy.Bounds {
	p.Helper()
	bounds, err := p.source().Bounds(p.ctx)
	p.OK(err, "Bounds")
	return bounds
}

func (p *probe) changes(after tenancy.Position, limit int) []tenancy.Change {
	p.Helper()
	changes, err := p.source().Changes(p.ctx, after, limit)
	p.OK(err, "Changes after %s", after)
	return changes
}

// logOf returns the log of a new store that has n rows by now.
func (p *probe) logOf(n int) []tenancy.Change {
	p.Helper()
	log := p.changes(tenancy.Position{}, 0)
	if len(log) != n {
		p.Fatalf("the log has %d rows, want the first ChangeReset and %d changes", len(log), n-1)
	}
	return log
}

// gapFree expects changes to follow after and each other.
func gapFree(p *probe, after tenancy.Position, changes []tenancy.Change) {
	p.Helper()
	for i, c := range changes {
		if c.Position.Revision != after.Revision+1 {
			p.Fatalf("change %d has Revision %d after %d, want the next one", i, c.Position.Revision, after.Revision)
		}
		after = c.Position
	}
}

func equalChanges(p *probe, got, want []tenancy.Change, what string, args ...any) {
	p.Helper()
	same := slices.EqualFunc(got, want, func(a, b tenancy.Change) bool {
		return a.Position == b.Position && a.Kind == b.Kind && a.TenantID == b.TenantID && a.At.Equal(b.At) && slices.Equal(a.Keys, b.Keys)
	})
	if !same {
		p.Errorf("%s: got %+v, want %+v", fmt.Sprintf(what, args...), got, want)
	}
}
