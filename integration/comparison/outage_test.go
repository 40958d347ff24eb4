//go:build unix

package comparison

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

// outageFigure is what reads and a suspension met while Valkey was down. Each had a deadline.
// Times are in microseconds.
type outageFigure struct {
	Reads, Failed int
	First, Last   float64 // the longest read of those that began at once; of those that came last

	WriteFailed bool // though the database has committed
	Write       float64
	StaleAfter  bool // the tenant is served on node B as active when Valkey is back, until the watch ends
}

// measureOutage kills Valkey, and stops it (SIGSTOP), under nodes that have used it.
func measureOutage(t *testing.T, s size, c Contender, row *result) {
	if c.Place == Nowhere || c.Place == InProcess {
		return
	}
	row.Killed = outage(t, s, c, (*servers.Valkey).Kill, func(v *servers.Valkey) error { return v.Start(t.Context()) })
	row.Hung = outage(t, s, c, (*servers.Valkey).Pause, (*servers.Valkey).Resume)
}

func outage(t *testing.T, s size, c Contender, fail, heal func(*servers.Valkey) error) *outageFigure {
	t.Helper()
	const rounds, atOnce = 3, 4
	f := newFloor(t)
	tenants := f.seed(t, "outage", 1+rounds*atOnce)
	p := f.pair(t, c, s.Entries)
	warm(t, p.a, tenants[:1])
	warm(t, p.b, tenants[:1])
	if err := fail(f.valkey); err != nil {
		t.Fatal(err)
	}
	figure := &outageFigure{Reads: rounds * atOnce}
	for round := range rounds {
		var took [atOnce]float64
		var failed [atOnce]bool
		var readers sync.WaitGroup
		for i := range atOnce {
			slug := tenants[1+round*atOnce+i].slug
			readers.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), s.Deadline)
				defer cancel()
				began := time.Now()
				_, err := p.a.Get(ctx, slug)
				took[i], failed[i] = micro(time.Since(began)), err != nil
			})
		}
		readers.Wait()
		for _, f := range failed {
			if f {
				figure.Failed++
			}
		}
		if figure.Last = slices.Max(took[:]); round == 0 {
			figure.First = figure.Last
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Deadline)
	began := time.Now()
	revision, err := p.a.SetStatus(ctx, tenants[0].id, "suspended")
	cancel()
	figure.Write, figure.WriteFailed = micro(time.Since(began)), err != nil
	if err != nil && revision == 0 && !errors.Is(err, context.DeadlineExceeded) {
		t.Log(c.Name, err)
	}
	if err := heal(f.valkey); err != nil {
		t.Fatal(err)
	}
	figure.StaleAfter = true
	for until := time.Now().Add(s.Cut + s.Deadline); figure.StaleAfter && time.Now().Before(until); time.Sleep(time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), s.Deadline)
		if a, err := p.b.Get(ctx, tenants[0].slug); err == nil && a.Status == "suspended" {
			figure.StaleAfter = false
		}
		cancel()
	}
	return figure
}
