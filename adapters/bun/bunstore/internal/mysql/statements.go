package mysql

import (
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// statements are the texts of what a write needs beside its own.
type statements struct {
	lock   string // takes the lock of all writers
	actor  string // says who writes
	logged string // how many changes are newer than a revision
	owners string // as engine.Texts.Owners
}

// newStatements builds what s needs, once.
func (s *store) newStatements() (x statements) {
	x.lock = "SELECT h.revision, @tenantstore_actor, @@character_set_client, @@global.read_only FROM " + s.Source("_head", "h") + " WHERE h.id = 1 FOR UPDATE"
	x.actor = "SET @tenantstore_actor = ?1"
	x.logged = "SELECT COUNT(*) FROM " + s.Source("_changes", "c") + " WHERE c.revision > ?1"
	own := func(column, param string) string {
		return "(SELECT t.id, t.identifier FROM " + list(param) + " STRAIGHT_JOIN " + s.Source("", "t") + " ON " + column + " = j.value" + newest + ")"
	}
	x.owners = own("t.id", "?1") + " UNION ALL " + own("t.identifier", "?2")
	return x
}

// newest has a transaction read what others have committed since it began, under
// REPEATABLE READ too.
const newest = " FOR UPDATE"

// serialTexts builds what s writes by, once. Where rows are written by a list of ids, the
// list comes first: the database would look through all rows otherwise.
func (s *store) serialTexts() (x engine.SerialTexts) {
	t := s.Table("")
	listed := list("?1") + " STRAIGHT_JOIN " + s.Source("", "t") + " ON t.id = j.value"
	x.Own = s.Texts.Locked
	x.OwnMany = "SELECT " + engine.Columns + " FROM " + listed + newest
	text := func(column, kind, place string) string {
		return column + " " + kind + " " + collation + " PATH '$[" + place + "]', "
	}
	x.Insert = "INSERT INTO " + t + " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at)" +
		" SELECT r.id, r.identifier, r.name, r.name_folded, r.status, r.isolation, r.database_url, r.schema_name, r.metadata, r.created_at, r.updated_at" +
		" FROM JSON_TABLE(?1, '$[*]' COLUMNS (place FOR ORDINALITY, " +
		text("id", "VARCHAR(255)", "0") + text("identifier", "VARCHAR(63)", "1") + text("name", "VARCHAR(255)", "2") + text("name_folded", "TEXT", "3") +
		text("status", "VARCHAR(64)", "4") + text("isolation", "VARCHAR(64)", "5") + text("database_url", "TEXT", "6") + text("schema_name", "VARCHAR(255)", "7") +
		text("metadata", "LONGTEXT", "8") + "created_at BIGINT PATH '$[9]', updated_at BIGINT PATH '$[10]')) AS r ORDER BY r.place"
	x.Remove = "DELETE FROM " + t + " WHERE id = ?1"
	const next = "updated_at = GREATEST(?2, updated_at + 1)"
	x.Put = "UPDATE " + t + " SET " + next + ", identifier = ?3, name = ?4, name_folded = ?5, status = ?6, isolation = ?7, database_url = ?8, schema_name = ?9, metadata = ?10" +
		" WHERE id = ?1 AND (?11 = -1 OR revision = ?11 AND mark = ?12)"
	x.Status = "UPDATE " + t + " SET status = ?3, " + next + " WHERE id = ?1"
	x.StatusOfMany = "UPDATE " + listed + " SET status = ?3, updated_at = ?2"
	x.Merge = "UPDATE " + t + " SET " + next + ", metadata = ?3 WHERE id = ?1"
	x.Secret = "UPDATE " + t + " SET " + next + ", database_url = ?3 WHERE id = ?1 AND database_url = ?4"
	x.Free = "DELETE FROM " + s.Table("_names") + " WHERE tenant_id <> ?2 AND " + s.In("former", "?1")
	x.Newest = "SELECT MAX(t.updated_at) FROM " + listed + newest
	return x
}
