package checker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/checker"
)

const bound = time.Minute

// scene is two nodes on one store in memory. What the nodes answer is up to the
// test.
type scene struct {
	t  *testing.T
	db *memstore.Store
	*checker.Checker
}

func newScene(t *testing.T) scene {
	s := scene{t, memstore.New(), checker.New(2, bound)}
	t.Cleanup(func() {
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// must fails the test.
func (s scene) must(t tenancy.Tenant, err error) tenancy.Tenant {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

func (s scene) create(node int, id, identifier string) tenancy.Tenant {
	s.t.Helper()
	return s.must(s.Write(node, func() (tenancy.Tenant, error) {
		return s.db.Create(s.t.Context(), tenancy.Tenant{ID: id, Identifier: identifier, Name: id})
	}))
}

// unseen creates a tenant that the checker is not told of.
func (s scene) unseen(id, identifier string) tenancy.Tenant {
	s.t.Helper()
	return s.must(s.db.Create(s.t.Context(), tenancy.Tenant{ID: id, Identifier: identifier, Name: id}))
}

func (s scene) rename(node int, t tenancy.Tenant, identifier string) tenancy.Tenant {
	s.t.Helper()
	return s.must(s.Write(node, func() (tenancy.Tenant, error) {
		t.Identifier = identifier
		return s.db.Update(s.t.Context(), t)
	}))
}

func (s scene) remove(node int, id string) {
	s.t.Helper()
	if err := s.Delete(node, id, func() error { return s.db.Delete(s.t.Context(), id) }); err != nil {
		s.t.Fatal(err)
	}
}

// answers makes node answer key with t, or, if t is the zero Tenant, with nothing.
func (s scene) answers(node int, key tenancy.Key, t tenancy.Tenant) {
	_, _ = s.Read(node, key, func() (tenancy.Tenant, error) {
		if t.ID == "" {
			return t, tenancy.ErrNotFound
		}
		return t, nil
	})
}

// finish settles, and returns the violations.
func (s scene) finish() []string {
	s.t.Helper()
	if err := s.Finish(s.t.Context(), s.db); err != nil {
		s.t.Fatal(err)
	}
	return s.Report().Examples
}

var nobody tenancy.Tenant

// Every kind of broken node is caught, and by its name.
func TestCatches(t *testing.T) {
	id, old, current := tenancy.IDKey("t1"), tenancy.IdentifierKey("old-name"), tenancy.IdentifierKey("new-name")
	for name, c := range map[string]struct {
		want string
		play func(s scene)
	}{
		"an older value of a new process, after a newer one": {"stale", func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			v2 := s.rename(0, v1, "new-name")
			s.Restart(0)
			s.answers(0, id, v2)
			s.answers(0, id, v1)
		}},
		"a value of a new process that is too old": {"late", func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			s.rename(0, v1, "new-name")
			s.Restart(0)
			time.Sleep(bound + time.Second)
			s.answers(0, id, v1)
		}},
		"an older value after a newer one": {"stale", func(s scene) {
			v1 := s.create(checker.Outside, "t1", "old-name")
			v2 := s.rename(checker.Outside, v1, "new-name")
			s.answers(0, id, v2)
			s.answers(0, id, v1)
		}},
		"an older value under another key": {"stale", func(s scene) {
			v1 := s.create(checker.Outside, "t1", "old-name")
			v2 := s.rename(checker.Outside, v1, "new-name")
			s.answers(0, id, v2)
			s.answers(0, old, v1)
		}},
		"an older value of another tenant": {"stale", func(s scene) {
			v1 := s.create(checker.Outside, "t1", "old-name")
			s.rename(checker.Outside, v1, "new-name")
			later := s.create(checker.Outside, "t2", "other-name")
			s.answers(0, tenancy.IDKey("t2"), later)
			s.answers(0, id, v1)
		}},
		"what it has written over": {"stale", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			s.rename(0, v1, "new-name")
			s.answers(0, id, v1)
		}},
		"a slug that it has given away": {"stale", func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			s.rename(0, v1, "new-name")
			s.answers(0, old, v1)
		}},
		"nothing after it has created": {"stale", func(s scene) {
			s.create(0, "t1", "old-name")
			s.answers(0, id, nobody)
		}},
		"nothing under a slug that it has taken": {"stale", func(s scene) {
			s.rename(0, s.create(0, "t1", "old-name"), "new-name")
			s.answers(0, current, nobody)
		}},
		"what it has deleted": {"stale", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			s.answers(0, id, v1)
			s.remove(0, "t1")
			s.answers(0, old, v1)
		}},
		"nothing where it has shown something": {"stale", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			s.answers(0, id, v1)
			s.answers(0, old, nobody)
		}},
		"an old value for longer than the bound": {"late", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			s.rename(1, v1, "new-name")
			time.Sleep(bound + time.Second)
			s.answers(0, id, v1)
		}},
		"nothing for longer than the bound": {"late", func(s scene) {
			s.create(1, "t1", "old-name")
			time.Sleep(bound + time.Second)
			s.answers(0, id, nobody)
		}},
		"an older value in a batch": {"stale", func(s scene) {
			v1 := s.create(checker.Outside, "t1", "old-name")
			s.answers(0, id, s.rename(checker.Outside, v1, "new-name"))
			_, _ = s.ReadMany(0, []tenancy.Key{id}, func() ([]tenancy.Tenant, error) { return []tenancy.Tenant{v1}, nil })
		}},
		"a gap in a batch": {"stale", func(s scene) {
			s.create(0, "t1", "old-name")
			_, _ = s.ReadMany(0, []tenancy.Key{id}, func() ([]tenancy.Tenant, error) { return nil, nil })
		}},
		"a revision that there is not": {"phantom", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			v1.Revision += 10
			s.answers(0, id, v1)
		}},
		"the revision of another tenant": {"phantom", func(s scene) {
			v1, v2 := s.unseen("t1", "old-name"), s.unseen("t2", "other-name")
			v1.Revision = v2.Revision
			s.answers(0, id, v1)
		}},
		"another content of a revision": {"phantom", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			v1.Name = "altered"
			s.answers(0, id, v1)
		}},
		"another tenant than it was asked for": {"phantom", func(s scene) {
			s.answers(0, id, s.create(1, "t2", "other-name"))
		}},
		"a write that did not happen": {"lost", func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			_, _ = s.Write(0, func() (tenancy.Tenant, error) {
				v1.Revision++
				return v1, nil
			})
		}},
		"a deletion that did not happen": {"lost", func(s scene) {
			s.create(1, "t1", "old-name")
			_ = s.Delete(0, "t1", func() error { return nil })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t)
				c.play(s)
				violations := s.finish()
				if len(violations) == 0 {
					t.Fatal("not caught")
				}
				for _, v := range violations {
					if !strings.HasPrefix(v, c.want+":") {
						t.Errorf("want %s, but it is %s", c.want, v)
					}
				}
			})
		})
	}
}

// What the guarantees allow is no violation.
func TestAllows(t *testing.T) {
	id, old, current := tenancy.IDKey("t1"), tenancy.IdentifierKey("old-name"), tenancy.IdentifierKey("new-name")
	for name, play := range map[string]func(s scene){
		"an older value on another node": func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			v2 := s.rename(1, v1, "new-name")
			s.answers(1, id, v2)
			s.answers(0, old, v1)
			s.answers(0, current, nobody)
			s.answers(0, id, v2)
			s.answers(0, old, nobody)
		},
		"a read that overlaps the one that shows more": func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			v2 := s.rename(1, v1, "new-name")
			_, _ = s.Read(0, id, func() (tenancy.Tenant, error) {
				s.answers(0, id, v2)
				return v1, nil
			})
		},
		"a read that overlaps the deletion": func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			_, _ = s.Read(0, id, func() (tenancy.Tenant, error) {
				s.remove(0, "t1")
				return v1, nil
			})
			s.answers(0, id, nobody)
		},
		"a slug that moves to another tenant and back": func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			v2 := s.rename(0, v1, "new-name")
			taken := s.create(0, "t2", "old-name")
			s.answers(0, old, taken)
			s.remove(0, "t2")
			s.answers(0, old, nobody)
			s.answers(0, old, s.rename(0, v2, "old-name"))
		},
		"deleted and created again": func(s scene) {
			s.create(0, "t1", "old-name")
			s.remove(0, "t1")
			s.answers(0, id, nobody)
			s.answers(0, id, s.create(1, "t1", "old-name"))
		},
		"a change that nobody has announced": func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			v1.Identifier = "new-name"
			v2 := s.must(s.db.Update(s.t.Context(), v1))
			s.answers(0, old, nobody)
			s.answers(0, current, v2)
		},
		"an old value within the bound": func(s scene) {
			v1 := s.create(1, "t1", "old-name")
			s.rename(1, v1, "new-name")
			time.Sleep(bound - time.Second)
			s.answers(0, id, v1)
		},
		"an older value of a new process": func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			v2 := s.rename(0, v1, "new-name")
			_, _ = s.Read(0, id, func() (tenancy.Tenant, error) { // of the process before
				s.Restart(0)
				return v2, nil
			})
			s.answers(0, id, v1)
		},
		"a failed read": func(s scene) {
			s.create(0, "t1", "old-name")
			_, _ = s.Read(0, id, func() (tenancy.Tenant, error) { return nobody, tenancy.ErrUnavailable })
		},
		"another history, once it is known": func(s scene) {
			v1 := s.create(0, "t1", "old-name")
			backup := s.db.Backup()
			lost := s.rename(0, v1, "new-name")
			s.answers(0, id, lost)
			s.Suspend()
			s.db.Restore(backup)
			s.answers(0, id, lost)
			s.Resume()
			s.answers(0, id, v1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t)
				play(s)
				for _, v := range s.finish() {
					t.Error(v)
				}
			})
		})
	}
}

// A value of a history that was lost is caught after Resume.
func TestCatchesALostHistory(t *testing.T) {
	s := newScene(t)
	v1 := s.create(0, "t1", "old-name")
	backup := s.db.Backup()
	lost := s.rename(0, v1, "new-name")
	s.Suspend()
	s.db.Restore(backup)
	s.Resume()
	s.answers(0, tenancy.IDKey("t1"), lost)
	if len(s.finish()) == 0 {
		t.Error("not caught")
	}
}

// TestRestoresUnderLoad: reads that begin as judging goes on are judged by the new
// history, which is shorter.
func TestRestoresUnderLoad(t *testing.T) {
	s := newScene(t)
	s.create(0, "t1", "old-name")
	backup := s.db.Backup()
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			for ctx.Err() == nil {
				_, _ = s.Read(0, tenancy.IDKey("t1"), func() (tenancy.Tenant, error) { return s.db.GetByID(t.Context(), "t1") })
			}
		})
	}
	for range 3000 {
		for range 5 {
			s.must(s.Write(0, func() (tenancy.Tenant, error) {
				return s.db.SetStatus(t.Context(), "t1", tenancy.StatusSuspended)
			}))
		}
		s.Suspend()
		s.db.Restore(backup)
		s.Resume()
		s.must(s.Write(0, func() (tenancy.Tenant, error) {
			return s.db.SetStatus(t.Context(), "t1", tenancy.StatusActive)
		}))
		if err := s.Settle(t.Context(), s.db); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	reading.Wait()
	if got := s.finish(); len(got) > 0 {
		t.Error(got)
	}
}

// TestTrimmedLog: what was trimmed before the checker has read it is not judged, but
// all that came later is.
func TestTrimmedLog(t *testing.T) {
	s := newScene(t)
	v1 := s.unseen("t1", "old-name")
	v2 := s.must(s.db.SetStatus(t.Context(), "t1", tenancy.StatusSuspended))
	s.db.Compact(v2.Revision)
	s.answers(0, tenancy.IDKey("t1"), v1)
	s.answers(0, tenancy.IDKey("t1"), v2)
	v3 := s.rename(0, v2, "new-name")
	if got := s.finish(); len(got) > 0 {
		t.Fatal(got)
	}
	if got := s.Judged().Revision; got != v3.Revision {
		t.Errorf("judged up to revision %d, want %d", got, v3.Revision)
	}
	s.db.Compact(v3.Revision) // which the checker has read
	s.answers(0, tenancy.IDKey("t1"), v2)
	if got := s.finish(); len(got) != 1 || !strings.HasPrefix(got[0], "stale") {
		t.Errorf("%q, want a stale read", got)
	}
}

// TestFailedSettleForgetsNothing: what could not be judged is judged later.
func TestFailedSettleForgetsNothing(t *testing.T) {
	s := newScene(t)
	v1 := s.create(0, "t1", "old-name")
	s.rename(0, v1, "new-name")
	s.answers(0, tenancy.IDKey("t1"), v1)
	down := brokenLog{s.db}
	if err := s.Settle(t.Context(), down); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Fatal(err)
	}
	if r := s.Report(); r.Violations != 0 {
		t.Fatalf("judged without the log: %v", r.Examples)
	}
	if len(s.finish()) != 1 {
		t.Error("not caught")
	}
}

type brokenLog struct{ tenancy.Source }

func (brokenLog) Changes(context.Context, tenancy.Position, int) ([]tenancy.Change, error) {
	return nil, tenancy.ErrUnavailable
}

// TestConcurrent: a store without a cache passes, one with a cache that forgets
// nothing is caught.
func TestConcurrent(t *testing.T) {
	for name, c := range map[string]struct {
		cached bool
		want   bool
	}{"store": {false, false}, "cache without invalidation": {true, true}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.create(checker.Outside, "t1", "old-name")
			var cache sync.Map
			get := func(node int) (tenancy.Tenant, error) {
				if v, ok := cache.Load(node); ok && c.cached {
					return v.(tenancy.Tenant), nil
				}
				v, err := s.db.GetByID(t.Context(), "t1")
				if err == nil {
					cache.Store(node, v)
				}
				return v, err
			}
			readBoth := func() {
				for node := range 2 {
					if _, err := s.Read(node, tenancy.IDKey("t1"), func() (tenancy.Tenant, error) { return get(node) }); err != nil {
						t.Error(err)
					}
				}
			}
			readBoth() // so that something older is cached
			var work sync.WaitGroup
			for node := range 2 {
				work.Go(func() {
					for range 200 {
						if _, err := s.Write(node, func() (tenancy.Tenant, error) {
							return s.db.SetStatus(t.Context(), "t1", tenancy.StatusSuspended)
						}); err != nil {
							t.Error(err)
						}
					}
				})
				work.Go(func() {
					for range 500 {
						if _, err := s.Read(node, tenancy.IDKey("t1"), func() (tenancy.Tenant, error) { return get(node) }); err != nil {
							t.Error(err)
						}
					}
				})
				work.Go(func() {
					for range 20 {
						if err := s.Settle(t.Context(), s.db); err != nil {
							t.Error(err)
						}
					}
				})
			}
			work.Wait()
			readBoth() // the writes have returned
			if got := s.finish(); (len(got) > 0) != c.want {
				t.Errorf("violations: %v", got)
			}
			if r := s.Report(); r.Reads != 1004 || r.Writes != 401 {
				t.Errorf("counted %d reads and %d writes", r.Reads, r.Writes)
			}
		})
	}
}
