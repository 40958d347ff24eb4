package mysql

import (
	"context"
	"database/sql"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Triggers can get lost: mysqldump --skip-triggers leaves them out, and some people drop
// them to load data. Then writes by hand would reach no cache, and nothing would say so.
// The store's own writes fail; see locked.

// trigger is one as the schema has it.
type trigger struct{ name, head, body string }

var createTrigger = regexp.MustCompile("(?s)^CREATE TRIGGER `([^`]+)` (\\w+ \\w+ ON `[^`]+`) FOR EACH ROW\n(.*)$")

// ofTrigger finds the statements of the schema about one.
var ofTrigger = regexp.MustCompile("(?m)^(?:CREATE TRIGGER|DROP TRIGGER IF EXISTS) `([^`]+)`")

// triggersOf returns what a schema creates of them.
func triggersOf(schema string, err error) (triggers []trigger, _ error) {
	for _, text := range statementsOf(schema) {
		for strings.HasPrefix(text, "--") {
			_, text, _ = strings.Cut(text, "\n")
		}
		if m := createTrigger.FindStringSubmatch(text); m != nil {
			triggers = append(triggers, trigger{m[1], strings.ReplaceAll(m[2], "`", ""), words(m[3])})
		}
	}
	return triggers, err
}

// ofBrand is what the two kinds of server make of the collation in a schema: each takes its
// own.
var ofBrand = regexp.MustCompile(`/\*M?![0-9]*|\*/|utf8mb4_nopad_bin|utf8mb4_0900_bin`)

// words is what a trigger does, whatever its white space and comments are: clients take
// comments out.
func words(body string) string {
	var words []string
	for line := range strings.Lines(ofBrand.ReplaceAllString(body, "")) {
		code, _, _ := strings.Cut(line, "-- ")
		words = append(words, strings.Fields(code)...)
	}
	return strings.Join(words, " ")
}

// ofTables repeats a query of information_schema, which ends with the name of a table, for
// each table: with a constant the server looks up one, and opens all of them otherwise.
func (s *store) ofTables(text string) string {
	var texts []string
	for _, suffix := range suffixes {
		texts = append(texts, text+" = '"+s.Names.Table+suffix+"'")
	}
	return strings.Join(texts, " UNION ALL ")
}

// suffixes are those of the tables that the triggers need.
var suffixes = []string{"", "_changes", "_head", "_guard", "_names"}

// maySeeTriggers selects whether the user has the privilege for it. To who has none,
// MySQL shows no triggers at all.
const maySeeTriggers = `SELECT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER')
	OR EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND DATABASE() LIKE TABLE_SCHEMA)
	OR EXISTS (SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1)`

// wrong names what is wrong with the triggers and what they need, as this version of the
// schema has it; it knows nothing of a newer one.
func (s *store) wrong(ctx context.Context, in engine.Session) (wrong []string, err error) {
	var version engine.Integer
	if _, err := in.One(ctx, s.ReadVersion(), nil, &version, new(engine.Integer)); err != nil || version > engine.SchemaVersion {
		return nil, err
	}
	tables := map[string]bool{}
	err = in.Each(ctx, s.ofTables("SELECT t.TABLE_NAME, t.ENGINE FROM information_schema.TABLES AS t WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE' AND t.TABLE_NAME"), nil,
		func(rows *sql.Rows) error {
			var name, storage engine.Text
			err := rows.Scan(&name, &storage)
			tables[string(name)] = true
			if storage != "InnoDB" {
				wrong = append(wrong, "table "+string(name)+" with the engine "+string(storage))
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	if !tables[s.Names.Table] {
		return nil, s.TableGone()
	}
	err = in.Each(ctx, s.ofTables("SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLLATION_NAME FROM information_schema.COLUMNS AS c WHERE c.TABLE_SCHEMA = DATABASE()"+
		" AND c.COLUMN_NAME IN ('id', 'identifier', 'tenant_id') AND c.COLLATION_NAME NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') AND c.TABLE_NAME"), nil,
		func(rows *sql.Rows) error {
			var table, column, collation engine.Text
			err := rows.Scan(&table, &column, &collation)
			wrong = append(wrong, "column "+string(column)+" of "+string(table)+" with the collation "+string(collation))
			return err
		})
	if err != nil {
		return nil, err
	}
	// MariaDB and MySQL fire no triggers for what a foreign key does.
	err = in.Each(ctx, "SELECT f.CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS AS f WHERE f.CONSTRAINT_SCHEMA = DATABASE() AND f.TABLE_NAME = ?1"+
		" AND (f.UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION') OR f.DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION'))", []any{s.Names.Table},
		func(rows *sql.Rows) error {
			var name engine.Text
			err := rows.Scan(&name)
			wrong = append(wrong, "foreign key "+string(name)+" of "+s.Names.Table+", which changes tenants past the triggers")
			return err
		})
	if err != nil {
		return nil, err
	}
	for _, suffix := range suffixes[1:] {
		switch {
		case !tables[s.Names.Table+suffix]:
			wrong = append(wrong, "table "+s.Names.Table+suffix)
		case suffix == "_changes" || suffix == "_head":
			found, err := in.One(ctx, "SELECT 1 FROM "+s.Table(suffix)+" LIMIT 1", nil, new(engine.Integer))
			if err != nil {
				return nil, err
			}
			if !found {
				wrong = append(wrong, "the row of "+s.Names.Table+suffix)
			}
		}
	}
	missing, err := s.wrongTriggers(ctx, in)
	return append(wrong, missing...), err
}

func (s *store) wrongTriggers(ctx context.Context, in engine.Session) (wrong []string, err error) {
	should, err := triggersOf(s.Schema())
	if err != nil {
		return nil, err
	}
	there := map[trigger]bool{}
	err = in.Each(ctx, s.ofTables("SELECT TRIGGER_NAME, CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION, ' ON ', EVENT_OBJECT_TABLE), ACTION_STATEMENT FROM information_schema.TRIGGERS"+
		" WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE"), nil, func(rows *sql.Rows) error {
		var name, head, body engine.Text
		err := rows.Scan(&name, &head, &body)
		there[trigger{string(name), string(head), words(string(body))}] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(there) == 0 {
		var maySee bool
		if _, err := in.One(ctx, maySeeTriggers, []any{s.Names.Table}, &maySee); err != nil || !maySee {
			return nil, err
		}
	}
	for _, t := range should {
		if !there[t] && !there[trigger{t.name, t.head, ""}] { // MariaDB shows names to anybody, and bodies to few
			wrong = append(wrong, "trigger "+t.name)
		}
	}
	return wrong, nil
}

// Inspect is what Check does in MariaDB and MySQL alone.
func (s *store) Inspect(ctx context.Context) ([]engine.Finding, error) {
	wrong, err := s.wrong(ctx, s.Read)
	return engine.TriggerFinding(wrong), err
}

// repair makes anew what is not as it should be. What was written meanwhile is perhaps not
// in the log, so it gets a reset, which touches every key. What was inserted without
// triggers gets its place in the log.
func (s *store) repair(ctx context.Context, in engine.Session) error {
	wrong, err := s.wrong(ctx, in)
	if err != nil || len(wrong) == 0 {
		return err
	}
	s.Logger.WarnContext(ctx, "tenancy: parts of the schema were missing or changed; making them anew", slog.Any("names", wrong))
	right := func(trigger string) bool { return !slices.Contains(wrong, "trigger "+trigger) }
	if err := s.run(ctx, in, right); err != nil {
		return err
	}
	head := s.Table("_head")
	for _, text := range []string{
		"START TRANSACTION",
		"UPDATE " + head + " SET revision = revision + 1 WHERE id = 1",
		"SELECT h.revision INTO @tenantstore_reset FROM " + head + " AS h WHERE h.id = 1",
		"INSERT INTO " + s.Table("_changes") + " (revision, mark, tenant_id, `keys`, op, at) VALUES (@tenantstore_reset, " + mark + ", '', '[]', 'reset', " + now + ")",
		"COMMIT",
		"UPDATE " + s.Table("") + " SET mark = 1 WHERE mark = 0 OR revision >= @tenantstore_reset",
	} {
		if _, err := in.Exec(ctx, text); err != nil {
			return err
		}
	}
	if wrong, err = s.wrong(ctx, in); err == nil && len(wrong) > 0 {
		err = unfit("Migrate cannot put right " + strings.Join(wrong, ", ") + ": use ALTER TABLE, and what the schema says")
	}
	return err
}
