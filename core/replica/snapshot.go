package replica

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// snapshotFile is what is known of the file from which the next start is served.
type snapshotFile struct {
	mu      sync.Mutex
	header  snapshot.Header // of the file; zero if there is none that can be used
	failure error           // of the last write
	drops   int             // times that the history of the file was lost

	end   context.CancelFunc // ends keepSnapshot; nil without a file
	ended chan struct{}      // closed when it has
	last  sync.Once          // closeSnapshot
}

const (
	// writePause is the least time between two writes of the file, and writeShare the
	// least multiple of the time that a write took.
	writePause = time.Minute
	writeShare = 20
	// closeTime bounds the last write, and how long Close waits for it.
	closeTime = 10 * time.Second
)

// renewal is after what time the file is written again although nothing has changed.
func (c *config) renewal() time.Duration { return c.maxAge / 4 }

func (f *snapshotFile) get() (h snapshot.Header, drops int, failure error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.header, f.drops, f.failure
}

// set notes what the file holds, or why it could not be written, and reports whether that
// has begun or ended. A file whose history was lost since drops was read is lost.
func (f *snapshotFile) set(h snapshot.Header, failure error, drops int) (turned, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if failure == nil && f.drops != drops {
		return false, true
	}
	turned = (f.failure != nil) != (failure != nil)
	if f.failure = failure; failure == nil {
		f.header = h
	}
	return turned, false
}

// forget notes that there is no file that can be used, and reports whether there was.
func (f *snapshotFile) forget() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drops++
	was := f.header != snapshot.Header{}
	f.header = snapshot.Header{}
	return was
}

// keepSnapshot writes the file whenever there is something new, until ctx ends, and then
// for the last time.
func (s *Store) keepSnapshot(ctx context.Context) {
	defer close(s.snapshot.ended)
	select {
	case <-s.Synced():
	case <-ctx.Done():
	}
	for ctx.Err() == nil {
		grown, began := s.reader.Growth(), time.Now()
		s.writeSnapshot(ctx)
		pause := max(min(writePause, s.cfg.renewal()), writeShare*time.Since(began))
		sleep(ctx, pause+rand.N(pause/4+1)) // not in step with other processes
		h, _, _ := s.snapshot.get()
		old := time.NewTimer(time.Until(h.Current.Add(s.cfg.renewal())))
		select {
		case <-ctx.Done():
		case <-grown:
		case <-old.C:
		}
		old.Stop()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	s.writeSnapshot(ctx)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// closeSnapshot has the file written for the last time, and waits for that, but not for a
// disk that hangs.
func (s *Store) closeSnapshot() {
	f := &s.snapshot
	if f.end == nil {
		return
	}
	f.last.Do(func() {
		f.end()
		patience := time.NewTimer(closeTime)
		defer patience.Stop()
		select {
		case <-f.ended:
		case <-patience.C:
			s.cfg.logger.Warn("tenancy: closed, though the snapshot of the tenants is still being written", "path", s.cfg.path)
		}
	})
}

// writeSnapshot writes the file, if there is something new.
func (s *Store) writeSnapshot(ctx context.Context) {
	old, drops, _ := s.snapshot.get() // before what it writes is captured
	h, records, names, ok := s.capture()
	if !ok || h.At == old.At && h.Current.Sub(old.Current) < s.cfg.renewal() && s.isFileThere() {
		return
	}
	err := snapshot.Write(ctx, s.cfg.path, s.cfg.sealer, h, tenantsOf(records), names)
	if err != nil && ctx.Err() != nil || errors.Is(err, snapshot.ErrBusy) || errors.Is(err, snapshot.ErrNewer) {
		return
	}
	switch turned, lost := s.snapshot.set(h, err, drops); {
	case lost:
		s.removeSnapshot()
	case err == nil:
		s.stats.snapshots.Add(1)
		if turned {
			s.cfg.logger.Info("tenancy: the snapshot of the tenants is written again", "path", s.cfg.path)
		}
	case turned:
		s.cfg.logger.Warn("tenancy: the snapshot of the tenants cannot be written; a start without the database uses the previous one, if there is one",
			"path", s.cfg.path, "error", err)
	}
}

// isFileThere reports whether there is a file: another process that had not yet noticed a
// restored backup may have removed this one's.
func (s *Store) isFileThere() bool {
	_, err := os.Lstat(s.cfg.path)
	return err == nil
}

// capture returns all tenants, at the cost of a pointer each, and their names as of one
// position. It fails before the replica is synced, and while all tenants are read again.
func (s *Store) capture() (h snapshot.Header, records []*index.Record, names func(id string) []tenancy.Key, ok bool) {
	h.Current = s.reader.Stats().LastContact
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.at.IsZero() || !s.reader.IsScanned() {
		return h, nil, nil, false
	}
	records = s.index.Records()
	h.At, h.Rows = s.at, len(records)
	if s.named.Load() {
		names = s.table.TakeNames()
	}
	return h, records, names, true
}

func tenantsOf(records []*index.Record) iter.Seq[tenancy.Tenant] {
	return func(yield func(tenancy.Tenant) bool) {
		for _, r := range records {
			if !yield(r.Tenant) {
				return
			}
		}
	}
}

// dropSnapshot removes the file, which a start without the database must not serve: the
// database has another history.
func (s *Store) dropSnapshot() {
	if s.snapshot.forget() {
		s.removeSnapshot()
	}
}

func (s *Store) removeSnapshot() {
	if err := os.Remove(s.cfg.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.cfg.logger.Warn("tenancy: the snapshot of the tenants is of another history and cannot be removed", "path", s.cfg.path, "error", err)
	}
}
