package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// What a program without this library would do. The benchmarks of bunstore have the
// like for their baselines, in tests that nobody can import.

const handColumns = "id, identifier, name, status, isolation, database_url, schema_name, metadata, created_at, updated_at, revision"

// handRow is what somebody scans who needs no tenancy.Tenant.
type handRow struct {
	id, identifier, name, status, isolation, databaseURL, schemaName string
	metadata                                                         []byte
	createdAt, updatedAt                                             any
	revision                                                         int64
}

func (r *handRow) dest() []any {
	return []any{
		&r.id, &r.identifier, &r.name, &r.status, &r.isolation, &r.databaseURL, &r.schemaName,
		&r.metadata, &r.createdAt, &r.updatedAt, &r.revision,
	}
}

// handRead reads every row of a query, scanned into dest, and returns how many.
func (d database) handRead(ctx context.Context, dest []any, query string, args ...any) (n int, err error) {
	rows, err := d.hand.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// createPlain creates a table with the columns and indexes of tenants, and without
// the triggers that keep the log.
func (d database) createPlain(ctx context.Context) error {
	for _, text := range []string{
		"CREATE TABLE plain AS SELECT * FROM tenants LIMIT 0",
		"CREATE UNIQUE INDEX plain_pkey ON plain (id)",
		"CREATE UNIQUE INDEX plain_identifier ON plain (identifier)",
		"CREATE INDEX plain_created ON plain (created_at, id)",
		"CREATE INDEX plain_status ON plain (status, created_at, id)",
	} {
		if _, err := d.hand.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// handInsert inserts ts into plain in one transaction, as many rows per statement as
// suit the driver: modernc's time to bind grows with the square of the parameters.
func (d database) handInsert(ctx context.Context, ts []tenancy.Tenant) error {
	height := 80
	now := time.Now()
	var at any = now
	if d.kind == sqlite {
		height, at = 8, now.UnixMicro()
	}
	return d.inTransaction(ctx, func(tx *sql.Tx) (err error) {
		full, err := tx.PrepareContext(ctx, insertText(height))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, full.Close()) }()
		args := make([]any, 0, height*insertWidth)
		for chunk := range slices.Chunk(ts, height) {
			args = args[:0]
			for _, t := range chunk {
				args = append(args, t.ID, t.Identifier, t.Name, driver.Fold(t.Name), string(t.Status), "", "", "", t.Metadata.String(), at, at, 0)
			}
			if len(chunk) == height {
				_, err = full.ExecContext(ctx, args...)
			} else {
				_, err = tx.ExecContext(ctx, insertText(len(chunk)), args...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (d database) inTransaction(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.hand.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

const insertWidth = 12 // columns

func insertText(rows int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO plain (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at, revision) VALUES ")
	for i := range rows {
		if i > 0 {
			text.WriteString(", ")
		}
		for j := range insertWidth {
			fmt.Fprintf(&text, "%c$%d", "(,"[min(j, 1)], i*insertWidth+j+1)
		}
		text.WriteString(")")
	}
	return text.String()
}
