package tenancy

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const mask = "***"

// Secret is a text that must not reach logs, errors or API answers. However it
// is printed, logged through slog or marshalled, it shows as "***" (an empty one
// as ""); only [Secret.Reveal] gives the text. Unmarshalling "***" is
// [ErrInvalid], so that a client that gets a tenant, edits it and puts it back
// cannot store the mask.
//
// Secrets compare with ==. The text is held behind a [unique.Handle], so that
// even fmt's walk over unexported fields, which calls no methods, prints an
// address and not the text.
type Secret struct{ handle unique.Handle[string] }

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.handle.Value()
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

// UnmarshalText implements [encoding.TextUnmarshaler]. The mask is ErrInvalid.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == mask {
		return invalid("", "is the mask %q of a secret, not a value", mask)
	}
	*s = NewSecret(string(text))
	return nil
}
