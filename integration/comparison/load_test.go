//go:build unix

package comparison

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// measureMissing counts what it costs the database that somebody asks for tenants that do not
// exist, and what that does to those that do.
func measureMissing(t *testing.T, s size, f *floor, c Contender, row *result) {
	tenants := f.seed(t, unique("known"), s.Hot)
	p := f.pair(t, c, s.Entries)
	for range 2 {
		warm(t, p.a, tenants)
	}
	missing := unique("absent")
	row.Missing.Repeated = p.during(func() { ask(t, p.a, s.Repeated, func(int) string { return missing }) })
	row.Missing.Scan = p.during(func() {
		ask(t, p.a, s.Scan, func(i int) string { return fmt.Sprintf("%s-%d", missing, i) })
	})
	row.Missing.Evicted = p.during(func() { warm(t, p.a, tenants) })
}

// ask asks for n missing slugs.
func ask(tb testing.TB, node Node, n int, slug func(i int) string) {
	tb.Helper()
	for i := range n {
		if _, err := node.Get(tb.Context(), slug(i)); !errors.Is(err, ErrNotFound) {
			tb.Fatal(err)
		}
	}
}

// measureStampede counts statements while many ask for a tenant at once that is not cached.
func measureStampede(t *testing.T, s size, f *floor, c Contender, row *result) {
	tenants := f.seed(t, unique("rush"), 2*s.Stampedes+1)
	p := f.pair(t, c, s.Entries)
	warm(t, p.a, tenants[:1])
	warm(t, p.b, tenants[:1])
	var one, two []statements
	for i := range s.Stampedes {
		one = append(one, stampede(t, p, s.Stampede, tenants[2*i+1].slug, p.a, p.a))
		two = append(two, stampede(t, p, s.Stampede, tenants[2*i+2].slug, p.a, p.b))
	}
	row.Stampede = stampedeFigure{median(one), median(two)}
}

func median(of []statements) statements {
	of = slices.Clone(of)
	slices.SortFunc(of, func(a, b statements) int { return cmp.Compare(a.sum(), b.sum()) })
	return of[len(of)/2]
}

func stampede(t *testing.T, p pair, n int, slug string, nodes ...Node) statements {
	t.Helper()
	start, ctx := make(chan struct{}), context.Background()
	return p.during(func() {
		var work sync.WaitGroup
		for i := range n {
			work.Go(func() {
				<-start
				if _, err := nodes[i%len(nodes)].Get(ctx, slug); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		work.Wait()
	})
}
