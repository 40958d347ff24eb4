package tenantserver

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What the hub keeps of the log for its watchers.
const (
	keptEvents = 4096
	keptBytes  = 8 << 20
)

// hub holds the newest changes for all watchers. One goroutine, follow.Run, feeds it.
type hub struct {
	mu      sync.Mutex
	floor   tenancy.Position // directly after which the events begin
	events  []event          // in commit order, without gaps; none is ever changed
	bytes   int
	epoch   int           // counts the times when the events began anew
	contact bool          // the log was read to its end, and nothing has failed since
	changed chan struct{} // closed at the next change of any of this
	ended   chan struct{}
}

// event is a change, written once for all.
type event struct {
	at   tenancy.Position
	line []byte // JSON, without a line break
}

func newHub() *hub {
	return &hub{changed: make(chan struct{}), ended: make(chan struct{})}
}

func newEvent(c tenancy.Change) (event, error) {
	line, err := json.Marshal(wire.ChangeOf(c))
	return event{c.Position, line}, err
}

// handler is what follow.Run calls.
func (h *hub) handler() follow.Handler {
	return follow.Handler{
		Sync: func(_ context.Context, at tenancy.Position) error {
			h.update(func() {
				h.floor, h.events, h.bytes = at, nil, 0
				h.epoch++
			})
			return nil
		},
		Change: func(_ context.Context, c tenancy.Change) error {
			e, err := newEvent(c)
			if err != nil {
				return err
			}
			h.update(func() { h.append(e) })
			return nil
		},
		Contact: func(err error) {
			if contact := err == nil; contact != h.inContact() {
				h.update(func() { h.contact = contact })
			}
		},
	}
}

func (h *hub) append(e event) {
	h.events = append(h.events, e)
	h.bytes += len(e.line)
	for len(h.events) > keptEvents || h.bytes > keptBytes {
		h.floor = h.events[0].at
		h.bytes -= len(h.events[0].line)
		h.events = h.events[1:]
	}
}

func (h *hub) update(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hub) inContact() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.contact
}

// end tells the watchers that there will be nothing more.
func (h *hub) end() { close(h.ended) }

// view is the hub at one moment.
type view struct {
	events  []event // after the position that was asked for
	holds   bool    // that position
	epoch   int
	contact bool
	changed <-chan struct{}
}

// after returns what the hub holds after the position.
func (h *hub) after(p tenancy.Position) view {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := view{epoch: h.epoch, contact: h.contact, changed: h.changed}
	i := p.Revision - h.floor.Revision // how many events lie up to p
	switch {
	case h.epoch == 0 || i < 0 || i > tenancy.Revision(len(h.events)):
	case i == 0:
		v.holds = p == h.floor
	default:
		v.holds = p == h.events[i-1].at
	}
	if v.holds {
		v.events = h.events[i:]
	}
	return v
}
