package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// watchRules are those of [tenancy.Watch], as far as it rests on the store.
func watchRules() []Rule {
	return []Rule{
		{
			Name:  "watch-misses-nothing",
			Says:  "Several watchers each see every change once and in order while 16 writers write.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
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
					for c, err := range watch(ctx, source, at) {
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
						p.Errorf("watcher %d: %v", i, err)
					}
				}
				for i, err := range <-done {
					p.OK(err, "writer %d", i)
				}
			},
		},
		{
			Name:  "watch-reconnects",
			Says:  "A watch that ended with ErrUnavailable, because its connection broke, goes on where it was, without loss, when it is begun again there.",
			needs: needSource | needDisconnect,
			check: func(p *probe) {
				t := p.create(tenant(0))
				w := p.watch(p.source(), p.bounds().Newest)
				at := p.bounds().Newest
				for range 5 {
					p.h.Disconnect(p.TB, p.s)
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

// watch is [tenancy.Watch], begun again where it ended with ErrUnavailable: a connection
// may break, and a busy machine is slow to answer.
func watch(ctx context.Context, source tenancy.Source, after tenancy.Position) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		for {
			for c, err := range tenancy.Watch(ctx, source, after) {
				if errors.Is(err, tenancy.ErrUnavailable) && !errors.Is(err, tenancy.ErrClosed) {
					break
				}
				if !yield(c, err) || err != nil {
					return
				}
				after = c.Position
			}
			time.Sleep(time.Millisecond)
		}
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
	ctx, cancel := context.WithCancel(p.ctx)
	next, stop := iter.Pull2(watch(ctx, source, after))
	timer := time.AfterFunc(p.h.Patience, cancel)
	p.Cleanup(func() { cancel(); stop(); timer.Stop() })
	return &watcher{p, next, timer}
}

// next returns what the watch yields next, and whether it yields anything.
func (w *watcher) next() (c tenancy.Change, ok bool, err error) {
	w.timer.Reset(w.p.h.Patience)
	c, err, ok = w.pull()
	return c, ok, err
}

// change returns the next change.
func (w *watcher) change() tenancy.Change {
	w.p.Helper()
	c, ok, err := w.next()
	if !ok || err != nil {
		w.p.Fatalf("Watch: no change within %v: got error %v, ended %t", w.p.h.Patience, err, !ok)
	}
	return c
}

// endsWith expects the watch to yield an error that wraps want.
func (w *watcher) endsWith(want error, what string) {
	w.p.Helper()
	c, ok, err := w.next()
	if !ok || !errors.Is(err, want) {
		w.p.Errorf("%s: got change %+v and error %s, want an error that wraps %q", what, c, text(err), want)
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
