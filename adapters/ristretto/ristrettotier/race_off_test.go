//go:build !race

package ristrettotier

const raceAllocs = 0
