//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// StartStandby starts a hot standby of primary, which runs, by streaming
// replication. The caller closes it.
func StartStandby(ctx context.Context, primary *Postgres) (*Postgres, error) {
	p := &Postgres{options: primary.options, programs: primary.programs, user: primary.user, password: primary.password}
	var err error
	if p.dir, err = newTempDir(); err != nil {
		return nil, err
	}
	cmd := command(ctx, p.user, "/", filepath.Join(p.programs, "pg_basebackup"), "--pgdata", p.dataPath(),
		"--dbname", primary.DSN(), "--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
	if err := own(p.dir.path, p.user); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pg_basebackup: %w\n%s", err, out), p.Close())
	}
	if err := p.startSomewhere(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Promote makes a standby a primary, and returns when it is one.
func (p *Postgres) Promote(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.DSN())
	if err != nil {
		return err
	}
	var done bool
	if err = conn.QueryRow(ctx, "SELECT pg_promote()").Scan(&done); err == nil && !done {
		err = errors.New("the standby was not promoted in time")
	}
	return errors.Join(err, conn.Close(ctx))
}
