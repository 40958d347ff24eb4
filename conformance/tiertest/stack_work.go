package tiertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	someIDs         = 5
	someDomains     = 3
	someIdentifiers = 5 // fewer than renames want: they are taken, freed and reused
	readersEach     = 2 // for each node
	writers         = 3
	writesEach      = 12 // of each writer, in a phase
	readsAtMost     = 1500
)

func id(n int) string         { return fmt.Sprintf("tenant-%d", n) }
func identifier(n int) string { return fmt.Sprintf("slug-%d", n) }

func domain(n int) string { return fmt.Sprintf("d%d.test", n) }

// keys returns every key that the run touches, and some that never lead anywhere.
func (r *run) keys() []tenancy.Key {
	var out []tenancy.Key
	for n := range someIDs {
		out = append(out, tenancy.IDKey(id(n)))
	}
	for n := range someIdentifiers {
		out = append(out, tenancy.IdentifierKey(identifier(n)))
	}
	out = append(out, tenancy.IdentifierKey("nobody"))
	if !r.named {
		return out
	}
	for n := range someDomains {
		out = append(out, tenancy.Key{Kind: tenancy.KindDomain, Value: domain(n)})
	}
	for n := range someIdentifiers {
		out = append(out, tenancy.Key{Kind: tenancy.KindFormer, Value: identifier(n)})
	}
	return append(out, tenancy.Key{Kind: tenancy.KindDomain, Value: "nobody.test"}, tenancy.Key{Kind: tenancy.KindFormer, Value: "nobody"})
}

// work lets readers and writers loose, and does during in their midst. It returns
// when all are done.
func (r *run) work(during func()) {
	ctx, cancel := context.WithTimeout(r.tb.Context(), r.h.Patience)
	defer cancel()
	var reading, writing sync.WaitGroup
	written := make(chan struct{})
	for i := range readersEach * len(r.stack.Nodes) {
		random := rand.New(rand.NewPCG(r.random.Uint64(), 1))
		reading.Go(func() { r.reader(ctx, i/readersEach, random, written) })
	}
	middle := make(chan struct{})
	for i := range writers {
		random := rand.New(rand.NewPCG(r.random.Uint64(), 2))
		writing.Go(func() {
			for n := range writesEach {
				if i == 0 && n == writesEach/2 {
					close(middle)
				}
				r.write(ctx, random)
			}
		})
	}
	<-middle
	if during != nil {
		during()
	}
	writing.Wait()
	close(written)
	reading.Wait()
}

// reader reads until the writers are done, and for a moment longer.
func (r *run) reader(ctx context.Context, node int, random *rand.Rand, written <-chan struct{}) {
	all := r.keys()
	for more, n := true, 0; more && n < readsAtMost; n++ {
		if n%5 == 4 { // let the writers get on
			select {
			case <-written:
				more = false
			case <-time.After(time.Duration(random.IntN(200)) * time.Microsecond):
			}
		}
		var err error
		switch random.IntN(8) {
		case 0:
			err = r.readMany(ctx, node, random)
		case 1:
			err = r.readExists(ctx, node, random)
		default:
			_, err = r.read(ctx, node, all[random.IntN(len(all))])
		}
		r.failed("a read", node, err)
	}
}

func (r *run) readMany(ctx context.Context, node int, random *rand.Rand) error {
	ids := make([]string, 1+random.IntN(someIDs))
	for i := range ids {
		ids[i] = id(i)
	}
	begun := r.judge.clock.Add(1)
	ts, err := r.stack.Nodes[node].GetByIDs(ctx, ids)
	if err != nil {
		return err
	}
	found := map[string]tenancy.Tenant{}
	for _, t := range ts {
		found[t.ID] = t
	}
	events := make([]event, len(ids))
	for i, id := range ids {
		t, ok := found[id]
		events[i] = event{node: node, key: tenancy.IDKey(id), begun: begun, answer: answer{found: ok, tenant: t}}
	}
	r.judge.note(events...)
	return nil
}

func (r *run) readExists(ctx context.Context, node int, random *rand.Rand) error {
	k := tenancy.IDKey(id(random.IntN(someIDs)))
	begun := r.judge.clock.Add(1)
	found, err := r.stack.Nodes[node].Exists(ctx, k.Value)
	if err == nil {
		r.judge.note(event{node: node, key: k, begun: begun, answer: answer{found: found, any: true}})
	}
	return err
}

// failed reports an error that no fault of the round explains.
func (r *run) failed(what string, node int, err error) {
	if err == nil || r.mayFail && errors.Is(err, tenancy.ErrUnavailable) {
		return
	}
	r.errorf("%s on node %d failed, which no fault of the round explains: %v", what, node, err)
}

// write makes one random write, through a node or behind all of them.
func (r *run) write(ctx context.Context, random *rand.Rand) {
	r.writing.RLock()
	defer r.writing.RUnlock()
	node, store := random.IntN(len(r.stack.Nodes)+1)-1, tenancy.Store(r.stack.Source)
	if node >= 0 {
		store = r.stack.Nodes[node]
	}
	n := random.IntN(someIDs)
	t := tenancy.Tenant{
		ID: id(n), Identifier: identifier(random.IntN(someIdentifiers)), Name: fmt.Sprintf("Write %d", r.judge.clock.Add(1)),
		Status: tenancy.StatusActive, Revision: tenancy.AnyRevision,
	}
	begun := r.judge.clock.Add(1)
	var err error
	kinds := 10
	if r.named {
		kinds = 14
	}
	switch random.IntN(kinds) {
	case 0, 1, 2:
		t, err = store.Create(ctx, t)
	case 3, 4, 5: // a rename, perhaps to a slug that was just freed
		t, err = store.Update(ctx, t)
	case 6:
		t, err = store.SetStatus(ctx, t.ID, tenancy.Statuses()[random.IntN(len(tenancy.Statuses()))])
	case 7:
		t, err = tenancy.Modify(ctx, store, t.ID, func(old *tenancy.Tenant) error {
			old.Name = t.Name
			return nil
		})
	case 10, 11, 12: // which another tenant may have, or claim at the same time
		d := domain(random.IntN(someDomains))
		if _, err = store.AddDomain(ctx, t.ID, d); err == nil {
			t, err = store.VerifyDomain(ctx, t.ID, d)
		}
	case 13:
		k := tenancy.Key{Kind: tenancy.KindDomain, Value: domain(random.IntN(someDomains))}
		if t, err = store.RemoveDomain(ctx, t.ID, k.Value); err == nil {
			r.judge.removed(t, k)
		}
	default:
		err = store.Delete(ctx, t.ID)
		if err == nil {
			r.judge.note(event{node: node, key: tenancy.IDKey(t.ID), begun: begun, write: true})
		}
		r.wrote(node, err)
		return
	}
	if err == nil {
		r.judge.wrote(t)
		r.judge.note(event{node: node, key: tenancy.IDKey(t.ID), begun: begun, write: true, answer: answer{found: true, tenant: t}})
	}
	r.wrote(node, err)
}

// wrote reports the error of a write that was not to be expected.
func (r *run) wrote(node int, err error) {
	for _, expected := range []error{tenancy.ErrNotFound, tenancy.ErrAlreadyExists, tenancy.ErrConflict} {
		if errors.Is(err, expected) {
			return
		}
	}
	r.failed("a write", node, err)
}
