package main

import "time"

// effort bounds what measuring costs.
type effort struct {
	budget    time.Duration // of one comparison, at least
	rounds    int           // of one comparison, at least
	lookups   int           // of the traffic on one cache, at most
	followers []int
	writes    int           // seen by each number of followers, at least
	unseen    int           // writes before those, until everybody follows
	poll      time.Duration // of the followers
}

func fullEffort() effort {
	return effort{
		budget: time.Second, rounds: 3, lookups: 300_000,
		followers: []int{0, 1, 3, 10, 30, 100}, writes: 8, unseen: 3, poll: time.Second,
	}
}
