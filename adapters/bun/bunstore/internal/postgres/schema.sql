-- The tables, functions and triggers of a store in PostgreSQL 14 or later.
--
-- Three names are filled in by text/template; each is a plain identifier, and
-- the quotes around it are part of this file:
--
--   .Schema   the schema; created if it is missing
--   .Table    the table of tenants; every other name begins with it
--   .Channel  the channel of NOTIFY
--
-- The file is idempotent, and brings a schema of an older version up to date. Run it
-- in one transaction. A role that only writes tenants needs INSERT, UPDATE, DELETE,
-- SELECT on the tables of tenants and of names, SELECT and INSERT on the changes,
-- SELECT and UPDATE on the lock. That of the library also needs DELETE on the changes,
-- to trim them, and SELECT on the versions.

DO $do$
DECLARE
    other text;
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'tenantstore needs a database with encoding UTF8, this one has %', current_setting('server_encoding')
            USING ERRCODE = 'feature_not_supported';
    END IF;
    -- CREATE SCHEMA IF NOT EXISTS would need a privilege even where it exists.
    IF to_regnamespace('"{{.Schema}}"') IS NULL THEN
        CREATE SCHEMA "{{.Schema}}";
    END IF;
    -- IF NOT EXISTS would take a table or index of another program for one of a store.
    -- The sign is a column or a constraint of the table, or of that of the index.
    SELECT c.relname INTO other
    FROM (VALUES ('', 'name_folded'), ('_pkey', 'name_folded'), ('_identifier_key', 'name_folded'), ('_created_at_idx', 'name_folded'),
        ('_status_idx', 'name_folded'), ('_unfolded_idx', 'name_folded'), ('_search_idx', 'name_folded'), ('_changes', 'mark'),
        ('_changes_pkey', 'mark'), ('_lock', '{{.Table}}_lock_check'), ('_lock_pkey', '{{.Table}}_lock_check'),
        ('_schema', 'compatible_from'), ('_names', '{{.Table}}_names_check'), ('_names_pkey', '{{.Table}}_names_check'),
        ('_names_domain_key', '{{.Table}}_names_check'), ('_names_former_key', '{{.Table}}_names_check'),
        ('_names_ends_idx', '{{.Table}}_names_check')) AS ours (suffix, sign)
    JOIN pg_catalog.pg_class AS c ON c.relname = '{{.Table}}' || ours.suffix AND c.relnamespace = to_regnamespace('"{{.Schema}}"')
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
    WHERE NOT (ours.suffix = '_lock' AND c.relkind = 'v') AND NOT EXISTS ( -- what writes to a view says so
        SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = coalesce(i.indrelid, c.oid) AND a.attname = ours.sign
        UNION ALL SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = coalesce(i.indrelid, c.oid) AND k.conname = ours.sign);
    IF FOUND THEN
        RAISE EXCEPTION '{{.Schema}}.% exists already and is not a table of tenantstore', other
            USING ERRCODE = 'duplicate_table', HINT = 'Choose another name: bunstore.WithTable, bunstore.WithSchema.';
    END IF;
END
$do$;

-- Text is compared and ordered by bytes, as everywhere in tenantstore. The
-- defaults let a person insert a tenant by identifier and name alone. Status and
-- isolation are not checked: a newer version of the library may know more.
CREATE TABLE IF NOT EXISTS "{{.Schema}}"."{{.Table}}" (
    id           text COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text,
    identifier   text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    name_folded  text COLLATE "C", -- NULL: whoever searches must fold name
    status       text COLLATE "C" NOT NULL DEFAULT 'active',
    isolation    text COLLATE "C" NOT NULL DEFAULT '',
    database_url text COLLATE "C" NOT NULL DEFAULT '',
    schema_name  text COLLATE "C" NOT NULL DEFAULT '',
    metadata     jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    revision     bigint NOT NULL, -- set by trigger, whatever a statement says
    mark         bigint NOT NULL, -- the same: with revision, it names the row's last change in the log
    primary_domain text COLLATE "C" NOT NULL DEFAULT '', -- one of its verified domains; another text counts as none
    names        jsonb NOT NULL DEFAULT '[]', -- set by trigger: what the table of names has, in short
    CONSTRAINT "{{.Table}}_pkey" PRIMARY KEY (id),
    CONSTRAINT "{{.Table}}_identifier_key" UNIQUE (identifier),
    CONSTRAINT "{{.Table}}_id_check" CHECK (char_length(id) BETWEEN 1 AND 255),
    CONSTRAINT "{{.Table}}_identifier_check" CHECK (identifier ~ '^[a-z][a-z0-9-]{1,61}[a-z0-9]$'),
    CONSTRAINT "{{.Table}}_name_check" CHECK (char_length(name) BETWEEN 1 AND 255),
    CONSTRAINT "{{.Table}}_metadata_check" CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT "{{.Table}}_created_at_check" CHECK (
        created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT "{{.Table}}_updated_at_check" CHECK (
        updated_at >= '0001-01-01 00:00:00+00' AND updated_at < '10000-01-01 00:00:00+00')
);
CREATE INDEX IF NOT EXISTS "{{.Table}}_created_at_idx" ON "{{.Schema}}"."{{.Table}}" (created_at, id);
CREATE INDEX IF NOT EXISTS "{{.Table}}_status_idx" ON "{{.Schema}}"."{{.Table}}" (status, created_at, id);
CREATE INDEX IF NOT EXISTS "{{.Table}}_unfolded_idx" ON "{{.Schema}}"."{{.Table}}" (id) WHERE name_folded IS NULL;

-- The change log. It always holds its newest row, so that revisions go on from
-- there.
CREATE TABLE IF NOT EXISTS "{{.Schema}}"."{{.Table}}_changes" (
    revision  bigint NOT NULL,
    mark      bigint NOT NULL, -- random: tells two histories with equal revisions apart; never 0
    tenant_id text COLLATE "C" NOT NULL, -- empty for a reset
    keys      jsonb NOT NULL, -- [[kind, value], …]: every key touched, old and new
    op        text COLLATE "C" NOT NULL, -- create, update, delete, reset
    fields    jsonb NOT NULL DEFAULT '[]', -- of an update: names of the fields that changed, in order
    actor     text COLLATE "C" NOT NULL DEFAULT '', -- who did it, if that is known
    at        timestamptz NOT NULL,
    CONSTRAINT "{{.Table}}_changes_pkey" PRIMARY KEY (revision)
);

-- For what was made before the first release.
DROP FUNCTION IF EXISTS "{{.Schema}}"."{{.Table}}_log"() CASCADE;
ALTER TABLE "{{.Schema}}"."{{.Table}}" ADD COLUMN IF NOT EXISTS mark bigint NOT NULL DEFAULT uuid_hash_extended(gen_random_uuid(), 0) | 1;
ALTER TABLE "{{.Schema}}"."{{.Table}}_changes" ADD COLUMN IF NOT EXISTS fields jsonb NOT NULL DEFAULT '[]';
ALTER TABLE "{{.Schema}}"."{{.Table}}_changes" ADD COLUMN IF NOT EXISTS actor text COLLATE "C" NOT NULL DEFAULT '';

-- Other names of tenants: domains, which are claims until they have a verified_at, and
-- former identifiers. A former identifier may be here before the tenant is renamed: as
-- long as it is the tenant's own identifier, it counts as not there.
--
-- Whoever may write tenants may write their names: on the day that this table comes to
-- an older schema, too, whose programs go on meanwhile.
DO $do$
BEGIN
    IF to_regclass('"{{.Schema}}"."{{.Table}}_names"') IS NULL THEN
        CREATE TABLE "{{.Schema}}"."{{.Table}}_names" (
            tenant_id   text COLLATE "C" NOT NULL,
            kind        text COLLATE "C" NOT NULL DEFAULT 'domain',
            value       text COLLATE "C" NOT NULL,
            token       text COLLATE "C" NOT NULL DEFAULT '', -- for a proof of the claim
            created_at  timestamptz NOT NULL DEFAULT now(),
            verified_at timestamptz,
            expires_at  timestamptz, -- NULL: it does not end
            CONSTRAINT "{{.Table}}_names_pkey" PRIMARY KEY (tenant_id, kind, value),
            CONSTRAINT "{{.Table}}_names_check" CHECK (CASE kind
                WHEN 'former' THEN value ~ '^[a-z][a-z0-9-]{1,61}[a-z0-9]$'
                WHEN 'domain' THEN char_length(value) <= 253 AND value ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'
                ELSE false END)
        );
        EXECUTE (SELECT coalesce(string_agg(format('GRANT %s ON "{{.Schema}}"."{{.Table}}_names" TO %s', a.privilege_type,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END), '; '), 'SELECT')
            FROM pg_catalog.pg_class AS c CROSS JOIN pg_catalog.aclexplode(c.relacl) AS a
            WHERE c.oid = '"{{.Schema}}"."{{.Table}}"'::regclass AND a.grantee <> c.relowner
                AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'));
    END IF;
END
$do$;
CREATE UNIQUE INDEX IF NOT EXISTS "{{.Table}}_names_domain_key" ON "{{.Schema}}"."{{.Table}}_names" (value) WHERE kind = 'domain' AND verified_at IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS "{{.Table}}_names_former_key" ON "{{.Schema}}"."{{.Table}}_names" (value) WHERE kind = 'former';
CREATE INDEX IF NOT EXISTS "{{.Table}}_names_ends_idx" ON "{{.Schema}}"."{{.Table}}_names" (expires_at) WHERE kind = 'former';
ALTER TABLE "{{.Schema}}"."{{.Table}}" ADD COLUMN IF NOT EXISTS primary_domain text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE "{{.Schema}}"."{{.Table}}" ADD COLUMN IF NOT EXISTS names jsonb NOT NULL DEFAULT '[]';

-- One row, locked by every statement that writes tenants, until its transaction
-- ends: that makes the order of revisions the order of commits. It is locked but
-- never updated: a row that every statement updates leaves a version behind each
-- time, and while its transaction or an old snapshot (pg_dump) lasts, none of
-- them can be pruned, and all later statements walk over them.
CREATE TABLE IF NOT EXISTS "{{.Schema}}"."{{.Table}}_lock" (
    id smallint NOT NULL DEFAULT 1,
    CONSTRAINT "{{.Table}}_lock_pkey" PRIMARY KEY (id),
    CONSTRAINT "{{.Table}}_lock_check" CHECK (id = 1)
);

COMMENT ON TABLE "{{.Schema}}"."{{.Table}}" IS 'tenantstore: tenants; may be edited by hand, triggers keep the log';
COMMENT ON TABLE "{{.Schema}}"."{{.Table}}_names" IS 'tenantstore: domains and former identifiers of tenants; may be edited by hand, triggers keep the log';
COMMENT ON TABLE "{{.Schema}}"."{{.Table}}_changes" IS 'tenantstore: change log, trimmed by the library; do not edit';
COMMENT ON TABLE "{{.Schema}}"."{{.Table}}_lock" IS 'tenantstore: its one row is locked by every writer; do not edit';

-- Returns the newest revision. When a transaction calls it first, it takes the lock
-- and announces the change; of equal notifications PostgreSQL sends one for each
-- transaction. From then on nobody else takes revisions, and the setting
-- tenantstore.{{.Schema}}.{{.Table}} has the newest one until the transaction ends, or goes
-- back to a savepoint: the log gets its rows later, when the statement ends.
--
-- The ID after the revision is that of the row that has taken it. That row may not
-- have been written after all, because of ON CONFLICT or another trigger. Then its
-- revision is free.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_newest"() RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
    _state text := current_setting('tenantstore.{{.Schema}}.{{.Table}}', true);
    _newest bigint;
BEGIN
    IF _state IS NULL OR _state = '' THEN
        PERFORM pg_notify('{{.Channel}}', '') FROM ONLY "{{.Schema}}"."{{.Table}}_lock" FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'table {{.Schema}}.{{.Table}}_lock has lost its row'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'INSERT INTO "{{.Schema}}"."{{.Table}}_lock" VALUES (1)';
        END IF;
        SELECT c.revision INTO _newest FROM ONLY "{{.Schema}}"."{{.Table}}_changes" AS c ORDER BY c.revision DESC LIMIT 1; -- as of after the wait
        RETURN coalesce(_newest, 0);
    END IF;
    _newest := split_part(_state, ' ', 1);
    IF strpos(_state, ' ') > 0 AND NOT EXISTS (SELECT FROM ONLY "{{.Schema}}"."{{.Table}}" AS t
        WHERE t.id = substr(_state, strpos(_state, ' ') + 1) AND t.revision = _newest) THEN
        RETURN _newest - 1;
    END IF;
    RETURN _newest;
END
$body$;

-- Takes the lock, before the statement locks any tenant. Within another trigger,
-- the row that has taken a revision last is perhaps about to be written.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_take_lock"() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    _state text := current_setting('tenantstore.{{.Schema}}.{{.Table}}', true);
BEGIN
    IF pg_trigger_depth() > 1 AND _state <> '' THEN
        _state := split_part(_state, ' ', 1);
    ELSE
        _state := "{{.Schema}}"."{{.Table}}_newest"();
    END IF;
    _state := set_config('tenantstore.{{.Schema}}.{{.Table}}', _state, true);
    RETURN NULL;
END
$body$;

-- Returns the names of a tenant in short, as its row has them: [kind, value] of each by
-- which the tenant is found, and of each claim also the token. So a trigger sees by the
-- row alone which keys a change of the tenant touches, and which names it has lost.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_names_of"(_id text, _identifier text) RETURNS jsonb LANGUAGE sql STABLE AS $body$
    SELECT coalesce(jsonb_agg(CASE WHEN n.kind = 'domain' AND n.verified_at IS NULL THEN jsonb_build_array('claim', n.value, n.token)
        ELSE jsonb_build_array(n.kind, n.value) END ORDER BY n.kind, n.value), '[]')
    FROM ONLY "{{.Schema}}"."{{.Table}}_names" AS n
    WHERE n.tenant_id = _id AND NOT (n.kind = 'former' AND n.value = _identifier)
$body$;

-- Returns the keys of names in short: claims have none.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_name_keys"(_names jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $body$
    SELECT coalesce(jsonb_agg(DISTINCT e.name), '[]') FROM jsonb_array_elements(_names) AS e (name) WHERE e.name ->> 0 <> 'claim'
$body$;

{{- /* What the function below inserts into the log. */ -}}
{{define "log" -}}
INSERT INTO "{{.Schema}}"."{{.Table}}_changes" (actor, at, revision, mark, tenant_id, op, keys, fields)
            SELECT left(coalesce(current_setting('tenantstore.actor', true), ''), 255), clock_timestamp(), n.revision, n.mark, n.id
{{- end}}
{{define "keys"}}jsonb_build_array(jsonb_build_array('id', n.id), jsonb_build_array('identifier', n.identifier)){{end}}
{{define "create"}}{{template "log" .}}, 'create', {{template "keys"}}, '[]'{{end}}
{{define "update"}}{{template "log" .}}, 'update', {{template "keys"}}
                || CASE WHEN n.id <> o.id THEN jsonb_build_array(jsonb_build_array('id', o.id)) ELSE '[]' END
                || CASE WHEN n.identifier <> o.identifier THEN jsonb_build_array(jsonb_build_array('identifier', o.identifier)) ELSE '[]' END
                || CASE WHEN n.names <> '[]' OR o.names <> '[]' THEN "{{.Schema}}"."{{.Table}}_name_keys"(o.names || n.names) ELSE '[]' END,
            to_jsonb(array_remove(ARRAY[
                CASE WHEN n.database_url <> o.database_url THEN 'database_url' END,
                CASE WHEN n.id <> o.id THEN 'id' END,
                CASE WHEN n.identifier <> o.identifier THEN 'identifier' END,
                CASE WHEN n.isolation <> o.isolation THEN 'isolation' END,
                CASE WHEN n.metadata <> o.metadata THEN 'metadata' END,
                CASE WHEN n.name <> o.name THEN 'name' END,
                CASE WHEN n.names <> o.names OR n.primary_domain <> o.primary_domain THEN 'names' END,
                CASE WHEN n.schema_name <> o.schema_name THEN 'schema_name' END,
                CASE WHEN n.status <> o.status THEN 'status' END], NULL))
{{- end}}
{{- define "skip-conflicts"}}ON CONFLICT ON CONSTRAINT "{{.Table}}_changes_pkey" DO NOTHING{{end -}}
-- Stamps each row before it is written, and logs the rows when the statement is over:
-- all at once, or one by one where triggers of statements do not fire. It fires last,
-- so that it sees what other triggers made of a row. Both are one function, so that who
-- finds a row stamped knows that this function is what it should be.
--
-- The old and the new rows of a statement come in the same order. What joins them by it
-- was perhaps planned for few rows and has to do with many: hence no nested loop.
--
-- ON CONFLICT is for sessions under REPEATABLE READ that do not see the newest row:
-- it gives them a serialization failure instead of a duplicate key. RETURNING makes a
-- statement fail that a rule (CREATE RULE) would swallow.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_record"() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    _state text;
    _logged bigint;
    _nestloop text;
    _primary jsonb;
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        IF TG_OP = 'DELETE' THEN
            PERFORM "{{.Schema}}"."{{.Table}}_append"('delete', OLD.id, jsonb_build_array(
                jsonb_build_array('id', OLD.id), jsonb_build_array('identifier', OLD.identifier)) || "{{.Schema}}"."{{.Table}}_name_keys"(OLD.names));
            RETURN OLD;
        END IF;
        NEW.revision := "{{.Schema}}"."{{.Table}}_newest"() + 1;
        NEW.mark := uuid_hash_extended(gen_random_uuid(), 0) | 1;
        _state := set_config('tenantstore.{{.Schema}}.{{.Table}}', NEW.revision || ' ' || NEW.id, true);
        IF TG_OP = 'INSERT' THEN
            NEW.names := '[]';
        ELSE
            IF NEW.names <> OLD.names OR NEW.identifier <> OLD.identifier THEN
                NEW.names := "{{.Schema}}"."{{.Table}}_names_of"(OLD.id, NEW.identifier);
                _primary := jsonb_build_array(jsonb_build_array('domain', NEW.primary_domain));
                IF OLD.names @> _primary AND NOT NEW.names @> _primary THEN
                    NEW.primary_domain := '';
                END IF;
            END IF;
            IF NEW.name <> OLD.name AND NEW.name_folded = OLD.name_folded THEN
                NEW.name_folded := NULL; -- it belongs to the old name
            END IF;
            IF NEW.updated_at <= OLD.updated_at THEN
                NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
            END IF;
        END IF;
        -- A name in ASCII is the one that can be folded here.
        IF NEW.name_folded IS NULL AND octet_length(NEW.name) = char_length(NEW.name) THEN
            NEW.name_folded := lower(NEW.name);
        END IF;
        RETURN NEW;
    END IF;
    IF TG_LEVEL = 'ROW' AND TG_OP = 'INSERT' THEN
        {{template "create" .}}
            FROM (SELECT NEW.*) AS n {{template "skip-conflicts" .}} RETURNING revision INTO _logged;
    ELSIF TG_LEVEL = 'ROW' THEN
        {{template "update" .}}
            FROM (SELECT NEW.*) AS n, (SELECT OLD.*) AS o
            WHERE n.revision <> o.revision {{template "skip-conflicts" .}} RETURNING revision INTO _logged;
    ELSE
        PERFORM FROM new_rows OFFSET 1 LIMIT 1;
        IF TG_OP = 'INSERT' AND FOUND THEN
            WITH logged AS ({{template "create" .}}
                FROM new_rows AS n {{template "skip-conflicts" .}} RETURNING revision)
            SELECT max(l.revision) INTO _logged FROM logged AS l;
        ELSIF TG_OP = 'INSERT' THEN
            {{template "create" .}}
                FROM new_rows AS n {{template "skip-conflicts" .}} RETURNING revision INTO _logged;
        ELSIF FOUND THEN
            _nestloop := current_setting('enable_nestloop');
            PERFORM set_config('enable_nestloop', 'off', true);
            WITH logged AS ({{template "update" .}}
                FROM (SELECT *, row_number() OVER () AS place FROM new_rows) AS n
                JOIN (SELECT *, row_number() OVER () AS place FROM old_rows) AS o USING (place)
                WHERE n.revision <> o.revision {{template "skip-conflicts" .}} RETURNING revision)
            SELECT max(l.revision) INTO _logged FROM logged AS l;
            PERFORM set_config('enable_nestloop', _nestloop, true);
        ELSE
            {{template "update" .}}
                FROM new_rows AS n, old_rows AS o
                WHERE n.revision <> o.revision {{template "skip-conflicts" .}} RETURNING revision INTO _logged;
        END IF;
    END IF;
    -- As a rule a row that was written took the newest revision. If not, look what did.
    IF _logged IS NULL OR _logged::text <> split_part(current_setting('tenantstore.{{.Schema}}.{{.Table}}'), ' ', 1) THEN
        _logged := "{{.Schema}}"."{{.Table}}_newest"();
    END IF;
    _state := set_config('tenantstore.{{.Schema}}.{{.Table}}', _logged::text, true);
    RETURN NULL;
END
$body$;

-- Takes a revision and logs it.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_append"(_op text, _tenant_id text, _keys jsonb) RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
    _revision bigint := "{{.Schema}}"."{{.Table}}_newest"() + 1;
    _state text := set_config('tenantstore.{{.Schema}}.{{.Table}}', _revision::text, true);
BEGIN
    {{template "log" .}}, _op, _keys, '[]'
            FROM (SELECT _revision AS revision, uuid_hash_extended(gen_random_uuid(), 0) | 1 AS mark, _tenant_id AS id) AS n
            {{template "skip-conflicts" .}} RETURNING revision INTO _revision;
    RETURN _revision;
END
$body$;

-- Logs that every tenant is gone.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_record_truncate"() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM "{{.Schema}}"."{{.Table}}_append"('reset', '', '[]');
    RETURN NULL;
END
$body$;

-- Has the names follow what was done to tenants: they go with a tenant, and follow its
-- ID; a former identifier is nobody's once somebody has it. It looks before it writes,
-- because there is seldom anything to do.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_names_follow"() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM ONLY "{{.Schema}}"."{{.Table}}_names";
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM FROM ONLY "{{.Schema}}"."{{.Table}}_names" AS n WHERE n.tenant_id = OLD.id LIMIT 1;
        IF FOUND THEN
            DELETE FROM ONLY "{{.Schema}}"."{{.Table}}_names" AS n WHERE n.tenant_id = OLD.id;
        END IF;
        RETURN NULL;
    ELSIF TG_LEVEL = 'STATEMENT' THEN
        PERFORM FROM new_rows AS t JOIN ONLY "{{.Schema}}"."{{.Table}}_names" AS n ON n.value = t.identifier AND n.kind = 'former' LIMIT 1;
        IF FOUND THEN
            DELETE FROM ONLY "{{.Schema}}"."{{.Table}}_names" AS n USING new_rows AS t WHERE n.kind = 'former' AND n.value = t.identifier;
        END IF;
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        IF NEW.id <> OLD.id THEN
            UPDATE ONLY "{{.Schema}}"."{{.Table}}_names" AS n SET tenant_id = NEW.id WHERE n.tenant_id = OLD.id;
        END IF;
        IF NEW.identifier = OLD.identifier THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM FROM ONLY "{{.Schema}}"."{{.Table}}_names" AS n WHERE n.kind = 'former' AND n.value = NEW.identifier;
    IF FOUND THEN
        DELETE FROM ONLY "{{.Schema}}"."{{.Table}}_names" AS n WHERE n.kind = 'former' AND n.value = NEW.identifier;
    END IF;
    RETURN NULL;
END
$body$;

-- Makes what was done to names a change of their tenants, one of each in a statement,
-- because the first one leaves nothing to tell. It never waits for a tenant, since it holds
-- the lock.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_names_record"() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    _id text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE ONLY "{{.Schema}}"."{{.Table}}" AS t SET names = '[]' WHERE t.names <> '[]';
        RETURN NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM FROM ONLY "{{.Schema}}"."{{.Table}}" AS t WHERE t.id = NEW.tenant_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a name is for a tenant that is not there' USING ERRCODE = 'foreign_key_violation';
        END IF;
        IF NEW.kind = 'former' THEN
            PERFORM FROM ONLY "{{.Schema}}"."{{.Table}}" AS t WHERE t.identifier = NEW.value AND t.id <> NEW.tenant_id;
            IF FOUND THEN
                RAISE EXCEPTION 'a former identifier is the identifier of another tenant' USING ERRCODE = 'unique_violation';
            END IF;
        END IF;
    END IF;
    FOREACH _id IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.tenant_id] WHEN 'DELETE' THEN ARRAY[OLD.tenant_id] ELSE ARRAY[OLD.tenant_id, NEW.tenant_id] END LOOP
        UPDATE ONLY "{{.Schema}}"."{{.Table}}" AS t SET names = "{{.Schema}}"."{{.Table}}_names_of"(t.id, t.identifier)
            WHERE t.id = (SELECT c.id FROM ONLY "{{.Schema}}"."{{.Table}}" AS c
                WHERE c.id = _id AND c.names <> "{{.Schema}}"."{{.Table}}_names_of"(c.id, c.identifier) FOR NO KEY UPDATE NOWAIT);
    END LOOP;
    RETURN NULL;
END
$body$;

-- Refuses to remove the newest row of the log.
CREATE OR REPLACE FUNCTION "{{.Schema}}"."{{.Table}}_keep_newest"() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF coalesce((SELECT max(gone.revision) FROM gone), 0)
            <= coalesce((SELECT max(kept.revision) FROM ONLY "{{.Schema}}"."{{.Table}}_changes" kept), 0) THEN
            RETURN NULL;
        END IF;
    END IF;
    RAISE EXCEPTION 'the change log {{.Schema}}.{{.Table}}_changes must keep its newest row'
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'Revisions go on from that row. To shorten the log, delete older rows only.';
END
$body$;

-- Triggers of one kind fire in the order of their names: the lock is taken
-- first, rows are stamped last.
CREATE OR REPLACE TRIGGER "aaa_{{.Table}}_lock"
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_take_lock"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_record"
    BEFORE INSERT OR UPDATE OR DELETE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH ROW EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_record"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_record_truncate"
    BEFORE TRUNCATE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_record_truncate"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_log_insert"
    AFTER INSERT ON "{{.Schema}}"."{{.Table}}" REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_record"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_log_update"
    AFTER UPDATE ON "{{.Schema}}"."{{.Table}}" REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_record"();
-- For the apply worker of a logical replication, which fires triggers of rows only.
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_log_row"
    AFTER INSERT OR UPDATE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH ROW EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_record"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_insert"
    AFTER INSERT ON "{{.Schema}}"."{{.Table}}" REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_follow"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_insert_row"
    AFTER INSERT ON "{{.Schema}}"."{{.Table}}"
    FOR EACH ROW EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_follow"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_update"
    AFTER UPDATE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH ROW EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_follow"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_delete"
    AFTER DELETE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH ROW EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_follow"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_truncate"
    AFTER TRUNCATE ON "{{.Schema}}"."{{.Table}}"
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_follow"();
CREATE OR REPLACE TRIGGER "aaa_{{.Table}}_names_lock"
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{{.Schema}}"."{{.Table}}_names"
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_take_lock"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_record"
    AFTER INSERT OR UPDATE OR DELETE ON "{{.Schema}}"."{{.Table}}_names"
    FOR EACH ROW EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_record"();
CREATE OR REPLACE TRIGGER "zzz_{{.Table}}_names_emptied"
    AFTER TRUNCATE ON "{{.Schema}}"."{{.Table}}_names"
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_names_record"();
CREATE OR REPLACE TRIGGER "{{.Table}}_keep_newest"
    AFTER DELETE ON "{{.Schema}}"."{{.Table}}_changes" REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_keep_newest"();
CREATE OR REPLACE TRIGGER "{{.Table}}_keep_newest_truncate"
    BEFORE TRUNCATE ON "{{.Schema}}"."{{.Table}}_changes"
    FOR EACH STATEMENT EXECUTE FUNCTION "{{.Schema}}"."{{.Table}}_keep_newest"();

-- ALWAYS: also for what logical replication writes. REPLICA: only for that.
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE ALWAYS TRIGGER "aaa_{{.Table}}_lock";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_record";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_record_truncate";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE TRIGGER "zzz_{{.Table}}_log_insert";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE TRIGGER "zzz_{{.Table}}_log_update";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE REPLICA TRIGGER "zzz_{{.Table}}_log_row";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE TRIGGER "zzz_{{.Table}}_names_insert";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE REPLICA TRIGGER "zzz_{{.Table}}_names_insert_row";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_names_update";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_names_delete";
ALTER TABLE "{{.Schema}}"."{{.Table}}" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_names_truncate";
ALTER TABLE "{{.Schema}}"."{{.Table}}_names" ENABLE ALWAYS TRIGGER "aaa_{{.Table}}_names_lock";
ALTER TABLE "{{.Schema}}"."{{.Table}}_names" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_names_record";
ALTER TABLE "{{.Schema}}"."{{.Table}}_names" ENABLE ALWAYS TRIGGER "zzz_{{.Table}}_names_emptied";

INSERT INTO "{{.Schema}}"."{{.Table}}_lock" (id) VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO "{{.Schema}}"."{{.Table}}_changes" (revision, mark, tenant_id, keys, op, at)
    SELECT coalesce((SELECT max(t.revision) FROM "{{.Schema}}"."{{.Table}}" AS t), 0) + 1, -- a log may have been lost
        uuid_hash_extended(gen_random_uuid(), 0) | 1, '', '[]', 'reset', clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM "{{.Schema}}"."{{.Table}}_changes");

-- A row for each version that was installed. compatible_from is the oldest version of the
-- library that may use the schema.
CREATE TABLE IF NOT EXISTS "{{.Schema}}"."{{.Table}}_schema" (
    version         integer NOT NULL PRIMARY KEY,
    compatible_from integer NOT NULL
);
INSERT INTO "{{.Schema}}"."{{.Table}}_schema" (version, compatible_from)
    SELECT 2, 1 WHERE NOT EXISTS (SELECT FROM "{{.Schema}}"."{{.Table}}_schema" AS v WHERE v.version >= 2);
