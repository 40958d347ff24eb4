package follow_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// counted is a log that counts what is asked of it, and can be told to fail, or not to
// answer.
type counted struct {
	*memstore.Store

	mu    sync.Mutex
	reads int
	err   error
	hangs bool
	hold  func() // called by Changes when it has its answer
}

func (l *counted) set(change func(l *counted)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *counted) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

func (l *counted) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	l.set(func(l *counted) { l.reads++ })
	return l.Store.Bounds(ctx)
}

func (l *counted) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	l.mu.Lock()
	l.reads++
	err, hangs, hold := l.err, l.hangs, l.hold
	l.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	changes, err := l.Store.Changes(ctx, after, limit)
	if hold != nil {
		hold()
	}
	return changes, err
}

// noting is a follower that writes down what it is told.
type noting struct {
	mu       sync.Mutex
	starts   []tenancy.Revision
	obeyed   []tenancy.Revision // live ones
	replayed int
	contact  []bool
}

func (n *noting) do(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *noting) StartOver(at tenancy.Position) {
	n.do(func() { n.starts = append(n.starts, at.Revision) })
}

func (n *noting) Obey(_ tenancy.Change, live bool) {
	if !live {
		n.do(func() { n.replayed++ })
	}
}

func (n *noting) Obeyed(c tenancy.Change) {
	n.do(func() { n.obeyed = append(n.obeyed, c.Position.Revision) })
}

func (n *noting) Contact(lost bool) { n.do(func() { n.contact = append(n.contact, lost) }) }

// told returns what it was told so far.
func (n *noting) told() (told struct {
	starts, obeyed []tenancy.Revision
	replayed       int
	contact        []bool
}) {
	n.do(func() {
		told.starts, told.obeyed, told.contact = slices.Clone(n.starts), slices.Clone(n.obeyed), slices.Clone(n.contact)
		told.replayed = n.replayed
	})
	return told
}

// reading tests a Reader of a store in memory, which polls once a second, in a bubble.
func reading(t *testing.T, replay bool, test func(t *testing.T, log *counted, n *noting, r *follow.Reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, n := &counted{Store: memstore.New()}, &noting{}
		create(t, log, "first")
		r := follow.New(log, n, follow.Config{Replay: replay, Timeout: time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		defer func() {
			if left := r.Close(time.Second); left != 0 {
				t.Errorf("%d goroutines go on", left)
			}
		}()
		synctest.Wait()
		test(t, log, n, r)
	})
}

func create(t *testing.T, s tenancy.Store, identifier string) tenancy.Tenant {
	t.Helper()
	created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// An idle process reads the log once in each poll interval, and a change once.
func TestReaderReadsOnce(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, n *noting, r *follow.Reader) {
		before := log.count()
		time.Sleep(100*time.Second + time.Second/2)
		if got := log.count() - before; got != 100 {
			t.Errorf("%d reads in 100 poll intervals", got)
		}
		for _, identifier := range []string{"acme", "bolt", "cord"} {
			before := log.count()
			created := create(t, log, identifier)
			synctest.Wait()
			if got := log.count() - before; got != 1 || r.Check(created.Position()) != follow.Confirmed {
				t.Errorf("%d reads for a change; it is %v", got, r.Check(created.Position()))
			}
		}
		if len(n.told().obeyed) != 3 {
			t.Errorf("obeyed %v", n.told().obeyed)
		}
	})
}

// After a write whose position is known, and which has woken the reader already, there
// is no second read.
func TestOwnWriteIsReadOnce(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, _ *noting, r *follow.Reader) {
		for _, woken := range []bool{false, true} {
			before := log.count()
			created := create(t, log, "acme")
			if woken {
				synctest.Wait()
			}
			if err := r.Wrote(t.Context(), created.Position()); err != nil || r.Check(created.Position()) != follow.Confirmed {
				t.Error(err, r.Check(created.Position()))
			}
			synctest.Wait()
			if got := log.count() - before; got > 2 || woken && got != 1 {
				t.Errorf("%d reads for a write (seen before it returned: %t)", got, woken)
			}
			if err := log.Delete(t.Context(), created.ID); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
	})
}

// A write joins the read under way only if that shows it; else it waits for the next.
func TestReadUnderwayMayBeTooOld(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, _ *noting, r *follow.Reader) {
		answered, goOn := make(chan struct{}), make(chan struct{})
		log.set(func(l *counted) {
			l.hold = func() {
				l.set(func(l *counted) { l.hold = nil })
				close(answered)
				<-goOn
			}
		})
		create(t, log, "acme")
		<-answered // by what the log holds now
		bolt := create(t, log, "bolt")
		wrote := make(chan error, 1)
		go func() { wrote <- r.Wrote(t.Context(), bolt.Position()) }()
		synctest.Wait()
		select {
		case err := <-wrote:
			t.Error("returned before the log was read", err)
		default:
		}
		close(goOn)
		if err := <-wrote; err != nil || r.Check(bolt.Position()) != follow.Confirmed {
			t.Error(err, r.Check(bolt.Position()))
		}
	})
}

// An outage is told once, is not read into at full speed, and ends soon after the log can
// be read again.
func TestReaderInAnOutage(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, n *noting, r *follow.Reader) {
		r.LimitStale(time.Minute)
		log.set(func(l *counted) { l.err = errors.New("connection refused") })
		time.Sleep(10 * time.Second)
		before := log.count()
		time.Sleep(20 * time.Second)
		if got := log.count() - before; got < 15 || got > 25 || !r.Serving() {
			t.Errorf("%d reads in 20 s of an outage; serving: %t", got, r.Serving())
		}
		if err := r.Follow(t.Context()); err == nil {
			t.Errorf("Follow: %v", err)
		}
		time.Sleep(time.Minute)
		if r.Serving() {
			t.Error("serving after MaxStale")
		}
		log.set(func(l *counted) { l.err = nil })
		time.Sleep(1500 * time.Millisecond)
		if len(n.told().contact) != 2 || !n.told().contact[0] || n.told().contact[1] || !r.Serving() {
			t.Errorf("contact lost: %v; serving: %t", n.told().contact, r.Serving())
		}
	})
}

// A log that hangs is an outage after the time of a page; who waits for it waits no longer
// than for two.
func TestReaderOfAHungLog(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, n *noting, r *follow.Reader) {
		log.set(func(l *counted) { l.hangs = true })
		begun := time.Now()
		acme := create(t, log, "acme")
		if err := r.Wrote(t.Context(), acme.Position()); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Error(err)
		}
		if d := time.Since(begun); d > 5*time.Second || r.Serving() || len(n.told().contact) != 1 {
			t.Errorf("after %v; serving: %t; contact lost: %v", d, r.Serving(), n.told().contact)
		}
		log.set(func(l *counted) { l.hangs = false })
		time.Sleep(20 * time.Second)
		if !r.Serving() || r.Check(acme.Position()) != follow.Confirmed {
			t.Error("not followed when the log answers again")
		}
	})
}

// A restored database is another history, with other marks.
func TestReaderStartsOver(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, n *noting, r *follow.Reader) {
		backup := log.Backup()
		lost := create(t, log, "lost")
		synctest.Wait()
		log.Restore(backup)
		kept := create(t, log, "kept")
		if err := r.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.Check(lost.Position()) == follow.Confirmed || r.Check(kept.Position()) == follow.Denied || r.Stats().Diverged != 1 {
			t.Errorf("the lost one is %v, that of now %v, %+v", r.Check(lost.Position()), r.Check(kept.Position()), r.Stats())
		}
		if len(n.told().starts) != 2 {
			t.Errorf("started at %v", n.told().starts)
		}
	})
}

// A replay begins at the oldest position and is not live; without one there is none.
func TestReplay(t *testing.T) {
	for _, replay := range []bool{false, true} {
		reading(t, replay, func(t *testing.T, log *counted, n *noting, r *follow.Reader) {
			if err := r.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := n.told().replayed; replay != (got == 1) || len(n.told().obeyed) != 0 {
				t.Errorf("%d changes replayed, %v obeyed (replay: %t)", got, n.told().obeyed, replay)
			}
			create(t, log, "acme")
			synctest.Wait()
			if len(n.told().obeyed) != 1 {
				t.Errorf("obeyed %v", n.told().obeyed)
			}
		})
	}
}

// waking is a bus on which the test sends.
type waking struct{ wake func(tenancy.Position) }

func (b *waking) Publish(context.Context, tenancy.Position) error { return nil }

func (b *waking) Subscribe(_ context.Context, wake func(tenancy.Position)) { b.wake = wake }

// A message has the log read, unless it tells of what is known, and moves nothing.
func TestMessageOnlyWakes(t *testing.T) {
	reading(t, false, func(t *testing.T, log *counted, _ *noting, r *follow.Reader) {
		bus := &waking{}
		r.Join(bus)
		at := r.Position()
		for position, reads := range map[tenancy.Position]int{
			at: 0, {}: 1, {Revision: at.Revision + 5, Mark: 1}: 1, {Revision: at.Revision, Mark: at.Mark + 1}: 1,
		} {
			before := log.count()
			bus.wake(position)
			synctest.Wait()
			if got := log.count() - before; got != reads || r.Position() != at {
				t.Errorf("%v: %d reads, now at %v; want %d and %v", position, got, r.Position(), reads, at)
			}
		}
	})
}
