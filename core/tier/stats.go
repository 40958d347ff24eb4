package tier

import (
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/striped"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Stats counts what a stack did since New.
type Stats struct {
	Local  CacheStats `json:"local,omitzero"`  // zero if there is no local cache
	Shared CacheStats `json:"shared,omitzero"` // zero if there is no shared cache

	Loads     int64 `json:"loads"`     // calls of the store below
	InFlight  int   `json:"in_flight"` // loads under way now
	Coalesced int64 `json:"coalesced"` // lookups that joined the load of another

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

// CacheStats counts what the lookups in one cache came to. Each lookup of a key is one of
// Hits, Negatives, Stale, Misses, Unanswered. A lookup that the local cache could not answer
// is one in the shared cache, unless it joined the load of another.
type CacheStats struct {
	Hits      int64 `json:"hits"`      // a tenant was served from the cache
	Negatives int64 `json:"negatives"` // that there is no tenant was served from the cache
	Stale     int64 `json:"stale"`     // an entry was found that may not be served
	Misses    int64 `json:"misses"`    // nothing was found
	// A shared cache failed, or must not be asked before the log was read.
	Unanswered int64 `json:"unanswered"`
	// Of Hits and Negatives, those while the change log could not be read.
	ServedStale int64 `json:"served_stale"`

	Fills     int64 `json:"fills"`     // entries put into the cache
	Refreshes int64 `json:"refreshes"` // loads ahead of expiry, of a local cache

	// Of a shared cache.
	Uncacheable int64 `json:"uncacheable"` // entries that must not be put there
	Unfilled    int64 `json:"unfilled"`    // entries that could not be put there
	Denied      int64 `json:"denied"`      // entries of a history that the database lost
	Unapplied   int64 `json:"unapplied"`   // changes that it was not told of
	Errors      int64 `json:"errors"`      // failed calls
}

// counters are those of a stack.
type counters struct {
	loads, coalesced  atomic.Int64
	flushed, unlogged atomic.Int64
}

// cacheCounters are those of one cache.
type cacheCounters struct {
	_                                                [64]byte // what comes before is read by every hit
	hits, negatives                                  striped.Counter
	stale, misses                                    padded
	unanswered, fills, refreshes                     atomic.Int64
	uncacheable, unfilled, denied, unapplied, errors atomic.Int64
}

// padded has a cache line of its own.
type padded struct {
	atomic.Int64
	_ [56]byte
}

// served counts a lookup that e has answered.
func (c *cacheCounters) served(e *Entry) {
	if e.Negative() {
		c.negatives.Add()
	} else {
		c.hits.Add()
	}
}

func (c *cacheCounters) read(o *outage) CacheStats {
	hits, negatives, stale := o.read(c)
	return CacheStats{
		Hits: hits, Negatives: negatives, Stale: c.stale.Load(), Misses: c.misses.Load(),
		Unanswered: c.unanswered.Load(), ServedStale: stale,
		Fills: c.fills.Load(), Refreshes: c.refreshes.Load(),
		Uncacheable: c.uncacheable.Load(), Unfilled: c.unfilled.Load(), Denied: c.denied.Load(),
		Unapplied: c.unapplied.Load(), Errors: c.errors.Load(),
	}
}

// Stats returns the counts. They are read one by one, not as of one moment.
func (s *Store) Stats() Stats {
	f := s.reader.Stats()
	st := Stats{
		Loads: s.stats.loads.Load(), InFlight: len(s.loads), Coalesced: s.stats.coalesced.Load(),
		Position: f.Position, Serving: f.Serving, Changes: f.Changes,
		Compacted: f.Compacted, Diverged: f.Diverged,
		Unfollowed: f.Unfollowed + s.stats.unlogged.Load(), Flushed: s.stats.flushed.Load(),
		Published: f.Published, Unpublished: f.Unpublished,
		Received: f.Received, Resubscribed: f.Resubscribed,
		LastReceived: f.LastReceived, LastContact: f.LastContact,
	}
	if l := s.local.Load(); l != nil {
		st.Local = l.stats.read(&l.outage)
	}
	if s.shared != nil {
		st.Shared = s.shared.stats.read(&s.shared.outage)
	}
	return st
}
