package sqlite

import "github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"

// statements are the texts of what a write needs beside its own.
type statements struct {
	nobody string // takes the write lock, and forgets who wrote last
	lock   string // takes the write lock
	whose  string // who writes
	actor  string // says who writes
}

// newStatements builds what s needs, once.
func (s *store) newStatements() (x statements) {
	// WHERE TRUE keeps SQLite from emptying the table whether it is empty or not.
	x.nobody = "DELETE FROM " + s.Table("_actor") + " WHERE TRUE"
	x.lock = "DELETE FROM " + s.Table("_actor") + " WHERE FALSE"
	x.whose = "SELECT actor FROM " + s.Table("_actor")
	x.actor = "INSERT INTO " + s.Table("_actor") + " (actor) VALUES (?1)"
	return x
}

// serialTexts builds what s writes by, once.
func (s *store) serialTexts() (x engine.SerialTexts) {
	t := s.Table("")
	x.Own, x.OwnMany = s.Texts.ByID, s.Texts.ByIDs
	x.Insert = "INSERT INTO " + t + " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at)" +
		" SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10 FROM json_each(?1)"
	x.Remove = "DELETE FROM " + t + " WHERE id = ?1"
	const next = "updated_at = max(?2, updated_at + 1)"
	x.Put = "UPDATE " + t + " SET " + next + ", identifier = ?3, name = ?4, name_folded = ?5, status = ?6, isolation = ?7, database_url = ?8, schema_name = ?9, metadata = ?10 WHERE id = ?1 AND (?11 = -1 OR revision = ?11 AND mark = ?12)"
	x.Status = "UPDATE " + t + " SET status = ?3, " + next + " WHERE id = ?1"
	x.StatusOfMany = "UPDATE " + t + " SET status = ?3, updated_at = ?2 WHERE id IN (SELECT value FROM json_each(?1))"
	x.Merge = "UPDATE " + t + " SET " + next + ", metadata = ?3 WHERE id = ?1"
	x.Secret = "UPDATE " + t + " SET " + next + ", database_url = ?3 WHERE id = ?1 AND database_url = ?4"
	x.Newest = "SELECT max(updated_at) FROM " + t + " WHERE id IN (SELECT value FROM json_each(?1))"
	return x
}
