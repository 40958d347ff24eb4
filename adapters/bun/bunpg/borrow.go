package bunpg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// borrowDB returns a pool that takes its connections from pool.
func (c config) borrowDB(pool *pgxpool.Pool) *sql.DB {
	conn := newConnector(&borrower{Connector: stdlib.GetPoolConnector(pool), pool: pool}, c.log())
	conn.good = func() int { s := pool.Stat(); return int(s.TotalConns() - s.ConstructingConns()) }
	db := sql.OpenDB(conn)
	db.SetMaxIdleConns(0) // they are idle in pool
	return db
}

// borrower takes connections from the pool of the program. What liveness does for a
// pool of ours, it does for that one: connections that have hung are given up together.
type borrower struct {
	driver.Connector
	pool    *pgxpool.Pool
	doubted atomic.Bool // since one was given back that was lost
}

// Connect implements [driver.Connector].
func (b *borrower) Connect(ctx context.Context) (driver.Conn, error) {
	if b.doubted.Swap(false) {
		b.askIdle(ctx)
	}
	if b.pool.Stat().IdleConns() == 0 {
		return b.borrow(ctx)
	}
	soon, cancel := context.WithTimeout(ctx, pingTimeout) // the pool may ping the one that it gives
	defer cancel()
	conn, err := b.borrow(soon)
	if err == nil || soon.Err() == nil || ctx.Err() != nil {
		return conn, err
	}
	b.askIdle(ctx)
	return b.borrow(ctx)
}

func (b *borrower) borrow(ctx context.Context) (driver.Conn, error) {
	conn, err := b.Connector.Connect(ctx)
	if own, ok := conn.(*stdlib.Conn); ok && err == nil {
		return &borrowed{own, b}, nil
	}
	return conn, err
}

// askIdle pings the idle connections all at once, and gives up those that do not
// answer.
func (b *borrower) askIdle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for _, conn := range b.pool.AcquireAllIdle(ctx) {
		asking.Go(func() {
			if conn.Ping(ctx) != nil {
				// pgx keeps its place in the pool for as long as 15 s, until the server has
				// said goodbye.
				_ = conn.Conn().PgConn().Conn().Close()
			}
			conn.Release()
		})
	}
	asking.Wait()
}

// borrowed is a connection of the program's pool.
type borrowed struct {
	*stdlib.Conn
	from *borrower
}

// Close implements [driver.Conn]: it gives the connection back.
func (c *borrowed) Close() error {
	if c.Conn.Conn().IsClosed() {
		c.from.doubted.Store(true)
	}
	return c.Conn.Close()
}
