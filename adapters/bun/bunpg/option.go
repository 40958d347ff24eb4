package bunpg

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/bun/internal/pool"
)

// Option configures [Open].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// The defaults of the options.
const (
	DefaultConnectTimeout = 5 * time.Second
	// DefaultIdleInTransaction is how long a session may idle inside a
	// transaction before the server ends it.
	DefaultIdleInTransaction = 10 * time.Second
)

const maxTimeout = 24 * time.Hour

type config struct {
	pool           Pool
	connectTimeout time.Duration // 0: the DSN's, else the default
	lockTimeout    time.Duration // 0: the DSN's, else the default
	pgBouncer      bool
	noListen       bool
	listenDSN      string
	heartbeat      time.Duration
	beforeConnect  func(context.Context, *pgx.ConnConfig) error
	borrowed       bool // FromPool
	simple         bool // the protocol of its connections
	noMigrate      bool
	logger         *slog.Logger
	store          []bunstore.Option
}

func newConfig(opts []Option) (config, error) {
	c := config{pool: DefaultPool(), heartbeat: listenHeartbeat}
	for i, o := range opts {
		if o == nil {
			return c, invalid("options", "option "+strconv.Itoa(i+1)+" is nil")
		}
		o.apply(&c)
	}
	if field, reason := pool.Limits(c.pool).Wrong(); field != "" {
		return c, invalid(field, reason)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"connect_timeout", c.connectTimeout}, {"lock_timeout", c.lockTimeout}} {
		if d.value != 0 && d.value < time.Millisecond || d.value > maxTimeout {
			return c, invalid(d.field, "must be from a millisecond to "+maxTimeout.String())
		}
	}
	return c, nil
}

// WithPool sets the size of the connection pool and how long connections live.
// Default: [DefaultPool].
func WithPool(p Pool) Option {
	return optionFunc(func(c *config) { c.pool = p })
}

// WithConnectTimeout limits each attempt to connect to one address, with name
// resolution, TLS and authentication. Default: connect_timeout of the connection
// string, else [DefaultConnectTimeout]; 24 hours at most. It goes on when the call that
// needed a connection has ended sooner, so that a later one finds it.
func WithConnectTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.connectTimeout = d })
}

// WithLockTimeout limits how long one attempt of a write waits for a lock; the
// store then lets go of what it holds and tries again. It should stay below the
// server's deadlock_timeout (1 s), so that in a deadlock with a session that
// locks rows in another order the store gives way and not the other. Default:
// lock_timeout of the connection string, else [bunstore.DefaultLockTimeout]; 24 hours
// at most.
func WithLockTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.lockTimeout = d })
}

// WithBeforeConnect has f called before each attempt to connect, that of Watch too, as
// BeforeConnect of pgxpool. It gets a copy of the settings, and sets the password, or
// the token, of the moment, perhaps user and TLS; what else it changes is at its own
// risk. Its error fails the attempt and is shown: keep secrets out of it. It is called
// from several goroutines. Passwords that are in a passfile, and certificates, need no
// function: their files are read again for each connection.
func WithBeforeConnect(f func(context.Context, *pgx.ConnConfig) error) Option {
	return optionFunc(func(c *config) { c.beforeConnect = f })
}

// WithPgBouncer makes the store safe behind PgBouncer, or another pooler, in
// transaction mode. Writes then cost more round trips.
func WithPgBouncer() Option {
	return optionFunc(func(c *config) { c.pgBouncer = true })
}

// WithListenDSN is a connection string for the connection on which Watch
// listens, if it must not be that of the store: it has to lead to the same
// database, and not through a pooler in transaction mode.
func WithListenDSN(dsn string) Option {
	return optionFunc(func(c *config) { c.listenDSN = dsn })
}

// WithoutListen saves the connection on which Watch listens: changes made by
// other processes are then seen at the next poll.
func WithoutListen() Option {
	return optionFunc(func(c *config) { c.noListen = true })
}

// WithoutMigrate leaves the schema as it is, for roles that must not change it;
// see [bunstore.Store.Migrate].
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

// WithStore passes options on to the store: names of table and schema, soft
// deletion, retention of the log.
func WithStore(opts ...bunstore.Option) Option {
	return optionFunc(func(c *config) { c.store = append(c.store, opts...) })
}
