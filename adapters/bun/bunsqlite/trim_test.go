package bunsqlite_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// A store that has written trims the log by itself, until it is closed.
func TestTrimsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, bunsqlite.Memory, bunsqlite.WithStore(bunstore.WithRetention(10, 0)))
		for i := range 30 {
			create(t, s, fmt.Sprintf("tenant-%d", i))
		}
		if h, err := s.Bounds(t.Context()); err != nil || h.Oldest.Revision != 1 {
			t.Fatalf("at first the log begins at %d, %v", h.Oldest.Revision, err)
		}
		time.Sleep(2 * time.Minute) // of the bubble's clock
		synctest.Wait()
		if h, err := s.Bounds(t.Context()); err != nil || h.Oldest.Revision != 22 || h.Newest.Revision != 31 {
			t.Errorf("after two minutes the log holds %d to %d, %v", h.Oldest.Revision, h.Newest.Revision, err)
		}
	})
}
