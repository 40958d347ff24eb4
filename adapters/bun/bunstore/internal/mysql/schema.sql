{{define "actor" -}}
LEFT(COALESCE(@tenantstore_actor, ''), 255)
{{- end -}}

{{define "newest" -}}
DECLARE newest BIGINT;
    SET SESSION group_concat_max_len = GREATEST(@@SESSION.group_concat_max_len, 1048576); -- of names; what is longer would be cut
    SELECT revision INTO newest FROM `{{.Table}}_head` WHERE id = 1 FOR UPDATE;
    IF newest IS NULL THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tenantstore: the table _head has lost its row: run Migrate';
    END IF;
{{- end -}}

{{define "take" -}}
UPDATE `{{.Table}}_head` SET revision = NEW.revision WHERE id = 1 AND revision = NEW.revision - 1;
    IF ROW_COUNT() <> 1 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tenantstore: the row has no place in the log: a trigger of the store is missing, or another interferes; run Migrate';
    END IF;
{{- end -}}

{{define "key" -}}
SELECT kind, value FROM JSON_TABLE({{.}}.names, '$[*]' COLUMNS (kind VARCHAR(16) {{collation}} PATH '$[0]', value VARCHAR(253) {{collation}} PATH '$[1]')) AS j
{{- end -}}

{{define "short" -}}
COALESCE((SELECT CONCAT('[', GROUP_CONCAT(
        IF(n.kind = 'domain' AND n.verified_at IS NULL, CONCAT('["claim",', JSON_QUOTE(n.value), ',', JSON_QUOTE(n.token), ']'), CONCAT('[', JSON_QUOTE(n.kind), ',', JSON_QUOTE(n.value), ']'))
        ORDER BY n.kind, n.value SEPARATOR ','), ']')
        FROM `{{.Table}}_names` AS n WHERE n.tenant_id = _id AND NOT (n.kind = 'former' AND n.value = _identifier)), '[]')
{{- end -}}

{{define "renew" -}}
SELECT identifier, names INTO _identifier, _names FROM `{{.Table}}` WHERE id = _id;
    IF _names <> {{template "short" .}} THEN
        UPDATE `{{.Table}}` SET names = '' WHERE id = _id;
    END IF;
{{- end -}}

{{define "check name" -}}
{{template "newest" .}}
    IF NEW.kind = 'former' AND EXISTS (SELECT 1 FROM `{{.Table}}` WHERE identifier = NEW.value AND id <> NEW.tenant_id) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tenantstore: this identifier is that of another tenant, and not a former one';
    END IF;
{{- end -}}

{{define "not former" -}}
IF EXISTS (SELECT 1 FROM `{{.Table}}_names` WHERE former = NEW.identifier AND tenant_id <> NEW.id) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tenantstore: another tenant had this identifier: delete that from the table of names first';
    END IF;
{{- end -}}

DELIMITER //

-- The tables and triggers of a store in MariaDB 10.6 or MySQL 8.0.21, or later.
-- .Table, filled in by text/template, is the table of tenants; every other name begins
-- with it. The file is idempotent, and may end at any statement and be run again. It is
-- for the client mariadb or mysql, with the database chosen. Sessions that write
-- tenants need SELECT, INSERT, UPDATE, DELETE on that table only: the triggers act as
-- the user who has created them, who must stay.

SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'
//

-- Times are microseconds since 1970, so that they do not depend on the time zone of a
-- session or the settings of a driver. Text is compared and ordered by its bytes, and
-- trailing blanks count. The defaults let a person insert a tenant by identifier and
-- name alone. Status and isolation are not checked: a newer version of the library may
-- know more.
CREATE TABLE IF NOT EXISTS `{{.Table}}` (
    id           VARCHAR(255) NOT NULL DEFAULT (UUID()),
    identifier   VARCHAR(63)  NOT NULL,
    name         VARCHAR(255) NOT NULL,
    name_folded  TEXT         NULL COMMENT 'NULL: whoever searches must fold name',
    status       VARCHAR(64)  NOT NULL DEFAULT 'active',
    isolation    VARCHAR(64)  NOT NULL DEFAULT '',
    database_url TEXT         NOT NULL DEFAULT (''),
    schema_name  VARCHAR(255) NOT NULL DEFAULT '',
    metadata     LONGTEXT     NOT NULL DEFAULT ('{}'),
    primary_domain VARCHAR(253) NOT NULL DEFAULT '' COMMENT 'one of its verified domains; another text counts as none',
    names        MEDIUMTEXT   NOT NULL DEFAULT ('[]') COMMENT 'set by trigger: what the table of names has, in short',
    created_at   BIGINT       NOT NULL DEFAULT ({{now}}),
    updated_at   BIGINT       NOT NULL DEFAULT ({{now}}),
    revision     BIGINT       NOT NULL DEFAULT 0 COMMENT 'set by trigger, whatever a statement says',
    mark         BIGINT       NOT NULL DEFAULT 0 COMMENT 'the same: with revision, it names the last change of the row in the log',
    PRIMARY KEY (id),
    CONSTRAINT `{{.Table}}_identifier_key` UNIQUE (identifier),
    KEY `{{.Table}}_created_at_idx` (created_at, id),
    KEY `{{.Table}}_status_idx` (status, created_at, id),
    CONSTRAINT `{{.Table}}_id_check` CHECK (CHAR_LENGTH(id) >= 1),
    CONSTRAINT `{{.Table}}_identifier_check` CHECK (identifier REGEXP '^[a-z][a-z0-9-]{1,61}[a-z0-9]$' AND identifier NOT REGEXP '[^a-z0-9-]'),
    CONSTRAINT `{{.Table}}_name_check` CHECK (CHAR_LENGTH(name) >= 1),
    CONSTRAINT `{{.Table}}_metadata_check` CHECK (
        -- What nests deeper than 32 levels, MariaDB cannot judge.
        CASE WHEN JSON_VALID(metadata) THEN JSON_TYPE(metadata) = 'OBJECT'
            ELSE metadata LIKE '{%}' AND CHAR_LENGTH(metadata) - CHAR_LENGTH(REPLACE(REPLACE(metadata, '{', ''), '[', '')) > 32 END),
    CONSTRAINT `{{.Table}}_created_at_check` CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    CONSTRAINT `{{.Table}}_updated_at_check` CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC {{collation}} COMMENT 'tenantstore: tenants; may be edited by hand, triggers keep the log'
//

-- The change log.
CREATE TABLE IF NOT EXISTS `{{.Table}}_changes` (
    revision  BIGINT       NOT NULL,
    mark      BIGINT       NOT NULL COMMENT 'random: tells two histories with equal revisions apart; never 0',
    tenant_id VARCHAR(255) NOT NULL COMMENT 'empty for a reset',
    `keys`    MEDIUMTEXT   NOT NULL COMMENT '[[kind, value], …]: every key touched, old and new',
    op        VARCHAR(16)  NOT NULL COMMENT 'create, update, delete, reset',
    fields    VARCHAR(255) NOT NULL DEFAULT '[]' COMMENT 'of an update: names of the fields that changed, in order',
    actor     VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'who did it, if that is known',
    at        BIGINT       NOT NULL,
    PRIMARY KEY (revision)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC {{collation}} COMMENT 'tenantstore: change log, trimmed by the library; do not edit'
//

-- One row, with the newest revision. Whoever writes tenants locks it until the end of
-- the transaction: that makes the order of revisions the order of commits.
CREATE TABLE IF NOT EXISTS `{{.Table}}_head` (
    id       TINYINT NOT NULL DEFAULT 1,
    revision BIGINT  NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT `{{.Table}}_head_check` CHECK (id = 1)
) ENGINE = InnoDB {{collation}} COMMENT 'tenantstore: the newest revision; do not edit'
//

-- Other names of tenants: domains, which are claims until they have a verified_at, and
-- former identifiers. A former identifier may be here before the tenant is renamed: as
-- long as it is the tenant's own identifier, it counts as not there. Foreign keys fire no
-- triggers: a tenant that is deleted takes its names with it, and its own triggers log them.
CREATE TABLE IF NOT EXISTS `{{.Table}}_names` (
    tenant_id   VARCHAR(255) NOT NULL,
    kind        VARCHAR(16)  NOT NULL DEFAULT 'domain',
    value       VARCHAR(253) NOT NULL,
    token       VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'for a proof of the claim',
    created_at  BIGINT       NOT NULL DEFAULT ({{now}}),
    verified_at BIGINT       NULL,
    expires_at  BIGINT       NULL COMMENT 'NULL: it does not end',
    verified    VARCHAR(253) AS (IF(kind = 'domain' AND verified_at IS NOT NULL, value, NULL)) VIRTUAL,
    former      VARCHAR(253) AS (IF(kind = 'former', value, NULL)) VIRTUAL,
    PRIMARY KEY (tenant_id, kind, value),
    CONSTRAINT `{{.Table}}_names_domain_key` UNIQUE (verified),
    CONSTRAINT `{{.Table}}_names_former_key` UNIQUE (former),
    KEY `{{.Table}}_names_value_idx` (kind, value),
    KEY `{{.Table}}_names_ends_idx` (kind, expires_at),
    CONSTRAINT `{{.Table}}_names_check` CHECK (CASE kind
        WHEN 'former' THEN value REGEXP '^[a-z][a-z0-9-]{1,61}[a-z0-9]$' AND value NOT REGEXP '[^a-z0-9-]'
        WHEN 'domain' THEN value REGEXP '^[a-z0-9].*[.].*[a-z0-9]$' AND value NOT REGEXP '[^a-z0-9.-]'
            AND LOCATE('..', value) + LOCATE('.-', value) + LOCATE('-.', value) = 0
        ELSE FALSE END),
    CONSTRAINT `{{.Table}}_names_tenants` FOREIGN KEY (tenant_id) REFERENCES `{{.Table}}` (id) ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC {{collation}} COMMENT 'tenantstore: domains and former identifiers; may be edited by hand, triggers keep the log'
//

-- Empty: it has TRUNCATE refused, which fires no triggers.
CREATE TABLE IF NOT EXISTS `{{.Table}}_guard` (
    tenant_id VARCHAR(255) NULL,
    kind      VARCHAR(16)  NULL,
    value     VARCHAR(253) NULL,
    revision  BIGINT       NULL,
    KEY (tenant_id, kind, value),
    KEY (revision),
    CONSTRAINT `{{.Table}}_guard_tenants` FOREIGN KEY (tenant_id) REFERENCES `{{.Table}}` (id),
    CONSTRAINT `{{.Table}}_guard_names` FOREIGN KEY (tenant_id, kind, value) REFERENCES `{{.Table}}_names` (tenant_id, kind, value),
    CONSTRAINT `{{.Table}}_guard_changes` FOREIGN KEY (revision) REFERENCES `{{.Table}}_changes` (revision)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC {{collation}} COMMENT 'tenantstore: has TRUNCATE refused; leave it empty'
//

-- BEFORE triggers only look at the newest revision, because the row may not be written
-- after all: by INSERT IGNORE, or ON DUPLICATE KEY UPDATE, which goes on with BEFORE
-- UPDATE. REPLACE goes on to delete the rows that are in the way, and each deletion
-- takes a revision before this row does.
DROP TRIGGER IF EXISTS `{{.Table}}_stamp_insert`
//
CREATE TRIGGER `{{.Table}}_stamp_insert` BEFORE INSERT ON `{{.Table}}` FOR EACH ROW
BEGIN
    {{template "newest" .}}
    {{template "not former" .}}
    SET NEW.names = '[]', NEW.primary_domain = '';
    SET NEW.revision = newest + 1 + EXISTS (SELECT 1 FROM `{{.Table}}` WHERE id = NEW.id)
        + EXISTS (SELECT 1 FROM `{{.Table}}` WHERE identifier = NEW.identifier AND id <> NEW.id);
    SET NEW.mark = {{mark}};
    IF NEW.name_folded IS NULL AND LENGTH(NEW.name) = CHAR_LENGTH(NEW.name) THEN
        SET NEW.name_folded = LOWER(NEW.name);
    END IF;
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_log_insert`
//
CREATE TRIGGER `{{.Table}}_log_insert` AFTER INSERT ON `{{.Table}}` FOR EACH ROW
BEGIN
    {{template "take" .}}
    INSERT INTO `{{.Table}}_changes` (revision, mark, tenant_id, `keys`, op, actor, at)
    VALUES (NEW.revision, NEW.mark, NEW.id, CONCAT('[["id",', JSON_QUOTE(NEW.id), '],["identifier",', JSON_QUOTE(NEW.identifier), ']]'),
        'create', {{template "actor"}}, {{now}});
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_stamp_update`
//
CREATE TRIGGER `{{.Table}}_stamp_update` BEFORE UPDATE ON `{{.Table}}` FOR EACH ROW
BEGIN
    DECLARE _id, _identifier VARCHAR(255) {{collation}};
    {{template "newest" .}}
    IF NEW.identifier <> OLD.identifier THEN
        {{template "not former" .}}
    END IF;
    -- What somebody else writes there is not kept.
    IF NEW.names <> OLD.names OR NEW.identifier <> OLD.identifier THEN
        SET _id = OLD.id, _identifier = NEW.identifier;
        SET NEW.names = {{template "short" .}};
        IF NEW.primary_domain = OLD.primary_domain AND NEW.primary_domain <> '' AND LOCATE(CONCAT('["domain","', NEW.primary_domain, '"]'), NEW.names) = 0 THEN
            SET NEW.primary_domain = '';
        END IF;
    END IF;
    SET NEW.revision = newest + 1;
    SET NEW.mark = {{mark}};
    IF NOT NEW.name <=> OLD.name AND NEW.name_folded <=> OLD.name_folded THEN
        SET NEW.name_folded = NULL; -- it belongs to the old name
    END IF;
    IF NEW.name_folded IS NULL AND LENGTH(NEW.name) = CHAR_LENGTH(NEW.name) THEN
        SET NEW.name_folded = LOWER(NEW.name);
    END IF;
    IF NEW.updated_at <= OLD.updated_at THEN
        SET NEW.updated_at = GREATEST({{now}}, OLD.updated_at + 1);
    END IF;
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_log_update`
//
CREATE TRIGGER `{{.Table}}_log_update` AFTER UPDATE ON `{{.Table}}` FOR EACH ROW
BEGIN
    {{template "take" .}}
    INSERT INTO `{{.Table}}_changes` (revision, mark, tenant_id, `keys`, op, fields, actor, at)
    VALUES (NEW.revision, NEW.mark, NEW.id, CONCAT('[["id",', JSON_QUOTE(NEW.id), '],["identifier",', JSON_QUOTE(NEW.identifier), ']',
            IF(NEW.id <> OLD.id, CONCAT(',["id",', JSON_QUOTE(OLD.id), ']'), ''),
            IF(NEW.identifier <> OLD.identifier, CONCAT(',["identifier",', JSON_QUOTE(OLD.identifier), ']'), ''),
            IF(NEW.names = '[]' AND OLD.names = '[]', '', COALESCE((SELECT GROUP_CONCAT(',[', JSON_QUOTE(k.kind), ',', JSON_QUOTE(k.value), ']' SEPARATOR '')
                FROM ({{template "key" "NEW"}} UNION {{template "key" "OLD"}}) AS k WHERE k.kind <> 'claim'), '')), ']'),
        'update', CONCAT('[', CONCAT_WS(',',
            IF(NEW.database_url <=> OLD.database_url, NULL, '"database_url"'),
            IF(NEW.id <=> OLD.id, NULL, '"id"'),
            IF(NEW.identifier <=> OLD.identifier, NULL, '"identifier"'),
            IF(NEW.isolation <=> OLD.isolation, NULL, '"isolation"'),
            IF(NEW.metadata <=> OLD.metadata, NULL, '"metadata"'),
            IF(NEW.name <=> OLD.name, NULL, '"name"'),
            IF(NEW.names <=> OLD.names AND NEW.primary_domain <=> OLD.primary_domain, NULL, '"names"'),
            IF(NEW.schema_name <=> OLD.schema_name, NULL, '"schema_name"'),
            IF(NEW.status <=> OLD.status, NULL, '"status"')), ']'),
        {{template "actor"}}, {{now}});
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_lock_delete`
//
CREATE TRIGGER `{{.Table}}_lock_delete` BEFORE DELETE ON `{{.Table}}` FOR EACH ROW
BEGIN
    {{template "newest" .}}
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_log_delete`
//
CREATE TRIGGER `{{.Table}}_log_delete` AFTER DELETE ON `{{.Table}}` FOR EACH ROW
BEGIN
    UPDATE `{{.Table}}_head` SET revision = revision + 1 WHERE id = 1;
    INSERT INTO `{{.Table}}_changes` (revision, mark, tenant_id, `keys`, op, actor, at)
    SELECT h.revision, {{mark}}, OLD.id, CONCAT('[["id",', JSON_QUOTE(OLD.id), '],["identifier",', JSON_QUOTE(OLD.identifier), ']',
            IF(OLD.names = '[]', '', COALESCE((SELECT GROUP_CONCAT(',[', JSON_QUOTE(k.kind), ',', JSON_QUOTE(k.value), ']' SEPARATOR '')
                FROM ({{template "key" "OLD"}}) AS k WHERE k.kind <> 'claim'), '')), ']'),
        'delete', {{template "actor"}}, {{now}}
    FROM `{{.Table}}_head` AS h WHERE h.id = 1;
END
//

-- What is done to a name is a change of its tenant, if it shows: a time alone does not.
DROP TRIGGER IF EXISTS `{{.Table}}_check_name`
//
CREATE TRIGGER `{{.Table}}_check_name` BEFORE INSERT ON `{{.Table}}_names` FOR EACH ROW
BEGIN
    {{template "check name" .}}
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_insert_name`
//
CREATE TRIGGER `{{.Table}}_insert_name` AFTER INSERT ON `{{.Table}}_names` FOR EACH ROW
BEGIN
    DECLARE _id, _identifier VARCHAR(255) {{collation}} DEFAULT NEW.tenant_id;
    DECLARE _names MEDIUMTEXT {{collation}};
    {{template "renew" .}}
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_check_other_name`
//
CREATE TRIGGER `{{.Table}}_check_other_name` BEFORE UPDATE ON `{{.Table}}_names` FOR EACH ROW
BEGIN
    {{template "check name" .}}
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_update_name`
//
CREATE TRIGGER `{{.Table}}_update_name` AFTER UPDATE ON `{{.Table}}_names` FOR EACH ROW
BEGIN
    DECLARE _id, _identifier VARCHAR(255) {{collation}} DEFAULT NEW.tenant_id;
    DECLARE _names MEDIUMTEXT {{collation}};
    {{template "renew" .}}
    SET _id = OLD.tenant_id;
    {{template "renew" .}}
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_lock_name`
//
CREATE TRIGGER `{{.Table}}_lock_name` BEFORE DELETE ON `{{.Table}}_names` FOR EACH ROW
BEGIN
    {{template "newest" .}}
END
//
DROP TRIGGER IF EXISTS `{{.Table}}_delete_name`
//
CREATE TRIGGER `{{.Table}}_delete_name` AFTER DELETE ON `{{.Table}}_names` FOR EACH ROW
BEGIN
    DECLARE _id, _identifier VARCHAR(255) {{collation}} DEFAULT OLD.tenant_id;
    DECLARE _names MEDIUMTEXT {{collation}};
    {{template "renew" .}}
END
//

-- Revisions go on from the newest row.
DROP TRIGGER IF EXISTS `{{.Table}}_keep_newest`
//
CREATE TRIGGER `{{.Table}}_keep_newest` BEFORE DELETE ON `{{.Table}}_changes` FOR EACH ROW
BEGIN
    IF OLD.revision >= (SELECT revision FROM `{{.Table}}_head` WHERE id = 1) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'tenantstore: the change log must keep its newest row; to shorten it, delete older rows only';
    END IF;
END
//

START TRANSACTION
//
INSERT INTO `{{.Table}}_head` (id, revision)
SELECT 1, 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM `{{.Table}}_head`)
//
SELECT revision FROM `{{.Table}}_head` WHERE id = 1 FOR UPDATE
//
-- A log that was lost goes on after the newest revision that a row has.
INSERT INTO `{{.Table}}_changes` (revision, mark, tenant_id, `keys`, op, at)
SELECT GREATEST(COALESCE((SELECT MAX(revision) FROM `{{.Table}}`), 0), (SELECT revision FROM `{{.Table}}_head`)) + 1, {{mark}}, '', '[]', 'reset', {{now}}
FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM `{{.Table}}_changes`)
//
UPDATE `{{.Table}}_head` SET revision = (SELECT MAX(revision) FROM `{{.Table}}_changes`) WHERE id = 1
//
COMMIT
//

-- A row for each version that was installed. compatible_from is the oldest version of the
-- library that may use the schema. It comes last, with its
-- row: without it, nothing was installed.
CREATE TABLE IF NOT EXISTS `{{.Table}}_schema` (
    version         INT NOT NULL,
    compatible_from INT NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB {{collation}} COMMENT 'tenantstore: versions of the schema; do not edit'
SELECT 2 AS version, 1 AS compatible_from
//

DELIMITER ;
