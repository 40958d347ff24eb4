package bunstore_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "canary-5e1c"

// secretive is a tenant with the canary in every field that may hold it.
func secretive(tb testing.TB, identifier string) tenancy.Tenant {
	tb.Helper()
	m, err := tenancy.NewMetadata(map[string]string{"token": canary})
	if err != nil {
		tb.Fatal(err)
	}
	return tenancy.Tenant{
		Identifier: identifier, Name: "Name " + canary, SchemaName: canary,
		DatabaseURL: tenancy.NewSecret("postgres://user:" + canary + "@host/db"), Metadata: m,
	}
}

// Statements are logged with everything but their arguments, whether they
// succeed or fail.
func TestLogHoldsNoArguments(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		var log bytes.Buffer
		s := newStore(t, db, bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		refuse(t, db)
		ctx := t.Context()
		created, err := s.Create(ctx, secretive(t, "acme"))
		if err != nil {
			t.Fatal(err)
		}
		created.Name = canary
		if created, err = s.Update(ctx, created); err != nil {
			t.Fatal(err)
		}
		_, duplicateErr := s.Create(ctx, secretive(t, "acme"))
		refused := created
		refused.Name = "refused " + canary
		_, refusedErr := s.Update(ctx, refused)
		_, batchErr := s.CreateBatch(ctx, []tenancy.Tenant{secretive(t, "batch-1"), refused})
		_, mergeErr := s.UpdateMetadata(ctx, created.ID, created.Metadata)
		_, searchErr := s.Search(ctx, canary, tenancy.SearchOptions{})
		if !errors.Is(duplicateErr, tenancy.ErrAlreadyExists) || !errors.Is(refusedErr, tenancy.ErrInvalid) {
			t.Errorf("duplicate: %v; refused: %v", duplicateErr, refusedErr)
		}
		for _, err := range []error{duplicateErr, refusedErr, batchErr, mergeErr, searchErr} {
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("an error shows an argument: %v", err)
			}
		}
		for _, part := range []string{"UPDATE", "INSERT", "duration=", "rows=1", "error="} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the log lacks %q", part)
			}
		}
		if at := strings.Index(log.String(), canary); at >= 0 {
			t.Errorf("the log shows an argument: …%s", log.String()[max(0, at-200):at+len(canary)])
		}
	})
}

// refuse adds a trigger of the user's own that refuses some names, and quotes
// the row in its message.
func refuse(t *testing.T, db *bun.DB) {
	t.Helper()
	texts := []string{
		`CREATE TRIGGER refuse BEFORE UPDATE ON tenants WHEN NEW.name LIKE 'refused%' BEGIN SELECT RAISE(ABORT, 'refused ` + canary + `'); END`,
	}
	if db.Dialect().Name().String() == "pg" {
		texts = []string{
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.name LIKE ''refused%'' THEN RAISE EXCEPTION ''refused %'', NEW.database_url; END IF; RETURN NEW; END'`,
			`CREATE TRIGGER refuse BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION refuse()`,
		}
	}
	if db.Dialect().Name().String() == "mysql" {
		texts = []string{
			`CREATE TRIGGER refuse BEFORE UPDATE ON tenants FOR EACH ROW IF NEW.name LIKE 'refused%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused ` + canary + `'; END IF`,
		}
	}
	for _, text := range texts {
		if _, err := db.DB.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// A constraint of the user's own is told from those of the store.
func TestForeignUniqueConstraint(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		ctx := t.Context()
		if _, err := db.DB.ExecContext(ctx, "CREATE UNIQUE INDEX one_name ON tenants (name)"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		check := func(op string, err error) {
			var typed *tenancy.Error
			if !errors.As(err, &typed) || !errors.Is(err, tenancy.ErrAlreadyExists) || typed.Field != "" {
				t.Errorf("%s: %v, want ErrAlreadyExists without a field", op, err)
			}
		}
		_, err := s.Create(ctx, tenancy.Tenant{Identifier: "other", Name: "Acme"})
		check("Create", err)
		b, err := s.Create(ctx, tenancy.Tenant{Identifier: "other", Name: "Other"})
		if err != nil {
			t.Fatal(err)
		}
		b.Name = "Acme"
		_, err = s.Update(ctx, b)
		check("Update", err)
		results, err := s.CreateBatch(ctx, []tenancy.Tenant{
			{Identifier: "batch-1", Name: "One"}, {Identifier: "batch-2", Name: "Acme"}, {Identifier: "acme", Name: "Three"}, {Identifier: "batch-4", Name: "Four"},
		})
		if err != nil || len(results) != 4 {
			t.Fatalf("CreateBatch: %d results, %v", len(results), err)
		}
		check("CreateBatch", results[1].Err)
		var typed *tenancy.Error
		if errors.As(results[2].Err, &typed); typed == nil || typed.Field != "identifier" {
			t.Errorf("CreateBatch: %v, want the identifier to be taken", results[2].Err)
		}
		if results[0].Err != nil || results[3].Err != nil {
			t.Errorf("CreateBatch: %v, %v", results[0].Err, results[3].Err)
		}
	})
}
