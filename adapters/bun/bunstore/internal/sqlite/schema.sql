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

{{define "keys" -}}
(SELECT json_group_array(json_array(kind, value)) FROM (
        SELECT 'id' AS kind, {{.}}.id AS value UNION ALL SELECT 'identifier', {{.}}.identifier
        UNION ALL SELECT value ->> 0, value ->> 1 FROM json_each({{.}}.names) WHERE value ->> 0 <> 'claim'))
{{- end -}}

{{define "replaced" -}}
INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    SELECT 'delete', {{template "actor" .}}, c.id, {{template "keys" "c"}} FROM "{{.Table}}_colliding" AS c
    WHERE NOT EXISTS (SELECT 1 FROM "{{.Table}}" AS t WHERE t.id = c.id AND t.identifier = c.identifier) OR c.id = NEW.id
{{- end -}}

{{define "free names" -}}
DELETE FROM "{{.Table}}_names" WHERE tenant_id IN (SELECT id FROM "{{.Table}}_colliding" AS c WHERE NOT EXISTS (SELECT 1 FROM "{{.Table}}" AS t WHERE t.id = c.id));
    DELETE FROM "{{.Table}}_colliding";
{{- end -}}

{{define "log replaced" -}}
{{template "replaced" .}} AND NEW.id IS NOT OLD.id;
    {{template "free names" .}}
{{- end -}}

{{define "names" -}}
(SELECT json_group_array(json(name)) FROM (
        SELECT CASE WHEN n.kind = 'domain' AND n.verified_at IS NULL THEN json_array('claim', n.value, n.token) ELSE json_array(n.kind, n.value) END AS name
        FROM "{{.Table}}_names" AS n WHERE n.tenant_id = "{{.Table}}".id AND NOT (n.kind = 'former' AND n.value = "{{.Table}}".identifier)
        ORDER BY n.kind, n.value))
{{- end -}}

{{define "primary" -}}
primary_domain = CASE WHEN primary_domain = OLD.value AND NOT EXISTS (
            SELECT 1 FROM "{{.Table}}_names" AS n WHERE n.tenant_id = "{{.Table}}".id AND n.kind = 'domain' AND n.value = OLD.value AND n.verified_at IS NOT NULL
        ) THEN '' ELSE primary_domain END
{{- end -}}

{{define "check name" -}}
SELECT RAISE(ABORT, 'a name is for a tenant that is not there') WHERE NOT EXISTS (SELECT 1 FROM "{{.Table}}" WHERE id = NEW.tenant_id);
    SELECT RAISE(ABORT, 'a former identifier is the identifier of another tenant')
    WHERE NEW.kind = 'former' AND EXISTS (SELECT 1 FROM "{{.Table}}" WHERE identifier = NEW.value AND id <> NEW.tenant_id);
{{- end -}}

{{define "taken domain" -}}
SELECT RAISE(ABORT, 'another tenant has this name') FROM "{{.Table}}_names" AS n
    WHERE n.kind = 'domain' AND n.verified_at IS NOT NULL AND n.value = NEW.value AND n.tenant_id <> NEW.tenant_id
        AND NEW.kind = 'domain' AND NEW.verified_at IS NOT NULL
{{- end -}}

{{define "taken former" -}}
SELECT RAISE(ABORT, 'another tenant has this name') FROM "{{.Table}}_names" AS n
    WHERE n.kind = 'former' AND n.value = NEW.value AND n.tenant_id <> NEW.tenant_id AND NEW.kind = 'former'
{{- end -}}

-- The tables and triggers of a store in SQLite 3.38 or later; the sqlite3 shell
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
    primary_domain TEXT  NOT NULL DEFAULT '', -- one of its verified domains; another text counts as none
    names        TEXT    NOT NULL DEFAULT '[]', -- set by trigger: what the table of names has, in short
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

-- Other names of tenants: domains, which are claims until they have a verified_at, and
-- former identifiers. A former identifier may be here before the tenant is renamed: as
-- long as it is the tenant's own identifier, it counts as not there.
CREATE TABLE "{{.Table}}_names" (
    tenant_id   TEXT    NOT NULL,
    kind        TEXT    NOT NULL DEFAULT 'domain',
    value       TEXT    NOT NULL,
    token       TEXT    NOT NULL DEFAULT '', -- for a proof of the claim
    created_at  INTEGER NOT NULL DEFAULT ({{template "now"}}),
    verified_at INTEGER,
    expires_at  INTEGER, -- NULL: it does not end
    CONSTRAINT "{{.Table}}_names_pkey" PRIMARY KEY (tenant_id, kind, value),
    CONSTRAINT "{{.Table}}_names_check" CHECK (CASE kind
        WHEN 'former' THEN length(value) BETWEEN 3 AND 63 AND value GLOB '[a-z]*[a-z0-9]' AND value NOT GLOB '*[^a-z0-9-]*'
        WHEN 'domain' THEN length(value) <= 253 AND value GLOB '[a-z0-9]*.*[a-z0-9]' AND value NOT GLOB '*[^a-z0-9.-]*'
            AND instr(value, '..') + instr(value, '.-') + instr(value, '-.') = 0
        ELSE FALSE END)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX "{{.Table}}_names_domain_key" ON "{{.Table}}_names" (value) WHERE kind = 'domain' AND verified_at IS NOT NULL;
CREATE UNIQUE INDEX "{{.Table}}_names_former_key" ON "{{.Table}}_names" (value) WHERE kind = 'former';
CREATE INDEX "{{.Table}}_names_ends_idx" ON "{{.Table}}_names" (expires_at) WHERE kind = 'former';

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
    identifier TEXT NOT NULL,
    names      TEXT NOT NULL DEFAULT '[]'
) STRICT;

CREATE TRIGGER "{{.Table}}_collide_insert" BEFORE INSERT ON "{{.Table}}"
BEGIN
    DELETE FROM "{{.Table}}_colliding";
    INSERT INTO "{{.Table}}_colliding" SELECT id, identifier, names FROM "{{.Table}}"
    WHERE id = NEW.id OR identifier = NEW.identifier OR rowid = NEW.rowid;
END;
CREATE TRIGGER "{{.Table}}_collide_update" BEFORE UPDATE ON "{{.Table}}"
WHEN NEW.id IS NOT OLD.id OR NEW.identifier IS NOT OLD.identifier OR NEW.rowid IS NOT OLD.rowid
BEGIN
    DELETE FROM "{{.Table}}_colliding";
    INSERT INTO "{{.Table}}_colliding" SELECT id, identifier, names FROM "{{.Table}}"
    WHERE (id = NEW.id OR identifier = NEW.identifier OR rowid = NEW.rowid) AND rowid <> OLD.rowid;
END;

CREATE TRIGGER "{{.Table}}_record_insert" AFTER INSERT ON "{{.Table}}"
BEGIN
    {{template "replaced" .}};
    {{template "free names" .}}
    DELETE FROM "{{.Table}}_names" WHERE tenant_id = NEW.id; -- of a row that this one has replaced
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    VALUES ('create', {{template "actor" .}}, NEW.id, json_array(json_array('id', NEW.id), json_array('identifier', NEW.identifier)));
    UPDATE "{{.Table}}" SET
        (revision, mark) = {{template "newest" .}},
        name_folded = CASE WHEN NEW.name_folded IS NULL AND {{template "ascii"}} THEN lower(NEW.name) ELSE NEW.name_folded END,
        names = '[]'
    WHERE rowid = NEW.rowid;
    DELETE FROM "{{.Table}}_names" WHERE kind = 'former' AND value = NEW.identifier;
END;

-- Fires for every column but those that it sets itself in any case: revision, mark,
-- and name_folded, which is no part of the tenant. A folded name that stayed
-- when the name changed belongs to the old name; one in ASCII can be folded
-- here. The names in short are set before, since the keys of the change come from them.
CREATE TRIGGER "{{.Table}}_record_update" AFTER UPDATE
OF id, identifier, name, status, isolation, database_url, schema_name, metadata, created_at, updated_at, primary_domain ON "{{.Table}}"
BEGIN
    {{template "log replaced" .}}
    DELETE FROM "{{.Table}}_names" WHERE tenant_id = NEW.id AND NEW.id IS NOT OLD.id;
    UPDATE "{{.Table}}_names" SET tenant_id = NEW.id WHERE tenant_id = OLD.id AND NEW.id IS NOT OLD.id;
    UPDATE "{{.Table}}" SET names = {{template "names" .}}
    WHERE rowid = NEW.rowid AND (NEW.id, NEW.identifier) IS NOT (OLD.id, OLD.identifier) AND names IS NOT {{template "names" .}};
    DELETE FROM "{{.Table}}_names" WHERE tenant_id = NEW.id AND kind = 'former' AND value = NEW.identifier AND NEW.identifier IS NOT OLD.identifier;
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys, fields)
    SELECT 'update', {{template "actor" .}}, NEW.id, (
        SELECT json_group_array(json_array(kind, value)) FROM (
            SELECT 'id' AS kind, NEW.id AS value UNION SELECT 'identifier', NEW.identifier
            UNION SELECT 'id', OLD.id UNION SELECT 'identifier', OLD.identifier
            UNION SELECT value ->> 0, value ->> 1 FROM json_each(t.names) WHERE t.names <> '[]' AND value ->> 0 <> 'claim'
            UNION SELECT value ->> 0, value ->> 1 FROM json_each(OLD.names) WHERE OLD.names <> '[]' AND value ->> 0 <> 'claim')), (
        SELECT json_group_array(field) FROM (
            SELECT 'database_url' AS field WHERE NEW.database_url IS NOT OLD.database_url
            UNION ALL SELECT 'id' WHERE NEW.id IS NOT OLD.id
            UNION ALL SELECT 'identifier' WHERE NEW.identifier IS NOT OLD.identifier
            UNION ALL SELECT 'isolation' WHERE NEW.isolation IS NOT OLD.isolation
            UNION ALL SELECT 'metadata' WHERE NEW.metadata IS NOT OLD.metadata
            UNION ALL SELECT 'name' WHERE NEW.name IS NOT OLD.name
            UNION ALL SELECT 'names' WHERE t.names IS NOT OLD.names OR NEW.primary_domain IS NOT OLD.primary_domain
            UNION ALL SELECT 'schema_name' WHERE NEW.schema_name IS NOT OLD.schema_name
            UNION ALL SELECT 'status' WHERE NEW.status IS NOT OLD.status))
    FROM "{{.Table}}" AS t WHERE t.rowid = NEW.rowid;
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
    VALUES ('update', {{template "actor" .}}, NEW.id, {{template "keys" "NEW"}});
    UPDATE "{{.Table}}" SET (revision, mark) = {{template "newest" .}} WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER "{{.Table}}_record_delete" AFTER DELETE ON "{{.Table}}"
BEGIN
    DELETE FROM "{{.Table}}_colliding" WHERE id = OLD.id;
    INSERT INTO "{{.Table}}_changes" (op, actor, tenant_id, keys)
    VALUES ('delete', {{template "actor" .}}, OLD.id, {{template "keys" "OLD"}});
    DELETE FROM "{{.Table}}_names" WHERE tenant_id = OLD.id;
END;

-- A former identifier is nobody's once somebody has it. That is a change of who had it,
-- which the trigger of updates would not log from within itself.
CREATE TRIGGER "{{.Table}}_names_take" AFTER UPDATE OF identifier ON "{{.Table}}" WHEN NEW.identifier IS NOT OLD.identifier
BEGIN
    {{template "log replaced" .}}
    DELETE FROM "{{.Table}}_names" WHERE kind = 'former' AND value = NEW.identifier AND tenant_id NOT IN (OLD.id, NEW.id);
END;

-- What somebody else writes there is not kept.
CREATE TRIGGER "{{.Table}}_names_keep" AFTER UPDATE OF names ON "{{.Table}}" WHEN NEW.names IS NOT OLD.names
BEGIN
    UPDATE "{{.Table}}" SET names = {{template "names" .}} WHERE rowid = NEW.rowid AND names IS NOT {{template "names" .}};
END;

-- Refuses what the indexes would refuse, because with OR REPLACE they do not: a name of
-- another tenant would vanish, and no trigger would see it.
CREATE TRIGGER "{{.Table}}_names_check_insert" BEFORE INSERT ON "{{.Table}}_names"
BEGIN
    {{template "check name" .}}
    {{template "taken domain" .}};
    {{template "taken former" .}};
END;
CREATE TRIGGER "{{.Table}}_names_check_update" BEFORE UPDATE ON "{{.Table}}_names"
BEGIN
    {{template "check name" .}}
    {{template "taken domain" .}} AND (n.tenant_id, n.value) <> (OLD.tenant_id, OLD.value);
    {{template "taken former" .}} AND (n.tenant_id, n.value) <> (OLD.tenant_id, OLD.value);
END;

-- What is done to a name is a change of its tenant.
CREATE TRIGGER "{{.Table}}_names_insert" AFTER INSERT ON "{{.Table}}_names"
BEGIN
    UPDATE "{{.Table}}" SET names = {{template "names" .}}, updated_at = max({{template "now"}}, updated_at + 1)
    WHERE id = NEW.tenant_id AND names IS NOT {{template "names" .}};
END;
CREATE TRIGGER "{{.Table}}_names_update" AFTER UPDATE ON "{{.Table}}_names"
BEGIN
    UPDATE "{{.Table}}" SET names = {{template "names" .}}, updated_at = max({{template "now"}}, updated_at + 1), {{template "primary" .}}
    WHERE id IN (NEW.tenant_id, OLD.tenant_id) AND names IS NOT {{template "names" .}};
END;
CREATE TRIGGER "{{.Table}}_names_delete" AFTER DELETE ON "{{.Table}}_names"
BEGIN
    UPDATE "{{.Table}}" SET names = {{template "names" .}}, updated_at = max({{template "now"}}, updated_at + 1), {{template "primary" .}}
    WHERE id = OLD.tenant_id AND names IS NOT {{template "names" .}};
END;

INSERT INTO "{{.Table}}_changes" (op, tenant_id, keys) VALUES ('reset', '', '[]');

-- A row for each version that was installed. compatible_from is the oldest version of the
-- library that may use the schema.
CREATE TABLE "{{.Table}}_schema" (
    version         INTEGER NOT NULL PRIMARY KEY,
    compatible_from INTEGER NOT NULL
);
INSERT INTO "{{.Table}}_schema" (version, compatible_from) VALUES (2, 1);
