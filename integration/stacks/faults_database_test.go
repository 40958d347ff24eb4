//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

func (w *workload) postgresFaults(r *rand.Rand) []fault {
	f := w.fleet
	var backups []servers.Backup
	start := func(ctx context.Context) func() error {
		return func() error { return f.postgres.Start(ctx) }
	}
	backup := func(ctx context.Context) (func() error, error) {
		if err := f.postgres.Stop(); err != nil {
			return nil, err
		}
		b, err := f.postgres.Backup()
		backups = append(backups, b)
		return start(ctx), err
	}
	all := []fault{
		{"PostgreSQL restart", true, func(ctx context.Context) (func() error, error) { return start(ctx), f.postgres.Stop() }},
		{"PostgreSQL kill -9", true, func(ctx context.Context) (func() error, error) { return start(ctx), f.postgres.Kill() }},
		{"PostgreSQL backed up", true, backup},
		{"older backup restored", true, func(ctx context.Context) (func() error, error) {
			if len(backups) == 0 {
				return backup(ctx)
			}
			if err := w.beforeRestore(ctx); err != nil {
				return nil, err
			}
			return func() error { return errors.Join(f.postgres.Start(ctx), w.restored(ctx)) },
				errors.Join(f.postgres.Stop(), f.postgres.Restore(backups[r.IntN(len(backups))]))
		}},
		{"row edited by hand", false, func(ctx context.Context) (func() error, error) {
			conn, err := pgx.Connect(ctx, f.postgres.DSN())
			if err != nil {
				return nil, err
			}
			_, err = conn.Exec(ctx, editByHand, w.cells[r.IntN(cells)].id)
			return done, errors.Join(err, conn.Close(ctx))
		}},
	}
	if !f.plan.bare {
		return all
	}
	return append(all, fault{"node restart without PostgreSQL", true, func(ctx context.Context) (func() error, error) {
		return start(ctx), errors.Join(f.postgres.Stop(), w.restart(f.nodes[r.IntN(len(f.nodes))], done))
	}}, fault{"older backup restored while a node is down", true, func(ctx context.Context) (func() error, error) {
		if len(backups) == 0 {
			return backup(ctx)
		}
		if err := w.beforeRestore(ctx); err != nil {
			return nil, err
		}
		return func() error { return errors.Join(f.postgres.Start(ctx), w.restored(ctx)) },
			w.restart(f.nodes[r.IntN(len(f.nodes))], func() error {
				return errors.Join(f.postgres.Stop(), f.postgres.Restore(backups[r.IntN(len(backups))]))
			})
	}})
}

const editByHand = "UPDATE tenants SET name = 'Edited by hand' WHERE id = $1"

func (w *workload) sqliteFaults(r *rand.Rand) []fault {
	path := w.fleet.site.Path
	var backups []string
	backup := func(ctx context.Context) (func() error, error) {
		backups = append(backups, filepath.Join(filepath.Dir(path), fmt.Sprintf("backup-%d.db", len(backups))))
		return done, servers.BackupSQLite(ctx, path, backups[len(backups)-1])
	}
	all := []fault{
		{"SQLite backed up", false, backup},
		{"older backup restored", true, func(ctx context.Context) (func() error, error) {
			if len(backups) == 0 {
				return backup(ctx)
			}
			if err := w.beforeRestore(ctx); err != nil {
				return nil, err
			}
			return func() error { return w.restored(ctx) },
				servers.RestoreSQLite(ctx, path, backups[r.IntN(len(backups))])
		}},
		{"row edited by hand", false, func(ctx context.Context) (func() error, error) {
			return done, servers.ExecSQLite(ctx, path, editByHand, w.cells[r.IntN(cells)].id)
		}},
	}
	if !w.fleet.plan.bare {
		return all
	}
	return append(all, fault{"older backup restored while a node is down", true, func(ctx context.Context) (func() error, error) {
		if len(backups) == 0 {
			return backup(ctx)
		}
		if err := w.beforeRestore(ctx); err != nil {
			return nil, err
		}
		nodes := w.fleet.nodes
		return func() error { return w.restored(ctx) },
			w.restart(nodes[r.IntN(len(nodes))], func() error {
				return servers.RestoreSQLite(ctx, path, backups[r.IntN(len(backups))])
			})
	}})
}

// beforeRestore stops judging. What was acknowledged up to now is first seen to be
// there.
func (w *workload) beforeRestore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := again(ctx, func() error { return w.check.Settle(ctx, w.fleet.raw) }); err != nil {
		return err
	}
	w.check.Suspend()
	return nil
}

// restored goes on judging when every node has noticed.
func (w *workload) restored(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.fleet.noticed(ctx); err != nil {
		return fmt.Errorf("a node does not notice the restored backup: %w", err)
	}
	w.forget()
	w.check.Resume()
	return nil
}

// trim trims the log as far as it was judged, behind nodes that had not read it yet:
// one that was cut off, where the database has a network, and others with luck.
func (w *workload) trim(r *rand.Rand) fault {
	return fault{"log trimmed", true, func(ctx context.Context) (func() error, error) {
		heal, err := w.fleet.nodes[r.IntN(len(w.fleet.nodes))].toDatabase.cut()
		return func() error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			err := again(ctx, func() error {
				if err := w.check.Settle(ctx, w.fleet.raw); err != nil {
					return err
				}
				_, err := w.fleet.raw.Compact(ctx, w.check.Judged().Revision)
				return err
			})
			return errors.Join(err, heal())
		}, err
	}}
}
