package bunsqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Memory is the path of a database in memory. Each Open of it is a database of
// its own, which ends with Close. It has one connection: good for tests, not for
// load.
const Memory = ":memory:"

// Open opens the store in the file at path, which it creates, readable by its
// owner only, if it is missing; its directory must exist. It migrates, unless
// told not to. Close closes everything that Open opened.
func Open(ctx context.Context, path string, opts ...Option) (*bunstore.Store, error) {
	store, err := open(ctx, path, newConfig(opts))
	if err != nil {
		return nil, tenancy.ErrorIn("Open", tenancy.Key{}, err)
	}
	return store, nil
}

func open(ctx context.Context, path string, c config) (*bunstore.Store, error) {
	if err := c.validate(path); err != nil {
		return nil, err
	}
	if path != Memory {
		if err := createFile(path); err != nil {
			return nil, err
		}
	}
	writer, err := pool(c.dsn(path, false), 1)
	if err != nil {
		return nil, err
	}
	options := c.store[:len(c.store):len(c.store)]
	closers := []func() error{writer.Close}
	if path != Memory {
		reader, err := pool(c.dsn(path, true), c.readers)
		if err != nil {
			return nil, errors.Join(err, writer.Close())
		}
		options = append(options, bunstore.WithReader(reader))
		// The writer last: SQLite removes the WAL when its last connection goes,
		// which must be one that may write.
		closers = []func() error{reader.Close, writer.Close}
	}
	for _, c := range closers {
		options = append(options, bunstore.WithOnClose(c))
	}
	store, err := bunstore.New(writer, options...)
	if err != nil {
		for _, c := range closers {
			err = errors.Join(err, c())
		}
		return nil, err
	}
	if !c.migrate {
		return store, nil
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func (c config) validate(path string) error {
	invalid := func(field, format string, args ...any) error {
		return &tenancy.Error{Field: field, Err: fmt.Errorf("%w: "+format, append([]any{tenancy.ErrInvalid}, args...)...)}
	}
	switch {
	case path == "":
		return invalid("path", "must name a file, or be %q", Memory)
	case c.readers < 1:
		return invalid("readers", "must be at least 1")
	case c.mmapSize < 0:
		return invalid("mmap_size", "must not be negative")
	case c.busyTimeout < 0:
		return invalid("busy_timeout", "must not be negative")
	case c.synchronous != Full && c.synchronous != Normal:
		return invalid("synchronous", "must be Full or Normal")
	}
	return nil
}

// createFile creates the file if it is missing, readable by nobody else: it may
// hold database URLs. SQLite gives the -wal and -shm files the same permissions.
//
// It never opens a file that is there. A process loses its locks on a file when
// it closes any descriptor of it, and another store of this process may have it
// open: the next process to close the database would then take itself for the
// last one and remove the WAL. So a new file gets its name after it was closed.
func createFile(path string) error {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return cannotCreate(path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return cannotCreate(path, err)
	}
	err = f.Close()
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, os.ErrExist) { // somebody was faster
		err = nil
	}
	if err != nil { // a file system without links: give it its name at once
		err = os.Rename(f.Name(), path)
	} else {
		err = os.Remove(f.Name())
	}
	return cannotCreate(path, err)
}

func cannotCreate(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: the directory %s does not exist: create it first", tenancy.ErrUnavailable, filepath.Dir(path))
	}
	return fmt.Errorf("%w: cannot create the database file: %w", tenancy.ErrUnavailable, err)
}

// dsn is how the driver wants it. busy_timeout comes first, because switching to
// WAL may have to wait already.
func (c config) dsn(path string, reader bool) string {
	pragmas := []string{"busy_timeout(" + strconv.FormatInt(c.busyTimeout.Milliseconds(), 10) + ")"}
	if path == Memory {
		return dsn(path, pragmas)
	}
	pragmas = append(pragmas,
		"journal_mode(WAL)",
		"synchronous("+string(c.synchronous)+")",
		"mmap_size("+strconv.FormatInt(c.mmapSize, 10)+")",
	)
	if reader {
		pragmas = append(pragmas, "query_only(1)")
	}
	return dsn((&url.URL{Scheme: "file", Path: filepath.ToSlash(absolute(path))}).String(), pragmas)
}

func dsn(name string, pragmas []string) string {
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return name + "?" + query.Encode()
}

// absolute lets SQLite's URI form take any path; one that cannot be made
// absolute is left to SQLite.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// pool opens size connections at most, which stay open: a statement prepared on
// one stays prepared, and a database in memory lives as long as its connection.
func pool(dsn string, size int) (*bun.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return bun.NewDB(db, sqlitedialect.New()), nil
}
