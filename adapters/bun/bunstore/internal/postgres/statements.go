package postgres

import (
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// statements are the texts of what the store writes.
type statements struct {
	insert, insertMany  string
	put, rename, stored string
	status, statuses    string
	merge               string
	lock, actor         string // of Exclusively
	setMetadata         string // in Exclusively
	secret              string // replaces a database_url
	softRemove, remove  string
	settings            string // of a transaction whose session is not ready
	lockTimeoutText     string
	enter, leave        string // a savepoint; the actor of a write is not that of what the caller writes after it
}

// newStatements builds what p writes by, once.
func (p *store) newStatements() statements {
	t := p.Table("")
	// own selects the row with id $1 if condition holds, and locks it.
	own := func(condition, strength string) string {
		return " WHERE t.id = (SELECT c.id FROM ONLY " + t + " AS c WHERE c.id = $1 AND " + noView("c") + condition + " FOR " + strength + " NOWAIT)"
	}
	// actor is a subquery that tells the triggers who makes the statement. It is not
	// pulled up, because its function is volatile.
	actor := func(param string) string {
		return "(SELECT CASE WHEN " + param + "::text <> '' THEN set_config('tenantstore.actor', " + param + "::text, true) END) AS actor"
	}
	const (
		stamp    = "updated_at = greatest(clock_timestamp(), t.updated_at + interval '1 microsecond')"
		inserted = " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at) "
		// An UPDATE that does not set a column of a unique index locks less: it
		// does not collide with foreign key checks of the application's tables.
		weak, strong = "NO KEY UPDATE", "UPDATE"
		unchanged    = " AND ($2::bigint = -1 OR c.revision = $2::bigint AND c.mark = $12::bigint)"
	)
	// Every write looks whether the triggers have stamped its row: then the setting of
	// the transaction names the row, or the revision of its deletion. What has stamped it
	// logs it when the statement is over, if the trigger of that kind of statement fires.
	// A number that is none makes the statement fail, and change nothing.
	setting := "current_setting('tenantstore." + p.Names.Schema + "." + p.Names.Table + "', true)"
	checked := func(condition string) string {
		return "CASE WHEN " + condition + " THEN t.mark::text ELSE '" + unlogged + "' END::bigint"
	}
	const ofInsert, ofUpdate = 4, 16 // as in pg_trigger.tgtype
	mark := func(event int) string {
		return checked(setting + " = t.revision || ' ' || t.id AND EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = '" + t + "'::regclass" +
			" AND g.tgfoid = '" + p.Table("_record") + "()'::regprocedure AND " + firesAfter(event) + ")")
	}
	insertReturned := " RETURNING " + strings.Replace(engine.Columns, "t.mark", mark(ofInsert), 1)
	returned := " RETURNING " + strings.Replace(engine.Columns, "t.mark", mark(ofUpdate), 1)
	returnedMark := " RETURNING " + mark(ofUpdate)
	mutable := "name = $4, name_folded = $5, status = $6, isolation = $7, database_url = $8, schema_name = $9, metadata = $10::jsonb, " + stamp + " FROM " + actor("$11")
	update, by := "UPDATE ONLY "+t+" AS t SET ", " FROM "+actor("$3")
	return statements{
		insert: "INSERT INTO " + t + " AS t" + inserted +
			"SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::jsonb, $10::timestamptz, $11::timestamptz FROM " + actor("$12") + insertReturned,
		insertMany: "INSERT INTO " + t + " AS t" + inserted +
			"SELECT n.id, n.identifier, n.name, n.name_folded, n.status, n.isolation, n.database_url, n.schema_name, n.metadata, n.created_at, n.updated_at" +
			" FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::timestamptz[], $11::timestamptz[])" +
			" WITH ORDINALITY AS n (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at, place), " + actor("$12") +
			" WHERE NOT EXISTS (SELECT FROM ONLY " + t + " AS c WHERE c.id = n.id) AND NOT EXISTS (SELECT FROM ONLY " + t + " AS c WHERE c.identifier = n.identifier)" +
			" ORDER BY n.place ON CONFLICT DO NOTHING" + insertReturned,
		put:    update + mutable + own(unchanged+" AND c.identifier = $3", weak) + returned,
		rename: update + "identifier = $3, " + mutable + own(unchanged, strong) + returned,
		stored: "SELECT t.revision, t.mark, t.identifier FROM " + p.Source("", "t") + " WHERE t.id = $1",
		status: update + "status = $2, " + stamp + by + own("", weak) + returned,
		statuses: "WITH own AS (SELECT c.id, c.updated_at FROM ONLY " + t + " AS c WHERE c.id = ANY($1::text[]) AND " + noView("c") + " ORDER BY c.id FOR " + weak + " NOWAIT)," +
			" stamp AS (SELECT greatest(clock_timestamp(), max(own.updated_at) + interval '1 microsecond') AS at FROM own, " + actor("$3") + ") " +
			update + "status = $2, updated_at = stamp.at FROM own, stamp WHERE t.id = own.id" + returned,
		merge: update + "metadata = t.metadata || $2::jsonb, " + stamp + by +
			own(" AND jsonb_typeof(c.metadata) = 'object' AND octet_length((c.metadata || $2::jsonb)::text) <= $4 AND c.metadata || $2::jsonb <> c.metadata", weak) + returned,
		lock:        "SELECT id FROM ONLY " + p.Table("_lock") + " FOR UPDATE",
		actor:       "SELECT set_config('tenantstore.actor', $1, true)",
		setMetadata: update + "metadata = $2::jsonb, " + stamp + by + " WHERE t.id = $1" + returned,
		secret:      update + "database_url = $2, " + stamp + by + own(" AND c.database_url = $4", weak) + returnedMark,
		softRemove:  update + "status = $2, " + stamp + by + own(" AND c.status <> $2", weak) + returnedMark,
		remove:      "DELETE FROM ONLY " + t + " AS t USING " + actor("$2") + own("", strong) + " RETURNING " + checked("nullif(split_part("+setting+", ' ', 1), '')::bigint > t.revision"),

		// The first of them must come before the first snapshot.
		settings: fmt.Sprintf("SET LOCAL transaction_read_only = off; SET LOCAL lock_timeout = %d; SET LOCAL row_security = off; SELECT 1 WHERE %s",
			max(p.LockTimeout.Milliseconds(), 1), sessionIsFit("")),
		enter: engine.Savepoint + "; SELECT set_config('tenantstore.actor_outside', coalesce(current_setting('tenantstore.actor', true), ''), true) WHERE " +
			sessionIsFit(p.showsAll("")),
		leave:           "SELECT set_config('tenantstore.actor', current_setting('tenantstore.actor_outside'), true); " + engine.Release,
		lockTimeoutText: fmt.Sprintf("SET LOCAL lock_timeout = %d", max(p.LockTimeout.Milliseconds(), 1)),
	}
}
