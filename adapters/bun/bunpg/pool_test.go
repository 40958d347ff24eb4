package bunpg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"time"
)

// idleConnector opens connections that do nothing.
type idleConnector struct{}

type idleConn struct{ driver.Conn }

func (idleConnector) Connect(context.Context) (driver.Conn, error) { return idleConn{}, nil }
func (idleConnector) Driver() driver.Driver                        { return nil }
func (idleConn) Close() error                                      { return nil }

func TestPoolIsSet(t *testing.T) {
	// use takes all connections at once and gives them back, n times.
	use := func(p Pool, n int, pause time.Duration) sql.DBStats {
		db := sql.OpenDB(idleConnector{})
		defer func() { _ = db.Close() }()
		p.set(db)
		for range n {
			var conns []*sql.Conn
			for range p.Size + p.Overflow {
				conn, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, conn)
			}
			for _, conn := range conns {
				if err := conn.Close(); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(pause)
		}
		return db.Stats()
	}
	if s := use(Pool{Size: 3, Overflow: 2}, 2, 0); s.MaxOpenConnections != 5 || s.Idle != 3 || s.MaxLifetimeClosed+s.MaxIdleTimeClosed > 0 {
		t.Errorf("size 3, overflow 2: %+v", s)
	}
	if s := use(Pool{Size: 1, MaxLifetime: time.Millisecond}, 2, 2*time.Millisecond); s.MaxLifetimeClosed == 0 {
		t.Errorf("no connection was closed for its age: %+v", s)
	}
	if s := use(Pool{Size: 1, MaxIdleTime: time.Millisecond}, 2, 2*time.Millisecond); s.MaxIdleTimeClosed == 0 {
		t.Errorf("no connection was closed for idling: %+v", s)
	}
}
