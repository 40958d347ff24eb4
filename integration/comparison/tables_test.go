//go:build unix

package comparison

import (
	"fmt"
	"strings"
	"time"
)

// tables are the tables of the page, by their marks.
func (r report) tables() map[string]string {
	valkey := func(x result) bool { return x.Place == Shared }
	either := func(x result) bool { return x.Place == Shared || x.Place == Both }
	every := func(result) bool { return true }
	s := r.Size
	return map[string]string{
		"setting": fmt.Sprintf("%s, %s, %s, PostgreSQL %s, Valkey %s.\nCaches of %d entries, TTL 1 min, pools of 8 and 8 more connections.\n",
			r.Date, r.Go, r.Machine, r.PostgreSQL, r.Valkey, s.Entries),
		"versions": r.table(" | keeps tenants | modules", every, func(x result) []string {
			return []string{string(x.Place), strings.Join(x.Versions, ", ")}
		}),
		"hot": r.table(" | 1 goroutine | beside otter | 2 goroutines | beside otter | allocations", inProcess, hotCells),
		"hot in Valkey": r.table(" | 1 goroutine | beside valkey-go | 2 goroutines | beside valkey-go | allocations", valkey,
			hotCells),
		"cold": r.table(" | a load | beside bun", every, func(x result) []string {
			return []string{duration(x.Cold.PerLoad), ratio(x.Cold.Ratio)}
		}),
		"load": r.table(fmt.Sprintf(" | one missing slug, %d times | %d missing slugs | then the %d known ones again"+
			" | %d at once | %d at once on two nodes", s.Repeated, s.Scan, s.Hot, s.Stampede, s.Stampede), every, func(x result) []string {
			return cells(x.Missing.Repeated, x.Missing.Scan, x.Missing.Evicted, x.Stampede.OneNode, x.Stampede.TwoNodes)
		}),
		"writes": r.table(" | p50 | p99 | reads | outdated | by up to", every, func(x result) []string {
			w := x.Writes
			return append([]string{duration(w.P50), duration(w.P99)}, cells(w.Reads, w.Outdated, zero(w.Oldest))...)
		}),
		"suspended": r.table(fmt.Sprintf(" of %d suspensions | A: stale reads | A: tenants | A: for up to | B: stale reads | B: tenants"+
			" | B: half of them for up to | B: for up to | went back", s.Suspensions), every, func(x result) []string {
			w := x.Suspended
			return cells(w.A.Stale, w.A.Tenants, w.A.lasting(s.Cut), w.B.Stale, w.B.Tenants, w.B.typical(w.Changes, s.Cut), w.B.lasting(s.Cut), w.A.Back+w.B.Back)
		}),
		"race": r.table(fmt.Sprintf(" of %d suspensions | slow reader on A: stale on A | for up to | stale on B | for up to"+
			" | slow reader on B: stale on A | for up to | stale on B | for up to", s.Races), every, func(x result) []string {
			a, b := x.RaceOnA, x.RaceOnB
			return cells(a.A.Tenants, a.A.lasting(s.Cut), a.B.Tenants, a.B.lasting(s.Cut), b.A.Tenants, b.A.lasting(s.Cut), b.B.Tenants, b.B.lasting(s.Cut))
		}),
		"edited": r.table(fmt.Sprintf(" of %d tenants | suspended in SQL: stale on a node | for up to | created in SQL: not found on a node"+
			" | for up to", s.Edits), every, func(x result) []string {
			edited, created := x.Edited.worse(), x.Created.worse()
			return cells(edited.Tenants, edited.lasting(s.Cut), created.Tenants, created.lasting(s.Cut))
		}),
		"killed": r.table(outageHead, either, func(x result) []string { return x.Killed.cells() }),
		"hung":   r.table(outageHead, either, func(x result) []string { return x.Hung.cells() }),
	}
}

func inProcess(x result) bool { return x.Place == InProcess || x.Place == Both }

// inShort is the table of the README: the caches in a process.
func (r report) inShort() map[string]string {
	columns := " | a hit, beside otter's | suspended by another process: served for | suspended in psql: served for" +
		" | an old value restored by a slow reader: served for | reads that fail while Valkey hangs"
	return map[string]string{"in short": r.table(columns, inProcess, func(x result) []string {
		race, other := x.RaceOnA.worse(), x.RaceOnB.worse()
		if other.outlasts(race) {
			race = other
		}
		hung := "–"
		if x.Hung != nil {
			hung = fmt.Sprintf("%d of %d", x.Hung.Failed, x.Hung.Reads)
		}
		cut := r.Size.Cut
		return cells(ratio(x.Hot[0].Ratio), x.Suspended.B.lasting(cut), x.Edited.worse().lasting(cut), race.lasting(cut), hung)
	})}
}

const outageHead = " | reads that failed | the slowest of the first 4 | of the last 4 | a suspension | took | stale on B, when Valkey is back"

// table has a line for each result that is wanted, below the names of the columns. Ours are
// in bold.
func (r report) table(columns string, want func(result) bool, cells func(result) []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "|%s |\n%s|\n", columns, strings.Repeat("|---", strings.Count(columns, "|")+1))
	for _, x := range r.Results {
		if !want(x) {
			continue
		}
		name := x.Name
		if x.Ours {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&out, "| %s | %s |\n", name, strings.Join(cells(x), " | "))
	}
	return out.String()
}

func hotCells(x result) []string {
	return []string{
		nanoseconds(x.Hot[0].NsPerOp), ratio(x.Hot[0].Ratio), nanoseconds(x.Hot[1].NsPerOp), ratio(x.Hot[1].Ratio), fmt.Sprint(x.Hot[0].Allocs),
	}
}

func (o *outageFigure) cells() []string {
	write := "succeeds"
	if o.WriteFailed {
		write = "reports an error"
	}
	stale := "no"
	if o.StaleAfter {
		stale = "yes"
	}
	return []string{fmt.Sprintf("%d of %d", o.Failed, o.Reads), duration(o.First), duration(o.Last), write, duration(o.Write), stale}
}

// lasting says for how long a node was stale at most.
func (s sight) lasting(cut time.Duration) string {
	if s.Cut > 0 {
		return "over " + cut.String()
	}
	return zero(s.Longest)
}

// typical says for how long half of the tenants were stale at most.
func (s sight) typical(of int, cut time.Duration) string {
	if s.Cut > of/2 {
		return "over " + cut.String()
	}
	return zero(s.Median)
}

// worse returns the sight of the node that was stale longer.
func (w watched) worse() sight {
	if w.A.outlasts(w.B) {
		return w.A
	}
	return w.B
}

// outlasts reports whether s was stale longer than other.
func (s sight) outlasts(other sight) bool {
	return s.Cut > other.Cut || s.Cut == other.Cut && s.Longest > other.Longest
}

// String prints what is not about tenants in brackets.
func (s statements) String() string {
	if s.Others == 0 {
		return fmt.Sprint(s.Tenants)
	}
	return fmt.Sprintf("%d (+%d)", s.Tenants, s.Others)
}

func cells(values ...any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

func ratio(r float64) string {
	if r >= 10 {
		return fmt.Sprintf("%.0f", r)
	}
	return fmt.Sprintf("%.2f", r)
}

func nanoseconds(ns float64) string {
	if ns < 10_000 {
		return fmt.Sprintf("%.0f ns", ns)
	}
	return duration(ns / 1000)
}

// duration prints microseconds with two digits that matter, or three.
func duration(us float64) string {
	switch {
	case us < 10:
		return fmt.Sprintf("%.1f µs", us)
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 10_000:
		return fmt.Sprintf("%.1f ms", us/1000)
	case us < 1_000_000:
		return fmt.Sprintf("%.0f ms", us/1000)
	default:
		return fmt.Sprintf("%.1f s", us/1e6)
	}
}

// zero is duration, with nothing for 0.
func zero(us float64) string {
	if us == 0 {
		return "–"
	}
	return duration(us)
}
