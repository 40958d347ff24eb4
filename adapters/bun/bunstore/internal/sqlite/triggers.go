package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Triggers can get lost: some people drop them to load data, or copy tables without
// them. Then a write reaches no log and no cache, and nothing would say so. So the
// store looks before its first write, and again whenever somebody has changed the
// schema of the file; and Migrate makes anew what is not as it should be.

// object is a table, an index or a trigger of the schema.
type object struct{ kind, name, text string }

// objectsOf returns what a schema creates. Each CREATE begins a line of it, and each
// statement ends one.
func objectsOf(schema string, err error) ([]object, error) {
	if err != nil {
		return nil, err
	}
	var objects []object
	for _, text := range strings.Split(schema, "\nCREATE ")[1:] {
		kind, rest, _ := strings.Cut(strings.TrimPrefix(text, "UNIQUE "), ` "`)
		name, _, _ := strings.Cut(rest, `"`)
		end := ";\n"
		if kind == "TRIGGER" {
			end = "\nEND;\n"
		}
		text, _, _ = strings.Cut(text+"\n", end)
		objects = append(objects, object{kind, name, "CREATE " + text + end})
	}
	return objects, nil
}

var triggerName = regexp.MustCompile("^CREATE TRIGGER (\"[^\"]*\"|\\[[^]]*\\]|`[^`]*`|[^ ]+) ")

// body is what a trigger does, whatever its name, white space and comments are.
func (o object) body() string {
	var words []string
	for line := range strings.Lines(o.text) {
		code, _, _ := strings.Cut(line, "--")
		words = append(words, strings.Fields(code)...)
	}
	return triggerName.ReplaceAllString(strings.TrimSuffix(strings.Join(words, " "), ";"), "")
}

// schemaState is what is in the file, beside what should be.
type schemaState struct {
	newer  bool     // made by a newer version, of which this one knows nothing
	wrong  []object // what is missing, or in the case of triggers not there once as it should be
	own    []object // triggers that have the name or do the work of the store's
	search bool     // whether triggers of the search index are not as they should be
}

// state compares the schema with what this version makes.
func (s *store) state(ctx context.Context, in engine.Session) (state schemaState, err error) {
	var version engine.Integer
	if _, err := in.One(ctx, s.ReadVersion(), nil, &version, new(engine.Integer)); err != nil || version > engine.SchemaVersion {
		return schemaState{newer: true}, err
	}
	there, bodies := map[string]bool{}, map[string]int{}
	var triggers []object
	err = in.Each(ctx, "SELECT upper(type), name, sql FROM sqlite_master", nil, func(rows *sql.Rows) error {
		var kind, name, sql engine.Text
		err := rows.Scan(&kind, &name, &sql)
		o := object{string(kind), string(name), string(sql)}
		there[o.kind+o.name] = true
		if o.kind == "TRIGGER" {
			bodies[o.body()]++
			triggers = append(triggers, o)
		}
		return err
	})
	if err != nil {
		return state, err
	}
	should, err := objectsOf(s.Schema())
	if err != nil {
		return state, err
	}
	known := map[string]bool{}
	for _, o := range should {
		if o.kind == "TRIGGER" && bodies[o.body()] != 1 || o.kind != "TRIGGER" && !there[o.kind+o.name] {
			state.wrong = append(state.wrong, o)
		}
		known[o.name], known[o.body()] = true, true
	}
	if there["TABLE"+s.Names.Table+"_changes"] {
		found, err := in.One(ctx, "SELECT 1 FROM "+s.Table("_changes")+" LIMIT 1", nil, new(engine.Integer))
		if err != nil {
			return state, err
		}
		if !found {
			state.wrong = append(state.wrong, object{"ROW", "the newest row of " + s.Names.Table + "_changes", ""})
		}
	}
	log := "INSERT INTO " + s.Table("_changes") // of an older version, under another name
	for _, o := range triggers {
		if known[o.name] || known[o.body()] || strings.Contains(o.text, log) {
			state.own = append(state.own, o)
		}
	}
	index, err := objectsOf(s.SearchSchema())
	for _, o := range index {
		if there["TABLE"+s.Names.Table+"_search"] && o.kind == "TRIGGER" && bodies[o.body()] != 1 {
			state.search = true
		}
	}
	return state, err
}

func (s *store) Inspect(ctx context.Context) ([]engine.Finding, error) {
	state, err := s.state(ctx, s.Read)
	if err != nil {
		return nil, err
	}
	moved, err := s.file.moved(ctx, s)
	return append(engine.TriggerFinding(state.details()), moved...), err
}

// details names what is not as it should be.
func (s schemaState) details() (details []string) {
	for _, o := range s.wrong {
		details = append(details, strings.ToLower(o.kind)+" "+o.name)
	}
	if s.search {
		details = append(details, "a trigger of the search index")
	}
	return details
}

func (s schemaState) right() bool { return s.newer || len(s.wrong) == 0 && !s.search }

var errWrongTrigger = errors.New("wrong trigger")

// checkTriggers refuses to write what would not be logged.
func (s *store) checkTriggers(ctx context.Context, in engine.Session) error {
	var version engine.Integer
	if _, err := in.One(ctx, "SELECT schema_version FROM pragma_schema_version", nil, &version); err != nil || int64(version) == s.checked.Load() {
		return err
	}
	state, err := s.state(ctx, in)
	if err != nil {
		return err
	}
	for _, o := range state.wrong {
		if o.kind == "TRIGGER" {
			return &engine.Failure{
				Reason: tenancy.ErrUnavailable, Cause: errWrongTrigger,
				Text: "trigger " + o.name + " is missing, there twice, or not that of this version, so the write would not be logged as it must be: run Migrate",
			}
		}
	}
	s.checked.Store(int64(version))
	return nil
}

// repair brings an older schema up to date, and makes anew what is not as it should be. What
// was written meanwhile is perhaps not in the log, so it gets a reset, which touches every
// key.
func (s *store) repair(ctx context.Context, in engine.Session) error {
	old, err := s.Old(ctx, in)
	if err != nil {
		return err
	}
	state, err := s.state(ctx, in)
	if err != nil || state.right() && !old {
		return err
	}
	var texts, names []string
	for _, o := range state.wrong {
		if o.kind == "TABLE" && o.name == s.Names.Table {
			return s.TableGone()
		}
		names = append(names, o.name)
	}
	if len(state.wrong) > 0 {
		if texts, err = s.repairTexts(ctx, in, state); err != nil {
			return err
		}
	}
	if old {
		texts = append(texts, fmt.Sprintf("INSERT INTO %s (version, compatible_from) VALUES (%d, 1)", s.Table("_schema"), engine.SchemaVersion))
		s.Logger.InfoContext(ctx, "tenancy: bringing the schema up to date", slog.Int("version", engine.SchemaVersion))
	} else {
		s.Logger.WarnContext(ctx, "tenancy: parts of the schema were missing or changed; making them anew", slog.Any("names", names))
	}
	if state.search {
		index, err := s.SearchSchema()
		if err != nil {
			return err
		}
		texts = append(texts, s.SearchDrop(), index)
	}
	for _, text := range texts {
		if _, err := in.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) repairTexts(ctx context.Context, in engine.Session, state schemaState) (texts []string, err error) {
	should, err := objectsOf(s.Schema())
	if err != nil {
		return nil, err
	}
	for _, o := range state.wrong {
		if o.kind == "TABLE" || o.kind == "INDEX" {
			texts = append(texts, o.text)
		}
	}
	// Columns that a schema from before the first release lacks.
	tenants, changes, names := s.Table(""), s.Table("_changes"), s.Table("_names")
	for _, c := range []struct{ suffix, name, definition string }{
		{"", "mark", "INTEGER NOT NULL DEFAULT 0"},
		{"_changes", "fields", "TEXT NOT NULL DEFAULT '[]'"},
		{"_changes", "actor", "TEXT NOT NULL DEFAULT ''"},
		{"", "primary_domain", "TEXT NOT NULL DEFAULT ''"},
		{"", "names", "TEXT NOT NULL DEFAULT '[]'"},
		{"_colliding", "names", "TEXT NOT NULL DEFAULT '[]'"},
	} {
		var columns, found engine.Integer
		_, err := in.One(ctx, "SELECT count(*), coalesce(sum(name = ?2), 0) FROM pragma_table_info(?1)", []any{s.Names.Table + c.suffix, c.name}, &columns, &found)
		if err != nil {
			return nil, err
		}
		if columns > 0 && found == 0 {
			texts = append(texts, "ALTER TABLE "+s.Table(c.suffix)+" ADD COLUMN "+c.name+" "+c.definition)
		}
	}
	for _, o := range state.own {
		texts = append(texts, `DROP TRIGGER "`+strings.ReplaceAll(o.name, `"`, `""`)+`"`)
	}
	for _, o := range should {
		if o.kind == "TRIGGER" {
			texts = append(texts, o.text)
		}
	}
	return append(texts,
		"INSERT INTO "+changes+" (revision, op, tenant_id, keys)"+
			" SELECT max(coalesce((SELECT max(revision) FROM "+changes+"), 0), coalesce((SELECT max(revision) FROM "+tenants+"), 0)) + 1, 'reset', '', '[]'",
		// The triggers give what was inserted without them its place in the log.
		"UPDATE "+tenants+" SET mark = 1 WHERE mark = 0",
		// Names and tenants that were written without triggers agree again.
		"DELETE FROM "+names+" WHERE tenant_id NOT IN (SELECT id FROM "+tenants+")",
		"DELETE FROM "+names+" AS n WHERE kind = 'former' AND EXISTS (SELECT 1 FROM "+tenants+" AS t WHERE t.identifier = n.value AND t.id <> n.tenant_id)",
		"UPDATE "+tenants+" SET names = '' WHERE names <> '[]' OR id IN (SELECT tenant_id FROM "+names+")"), nil
}
