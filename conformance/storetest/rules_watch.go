package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func watchRules() []Rule {
	return []Rule{
		{
			Name:  "watch-replays-then-follows",
			Says:  "Watch yields the changes after the position, then new ones as they are committed, without a gap, and all as Changes returns them.",
			needs: needSource,
			check: func(p *probe) {
				created := p.createMany(3)
				log := p.logOf(4)
				w := p.watch(p.source(), log[1].Position)
				for _, want := range log[2:] {
					equalChanges(p, []tenancy.Change{w.change()}, []tenancy.Change{want}, "a change of the past")
				}
				var live []tenancy.Change
				for i := range 20 {
					t := p.setStatus(created[i%3].ID, tenancy.Statuses()[i%4])
					c := w.change()
					equal(p, c.Position.Revision, t.Revision, "Revision of the change after SetStatus")
					live = append(live, c)
				}
				equalChanges(p, live, p.logOf(24)[4:], "what Watch yielded as it was committed")
				fromStart := p.watch(p.source(), tenancy.Position{})
				equal(p, fromStart.change().Position, log[0].Position, "the first change after the zero Position")
			},
		},
		{
			Name:  "watch-notifies-progress",
			Says:  "Who asks by WithProgressNotify is told when everything up to a position was yielded, again and again while nothing changes.",
			needs: needSource,
			check: func(p *probe) {
				t := p.create(tenant(0))
				at := p.head().Newest
				w := p.watchWith(tenancy.WithProgressNotify(p.ctx), p.source(), tenancy.Position{})
				w.progress(tenancy.Position{}, at)
				w.progress(at, at)
				t = p.setStatus(t.ID, tenancy.StatusSuspended)
				w.progress(at, t.Position())
				w.progress(t.Position(), t.Position())
			},
		},
		{
			Name:  "watch-misses-nothing",
			Says:  "Several watchers each see every change once and in order while 16 writers write.",
			needs: needSource,
			check: func(p *probe) {
				start := p.head().Newest
				const writers, rounds, watchers = 16, 6, 3
				done := make(chan []error, 1)
				go func() {
					done <- together(writers, func(i int) error {
						_, err := p.s.Create(p.ctx, tenant(i))
						for n := 1; n < rounds && err == nil; n++ {
							_, err = p.s.SetStatus(p.ctx, tenant(i).ID, tenancy.Statuses()[n%4])
						}
						return err
					})
				}()
				for i, err := range together(watchers, func(int) error {
					ctx, cancel := context.WithTimeout(p.ctx, p.h.Patience)
					defer cancel()
					source, _ := tenancy.SourceOf(p.s)
					at, n := start, 0
					for c, err := range source.Watch(ctx, at) {
						if errors.Is(err, tenancy.ErrUnavailable) { // a report: a busy machine is slow to answer
							continue
						}
						if err != nil {
							return fmt.Errorf("after %d of %d changes: %w", n, writers*rounds, err)
						}
						if c.Position.Revision != at.Revision+1 {
							return fmt.Errorf("revision %d after %d", c.Position.Revision, at.Revision)
						}
						at = c.Position
						if n++; n == writers*rounds {
							return nil
						}
					}
					return fmt.Errorf("the watch ended after %d of %d changes", n, writers*rounds)
				}) {
					if err != nil {
						p.errorf("watcher %d: %v", i, err)
					}
				}
				for i, err := range <-done {
					p.ok(err, "writer %d", i)
				}
			},
		},
		{
			Name:  "watch-ends-with-context",
			Says:  "Watch ends when its context ends: the context's error is the last thing it yields.",
			needs: needSource,
			check: func(p *probe) {
				source, newest := p.source(), p.head().Newest
				for _, wait := range []bool{false, true} {
					ctx, cancel := context.WithCancel(p.ctx)
					started := make(chan struct{})
					var last error
					ended := p.inBackground(func() {
						first := true
						for _, err := range source.Watch(ctx, tenancy.Position{}) {
							if last = err; first {
								first = false
								close(started)
							}
						}
					})
					if wait {
						p.within("the first change", started)
					}
					cancel()
					p.within("the end of Watch after its context ended", ended)
					p.fails(last, context.Canceled, "the last error of Watch")
				}
				for name, ended := range endedContexts(p.ctx) {
					var last error
					done := p.inBackground(func() {
						for _, err := range source.Watch(ended, tenancy.Position{}) {
							last = err
						}
					})
					p.within("the end of Watch with a context that is "+name, done)
					p.fails(last, ended.Err(), "the last error of Watch with a context that is %s", name)
				}
				ctx, cancel := context.WithTimeout(p.ctx, 10*time.Millisecond)
				defer cancel()
				var last error
				ended := p.inBackground(func() {
					for _, err := range source.Watch(ctx, newest) {
						last = err
					}
				})
				p.within("the end of Watch after its deadline", ended)
				p.fails(last, context.DeadlineExceeded, "the last error of Watch")
			},
		},
		{
			Name:  "watch-can-be-left",
			Says:  "A caller may break off a watch at any change, and range over the same sequence again from its start.",
			needs: needSource,
			check: func(p *probe) {
				p.createMany(5)
				seq := p.source().Watch(p.ctx, tenancy.Position{})
				for n := 1; n < 5; n++ {
					at := tenancy.Position{}
					seen := 0
					for c, err := range seq {
						p.ok(err, "Watch")
						gapFree(p, at, []tenancy.Change{c})
						at = c.Position
						if seen++; seen == n {
							break
						}
					}
					equal(p, seen, n, "number of changes before breaking off")
				}
				p.create(tenant(5)) // and nothing is blocked by watches that were left
			},
		},
		{
			Name:  "watch-denies-position",
			Says:  "Watch from a position that the log denies, or that lies beyond its newest, yields ErrCompacted and ends.",
			needs: needSource,
			check: func(p *probe) {
				p.createMany(2)
				newest := p.head().Newest
				for _, after := range []tenancy.Position{
					{Revision: newest.Revision, Mark: newest.Mark + 1}, {Revision: newest.Revision + 1, Mark: newest.Mark}, {Revision: newest.Revision + 1000},
				} {
					p.watch(p.source(), after).endsWith(tenancy.ErrCompacted, "Watch after "+after.String())
				}
			},
		},
		{
			Name:  "watch-compacted",
			Says:  "Watch from a position that was compacted away yields ErrCompacted and ends; one that is at the newest goes on across a compaction.",
			needs: needSource | needCompact,
			check: func(p *probe) {
				created := p.createMany(10)
				old, newest := p.logOf(11)[3].Position, p.head().Newest
				live := p.watch(p.source(), newest)
				t := p.setStatus(created[0].ID, tenancy.StatusSuspended)
				equal(p, live.change().Position.Revision, t.Revision, "Revision of the change before the compaction")
				p.h.Compact(p.tb, p.s, t.Revision)
				p.watch(p.source(), old).endsWith(tenancy.ErrCompacted, "Watch after a position that was compacted away")
				p.watch(p.source(), tenancy.Position{}).endsWith(tenancy.ErrCompacted, "Watch after the zero Position")
				t = p.setStatus(created[0].ID, tenancy.StatusActive)
				equal(p, live.change().Position.Revision, t.Revision, "Revision of the change after the compaction")
			},
		},
		{
			Name:  "watch-ends-with-store",
			Says:  "Close ends a watch with ErrClosed.",
			needs: needSource,
			check: func(p *probe) {
				p.create(tenant(0))
				source, newest := p.source(), p.head().Newest
				started := make(chan struct{})
				var last error
				ended := p.inBackground(func() {
					first := true
					for _, err := range source.Watch(p.ctx, tenancy.Position{}) {
						if last = err; first {
							first = false
							close(started)
						}
					}
				})
				p.within("the first change", started)
				p.ok(p.s.Close(), "Close during a watch")
				p.within("the end of Watch after Close", ended)
				p.fails(last, tenancy.ErrClosed, "the last error of Watch")
				p.watch(source, newest).endsWith(tenancy.ErrClosed, "Watch of a closed store")
			},
		},
		{
			Name:  "watch-reconnects",
			Says:  "A watch whose connection broke goes on from where it was, without loss, once the caller goes on after an ErrUnavailable.",
			needs: needSource | needDisconnect,
			check: func(p *probe) {
				t := p.create(tenant(0))
				w := p.watch(p.source(), p.head().Newest)
				at := p.head().Newest
				for range 5 {
					p.h.Disconnect(p.tb, p.s)
					p.eventually("SetStatus after the connections broke", func() error {
						changed, err := p.s.SetStatus(p.ctx, t.ID, tenancy.StatusSuspended)
						if err == nil {
							t = changed
						}
						return err
					})
					for at.Revision < t.Revision {
						c := w.change()
						gapFree(p, at, []tenancy.Change{c})
						at = c.Position
					}
				}
			},
		},
	}
}

// watcher pulls changes out of a watch. Each must come within the patience of
// the harness, else the watch is cancelled.
type watcher struct {
	p     *probe
	pull  func() (tenancy.Change, error, bool)
	timer *time.Timer // cancels the watch
}

func (p *probe) watch(source tenancy.Source, after tenancy.Position) *watcher {
	return p.watchWith(p.ctx, source, after)
}

func (p *probe) watchWith(ctx context.Context, source tenancy.Source, after tenancy.Position) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	next, stop := iter.Pull2(source.Watch(ctx, after))
	timer := time.AfterFunc(p.h.Patience, cancel)
	p.tb.Cleanup(func() { cancel(); stop(); timer.Stop() })
	return &watcher{p, next, timer}
}

// next returns what the watch yields next, and whether it yields anything.
func (w *watcher) next() (c tenancy.Change, ok bool, err error) {
	w.timer.Reset(w.p.h.Patience)
	c, err, ok = w.pull()
	return c, ok, err
}

// change returns the next change, and passes over reports that the log cannot be read: on
// a busy machine, it may be slow to answer.
func (w *watcher) change() tenancy.Change {
	w.p.tb.Helper()
	for {
		c, ok, err := w.next()
		if ok && errors.Is(err, tenancy.ErrUnavailable) {
			continue
		}
		if !ok || err != nil {
			w.p.fatalf("Watch: no change within %v: got error %v, ended %t", w.p.h.Patience, err, !ok)
		}
		return c
	}
}

// progress expects the changes after a position up to another, and then a notification
// of that. There may be others before it.
func (w *watcher) progress(after, to tenancy.Position) {
	w.p.tb.Helper()
	for at := after; ; {
		c := w.change()
		switch {
		case c.Kind != tenancy.ChangeProgress:
			gapFree(w.p, at, []tenancy.Change{c})
			at = c.Position
			continue
		case c.Position != at:
			w.p.errorf("ChangeProgress at %v, after the changes up to %v", c.Position, at)
		case c.TenantID != "" || len(c.Keys) > 0:
			w.p.errorf("an ChangeProgress names %q and the keys %v", c.TenantID, c.Keys)
		}
		if c.Position.Revision >= to.Revision {
			equal(w.p, c.Position, to, "the position of an ChangeProgress")
			return
		}
	}
}

// endsWith expects the watch to yield an error that wraps want, and nothing
// after it.
func (w *watcher) endsWith(want error, what string) {
	w.p.tb.Helper()
	w.endsWithDespite(want, nil, what)
}

// endsWithDespite is endsWith after errors that wrap report.
func (w *watcher) endsWithDespite(want, report error, what string) {
	w.p.tb.Helper()
	c, ok, err := w.next()
	for ok && report != nil && errors.Is(err, report) {
		c, ok, err = w.next()
	}
	if !ok || !errors.Is(err, want) {
		w.p.errorf("%s: got change %+v and error %s, want an error that wraps %q", what, c, text(err), want)
		return
	}
	if c, ok, err := w.next(); ok {
		w.p.errorf("%s: after the error it went on with change %+v and error %s", what, c, text(err))
	}
}

// inBackground runs f in a goroutine and returns a channel that is closed when
// it has returned.
func (p *probe) inBackground(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

// within waits for done.
func (p *probe) within(what string, done <-chan struct{}) {
	p.tb.Helper()
	timer := time.NewTimer(p.h.Patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		p.fatalf("%s: not within %v", what, p.h.Patience)
	}
}
