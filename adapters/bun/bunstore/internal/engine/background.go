package engine

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// background owns the goroutines of a store.
type background struct {
	ctx    context.Context // ends in stop
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running map[string]bool
	group   sync.WaitGroup
}

func newBackground() *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel, running: map[string]bool{}}
}

// Go runs f in a goroutine, unless one of this name was started before.
func (b *background) Go(name string, f func(ctx context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped || b.running[name] {
		return
	}
	b.running[name] = true
	b.group.Go(func() { f(b.ctx) })
}

// stop ends the goroutines and waits for them.
func (b *background) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	b.group.Wait()
}

// pause waits for about interval, so that processes that start together do not act
// together. It reports false when ctx has ended.
func pause(ctx context.Context, interval time.Duration) bool {
	timer := time.NewTimer(interval/2 + rand.N(interval))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
