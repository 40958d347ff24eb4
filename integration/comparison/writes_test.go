//go:build unix

package comparison

import (
	"context"
	"sync"
	"testing"
	"time"
)

// measureWrites reads hot tenants on node B, while node A changes 50 of them a second. Two
// readers ask less than a thousand times a second each.
func measureWrites(t *testing.T, s size, f *floor, c Contender, row *result) {
	type read struct {
		tenant   int
		began    int64
		revision int64
	}
	type written struct{ committed, revision int64 }

	tenants := f.seed(t, unique("busy"), s.Written)
	p := f.pair(t, c, s.Entries)
	warm(t, p.a, tenants)
	warm(t, p.b, tenants)
	ctx, stop := context.WithTimeout(context.Background(), s.WriteFor)
	defer stop()

	var reads [2][]read
	var took [2][]time.Duration
	var readers sync.WaitGroup
	for g := range reads {
		readers.Go(func() {
			for i := g; ctx.Err() == nil; i += len(reads) {
				at := i % len(tenants)
				began := time.Since(epoch)
				a, err := p.b.Get(context.Background(), tenants[at].slug)
				took[g] = append(took[g], time.Since(epoch)-began)
				if err != nil {
					t.Error(err)
				}
				reads[g] = append(reads[g], read{at, int64(began), a.Revision})
				time.Sleep(time.Millisecond) // all contenders are asked alike
			}
		})
	}
	history := make([][]written, len(tenants))
	pace := time.NewTicker(20 * time.Millisecond)
	for i := 0; ctx.Err() == nil; i++ {
		at, status := i*7%len(tenants), [...]string{"suspended", "active"}[i/len(tenants)%2]
		revision, err := p.a.SetStatus(context.Background(), tenants[at].id, status)
		if err != nil {
			t.Error(err)
		}
		history[at] = append(history[at], written{p.wireA.committed.Load(), revision})
		<-pace.C
	}
	pace.Stop()
	readers.Wait()

	figure := &row.Writes
	all := append(took[0], took[1]...)
	figure.P50, figure.P99 = micro(quantile(all, 50)), micro(quantile(all, 99))
	for _, r := range append(reads[0], reads[1]...) {
		figure.Reads++
		replaced := int64(0) // when the value that was read was replaced; 0 if it was not
		for _, w := range history[r.tenant] {
			if w.revision > r.revision && w.committed < r.began {
				replaced = w.committed
				break
			}
		}
		if replaced > 0 {
			figure.Outdated++
			figure.Oldest = max(figure.Oldest, micro(r.began-replaced))
		}
	}
}
