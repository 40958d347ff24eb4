package bunpg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/pool"
)

// idleConnector opens connections that do nothing.
type idleConnector struct{}

type idleConn struct{ driver.Conn }

func (idleConnector) Connect(context.Context) (driver.Conn, error) { return idleConn{}, nil }
func (idleConnector) Driver() driver.Driver                        { return nil }
func (idleConn) Close() error                                      { return nil }

func TestPoolIsSet(t *testing.T) {
	for _, c := range []struct {
		name  string
		pool  Pool
		after time.Duration
		want  func(sql.DBStats) bool
	}{
		{"size and overflow", Pool{Size: 3, Overflow: 2}, time.Hour, func(s sql.DBStats) bool {
			return s.MaxOpenConnections == 5 && s.Idle == 3 && s.MaxLifetimeClosed+s.MaxIdleTimeClosed == 0
		}},
		{"young enough", Pool{Size: 1, MaxLifetime: time.Minute}, 50 * time.Second, func(s sql.DBStats) bool { return s.Idle == 1 }},
		{"too old", Pool{Size: 1, MaxLifetime: time.Minute}, 70 * time.Second, func(s sql.DBStats) bool { return s.MaxLifetimeClosed == 1 }},
		{"idle too long", Pool{Size: 1, MaxIdleTime: time.Minute}, 3 * time.Minute, func(s sql.DBStats) bool { return s.MaxIdleTimeClosed == 1 }},
	} {
		synctest.Test(t, func(t *testing.T) {
			db := sql.OpenDB(idleConnector{})
			defer func() { _ = db.Close() }()
			pool.Limits(c.pool).Set(db)
			var conns []*sql.Conn
			for range c.pool.Size + c.pool.Overflow {
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
			time.Sleep(c.after)
			synctest.Wait()
			if s := db.Stats(); !c.want(s) {
				t.Errorf("%s: %+v", c.name, s)
			}
		})
	}
}
