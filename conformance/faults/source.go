package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Source is one process's way to a database: a [tenancy.Source] in front of
// another, whose change log can become unreadable, deaf or slow. Create one with
// NewSource; its Close leaves the store behind it open, as other processes use it.
type Source struct {
	tenancy.Decorator

	mu     sync.Mutex
	random *rand.Rand
	logErr error
	deaf   bool
	delay  time.Duration
}

// NewSource returns next with nothing wrong. Delays are drawn from seed.
func NewSource(next tenancy.Source, seed uint64) *Source {
	return &Source{Decorator: tenancy.Decorator{Next: next}, random: rand.New(rand.NewPCG(seed, 0))}
}

// FailLog makes Bounds and Changes return err, until it is nil again.
func (s *Source) FailLog(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logErr = err
}

// Deafen says whether wake-ups are lost: Wait then only polls.
func (s *Source) Deafen(deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = deaf
}

// Delay makes the answers of Load and Changes late by up to longest, so that they
// are outdated on arrival. 0 ends that.
func (s *Source) Delay(longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = longest
}

// Close leaves the store behind s open.
func (s *Source) Close() error { return nil }

// Bounds implements [tenancy.Log].
func (s *Source) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if err := s.unreadable("Bounds"); err != nil {
		return tenancy.Bounds{}, err
	}
	return s.Decorator.Bounds(ctx)
}

// Changes implements [tenancy.Log].
func (s *Source) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if err := s.unreadable("Changes"); err != nil {
		return nil, err
	}
	changes, err := s.Decorator.Changes(ctx, after, limit)
	s.linger(ctx)
	return changes, err
}

// Load implements [tenancy.Source].
func (s *Source) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	snapshots, err := s.Decorator.Load(ctx, want)
	s.linger(ctx)
	return snapshots, err
}

// deafPoll is the poll interval of a Source that is deaf.
const deafPoll = 20 * time.Millisecond

// Wait implements [tenancy.Log].
func (s *Source) Wait(ctx context.Context, after tenancy.Position) error {
	s.mu.Lock()
	deaf := s.deaf
	s.mu.Unlock()
	if !deaf {
		return s.Decorator.Wait(ctx, after)
	}
	poll := time.NewTimer(deafPoll)
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-poll.C:
		return nil
	}
}

func (s *Source) unreadable(op string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logErr == nil {
		return nil
	}
	return &tenancy.Error{Op: op, Err: fmt.Errorf("%w: %w", tenancy.ErrUnavailable, s.logErr)}
}

// linger makes half of the answers late.
func (s *Source) linger(ctx context.Context) {
	s.mu.Lock()
	var d time.Duration
	if s.delay > 0 && s.random.IntN(2) == 0 {
		d = time.Duration(s.random.Int64N(int64(s.delay)))
	}
	s.mu.Unlock()
	if d == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
