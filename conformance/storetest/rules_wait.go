package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func waitRules() []Rule {
	return []Rule{
		{
			Name:  "wait-wakes",
			Says:  "Wait returns at once, and not only when the poll interval is over, if the store has written since the caller's Changes.",
			needs: needSource,
			check: func(p *probe) {
				source, t := p.source(), p.create(tenant(0))
				ctx, cancel := context.WithTimeout(p.ctx, p.h.Patience) // for all rounds together
				defer cancel()
				for i := range 20 {
					at := p.end(tenancy.Position{})
					var err error
					woken := p.inBackground(func() { err = source.Wait(ctx, at) })
					t = p.setStatus(t.ID, tenancy.Statuses()[i%4])
					<-woken
					p.OK(err, "Wait, then SetStatus")
					p.OK(source.Wait(ctx, at), "Wait after a position that is not the newest")
				}
			},
		},
		{
			Name:  "wait-misses-nothing",
			Says:  "Whoever calls Changes and Wait by turns sees each change, whoever made it, soon after it was committed, and if Wait is not told of it, when the poll interval is over.",
			needs: needSource | needPeer,
			check: func(p *probe) {
				source, peer := p.source(), p.h.Peer(p.TB, p.s)
				p.closeAtEnd(peer)
				t := p.create(tenant(0))
				for i := range 3 {
					at := p.end(tenancy.Position{})
					ctx, cancel := context.WithTimeout(p.ctx, p.h.Patience)
					changed, err := peer.SetStatus(p.ctx, t.ID, tenancy.Statuses()[i%4])
					p.OK(err, "SetStatus by another process")
					for ; at.Revision < changed.Revision; at = p.end(at) {
						p.OK(source.Wait(ctx, at), "Wait after another process wrote")
					}
					cancel()
				}
			},
		},
		{
			Name:  "wait-polls",
			Says:  "Wait returns when the poll interval is over, though nothing was written.",
			needs: needSource,
			check: func(p *probe) {
				source := p.source()
				ctx, cancel := context.WithTimeout(p.ctx, p.h.Patience)
				defer cancel()
				p.OK(source.Wait(ctx, p.end(tenancy.Position{})), "Wait while nothing is written")
			},
		},
		{
			Name:  "wait-waits",
			Says:  "Wait at the end of the log, up to which the caller has read, does not return at once again and again.",
			needs: needSource,
			check: func(p *probe) {
				source := p.source()
				for range 100 {
					at := p.end(tenancy.Position{})
					ctx, cancel := context.WithTimeout(p.ctx, time.Millisecond)
					err := source.Wait(ctx, at)
					cancel()
					if errors.Is(err, context.DeadlineExceeded) {
						return
					}
					p.OK(err, "Wait")
				}
				p.Errorf("Wait returned 100 times within a millisecond, though nothing was written")
			},
		},
		{
			Name:  "wait-ends-with-context",
			Says:  "Wait ends with the context's error when its context ends.",
			needs: needSource,
			check: func(p *probe) {
				source, at := p.source(), p.end(tenancy.Position{})
				for name, ended := range endedContexts(p.ctx) {
					p.fails(source.Wait(ended, at), ended.Err(), "Wait with a context that is %s", name)
					p.fails(source.Wait(ended, tenancy.Position{}), ended.Err(), "Wait after the zero Position with a context that is %s", name)
				}
				for range 10 { // it may return for another reason first
					ctx, cancel := context.WithCancel(p.ctx)
					done := p.inBackground(func() {
						for err := error(nil); err == nil; {
							if err = source.Wait(ctx, at); err != nil {
								p.fails(err, context.Canceled, "Wait when its context ends")
							}
						}
					})
					cancel()
					p.Closes(p.h.Patience, "the end of Wait after its context ended", done)
				}
			},
		},
		{
			Name:  "wait-ends-with-store",
			Says:  "Close ends Wait with ErrClosed.",
			needs: needSource,
			check: func(p *probe) {
				source, at := p.source(), p.end(tenancy.Position{})
				done := p.inBackground(func() {
					for err := error(nil); err == nil; {
						if err = source.Wait(p.ctx, at); err != nil {
							p.fails(err, tenancy.ErrClosed, "Wait when the store is closed")
						}
					}
				})
				p.OK(p.s.Close(), "Close during Wait")
				p.Closes(p.h.Patience, "the end of Wait after Close", done)
				p.fails(source.Wait(p.ctx, at), tenancy.ErrClosed, "Wait of a closed store")
			},
		},
	}
}

// end reads the log after the position to its end, and returns the position of that.
func (p *probe) end(after tenancy.Position) tenancy.Position {
	p.Helper()
	for {
		changes := p.changes(after, 0)
		if len(changes) > 0 {
			after = changes[len(changes)-1].Position
		}
		if len(changes) < tenancy.DefaultChangesLimit {
			return after
		}
	}
}
