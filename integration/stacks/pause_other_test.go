//go:build unix && !linux

package stacks

import "time"

// pauseBriefly leaves the processor to others.
func pauseBriefly() { time.Sleep(10 * time.Microsecond) }
