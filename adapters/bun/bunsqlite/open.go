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
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Memory is the path of a database in memory. Each Open of it is a database of
// its own, which ends with Close. It has one connection: good for tests, not for
// load.
const Memory = ":memory:"

// Open opens the store in the file at path, which it creates, readable by its
// owner only, if it is missing; its directory must exist. It migrates, and refuses a
// file that this user may not write, unless told not to migrate. Close closes
// everything that Open opened.
//
// Blanks, line breaks and quotes around path do not count. An address of SQLite is
// taken for its path where it has one meaning: file:tenants.db, sqlite:tenants.db,
// sqlite:/var/lib/app/tenants.db, sqlite+aiosqlite:///./tenants.db and the like.
// Others, addresses of other databases, and parameters are [tenancy.ErrInvalid], and
// nothing is created.
func Open(ctx context.Context, path string, opts ...Option) (*bunstore.Store, error) {
	store, err := open(ctx, path, newConfig(opts))
	if err != nil {
		return nil, driver.ErrorIn("Open", tenancy.Key{}, err)
	}
	return store, nil
}

func open(ctx context.Context, path string, c config) (*bunstore.Store, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	path, err := fileOf(path)
	if err != nil {
		return nil, invalid("path", "%w", err)
	}
	if path != Memory {
		path = absolute(path)
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
	if path != Memory { // only now, when no option can be wrong
		if err := createFile(path); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	if !c.migrate {
		return store, nil
	}
	err = store.Migrate(ctx)
	if err == nil {
		err = writable(ctx, writer)
	}
	if err != nil {
		err = fmt.Errorf("database file %s: %w", shown(path), c.explain(ctx, path, err))
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// writable says that the file is read-only for this user, which SQLite notices at the
// first write only. Any other trouble is left to that.
func writable(ctx context.Context, db *bun.DB) error {
	tx, err := db.DB.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, "PRAGMA user_version = 0")
		_ = tx.Rollback() // nothing is to be written
	}
	var coded interface{ Code() int }
	if errors.As(err, &coded) && coded.Code()&0xff == sqliteReadOnly {
		return fmt.Errorf("%w: it is read-only for this user, and a store writes: the file and its directory must be writable (WithoutMigrate opens it to read)", tenancy.ErrUnavailable)
	}
	return nil
}

// explain says what to do if the file is locked because others use it in another
// journal mode.
func (c config) explain(ctx context.Context, path string, err error) error {
	var coded interface{ Code() int }
	if !errors.As(err, &coded) || coded.Code()&0xff != sqliteBusy {
		return err
	}
	db, openErr := sql.Open("sqlite", dsn(uri(path), []string{c.busyPragma()}))
	if openErr != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	var mode string
	if db.QueryRowContext(context.WithoutCancel(ctx), "PRAGMA journal_mode").Scan(&mode) != nil || mode == "wal" {
		return err
	}
	return fmt.Errorf("%w: the file is in journal mode %s and has to be switched to WAL, which is possible only while no other program uses it:"+
		" close the others, or the transaction that one of them has open", err, mode)
}

// Result codes of SQLite.
const (
	sqliteBusy     = 5
	sqliteReadOnly = 8
)

func invalid(field, format string, args ...any) error {
	return &tenancy.Error{Field: field, Err: fmt.Errorf("%w: "+format, append([]any{tenancy.ErrInvalid}, args...)...)}
}

func (c config) validate() error {
	if c.err != nil {
		return c.err
	}
	switch {
	case c.readers < 1 || c.readers > maxReaders:
		return invalid("readers", "must be between 1 and %d", maxReaders)
	case c.mmapSize < 0 || c.mmapSize > maxMmapSize:
		return invalid("mmap_size", "must be between 0 and %d bytes", int64(maxMmapSize))
	case c.busyTimeout < 0 || c.busyTimeout > maxBusyTimeout:
		return invalid("busy_timeout", "must be between 0 and %v", maxBusyTimeout)
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
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("%w: %s is a directory: name a file", tenancy.ErrUnavailable, shown(path))
	case err == nil || !errors.Is(err, os.ErrNotExist):
		return cannotCreate(path, err)
	}
	if target, err := os.Readlink(path); err == nil { // to nothing: its file is the one to create
		if target, err = resolve(filepath.Dir(path), target); err != nil {
			return cannotCreate(path, err)
		}
		return createFile(target)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return cannotCreate(path, err)
	}
	err = f.Close()
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err != nil && !errors.Is(err, os.ErrExist) { // a file system without links
		err = createNew(path)
	}
	if errors.Is(err, os.ErrExist) { // somebody was faster
		err = nil
	}
	return cannotCreate(path, errors.Join(err, os.Remove(f.Name())))
}

// resolve returns where a link in dir leads. Directories are links too, perhaps, so
// ".." may only be taken away when they are resolved.
func resolve(dir, target string) (string, error) {
	if !filepath.IsAbs(target) {
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return "", err
		}
		target = dir + string(filepath.Separator) + target
	}
	parent, name := filepath.Split(target)
	parent, err := filepath.EvalSymlinks(parent)
	return filepath.Join(parent, name), err
}

// createNew gives a new file its name at once. It never replaces one that another
// process has just created, and perhaps filled.
func createNew(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func cannotCreate(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: the directory of %s does not exist: create it first", tenancy.ErrUnavailable, shown(path))
	}
	var (
		inPath *os.PathError
		inLink *os.LinkError
	)
	switch { // their texts have the path
	case errors.As(err, &inPath):
		err = inPath.Err
	case errors.As(err, &inLink):
		err = inLink.Err
	}
	return fmt.Errorf("%w: cannot create the database file %s: %w", tenancy.ErrUnavailable, shown(path), err)
}

// shown returns path for an error. One with an @ may be an address that nobody has
// recognized, with a password in it.
func shown(path string) string {
	if strings.Contains(path, "@") {
		return "(not shown, it has an @)"
	}
	return path
}

// walSizeLimit is how large SQLite leaves the write-ahead log when it begins it anew.
const walSizeLimit = 8 << 20

// dsn is how the driver wants it. busy_timeout comes first, because switching to
// WAL may have to wait already.
func (c config) dsn(path string, reader bool) string {
	pragmas := []string{c.busyPragma()}
	if path == Memory {
		return dsn(path, pragmas)
	}
	pragmas = append(pragmas,
		"journal_mode(WAL)",
		"synchronous("+string(c.synchronous)+")",
		"journal_size_limit("+strconv.Itoa(walSizeLimit)+")",
		"mmap_size("+strconv.FormatInt(c.mmapSize, 10)+")",
	)
	if reader {
		pragmas = append(pragmas, "query_only(1)")
	}
	return dsn(uri(path), pragmas)
}

func (c config) busyPragma() string {
	return "busy_timeout(" + strconv.FormatInt(c.busyTimeout.Milliseconds(), 10) + ")"
}

// uri is the form of an absolute path that takes any character.
func uri(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
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
