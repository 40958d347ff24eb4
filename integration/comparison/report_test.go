//go:build unix

package comparison

import (
	"time"
)

// size is how much is measured.
type size struct {
	Entries, Hot int // of a cache in a process; tenants that are read again and again

	Rounds    int
	Benchtime string
	Cold      int // loads in each round

	Repeated, Scan int // reads of one missing slug; of as many missing slugs
	Stampede       int // reads at once
	Stampedes      int

	WriteFor time.Duration
	Written  int // tenants that are changed again and again

	Suspensions, Edits, Races int
	Between                   time.Duration // between two suspensions
	Cut                       time.Duration // no tenant is watched for longer

	Deadline time.Duration // of a read while Valkey is down
}

func sizes() (small, large size) {
	small = size{
		Entries: 256, Hot: 64, Rounds: 1, Benchtime: "200x", Cold: 20,
		Repeated: 20, Scan: 200, Stampede: 20, Stampedes: 1,
		WriteFor: 100 * time.Millisecond, Written: 4,
		Suspensions: 8, Edits: 3, Races: 2, Between: 10 * time.Millisecond, Cut: 150 * time.Millisecond,
		Deadline: 100 * time.Millisecond,
	}
	large = size{
		Entries: 4096, Hot: 1024, Rounds: 5, Benchtime: "200ms", Cold: 500,
		Repeated: 1000, Scan: 8192, Stampede: 100, Stampedes: 5,
		WriteFor: 5 * time.Second, Written: 64,
		Suspensions: 200, Edits: 20, Races: 5, Between: 20 * time.Millisecond, Cut: 2 * time.Second,
		Deadline: 3 * time.Second,
	}
	return small, large
}

// report is what docs/comparison.json holds.
type report struct {
	Date, Go, Machine, PostgreSQL, Valkey string

	Size    size
	Results []result
}

// result is what one contender has done. Times are in microseconds.
type result struct {
	Name     string
	Place    Place
	Ours     bool
	Versions []string

	Hot      [2]hotFigure // by 1 and by 2 goroutines
	Cold     coldFigure
	Missing  missingFigure
	Stampede stampedeFigure
	Writes   writesFigure

	Suspended watched // by node A
	Edited    watched // in SQL, by neither
	Created   watched // in SQL, after both nodes have been asked in vain

	RaceOnA, RaceOnB watched // a reader there is slower than the writer on A

	Killed, Hung *outageFigure // Valkey; nil where there is none
}

type hotFigure struct {
	NsPerOp float64
	Ratio   float64 // to the baseline, the median of the rounds
	Allocs  int64
}

type coldFigure struct{ PerLoad, Ratio float64 }

type missingFigure struct {
	Repeated, Scan statements
	Evicted        statements // while all hot tenants are read again, after the scan
}

// stampedeFigure is the median of several stampedes.
type stampedeFigure struct{ OneNode, TwoNodes statements }

type writesFigure struct {
	P50, P99 float64
	Reads    int
	Outdated int
	Oldest   float64 // how long ago an outdated value had been replaced
}
