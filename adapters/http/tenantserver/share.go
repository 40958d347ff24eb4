package tenantserver

import (
	"context"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// sharedTimeout bounds a read that nobody may be waiting for any more.
const sharedTimeout = 30 * time.Second

// shared lets calls that ask the same share one read of the store. A read begins after each
// of its calls has come, so that none of them misses what was committed before it: those that
// come while one is under way share the next.
type shared[V any] struct {
	base context.Context // ends when the server is closed

	mu      sync.Mutex
	next    map[string]*read[V] // by what is asked: not begun yet
	running map[string]*read[V] // the last one that has begun
	reads   sync.WaitGroup
}

type read[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// do returns what a read for key returns that begins after the call, or the error of ctx.
func (s *shared[V]) do(ctx context.Context, key string, load func(context.Context) (V, error)) (V, error) {
	var none V
	s.mu.Lock()
	if s.base.Err() != nil {
		s.mu.Unlock()
		return none, tenancy.ErrClosed
	}
	f := s.next[key]
	if f == nil {
		f = &read[V]{done: make(chan struct{})}
		if s.next == nil {
			s.next, s.running = map[string]*read[V]{}, map[string]*read[V]{}
		}
		s.next[key] = f
		before := s.running[key]
		s.reads.Go(func() { s.run(context.WithoutCancel(ctx), key, f, before, load) })
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// run waits for the read before f, and then is the running one.
func (s *shared[V]) run(ctx context.Context, key string, f, before *read[V], load func(context.Context) (V, error)) {
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	delete(s.next, key)
	s.running[key] = f
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	defer context.AfterFunc(s.base, cancel)()
	f.value, f.err = load(ctx)

	s.mu.Lock()
	if s.running[key] == f {
		delete(s.running, key)
	}
	s.mu.Unlock()
	close(f.done)
}

// wait waits for the reads that are under way, after base has ended.
func (s *shared[V]) wait() {
	s.mu.Lock()   // whoever has it after this sees that
	s.mu.Unlock() //nolint:staticcheck // nothing is to be done in between
	s.reads.Wait()
}
