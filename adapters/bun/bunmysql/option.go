package bunmysql

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/bun/internal/pool"
)

// Option configures [Open].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// DefaultConnectTimeout is that of [WithConnectTimeout].
const DefaultConnectTimeout = 5 * time.Second

const maxTimeout = 24 * time.Hour

// Pool describes the connections that a store keeps.
type Pool struct {
	// Size is how many connections are kept open while idle: 10,000 at most, as
	// Overflow.
	Size int
	// Overflow is how many more may be opened at busy times. A call that finds
	// all of Size+Overflow busy waits for one until its context ends.
	Overflow int
	// MaxLifetime is the age at which a connection is replaced, so that load
	// moves to new servers; 0 means never. A year at most, as MaxIdleTime.
	MaxLifetime time.Duration
	// MaxIdleTime is how long a connection may idle before it is closed; 0 means
	// for ever.
	MaxIdleTime time.Duration
}

// DefaultPool is 8 connections and 8 more at busy times, each for half an hour,
// idle for at most five minutes.
func DefaultPool() Pool {
	return Pool{Size: 8, Overflow: 8, MaxLifetime: 30 * time.Minute, MaxIdleTime: 5 * time.Minute}
}

type config struct {
	pool           Pool
	connectTimeout time.Duration // 0: the DSN's, else the default
	beforeConnect  func(context.Context, *mysql.Config) error
	noMigrate      bool
	logger         *slog.Logger
	store          []bunstore.Option
}

func newConfig(opts []Option) (config, error) {
	c := config{pool: DefaultPool()}
	for i, o := range opts {
		if o == nil {
			return c, invalid("options", "option "+strconv.Itoa(i+1)+" is nil")
		}
		o.apply(&c)
	}
	if field, reason := pool.Limits(c.pool).Wrong(); field != "" {
		return c, invalid(field, reason)
	}
	if d := c.connectTimeout; d != 0 && d < time.Millisecond || d > maxTimeout {
		return c, invalid("connect_timeout", "must be from a millisecond to "+maxTimeout.String())
	}
	return c, nil
}

// WithPool sets the size of the connection pool and how long connections live.
// Default: [DefaultPool].
func WithPool(p Pool) Option {
	return optionFunc(func(c *config) { c.pool = p })
}

// WithConnectTimeout limits each attempt to connect, with name resolution, TLS and
// authentication. Default: timeout of the DSN, else [DefaultConnectTimeout]; 24 hours at
// most.
func WithConnectTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.connectTimeout = d })
}

// WithBeforeConnect has f called before each attempt to connect. It gets a copy of the
// settings, and sets the password, or the token, of the moment, perhaps user and TLS; what
// else it changes is at its own risk. Its error fails the attempt and is shown: keep
// secrets out of it. It is called from several goroutines.
func WithBeforeConnect(f func(context.Context, *mysql.Config) error) Option {
	return optionFunc(func(c *config) { c.beforeConnect = f })
}

// WithoutMigrate leaves the schema as it is, for users that must not change it; see
// [bunstore.Store.Migrate].
func WithoutMigrate() Option {
	return optionFunc(func(c *config) { c.noMigrate = true })
}

// WithLogger sets where the store logs: statements, without their arguments, at level
// Debug, and trouble in the background at level Warn, once for each change of state.
// slog.Default() unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return optionFunc(func(c *config) { c.logger = l })
}

// WithStore passes options on to the store: names of tables, soft deletion, retention of
// the log.
func WithStore(opts ...bunstore.Option) Option {
	return optionFunc(func(c *config) { c.store = append(c.store, opts...) })
}
