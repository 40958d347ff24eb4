package faults

import (
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// LeaseTTL is how long a Server keeps a lease whose holder does nothing.
const LeaseTTL = time.Second

// Server is what the clients of a shared cache have in common. Create one with
// NewServer.
type Server struct {
	mu    sync.Mutex
	slots map[tenancy.Key]slot
	fail  error
}

// slot is what is under a key: an entry, or else a lease.
type slot struct {
	entry *tier.Entry
	lease tier.Token
	ends  time.Time
}

func (s slot) older(r tenancy.Revision) bool { return s.entry.Versioned.AsOf.Revision < r }

// NewServer returns an empty server.
func NewServer() *Server { return &Server{slots: map[tenancy.Key]slot{}} }

// Open returns a client. Any number of them share the server.
func (s *Server) Open() *Shared { return &Shared{server: s} }

// Fail makes every call of every client return err, until it is nil again.
func (s *Server) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Evict removes about half of the entries and leases.
func (s *Server) Evict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.slots) / 2
	for k := range s.slots { // in no order
		if n--; n < 0 {
			return
		}
		delete(s.slots, k)
	}
}

// Backup returns a function that makes the server hold again what it holds now, as
// a failover to a replica that lagged does.
func (s *Server) Backup() (failover func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := maps.Clone(s.slots)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.slots = maps.Clone(old)
	}
}

// at returns what is under key, if it has not expired. The caller holds s.mu.
func (s *Server) at(key tenancy.Key) (slot, bool) {
	found, ok := s.slots[key]
	if ok && !time.Now().Before(found.ends) {
		delete(s.slots, key)
		return slot{}, false
	}
	return found, ok
}

// lease grants the lease of key. The caller holds s.mu.
func (s *Server) lease(key tenancy.Key) tier.Token {
	token := tier.Token(rand.Uint64() | 1)
	s.slots[key] = slot{lease: token, ends: time.Now().Add(LeaseTTL)}
	return token
}
