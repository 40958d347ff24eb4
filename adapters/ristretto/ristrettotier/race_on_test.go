//go:build race

package ristrettotier

// raceAllocs is what the race detector adds to a lookup: under it, a sync.Pool
// forgets a part of what it is given, on purpose.
const raceAllocs = 1
