package replica

import (
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Phase says what a replica answers from.
type Phase string

// The phases.
const (
	PhaseStarting    Phase = "starting"    // reads go to the source until all tenants are read
	PhaseRestored    Phase = "restored"    // reads are answered from the snapshot file, until the log has been read
	PhaseSynced      Phase = "synced"      // all reads are answered from memory
	PhaseInterrupted Phase = "interrupted" // the log cannot be read, or all tenants are being read again
	PhaseRefused     Phase = "refused"     // there are more tenants than WithMaxTenants allows
)

// Phases returns all phases.
func Phases() []Phase {
	return []Phase{PhaseStarting, PhaseRestored, PhaseSynced, PhaseInterrupted, PhaseRefused}
}

// State describes a replica at one moment.
type State struct {
	Phase       Phase
	Since       time.Time        // when the phase began
	Serving     bool             // reads are answered from memory
	Position    tenancy.Position // how far the log was followed
	LastContact time.Time        // when the log was last read to its end: later writes may be missing
	Tenants     int              // in memory
	Scans       int64            // scans of all tenants, finished or not
	Snapshot    time.Time        // when the tenants of the snapshot file were current; zero if there is none
	SnapshotErr error            // why the last write of the file failed
	Err         error            // why the replica is not synced, if something failed
}

// State returns the current state.
func (s *Store) State() State {
	log := s.reader.Stats()
	s.mu.RLock()
	tenants := s.index.Len()
	s.mu.RUnlock()
	st := State{
		Serving: log.Serving, Position: log.Position, LastContact: log.LastContact,
		Tenants: tenants, Scans: s.stats.scans.Load(), Err: log.Failure,
	}
	file, _, err := s.snapshot.get()
	st.Snapshot, st.SnapshotErr = file.Current, err
	s.phase.mu.Lock()
	defer s.phase.mu.Unlock()
	st.Phase, st.Since = s.phase.now, s.phase.since
	if s.phase.refusal != nil {
		st.Err = s.phase.refusal
	}
	return st
}

// phase is the phase of a replica, with the facts that determine it.
type phase struct {
	mu       sync.Mutex
	ready    chan struct{} // closed when it was restored or whole for the first time
	synced   chan struct{} // closed when it was whole for the first time
	once     bool          // it was
	whole    bool
	restored bool  // from the snapshot file
	lost     bool  // contact with the log
	refusal  error // there are too many tenants
	now      Phase
	since    time.Time
}

func (p *phase) begin() {
	p.ready, p.synced = make(chan struct{}), make(chan struct{})
	p.now, p.since = PhaseStarting, time.Now()
}

// note changes the facts, and so perhaps the phase.
func (p *phase) note(change func(*phase)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
	if (p.whole || p.restored) && !closed(p.ready) {
		close(p.ready)
	}
	if p.whole && !p.once {
		p.once = true
		close(p.synced)
	}
	was := p.now
	switch {
	case p.refusal != nil:
		p.now = PhaseRefused
	case p.whole && !p.lost:
		p.now = PhaseSynced
	case p.once:
		p.now = PhaseInterrupted
	case p.restored:
		p.now = PhaseRestored
	default:
		p.now = PhaseStarting
	}
	if p.now != was {
		p.since = time.Now()
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// refused returns why the replica holds no tenants, or nil.
func (p *phase) refused() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refusal
}
