package tier_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tier"
)

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

// Each change of state is one line, however many calls notice it and however many
// tiers there are.
func TestEachChangeOfStateIsLoggedOnce(t *testing.T) { synctest.Test(t, eachChangeOfStateIsLoggedOnce) }

func eachChangeOfStateIsLoggedOnce(t *testing.T) {
	var log journal
	logger := tier.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	db := newDatabase()
	acme := create(t, db, "acme")
	s := newStack(t, db, newLocalMap(), newSharedMap(), logger, tier.WithMaxStale(300*time.Millisecond))
	get(t, s, "acme")
	want := map[string]int{}
	check := func(when string) {
		t.Helper()
		for line, n := range want {
			if got := log.count(line); got != n {
				t.Errorf("%s: %d lines %q, want %d", when, got, line, n)
			}
		}
	}
	const lost, back, idle = "cannot be followed", "can be followed again", "reads go to the source until"
	want[lost], want[back], want[idle] = 0, 0, 0
	for n := 1; n <= 2; n++ {
		db.set(func(d *database) { d.logErr = errors.New("down") })
		eventually(t, "the end of MaxStale", func() bool { return log.count(idle) == n })
		want[lost], want[idle] = n, n
		check("in the outage")
		for range 3 {
			_, _ = s.SetStatus(t.Context(), acme.ID, "active") // fails to follow
		}
		check("after writes")
		db.set(func(d *database) { d.logErr = nil })
		eventually(t, "the end of the outage", func() bool { return log.count(back) == n })
		eventually(t, "caches serve", func() bool { return s.Stats().Serving })
		want[back] = n
		check("after the outage")
	}
	if _, err := s.InvalidateAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup := db.Backup()
	create(t, s, "lost")
	db.Restore(backup)
	eventually(t, "another history is noticed", func() bool { return s.Stats().Diverged == 1 })
	get(t, s, "acme")
	want["flushed on request"], want["another history"], want["was trimmed"] = 1, 1, 0
	check("in the end")
}
