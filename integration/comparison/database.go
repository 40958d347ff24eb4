//go:build unix

package comparison

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
)

// record is a tenant as an application maps it with bun.
type record struct {
	bun.BaseModel `bun:"table:tenants"`

	ID          string `bun:",pk"`
	Identifier  string
	Name        string
	Status      string
	Isolation   string
	DatabaseURL string
	SchemaName  string
	Metadata    json.RawMessage `bun:"type:jsonb"`
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Revision    int64
}

func (r *record) answer() Answer { return Answer{r.Status, r.Revision} }

// The statements are sent with bound arguments and prepared by pgx. Those that bun's query
// builder makes have the arguments in their text, and take several times as long.
const (
	selectBySlug = "SELECT id, identifier, name, status, isolation, database_url, schema_name, metadata, created_at, updated_at, revision" +
		" FROM tenants WHERE identifier = $1"
	updateStatus = "UPDATE tenants SET status = $2, updated_at = now() WHERE id = $1 RETURNING identifier, revision"
)

// database is what the contenders that are written by hand share.
type database struct {
	*bun.DB
	pool *sql.DB // the same: bun's own methods would put the arguments into the text
}

// openDatabase has pools of the size that bunpg has by default.
func openDatabase(s Setting) (database, error) {
	config, err := pgx.ParseConfig(s.DSN)
	if err != nil {
		return database{}, errors.New("not a DSN") // err would show it, with its password
	}
	size, db := bunpg.DefaultPool(), stdlib.OpenDB(*config)
	db.SetMaxIdleConns(size.Size)
	db.SetMaxOpenConns(size.Size + size.Overflow)
	return database{bun.NewDB(db, pgdialect.New()), db}, nil
}

func (db database) bySlug(ctx context.Context, slug string) (*record, error) {
	rows, err := db.pool.QueryContext(ctx, selectBySlug, slug)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has it
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, ErrNotFound
	}
	r := new(record)
	if err := db.ScanRow(ctx, rows, r); err != nil {
		return nil, err
	}
	return r, rows.Err()
}

func (db database) setStatus(ctx context.Context, id, status string) (slug string, revision int64, err error) {
	err = db.pool.QueryRowContext(ctx, updateStatus, id, status).Scan(&slug, &revision)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return slug, revision, err
}
