// Package secret holds the text of a tenancy.Secret. tenancy.Secret is a Text: so
// core/tenancy/driver can make one that is withheld, and nobody else can.
package secret

import "unique"

// Text is a secret, or the reason why it is withheld. It is held behind a
// [unique.Handle], so that even fmt's walk over unexported fields, which calls no
// methods, prints an address and not the text.
type Text struct {
	handle   unique.Handle[string]
	withheld bool
}

// New returns the secret text.
func New(text string) Text {
	if text == "" {
		return Text{}
	}
	return Text{handle: unique.Make(text)}
}

// Withheld returns what stands for a secret that cannot be revealed.
func Withheld(reason string) Text { return Text{unique.Make(reason), true} }

// Reason returns why t is withheld, and whether it is.
func (t Text) Reason() (string, bool) {
	if !t.withheld {
		return "", false
	}
	return t.handle.Value(), true
}

// Reveal returns the text of a secret that is not withheld.
func (t Text) Reveal() string {
	if t == (Text{}) {
		return ""
	}
	return t.handle.Value()
}
