package replica

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

type config struct {
	maxTenants     int
	maxStale       time.Duration
	followTimeout  time.Duration
	bus            follow.Bus
	path           string // of the snapshot file; empty for none
	maxAge         time.Duration
	sealer         seal.Sealer
	withoutSecrets bool
	logger         *slog.Logger
	err            error // of the first option that makes no sense
}

func newConfig(opts []Option) (config, error) {
	c := config{maxTenants: DefaultMaxTenants, followTimeout: 2 * time.Second, logger: slog.Default()}
	for i, opt := range opts {
		if opt == nil {
			return c, invalid(fmt.Sprintf("option %d is nil", i+1))
		}
		opt.apply(&c)
	}
	if c.sealer != nil && c.path == "" && c.err == nil {
		c.err = invalid("WithSealer is for the secrets in the file of WithSnapshotFile, and there is none")
	}
	return c, c.err
}

func invalid(why string) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: replica: %s", tenancy.ErrInvalid, why)}
}

// Option configures New and Open, which fail with [tenancy.ErrInvalid] if an option is nil
// or has an invalid value.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

// check returns an option that sets something if it makes sense.
func check(ok bool, why string, set func(*config)) Option {
	return option(func(c *config) {
		if set(c); !ok && c.err == nil {
			c.err = invalid(why)
		}
	})
}

// DefaultMaxTenants is how many tenants a replica holds at most by default. They take about
// a gigabyte.
const DefaultMaxTenants = 2_000_000

// maxMaxTenants is more than any process can hold.
const maxMaxTenants = 1 << 30

// WithMaxTenants sets how many tenants the replica holds at most. If there are more, it
// logs that and holds none: all reads go to the source until the process is restarted.
func WithMaxTenants(n int) Option {
	return check(n > 0 && n <= maxMaxTenants, fmt.Sprintf("WithMaxTenants must be 1 to %d, not %d", maxMaxTenants, n),
		func(c *config) { c.maxTenants = n })
}

// WithMaxStale sets how long tenants are served from memory while the change log cannot be
// read: 5 minutes by default. After that every read goes to the source. A negative duration
// means for ever: an outage of the database then never stops tenants from being served,
// including suspended ones. It should be a multiple of the source's poll interval, which is
// how often contact is made.
func WithMaxStale(d time.Duration) Option {
	return check(d != 0, "WithMaxStale must not be 0, at which nothing is ever served", func(c *config) { c.maxStale = d })
}

// WithFollowTimeout bounds each call of the source that keeps the replica current, of some
// thousand rows: 2 s by default, and up to eight times that after calls that took longer. A
// write waits as long as something arrives within twice this time; after that, reads go to
// the source until the log has been read.
func WithFollowTimeout(d time.Duration) Option {
	return check(d > 0, fmt.Sprintf("WithFollowTimeout must be positive, not %v", d), func(c *config) { c.followTimeout = d })
}

// WithBus gives the replica a bus, over which processes tell each other that the log has
// grown. PostgreSQL needs none: its NOTIFY does that. Close closes the bus if it has a
// Close method.
func WithBus(b follow.Bus) Option {
	return check(!nilvalue.Is(b), "WithBus needs a Bus", func(c *config) { c.bus = b })
}

// WithSnapshotFile keeps all tenants in a file. The next process serves from it at once,
// even if the database is down (see [Open]), and reads only what has changed since. The
// file is written when the replica is closed, after changes at most once a minute, and
// again after a quarter of maxAge if nothing changes. Only its owner may read it (0600). It
// holds no plain secret: see [WithSealer].
//
// maxAge limits how long a process that has not yet read the change log serves tenants from
// the file, counted from when they were last known to be current. A tenant suspended since
// then is served for as long. It has no default.
//
// A file that is damaged, too old, from the future, from a newer release or unreadable is
// logged and not used. A file of another history, as after a restored backup, is removed as
// soon as the change log shows that.
//
// The directory must exist, and only the owner may be able to write to it. Processes over
// one database may share the file: if two write at once, only one does, and the newer
// tenants stay.
func WithSnapshotFile(path string, maxAge time.Duration) Option {
	return check(path != "" && maxAge > 0, "WithSnapshotFile needs a path, and how old the file may be", func(c *config) { c.path, c.maxAge = path, maxAge })
}

// WithSealer seals the secrets in the snapshot file. Without it they are left out: a
// process that starts from the file serves tenants that have secrets with their DatabaseURL
// withheld (see [tenancy.Secret.Err]), and reads all tenants again.
func WithSealer(s seal.Sealer) Option {
	return check(!nilvalue.Is(s), "WithSealer needs a Sealer", func(c *config) { c.sealer = s })
}

// WithoutSecrets keeps secrets out of the replica: it returns tenants with their
// DatabaseURL withheld (see [tenancy.Secret.Err]), which Update refuses to write back.
// Lookups through [tenancy.Fresh], and therefore [tenancy.Modify], get it from the source.
func WithoutSecrets() Option { return option(func(c *config) { c.withoutSecrets = true }) }

// WithLogger sets where the replica logs what operators should know, once for each change
// of state: slog.Default() unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return option(func(c *config) { c.logger = l })
}
