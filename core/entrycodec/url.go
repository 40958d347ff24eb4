package entrycodec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func (c Codec) encodeURL(w *fieldWriter, t *tenancy.Tenant) error {
	if t.DatabaseURL.IsZero() {
		return nil
	}
	tag, text, err := c.urlField(t)
	if err != nil {
		if !c.Withhold {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		tag, text = tagWithheldURL, reason(err)
	}
	w.field(tag, text)
	return nil
}

// urlField returns what to write of the DatabaseURL of t.
func (c Codec) urlField(t *tenancy.Tenant) (tag byte, text string, err error) {
	switch err := t.DatabaseURL.Err(); {
	case err != nil:
		return 0, "", err
	case c.Sealer != nil:
		sealed, err := c.Sealer.Seal(t.DatabaseURL.Reveal(), seal.DatabaseURL(t.ID))
		return tagSealedURL, sealed, err
	case c.PlainSecrets:
		return tagPlainURL, t.DatabaseURL.Reveal(), nil
	}
	return 0, "", errors.New("a DatabaseURL without a Sealer")
}

// reason returns what err says, and of a secret that is withheld already, why.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), tenancy.ErrWithheld.Error()+": ")
}

// urlField is read last: it opens only with the ID of its tenant.
type urlField struct {
	tag  uint64
	text string
}

func (c Codec) decodeURL(t *tenancy.Tenant, url urlField) error {
	if url.tag == 0 {
		return nil
	}
	text, err := c.openURL(t.ID, url)
	switch {
	case err == nil:
		t.DatabaseURL = tenancy.NewSecret(text)
	case c.Withhold:
		t.DatabaseURL = driver.WithheldSecret(err.Error())
	default:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// openURL returns the plain text of the DatabaseURL of the tenant with this ID, which
// keeps nothing of the entry in memory.
func (c Codec) openURL(id string, url urlField) (string, error) {
	switch {
	case url.tag == tagWithheldURL:
		return "", errors.New(strings.Clone(url.text))
	case url.tag == tagPlainURL && !c.PlainSecrets:
		return "", errors.New("a DatabaseURL in plain text")
	case url.tag == tagPlainURL:
		return strings.Clone(url.text), nil
	case c.Sealer == nil:
		return "", errors.New("a sealed DatabaseURL without a Sealer")
	}
	return c.Sealer.Open(url.text, seal.DatabaseURL(id))
}
