//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

const repository = "../.."

// TestThePageIsWhatTheResultsGive keeps anybody from editing a figure by hand.
func TestThePageIsWhatTheResultsGive(t *testing.T) {
	r, err := readResults(repository)
	if err != nil {
		t.Fatal(err)
	}
	names, err := stale(repository, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Errorf("%s is not what docs/benchmarks.json gives: go run ./integration/scale -render", name)
	}
}

func TestAPageThatWasEditedIsFound(t *testing.T) {
	c := small(t, sqlite)
	r := invented()
	check := func(want ...string) {
		t.Helper()
		if got, err := stale(c.root, r); err != nil || !slices.Equal(got, want) {
			t.Errorf("stale files: %q, %v, want %q", got, err, want)
		}
	}
	if err := render(c.root, r); err != nil {
		t.Fatal(err)
	}
	check()
	edit := func(name string) {
		t.Helper()
		path := filepath.Join(c.root, name)
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, ' '), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(pageName)
	check(pageName)
	edit(plotsDir + "/reads.svg")
	check(pageName, plotsDir+"/reads.svg")
	edit(plotsDir + "/another.svg")
	check(pageName, plotsDir+"/another.svg", plotsDir+"/reads.svg")
	if err := render(c.root, r); err != nil {
		t.Fatal(err)
	}
	check()
}

// invented are results of every figure.
func invented() results {
	var points []point
	for _, f := range figures() {
		for _, x := range []float64{1, 50} {
			points = append(points, point{Figure: f.name, Series: "a", X: x, Value: x, Baseline: 2 * x, Ratio: 0.5})
		}
	}
	return results{Results: []result{{Measurement: "reads", Database: sqlite, Rows: 50, Points: points}}}
}

// TestEveryMeasurement makes each of them, in stores that are small.
func TestEveryMeasurement(t *testing.T) {
	for _, k := range []kind{sqlite, postgres} {
		t.Run(string(k), func(t *testing.T) {
			c := small(t, k)
			c.valkey = os.Getenv(servers.ValkeyEnv)
			if k == postgres {
				servers.NewDatabase(t) // skips without a server
				c.postgres = os.Getenv(servers.PostgresEnv)
			}
			measureAll(t, c)
			r, err := readResults(c.root)
			if err != nil {
				t.Fatal(err)
			}
			checkResults(t, c, r)
			checkPlots(t, c.root)
		})
	}
}

func checkResults(t *testing.T, c config, r results) {
	t.Helper()
	k := c.kinds[0]
	for _, rows := range c.rows {
		for _, m := range measurements() {
			want := (!m.once || rows == c.rows[0]) && (m.kind == "" || m.kind == k)
			if got := r.has(m.name, k, rows); got != want {
				t.Errorf("%s of %d tenants: measured is %v", m.name, rows, got)
			}
		}
	}
	ofCache := []string{"hit-ratio", "memory"} // measured in SQLite; a small cache drowns in other garbage
	for _, f := range figures() {
		lines := r.lines(f)
		if len(lines) == 0 && f.name != "entry" && f.name != "replica-memory" && (k == sqlite || !slices.Contains(ofCache, f.name)) { // stores are small
			t.Errorf("figure %s has no points", f.name)
		}
		for _, l := range lines {
			for _, p := range l.points {
				if p.Value <= 0 && !slices.Contains(ofCache, f.name) || f.beside != "" && p.Baseline <= 0 {
					t.Errorf("figure %s: %+v", f.name, p)
				}
			}
		}
	}
	for _, x := range r.Results {
		for _, p := range x.Points {
			if _, err := figureOf(p.Figure); err != nil {
				t.Error(err)
			}
		}
	}
}

func checkPlots(t *testing.T, root string) {
	t.Helper()
	plots, err := filepath.Glob(filepath.Join(root, plotsDir, "*.svg"))
	if err != nil || len(plots) == 0 {
		t.Fatal(plots, err)
	}
	for _, path := range plots {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 60_000 || !bytes.Contains(data, []byte("<svg")) || bytes.Contains(data, []byte("NaN")) {
			t.Errorf("%s: %d bytes", filepath.Base(path), len(data))
		}
	}
}

func TestAnInterruptedRunIsContinued(t *testing.T) {
	c := small(t, sqlite)
	c.rows, c.only = c.rows[:1], []string{"import", "reads", "count"}
	ctx, cancel := context.WithCancel(t.Context())
	c.afterMeasure = func(r result) {
		if r.Measurement == "reads" {
			cancel()
		}
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if err := run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run ended with %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var made []string
	c.resume, c.afterMeasure = true, func(r result) { made = append(made, r.Measurement) }
	for range 2 {
		if err := run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(made, []string{"count"}) {
		t.Errorf("continuing measured %q, want only what was missing", made)
	}
	c.resume, c.only = false, []string{"reads"}
	measureAll(t, c)
	if r, err := readResults(c.root); err != nil || len(r.Results) != 3 {
		t.Errorf("a run of one measurement left %+v, %v", r, err)
	}
}

func TestArguments(t *testing.T) {
	t.Setenv(servers.PostgresEnv, "postgres://example")
	c, err := parse([]string{"-rows", "500,50,500", "-db", "postgres", "-only", "reads,list", "-continue"}, t.Output())
	if err != nil || !slices.Equal(c.rows, []int{50, 500}) || !slices.Equal(c.kinds, []kind{postgres}) || len(c.only) != 2 || !c.resume {
		t.Errorf("parsed %+v, %v", c, err)
	}
	for _, args := range [][]string{{"-rows", "1"}, {"-rows", "many"}, {"-db", "oracle"}, {"-only", "nothing"}} {
		if _, err := parse(args, t.Output()); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	t.Setenv(servers.PostgresEnv, "")
	if _, err := parse(nil, t.Output()); err == nil {
		t.Error("PostgreSQL is to be measured without a server")
	}
	if _, err := parse([]string{"-render"}, t.Output()); err != nil {
		t.Error(err)
	}
}

func TestTurns(t *testing.T) {
	takes := func(d time.Duration) call {
		return func(context.Context, int) (time.Duration, error) { return d, nil }
	}
	e := effort{budget: time.Millisecond, rounds: 3}
	got, err := turns(t.Context(), e, takes(2*time.Millisecond), takes(6*time.Millisecond))
	if err != nil || round(got[0].seconds) != 0.002 || round(got[1].seconds) != 0.006 || round(got[1].ratio) != 3 {
		t.Errorf("measured %v, %v", got, err)
	}
	failed := errors.New("failed")
	if _, err := turns(t.Context(), e, func(context.Context, int) (time.Duration, error) { return 0, failed }); !errors.Is(err, failed) {
		t.Errorf("a call that fails gives %v", err)
	}
}

func TestZipfShares(t *testing.T) {
	if all, seen := zipfShares(1000, 1000, math.MaxInt32); round(all) != 1 || round(seen) != 1 {
		t.Errorf("of a cache for all, after all was asked for: %v, %v", all, seen)
	}
	all, seen := zipfShares(10, 1000, 100)
	if all < 0.35 || all > 0.42 || seen >= all || seen < 0.9*all { // H(10)/H(1000) = 0.39
		t.Errorf("of a cache for the first ten: %v, %v", all, seen)
	}
}

// TestSamples checks that every tenant can be stored.
func TestSamples(t *testing.T) {
	s, err := readSamples(repository)
	if err != nil {
		t.Fatal(err)
	}
	count := len(s.names) + 2000 // some of them with names of two
	var ids []string
	for i := range count {
		sample, err := s.tenant(i)
		if err != nil {
			t.Fatal(err)
		}
		if sample, err = driver.ForCreate(sample, time.Now()); err != nil {
			t.Fatalf("tenant %d: %v", i, err)
		}
		if rare := strings.Contains(driver.Fold(sample.Name), driver.Fold(rareWord)); rare != (i == rareTenant) {
			t.Errorf("tenant %d is called %q", i, sample.Name)
		}
		ids = append(ids, sample.ID)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != count {
		t.Error("IDs are not in order, or not unique")
	}
}

// small measures little, with a root of its own.
func small(t *testing.T, k kind) config {
	t.Helper()
	root := t.TempDir()
	there, err := filepath.Abs(filepath.Join(repository, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(there, filepath.Join(root, "examples")); err != nil {
		t.Fatal(err)
	}
	return config{
		root: root, rows: []int{50, 500}, kinds: []kind{k}, progress: t.Output(),
		effort: effort{
			budget: 2 * time.Millisecond, rounds: 1, lookups: 500,
			followers: []int{0, 1, 3}, writes: 2, unseen: 1, poll: 20 * time.Millisecond,
		},
	}
}

func measureAll(t *testing.T, c config) {
	t.Helper()
	if err := run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}
