package bunsqlite

import (
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

// The defaults of the options.
const (
	DefaultReaders     = 4
	DefaultMmapSize    = 0
	DefaultBusyTimeout = 250 * time.Millisecond
)

// The most that options take.
const (
	maxReaders     = 1024
	maxMmapSize    = 1 << 40
	maxBusyTimeout = time.Hour
)

// Synchronous says when a commit is on the disk.
type Synchronous string

const (
	// Full: before the write returns. A crash of the machine loses nothing.
	Full Synchronous = "FULL"
	// Normal: some time after. A crash of the machine may lose the last commits
	// (the change log notices), one of the process loses nothing. Writes do
	// not wait for the disk.
	Normal Synchronous = "NORMAL"
)

// Option configures Open.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	readers     int
	mmapSize    int64
	busyTimeout time.Duration
	synchronous Synchronous
	migrate     bool
	store       []bunstore.Option
	err         error // an option that is nil
}

func newConfig(opts []Option) config {
	c := config{
		readers:     DefaultReaders,
		mmapSize:    DefaultMmapSize,
		busyTimeout: DefaultBusyTimeout,
		synchronous: Full,
		migrate:     true,
	}
	for i, o := range opts {
		if o == nil {
			c.err = invalid("options", "option %d is nil", i+1)
			continue
		}
		o.apply(&c)
	}
	return c
}

// WithReaders sets how many connections read (DefaultReaders, at most 1024). They
// are opened as they are needed, and kept.
func WithReaders(n int) Option { return optionFunc(func(c *config) { c.readers = n }) }

// WithMmapSize sets how much of the file is mapped into memory, in bytes
// (DefaultMmapSize: nothing; at most 1<<40). Mapped reads are up to an eighth faster. But a program
// that makes the file shorter, as copying a backup over it does, then kills the
// process with SIGBUS.
func WithMmapSize(bytes int64) Option { return optionFunc(func(c *config) { c.mmapSize = bytes }) }

// WithBusyTimeout sets how long SQLite itself waits for another process
// (DefaultBusyTimeout, at most an hour) before the store takes over and tries again, as long as
// bunstore.WithRetryTimeout says. The end of a context may be noticed that much
// later.
func WithBusyTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.busyTimeout = d })
}

// WithSynchronous sets when a commit is on the disk (Full).
func WithSynchronous(s Synchronous) Option { return optionFunc(func(c *config) { c.synchronous = s }) }

// WithoutMigrate makes Open leave the schema as it is: call Migrate, or have a
// database administrator run [bunstore.DDL], before the store is used.
func WithoutMigrate() Option { return optionFunc(func(c *config) { c.migrate = false }) }

// WithStore passes options on to [bunstore.New].
func WithStore(opts ...bunstore.Option) Option {
	return optionFunc(func(c *config) { c.store = append(c.store, opts...) })
}
