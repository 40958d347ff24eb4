package tenancy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/internal/canonical"
)

// Metadata is an immutable JSON object of at most 256 KiB. The zero Metadata is
// {}. It is kept in one canonical form, so that == means equal content:
//
//   - no white space; keys in byte order, each once (of repeated keys the last
//     one counts)
//   - strings with the fewest escapes
//   - numbers as plain decimals, without an exponent, a fraction's trailing
//     zeros or a negative zero: exactly the value that was given
//
// What some database could not hold is refused: NUL, unpaired surrogates and
// invalid UTF-8 in strings; numbers of 1e309 and more, or nearer to 0 than 1e-308
// but not 0, or of more than 1000 significant digits; more than 100 levels of
// nesting, of which the object itself is the first.
//
// Metadata that was stored by hand may be withheld: see [Metadata.Err].
type Metadata canonical.Object

// ParseMetadata returns the metadata that the JSON object in data stands for, or
// an [*Error] that wraps ErrInvalid. Empty data and null stand for {}. It does
// not keep data. The limit of 256 KiB is that of the canonical form; an object
// whose repeated keys would make it more than twice as large is refused, too.
func ParseMetadata(data []byte) (Metadata, error) {
	o, err := canonical.Parse(data)
	if err != nil {
		return Metadata{}, invalid("metadata", "%s", err)
	}
	return Metadata(o), nil
}

// Err returns nil, or an error that wraps ErrWithheld if the store holds metadata
// that cannot be read. The tenant that has it can be read and suspended. Its
// metadata has no keys and shows as the JSON string "***", which no reader takes
// for metadata; Create, Update and Merge refuse it with ErrInvalid, so that
// nothing replaces unseen what is stored. Update with other metadata does.
func (m Metadata) Err() error {
	if canonical.Object(m) == canonical.Withheld {
		return fmt.Errorf("%w: it is no JSON object, or nests more than %d levels deep", ErrWithheld, canonical.MaxStoredDepth)
	}
	return nil
}

// NewMetadata returns the metadata that v, a struct or a map, marshals to by the
// rules of [json.Marshal], or an [*Error] that wraps ErrInvalid. A nil v stands
// for {}.
func NewMetadata(v any) (Metadata, error) {
	data, err := marshalValue(v)
	if err != nil {
		return Metadata{}, err
	}
	return ParseMetadata(data)
}

// MetadataAs decodes m into a T by the rules of [json.Unmarshal]. It decodes at
// every call; a [View] decodes once. An error wraps ErrInvalid.
func MetadataAs[T any](m Metadata) (T, error) {
	if err := m.readable(); err != nil {
		var zero T
		return zero, err
	}
	v, reason := decodeMetadata[T](m)
	if reason != "" {
		return v, invalid("metadata", "%s", reason)
	}
	return v, nil
}

// decodeMetadata returns the T, or why m is none. m is not withheld.
func decodeMetadata[T any](m Metadata) (v T, reason string) {
	if err := json.Unmarshal([]byte(m.String()), &v); err != nil {
		var zero T
		return zero, fmt.Sprintf("does not decode into %T: %s", v, jsonReason(err))
	}
	return v, ""
}

// String returns the canonical JSON.
func (m Metadata) String() string { return canonical.Object(m).String() }

// Get returns the JSON of the value under a top-level key, and whether it is
// there.
func (m Metadata) Get(key string) (json.RawMessage, bool) {
	value, ok := canonical.Object(m).Get(key)
	if !ok {
		return nil, false
	}
	return json.RawMessage(value), true
}

// Keys returns the top-level keys in byte order.
func (m Metadata) Keys() []string { return canonical.Object(m).Keys() }

// With returns a copy of m in which key has the JSON of value. A nil value is
// stored as null. Errors as in NewMetadata.
func (m Metadata) With(key string, value any) (Metadata, error) {
	data, err := marshalValue(value)
	if err != nil {
		return Metadata{}, err
	}
	patch, err := ParseMetadata(canonical.Member(key, data))
	if err != nil {
		return Metadata{}, err
	}
	return m.Merge(patch)
}

// Without returns a copy of m that lacks keys.
func (m Metadata) Without(keys ...string) Metadata {
	return Metadata(canonical.Object(m).Without(keys...))
}

// Merge returns a copy of m with every top-level member of patch put over it:
// a shallow merge, in which null stays null and a nested object is replaced
// whole. It fails with ErrInvalid if the result is too large, or one of the two
// is withheld.
func (m Metadata) Merge(patch Metadata) (Metadata, error) {
	for _, one := range []Metadata{m, patch} {
		if err := one.readable(); err != nil {
			return Metadata{}, err
		}
	}
	merged := Metadata(canonical.Object(m).Merge(canonical.Object(patch)))
	if err := merged.Validate(); err != nil {
		return Metadata{}, err
	}
	return merged, nil
}

// readable returns an error that wraps ErrInvalid if m is withheld.
func (m Metadata) readable() error {
	if err := m.Err(); err != nil {
		return &Error{Field: "metadata", Err: fmt.Errorf("%w: %w: set new metadata", ErrInvalid, err)}
	}
	return nil
}

// Validate returns an [*Error] that wraps ErrInvalid if m is larger than
// MaxMetadataBytes or withheld, which only hand-edited metadata can be.
func (m Metadata) Validate() error {
	if err := m.readable(); err != nil {
		return err
	}
	if canonical.Object(m).Len() > MaxMetadataBytes {
		return invalid("metadata", "%s", canonical.ErrTooLarge)
	}
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (m Metadata) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON implements [json.Unmarshaler] by ParseMetadata.
func (m *Metadata) UnmarshalJSON(data []byte) error {
	parsed, err := ParseMetadata(data)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

func marshalValue(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok && json.Valid(raw) {
		return raw, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, invalid("metadata", "cannot be marshalled to JSON: %T", v)
	}
	if hasReplacement(data) {
		return nil, invalid("metadata", "holds invalid UTF-8")
	}
	return data, nil
}

// hasReplacement reports whether JSON holds the escape by which encoding/json
// replaces invalid UTF-8. A replacement character that was really given stays as
// it is.
func hasReplacement(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 {
			return false
		}
		if bytes.HasPrefix(data[i:], []byte(`\ufffd`)) {
			return true
		}
		data = data[i+2:]
	}
}

// jsonReason says what is wrong without quoting the document.
func jsonReason(err error) string {
	var e *json.UnmarshalTypeError
	if errors.As(err, &e) {
		return fmt.Sprintf("field %q wants %s", e.Field, e.Type)
	}
	return "its JSON does not fit"
}
