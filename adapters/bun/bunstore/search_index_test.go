package bunstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// pieces are what names and queries are made of: whatever is special to LIKE, to
// FTS5 or to pg_trgm, runes of one to four bytes, and texts whose lower case
// depends on the locale or on what stands beside them.
var pieces = []string{
	"a", "b", "c", "1", "x", "ab", "abc", "-", " ", "  ", "%", "_", `\`, `\\`, `"`, `""`, "'", "''", "*", "(", ")", "^", ":", "+", ".", "\n",
	"AND", "OR", "NOT", "NEAR", "é", "É", "e\u0301", "ß", "ẞ", "ς", "Σ", "σ", "İ", "ı", "I", "i", "\u212a", "ſ", "京", "都", "東", "😀", "👩\u200d🚀", "\u00ad", "x303",
}

func piecesOf(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// queriesOf returns parts of 0 to 5 runes of the texts, parts that are longer,
// and what is likely to be in none.
func queriesOf(r *rand.Rand, texts []string, n int) []string {
	queries := []string{"", "%", "_", `\`, `"`, "'", "*", "%%%", "___", `\\\`, `"""`, "'''", "NOT", "a*b", strings.Repeat("ab", 200)}
	for range n {
		runes := []rune(texts[r.IntN(len(texts))])
		at := r.IntN(len(runes))
		length := r.IntN(6)
		if r.IntN(4) == 0 {
			length = len(runes)
		}
		queries = append(queries, string(runes[at:min(at+length, len(runes))]), piecesOf(r, r.IntN(5)))
	}
	return queries
}

// The index finds what reading every tenant finds, in its order: of any text,
// with any filter, whatever was written since by whomever.
func TestSearchIndexFindsTheSame(t *testing.T) {
	eachIndexed(t, func(t *testing.T, db *bun.DB) {
		scanning := newStore(t, db)
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		var texts []string
		write := func(from, n int) {
			t.Helper()
			var ts []tenancy.Tenant
			for i := range n {
				name := piecesOf(r, 1+r.IntN(8))
				identifier := fmt.Sprintf("%s-%03d", []string{"abc", "x303x251", "bca"}[r.IntN(3)], from+i)
				ts = append(ts, tenancy.Tenant{ID: fmt.Sprintf("id-%03d", from+i), Identifier: identifier, Name: name, Status: tenancy.Statuses()[r.IntN(2)]})
				texts = append(texts, name, identifier, identifier+"\n"+name)
			}
			results, err := scanning.CreateBatch(t.Context(), ts)
			for _, r := range results {
				err = errors.Join(err, r.Err)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		write(0, 150) // the index is built for these
		indexed := newStore(t, db, bunstore.WithSampleShare(0))
		write(150, 150) // through a store that knows nothing of the index
		edit(t, db, r)

		found, unfolded := 0, 0
		for _, query := range queriesOf(r, texts, 500) {
			opts := tenancy.SearchOptions{Limit: 1 + r.IntN(20), Filter: tenancy.Filter{Statuses: tenancy.Statuses()[:r.IntN(3)]}}
			want, err1 := scanning.Search(t.Context(), query, opts)
			got, err2 := indexed.Search(t.Context(), query, opts)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatalf("%q: %v", query, err)
			}
			if diff := cmp.Diff(identifiers(want), identifiers(got)); diff != "" {
				t.Fatalf("%q with %v (-scan +index):\n%s", query, opts, diff)
			}
			if len([]rune(query)) > 2 {
				found += len(got)
				for _, tenant := range got {
					if tenant.SchemaName == "unfolded" {
						unfolded++
					}
				}
			}
		}
		if found < 100 || unfolded < 5 {
			t.Errorf("the queries found %d tenants, %d of them without a folded name: too few to say something", found, unfolded)
		}
		checkIndex(t, db)
	})
}

func identifiers(ts []tenancy.Tenant) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.Identifier + " " + t.Name
	}
	return out
}

// edit does to the table by hand whatever a person may do.
func edit(t *testing.T, db *bun.DB, r *rand.Rand) {
	t.Helper()
	run := func(text string, args ...any) {
		t.Helper()
		if _, err := db.DB.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	sqlite := db.Dialect().Name() == dialect.SQLite
	for i := 0; i < 300; i += 5 {
		id := fmt.Sprintf("id-%03d", i)
		switch i / 5 % 9 {
		case 0, 1:
			run("UPDATE tenants SET name = $1, name_folded = NULL, schema_name = 'unfolded' WHERE id = $2", "é"+piecesOf(r, 5), id)
		case 2:
			run("UPDATE tenants SET name = $1 WHERE id = $2", "By Hand "+piecesOf(r, 2), id)
		case 3:
			run("UPDATE tenants SET identifier = $1 WHERE id = $2", "abc-renamed-"+id, id)
		case 4:
			run("DELETE FROM tenants WHERE id = $1", id)
		case 5:
			run("UPDATE tenants SET id = $1 WHERE id = $2", "other-"+id, id)
		case 6:
			run("UPDATE tenants SET name_folded = 'folded by hand' WHERE id = $1", id)
		case 7:
			run("INSERT INTO tenants (id, identifier, name) VALUES ($1, $2, 'A') ON CONFLICT (id) DO UPDATE SET name = 'Upserted abc'", id, "upserted-"+id)
		case 8:
			if sqlite {
				run("INSERT OR REPLACE INTO tenants (id, identifier, name) SELECT $1, identifier, 'Replaced abc' FROM tenants WHERE id = $2", "new-"+id, id)
				run("INSERT OR REPLACE INTO tenants (id, identifier, name) VALUES ($1, $2, 'Replaced again')", "new-"+id, "replaced-"+id)
				run("UPDATE OR REPLACE tenants SET identifier = $1 WHERE id = $2", "replaced-"+id, fmt.Sprintf("id-%03d", i+1))
			}
		}
	}
	if sqlite {
		run("VACUUM") // may number the rows anew
	}
}

// checkIndex compares the index of SQLite with the table.
func checkIndex(t *testing.T, db *bun.DB) {
	t.Helper()
	if db.Dialect().Name() != dialect.SQLite {
		return
	}
	var wrong int
	if err := db.DB.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM tenants AS t FULL JOIN tenants_search AS s ON s.id = t.id
		WHERE s.text IS NOT coalesce(t.identifier || char(10) || t.name_folded, ''))`).Scan(&wrong); err != nil || wrong > 0 {
		t.Errorf("%d rows of the index are wrong, %v", wrong, err)
	}
	if _, err := db.DB.ExecContext(t.Context(), "INSERT INTO tenants_search_fts (tenants_search_fts, rank) VALUES ('integrity-check', 1)"); err != nil {
		t.Errorf("integrity-check: %v", err)
	}
}

// statements are the log lines of a store, which also works in the background.
type statements struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *statements) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(line)
}

func (l *statements) option() bunstore.Option {
	return bunstore.WithLogger(slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// take returns the lines since the last take.
func (l *statements) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.lines.Reset()
	return l.lines.String()
}

// The index serves what is rare. What is common, or too short for trigrams, is
// found as without it; and so is everything in a small store, and in one whose
// index somebody dropped.
func TestSearchIndexServesWhatIsRare(t *testing.T) {
	eachIndexed(t, func(t *testing.T, db *bun.DB) {
		ctx := t.Context()
		var log statements
		s := newStore(t, db, bunstore.WithSampleShare(2), log.option())
		// by says how s searched.
		by := func(query string) string {
			t.Helper()
			log.take()
			if _, err := s.Search(ctx, query, tenancy.SearchOptions{}); err != nil {
				t.Fatalf("%q: %v", query, err)
			}
			ran := log.take()
			how := "scan"
			if strings.Contains(ran, "LIKE $3") || strings.Contains(ran, "MATCH ?3") {
				how = "index"
			}
			if strings.Contains(ran, "sample") {
				how = "sample, " + how
			}
			return how
		}
		if got := by("needle"); got != "sample, scan" {
			t.Errorf("in an empty store: %s", got)
		}
		const n = 2000
		numbered(t, db, n)
		for query, want := range map[string]string{
			"needle":             "sample, index",
			"in no tenant":       "sample, index",
			"number":             "sample, scan",
			"tenant number":      "sample, scan",
			"tenant number 0000": "sample, scan", // common trigrams, whatever they are together
			"%%%":                "sample, index",
			"ee":                 "scan",
			"":                   "scan",
			"%":                  "scan",
			"é":                  "scan",
			"京都":                 "scan",
		} {
			if db.Dialect().Name() == dialect.PG {
				switch query {
				case "%%%":
					want = "scan" // pg_trgm has no trigrams of it
				case "é", "京都":
					want = "sample, index" // each byte becomes four characters
				}
			}
			if got := by(query); got != want {
				t.Errorf("%q: %s, want %s", query, got, want)
			}
		}
		if found, err := s.Search(ctx, "NEEDLE", tenancy.SearchOptions{}); err != nil || len(found) != 1 {
			t.Errorf("found %d, %v", len(found), err)
		}

		for range 2 {
			if err := s.DropSearchIndex(ctx); err != nil {
				t.Fatalf("DropSearchIndex: %v", err)
			}
		}
		if got := by("needle"); got != "scan" {
			t.Errorf("without the index: %s", got)
		}
		if _, err := s.Create(ctx, tenancy.Tenant{Identifier: "later", Name: "needlework"}); err != nil {
			t.Errorf("Create without the index: %v", err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if ran := log.take(); !strings.Contains(ran, "building the search index") || !strings.Contains(ran, "built the search index") {
			t.Errorf("the log says nothing of an index that is built: %s", ran)
		}
		if got := by("needle"); got != "sample, index" {
			t.Errorf("with the index again: %s", got)
		}
		if found, err := s.Search(ctx, "needle", tenancy.SearchOptions{}); err != nil || len(found) != 2 {
			t.Errorf("found %d, %v", len(found), err)
		}
	})
}

// numbered writes n tenants, one of which is called Needle, in one statement.
func numbered(t *testing.T, db *bun.DB, n int) {
	t.Helper()
	series := "(SELECT n FROM generate_series(1, $1::integer) AS n)"
	number := "lpad(n::text, 8, '0')"
	if db.Dialect().Name() == dialect.SQLite {
		series = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < $1) SELECT n FROM s)"
		number = "printf('%08d', n)"
	}
	text := "INSERT INTO tenants (identifier, name) SELECT 't-' || " + number + ", CASE n WHEN 100 THEN 'Needle' ELSE 'Tenant Number ' || " + number + " END FROM " + series + " AS s"
	if _, err := db.DB.ExecContext(t.Context(), text, n); err != nil {
		t.Fatal(err)
	}
}

// A process that knows the option and one that does not share a store; the one
// that does not may have started first.
func TestSearchIndexOfManyStarters(t *testing.T) {
	run := func(t *testing.T, open func() *bun.DB) {
		ctx := t.Context()
		old := newStore(t, open())
		if _, err := old.Create(ctx, tenancy.Tenant{Identifier: "before", Name: "Needle before"}); err != nil {
			t.Fatal(err)
		}
		stores := make([]*bunstore.Store, 8)
		for i := range stores {
			stores[i] = unmigrated(t, open(), bunstore.WithSampleShare(0))
		}
		var starters sync.WaitGroup
		for _, s := range stores {
			starters.Go(func() {
				if err := s.Migrate(ctx); err != nil {
					t.Errorf("Migrate: %v", err)
				}
			})
		}
		starters.Wait()
		if _, err := old.Create(ctx, tenancy.Tenant{Identifier: "after", Name: "Needle after"}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*bunstore.Store{old, stores[0]} {
			if found, err := s.Search(ctx, "needle", tenancy.SearchOptions{}); err != nil || len(found) != 2 {
				t.Errorf("found %v, %v", found, err)
			}
		}
		if err := old.Migrate(ctx); err != nil {
			t.Errorf("Migrate without the option: %v", err)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tenants.db")
		run(t, func() *bun.DB { return sqliteDB(t, path) })
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := newPostgres(t)
		run(t, func() *bun.DB { return postgresDB(t, dsn) })
	})
}

// Both scripts for an administrator make what Migrate makes.
func TestSearchIndexByHand(t *testing.T) {
	eachIndexed(t, func(t *testing.T, db *bun.DB) {
		for table, script := range map[string]func(dialect.Name, ...bunstore.Option) (string, error){
			"whole": bunstore.DDL,
			"later": func(name dialect.Name, opts ...bunstore.Option) (string, error) {
				newStore(t, db, bunstore.WithTable("later"))
				return bunstore.SearchIndexDDL(name, opts...)
			},
		} {
			opts := []bunstore.Option{bunstore.WithTable(table), bunstore.WithSampleShare(0)}
			text, err := script(db.Dialect().Name(), opts...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.DB.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
			var log statements
			s := newStore(t, db, append(opts, log.option())...)
			if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Needle"}); err != nil {
				t.Fatal(err)
			}
			found, err := s.Search(t.Context(), "needle", tenancy.SearchOptions{})
			if err != nil || len(found) != 1 {
				t.Errorf("%s: found %d, %v", table, len(found), err)
			}
			if ran := log.take(); strings.Contains(ran, "building") || !strings.Contains(ran, "LIKE $3") && !strings.Contains(ran, "MATCH ?3") {
				t.Errorf("%s: the index of the script was not taken: %s", table, ran)
			}
		}
	})
}

// A role that may not create the extension is told what to do; once somebody has,
// in whatever schema, the role may create the index.
func TestSearchIndexNeedsTheExtension(t *testing.T) {
	dsn := newPostgres(t)
	role := "role_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	admin(t, dsn, "CREATE ROLE "+role)
	t.Cleanup(func() { admin(t, dsn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	admin(t, dsn, "CREATE SCHEMA app AUTHORIZATION "+role)
	admin(t, dsn, `DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM PUBLIC', current_database()); END $$`)
	open := func() *bun.DB {
		db := postgresDB(t, dsn)
		db.SetMaxOpenConns(1)
		if _, err := db.ExecContext(t.Context(), "SET ROLE "+role+"; SET search_path = ''"); err != nil {
			t.Fatal(err)
		}
		return db
	}
	s := unmigrated(t, open(), bunstore.WithSchema("app"), bunstore.WithSampleShare(0))
	err := s.Migrate(t.Context())
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "CREATE EXTENSION pg_trgm") {
		t.Errorf("Migrate: %v", err)
	}
	admin(t, dsn, "CREATE SCHEMA extensions")
	admin(t, dsn, "CREATE EXTENSION pg_trgm SCHEMA extensions")
	admin(t, dsn, "GRANT USAGE ON SCHEMA extensions TO "+role)
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate: %v", err)
	}
}

// An administrator may create the index without keeping writers out, as the file
// says.
func TestSearchIndexConcurrently(t *testing.T) {
	dsn := newPostgres(t)
	db := postgresDB(t, dsn)
	newStore(t, db)
	script, err := bunstore.SearchIndexDDL(dialect.PG)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(script, "$index$")
	if len(parts) < 3 {
		t.Fatalf("no statement in %s", script)
	}
	admin(t, dsn, "CREATE EXTENSION pg_trgm")
	statement := strings.Replace(parts[len(parts)-2], "CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1)
	admin(t, dsn, strings.Replace(statement, "%I", "public", 1))
	var log statements
	s := newStore(t, db, bunstore.WithSampleShare(2), log.option())
	numbered(t, db, 2000)
	if found, err := s.Search(t.Context(), "needle", tenancy.SearchOptions{}); err != nil || len(found) != 1 {
		t.Errorf("found %d, %v", len(found), err)
	}
	if ran := log.take(); strings.Contains(ran, "building") || !strings.Contains(ran, "LIKE $3") {
		t.Error("the index was not taken")
	}
	if plan := explain(t, db, s.IndexedSearchText(), "needle", 10, "%needle%"); !strings.Contains(plan, "tenants_search_idx") {
		t.Errorf("PostgreSQL does not use the index: %s", plan)
	}
}

// explain returns a plan that avoids reading the whole table, which is the best
// plan for a small one.
func explain(t *testing.T, db *bun.DB, text string, args ...any) string {
	t.Helper()
	tx, err := db.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "SET LOCAL enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// Whoever starts while another process builds an index waits for it, however
// long that takes.
func TestMigrateWaitsForAnother(t *testing.T) {
	dsn := newPostgres(t)
	other, err := postgresDB(t, dsn).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback() }()
	s := unmigrated(t, postgresDB(t, dsn), bunstore.WithLockTimeout(time.Millisecond), bunstore.WithRetryTimeout(time.Millisecond))
	if _, err := other.ExecContext(t.Context(), s.MigrationLockText()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Migrate(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("Migrate did not wait: %v", err)
	case <-time.After(200 * time.Millisecond): // many times the time-outs
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Migrate: %v", err)
	}
}

// An index that CREATE INDEX CONCURRENTLY has not finished is left alone.
func TestSearchIndexThatIsNotValid(t *testing.T) {
	dsn := newPostgres(t)
	var log statements
	s := newStore(t, postgresDB(t, dsn), bunstore.WithSampleShare(0), log.option())
	admin(t, dsn, "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'tenants_search_idx'::regclass")
	log.take()
	if err := s.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Search(t.Context(), "needle", tenancy.SearchOptions{}); err != nil {
		t.Error(err)
	}
	if ran := log.take(); strings.Contains(ran, "LIKE $3") {
		t.Error("the index was used")
	}
}
