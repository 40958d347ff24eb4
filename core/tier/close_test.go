package tier_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// onGet is a local cache that does something before it answers.
type onGet struct {
	*localMap
	before func()
}

func (c *onGet) Get(key tenancy.Key) *tier.Entry {
	if c.before != nil {
		c.before()
	}
	return c.localMap.Get(key)
}

// Close waits for a batch that is under way, even if that comes upon an entry that is to
// be refreshed.
func TestCloseDuringABatchThatRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		acme := create(t, db, "acme")
		cache := &onGet{localMap: newLocalMap()}
		s := newTier(t, db, cache, tier.WithTTL(5*time.Second), tier.WithRefreshAhead(0.1))
		if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // it is to be refreshed now, and not over yet
		closed := make(chan error, 1)
		var once sync.Once
		cache.before = func() {
			once.Do(func() {
				go func() { closed <- s.Close() }()
				time.Sleep(100 * time.Millisecond)
				select {
				case err := <-closed:
					t.Errorf("Close did not wait for the batch: %v", err)
				default:
				}
			})
		}
		if _, err := s.GetByIDs(t.Context(), []string{acme.ID}); err != nil && !errors.Is(err, tenancy.ErrClosed) {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// A stack over one that was closed by itself serves nothing any more: it misses the log.
func TestClosedBelow(t *testing.T) {
	below := newTier(t, newDatabase(), newLocalMap())
	s := newTier(t, &opaque{Source: below}, newLocalMap(), tier.WithMaxStale(time.Millisecond))
	create(t, s, "acme")
	get(t, s, "acme")
	if err := below.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is served", func() bool {
		_, err := s.GetByIdentifier(t.Context(), "acme")
		return errors.Is(err, tenancy.ErrClosed)
	})
}

// hanging is a database that answers nothing once it is stopped: until a call's context
// ends, or, if it is deaf, until it goes on.
type hanging struct {
	*database
	deaf bool
	goOn chan struct{}

	mu      sync.Mutex
	stopped bool
}

func newHanging() *hanging { return &hanging{database: newDatabase(), goOn: make(chan struct{})} }

func (h *hanging) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
}

func (h *hanging) answer(ctx context.Context) error {
	h.mu.Lock()
	stopped := h.stopped
	h.mu.Unlock()
	if !stopped {
		return nil
	}
	end := ctx.Done()
	if h.deaf {
		end = nil
	}
	select {
	case <-end:
		return ctx.Err()
	case <-h.goOn:
		return nil
	}
}

func (h *hanging) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	if err := h.answer(ctx); err != nil {
		return tenancy.Page{}, err
	}
	return h.database.List(ctx, opts)
}

func (h *hanging) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	if err := h.answer(ctx); err != nil {
		return tenancy.Tenant{}, err
	}
	return h.database.SetStatus(ctx, id, s)
}

func (h *hanging) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if err := h.answer(ctx); err != nil {
		return nil, err
	}
	return h.database.Load(ctx, want)
}

func (h *hanging) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if err := h.answer(ctx); err != nil {
		return nil, err
	}
	return h.database.Changes(ctx, after, limit)
}

// callsBelow are calls of every kind that a tier does not answer from its cache.
func callsBelow(id string) map[string]func(ctx context.Context, s *tier.Store) error {
	return map[string]func(ctx context.Context, s *tier.Store) error{
		"List": func(ctx context.Context, s *tier.Store) error { return second(s.List(ctx, tenancy.ListOptions{})) },
		"SetStatus": func(ctx context.Context, s *tier.Store) error {
			return second(s.SetStatus(ctx, id, tenancy.StatusSuspended))
		},
		"a miss":  func(ctx context.Context, s *tier.Store) error { return second(s.GetByIdentifier(ctx, "another")) },
		"a batch": func(ctx context.Context, s *tier.Store) error { return second(s.GetByIDs(ctx, []string{"a", "b"})) },
		"fresh":   func(ctx context.Context, s *tier.Store) error { return second(tenancy.Fresh(s).GetByID(ctx, id)) },
		"Warm":    func(ctx context.Context, s *tier.Store) error { return second(s.Warm(ctx, tenancy.Filter{}, 10)) },
		"Watch": func(ctx context.Context, s *tier.Store) error {
			for _, err := range tenancy.Watch(ctx, s, s.Stats().Position) {
				return err
			}
			return nil
		},
	}
}

// A database that hangs holds up nothing but what needs it: what is cached is served
// until the tier is closed, a call with a deadline ends with that, and Close ends those
// that have none.
func TestCloseWhileTheDatabaseHangs(t *testing.T) {
	for name, stack := range map[string]func(t *testing.T, db tenancy.Store) *tier.Store{
		"local": func(t *testing.T, db tenancy.Store) *tier.Store { return newTier(t, db, newLocalMap()) },
		"local over shared": func(t *testing.T, db tenancy.Store) *tier.Store {
			return newStack(t, db, newLocalMap(), newSharedMap())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newHanging()
				acme := create(t, db, "acme")
				s := stack(t, db)
				if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
					t.Fatal(err)
				}
				db.stop()
				calls := callsBelow(acme.ID)
				ended := make(chan string, len(calls))
				for op, call := range calls {
					go func() {
						if err := call(context.Background(), s); !errors.Is(err, tenancy.ErrClosed) && !errors.Is(err, tenancy.ErrUnavailable) {
							t.Errorf("%s: %v, want ErrClosed", op, err)
						}
						ended <- op
					}()
				}
				synctest.Wait()
				for op, call := range calls {
					if op == "Watch" || op == "a batch" {
						continue // they end by themselves
					}
					begun := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					err := call(ctx, s)
					cancel()
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 1500*time.Millisecond {
						t.Errorf("%s with a deadline of 1 s: %v after %v", op, err, time.Since(begun))
					}
				}
				begun := time.Now()
				if err := s.Close(); err != nil || time.Since(begun) > time.Second {
					t.Errorf("Close: %v after %v", err, time.Since(begun))
				}
				for range calls {
					select {
					case <-ended:
					case <-time.After(time.Second):
						t.Fatal("a call goes on after Close")
					}
				}
				for op, call := range calls {
					if err := call(context.Background(), s); !errors.Is(err, tenancy.ErrClosed) {
						t.Errorf("%s after Close: %v, want ErrClosed", op, err)
					}
				}
			})
		})
	}
}

// While Close waits for a database that ignores the end of contexts, no other call waits
// with it, and it does not wait for ever.
func TestCloseOverADeafDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newHanging()
		db.deaf = true
		acme := create(t, db, "acme")
		s := newTier(t, db, newLocalMap())
		if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
		db.stop()
		var calls sync.WaitGroup
		for op, call := range callsBelow(acme.ID) {
			calls.Go(func() {
				if err := call(context.Background(), s); err == nil && op != "List" {
					t.Errorf("%s: no error", op)
				}
			})
		}
		synctest.Wait()
		for range 3 {
			if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
				t.Errorf("a cached tenant: %v", err)
			}
		}
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		time.Sleep(100 * time.Millisecond) // it waits
		begun := time.Now()
		if _, err := s.GetByID(t.Context(), acme.ID); !errors.Is(err, tenancy.ErrClosed) || time.Since(begun) != 0 {
			t.Errorf("a cached tenant, meanwhile: %v after %v, want ErrClosed at once", err, time.Since(begun))
		}
		if _, err := s.List(t.Context(), tenancy.ListOptions{}); !errors.Is(err, tenancy.ErrClosed) || time.Since(begun) != 0 {
			t.Errorf("List, meanwhile: %v after %v, want ErrClosed at once", err, time.Since(begun))
		}
		if err := <-closed; err != nil || time.Since(begun) > 10*time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(begun))
		}
		close(db.goOn)
		calls.Wait()
	})
}
