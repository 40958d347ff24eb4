package storetest

import (
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func historyRules() []Rule {
	return []Rule{
		{
			Name:  "restore-denies-lost-positions",
			Says:  "After a backup was restored, positions that it does not hold are ErrCompacted, also when their revisions are taken again; those that it holds are confirmed.",
			needs: needSource | needBackup,
			check: func(p *probe) {
				kept := p.create(tenant(0))
				before := p.bounds().Newest
				restore := p.h.Backup(p.TB, p.s)
				p.create(tenant(1))
				p.setStatus(kept.ID, tenancy.StatusSuspended)
				lost := p.changes(before, 0)
				if len(lost) != 2 {
					p.Fatalf("got %d changes after two writes", len(lost))
				}
				restore(p.TB)

				denied := func(when string) {
					p.Helper()
					for _, c := range lost {
						_, err := p.source().Changes(p.ctx, c.Position, 0)
						p.fails(err, tenancy.ErrCompacted, "Changes after the lost position %s, %s", c.Position, when)
					}
				}
				p.eventually("the restored Bounds", func() error {
					head, err := p.source().Bounds(p.ctx)
					if err == nil && head.Newest != before {
						err = fmt.Errorf("it is %s, the backup's is %s", head.Newest, before)
					}
					return err
				})
				denied("before new writes")
				equalChanges(p, p.changes(before, 0), nil, "Changes after the newest position of the backup")
				_, err := p.source().Load(p.ctx, []tenancy.Lookup{{Key: tenancy.IDKey(kept.ID), Min: lost[1].Position.Revision}})
				p.fails(err, tenancy.ErrCompacted, "Load with a Min that the backup does not hold")

				p.create(tenant(2))
				p.create(tenant(3))
				p.create(tenant(4))
				denied("after their revisions were taken again")
				equal(p, len(p.changes(before, 0)), 3, "number of changes after the newest position of the backup")
			},
		},
		{
			Name:  "restore-brings-old-values-back",
			Says:  "After a backup was restored, reads return what it holds, and nothing that was written after it.",
			needs: needSource | needBackup,
			check: func(p *probe) {
				kept := p.create(tenant(0))
				deleted := p.create(tenant(1))
				restore := p.h.Backup(p.TB, p.s)
				p.setStatus(kept.ID, tenancy.StatusSuspended)
				p.delete(deleted.ID)
				lost := p.create(tenant(2))
				p.stored(lost, "Create") // so that a cache has it
				restore(p.TB)
				p.eventually("reads of the backup", func() error {
					for _, want := range []tenancy.Tenant{kept, deleted} {
						if got, err := p.s.GetByID(p.ctx, want.ID); err != nil || got != want {
							return fmt.Errorf("GetByID of %s: error %s; %s", want.ID, text(err), diff(got, want))
						}
					}
					if _, err := p.s.GetByIdentifier(p.ctx, lost.Identifier); !errors.Is(err, tenancy.ErrNotFound) {
						return fmt.Errorf("GetByIdentifier of a tenant that the backup does not hold: error %s", text(err))
					}
					return nil
				})
				p.gone(lost, "restoring a backup from before it was created")
				p.stored(kept, "restoring a backup")
				p.stored(deleted, "restoring a backup")
				p.stored(p.create(tenant(2)), "Create after restoring a backup")
			},
		},
		{
			Name:  "restore-ends-watch",
			Says:  "A watch that has seen changes which a restored backup does not hold ends with ErrCompacted.",
			needs: needSource | needBackup,
			check: func(p *probe) {
				p.create(tenant(0))
				restore := p.h.Backup(p.TB, p.s)
				w := p.watch(p.source(), p.bounds().Newest)
				p.create(tenant(1))
				w.change()
				restore(p.TB)
				w.endsWith(tenancy.ErrCompacted, "Watch across a restored backup")
			},
		},
	}
}
