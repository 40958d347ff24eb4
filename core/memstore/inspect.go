package memstore

import (
	"maps"
	"slices"

	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Statistics describes what a store holds.
type Statistics struct {
	Tenants  int
	ByStatus map[tenancy.Status]int // only statuses that some tenant has
	Log      tenancy.Bounds
}

// Statistics returns the numbers of tenants and the extent of the log.
func (s *Store) Statistics() Statistics {
	s.b.mu.RLock()
	defer s.b.mu.RUnlock()
	return Statistics{Tenants: s.b.index.Len(), ByStatus: maps.Collect(s.b.index.Statuses()), Log: s.b.log.head()}
}

// All returns every tenant in list order, as of one moment.
func (s *Store) All() []tenancy.Tenant {
	s.b.mu.RLock()
	defer s.b.mu.RUnlock()
	records := s.b.index.Records()
	out := make([]tenancy.Tenant, 0, len(records))
	for _, r := range slices.Backward(records) {
		out = append(out, r.Tenant)
	}
	return out
}

// Clear removes every tenant, in one change that touches every key, as TRUNCATE
// does in SQL.
func (s *Store) Clear() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.replaceAll(nil)
	s.b.log.append(tenancy.Change{Kind: tenancy.ChangeReset})
}

// Compact drops the changes before revision from the log, but never the newest.
func (s *Store) Compact(revision tenancy.Revision) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.log.compact(revision)
}

// Backup is a copy of a store's tenants and log. Its zero value is that of a new
// store.
type Backup struct {
	records []*record
	changes []tenancy.Change
}

// Backup returns a copy of what the store holds. It costs a pointer a tenant, and the log.
func (s *Store) Backup() Backup {
	s.b.mu.RLock()
	defer s.b.mu.RUnlock()
	backup := Backup{changes: cloneChanges(s.b.log.changes)}
	for _, r := range s.b.index.Records() {
		backup.records = append(backup.records, s.b.byID[r.ID])
	}
	return backup
}

// Restore makes the store hold what it held at the backup, log included, as
// restoring a database does: positions after the backup are denied from now on,
// even when their revisions are taken again. It serves tests of how an
// application and its caches get over that.
func (s *Store) Restore(backup Backup) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.replaceAll(backup.records)
	s.b.log.changes = cloneChanges(backup.changes)
	if len(s.b.log.changes) == 0 {
		s.b.log.append(tenancy.Change{Kind: tenancy.ChangeReset}) // a log is never empty
	}
	s.b.log.wake()
}

func (b *backend) replaceAll(records []*record) {
	clear(b.byID)
	clear(b.byIdentifier)
	clear(b.byName)
	b.named = nil
	b.endings = endingsOf(records)
	b.index = index.Index{}
	for _, r := range records {
		b.insert(r)
	}
}
