package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func concurrencyRules() []Rule {
	return []Rule{
		{
			Name: "concurrent-patches-lose-nothing",
			Says: "Of 64 concurrent metadata patches of one tenant, each of another key, none is lost.",
			check: func(p *probe) {
				t := p.create(fullTenant())
				for i, err := range together(64, func(i int) error {
					patch, err := tenancy.Metadata{}.With("key-"+strconv.Itoa(i), i)
					if err != nil {
						return err
					}
					_, err = p.s.UpdateMetadata(p.ctx, t.ID, patch)
					return err
				}) {
					p.OK(err, "UpdateMetadata %d", i)
				}
				got := p.get(t.ID).Metadata
				for i := range 64 {
					v, found := got.Get("key-" + strconv.Itoa(i))
					if !found || string(v) != strconv.Itoa(i) {
						p.Errorf("patch %d is lost", i)
					}
				}
				equal(p, len(got.Keys()), 64+len(t.Metadata.Keys()), "number of keys")
			},
		},
		{
			Name: "concurrent-renames-one-wins",
			Says: "Of concurrent renames of several tenants to one identifier exactly one wins; the others are ErrAlreadyExists with the field identifier.",
			check: func(p *probe) {
				for round := range 4 {
					before := make([]tenancy.Tenant, 8)
					for i := range before {
						before[i] = p.create(tenant(round*100 + i))
					}
					wanted := fmt.Sprintf("wanted-%d", round)
					errs := together(len(before), func(i int) error {
						t := before[i]
						t.Identifier = wanted
						_, err := p.s.Update(p.ctx, t)
						return err
					})
					winner := p.oneWins(errs, tenancy.ErrAlreadyExists, "identifier")
					for i, t := range before {
						if i != winner {
							p.stored(t, "a rename that lost")
						}
					}
					t, err := p.s.GetByIdentifier(p.ctx, wanted)
					p.OK(err, "GetByIdentifier of the identifier that all wanted")
					equal(p, t.ID, before[winner].ID, "the tenant that has the identifier")
				}
			},
		},
		{
			Name: "concurrent-creates-one-wins",
			Says: "Of concurrent Creates of one identifier, or of one ID, exactly one wins; the others are ErrAlreadyExists with the field.",
			check: func(p *probe) {
				for round := range 4 {
					errs := together(8, func(i int) error {
						t := tenant(round*100 + i)
						t.Identifier = fmt.Sprintf("wanted-%d", round)
						_, err := p.s.Create(p.ctx, t)
						return err
					})
					p.oneWins(errs, tenancy.ErrAlreadyExists, "identifier")
					errs = together(8, func(i int) error {
						t := tenant(round*100 + 50 + i)
						t.ID = fmt.Sprintf("wanted-%d", round)
						_, err := p.s.Create(p.ctx, t)
						return err
					})
					winner := p.oneWins(errs, tenancy.ErrAlreadyExists, "id")
					equal(p, p.get(fmt.Sprintf("wanted-%d", round)).Identifier, tenant(round*100+50+winner).Identifier, "the tenant that has the ID")
				}
				equal(p, p.count(), 8, "Count")
			},
		},
		{
			Name: "concurrent-updates-one-wins",
			Says: "Of concurrent Updates with one Revision exactly one wins; the others are ErrConflict.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for range 4 {
					errs := together(8, func(i int) error {
						mine := t
						mine.Name = "Winner " + strconv.Itoa(i)
						_, err := p.s.Update(p.ctx, mine)
						return err
					})
					winner := p.oneWins(errs, tenancy.ErrConflict, "")
					t = p.get(t.ID)
					equal(p, t.Name, "Winner "+strconv.Itoa(winner), "the name after concurrent Updates")
				}
			},
		},
		{
			Name: "concurrent-bulk-writes-are-whole",
			Says: "Concurrent BulkUpdateStatus of the same tenants, in any order of IDs, all succeed, and no read sees a part of one.",
			check: func(p *probe) {
				const writers, rounds = 4, 5
				created := p.createMany(40)
				var writing atomic.Int32
				writing.Store(writers)
				statuses := tenancy.Statuses()
				for i, err := range together(writers+2, func(i int) error {
					if i >= writers {
						for writing.Load() > 0 {
							if n, err := p.s.Count(p.ctx, tenancy.Filter{Statuses: statuses[i%2:][:3]}); err != nil || n != 0 && n != len(created) {
								return fmt.Errorf("%d of %d tenants have one of three statuses, error %w", n, len(created), err)
							}
							breathe()
						}
						return nil
					}
					defer writing.Add(-1)
					ids := make([]string, len(created))
					for n := range ids {
						ids[n] = created[(n+i*len(ids)/writers)%len(ids)].ID
					}
					if i%2 == 1 {
						slices.Reverse(ids)
					}
					for n := range rounds {
						ts, err := p.s.BulkUpdateStatus(p.ctx, ids, statuses[(i+n)%len(statuses)])
						if err != nil {
							return err
						}
						if len(ts) != len(ids) {
							return fmt.Errorf("it returned %d of %d tenants", len(ts), len(ids))
						}
					}
					return nil
				}) {
					if err != nil {
						p.Errorf("goroutine %d: %v", i, err)
					}
				}
				last := p.get(created[0].ID)
				for _, t := range p.all() {
					equal(p, t.Status, last.Status, "the status of %s, against that of %s", t.ID, last.ID)
					equal(p, t.UpdatedAt, last.UpdatedAt, "UpdatedAt of %s, against that of %s", t.ID, last.ID)
				}
			},
		},
		{
			Name: "modify-loses-nothing",
			Says: "Concurrent changes through tenancy.Modify lose none.",
			check: func(p *probe) {
				const writers, rounds = 8, 5
				t := tenant(0)
				t.Metadata = metadata(`{"n":0}`)
				t = p.create(t)
				for _, err := range together(writers, func(int) error {
					for range rounds {
						if _, err := tenancy.Modify(p.ctx, p.s, t.ID, increment); err != nil {
							return err
						}
					}
					return nil
				}) {
					p.OK(err, "Modify")
				}
				equal(p, p.get(t.ID).Metadata, metadata(fmt.Sprintf(`{"n":%d}`, writers*rounds)), "the counter")
				unchanged, err := tenancy.Modify(p.ctx, p.s, t.ID, func(*tenancy.Tenant) error { return nil })
				p.OK(err, "Modify that changes nothing")
				p.stored(unchanged, "a Modify that changed nothing")
			},
		},
		{
			Name: "reads-never-go-back",
			Says: "While a tenant is written, a read never returns an older Revision than a read that had returned before it began.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				done := make(chan struct{})
				var readers sync.WaitGroup
				var mu sync.Mutex
				var seen tenancy.Revision // by any reader
				problems := make(chan string, 8)
				for i := range 4 {
					readers.Add(1)
					go func() {
						defer readers.Done()
						for {
							select {
							case <-done:
								return
							default:
							}
							mu.Lock()
							floor := seen
							mu.Unlock()
							got, err := p.read(i, t)
							if err != nil || got.Revision < floor {
								problems <- fmt.Sprintf("reader %d: Revision %d after %d, error %v", i, got.Revision, floor, err)
								return
							}
							mu.Lock()
							seen = max(seen, got.Revision)
							mu.Unlock()
							breathe()
						}
					}()
				}
				var err error
				for i := 0; i < 50 && err == nil; i++ {
					var written, got tenancy.Tenant
					if written, err = p.s.SetStatus(p.ctx, t.ID, tenancy.Statuses()[i%4]); err == nil {
						if got, err = p.read(i, t); err == nil && got != written {
							problems <- fmt.Sprintf("the writer reads Revision %d after it wrote %d", got.Revision, written.Revision)
							break
						}
					}
				}
				close(done)
				readers.Wait()
				p.OK(err, "SetStatus, then a read")
				close(problems)
				for problem := range problems {
					p.Errorf("%s", problem)
				}
			},
		},
	}
}

// read reads a tenant in the ith of several ways.
func (p *probe) read(i int, t tenancy.Tenant) (tenancy.Tenant, error) {
	switch i % 3 {
	case 0:
		return p.s.GetByID(p.ctx, t.ID)
	case 1:
		return p.s.GetByIdentifier(p.ctx, t.Identifier)
	}
	ts, err := p.s.GetByIDs(p.ctx, []string{t.ID})
	if err != nil || len(ts) != 1 {
		return tenancy.Tenant{}, errors.Join(err, fmt.Errorf("GetByIDs returned %d tenants", len(ts)))
	}
	return ts[0], nil
}

// increment adds 1 to the member n of the metadata.
func increment(t *tenancy.Tenant) error {
	v, err := tenancy.MetadataAs[struct{ N int }](t.Metadata)
	if err == nil {
		t.Metadata, err = t.Metadata.With("n", v.N+1)
	}
	return err
}

// oneWins expects one of errs to be nil and the others to wrap want with field,
// and returns the index of the one.
func (p *probe) oneWins(errs []error, want error, field string) int {
	p.Helper()
	winner, winners := 0, 0
	for i, err := range errs {
		if err == nil {
			winner = i
			winners++
			continue
		}
		p.failsIn(err, want, field, "one of %d concurrent calls", len(errs))
	}
	if winners != 1 {
		p.Fatalf("%d of %d concurrent calls won, want 1", winners, len(errs))
	}
	return winner
}
