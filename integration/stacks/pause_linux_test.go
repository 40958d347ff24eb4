package stacks

import "syscall"

// pauseBriefly leaves the processor to others. The runtime's timers are too coarse for
// that: in an idle process they are late by up to a millisecond.
func pauseBriefly() {
	_ = syscall.Nanosleep(&syscall.Timespec{Nsec: 10_000}, nil) // a signal may end it early
}
