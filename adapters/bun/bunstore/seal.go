package bunstore

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

// sealSecret returns what to store of plain, the DatabaseURL of the tenant with
// this ID.
func sealSecret(sealer seal.Sealer, id, plain string) (string, error) {
	if sealer == nil || plain == "" {
		return plain, nil
	}
	sealed, err := sealer.Seal(plain, seal.DatabaseURL(id))
	if err != nil {
		return "", &failure{reason: tenancy.ErrUnavailable, text: "the database_url could not be sealed", cause: err}
	}
	return sealed, nil
}

// sealAgain is sealSecret for a tenant that has a DatabaseURL. A text that is
// stored for the same one stays, so that the log does not show a change of it.
func (b *base) sealAgain(ctx context.Context, in session, t tenancy.Tenant) (string, error) {
	plain := t.DatabaseURL.Reveal()
	if b.sealer == nil || plain == "" {
		return plain, nil
	}
	var stored text
	if _, err := in.one(ctx, b.texts.secret, []any{t.ID}, &stored); err != nil {
		return "", err
	}
	if !b.sealer.Stale(string(stored)) {
		if opened, err := b.sealer.Open(string(stored), seal.DatabaseURL(t.ID)); err == nil && opened == plain {
			return string(stored), nil
		}
	}
	return sealSecret(b.sealer, t.ID, plain)
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

const resealPage = 500

// Reseal seals each DatabaseURL anew that is stored as plain text or was sealed with
// another key than the Sealer's newest, and returns how many they were. Run it after
// [WithSealer] was added, and after a rotation, once every process has the new key;
// then the old one can go. It may be interrupted and run again. A tenant whose
// DatabaseURL cannot be opened or written is skipped; the error names them all.
func (s *Store) Reseal(ctx context.Context) (n int, err error) {
	b := s.b.common()
	if err := b.open(); err != nil {
		return 0, driver.ErrorIn("Reseal", tenancy.Key{}, err)
	}
	if b.sealer == nil {
		return 0, invalid("sealer", "Reseal needs a store that was opened WithSealer")
	}
	var failed []error
	for after := ""; ; {
		page, last, err := b.secretsAfter(ctx, after)
		if err != nil {
			return n, driver.ErrorIn("Reseal", tenancy.Key{}, errors.Join(append(failed, mayBeApplied(err))...))
		}
		for _, secret := range page {
			written, err := s.reseal(ctx, secret)
			switch {
			case ctx.Err() != nil:
				return n, driver.ErrorIn("Reseal", tenancy.Key{}, errors.Join(append(failed, ctx.Err())...))
			case err != nil:
				failed = append(failed, fmt.Errorf("tenant %q: %w", secret.id, mayBeApplied(err)))
			case written:
				n++
			}
		}
		if last == "" {
			return n, driver.ErrorIn("Reseal", tenancy.Key{}, errors.Join(failed...))
		}
		after = last
	}
}

// storedSecret is a DatabaseURL as it is stored.
type storedSecret struct{ id, text string }

// secretsAfter returns the secrets of a page of tenants, and the last ID of the page;
// none on the last page.
func (b *base) secretsAfter(ctx context.Context, after string) (page []storedSecret, last string, err error) {
	err = b.retry(ctx, func() error {
		page = nil
		return b.read.each(ctx, b.texts.secrets, []any{after, int64(resealPage)}, func(r *sql.Rows) error {
			var id, stored text
			err := r.Scan(&id, &stored)
			page = append(page, storedSecret{string(id), string(stored)})
			return err
		})
	})
	if len(page) == resealPage {
		last = page[resealPage-1].id
	}
	return page, last, err
}

// reseal seals a secret anew if it has to be, unless somebody else has done so
// meanwhile. It writes nothing else of the tenant, which may hold what Update would
// refuse.
func (s *Store) reseal(ctx context.Context, secret storedSecret) (written bool, err error) {
	b := s.b.common()
	err = again(func() (bool, error) {
		plain, err := openSecret(b.sealer, secret.id, secret.text)
		if err != nil {
			return false, fmt.Errorf("%w: %w", tenancy.ErrWithheld, err)
		}
		if plain == "" || !b.sealer.Stale(secret.text) {
			return false, nil
		}
		sealed, err := sealSecret(b.sealer, secret.id, plain)
		if err != nil {
			return false, err
		}
		if written, err = s.b.replaceSecret(ctx, secret, sealed); err != nil || written {
			return false, err
		}
		var stored text // empty if the tenant is gone
		err = b.retry(ctx, func() error {
			_, err := b.read.one(ctx, b.texts.secret, []any{secret.id}, &stored)
			return err
		})
		secret.text = string(stored)
		return err == nil, err
	})
	return written, err
}
