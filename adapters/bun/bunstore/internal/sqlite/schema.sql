{{define "now" -}}
CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000
{{- end -}}

{{define "ascii" -}}
length(NEW.name) = length(CAST(NEW.name AS BLOB))
{{- end -}}

{{define "newest" -}}
(SELECT revision, mark FROM "{{.Table}}_changes" ORDER BY revision DESC LIMIT 1)
{{- end -}}

{{define "actor" -}}
coalesce((SELECT actor FROM "{{.Table}}_actor"), '')
{{- end -}}

{{define "log replaced" -}}
INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    SELECT 'delete', {{template "actor" .}}, id, json_array(json_array('id', id), json_array('identifier', identifier))
    FROM "{{.Table}}_colliding" AS c
    WHERE NOT EXISTS (SELECT 1 FROM "{{.Table}}" AS t WHERE t.id = c.id AND t.identifier = c.identifier);
    DELETE FROM "{{.Table}}_colliding";
{{- end -}}

-- The tables and triggers of a store in SQLite 3.37 or later; the sqlite3 shell
-- fires them too. .Table, filled in by text/template, is the table of tenants;
-- every other name begins with it. Run the file in one transaction, once.

-- Times are microseconds since 1970. The defaults let a person insert a tenant
-- by identifier and name alone. Status and isolation are not checked: a newer
-- version of the library may know more.
CREATE TABLE "{{.Table}}" (
    id           TEXT    NOT NULL DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))),
    identifier   TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    name_folded  TEXT, -- NULL: whoever searches must fold name
    status       TEXT    NOT NULL DEFAULT 'active',
    isolation    TEXT    NOT NULL DEFAULT '',
    database_url TEXT    NOT NULL DEFAULT '',
    schema_name  TEXT    NOT NULL DEFAULT '',
    metadata     TEXT    NOT NULL DEFAULT '{}',
    created_at   INTEGER NOT NULL DEFAULT ({{template "now"}}),
    updated_at   INTEGER NOT NULL DEFAULT ({{template "now"}}),
    revision     INTEGER NOT NULL DEFAULT 0, -- set by trigger, whatever a statement says
    mark         INTEGER NOT NULL DEFAULT 0, -- the same: with revision, it names the row's last change in the log
    CONSTRAINT "{{.Table}}_pkey" PRIMARY KEY (id),
    CONSTRAINT "{{.Table}}_identifier_key" UNIQUE (identifier),
    CONSTRAINT "{{.Table}}_id_check" CHECK (length(id) BETWEEN 1 AND 255),
    CONSTRAINT "{{.Table}}_identifier_check" CHECK (length(identifier) BETWEEN 3 AND 63 AND identifier GLOB '[a-z]*[a-z0-9]' AND identifier NOT GLOB '*[^a-z0-9-]*'),
    CONSTRAINT "{{.Table}}_name_check" CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT "{{.Table}}_metadata_check" CHECK (CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE FALSE END),
    -- The years 1 to 9999.
    CONSTRAINT "{{.Table}}_created_at_check" CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    CONSTRAINT "{{.Table}}_updated_at_check" CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999)
) STRICT;
CREATE INDEX "{{.Table}}_created_at_idx" ON "{{.Table}}" (created_at, id);
CREATE INDEX "{{.Table}}_status_idx" ON "{{.Table}}" (status, created_at, id);
CREATE INDEX "{{.Table}}_unfolded_idx" ON "{{.Table}}" (id) WHERE name_folded IS NULL;

-- The change log. It always holds its newest row, so that revisions go on from
-- there.
CREATE TABLE "{{.Table}}_changes" (
    revision  INTEGER PRIMARY KEY,
    mark      INTEGER NOT NULL DEFAULT (random() | 1), -- tells two histories with equal revisions apart; never 0
    tenant_id TEXT    NOT NULL, -- empty for a reset
    keys      TEXT    NOT NULL, -- [[kind, value], …]: every key touched, old and new
    op        TEXT    NOT NULL, -- create, update, delete, reset
    fields    TEXT    NOT NULL DEFAULT '[]', -- of an update: names of the fields that changed, in order
    actor     TEXT    NOT NULL DEFAULT '', -- who did it, if that is known
    at        INTEGER NOT NULL DEFAULT ({{template "now"}})
) STRICT;

CREATE TRIGGER "{{.Table}}_keep_newest" BEFORE DELETE ON "{{.Table}}_changes"
WHEN OLD.revision = (SELECT max(revision) FROM "{{.Table}}_changes")
BEGIN
    SELECT RAISE(ABORT, 'the change log must keep its newest row');
END;

-- Who writes, for the log. SQLite knows no sessions, so this is for everybody:
-- insert a name, write, and delete it again, all in one transaction. The library
-- does so for each of its writes, and removes what it finds here.
CREATE TABLE "{{.Table}}_actor" (
    actor TEXT NOT NULL,
    CONSTRAINT "{{.Table}}_actor_check" CHECK (length(actor) BETWEEN 1 AND 255)
) STRICT;

CREATE TRIGGER "{{.Table}}_only_actor" BEFORE INSERT ON "{{.Table}}_actor"
BEGIN
    DELETE FROM "{{.Table}}_actor";
END;

-- Rows that an INSERT or UPDATE under way collides with. With OR REPLACE they
-- vanish, and their DELETE triggers fire only under PRAGMA recursive_triggers;
-- with OR IGNORE or an upsert they stay. Only afterwards can it be told.
CREATE TABLE "{{.Table}}_colliding" (
    id         TEXT NOT NULL PRIMARY KEY,
    identifier TEXT NOT NULL
) STRICT;

CREATE TRIGGER "{{.Table}}_collide_insert" BEFORE INSERT ON "{{.Table}}"
BEGIN
    DELETE FROM "{{.Table}}_colliding";
    INSERT INTO "{{.Table}}_colliding" SELECT id, identifier FROM "{{.Table}}"
    WHERE id = NEW.id OR identifier = NEW.identifier OR rowid = NEW.rowid;
END;
CREATE TRIGGER "{{.Table}}_collide_update" BEFORE UPDATE ON "{{.Table}}"
WHEN NEW.id IS NOT OLD.id OR NEW.identifier IS NOT OLD.identifier OR NEW.rowid IS NOT OLD.rowid
BEGIN
    DELETE FROM "{{.Table}}_colliding";
    INSERT INTO "{{.Table}}_colliding" SELECT id, identifier FROM "{{.Table}}"
    WHERE (id = NEW.id OR identifier = NEW.identifier OR rowid = NEW.rowid) AND rowid <> OLD.rowid;
END;

CREATE TRIGGER "{{.Table}}_record_insert" AFTER INSERT ON "{{.Table}}"
BEGIN
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    SELECT 'delete', {{template "actor" .}}, id, json_array(json_array('id', id), json_array('identifier', identifier))
    FROM "{{.Table}}_colliding" AS c
    WHERE c.id = NEW.id OR NOT EXISTS (SELECT 1 FROM "{{.Table}}" AS t WHERE t.id = c.id AND t.identifier = c.identifier);
    DELETE FROM "{{.Table}}_colliding";
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    VALUES ('create', {{template "actor" .}}, NEW.id, json_array(json_array('id', NEW.id), json_array('identifier', NEW.identifier)));
    UPDATE "{{.Table}}" SET
        (revision, mark) = {{template "newest" .}},
        name_folded = CASE WHEN NEW.name_folded IS NULL AND {{template "ascii"}} THEN lower(NEW.name) ELSE NEW.name_folded END
    WHERE rowid = NEW.rowid;
END;

-- Fires for every column but those that it sets itself in any case: revision, mark,
-- and name_folded, which is no part of the tenant. A folded name that stayed
-- when the name changed belongs to the old name; one in ASCII can be folded
-- here.
CREATE TRIGGER "{{.Table}}_record_update" AFTER UPDATE
OF id, identifier, name, status, isolation, database_url, schema_name, metadata, created_at, updated_at ON "{{.Table}}"
BEGIN
    {{template "log replaced" .}}
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys, fields)
    SELECT 'update', {{template "actor" .}}, NEW.id, json_group_array(json_array(kind, value)), (
        SELECT json_group_array(field) FROM (
            SELECT 'database_url' AS field WHERE NEW.database_url IS NOT OLD.database_url
            UNION ALL SELECT 'id' WHERE NEW.id IS NOT OLD.id
            UNION ALL SELECT 'identifier' WHERE NEW.identifier IS NOT OLD.identifier
            UNION ALL SELECT 'isolation' WHERE NEW.isolation IS NOT OLD.isolation
            UNION ALL SELECT 'metadata' WHERE NEW.metadata IS NOT OLD.metadata
            UNION ALL SELECT 'name' WHERE NEW.name IS NOT OLD.name
            UNION ALL SELECT 'schema_name' WHERE NEW.schema_name IS NOT OLD.schema_name
            UNION ALL SELECT 'status' WHERE NEW.status IS NOT OLD.status))
    FROM (SELECT 'id' AS kind, NEW.id AS value UNION SELECT 'identifier', NEW.identifier
        UNION SELECT 'id', OLD.id UNION SELECT 'identifier', OLD.identifier);
    UPDATE "{{.Table}}" SET
        (revision, mark) = {{template "newest" .}},
        name_folded = CASE
            WHEN NEW.name IS OLD.name OR NEW.name_folded IS NOT OLD.name_folded THEN NEW.name_folded
            WHEN {{template "ascii"}} THEN lower(NEW.name) END
    WHERE rowid = NEW.rowid;
    UPDATE "{{.Table}}" SET updated_at = max({{template "now"}}, OLD.updated_at + 1)
    WHERE rowid = NEW.rowid AND NEW.updated_at <= OLD.updated_at;
END;

-- A row that gets the rowid of another, which is no column to name above.
CREATE TRIGGER "{{.Table}}_record_rowid" AFTER UPDATE ON "{{.Table}}" WHEN NEW.rowid IS NOT OLD.rowid
BEGIN
    {{template "log replaced" .}}
END;

-- A revision or mark set by hand is a change like any other. What the triggers set
-- is told apart by its row in the log.
CREATE TRIGGER "{{.Table}}_record_revision" AFTER UPDATE OF revision, mark ON "{{.Table}}"
WHEN (NEW.revision, NEW.mark) IS NOT (OLD.revision, OLD.mark)
    AND (NEW.revision, NEW.mark, NEW.id) IS NOT (SELECT revision, mark, tenant_id FROM "{{.Table}}_changes" ORDER BY revision DESC LIMIT 1)
BEGIN
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    VALUES ('update', {{template "actor" .}}, NEW.id, json_array(json_array('id', NEW.id), json_array('identifier', NEW.identifier)));
    UPDATE "{{.Table}}" SET (revision, mark) = {{template "newest" .}} WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER "{{.Table}}_record_delete" AFTER DELETE ON "{{.Table}}"
BEGIN
    DELETE FROM "{{.Table}}_colliding" WHERE id = OLD.id;
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    VALUES ('delete', {{template "actor" .}}, OLD.id, json_array(json_array('id', OLD.id), json_array('identifier', OLD.identifier)));
END;

INSERT INTO "{{.Table}}_changes" (op, tenant_id, keys) VALUES ('reset', '', '[]');

-- A row for each version that was installed. compatible_from is the oldest version of the
-- library that may use the schema.
CREATE TABLE "{{.Table}}_schema" (
    version         INTEGER NOT NULL PRIMARY KEY,
    compatible_from INTEGER NOT NULL
);
INSERT INTO "{{.Table}}_schema" (version, compatible_from) VALUES (1, 1);
