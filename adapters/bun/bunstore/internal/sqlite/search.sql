-- The search index of a store in SQLite, by FTS5. Triggers keep it up to date,
-- whoever writes; so every program that writes tenants needs an SQLite with FTS5.
-- Names are filled in as in schema.sql. Run the file in one transaction, once.

-- What is indexed, under numbers that VACUUM leaves as they are: those of the
-- table of tenants it may change.
CREATE TABLE "{{.Table}}_search" (
    docid INTEGER NOT NULL PRIMARY KEY,
    id    TEXT    NOT NULL,
    text  TEXT    NOT NULL, -- identifier, line feed, folded name; nothing for a tenant whose folded name is unknown
    CONSTRAINT "{{.Table}}_search_id_key" UNIQUE (id)
) STRICT;

-- Only which tenants have a trigram: places and counts would cost more than the
-- comparison with the text.
CREATE VIRTUAL TABLE "{{.Table}}_search_fts" USING fts5 (
    text, content = '{{.Table}}_search', content_rowid = 'docid',
    tokenize = 'trigram case_sensitive 1', detail = 'none', columnsize = 0
);
CREATE TRIGGER "{{.Table}}_search_insert_text" AFTER INSERT ON "{{.Table}}_search"
BEGIN
    INSERT INTO "{{.Table}}_search_fts" (rowid, text) VALUES (NEW.docid, NEW.text);
END;
CREATE TRIGGER "{{.Table}}_search_update_text" AFTER UPDATE OF text ON "{{.Table}}_search"
BEGIN
    INSERT INTO "{{.Table}}_search_fts" ("{{.Table}}_search_fts", rowid, text) VALUES ('delete', OLD.docid, OLD.text);
    INSERT INTO "{{.Table}}_search_fts" (rowid, text) VALUES (NEW.docid, NEW.text);
END;
CREATE TRIGGER "{{.Table}}_search_delete_text" AFTER DELETE ON "{{.Table}}_search"
BEGIN
    INSERT INTO "{{.Table}}_search_fts" ("{{.Table}}_search_fts", rowid, text) VALUES ('delete', OLD.docid, OLD.text);
END;

{{define "text" -}}
coalesce({{.}}identifier || char(10) || {{.}}name_folded, '')
{{- end -}}

-- The triggers that keep the log set name_folded after every INSERT and UPDATE of
-- a tenant, and log the deletion of each that vanishes.
CREATE TRIGGER "{{.Table}}_search_update" AFTER UPDATE OF name_folded ON "{{.Table}}"
WHEN NOT EXISTS (SELECT 1 FROM "{{.Table}}_search" WHERE id = NEW.id AND text = {{template "text" "NEW."}})
BEGIN
    UPDATE "{{.Table}}_search" SET text = {{template "text" "NEW."}} WHERE id = NEW.id;
    INSERT INTO "{{.Table}}_search" (id, text) SELECT NEW.id, {{template "text" "NEW."}}
    WHERE NOT EXISTS (SELECT 1 FROM "{{.Table}}_search" WHERE id = NEW.id);
END;
CREATE TRIGGER "{{.Table}}_search_rename" AFTER UPDATE OF id ON "{{.Table}}" WHEN NEW.id IS NOT OLD.id
BEGIN
    DELETE FROM "{{.Table}}_search" WHERE id = OLD.id;
END;
CREATE TRIGGER "{{.Table}}_search_delete" AFTER INSERT ON "{{.Table}}_changes" WHEN NEW.op = 'delete'
BEGIN
    DELETE FROM "{{.Table}}_search" WHERE id = NEW.tenant_id;
END;

INSERT INTO "{{.Table}}_search" (id, text) SELECT id, {{template "text" ""}} FROM "{{.Table}}";
