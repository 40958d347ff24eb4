package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", for what is written by hand

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
)

type kind string

const (
	sqlite   kind = "sqlite"
	postgres kind = "postgres"
)

func (k kind) String() string {
	if k == postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

// database is one of its own, which drop removes.
type database struct {
	kind kind
	// hand is a pool for what is written by hand, on the driver of the stores.
	hand *sql.DB
	// connect opens a pool like hand, for one query.
	connect func() (*sql.DB, error)
	// open opens a store.
	open func(ctx context.Context, opts ...bunstore.Option) (*bunstore.Store, error)
	// follow opens a store that keeps few connections.
	follow func(ctx context.Context, opts ...bunstore.Option) (*bunstore.Store, error)
	// drop closes hand and removes the database, however ctx ended.
	drop func() error
}

// followerConnections is how many a store of database.follow has in PostgreSQL: two,
// and the one on which it listens.
const followerConnections = 3

// newDatabase returns an empty one. SQLite keeps it in dir.
func newDatabase(ctx context.Context, k kind, dir, server string) (d database, err error) {
	if k == postgres {
		d, err = newPostgres(ctx, server)
	} else {
		d = newSQLite(filepath.Join(dir, strings.ToLower(rand.Text())+".db"))
	}
	if err != nil {
		return d, err
	}
	d.kind = k
	if d.hand, err = d.connect(); err != nil {
		return d, errors.Join(err, d.drop())
	}
	d.hand.SetMaxIdleConns(4)
	remove, hand := d.drop, d.hand
	d.drop = func() error { return errors.Join(hand.Close(), remove()) }
	return d, nil
}

func newSQLite(path string) database {
	// What bunsqlite sets, too.
	dsn := "file:" + path + "?" + url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("mmap_size(%d)", bunsqlite.DefaultMmapSize),
	}}.Encode()
	open := func(ctx context.Context, opts ...bunstore.Option) (*bunstore.Store, error) {
		return bunsqlite.Open(ctx, path, bunsqlite.WithStore(opts...))
	}
	return database{
		connect: func() (*sql.DB, error) { return sql.Open("sqlite", dsn) },
		open:    open,
		follow:  open,
		drop: func() error {
			var errs []error
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(path + suffix); !errors.Is(err, os.ErrNotExist) {
					errs = append(errs, err)
				}
			}
			return errors.Join(errs...)
		},
	}
}

func newPostgres(ctx context.Context, server string) (database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return database{}, errors.New("TENANTSTORE_POSTGRES is not a URL") // err would show it, with its password
	}
	name := "scale_" + strings.ToLower(rand.Text())
	if err := administer(ctx, server, "CREATE DATABASE "+name); err != nil {
		return database{}, err
	}
	u.Path = "/" + name
	dsn := u.String()
	return database{
		connect: func() (*sql.DB, error) { return sql.Open("pgx", dsn) },
		open: func(ctx context.Context, opts ...bunstore.Option) (*bunstore.Store, error) {
			return bunpg.Open(ctx, dsn, bunpg.WithStore(opts...))
		},
		follow: func(ctx context.Context, opts ...bunstore.Option) (*bunstore.Store, error) {
			pool := bunpg.Pool{Size: followerConnections - 1}
			return bunpg.Open(ctx, dsn, bunpg.WithStore(opts...), bunpg.WithPool(pool))
		},
		drop: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			return administer(ctx, server, "DROP DATABASE "+name+" WITH (FORCE)")
		},
	}, nil
}

func administer(ctx context.Context, dsn, statement string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// settle does what PostgreSQL does by itself in time, so that it does not do so
// while something is measured.
func (d database) settle(ctx context.Context) error {
	if d.kind == sqlite {
		return nil
	}
	_, err := d.hand.ExecContext(ctx, "VACUUM ANALYZE")
	return err
}

// room is how many more connections the database lets in, at least.
func (d database) room(ctx context.Context) (int, error) {
	if d.kind == sqlite {
		return 1 << 20, nil
	}
	const others = 40 // those of the store and of hand, and reserved ones
	var limit, used int
	err := d.hand.QueryRowContext(ctx,
		"SELECT current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity)").Scan(&limit, &used)
	return limit - used - others, err
}
