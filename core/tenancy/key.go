package tenancy

// KeyKind says what a [Key] looks up.
type KeyKind string

// The kinds of keys.
const (
	KindID         KeyKind = "id"
	KindIdentifier KeyKind = "identifier"
)

// Key is something under which a tenant can be looked up.
type Key struct {
	Kind  KeyKind
	Value string
}

// IDKey is the key of a tenant's ID.
func IDKey(id string) Key { return Key{KindID, id} }

// IdentifierKey is the key of a tenant's identifier.
func IdentifierKey(identifier string) Key { return Key{KindIdentifier, identifier} }

// Validate returns an [*Error] that wraps ErrInvalid if no tenant can have k.
func (k Key) Validate() error {
	switch k.Kind {
	case KindID:
		return ValidateID(k.Value)
	case KindIdentifier:
		return ValidateIdentifier(k.Value)
	}
	return invalid("key", "has an unknown kind")
}

// Matches reports whether t is looked up by k.
func (k Key) Matches(t Tenant) bool {
	switch k.Kind {
	case KindID:
		return t.ID == k.Value
	case KindIdentifier:
		return t.Identifier == k.Value
	}
	return false
}
