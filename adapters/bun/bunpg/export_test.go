package bunpg

import "time"

// WithHeartbeat sets how often the connection of Watch is checked.
func WithHeartbeat(d time.Duration) Option {
	return optionFunc(func(c *config) { c.heartbeat = d })
}
