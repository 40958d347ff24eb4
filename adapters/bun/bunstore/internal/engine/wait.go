package engine

import (
	"context"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// bell wakes those who wait for changes. It knows how far the log was read, and what has
// rung since, so that nothing is missed between reading and waiting.
type bell struct {
	mu    sync.Mutex
	rings uint64
	end   tenancy.Position // of the log, as it was last read
	heard uint64           // rings before that read; nothing was read before the first
	woken chan struct{}    // closed when those who wait are to look; nil while nobody waits
}

// ring says that there may be more in the log than was read.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rings++
	b.wake()
}

// wake has everybody look who waits. The caller holds mu.
func (b *bell) wake() {
	if b.woken != nil {
		close(b.woken)
		b.woken = nil
	}
}

// rung returns how often the bell has rung, for read.
func (b *bell) rung() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rings
}

// read says that the log was read to its end, by a read that began after so many rings.
func (b *bell) read(end tenancy.Position, rung uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rung < b.heard {
		return
	}
	if end != b.end { // who waits at another position has missed a ring
		b.wake()
	}
	b.end, b.heard = end, rung
}

// wait returns a channel that is closed when there may be more than after, or nil if
// there may be now.
func (b *bell) wait(after tenancy.Position) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if after.IsZero() || after != b.end || b.rings != b.heard { // no log is empty
		return nil
	}
	if b.woken == nil {
		b.woken = make(chan struct{})
	}
	return b.woken
}

// Wait implements tenancy.Log. It returns when the store has written itself, when the
// Listener wakes it, or when the poll interval is over.
func (b *Base) Wait(ctx context.Context, after tenancy.Position) error {
	if err := b.Closed(); err != nil {
		return err
	}
	if b.Listener != nil {
		b.Go("listen", func(ctx context.Context) { b.Listener(ctx, b.Names.Channel(), b.bell.ring) })
	}
	woken := b.bell.wait(after)
	if woken == nil {
		return ctx.Err()
	}
	poll := time.NewTimer(b.PollInterval)
	defer poll.Stop()
	select {
	case <-woken:
	case <-poll.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return tenancy.ErrClosed
	}
	return nil
}
