package bunstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", for the baselines

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// Every benchmark runs its baseline beside it, by hand on the same driver.

const benchRows = 10_000

// database is one of the three, with a second pool for the baselines.
type database struct {
	name  string
	store *bunstore.Store
	db    *sql.DB
	in    func(ids []string) (string, []any) // condition of the hand-written query by IDs, and its arguments
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
	out = append(out, database{"sqlite", store, db, func(ids []string) (string, []any) {
		data, _ := json.Marshal(ids)
		return "id IN (SELECT value FROM json_each($1))", []any{string(data)}
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
		out = append(out, database{"postgres", store, db, func(ids []string) (string, []any) { return "id = ANY($1)", []any{ids} }})
	}
	if dsn := newMySQL(b); dsn != "" {
		store, err := bunmysql.Open(b.Context(), dsn)
		if err != nil {
			b.Fatal(err)
		}
		db, err := sql.Open("mysql", dsn)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, database{"mysql", store, db, func(ids []string) (string, []any) {
			args := make([]any, len(ids))
			for i, id := range ids {
				args[i] = id
			}
			return "id IN (?" + strings.Repeat(",?", len(ids)-1) + ")", args
		}})
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
	if d.name == "postgres" {
		return t
	}
	return t.UnixMicro()
}

var dollar = regexp.MustCompile(`\$[0-9]+`)

// text is one whose parameters are numbered in the order of their places.
func (d database) text(s string) string {
	if d.name == "mysql" {
		return dollar.ReplaceAllString(s, "?")
	}
	return s
}

func (d database) prepare(b *testing.B, text string) *sql.Stmt {
	b.Helper()
	stmt, err := d.db.PrepareContext(b.Context(), d.text(text))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stmt.Close() })
	return stmt
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
	if text := map[string]string{"postgres": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE tenants, tenants_changes"}[d.name]; text != "" {
		if _, err := d.db.ExecContext(b.Context(), text); err != nil {
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
		values := map[string]string{"postgres": "identifier || '.test', now()", "sqlite": "identifier || '.test', 1", "mysql": "CONCAT(identifier, '.test'), 1"}
		for _, text := range []string{
			"CREATE TABLE copied AS SELECT id, identifier FROM tenants", // a statement that writes names in MySQL cannot read tenants
			"INSERT INTO tenants_names (tenant_id, value, verified_at) SELECT id, " + values[d.name] + " FROM copied",
		} {
			if _, err := d.db.ExecContext(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
		// With the samples of ANALYZE, SQLite could plan a statement anew for each domain.
		analyze := map[string]string{"postgres": "ANALYZE tenants_names", "sqlite": "ANALYZE", "mysql": "ANALYZE TABLE tenants_names"}
		if _, err := d.db.ExecContext(b.Context(), analyze[d.name]); err != nil {
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
	stmt := d.prepare(b, "SELECT "+handColumns+" FROM tenants WHERE identifier = $1")
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
	condition, args := d.in(ids)
	rows, err := d.db.QueryContext(ctx, "SELECT "+handColumns+" FROM tenants WHERE "+condition, args...)
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
			byHand := d.handSetStatus(b, table)
			statuses := []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive}
			compare(b, name, func(ctx context.Context, i int) error {
				return byHand(ctx, id(i), string(statuses[i/1000%2]))
			}, func(ctx context.Context, i int) error {
				_, err := d.store.SetStatus(ctx, id(i), statuses[(i/1000+1)%2])
				return err
			})
		}
	}
}

// handSetStatus returns a function that updates a row and reads it back; in MySQL, one that
// updates it in a transaction, which is less than the store does.
func (d database) handSetStatus(b *testing.B, table string) func(ctx context.Context, id, status string) error {
	b.Helper()
	text := "UPDATE " + table + " SET status = $1, updated_at = $2 WHERE id = $3"
	if d.name != "mysql" {
		stmt := d.prepare(b, text+" RETURNING "+handColumns)
		return func(ctx context.Context, id, status string) error {
			var r handRow
			return stmt.QueryRowContext(ctx, status, d.time(time.Now()), id).Scan(r.dest()...)
		}
	}
	stmt := d.prepare(b, text)
	return func(ctx context.Context, id, status string) error {
		tx, err := d.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, status, d.time(time.Now()), id); err != nil {
			return err
		}
		return tx.Commit()
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
		return d.text(text.String())
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
