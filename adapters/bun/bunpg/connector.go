package bunpg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/pool"
)

// fullFor is how long a pool does not grow after the server had no connection left.
const fullFor = 5 * time.Second

// connector opens the connections of a pool, or borrows them from one of pgx's. It
// owns a goroutine, which ends with Close, as the *sql.DB calls it.
type connector struct {
	driver.Connector
	// good is how many connections are there, besides those that are being made.
	good func() int
	// limit keeps the pool from growing, or lets it grow again.
	limit  func(connections int)
	warmer func(context.Context) error
	logger *slog.Logger

	connecting atomic.Int64
	ctx        context.Context // ends in Close
	cancel     context.CancelFunc

	mu      sync.Mutex
	closed  bool
	warming bool
	full    *time.Timer // while the pool does not grow
	crowded bool        // logged
	running sync.WaitGroup
}

func newConnector(conn driver.Connector, logger *slog.Logger) *connector {
	c := &connector{Connector: conn, logger: logger, limit: func(int) {}, good: func() int { return 0 }}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// openDB returns a pool of connections to t.
func (c config) openDB(t target) *sql.DB {
	alive := newLiveness()
	conn := newConnector(stdlib.GetConnector(*t.conn, stdlib.OptionShouldPing(alive.shouldPing), stdlib.OptionAfterConnect(alive.afterConnect),
		stdlib.OptionBeforeConnect(func(ctx context.Context, conn *pgx.ConnConfig) error {
			now, err := t.config(ctx)
			if err == nil {
				*conn = *now
				alive.watch(conn)
			}
			return err
		})), c.log())
	db := sql.OpenDB(conn)
	pool.Limits(c.pool).Set(db)
	conn.good = func() int {
		connecting := int(conn.connecting.Load()) // first: others may begin to connect meanwhile
		return db.Stats().OpenConnections - connecting
	}
	conn.limit = func(n int) {
		if n == 0 {
			pool.Limits(c.pool).Set(db)
		} else {
			db.SetMaxOpenConns(n)
		}
	}
	conn.warmer = func(ctx context.Context) error {
		made, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		return made.Close() // into the pool
	}
	return db
}

// Connect implements [driver.Connector] with errors that are safe to show.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	c.connecting.Add(1)
	defer c.connecting.Add(-1)
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		failed := connectError(ctx, err)
		switch {
		case failed.ended():
			c.warm()
		case failed.crowded():
			failed.again = c.makeDo()
		}
		return nil, failed.asError()
	}
	c.fits()
	return conn, nil
}

// warm makes a connection for later callers. A *sql.DB connects on behalf of a caller,
// and gives up with it: if all callers have less time than it takes, none ever gets a
// connection.
func (c *connector) warm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.warming || c.warmer == nil {
		return
	}
	c.warming = true
	c.running.Go(func() {
		_ = c.warmer(c.ctx) // whoever calls next finds out
		c.mu.Lock()
		defer c.mu.Unlock()
		c.warming = false
	})
}

// makeDo is called when the server has no connection left. If the pool has some, it
// does not ask for more for a while, and true means that the call is to wait for one
// of them.
func (c *connector) makeDo() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full != nil && !c.closed {
		return true // it had some, of which the *sql.DB may have closed one to come down to the limit
	}
	n := c.good()
	if n < 1 || c.closed {
		return false
	}
	if !c.crowded {
		c.crowded = true
		c.logger.Warn("tenancy: the server has too many connections (SQLSTATE 53300); calls share those that the pool has", "connections", n)
	}
	c.limit(n)
	c.full = time.AfterFunc(fullFor, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.full = nil
		if !c.closed {
			c.limit(0)
		}
	})
	return true
}

// fits is called when the server has given a connection.
func (c *connector) fits() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crowded && c.full == nil {
		c.crowded = false
		c.logger.Info("tenancy: the server gives connections again")
	}
}

// Close implements [io.Closer].
func (c *connector) Close() error {
	c.cancel()
	c.mu.Lock()
	c.closed = true
	if c.full != nil {
		c.full.Stop()
	}
	c.mu.Unlock()
	c.running.Wait()
	return nil
}
