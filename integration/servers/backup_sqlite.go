//go:build unix

package servers

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
)

// ExecSQLite runs one statement on the SQLite database at path, on a connection of
// its own, while others use it.
func ExecSQLite(ctx context.Context, path, statement string, args ...any) error {
	return withSQLite(ctx, path, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, statement, args...)
		return err
	})
}

// BackupSQLite writes the content of the SQLite database at path into a new file,
// while others use it.
func BackupSQLite(ctx context.Context, path, backup string) error {
	return ExecSQLite(ctx, path, "VACUUM INTO ?", backup)
}

// RestoreSQLite copies the content of backup over that of path through SQLite, as
// the shell's .restore does, while others use it. It fails if they keep it busy.
func RestoreSQLite(ctx context.Context, path, backup string) error {
	return withSQLite(ctx, path, func(conn *sql.Conn) error {
		return conn.Raw(func(driverConn any) error {
			source, err := driverConn.(interface {
				NewRestore(string) (*sqlite.Backup, error)
			}).NewRestore(backup)
			if err != nil {
				return err
			}
			for more := true; more && err == nil; {
				more, err = source.Step(-1)
			}
			return errors.Join(err, source.Finish())
		})
	})
}

func withSQLite(ctx context.Context, path string, do func(*sql.Conn) error) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(do(conn), conn.Close(), db.Close())
}
