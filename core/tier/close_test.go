package tier_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// onGet is a local cache that does something before it answers.
type onGet struct {
	*localMap
	before func()
}

func (c *onGet) Get(ctx context.Context, key tenancy.Key) (tier.Result, error) {
	if c.before != nil {
		c.before()
	}
	return c.localMap.Get(ctx, key)
}

// Close waits for a batch that is under way; the batch, which finds an entry that is
// to be refreshed, does not wait for Close.
func TestCloseDuringABatchThatRefreshes(t *testing.T) {
	db := newDatabase()
	acme := create(t, db, "acme")
	cache := &onGet{localMap: newLocalMap()}
	s := newTier(t, db, cache, tier.WithTTL(5*time.Second), tier.WithRefreshAhead(0.1))
	if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // it is to be refreshed now, and not over yet
	closed, read := make(chan error, 1), make(chan error, 1)
	var once sync.Once
	cache.before = func() {
		once.Do(func() {
			go func() { closed <- s.Close() }()
			eventually(t, "Close waits for the batch", func() bool { return blocks(func() { _, _ = s.Head(context.Background()) }) })
		})
	}
	go func() {
		_, err := s.GetByIDs(context.Background(), []string{acme.ID})
		read <- err
	}()
	for _, done := range []chan error{read, closed} {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the batch and Close wait for each other")
		}
	}
}

// blocks reports whether call does not return soon.
func blocks(call func()) bool {
	returned := make(chan struct{})
	go func() {
		call()
		close(returned)
	}()
	select {
	case <-returned:
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}

// A tier whose stack has lost its follower, because the tier below was closed by
// itself, serves nothing any more.
func TestClosedBelow(t *testing.T) {
	below := newTier(t, newDatabase(), newLocalMap())
	s := newTier(t, below, newLocalMap())
	create(t, s, "acme")
	get(t, s, "acme")
	if err := below.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrClosed) {
			t.Errorf("%v, %v, want ErrClosed", got, err)
		}
	}
}
