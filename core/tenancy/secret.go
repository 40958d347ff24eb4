package tenancy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/go-tenancy/tenantstore/core/internal/secret"
)

const (
	mask = "***"
	// what a withheld secret reveals: no driver takes it for an address, so that
	// nobody connects to a default database by mistake
	withheldText = "withheld://secret"
)

// ErrWithheld: a secret, or metadata, is stored and cannot be read; the text says
// why. See [Secret.Err] and [Metadata.Err].
var ErrWithheld = errors.New("what is stored cannot be read")

// Secret is a text that must not reach logs, errors or API answers. However it
// is printed, logged through slog or marshalled, it shows as "***" (an empty one
// as ""); only [Secret.Reveal] gives the text. Unmarshalling "***" is
// [ErrInvalid], so that a client that gets a tenant, edits it and puts it back
// cannot store the mask.
//
// Secrets compare with ==. Even fmt's walk over unexported fields, which calls no
// methods, prints an address and not the text.
type Secret secret.Text

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret(secret.New(text)) }

// Err returns nil if Reveal gives the secret, or an error that wraps ErrWithheld
// and says why it does not.
func (s Secret) Err() error {
	if reason, withheld := secret.Text(s).Reason(); withheld {
		return fmt.Errorf("%w: %s", ErrWithheld, reason)
	}
	return nil
}

// Reveal returns the text. A withheld secret (see [Secret.Err]) reveals a text
// that is no address of any database.
func (s Secret) Reveal() string {
	if _, withheld := secret.Text(s).Reason(); withheld {
		return withheldText
	}
	return secret.Text(s).Reveal()
}

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s == Secret{} }

// String returns the mask, or "" for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// Format implements [fmt.Formatter]: every verb prints the mask.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		_, _ = fmt.Fprintf(f, "%q", s.String())
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// LogValue implements [slog.LogValuer] with the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements [encoding.TextMarshaler] with the mask. See [Revealed]
// for a form that keeps the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. The mask is ErrInvalid,
// and so is what a withheld secret reveals.
func (s *Secret) UnmarshalText(text []byte) error {
	if isStandIn(string(text)) {
		return invalid("", "is %q, which stands for a secret and is not its value", text)
	}
	*s = NewSecret(string(text))
	return nil
}

// isStandIn reports whether text stands for a secret where that is not shown.
func isStandIn(text string) bool { return text == mask || text == withheldText }
