package bunstore_test

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

func key(tb testing.TB, id string) seal.Key {
	tb.Helper()
	k, err := seal.ParseKey(id, seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func keyring(tb testing.TB, first seal.Key, others ...seal.Key) bunstore.Option {
	tb.Helper()
	keys, err := seal.NewKeyring(first, others...)
	if err != nil {
		tb.Fatal(err)
	}
	return bunstore.WithSealer(keys)
}

// column returns what is stored in a column of a tenant.
func column(tb testing.TB, db *bun.DB, name, id string) string {
	tb.Helper()
	var value string
	if err := db.NewRaw("SELECT ? FROM tenants WHERE id = ?", bun.Ident(name), id).Scan(tb.Context(), &value); err != nil {
		tb.Fatal(err)
	}
	return value
}

// exec waits for others, as the pool of SQLite does not.
func exec(tb testing.TB, db *bun.DB, text string, args ...any) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), text, args...)
	for err != nil && strings.Contains(err.Error(), "database is locked") && tb.Context().Err() == nil {
		_, err = db.ExecContext(tb.Context(), text, args...)
	}
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
}

// One secret that does not open costs that secret, whatever the reason: its tenant
// can be read, found and suspended, and so can all others.
func TestWithheldSecrets(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		ctx, oldKey, newKey := t.Context(), key(t, "2025"), key(t, "2026")
		before := newStore(t, db, keyring(t, oldKey))
		for _, id := range []string{"gone", "late"} {
			if _, err := before.Create(ctx, tenancy.Tenant{ID: id, Identifier: id + "-x", Name: "Name", DatabaseURL: tenancy.NewSecret(canary)}); err != nil {
				t.Fatal(err)
			}
		}
		s := newStore(t, db, keyring(t, newKey))
		for _, id := range []string{"good", "moved", "cut"} {
			if _, err := s.Create(ctx, tenancy.Tenant{ID: id, Identifier: id + "-x", Name: "Name", DatabaseURL: tenancy.NewSecret(canary)}); err != nil {
				t.Fatal(err)
			}
		}
		exec(t, db, "UPDATE tenants SET id = 'elsewhere' WHERE id = 'moved'")
		exec(t, db, "UPDATE tenants SET database_url = substr(database_url, 1, 30) WHERE id = 'cut'")
		all := []string{"cut", "elsewhere", "gone", "good", "late"}

		var log bytes.Buffer
		for name, c := range map[string]struct {
			s    *bunstore.Store
			good []string
		}{
			"key gone": {newStore(t, db, keyring(t, newKey), bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))), []string{"good"}},
			"no key":   {newStore(t, db), nil},
		} {
			check := func(op string, ts []tenancy.Tenant, err error, want ...string) {
				t.Helper()
				var ids []string
				for _, got := range ts {
					ids = append(ids, got.ID)
					good := slices.Contains(c.good, got.ID)
					if secretErr := got.DatabaseURL.Err(); (secretErr == nil) != good || good && got.DatabaseURL.Reveal() != canary ||
						!good && (!errors.Is(secretErr, tenancy.ErrWithheld) || got.DatabaseURL.Reveal() == "" || strings.Contains(got.DatabaseURL.Reveal(), "sealed")) {
						t.Errorf("%s: %s of %s: secret %q, %v", name, op, got.ID, got.DatabaseURL.Reveal(), secretErr)
					}
				}
				slices.Sort(ids)
				if err != nil || !slices.Equal(ids, want) {
					t.Errorf("%s: %s returned %v, %v; want %v", name, op, ids, err, want)
				}
			}
			page, err := c.s.List(ctx, tenancy.ListOptions{})
			check("List", page.Tenants, err, all...)
			found, err := c.s.Search(ctx, "name", tenancy.SearchOptions{})
			check("Search", found, err, all...)
			found, err = c.s.GetByIDs(ctx, all)
			check("GetByIDs", found, err, all...)
			loaded, err := c.s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey("gone")}, {Key: tenancy.IdentifierKey("good-x")}})
			found = nil
			for _, snapshot := range loaded {
				found = append(found, snapshot.Tenant)
			}
			check("Load", found, err, "gone", "good")
			var file bytes.Buffer
			if _, err := tenantio.Export(ctx, c.s, &file, tenantio.JSONLines, tenantio.ExportOptions{}); err != nil || strings.Count(file.String(), "\n") != len(all) {
				t.Errorf("%s: Export without secrets: %v: %s", name, err, file.String())
			}
			for _, id := range all {
				stored, revision := column(t, db, "database_url", id), column(t, db, "revision", id)
				one, err := c.s.GetByID(ctx, id)
				check("GetByID", []tenancy.Tenant{one}, err, id)
				one, err = c.s.GetByIdentifier(ctx, one.Identifier)
				check("GetByIdentifier", []tenancy.Tenant{one}, err, id)
				one, err = c.s.SetStatus(ctx, id, tenancy.StatusSuspended)
				check("SetStatus", []tenancy.Tenant{one}, err, id)
				found, err = c.s.BulkUpdateStatus(ctx, []string{id}, tenancy.StatusActive)
				check("BulkUpdateStatus", found, err, id)
				patch, err := tenancy.NewMetadata(map[string]string{"by": name})
				if err != nil {
					t.Fatal(err)
				}
				one, err = c.s.UpdateMetadata(ctx, id, patch)
				check("UpdateMetadata", []tenancy.Tenant{one}, err, id)
				if one.DatabaseURL.Err() != nil {
					_, err := c.s.Update(ctx, one)
					var typed *tenancy.Error
					if !errors.As(err, &typed) || !errors.Is(err, tenancy.ErrInvalid) || typed.Field != "database_url" || typed.ID != id {
						t.Errorf("%s: Update of %s with what it was read with: %v, want ErrInvalid in database_url", name, id, err)
					}
				}
				if now := column(t, db, "database_url", id); now != stored {
					t.Errorf("%s: database_url of %s was %q and is %q", name, id, stored, now)
				}
				if column(t, db, "revision", id) == revision {
					t.Errorf("%s: nothing was written of %s", name, id)
				}
			}
		}
		if n := strings.Count(log.String(), "cannot be opened"); n != 1 || strings.Contains(log.String(), canary) {
			t.Errorf("logged %d times, want once:\n%s", n, log.String())
		}

		// Reseal does what it can, and names the rest. Other columns of the row do not
		// matter to it.
		exec(t, db, "UPDATE tenants SET status = 'future' WHERE id = 'late'")
		n, err := newStore(t, db, keyring(t, newKey, oldKey)).Reseal(ctx)
		if n != 2 || !errors.Is(err, tenancy.ErrWithheld) {
			t.Errorf("Reseal = %d, %v; want 2, and those that do not open", n, err)
		}
		for _, id := range []string{"cut", "elsewhere"} {
			if err == nil || !strings.Contains(err.Error(), `tenant "`+id+`"`) {
				t.Errorf("Reseal does not name %s: %v", id, err)
			}
		}
		broken, err := s.GetByID(ctx, "elsewhere")
		if err != nil {
			t.Fatal(err)
		}
		broken.DatabaseURL = tenancy.NewSecret(canary)
		if mended, err := s.Update(ctx, broken); err != nil || mended.DatabaseURL.Reveal() != canary {
			t.Errorf("Update with a new value: %v", err)
		}
		if err := s.Delete(ctx, "cut"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		for _, id := range []string{"elsewhere", "gone", "good", "late"} {
			if got, err := s.GetByID(ctx, id); err != nil || got.DatabaseURL.Reveal() != canary {
				t.Errorf("in the end, %s: %q, %v", id, got.DatabaseURL.Reveal(), err)
			}
		}
		if n, err := s.Reseal(ctx); n != 0 || err != nil {
			t.Errorf("Reseal in the end = %d, %v", n, err)
		}
	})
}

// A text is sealed anew only for another secret: else the log would say that it
// changed with every Update.
func TestUpdateKeepsWhatIsSealed(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, keyring(t, key(t, "2026")))
		acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("first")})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			edit    func(*tenancy.Tenant)
			changed bool
		}{
			{func(t *tenancy.Tenant) { t.Name = "Other" }, false},
			{func(t *tenancy.Tenant) { t.Identifier, t.Revision = "other", tenancy.AnyRevision }, false},
			{func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("second") }, true},
			{func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.Secret{} }, true},
			{func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("second") }, true},
		} {
			stored := column(t, db, "database_url", acme.ID)
			c.edit(&acme)
			want := acme.DatabaseURL
			if acme, err = s.Update(t.Context(), acme); err != nil || acme.DatabaseURL != want {
				t.Fatalf("Update: %v", err)
			}
			if now := column(t, db, "database_url", acme.ID); (now != stored) != c.changed {
				t.Errorf("database_url was %q and is %q", stored, now)
			}
		}
	})
}
