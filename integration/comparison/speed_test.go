//go:build unix

package comparison

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// baseline is the contender that another's hits are compared with: otter where they are in
// memory, valkey-go where they are in Valkey.
func baseline(p Place) string {
	switch p {
	case Nowhere:
		return "bun"
	case Shared:
		return "valkey-go"
	default:
		return "otter"
	}
}

// zipf returns an order in which n things are read, some far more often than others. It is
// the same each time, and its length a power of 2.
func zipf(n int) []int {
	order := make([]int, 1<<14)
	source := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(n-1))
	for i := range order {
		order[i] = int(source.Uint64())
	}
	return order
}

// hits reads warm slugs, b.N in all, by so many goroutines.
func hits(b *testing.B, node Node, tenants []tenant, order []int, goroutines int) {
	ctx := context.Background() // b.Context would have to be locked
	var work sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for g := range goroutines {
		work.Go(func() {
			for i := g; i < b.N; i += goroutines {
				if _, err := node.Get(ctx, tenants[order[i&(len(order)-1)]].slug); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}

// warmed opens a node of each contender, which has read all of tenants.
func (f *floor) warmed(tb testing.TB, entries int, tenants []tenant) map[string]Node {
	tb.Helper()
	nodes := make(map[string]Node)
	for _, c := range Contenders() {
		nodes[c.Name] = f.open(tb, c, f.setting(entries))
		for range 2 {
			warm(tb, nodes[c.Name], tenants)
		}
	}
	return nodes
}

// measureHot measures hits of all contenders in turns.
func measureHot(t *testing.T, s size, r *report) {
	f := newFloor(t)
	tenants := f.seed(t, "hot", s.Hot)
	nodes, order := f.warmed(t, s.Entries, tenants), zipf(s.Hot)
	old := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", s.Benchtime); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("test.benchtime", old) }()
	for g := range 2 {
		times := make(map[string][]float64)
		for range s.Rounds {
			for i := range r.Results {
				row := &r.Results[i]
				measured := testing.Benchmark(func(b *testing.B) {
					hits(b, nodes[row.Name], tenants, order, g+1)
					if b.Failed() {
						t.Error(row.Name, "failed")
					}
				})
				if t.Failed() {
					return
				}
				times[row.Name] = append(times[row.Name], float64(measured.T.Nanoseconds())/float64(measured.N))
				row.Hot[g].Allocs = measured.AllocsPerOp()
			}
		}
		for i := range r.Results {
			row := &r.Results[i]
			row.Hot[g].NsPerOp, row.Hot[g].Ratio = against(times[row.Name], times[baseline(row.Place)])
		}
	}
}

// against returns the median of times, and that of their ratios to those of the baseline,
// round by round.
func against(times, base []float64) (median, ratio float64) {
	ratios := make([]float64, len(times))
	for i := range times {
		ratios[i] = times[i] / base[i]
	}
	return middle(times), middle(ratios)
}

func middle(of []float64) float64 {
	of = slices.Clone(of)
	slices.Sort(of)
	return of[len(of)/2]
}

// measureCold measures the first read of each slug, by nodes that are new and connected.
func measureCold(t *testing.T, s size, r *report) {
	f := newFloor(t)
	first, tenants := f.seed(t, "first", 32), f.seed(t, "cold", s.Cold)
	times := make(map[string][]float64)
	for range s.Rounds {
		for _, c := range Contenders() {
			node := f.open(t, c, f.setting(s.Entries))
			warm(t, node, first)
			began := time.Now()
			warm(t, node, tenants)
			times[c.Name] = append(times[c.Name], float64(time.Since(began).Nanoseconds())/1000/float64(s.Cold))
			if err := node.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range r.Results {
		row := &r.Results[i]
		row.Cold.PerLoad, row.Cold.Ratio = against(times[row.Name], times["bun"])
	}
}

// BenchmarkHot measures hits, for benchstat. TestComparison takes those of the page in turns.
func BenchmarkHot(b *testing.B) {
	_, s := sizes()
	f := newFloor(b)
	tenants := f.seed(b, "hot", s.Hot)
	nodes, order := f.warmed(b, s.Entries, tenants), zipf(s.Hot)
	for _, c := range Contenders() {
		for g, name := range []string{"1 goroutine", "2 goroutines"} {
			b.Run(c.Name+"/"+name, func(b *testing.B) { hits(b, nodes[c.Name], tenants, order, g+1) })
		}
	}
}

// BenchmarkCold measures the first read of each slug, for benchstat.
func BenchmarkCold(b *testing.B) {
	_, s := sizes()
	f := newFloor(b)
	first, tenants := f.seed(b, "first", 32), f.seed(b, "cold", s.Cold)
	for _, c := range Contenders() {
		b.Run(c.Name, func(b *testing.B) {
			var node Node
			for i := 0; b.Loop(); i++ {
				if i%len(tenants) == 0 {
					b.StopTimer()
					if node != nil {
						_ = node.Close() // all was read
					}
					node = f.open(b, c, f.setting(s.Entries))
					warm(b, node, first)
					b.StartTimer()
				}
				if _, err := node.Get(b.Context(), tenants[i%len(tenants)].slug); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkColdInTurns reads each slug for the first time by bun and by ristrettotier, one
// after the other, so that both meet the same noise. It reports the fifth percentiles, and
// their ratio: what is slower is mostly others on the machine. A contender that fills a
// cache after its answer has no place here, for the next one would pay for that.
func BenchmarkColdInTurns(b *testing.B) {
	_, s := sizes()
	f := newFloor(b)
	first, tenants := f.seed(b, "first", 32), f.seed(b, "cold", s.Cold)
	times := make([][]float64, 2)
	for b.Loop() {
		var nodes []Node
		for _, name := range []string{"bun", "ristrettotier"} {
			node := f.open(b, contender(b, name), f.setting(s.Entries))
			warm(b, node, first)
			nodes = append(nodes, node)
		}
		for _, t := range tenants {
			for i, node := range nodes {
				began := time.Now()
				if _, err := node.Get(b.Context(), t.slug); err != nil {
					b.Fatal(err)
				}
				times[i] = append(times[i], float64(time.Since(began).Nanoseconds()))
			}
		}
		for _, node := range nodes {
			_ = node.Close() // all was read
		}
	}
	for _, of := range times {
		slices.Sort(of)
	}
	bun, ours := times[0][len(times[0])/20], times[1][len(times[1])/20]
	b.ReportMetric(ours, "ns/read")
	b.ReportMetric(ours/bun, "x-bun")
}
