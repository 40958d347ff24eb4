package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func place(id string) seal.Place { return seal.Place{TenantID: id, Field: "database_url"} }

// sealSecret returns what is stored of t's DatabaseURL.
func sealSecret(sealer seal.Sealer, t tenancy.Tenant) (string, error) {
	text := t.DatabaseURL.Reveal()
	if sealer == nil || text == "" {
		return text, nil
	}
	sealed, err := sealer.Seal(text, place(t.ID))
	if err != nil {
		return "", &failure{reason: tenancy.ErrUnavailable, text: "the database_url could not be sealed", cause: err}
	}
	return sealed, nil
}

// openSecret returns the DatabaseURL that is stored for the tenant with this ID.
// One that cannot be opened is an error: without it, the next Update would wipe
// it.
func openSecret(sealer seal.Sealer, id, stored string) (tenancy.Secret, error) {
	if !seal.Sealed(stored) {
		return tenancy.NewSecret(stored), nil
	}
	if sealer == nil {
		return tenancy.Secret{}, &failure{
			reason: tenancy.ErrUnavailable, text: "a database_url is sealed: open the store WithSealer", cause: seal.ErrUnknownKey,
		}
	}
	text, err := sealer.Open(stored, place(id))
	if err != nil {
		return tenancy.Secret{}, &failure{reason: tenancy.ErrUnavailable, text: err.Error(), cause: err}
	}
	return tenancy.NewSecret(text), nil
}

const resealPage = 500

// Reseal writes each tenant anew whose DatabaseURL is stored as plain text or was
// sealed with another key than the Sealer's newest, and returns how many they
// were. Run it after [WithSealer] was added, and after a rotation, once every
// process has the new key; then the old one can go. It may be interrupted and run
// again. A tenant that cannot be written is skipped; the error names them all.
func (s *Store) Reseal(ctx context.Context) (n int, err error) {
	b := s.b.common()
	if err := b.open(); err != nil {
		return 0, tenancy.ErrorIn("Reseal", tenancy.Key{}, err)
	}
	if b.sealer == nil {
		return 0, invalid("sealer", "Reseal needs a store that was opened WithSealer")
	}
	var failed []error
	for after := ""; ; {
		stale, last, err := b.staleSecrets(ctx, after)
		if err != nil {
			return n, tenancy.ErrorIn("Reseal", tenancy.Key{}, errors.Join(append(failed, mayBeApplied(err))...))
		}
		for _, id := range stale {
			switch err := s.rewrite(ctx, id); {
			case err == nil:
				n++
			case ctx.Err() != nil:
				return n, tenancy.ErrorIn("Reseal", tenancy.Key{}, errors.Join(append(failed, ctx.Err())...))
			case !errors.Is(err, tenancy.ErrNotFound):
				failed = append(failed, fmt.Errorf("tenant %q: %w", id, mayBeApplied(err)))
			}
		}
		if last == "" {
			return n, tenancy.ErrorIn("Reseal", tenancy.Key{}, errors.Join(failed...))
		}
		after = last
	}
}

// staleSecrets returns the IDs of a page of tenants whose DatabaseURL has to be
// sealed again, and the last ID of the page; none on the last page.
func (b *base) staleSecrets(ctx context.Context, after string) (stale []string, last string, err error) {
	err = b.retry(ctx, func() error {
		stale, last = nil, ""
		rows := 0
		err := b.read.each(ctx, b.texts.secrets, []any{after, int64(resealPage)}, func(r *sql.Rows) error {
			var id, stored string
			if err := r.Scan(&id, &stored); err != nil {
				return err
			}
			if b.sealer.Stale(stored) {
				stale = append(stale, id)
			}
			last = id
			rows++
			return nil
		})
		if rows < resealPage {
			last = ""
		}
		return err
	})
	return stale, last, err
}

// rewrite updates the tenant with what it has.
func (s *Store) rewrite(ctx context.Context, id string) error {
	return again(func() (bool, error) {
		t, err := s.GetByID(ctx, id)
		if err == nil {
			_, err = s.Update(ctx, t)
		}
		return errors.Is(err, tenancy.ErrConflict), err
	})
}
