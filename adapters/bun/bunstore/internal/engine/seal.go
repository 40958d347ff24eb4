package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Seal returns what to store of plain, the DatabaseURL of the tenant with this ID.
func (b *Base) Seal(id, plain string) (string, error) {
	if b.Sealer == nil || plain == "" {
		return plain, nil
	}
	sealed, err := b.Sealer.Seal(plain, seal.DatabaseURL(id))
	if err != nil {
		return "", &Failure{Reason: tenancy.ErrUnavailable, Text: "the database_url could not be sealed", Cause: err}
	}
	return sealed, nil
}

// SealForUpdate is Seal for a tenant that has a DatabaseURL. A text that is
// stored for the same one stays, so that the log does not show a change of it.
func (b *Base) SealForUpdate(ctx context.Context, in Session, t tenancy.Tenant) (string, error) {
	plain := t.DatabaseURL.Reveal()
	if b.Sealer == nil || plain == "" {
		return plain, nil
	}
	var stored Text
	if _, err := in.One(ctx, b.Texts.secret, []any{t.ID}, &stored); err != nil {
		return "", err
	}
	if !b.Sealer.Stale(string(stored)) {
		if opened, err := b.Sealer.Open(string(stored), seal.DatabaseURL(t.ID)); err == nil && opened == plain {
			return string(stored), nil
		}
	}
	return b.Seal(t.ID, plain)
}

// openSecret returns the plain text of what is stored for the tenant with this
// ID. Errors hold neither text nor key.
func openSecret(sealer seal.Sealer, id, stored string) (string, error) {
	switch {
	case stored == "" || sealer == nil && !seal.Sealed(stored):
		return stored, nil
	case sealer == nil:
		return "", errors.New("it is sealed, and the store was opened without WithSealer")
	}
	plain, err := sealer.Open(stored, seal.DatabaseURL(id))
	if errors.Is(err, seal.ErrNotSealed) {
		return stored, nil
	}
	return plain, err
}

// secrets reads what is stored of DatabaseURLs.
type secrets struct {
	sealer seal.Sealer // nil: they are stored as they are
	logger *slog.Logger
	logged sync.Once
}

// read returns the DatabaseURL of the tenant with this ID, withheld if it does not
// open. The first of these is logged: if a key is missing, there are many. Nil
// secrets open none.
func (s *secrets) read(id, stored string) tenancy.Secret {
	switch {
	case stored == "":
		return tenancy.Secret{}
	case s == nil:
		return driver.WithheldSecret("it was not asked for")
	}
	plain, err := openSecret(s.sealer, id, stored)
	if err != nil {
		s.logged.Do(func() {
			s.logger.Warn("tenancy: a database_url cannot be opened; its tenant is read without it; Reseal names all such tenants",
				slog.String("tenant", id), slog.Any("error", err))
		})
		return driver.WithheldSecret(err.Error())
	}
	return tenancy.NewSecret(plain)
}

// OpenSecret returns the DatabaseURL of the tenant with this ID, of which stored is what its
// column holds.
func (b *Base) OpenSecret(id, stored string) tenancy.Secret { return b.Read.secrets.read(id, stored) }

const resealPage = 500

// Reseal seals anew what is stored as plain text or was sealed with another key than the
// newest, and returns how many DatabaseURLs that were. Its error names the tenants whose
// DatabaseURL cannot be opened or written.
func Reseal(ctx context.Context, e Engine) (n int, err error) {
	var failed []error
	for after := ""; ; {
		page, last, err := e.Common().secretsAfter(ctx, after)
		if err != nil {
			return n, errors.Join(append(failed, MayBeApplied(err))...)
		}
		for _, secret := range page {
			written, err := resealOne(ctx, e, secret)
			switch {
			case ctx.Err() != nil:
				return n, errors.Join(append(failed, ctx.Err())...)
			case err != nil:
				failed = append(failed, fmt.Errorf("tenant %q: %w", secret.ID, MayBeApplied(err)))
			case written:
				n++
			}
		}
		if last == "" {
			return n, errors.Join(failed...)
		}
		after = last
	}
}

// StoredSecret is a DatabaseURL as it is stored.
type StoredSecret struct{ ID, Text string }

// secretsAfter returns the secrets of a page of tenants, and the last ID of the page;
// none on the last page.
func (b *Base) secretsAfter(ctx context.Context, after string) (page []StoredSecret, last string, err error) {
	err = b.Retry(ctx, func() error {
		page = nil
		return b.Read.Each(ctx, b.Texts.secrets, []any{after, int64(resealPage)}, func(r *sql.Rows) error {
			var id, stored Text
			err := r.Scan(&id, &stored)
			page = append(page, StoredSecret{string(id), string(stored)})
			return err
		})
	})
	if len(page) == resealPage {
		last = page[resealPage-1].ID
	}
	return page, last, err
}

// resealOne seals a secret anew if it has to be, unless somebody else has done so
// meanwhile. It writes nothing else of the tenant, which may hold what Update would
// refuse.
func resealOne(ctx context.Context, e Engine, secret StoredSecret) (written bool, err error) {
	b := e.Common()
	err = Repeat(func() (bool, error) {
		plain, err := openSecret(b.Sealer, secret.ID, secret.Text)
		if err != nil {
			return false, fmt.Errorf("%w: %w", tenancy.ErrWithheld, err)
		}
		if plain == "" || !b.Sealer.Stale(secret.Text) {
			return false, nil
		}
		sealed, err := b.Seal(secret.ID, plain)
		if err != nil {
			return false, err
		}
		if written, err = e.ReplaceSecret(ctx, secret, sealed); err != nil || written {
			return false, err
		}
		var stored Text // empty if the tenant is gone
		err = b.Retry(ctx, func() error {
			_, err := b.Read.One(ctx, b.Texts.secret, []any{secret.ID}, &stored)
			return err
		})
		secret.Text = string(stored)
		return err == nil, err
	})
	return written, err
}
