package tier

import (
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/striped"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Stats counts what a tier did since New. Each lookup of a key is one of Hits,
// Negatives, Stale, Misses, Unanswered.
type Stats struct {
	Hits      int64 `json:"hits"`      // a tenant was served from the cache
	Negatives int64 `json:"negatives"` // that there is no tenant was served from the cache
	Stale     int64 `json:"stale"`     // an entry was found that may not be served
	Misses    int64 `json:"misses"`    // nothing was found
	// A shared cache failed, or must not be asked before the log was read.
	Unanswered int64 `json:"unanswered"`
	// Of Hits and Negatives, those while the change log could not be read.
	ServedStale int64 `json:"served_stale"`

	Loads       int64 `json:"loads"`       // calls of the store below
	InFlight    int   `json:"in_flight"`   // loads under way now
	Coalesced   int64 `json:"coalesced"`   // lookups that joined the load of another
	Refreshes   int64 `json:"refreshes"`   // loads ahead of expiry
	Fills       int64 `json:"fills"`       // entries put into the cache
	Uncacheable int64 `json:"uncacheable"` // entries that must not be put there
	Unfilled    int64 `json:"unfilled"`    // entries that could not be put there
	Denied      int64 `json:"denied"`      // entries of a history that the database lost
	Unapplied   int64 `json:"unapplied"`   // changes that a shared cache was not told of
	Errors      int64 `json:"errors"`      // failed calls of the cache

	// Of the stack; the same for every tier of the stack.
	Position     tenancy.Position `json:"position"`     // how far the log was followed
	Serving      bool             `json:"serving"`      // entries are served
	Changes      int64            `json:"changes"`      // changes obeyed
	Compacted    int64            `json:"compacted"`    // flushes because the log was trimmed too early
	Diverged     int64            `json:"diverged"`     // flushes because the log had another history
	Unfollowed   int64            `json:"unfollowed"`   // writes after which the log could not be read, or did not show them
	Flushed      int64            `json:"flushed"`      // calls of InvalidateAll
	Published    int64            `json:"published"`    // messages to the bus
	Unpublished  int64            `json:"unpublished"`  // failed messages to the bus
	Received     int64            `json:"received"`     // messages from the bus
	Resubscribed int64            `json:"resubscribed"` // times that messages may have been lost
	LastReceived time.Time        `json:"last_received,omitzero"`
	LastContact  time.Time        `json:"last_contact,omitzero"` // with the log
}

// padded has a cache line of its own.
type padded struct {
	atomic.Int64
	_ [56]byte
}

type counters struct {
	_                                                                          [64]byte // what comes before is read by every hit
	hits, negatives                                                            striped.Counter
	stale, misses                                                              padded
	loads, coalesced, refreshes, fills, uncacheable, denied, unapplied, errors atomic.Int64
	unanswered, unfilled                                                       atomic.Int64
}

// Stats returns the counts. They are read one by one, not as of one moment.
func (s *Store) Stats() Stats {
	c, f := &s.stats, s.stack.reader.Stats()
	hits, negatives, stale := s.outage.served(c)
	return Stats{
		Hits: hits, Negatives: negatives, Stale: c.stale.Load(), Misses: c.misses.Load(),
		Loads: c.loads.Load(), InFlight: len(s.loads), Coalesced: c.coalesced.Load(), Refreshes: c.refreshes.Load(),
		Fills: c.fills.Load(), Uncacheable: c.uncacheable.Load(), Denied: c.denied.Load(),
		Unapplied: c.unapplied.Load(), Errors: c.errors.Load(),
		Unanswered: c.unanswered.Load(), Unfilled: c.unfilled.Load(),
		ServedStale: stale, Position: f.Position, Serving: f.Serving, Changes: f.Changes,
		Compacted: f.Compacted, Diverged: f.Diverged,
		Unfollowed: f.Unfollowed + s.stack.unlogged.Load(), Flushed: s.stack.flushed.Load(),
		Published: f.Published, Unpublished: f.Unpublished,
		Received: f.Received, Resubscribed: f.Resubscribed,
		LastReceived: f.LastReceived, LastContact: f.LastContact,
	}
}

// joined counts a lookup of a shared cache that waited for another's, as what that
// one was: its answer e was cached, or was not.
func (c *counters) joined(e *Entry, cached bool) {
	switch {
	case !cached:
		c.misses.Add(1)
	case e.Negative():
		c.negatives.Add()
	default:
		c.hits.Add()
	}
}

// served returns how many lookups the cache answered.
func (c *counters) served() (hits, negatives int64) { return c.hits.Load(), c.negatives.Load() }
