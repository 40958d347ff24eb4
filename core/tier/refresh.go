package tier

import (
	"context"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// refreshes are the keys that are being loaded again ahead of their expiry.
type refreshes struct {
	mu   sync.Mutex
	keys map[tenancy.Key]struct{}
}

// begin reports whether key is to be loaded now: nobody does it, and few enough others
// are, those that failed among them.
func (r *refreshes) begin(key tenancy.Key, limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, busy := r.keys[key]; busy || len(r.keys) >= limit {
		return false
	}
	if r.keys == nil {
		r.keys = map[tenancy.Key]struct{}{}
	}
	r.keys[key] = struct{}{}
	return true
}

func (r *refreshes) end(key tenancy.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, key)
}

// refresh loads key again in the background, unless that is under way, all loads are
// busy with callers who wait, or as many refreshes are under way, or failed a moment
// ago: in an outage, every key that is hit comes to be due.
func (s *Store) refresh(ctx context.Context, l *local, key tenancy.Key) {
	if len(s.loads) == cap(s.loads) || !l.refreshes.begin(key, cap(s.loads)) {
		return
	}
	call, err := s.calls().Enter(context.WithoutCancel(ctx))
	if err != nil {
		return // closed: the key is never due again
	}
	l.stats.refreshes.Add(1)
	go func() {
		defer call.Leave(&err)
		defer l.refreshes.end(key)
		ctx, cancel := context.WithTimeout(call, s.cfg.loadTimeout)
		defer cancel()
		_, err := observed(ctx, &s.observers, WorkRefresh, key.Kind, func(ctx context.Context) (*Entry, error) { return s.miss(ctx, key, 0) })
		if err != nil {
			select { // not at every hit
			case <-call.Done():
			case <-time.After(time.Second):
			}
		}
	}()
}
