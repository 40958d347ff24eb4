//go:build unix

package comparison

import (
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"
)

// unique returns a prefix of slugs that no other measurement has.
func unique(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:8]) }

func changesOf(tenants []tenant, old func(Answer, error) bool) []*change {
	changes := make([]*change, len(tenants))
	for i, t := range tenants {
		changes[i] = &change{slug: t.slug, old: old}
	}
	return changes
}

// known returns two nodes that have read n tenants, and what will be changes of these.
func (f *floor) known(t *testing.T, s size, c Contender, n int) (pair, []tenant, []*change) {
	t.Helper()
	tenants := f.seed(t, unique("known"), n)
	p := f.pair(t, c, s.Entries)
	warm(t, p.a, tenants)
	warm(t, p.b, tenants)
	return p, tenants, changesOf(tenants, active)
}

// measureSuspended suspends tenants on node A, while both nodes are asked for them.
func measureSuspended(t *testing.T, s size, f *floor, c Contender, row *result) {
	p, tenants, changes := f.known(t, s, c, s.Suspensions)
	row.Suspended = watch(t, p, changes, s.Between, s.Cut, func(i int) error {
		_, err := p.a.SetStatus(t.Context(), tenants[i].id, "suspended")
		changes[i].made(p.wireA)
		return err
	})
}

// measureEdited suspends tenants in SQL, as somebody with psql does.
func measureEdited(t *testing.T, s size, f *floor, c Contender, row *result) {
	p, tenants, changes := f.known(t, s, c, s.Edits)
	row.Edited = watch(t, p, changes, s.Between, s.Cut, func(i int) error {
		_, err := f.db.ExecContext(t.Context(), "UPDATE tenants SET status = 'suspended' WHERE id = $1", tenants[i].id)
		changes[i].made(nil)
		return err
	})
}

// measureCreated asks for tenants that do not exist, and creates them in SQL, as another
// service does where somebody signs up.
func measureCreated(t *testing.T, s size, f *floor, c Contender, row *result) {
	tenants := make([]tenant, s.Edits)
	for i := range tenants {
		tenants[i].slug = unique("new")
	}
	p := f.pair(t, c, s.Entries)
	for _, node := range []Node{p.a, p.b} {
		ask(t, node, len(tenants), func(i int) string { return tenants[i].slug })
	}
	changes := changesOf(tenants, absent)
	row.Created = watch(t, p, changes, s.Between, s.Cut, func(i int) error {
		_, err := f.db.ExecContext(t.Context(), "INSERT INTO tenants (identifier, name) VALUES ($1, 'New')", tenants[i].slug)
		changes[i].made(nil)
		return err
	})
}

// measureRace lets readers be slower than a writer: the database has answered them what was
// before a suspension, and the answer reaches them after it.
func measureRace(t *testing.T, s size, f *floor, c Contender, row *result) {
	row.RaceOnA = race(t, s, f, c, func(p pair) (Node, *wire) { return p.a, p.wireA })
	row.RaceOnB = race(t, s, f, c, func(p pair) (Node, *wire) { return p.b, p.wireB })
}

func race(t *testing.T, s size, f *floor, c Contender, where func(pair) (Node, *wire)) watched {
	t.Helper()
	tenants := f.seed(t, unique("race"), s.Races+1)
	p := f.pair(t, c, s.Entries)
	warm(t, p.a, tenants[s.Races:])
	warm(t, p.b, tenants[s.Races:])
	tenants = tenants[:s.Races]
	reader, wire := where(p)
	var holds []*held
	if !c.Whole { // else no read reaches the database, slow or not
		holds = wire.hold(len(tenants))
	}
	var readers sync.WaitGroup
	for _, tenant := range tenants {
		readers.Go(func() {
			if _, err := reader.Get(t.Context(), tenant.slug); err != nil {
				t.Error(err)
			}
		})
	}
	for _, h := range holds {
		select {
		case <-h.arrived:
		case <-time.After(5 * time.Minute):
			t.Fatal("a read did not reach the database")
		}
	}
	changes := changesOf(tenants, active)
	for i := range tenants {
		if _, err := p.a.SetStatus(t.Context(), tenants[i].id, "suspended"); err != nil {
			t.Error(err)
		}
		changes[i].made(p.wireA)
	}
	for _, h := range holds {
		close(h.release)
	}
	readers.Wait()
	return watch(t, p, changes, time.Millisecond, s.Cut, func(int) error { return nil })
}
