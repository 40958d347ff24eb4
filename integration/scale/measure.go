package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// measurement answers one question about a store with tenants.
type measurement struct {
	name string
	// run returns what it found. It may write to the store, but leaves as many
	// tenants as there were.
	run func(ctx context.Context, s *site) ([]point, error)
	// What is the same for every number of tenants is measured with the smallest.
	once bool
	// What is the same for every database is measured on this one.
	kind kind
}

// measurements are in the order in which they run: the first fills the store, and
// the last changes it for good.
func measurements() []measurement {
	return []measurement{
		{name: "import", run: measureImport},
		{name: "reads", run: measureReads},
		{name: "list", run: measureList},
		{name: "count", run: measureCount},
		{name: "startup", run: measureStartup},
		{name: "replay", run: measureReplay},
		{name: "warmup", run: measureWarmup},
		{name: "replica", run: measureReplica},
		{name: "cache", run: measureCache, kind: sqlite},
		{name: "followers", run: measureFollowers, once: true},
		{name: "search", run: measureSearch},
	}
}

func names() []string {
	var out []string
	for _, m := range measurements() {
		out = append(out, m.name)
	}
	return out
}

// site is a database with tenants, and what measurements need besides.
type site struct {
	config
	database
	sample samples
	rows   int // tenants in store
	store  *bunstore.Store
}

// wanted returns the measurements of c that kept lacks.
func (c config) wanted(kept *results, k kind, rows int) []measurement {
	return slices.DeleteFunc(measurements(), func(m measurement) bool {
		return len(c.only) > 0 && !slices.Contains(c.only, m.name) ||
			m.once && rows != c.rows[0] || m.kind != "" && m.kind != k ||
			c.resume && kept.has(m.name, k, rows)
	})
}

// measure adds to kept, and writes it after each measurement.
func measure(ctx context.Context, c config, kept *results) error {
	sample, err := readSamples(c.root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tenantstore-scale-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c.dir = dir
	for _, rows := range c.rows {
		for _, k := range c.kinds {
			s := &site{config: c, sample: sample, rows: rows}
			if err := s.measure(ctx, k, kept); err != nil {
				return fmt.Errorf("%s with %d tenants: %w", k, rows, err)
			}
		}
	}
	return nil
}

// measure makes the measurements of one database.
func (s *site) measure(ctx context.Context, k kind, kept *results) (err error) {
	todo := s.wanted(kept, k, s.rows)
	if len(todo) == 0 {
		return nil
	}
	if s.database, err = newDatabase(ctx, k, s.dir, s.postgres); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.drop()) }()
	// The log is kept whole: it is measured, too.
	if s.store, err = s.open(ctx, bunstore.WithRetention(0, 0)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	kept.Machine.describe()
	if err := kept.Machine.describeServer(ctx, s.database); err != nil {
		return err
	}
	if todo[0].name != "import" { // it must be filled all the same
		s.tell("filling")
		if _, err := measureImport(ctx, s); err != nil {
			return err
		}
	}
	for _, m := range todo {
		s.tell("%s", m.name)
		began := time.Now()
		points, err := m.run(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r := result{Measurement: m.name, Database: k, Rows: s.rows, Seconds: round(time.Since(began).Seconds()), Points: points}
		kept.put(r)
		if err := kept.write(s.root); err != nil {
			return err
		}
		if s.afterMeasure != nil {
			s.afterMeasure(r)
		}
		runtime.GC() // nobody pays for what another one left behind
	}
	return nil
}

func (s *site) tell(format string, args ...any) {
	fmt.Fprintf(s.progress, "%s %-8s %9s tenants: %s\n", time.Now().Format(time.TimeOnly), s.kind, grouped(s.rows),
		strings.TrimSpace(fmt.Sprintf(format, args...)))
}
