-- The search index of a store in PostgreSQL, by the extension pg_trgm. It is an
-- index like any other: every write keeps it up to date, whoever writes, and it
-- may be dropped at any time. Names are filled in as in schema.sql.
--
-- The file is idempotent. Run it in one transaction. It lets readers in and keeps
-- writers out while it lasts: seconds for a million tenants. To keep nobody out,
-- create the extension, and then run what stands between $index$ and $index$ by
-- itself, with CREATE INDEX CONCURRENTLY, and the schema of the extension instead
-- of %I.

DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm') THEN
        RAISE EXCEPTION 'the search index needs the extension pg_trgm, which is not installed on this server'
            USING ERRCODE = 'TS002', HINT = 'It comes with the package postgresql-contrib.';
    END IF;
    EXECUTE format('CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA %I',
        CASE WHEN to_regnamespace('public') IS NULL THEN '{{.Schema}}' ELSE 'public' END);
EXCEPTION
    WHEN unique_violation OR duplicate_object THEN
        NULL; -- another session was faster
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the search index needs the extension pg_trgm, which % may not create', current_user
            USING ERRCODE = 'TS001', HINT = 'Let an administrator run CREATE EXTENSION pg_trgm in this database.';
END
$do$;

-- The extension may have been created in any schema, which need not be in the
-- search path. The index collects recent writes in a list, which every search
-- reads and some write works off: 1 MB, not 4 MB as by default, bounds the time of
-- both, and saves almost as much.
DO $do$
BEGIN
    EXECUTE format($index$CREATE INDEX IF NOT EXISTS "{{.Table}}_search_idx" ON "{{.Schema}}"."{{.Table}}" USING gin (
        ({{searchText ""}}) %I.gin_trgm_ops) WITH (gin_pending_list_limit = 1024)$index$, (
        SELECT n.nspname FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_trgm'));
END
$do$;
