package tenantserver

import "log/slog"

// Option configures New.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	logger *slog.Logger
}

// WithLogger sets where failures are logged: [slog.Default] unless set.
func WithLogger(l *slog.Logger) Option { return option(func(c *config) { c.logger = l }) }
