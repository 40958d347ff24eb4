package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// figure says how the points of one name are shown.
type figure struct {
	name  string
	title string
	x     string // label of the axis
	unit  unit
	logX  bool
	logY  bool
	// What x is instead of the number of tenants: only the points of the largest store
	// are shown.
	ofLargest bool
	// One plot for each database.
	split bool
	// The baseline is drawn, too.
	beside string
}

const tenantsAxis = "tenants in the store"

func figures() []figure {
	return []figure{
		{name: "reads", title: "One tenant, read from the database", x: tenantsAxis, unit: duration, logX: true},
		{name: "list", title: "A page of 100 tenants", x: "tenants before the page", unit: duration, logY: true, ofLargest: true},
		{name: "list-deepest", x: tenantsAxis, unit: duration, logX: true},
		{name: "count", title: "Count", x: tenantsAxis, unit: duration, logX: true, logY: true},
		{name: "search", title: "Search", x: tenantsAxis, unit: duration, logX: true, logY: true, split: true, beside: "without the index"},
		{name: "index-build", x: tenantsAxis, unit: duration, logX: true, logY: true},
		{name: "import", title: "Import of JSON Lines", x: tenantsAxis, unit: perSecond, ofLargest: true, beside: "INSERTs by hand, without a log"},
		{name: "import-total", x: tenantsAxis, unit: perSecond, logX: true},
		{name: "hit-ratio", title: "Hit ratio of a cache in memory", x: "size of the cache, in % of the tenants", unit: share, logX: true, beside: "ideal"},
		{name: "memory", title: "Memory of a cache", x: "size of the cache, in % of the tenants", unit: size, logX: true, logY: true},
		{name: "entry", x: tenantsAxis, unit: size, logX: true},
		{name: "followers-write", title: "What a write takes", x: "followers", unit: duration, logY: true, beside: "UPDATE by hand, without a log"},
		{name: "followers-seen", title: "From a write until all have seen it", x: "followers", unit: duration, logY: true},
		{name: "startup", title: "Open and close a store", x: tenantsAxis, unit: duration, logX: true, logY: true, beside: "connection and SELECT by hand"},
		{name: "replay", title: "Start of a stack, until its first answer", x: "rows of the change log", unit: duration, logX: true, logY: true},
		{name: "warmup", title: "Filling a cache by Warm", x: "tenants", unit: duration, logX: true, logY: true, ofLargest: true, beside: "one SELECT by hand"},
		{name: "replica-start", title: "Start of a replica", x: tenantsAxis, unit: duration, logX: true, logY: true, beside: "one SELECT by hand"},
		{name: "replica-file", x: tenantsAxis, unit: duration, logX: true, logY: true},
		{name: "replica-memory", x: tenantsAxis, unit: size, logX: true},
		{name: "replica-gc", x: tenantsAxis, unit: duration, logX: true, logY: true},
	}
}

func figureOf(name string) (figure, error) {
	all := figures()
	i := slices.IndexFunc(all, func(f figure) bool { return f.name == name })
	if i < 0 {
		return figure{}, fmt.Errorf("there is no figure %q", name)
	}
	return all[i], nil
}

// line is what a figure shows of one series.
type line struct {
	database kind
	series   string
	points   []point // by X
}

// namesOf tells the lines apart: by database, by series, or by both.
func namesOf(lines []line) []string {
	differ := func(f func(line) string) bool {
		return slices.ContainsFunc(lines, func(l line) bool { return f(l) != f(lines[0]) })
	}
	database, series := line.databaseName, func(l line) string { return l.series }
	names := make([]string, len(lines))
	for i, l := range lines {
		switch {
		case differ(database) && differ(series):
			names[i] = database(l) + ", " + series(l)
		case differ(database):
			names[i] = database(l)
		default:
			names[i] = series(l)
		}
	}
	return names
}

func (l line) databaseName() string { return l.database.String() }

// lines returns what f shows, in the order of measuring.
func (r *results) lines(f figure) []line {
	var out []line
	for _, x := range r.Results {
		for _, p := range x.Points {
			if p.Figure != f.name || f.ofLargest && x.Rows != r.largest(f.name) {
				continue
			}
			i := slices.IndexFunc(out, func(l line) bool { return l.database == x.Database && l.series == p.Series })
			if i < 0 {
				i, out = len(out), append(out, line{database: x.Database, series: p.Series})
			}
			out[i].points = append(out[i].points, p)
		}
	}
	for _, l := range out {
		slices.SortFunc(l.points, func(a, b point) int { return int(a.X) - int(b.X) })
	}
	slices.SortStableFunc(out, func(a, b line) int { return -strings.Compare(string(a.database), string(b.database)) })
	return out
}

// largest returns the rows of the largest store that has points of a figure.
func (r *results) largest(figure string) (rows int) {
	for _, x := range r.Results {
		if slices.ContainsFunc(x.Points, func(p point) bool { return p.Figure == figure }) {
			rows = max(rows, x.Rows)
		}
	}
	return rows
}

// unit says how values are written.
type unit int

const (
	duration  unit = iota // seconds
	share                 // of 1
	size                  // bytes
	perSecond             // rows
)

// axis is the label of an axis.
func (u unit) axis() string { return [...]string{"time", "hits", "memory", "rows per second"}[u] }

func (u unit) format(v float64) string {
	switch u {
	case duration:
		return scaled(v*1e6, 1000, "µs", "ms", "s")
	case share:
		return fmt.Sprintf("%.3g %%", 100*v)
	case size:
		return scaled(v, 1000, "B", "kB", "MB", "GB")
	default:
		return grouped(int(v))
	}
}

// scaled writes v with three digits in the unit that fits.
func scaled(v, step float64, units ...string) string {
	i := 0
	for i < len(units)-1 && v >= step {
		v /= step
		i++
	}
	return digits(v) + " " + units[i]
}

// digits writes three of them, and no exponent.
func digits(v float64) string {
	switch {
	case v >= 99.95 || v == float64(int(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// grouped writes 1000000 as 1,000,000.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
