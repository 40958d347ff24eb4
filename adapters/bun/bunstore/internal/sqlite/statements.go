package sqlite

// statements are the texts of what the store writes.
type statements struct {
	nobody string // takes the write lock, and forgets who wrote last
	lock   string // takes the write lock
	whose  string // who writes
	actor  string // says who writes
	insert string // rows of a JSON array
	put    string // replaces every mutable field
	status string
	merge  string
	secret string // replaces a database_url
	newest string // latest updated_at
	remove string
}

// newStatements builds what s writes by, once.
func (s *store) newStatements() (x statements) {
	t := s.Table("")
	// WHERE TRUE keeps SQLite from emptying the table whether it is empty or not.
	x.nobody = "DELETE FROM " + s.Table("_actor") + " WHERE TRUE"
	x.lock = "DELETE FROM " + s.Table("_actor") + " WHERE FALSE"
	x.whose = "SELECT actor FROM " + s.Table("_actor")
	x.actor = "INSERT INTO " + s.Table("_actor") + " (actor) VALUES (?1)"
	x.insert = "INSERT INTO " + t + " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at)" +
		" SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10 FROM json_each(?1)"
	x.remove = "DELETE FROM " + t + " WHERE id = ?1"
	const next = "updated_at = max(?2, updated_at + 1)"
	x.put = "UPDATE " + t + " SET " + next + ", identifier = ?3, name = ?4, name_folded = ?5, status = ?6, isolation = ?7, database_url = ?8, schema_name = ?9, metadata = ?10 WHERE id = ?1 AND (?11 = -1 OR revision = ?11 AND mark = ?12)"
	x.status = "UPDATE " + t + " SET status = ?2, updated_at = ?3 WHERE id IN (SELECT value FROM json_each(?1))"
	x.merge = "UPDATE " + t + " SET " + next + ", metadata = ?3 WHERE id = ?1"
	x.secret = "UPDATE " + t + " SET " + next + ", database_url = ?3 WHERE id = ?1 AND database_url = ?4"
	x.newest = "SELECT max(updated_at) FROM " + t + " WHERE id IN (SELECT value FROM json_each(?1))"
	return x
}
