package bunpg_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Whatever a role or a database has set for its sessions, a store works in them, and
// so do edits by hand.
func TestSettingsOfTheDatabase(t *testing.T) {
	dsn := newDatabase(t)
	admin := connect(t, dsn)
	database := one[string](t, admin, `SELECT current_database()`)
	exec(t, admin, `CREATE SCHEMA shadow; CREATE TABLE shadow.tenants (id text); CREATE TABLE shadow.tenants_changes (id text);
		CREATE TABLE shadow.tenants_lock (id int)`)
	for name, settings := range map[string][]string{
		"strings":         {`standard_conforming_strings = off`, `backslash_quote = off`, `escape_string_warning = on`},
		"names":           {`quote_all_identifiers = on`, `plpgsql.variable_conflict = use_column`, `check_function_bodies = off`},
		"nulls":           {`array_nulls = off`, `transform_null_equals = on`},
		"formats":         {`bytea_output = escape`, `xmloption = document`, `extra_float_digits = -15`, `lc_messages = 'C'`},
		"dates":           {`DateStyle = 'German, DMY'`, `IntervalStyle = iso_8601`, `TimeZone = 'Asia/Kathmandu'`},
		"LATIN1":          {`client_encoding = LATIN1`},
		"SQL_ASCII":       {`client_encoding = SQL_ASCII`},
		"serializable":    {`default_transaction_isolation = serializable`, `default_transaction_deferrable = on`},
		"repeatable read": {`default_transaction_isolation = 'repeatable read'`},
		"read only":       {`default_transaction_read_only = on`},
		"no path":         {`search_path = ''`},
		"path to nowhere": {`search_path = nowhere`},
		"temporary first": {`search_path = pg_temp, shadow`},
		"other tables":    {`search_path = shadow, pg_catalog`},
		"replica":         {`session_replication_role = replica`},
		"local":           {`session_replication_role = local`, `row_security = on`},
		"generic plans":   {`plan_cache_mode = force_generic_plan`},
		"custom plans":    {`plan_cache_mode = force_custom_plan`},
		"odd plans":       {`enable_indexscan = off`, `enable_nestloop = off`, `enable_mergejoin = off`, `enable_sort = off`},
		"other odd plans": {`enable_seqscan = off`, `enable_hashjoin = off`, `enable_bitmapscan = off`, `join_collapse_limit = 1`},
		"limits":          {`temp_file_limit = 0`, `idle_in_transaction_session_timeout = '1min'`, `synchronous_commit = off`},
		"messages":        {`client_min_messages = debug1`, `log_statement = 'all'`, `plpgsql.extra_errors = "all"`, `tenantstore.actor = somebody`},
	} {
		t.Run(name, func(t *testing.T) {
			exec(t, admin, `DROP SCHEMA IF EXISTS own CASCADE`)
			for _, s := range append(settings, `jit = off`) { // to compile odd plans takes long
				exec(t, admin, `ALTER DATABASE `+database+` SET `+s)
			}
			defer exec(t, admin, `ALTER DATABASE `+database+` RESET ALL`)
			own := bunpg.WithStore(bunstore.WithSchema("own"), bunstore.WithSearchIndex(), bunstore.WithLogger(nil))
			tryEverything(t, open(t, dsn, own))
			tryEverything(t, open(t, dsn, own, bunpg.WithPgBouncer()))
			if name == "LATIN1" || name == "SQL_ASCII" {
				_, err := bunpg.FromPool(t.Context(), newPGXPool(t, dsn, func(*pgxpool.Config) {}), own)
				if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), "client_encoding") {
					t.Errorf("FromPool: %v", err)
				}
				if _, err := bare(t, dsn, bunstore.WithSchema("own")).GetByID(t.Context(), "1"); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "client_encoding") {
					t.Errorf("a read of a *bun.DB: %v", err)
				}
				return
			}
			tryEverything(t, fromPool(t, newPGXPool(t, dsn, func(*pgxpool.Config) {}), own))
			if name == "read only" {
				return // also for edits by hand
			}
			byHand := connect(t, dsn)
			for _, edit := range []string{
				`INSERT INTO own.tenants (id, identifier, name) VALUES ('1', 'by-hand', 'By Hand'), ('2', 'two', 'By Hand')`,
				`UPDATE own.tenants SET name = 'Other', identifier = 'renamed' WHERE id = '1'`,
				`INSERT INTO own.tenants (id, identifier, name) VALUES ('1', 'by-hand', 'By Hand') ON CONFLICT (id) DO UPDATE SET name = 'upserted'`,
				`UPDATE own.tenants SET id = id || '9', status = 'suspended'`,
				`DELETE FROM own.tenants WHERE id = '29'`,
			} {
				exec(t, byHand, edit)
			}
			exec(t, admin, `SET search_path = own`)
			checkLog(t, admin)
		})
	}
}

// The driver does not send values by the simple protocol to sessions in which a
// backslash is special.
func TestSimpleProtocolAndBackslashes(t *testing.T) {
	dsn := newDatabase(t)
	pool := newPGXPool(t, dsn, func(c *pgxpool.Config) {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		c.ConnConfig.RuntimeParams["standard_conforming_strings"] = "off"
	})
	_, err := bunpg.FromPool(t.Context(), pool)
	if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), "standard_conforming_strings = on") {
		t.Errorf("FromPool: %v", err)
	}
	tryEverything(t, fromPool(t, newPGXPool(t, dsn, func(c *pgxpool.Config) {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	})))
}

// tryEverything calls s with what settings could spoil, and leaves nothing behind.
func tryEverything(t *testing.T, s *bunstore.Store) {
	t.Helper()
	ctx := t.Context()
	odd := tenancy.Tenant{
		ID: `i\d'"` + tenancy.NewID(), Identifier: "odd", Name: `N\'";\\ ü 日本 NULL`, SchemaName: `\x41`,
		DatabaseURL: tenancy.NewSecret(`postgres://u:p\'@h/d`), Metadata: metadata(t, `{"a\\\"'": [1e20, 0.1, null, "\\"], "n": "NULL"}`),
	}
	created, err := s.Create(ctx, odd)
	if err != nil {
		t.Fatal("Create:", err)
	}
	read := func(what string, want tenancy.Tenant) {
		t.Helper()
		got, err := s.GetByID(ctx, want.ID)
		if err != nil || got != want {
			t.Errorf("%s: read %+v, %v\nwant %+v", what, got, err, want)
		}
		got, err = s.GetByIdentifier(ctx, want.Identifier)
		if err != nil || got != want {
			t.Errorf("%s: read %+v, %v\nwant %+v", what, got, err, want)
		}
		loaded, err := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(want.ID)}, {Key: tenancy.IdentifierKey(want.Identifier)}})
		if err != nil || loaded[0].Tenant != want || loaded[1].Tenant != want {
			t.Errorf("%s: load %+v, %v", what, loaded, err)
		}
	}
	read("Create", created)
	bounds, err := s.Bounds(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := s.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "batch", Name: "NULL"}, {Identifier: "other", Name: `"{}\,`, Metadata: odd.Metadata}, {Identifier: "odd", Name: "x"}})
	if err != nil || rs[0].Err != nil || rs[1].Err != nil || rs[2].Err == nil {
		t.Fatal("CreateBatch:", rs, err)
	}
	read("CreateBatch", rs[0].Tenant)
	read("CreateBatch", rs[1].Tenant)
	created.Name, created.Metadata = `B\''"`, metadata(t, `{"k": "\\'"}`)
	updated, err := s.Update(ctx, created)
	if err != nil {
		t.Fatal("Update:", err)
	}
	read("Update", updated)
	if _, err := s.Update(ctx, created); err == nil {
		t.Error("Update: no conflict")
	}
	updated.Identifier = "renamed"
	if updated, err = s.Update(ctx, updated); err != nil {
		t.Fatal("rename:", err)
	}
	read("rename", updated)
	if updated, err = s.SetStatus(ctx, updated.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal("SetStatus:", err)
	}
	read("SetStatus", updated)
	if updated, err = s.UpdateMetadata(ctx, updated.ID, metadata(t, `{"\\": "'"}`)); err != nil {
		t.Fatal("UpdateMetadata:", err)
	}
	read("UpdateMetadata", updated)
	if updated, err = s.UpdateMetadata(ctx, updated.ID, metadata(t, `{"big": "`+strings.Repeat("x", tenancy.MaxMetadataBytes-100)+`"}`)); err != nil {
		t.Fatal("UpdateMetadata:", err)
	}
	ts, err := s.BulkUpdateStatus(ctx, []string{rs[1].Tenant.ID, updated.ID, rs[0].Tenant.ID}, tenancy.StatusActive)
	if err != nil || len(ts) != 3 {
		t.Fatal("BulkUpdateStatus:", ts, err)
	}
	updated = ts[1]
	read("BulkUpdateStatus", updated)
	if ts, err := s.GetByIDs(ctx, []string{rs[1].Tenant.ID, updated.ID}); err != nil || len(ts) != 2 || ts[1] != updated {
		t.Error("GetByIDs:", ts, err)
	}
	if page, err := s.List(ctx, tenancy.ListOptions{Limit: 2}); err != nil || len(page.Tenants) != 2 {
		t.Error("List:", page, err)
	} else if page, err = s.List(ctx, tenancy.ListOptions{Limit: 2, Cursor: page.Next}); err != nil || len(page.Tenants) != 1 || page.Tenants[0] != updated {
		t.Errorf("List: %+v %v", page, err)
	}
	if n, err := s.Count(ctx, tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive, tenancy.StatusSuspended}}); err != nil || n != 3 {
		t.Error("Count:", n, err)
	}
	if ts, err := s.Search(ctx, `b\''"`, tenancy.SearchOptions{}); err != nil || len(ts) != 1 || ts[0] != updated {
		t.Error("Search:", ts, err)
	}
	if err := s.Delete(ctx, updated.ID); err != nil {
		t.Fatal("Delete:", err)
	}
	for _, r := range rs[:2] {
		if err := s.Delete(ctx, r.Tenant.ID); err != nil {
			t.Fatal("Delete:", err)
		}
	}
	cs, err := s.Changes(ctx, bounds.Newest, 0)
	if err != nil || len(cs) != 2+1+1+1+2+3+3 {
		t.Error("Changes:", len(cs), cs, err)
	}
	if found, err := s.Check(ctx); err != nil || len(found) > 0 {
		t.Error("Check:", found, err)
	}
}
