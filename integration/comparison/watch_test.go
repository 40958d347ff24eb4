//go:build unix

package comparison

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watched says what two nodes have answered after a change: node A, where the contender has
// written, if it was the contender, and node B.
type watched struct {
	Changes int
	A, B    sight
}

// sight is what one node has answered. Times are in microseconds.
type sight struct {
	Stale   int     // reads that began after the change and did not show it
	Tenants int     // how many tenants they concern
	Longest float64 // the latest begin of such a read, after the commit
	Median  float64 // the same for half of the changes; 0 if their first reads showed them
	Cut     int     // those of them that had not shown the change when the watch ended
	Back    int     // reads that did not show it after one that had
}

// change is something that is done to a tenant while both nodes are asked for it.
type change struct {
	slug string
	old  func(Answer, error) bool // what the tenant was like before

	committed, returned atomic.Int64 // when; 0 before that
}

// make commits the change. The call of the writer returns now; the commit was when the
// database answered, if a wire has seen it.
func (c *change) made(w *wire) {
	now := int64(time.Since(epoch))
	committed := now
	if w != nil {
		committed = w.committed.Load()
	}
	c.committed.Store(committed)
	c.returned.Store(now)
}

// active says that a tenant was not suspended, by this answer.
func active(a Answer, err error) bool { return err == nil && a.Status == "active" }

// absent says that a tenant did not exist.
func absent(_ Answer, err error) bool { return errors.Is(err, ErrNotFound) }

// watch asks both nodes for the tenants of the changes all the time, while they are made one
// after the other, and for so long after each.
func watch(t *testing.T, p pair, changes []*change, between, cut time.Duration, do func(i int) error) watched {
	t.Helper()
	var begun atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	var sightA, sightB sight
	var watchers sync.WaitGroup
	watchers.Go(func() {
		sightA = look(ctx, t, p.a, changes, &begun, cut).judge(changes, func(c *change) int64 { return c.returned.Load() })
	})
	watchers.Go(func() {
		sightB = look(ctx, t, p.b, changes, &begun, cut).judge(changes, func(c *change) int64 { return c.committed.Load() })
	})
	pace := time.NewTicker(between)
	for i := range changes {
		begun.Store(int64(i + 1))
		<-pace.C
		if err := do(i); err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	pace.Stop()
	time.Sleep(cut) // what is measured
	stop()
	watchers.Wait()
	return watched{len(changes), sightA, sightB}
}

// seen is what a node was seen to answer.
type seen struct {
	old   []sighting
	shown []int // changes
	back  int
}

// sighting is a read that showed what was before a change.
type sighting struct {
	change int
	began  int64
}

// look asks a node for all changes that were begun, each until it shows, and now and then
// again.
func look(ctx context.Context, t *testing.T, node Node, changes []*change, begun *atomic.Int64, cut time.Duration) seen {
	var s seen
	var open []int
	known := 0
	for round := 0; ctx.Err() == nil; round++ {
		for n := int(begun.Load()); known < n; known++ {
			open = append(open, known)
		}
		open = slices.DeleteFunc(open, func(i int) bool {
			began := int64(time.Since(epoch))
			answer, err := node.Get(context.Background(), changes[i].slug)
			switch {
			case changes[i].old(answer, err):
				s.old = append(s.old, sighting{i, began})
				made := changes[i].returned.Load()
				return made > 0 && began-made > int64(cut)
			case err != nil:
				t.Error(err)
			default:
				s.shown = append(s.shown, i)
			}
			return true
		})
		for i := range min(4, len(s.shown)) {
			again := s.shown[(round*4+i)%len(s.shown)]
			if changes[again].old(node.Get(context.Background(), changes[again].slug)) {
				s.back++
			}
		}
		time.Sleep(200 * time.Microsecond) // leave time to the others
	}
	return s
}

// judge counts the sightings that began after what since says of their change.
func (s seen) judge(changes []*change, since func(*change) int64) sight {
	out := sight{Back: s.back}
	last := make([]float64, len(changes))
	for _, o := range s.old {
		if o.began <= since(changes[o.change]) {
			continue
		}
		out.Stale++
		if last[o.change] == 0 {
			out.Tenants++
		}
		last[o.change] = max(last[o.change], micro(o.began-changes[o.change].committed.Load()))
	}
	for i, began := range last {
		if began > 0 && !slices.Contains(s.shown, i) {
			out.Cut++
		}
	}
	out.Median, out.Longest = quantile(last, 50), quantile(last, 100)
	return out
}

func micro[D time.Duration | int64](d D) float64 { return float64(d) / 1000 }

// quantile returns the value below which so many percent lie.
func quantile[T cmp.Ordered](of []T, percent int) T {
	slices.Sort(of)
	return of[(len(of)-1)*percent/100]
}

// flapping answers active or suspended.
type flapping struct{ Node }

func (flapping) Get(context.Context, string) (Answer, error) {
	return Answer{Status: [...]string{"active", "suspended"}[rand.IntN(2)]}, nil
}

// constant always answers the same.
type constant struct {
	Node
	Answer
}

func (n constant) Get(context.Context, string) (Answer, error) { return n.Answer, nil }

// TestWatchCatches: a node that is stale for ever, one that goes back, and one that is neither.
func TestWatchCatches(t *testing.T) {
	look := func(a, b Node) watched {
		changes := changesOf([]tenant{{slug: "one"}, {slug: "two"}}, active)
		return watch(t, pair{a: a, b: b}, changes, time.Millisecond, 300*time.Millisecond, func(i int) error {
			changes[i].made(nil)
			return nil
		})
	}
	w := look(constant{Answer: Answer{Status: "active"}}, constant{Answer: Answer{Status: "suspended"}})
	if w.A.Cut != 2 || w.A.Tenants != 2 || w.A.Stale < 2 || w.A.Longest == 0 || w.A.Median == 0 || w.A.Back != 0 {
		t.Errorf("stale for ever: %+v", w.A)
	}
	if w.B != (sight{}) {
		t.Errorf("never stale: %+v", w.B)
	}
	if w = look(flapping{}, flapping{}); w.A.Back == 0 || w.B.Back == 0 {
		t.Errorf("flapping: %+v", w)
	}
}
