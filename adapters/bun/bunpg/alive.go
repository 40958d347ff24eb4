package bunpg

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// pingTimeout is how long a connection may take to answer a ping, which is a round
	// trip without work. One that takes longer has hung: nothing that is sent over it
	// arrives, and nobody says so.
	pingTimeout = 500 * time.Millisecond
	// hungAfter is how long a ping must have waited if it is the caller's deadline that
	// ends it.
	hungAfter = pingTimeout / 5
)

// liveness knows when each connection of a pool was last heard of. What makes one hang
// (a NAT that has forgotten it, a pooler or proxy that has hung, a server that is gone
// without a word) makes the others hang too, so they are given up together: to wait for
// each would cost one timeout after the other.
type liveness struct {
	start time.Time
	// A connection that was not heard of since doubted is asked before it is used, and
	// one that was not since hung is given up. Both are nanoseconds after start.
	doubted, hung atomic.Int64

	mu      sync.Mutex
	conns   map[*heardConn]uint32 // of the pool, with their process IDs
	checked int64                 // up to this value of hung, those in use were checked
}

func newLiveness() *liveness {
	return &liveness{start: time.Now(), conns: map[*heardConn]uint32{}}
}

func (l *liveness) now() int64 { return int64(time.Since(l.start)) }

// watch has l hear of the connections that conn describes.
func (l *liveness) watch(conn *pgx.ConnConfig) {
	dial := conn.DialFunc
	conn.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		heard := &heardConn{Conn: c, liveness: l}
		heard.heard.Store(l.now())
		return heard, nil
	}
}

// shouldPing is for [stdlib.OptionShouldPing]. It reports true for a connection that
// must not be used: the ping then fails, for the connection is closed. Others it has
// asked itself, where they are in doubt: they have been idle for long, the server has
// sent something unasked, as it does before it goes away, or a statement on another
// connection was not answered. So a server that restarts costs those that come later
// no failed statement: what is sent over a dead connection may have been carried out,
// and cannot be repeated.
func (l *liveness) shouldPing(ctx context.Context, p stdlib.ShouldPingParams) bool {
	heard, ok := plain(p.Conn.PgConn().Conn()).(*heardConn)
	if !ok {
		return true
	}
	last := heard.heard.Load()
	if last < l.hung.Load() {
		closing, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		_ = p.Conn.Close(closing) // it is given up, whatever it says to that
		return true
	}
	begun := l.now()
	if time.Duration(begun-last) <= time.Second && last >= l.doubted.Load() && !readable(heard.Conn) {
		return false
	}
	asking, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := p.Conn.PgConn().Ping(asking)
	if err != nil && errors.Is(asking.Err(), context.DeadlineExceeded) && time.Duration(l.now()-begun) >= hungAfter {
		raise(&l.hung, begun)
	}
	return err != nil
}

// afterConnect is for [stdlib.OptionAfterConnect]. The first connection that is made
// after one has hung asks the server what became of those in use, which cannot be
// pinged. Where the server waits for a statement, and not the caller for its end, the
// statement or its answer is lost, and the connection is closed. Others are slow and
// well: an index is built, a lock waited for.
func (l *liveness) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	own, ok := plain(conn.PgConn().Conn()).(*heardConn)
	if !ok {
		return nil
	}
	pid := conn.PgConn().PID()
	waiting, pids := l.join(own, pid)
	if len(waiting) == 0 {
		return nil
	}
	// A pooler has process IDs of its own.
	rows, err := conn.Query(ctx, `SELECT pid FROM unnest($1::int[]) AS pid WHERE pg_backend_pid() = $2 AND NOT EXISTS (
		SELECT FROM pg_stat_activity AS a WHERE a.pid = pid.pid
		AND (a.state IS NULL OR a.state NOT LIKE 'idle%' OR a.state_change > clock_timestamp() - interval '1 second'))`,
		pgx.QueryExecModeExec, pids, int32(pid))
	if err != nil {
		return err
	}
	lost, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return err
	}
	for i, c := range waiting {
		if slices.Contains(lost, pids[i]) && c.asked.Load() > c.heard.Load() {
			_ = c.Conn.Close() // which its reader is told
		}
	}
	return nil
}

// join adds a connection to the pool. If one has hung since the last time, it returns
// those that have been waiting for an answer since before that was noticed.
func (l *liveness) join(own *heardConn, pid uint32) (waiting []*heardConn, pids []int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hung := l.hung.Load()
	if hung > l.checked {
		l.checked = hung
		for c, pid := range l.conns {
			if asked := c.asked.Load(); asked > c.heard.Load() && asked < hung {
				waiting, pids = append(waiting, c), append(pids, int32(pid))
			}
		}
	}
	l.conns[own] = pid
	return waiting, pids
}

// Close implements [net.Conn].
func (c *heardConn) Close() error {
	c.liveness.mu.Lock()
	delete(c.liveness.conns, c)
	c.liveness.mu.Unlock()
	return c.Conn.Close()
}

// heardConn is a connection of which its liveness hears.
type heardConn struct {
	net.Conn
	liveness     *liveness
	asked, heard atomic.Int64 // when something was last sent, and received
}

// Read implements [net.Conn].
func (c *heardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(c.liveness.now())
	}
	return n, err
}

// Write implements [net.Conn].
func (c *heardConn) Write(b []byte) (int, error) {
	c.asked.Store(c.liveness.now())
	return c.Conn.Write(b)
}

// SetDeadline implements [net.Conn]. pgx sets one to interrupt what waits for an
// answer. Perhaps the statement is slow, and perhaps the connection has hung.
func (c *heardConn) SetDeadline(t time.Time) error {
	if asked := c.asked.Load(); !t.IsZero() && asked > c.heard.Load() {
		raise(&c.liveness.doubted, asked)
	}
	return c.Conn.SetDeadline(t)
}

// plain returns the connection below TLS.
func plain(conn net.Conn) net.Conn {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return secured.NetConn()
	}
	return conn
}

func raise(v *atomic.Int64, to int64) {
	for old := v.Load(); old < to && !v.CompareAndSwap(old, to); old = v.Load() {
	}
}
