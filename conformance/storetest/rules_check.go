package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// judge is the MetadataCheck of a store under test. It accepts everything until the
// rule says what it refuses, so that what it would refuse can be stored.
type judge struct {
	refuse atomic.Pointer[func(tenancy.Metadata) error]
}

func (j *judge) check(m tenancy.Metadata) error {
	if refuse := j.refuse.Load(); refuse != nil {
		return (*refuse)(m)
	}
	return nil
}

func (j *judge) from(refuse func(tenancy.Metadata) error) { j.refuse.Store(&refuse) }

var errSeats = errors.New("seats must be a number")

// seatsAreNumbers is how an application would refuse what it could not read.
func seatsAreNumbers(m tenancy.Metadata) error {
	if seats, found := m.Get("seats"); found && strings.Trim(string(seats), "0123456789") != "" {
		return fmt.Errorf("judged by the application: %w", errSeats)
	}
	return nil
}

func checkRules() []Rule {
	return []Rule{
		{
			Name:  "metadata-check-refuses",
			Says:  "Metadata that the store's check refuses are not written: Create, CreateBatch, Update and UpdateMetadata fail with ErrInvalid and the field metadata, and wrap the error of the check.",
			needs: needCheck,
			check: func(p *probe) {
				p.judge.from(seatsAreNumbers)
				refused := func(err error, doing string) {
					p.Helper()
					p.failsIn(err, tenancy.ErrInvalid, "metadata", "%s", doing)
					p.fails(err, errSeats, "%s", doing)
				}
				good, bad := tenant(0), tenant(1)
				good.Metadata, bad.Metadata = metadata(`{"seats":1,"plan":"pro"}`), metadata(`{"seats":"many"}`)
				stored := p.create(good)
				_, err := p.s.Create(p.ctx, bad)
				refused(err, "Create")
				results, err := p.s.CreateBatch(p.ctx, []tenancy.Tenant{bad, tenant(2)})
				p.OK(err, "CreateBatch")
				if len(results) != 2 {
					p.Fatalf("CreateBatch of 2 tenants gave %d results", len(results))
				}
				refused(results[0].Err, "CreateBatch")
				p.OK(results[1].Err, "CreateBatch of one tenant beside one that is refused")
				p.gone(bad, "a Create that was refused")
				edited := stored
				edited.Name, edited.Metadata = "Edited", bad.Metadata
				_, err = p.s.Update(p.ctx, edited)
				refused(err, "Update")
				edited.Revision = tenancy.AnyRevision
				_, err = p.s.Update(p.ctx, edited)
				refused(err, "Update of AnyRevision")
				_, err = p.s.UpdateMetadata(p.ctx, stored.ID, bad.Metadata)
				refused(err, "UpdateMetadata")
				p.stored(stored, "writes that were refused")

				edited = stored
				edited.Metadata = metadata(`{"seats":2,"plan":"pro"}`)
				stored = p.update(edited)
				stored = p.patch(stored.ID, `{"seats":3}`)
				equal(p, stored.Metadata, metadata(`{"seats":3,"plan":"pro"}`), "metadata after a patch that the check accepts")
				p.stored(stored, "writes that were accepted")
			},
		},
		{
			Name:  "metadata-check-judges-the-result",
			Says:  "The check of a patch judges what the patch results in, and not the patch.",
			needs: needCheck,
			check: func(p *probe) {
				both := errors.New("a and b exclude each other")
				p.judge.from(func(m tenancy.Metadata) error {
					_, a := m.Get("a")
					_, b := m.Get("b")
					if a && b {
						return both
					}
					return nil
				})
				// Stores may merge what is near the limit in another way.
				room := len(`{"a":1,"big":""}`) + len(`,"b":1`)
				for i, object := range []string{`{"a":1}`, `{"a":1,"big":"` + strings.Repeat("x", tenancy.MaxMetadataBytes-room) + `"}`} {
					t := tenant(i)
					t.Metadata = metadata(object)
					t = p.create(t)
					_, err := p.s.UpdateMetadata(p.ctx, t.ID, metadata(`{"b":1}`))
					p.failsIn(err, tenancy.ErrInvalid, "metadata", "a patch that fits by itself, but not what is stored")
					p.fails(err, both, "a patch that fits by itself, but not what is stored")
					p.stored(t, "a patch that was refused")
					p.stored(p.patch(t.ID, `{"c":1}`), "a patch that was accepted")
				}
			},
		},
		{
			Name:  "metadata-check-spares-what-is-stored",
			Says:  "A tenant whose stored metadata the check would refuse can be suspended, deleted, updated with its metadata left alone, and repaired by a patch; a patch that changes nothing succeeds.",
			needs: needCheck,
			check: func(p *probe) {
				bad, other := tenant(0), tenant(1)
				bad.Metadata = metadata(`{"seats":"many","plan":"pro"}`)
				other.Metadata = bad.Metadata
				bad, other = p.create(bad), p.create(other)
				p.judge.from(seatsAreNumbers)

				bad = p.setStatus(bad.ID, tenancy.StatusSuspended)
				bad = p.bulk(tenancy.StatusActive, bad.ID)[0]
				bad.Name = "Renamed for people"
				bad = p.update(bad)
				bad.Identifier = "renamed"
				bad = p.update(bad)
				p.same(p.patch(bad.ID, `{"plan":"pro"}`), bad, "a patch that changes nothing")
				p.stored(bad, "writes that leave metadata alone")
				p.delete(other.ID)

				blind := bad
				blind.Revision = tenancy.AnyRevision // knows nothing of what it overwrites
				_, err := p.s.Update(p.ctx, blind)
				p.failsIn(err, tenancy.ErrInvalid, "metadata", "Update of AnyRevision")
				_, err = p.s.UpdateMetadata(p.ctx, bad.ID, metadata(`{"plan":"free"}`))
				p.failsIn(err, tenancy.ErrInvalid, "metadata", "a patch that repairs nothing")
				p.stored(bad, "writes that were refused")

				repaired := p.patch(bad.ID, `{"seats":1}`)
				equal(p, repaired.Metadata, metadata(`{"seats":1,"plan":"pro"}`), "metadata after the patch that repairs")
				p.stored(repaired, "the patch that repairs")
			},
		},
		{
			Name:  "metadata-check-is-atomic",
			Says:  "Of concurrent patches, the check judges each together with those before it: what is stored always passes, and no patch that was accepted is lost.",
			needs: needCheck,
			check: func(p *probe) {
				const most, patches = 8, 32
				full := errors.New("too many keys")
				p.judge.from(func(m tenancy.Metadata) error {
					if len(m.Keys()) > most {
						return full
					}
					return nil
				})
				t := p.create(tenant(0))
				errs := together(patches, func(i int) error {
					_, err := p.s.UpdateMetadata(p.ctx, t.ID, metadata(fmt.Sprintf(`{"key-%d":%d}`, i, i)))
					return err
				})
				got, accepted := p.get(t.ID).Metadata, 0
				for i, err := range errs {
					_, found := got.Get(fmt.Sprintf("key-%d", i))
					if err == nil {
						accepted++
						equal(p, found, true, "patch %d was accepted, and is stored", i)
						continue
					}
					p.failsIn(err, tenancy.ErrInvalid, "metadata", "patch %d", i)
					p.fails(err, full, "patch %d", i)
					equal(p, found, false, "patch %d was refused, and is stored", i)
				}
				equal(p, accepted, most, "number of patches that were accepted")
				equal(p, len(got.Keys()), most, "number of keys that are stored")
			},
		},
		{
			Name:  "metadata-check-may-panic",
			Says:  "A panic of the check reaches the caller, what it was asked about is not written, and the store goes on.",
			needs: needCheck,
			check: func(p *probe) {
				t := tenant(0)
				t.Metadata = metadata(`{"seats":1}`)
				t = p.create(t)
				p.judge.from(func(tenancy.Metadata) error { panic("a mistake in the application") }) //nolint:forbidigo // the application
				edited := t
				edited.Metadata = tenancy.Metadata{}
				for name, write := range map[string]func() error{
					"Create":      func() error { _, err := p.s.Create(p.ctx, tenant(1)); return err },
					"CreateBatch": func() error { _, err := p.s.CreateBatch(p.ctx, []tenancy.Tenant{tenant(2)}); return err },
					"Update":      func() error { _, err := p.s.Update(p.ctx, edited); return err },
					"UpdateMetadata": func() error {
						_, err := p.s.UpdateMetadata(p.ctx, t.ID, metadata(`{"seats":2}`))
						return err
					},
				} {
					if reached, err := panics(write); !reached {
						p.Errorf("%s: the panic of the check did not reach the caller, who got %v", name, err)
					}
				}
				p.stored(t, "writes whose check has panicked")
				equal(p, p.count(), 1, "Count")
				p.judge.from(seatsAreNumbers)
				t = p.patch(t.ID, `{"seats":3}`)
				p.stored(t, "a patch after the panics")
			},
		},
	}
}

func panics(f func() error) (panicked bool, err error) {
	defer func() { panicked = recover() != nil }()
	return false, f()
}
