package bunstore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// The defaults of the options.
const (
	DefaultTable         = "tenants"
	DefaultSchema        = "public"
	DefaultRetentionRows = 100_000
	DefaultRetentionAge  = 7 * 24 * time.Hour
	DefaultPollInterval  = time.Second
	DefaultLockTimeout   = 500 * time.Millisecond
	DefaultRetryTimeout  = 10 * time.Second
)

// The most that options take.
const (
	maxDuration      = 24 * time.Hour
	maxRetentionRows = 1 << 40
	maxRetentionAge  = 100 * 365 * 24 * time.Hour
	maxNameLifetime  = maxRetentionAge
)

// Option configures a Store.
type Option interface{ apply(*settings) }

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// settings are what the options say.
type settings struct {
	schema, table string
	engine.Config
}

func newConfig(opts []Option) (engine.Config, error) {
	s := settings{DefaultSchema, DefaultTable, engine.Config{
		Retention:     engine.Retention{Rows: DefaultRetentionRows, Age: DefaultRetentionAge},
		PollInterval:  DefaultPollInterval,
		LockTimeout:   DefaultLockTimeout,
		RetryTimeout:  DefaultRetryTimeout,
		SampleShare:   engine.DefaultSampleShare,
		ClaimLifetime: driver.DefaultClaimLifetime,
		Logger:        slog.Default(),

		UpkeepInterval: time.Minute,
		QueueAlert:     0.5,
	}}
	for i, o := range opts {
		if o == nil {
			return s.Config, invalid("options", "option %d is nil", i+1)
		}
		o.apply(&s)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"poll_interval", s.PollInterval}, {"lock_timeout", s.LockTimeout}, {"retry_timeout", s.RetryTimeout}} {
		if d.value < time.Millisecond || d.value > maxDuration {
			return s.Config, invalid(d.field, "must be between a millisecond and %v", maxDuration)
		}
	}
	if s.Retention.Rows > maxRetentionRows || s.Retention.Age > maxRetentionAge {
		return s.Config, invalid("retention", "must be at most %d rows and %v; 0 lifts the bound", int64(maxRetentionRows), maxRetentionAge)
	}
	if s.ClaimLifetime < time.Millisecond || s.ClaimLifetime > maxNameLifetime {
		return s.Config, invalid("claim_lifetime", "must be between a millisecond and %v", maxNameLifetime)
	}
	if s.FormerLifetime < 0 || s.FormerLifetime > maxNameLifetime {
		return s.Config, invalid("keep_former", "must be at most %v", maxNameLifetime)
	}
	if slices.Contains(s.QueryHooks, nil) {
		return s.Config, invalid("query_hook", "must not be nil")
	}
	s.Names = engine.Names{Schema: s.schema, Table: s.table}
	return s.Config, checkNames(s.Names)
}

func invalid(field, format string, args ...any) error {
	return &tenancy.Error{Op: "New", Field: field, Err: fmt.Errorf("%w: "+format, append([]any{tenancy.ErrInvalid}, args...)...)}
}

// WithTable names the table of tenants (DefaultTable). The names of everything
// else that the store keeps begin with it. A letter or underscore, then letters,
// digits and underscores, all in lower case, at most 40; not sqlite_ at the
// beginning, and not what those names end with (_lock, _changes, _names, _schema, _idx, _pkey,
// _search and the like), so that two stores of one database never collide.
func WithTable(name string) Option { return optionFunc(func(c *settings) { c.table = name }) }

// WithSchema names the PostgreSQL schema (DefaultSchema); the search_path plays
// no part. At most 63 bytes, otherwise as in WithTable; not pg_ at the beginning.
// SQLite has no schemas: there the option changes nothing.
func WithSchema(name string) Option { return optionFunc(func(c *settings) { c.schema = name }) }

// WithSoftDelete makes Delete set [tenancy.StatusDeleted] and keep the row and
// its identifier; Purge removes.
func WithSoftDelete() Option { return optionFunc(func(c *settings) { c.SoftDelete = true }) }

// WithReserved keeps identifiers for the product: Create, and an Update that
// renames, refuse them with ErrInvalid. See [driver.ReservedIdentifiers]. The
// database does not know of it: a statement by hand may give them out.
func WithReserved(identifiers ...string) Option {
	return optionFunc(func(c *settings) { c.Reserved = append(c.Reserved, identifiers...) })
}

// WithClaimLifetime sets, from a millisecond to a hundred years, how long an unverified claim
// of a domain lasts: [driver.DefaultClaimLifetime] if 0.
func WithClaimLifetime(d time.Duration) Option {
	return optionFunc(func(c *settings) { c.ClaimLifetime = cmp.Or(d, driver.DefaultClaimLifetime) })
}

// WithKeepFormer keeps the identifiers that tenants give up by Update, for d, as former
// identifiers: see FormerOwner of [tenancy.Names]. With 0, the default, they are forgotten.
// A rename by hand keeps the identifier if tenants_names has it as a former one beforehand.
func WithKeepFormer(d time.Duration) Option {
	return optionFunc(func(c *settings) { c.FormerLifetime = d })
}

// WithMetadataCheck makes the store refuse metadata that check refuses: see
// [driver.MetadataCheck]. The database does not know of it: a statement by hand, or a
// process without the option, may store what it refuses. In PostgreSQL a patch then
// takes a transaction, so that what is refused can be rolled back.
func WithMetadataCheck(check func(tenancy.Metadata) error) Option {
	return optionFunc(func(c *settings) { c.MetadataCheck = check })
}

// WithSearchIndex makes Search of rare terms fast in large stores, at a price for
// writes. Migrate then creates an index of trigrams: in PostgreSQL by the
// extension pg_trgm, in SQLite by FTS5. The results are the same.
//
// The index serves a query of three runes or more (in PostgreSQL: of three ASCII
// letters or digits, or one other letter) with a part that less than about one of
// a hundred tenants has, in a store of 20,000 tenants or more; a small random
// sample, which each search takes first, tells. Other queries read every tenant, as
// without the option. Measured with a million tenants, a term that one has was
// found 60 to 100 times faster, and a common term or two letters took at most 1.12
// times as long. Create takes some 1.25 times as long, a change of the name 1.3
// (PostgreSQL) to 1.5 times (SQLite). docs/operations.md has all figures, and the
// commands that repeat them.
//
// The database itself keeps the index, whoever writes: processes without the
// option work beside those with it, and the index stays when the last process
// drops the option, until [Store.DropSearchIndex]. To build it for tenants that
// exist already, Migrate keeps other writers waiting, and logs when it begins and
// ends; [SearchIndexDDL] lets an administrator do it beforehand, in PostgreSQL with
// CREATE INDEX CONCURRENTLY. If the role may not create the extension, Migrate
// fails with an error that says what to do. Every program that writes tenants to
// the SQLite file then needs an SQLite with FTS5.
func WithSearchIndex() Option { return optionFunc(func(c *settings) { c.SearchIndex = true }) }

// WithRetention bounds the change log: a row is trimmed when more than rows are
// newer or when it is older than age (DefaultRetentionRows, DefaultRetentionAge);
// 0 or less lifts the bound; at most 1<<40 rows and a hundred years. The newest row
// always stays. A follower that falls
// behind the oldest row gets [tenancy.ErrCompacted] and starts over.
//
// In PostgreSQL the server's clock says how old a row is. SQLite has no clock, and that
// of one process does not count for the others: a row is older than age when the rows
// after it span that time, each step counted as a hundredth of it at most. The newest
// hundred rows always stay.
func WithRetention(rows int64, age time.Duration) Option {
	return optionFunc(func(c *settings) { c.Retention = engine.Retention{Rows: rows, Age: age} })
}

// WithPollInterval sets, from a millisecond to a day, after how long Wait returns without having
// been woken (DefaultPollInterval): the longest delay of a change by another
// process if there is no Listener or its wake-up was lost.
func WithPollInterval(d time.Duration) Option {
	return optionFunc(func(c *settings) { c.PollInterval = d })
}

// WithLockTimeout sets, from a millisecond to a day, how long a statement waits for a lock in PostgreSQL
// before it is tried again (DefaultLockTimeout). Below the server's
// deadlock_timeout, usually 1 s, the store never makes another session the
// victim of a deadlock.
func WithLockTimeout(d time.Duration) Option {
	return optionFunc(func(c *settings) { c.LockTimeout = d })
}

// WithRetryTimeout sets, from a millisecond to a day, for how long an operation that loses against others (a
// lock, a deadlock, SQLITE_BUSY) is tried again before it fails with
// [tenancy.ErrUnavailable] (DefaultRetryTimeout). The context may end it sooner.
func WithRetryTimeout(d time.Duration) Option {
	return optionFunc(func(c *settings) { c.RetryTimeout = d })
}

// WithLogger logs every statement at debug level (its text with placeholders,
// never an argument; duration, rows, error) and trouble in the background at
// warn level: slog.Default() unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return optionFunc(func(c *settings) { c.Logger = l })
}

// WithQueryHook shows every statement to h, with placeholders for arguments, as to the
// hooks of the *bun.DB. It is for stores that a package such as bunpg opens.
func WithQueryHook(h bun.QueryHook) Option {
	return optionFunc(func(c *settings) { c.QueryHooks = append(c.QueryHooks, h) })
}

// WithSealer encrypts each DatabaseURL in its column. What is there already is
// read as it is until the row is written, or [Store.Reseal] has run. The text is
// bound to the tenant's ID: an ID that is changed by hand makes it unreadable.
//
// A DatabaseURL that does not open costs its tenant that, and nobody anything else:
// reads return the tenant with a secret that is withheld (see [tenancy.Secret.Err]),
// its status and metadata can be changed, Update refuses it until a new value is set.
// So does a store without the option that meets sealed ones.
func WithSealer(s seal.Sealer) Option { return optionFunc(func(c *settings) { c.Sealer = s }) }

// WithReader sends reads to a second pool of the same SQLite database, so that
// they do not wait for the connection that writes. Not for a replica: a read
// must see every write that returned before it. Nobody else may use the pool: the
// store counts who does, to know whether a read will wait.
func WithReader(db *bun.DB) Option { return optionFunc(func(c *settings) { c.Reader = db }) }

// Listener waits for news of changes made anywhere, and calls wake whenever
// there may be some: after each notification, and after each time it connected,
// for what came before. channel is the plain name of the NOTIFY channel. It
// returns when ctx ends, and not before.
type Listener func(ctx context.Context, channel string, wake func())

// WithListener lets l end Wait before the poll does. The store runs it in one
// goroutine, from the first Wait until Close. It is for packages that open
// databases, such as bunpg.
func WithListener(l Listener) Option { return optionFunc(func(c *settings) { c.Listener = l }) }

// WithSessionDefaults promises that every PostgreSQL session of the *bun.DB is
// READ COMMITTED, may write, has a lock_timeout, row_security off and client_encoding UTF8, and is of a primary. Then a
// write of one statement is one round trip; otherwise the store opens a transaction
// and sets them. It is for packages that open databases, such as bunpg.
func WithSessionDefaults() Option { return optionFunc(func(c *settings) { c.SessionsReady = true }) }

// WithOnClose makes Close call f last, when nothing of the store runs any more.
// It is for packages that open databases, such as bunpg.
func WithOnClose(f func() error) Option {
	return optionFunc(func(c *settings) { c.OnClose = append(c.OnClose, f) })
}
