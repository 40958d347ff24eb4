package valkeytier

import "time"

// LeaseTime is how long a lease lasts by default.
const LeaseTime = leaseTime

// WithLeaseTime sets how long a lease lasts, so that none ends under a test on a slow
// machine.
func WithLeaseTime(d time.Duration) Option {
	return optionFunc(func(c *config) { c.lease = d })
}
