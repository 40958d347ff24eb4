package tenancy

// KeyKind says what a [Key] looks up.
type KeyKind string

// The kinds of keys.
const (
	KindID         KeyKind = "id"
	KindIdentifier KeyKind = "identifier"
	KindDomain     KeyKind = "domain" // a verified one; see [Names]
	KindFormer     KeyKind = "former" // an identifier that the tenant had; see [Names]
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
	case KindIdentifier, KindFormer:
		return ValidateIdentifier(k.Value)
	case KindDomain:
		return ValidateDomain(k.Value)
	}
	return invalid("key", "has an unknown kind")
}

// OfField reports whether k is the ID or the identifier of a tenant, and no other name,
// which a Tenant does not tell.
func (k Key) OfField() bool { return k.Kind == KindID || k.Kind == KindIdentifier }

// Matches reports whether k is the ID or the identifier of t.
func (k Key) Matches(t Tenant) bool {
	switch k.Kind {
	case KindID:
		return t.ID == k.Value
	case KindIdentifier:
		return t.Identifier == k.Value
	}
	return false
}
