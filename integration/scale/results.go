package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// point is one value of a figure.
type point struct {
	Figure string  `json:"figure"`
	Series string  `json:"series"`
	X      float64 `json:"x"`
	Value  float64 `json:"value"` // seconds, bytes, a share, or a rate per second
	// Baseline is of the same unit, and Ratio that of Value to it; measured in
	// turns, it need not be the quotient of the two medians. 0 where there is none.
	Baseline float64 `json:"baseline,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
}

// timed returns a point of what own took beside baseline.
func timed(figure, series string, x float64, own, baseline timing) point {
	return point{
		Figure: figure, Series: series, X: x,
		Value: round(own.seconds), Baseline: round(baseline.seconds), Ratio: round(own.ratio),
	}
}

// result is what one measurement found in one store.
type result struct {
	Measurement string  `json:"measurement"`
	Database    kind    `json:"database"`
	Rows        int     `json:"rows"`
	Seconds     float64 `json:"seconds"` // that it took to measure
	Points      []point `json:"points"`
}

// results are all that the page is drawn from.
type results struct {
	Machine machine  `json:"machine"`
	Results []result `json:"results"`
}

func (r *results) has(name string, k kind, rows int) bool { return r.index(name, k, rows) >= 0 }

func (r *results) index(name string, k kind, rows int) int {
	return slices.IndexFunc(r.Results, func(x result) bool {
		return x.Measurement == name && x.Database == k && x.Rows == rows
	})
}

// put replaces the result of the same measurement, or adds it.
func (r *results) put(x result) {
	if i := r.index(x.Measurement, x.Database, x.Rows); i >= 0 {
		r.Results[i] = x
		return
	}
	r.Results = append(r.Results, x)
}

func resultsPath(root string) string { return filepath.Join(root, "docs", "benchmarks.json") }

// readResults returns no results if there are none yet.
func readResults(root string) (r results, err error) {
	data, err := os.ReadFile(resultsPath(root))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", resultsPath(root), err)
	}
	return r, nil
}

// write leaves the old file or the new one, whenever it is interrupted.
func (r *results) write(root string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(resultsPath(root)), 0o755); err != nil {
		return err
	}
	temp := resultsPath(root) + ".new"
	if err := os.WriteFile(temp, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, resultsPath(root))
}

// machine is where the results were measured.
type machine struct {
	Day      string `json:"day"` // of the last measurement
	System   string `json:"system"`
	CPUs     int    `json:"cpus"`
	Go       string `json:"go"`
	SQLite   string `json:"sqlite"`
	Postgres string `json:"postgres"`
}

func (m *machine) describe() {
	m.Day = time.Now().UTC().Format(time.DateOnly)
	m.System = runtime.GOOS + "/" + runtime.GOARCH
	m.CPUs = runtime.GOMAXPROCS(0)
	m.Go = strings.TrimPrefix(runtime.Version(), "go")
}

func (m *machine) describeServer(ctx context.Context, d database) error {
	version := &m.SQLite
	text := "SELECT sqlite_version()"
	if d.kind == postgres {
		version, text = &m.Postgres, "SELECT split_part(current_setting('server_version'), ' ', 1)"
	}
	return d.hand.QueryRowContext(ctx, text).Scan(version)
}

// round keeps four digits: the others are noise.
func round(f float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	if err != nil {
		return f
	}
	return r
}
