package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Migrate looks without a lock first, because usually there is nothing to do.
func (s *store) Migrate(ctx context.Context) error {
	done := false
	err := s.Retry(ctx, func() error {
		if err := s.supported(ctx); err != nil {
			return err
		}
		exists, err := s.migrated(ctx, s.Read)
		if err == nil {
			done, err = s.UpToDate(ctx, s.Read, exists)
		}
		if err == nil && done {
			var wrong []string
			wrong, err = s.wrong(ctx, s.Read)
			done = len(wrong) == 0
		}
		return err
	})
	if err != nil || done {
		return err
	}
	return s.InTransaction(ctx, func(in engine.Session) error {
		exists, err := s.migrated(ctx, in)
		if err == nil {
			_, err = s.UpToDate(ctx, in, exists)
		}
		if err != nil {
			return err
		}
		if exists {
			return s.repair(ctx, in)
		}
		return s.install(ctx, in)
	})
}

// supported refuses servers that lack what the schema needs. TiDB takes CREATE TRIGGER
// for nothing it knows.
func (s *store) supported(ctx context.Context) error {
	var version engine.Text
	if _, err := s.Read.One(ctx, "SELECT VERSION()", nil, &version); err != nil {
		return err
	}
	v := string(version)
	if strings.Contains(v, "TiDB") {
		return unfit("the server is TiDB, which has no triggers to keep the change log")
	}
	need, name := [3]int{8, 0, 21}, "MySQL"
	if strings.Contains(v, "MariaDB") {
		need, name = [3]int{10, 6, 0}, "MariaDB"
	}
	var has [3]int
	_, _ = fmt.Sscanf(v, "%d.%d.%d", &has[0], &has[1], &has[2]) // what cannot be read is old
	for i := range need {
		if has[i] != need[i] {
			if has[i] < need[i] {
				return unfit(fmt.Sprintf("the server is %s %d.%d.%d, and a store needs %d.%d.%d or later", name, has[0], has[1], has[2], need[0], need[1], need[2]))
			}
			break
		}
	}
	return nil
}

// InTransaction is no transaction, because DDL commits by itself: f must be such that it
// can end at any statement, and be run again. It waits as long as another migration takes.
func (s *store) InTransaction(ctx context.Context, f func(engine.Session) error) error {
	return s.Retry(ctx, func() error {
		conn, err := s.DB.Conn(ctx)
		if err != nil {
			return engine.Fail(ctx, s, err)
		}
		defer func() { // closed, which gives up the lock, and not given back: its session is set up for DDL
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			_ = conn.Close()
		}()
		in := s.Read.With(conn.Conn)
		if _, err := in.Exec(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", s.lockSeconds())); err != nil {
			return err
		}
		var locked engine.Integer
		if _, err := in.One(ctx, "SELECT GET_LOCK(CONCAT('"+s.lockName()+".', MD5(DATABASE())), 86400)", nil, &locked); err != nil {
			return err
		}
		if locked != 1 {
			return unfit("another migration has not ended for a day")
		}
		return f(in)
	})
}

// lockSeconds is the LockTimeout in the unit of the server.
func (s *store) lockSeconds() int64 { return max(int64(s.LockTimeout.Seconds()+0.999), 1) }

// lockName is one of 64 characters at most, with the hash of the database.
func (s *store) lockName() string {
	sum := sha256.Sum256([]byte(s.Names.Table))
	return "tenantstore." + hex.EncodeToString(sum[:8])
}

// migrated reports whether all of version 1 was installed: the table of versions comes
// last.
func (s *store) migrated(ctx context.Context, in engine.Session) (bool, error) {
	var n engine.Integer
	_, err := in.One(ctx, "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1 AND COLUMN_NAME = 'compatible_from'",
		[]any{s.Names.Table + "_schema"}, &n)
	return n > 0, err
}

// install creates the schema, or what an attempt that was cut off has left out.
func (s *store) install(ctx context.Context, in engine.Session) error {
	for suffix, sign := range map[string]string{"": "name_folded", "_changes": "mark", "_head": "revision", "_guard": "tenant_id", "_names": "verified_at", "_schema": "compatible_from"} {
		var columns, found engine.Integer
		_, err := in.One(ctx, "SELECT COUNT(*), COALESCE(SUM(COLUMN_NAME = '"+sign+"'), 0) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"+
			" AND TABLE_NAME = '"+s.Names.Table+suffix+"'", nil, &columns, &found)
		if err != nil {
			return err
		}
		if columns > 0 && found == 0 {
			return unfit("a table " + s.Names.Table + suffix + " exists already, and is not one of a store: choose another with WithTable")
		}
	}
	return s.run(ctx, in, func(string) bool { return false })
}

// run runs the schema, which is idempotent, but for the triggers that are right.
func (s *store) run(ctx context.Context, in engine.Session, right func(trigger string) bool) error {
	ddl, err := s.Schema()
	if err != nil {
		return err
	}
	for _, text := range statementsOf(ddl) {
		if m := ofTrigger.FindStringSubmatch(text); m != nil && right(m[1]) {
			continue
		}
		if err := in.Each(ctx, text, nil, func(*sql.Rows) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
