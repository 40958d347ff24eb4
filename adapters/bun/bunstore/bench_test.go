package bunstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", for the baselines

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// Every benchmark runs its baseline beside it, by hand on the same driver.

const benchRows = 10_000

// database is one of the two, with a second pool for the baselines.
type database struct {
	name  string
	store *bunstore.Store
	db    *sql.DB
	in    string // condition of the hand-written query by IDs
	array func(ids []string) any
}

func databases(b *testing.B) []database {
	b.Helper()
	var out []database
	path := filepath.Join(b.TempDir(), "tenants.db")
	store, err := bunsqlite.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=mmap_size(268435456)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	out = append(out, database{"sqlite", store, db, "id IN (SELECT value FROM json_each($1))", func(ids []string) any {
		data, _ := json.Marshal(ids)
		return string(data)
	}})
	if dsn := newPostgres(b); dsn != "" {
		store, err := bunpg.Open(b.Context(), dsn)
		if err != nil {
			b.Fatal(err)
		}
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, database{"postgres", store, db, "id = ANY($1)", func(ids []string) any { return ids }})
	}
	for _, d := range out {
		d.db.SetMaxIdleConns(4)
		b.Cleanup(func() {
			if err := d.store.Close(); err != nil {
				b.Error(err)
			}
			_ = d.db.Close()
		})
		d.fill(b)
	}
	return out
}

// time is how t is stored.
func (d database) time(t time.Time) any {
	if d.name == "sqlite" {
		return t.UnixMicro()
	}
	return t
}

func (d database) fill(b *testing.B) {
	b.Helper()
	for at := 0; at < benchRows; at += 1000 {
		results, err := d.store.CreateBatch(b.Context(), tenants("t", at, 1000))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	if d.name == "postgres" {
		if _, err := d.db.ExecContext(b.Context(), "VACUUM ANALYZE"); err != nil {
			b.Fatal(err)
		}
	}
}

// tenants makes n tenants as they are in practice.
func tenants(prefix string, from, n int) []tenancy.Tenant {
	m, err := tenancy.NewMetadata(map[string]any{"plan": "pro", "country": "DE", "seats": 250, "features": []string{"sso", "audit"}})
	if err != nil {
		panic(err)
	}
	ts := make([]tenancy.Tenant, n)
	for i := range ts {
		ts[i] = tenancy.Tenant{
			Identifier: fmt.Sprintf("%s-%07d", prefix, from+i), Name: fmt.Sprintf("Tenant Number %d", from+i),
			Isolation: tenancy.IsolationSchema, SchemaName: fmt.Sprintf("tenant_%07d", from+i), Metadata: m,
		}
	}
	return ts
}

const handColumns = "id, identifier, name, status, isolation, database_url, schema_name, metadata, created_at, updated_at, revision"

// handRow is what somebody scans who needs no tenancy.Tenant.
type handRow struct {
	id, identifier, name, status, isolation, databaseURL, schemaName string
	metadata                                                         []byte
	createdAt, updatedAt                                             any
	revision                                                         int64
}

func (r *handRow) dest() []any {
	return []any{&r.id, &r.identifier, &r.name, &r.status, &r.isolation, &r.databaseURL, &r.schemaName, &r.metadata, &r.createdAt, &r.updatedAt, &r.revision}
}

// compare runs hand and store in turns, so that both meet the same noise. It
// reports the median time of store as ns/op, that of hand as hand-ns/op, and their
// ratio.
func compare(b *testing.B, name string, hand, store func(ctx context.Context, i int) error) {
	b.Run(name, func(b *testing.B) {
		ctx := b.Context()
		var byHand, byStore []time.Duration
		for n := 0; b.Loop(); n++ {
			start := time.Now()
			err1 := hand(ctx, n)
			middle := time.Now()
			err2 := store(ctx, n)
			byStore = append(byStore, time.Since(middle))
			byHand = append(byHand, middle.Sub(start))
			if err1 != nil || err2 != nil {
				b.Fatal(err1, err2)
			}
		}
		ofHand, ofStore := median(byHand), median(byStore)
		b.ReportMetric(float64(ofStore.Nanoseconds()), "ns/op")
		b.ReportMetric(float64(ofHand.Nanoseconds()), "hand-ns/op")
		b.ReportMetric(float64(ofStore)/float64(ofHand), "x-hand")
	})
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func slug(i int) string { return fmt.Sprintf("t-%07d", i*7919%benchRows) }

// BenchmarkGetByIdentifier compares with the same SELECT, prepared.
func BenchmarkGetByIdentifier(b *testing.B) {
	for _, d := range databases(b) {
		compare(b, d.name, d.handGet(b), func(ctx context.Context, i int) error {
			_, err := d.store.GetByIdentifier(ctx, slug(i))
			return err
		})
	}
}

// BenchmarkGetByDomain compares with GetByIdentifier of the store.
func BenchmarkGetByDomain(b *testing.B) {
	for _, d := range databases(b) {
		verified := "now()"
		if d.name == "sqlite" {
			verified = "1"
		}
		_, err := d.db.ExecContext(b.Context(), "INSERT INTO tenants_names (tenant_id, value, verified_at) SELECT id, identifier || '.test', "+verified+" FROM tenants")
		if err != nil {
			b.Fatal(err)
		}
		if d.name == "postgres" {
			_, err = d.db.ExecContext(b.Context(), "ANALYZE tenants_names")
		}
		if err != nil {
			b.Fatal(err)
		}
		compare(b, d.name, func(ctx context.Context, i int) error {
			_, err := d.store.GetByIdentifier(ctx, slug(i))
			return err
		}, func(ctx context.Context, i int) error {
			_, err := d.store.GetByDomain(ctx, slug(i)+".test")
			return err
		})
	}
}

func (d database) handGet(b *testing.B) func(context.Context, int) error {
	b.Helper()
	stmt, err := d.db.PrepareContext(b.Context(), "SELECT "+handColumns+" FROM tenants WHERE identifier = $1")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stmt.Close() })
	return func(ctx context.Context, i int) error {
		var r handRow
		return stmt.QueryRowContext(ctx, slug(i)).Scan(r.dest()...)
	}
}

// BenchmarkLoad compares a snapshot with a plain read of the store.
func BenchmarkLoad(b *testing.B) {
	for _, d := range databases(b) {
		compare(b, d.name, func(ctx context.Context, i int) error {
			_, err := d.store.GetByIdentifier(ctx, slug(i))
			return err
		}, func(ctx context.Context, i int) error {
			_, err := d.store.Load(ctx, []tenancy.Lookup{{Key: tenancy.IdentifierKey(slug(i))}})
			return err
		})
	}
}

// BenchmarkGetByIDs1000 compares with one query, which parses no metadata.
func BenchmarkGetByIDs1000(b *testing.B) {
	for _, d := range databases(b) {
		page, err := d.store.List(b.Context(), tenancy.ListOptions{Limit: 1000})
		if err != nil {
			b.Fatal(err)
		}
		ids := make([]string, len(page.Tenants))
		for i, t := range page.Tenants {
			ids[i] = t.ID
		}
		compare(b, d.name, func(ctx context.Context, _ int) error {
			return d.handGetMany(ctx, ids)
		}, func(ctx context.Context, _ int) error {
			ts, err := d.store.GetByIDs(ctx, ids)
			if len(ts) != len(ids) {
				return fmt.Errorf("got %d: %w", len(ts), err)
			}
			return err
		})
	}
}

func (d database) handGetMany(ctx context.Context, ids []string) error {
	rows, err := d.db.QueryContext(ctx, "SELECT "+handColumns+" FROM tenants WHERE "+d.in, d.array(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var out []handRow
	for rows.Next() {
		var r handRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		out = append(out, r)
	}
	if len(out) != len(ids) {
		return fmt.Errorf("got %d", len(out))
	}
	return rows.Err()
}

// BenchmarkImport reads a file of 10,000 tenants into the store, in batches of
// 1,000, and compares with multi-row INSERTs of as many that are in memory.
func BenchmarkImport(b *testing.B) {
	const n = 10_000
	for _, d := range databases(b) {
		b.Run(d.name, func(b *testing.B) {
			ctx, insert := b.Context(), d.handInsert("tenants")
			var byHand, byStore time.Duration
			rows := 0
			for ; b.Loop(); rows += n {
				var file bytes.Buffer
				for _, t := range tenants("import", rows, n) {
					line, err := json.Marshal(t)
					if err != nil {
						b.Fatal(err)
					}
					file.Write(append(line, '\n'))
				}
				given := tenants("by-hand", rows, n)
				start := time.Now()
				for chunk := range slices.Chunk(given, 1000) {
					if err := insert(ctx, chunk); err != nil {
						b.Fatal(err)
					}
				}
				middle := time.Now()
				report, err := tenantio.Import(ctx, d.store, &file, tenantio.JSONLines, tenantio.ImportOptions{BatchSize: 1000})
				byStore += time.Since(middle)
				byHand += middle.Sub(start)
				if err != nil || report.Created != n {
					b.Fatal(report, err)
				}
			}
			b.ReportMetric(0, "ns/op") // says nothing: it would include making the file
			b.ReportMetric(float64(rows)/byStore.Seconds(), "rows/s")
			b.ReportMetric(float64(rows)/byHand.Seconds(), "hand-rows/s")
			b.ReportMetric(float64(byStore)/float64(byHand), "x-hand")
		})
	}
}

// BenchmarkSetStatus compares with an UPDATE by hand, prepared, of the same table, so with
// the triggers that keep the log; and in …/no-log of one that has the same columns and
// indexes and no triggers.
func BenchmarkSetStatus(b *testing.B) {
	for _, d := range databases(b) {
		for _, text := range []string{
			"CREATE TABLE plain AS SELECT * FROM tenants",
			"CREATE UNIQUE INDEX plain_pkey ON plain (id)", "CREATE UNIQUE INDEX plain_identifier ON plain (identifier)",
			"CREATE INDEX plain_created ON plain (created_at, id)", "CREATE INDEX plain_status ON plain (status, created_at, id)",
		} {
			if _, err := d.db.ExecContext(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
		page, err := d.store.List(b.Context(), tenancy.ListOptions{Limit: 1000})
		if err != nil {
			b.Fatal(err)
		}
		id := func(i int) string { return page.Tenants[i%len(page.Tenants)].ID }
		for name, table := range map[string]string{d.name: "tenants", d.name + "/no-log": "plain"} {
			stmt, err := d.db.PrepareContext(b.Context(), "UPDATE "+table+" SET status = $2, updated_at = $3 WHERE id = $1 RETURNING "+handColumns)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = stmt.Close() })
			statuses := []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive}
			compare(b, name, func(ctx context.Context, i int) error {
				var r handRow
				return stmt.QueryRowContext(ctx, id(i), string(statuses[i/1000%2]), d.time(time.Now())).Scan(r.dest()...)
			}, func(ctx context.Context, i int) error {
				_, err := d.store.SetStatus(ctx, id(i), statuses[(i/1000+1)%2])
				return err
			})
		}
	}
}

// BenchmarkCreateBatch1000 compares with multi-row INSERTs into the same table,
// so with the triggers that keep the log, and in …/no-log into a table that has
// the same columns and indexes and no triggers. The store reads the rows back,
// too.
func BenchmarkCreateBatch1000(b *testing.B) {
	for _, d := range databases(b) {
		for _, text := range []string{
			"CREATE TABLE plain AS SELECT * FROM tenants LIMIT 0",
			"CREATE UNIQUE INDEX plain_pkey ON plain (id)", "CREATE UNIQUE INDEX plain_identifier ON plain (identifier)",
			"CREATE INDEX plain_created ON plain (created_at, id)", "CREATE INDEX plain_status ON plain (status, created_at, id)",
		} {
			if _, err := d.db.ExecContext(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
		d.benchBatch(b, d.name, "tenants")
		d.benchBatch(b, d.name+"/no-log", "plain")
	}
}

func (d database) benchBatch(b *testing.B, name, table string) {
	b.Helper()
	insert := d.handInsert(table)
	batch := 0
	compare(b, name, func(ctx context.Context, _ int) error {
		batch++
		return insert(ctx, tenants("hand-"+table, batch*1000, 1000))
	}, func(ctx context.Context, _ int) error {
		_, err := d.store.CreateBatch(ctx, tenants("batch-"+table, batch*1000, 1000))
		return err
	})
}

// handInsert returns a function that inserts rows in one transaction, as many
// per statement as suits the driver: modernc's time to bind grows with the
// square of the parameters.
func (d database) handInsert(table string) func(context.Context, []tenancy.Tenant) error {
	const width = 12
	height := 80
	if d.name == "sqlite" {
		height = 8
	}
	insert := func(rows int) string {
		var text strings.Builder
		text.WriteString("INSERT INTO " + table + " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at, revision) VALUES ")
		for i := range rows {
			for j := range width {
				fmt.Fprintf(&text, "%c$%d", "(,"[min(j, 1)], i*width+j+1)
			}
			text.WriteString(")")
			if i+1 < rows {
				text.WriteString(",")
			}
		}
		return text.String()
	}
	texts := map[int]string{height: insert(height), 1000 % height: insert(1000 % height)} // by rows
	return func(ctx context.Context, ts []tenancy.Tenant) error {
		tx, err := d.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		now := time.Now()
		at := d.time(now)
		for chunk := range slices.Chunk(ts, height) {
			args := make([]any, 0, width*height)
			for _, t := range chunk {
				args = append(args, tenancy.NewID(), t.Identifier, t.Name, driver.Fold(t.Name), "active", string(t.Isolation), "", t.SchemaName, t.Metadata.String(), at, at, 0)
			}
			if _, err := tx.ExecContext(ctx, texts[len(chunk)], args...); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
}
