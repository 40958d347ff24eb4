package tenancy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
// invalid UTF-8 in strings, numbers beyond 1e±308 or of more than 1000 digits,
// more than 100 levels of nesting.
type Metadata struct{ object string }

// ParseMetadata returns the metadata that the JSON object in data stands for, or
// an [*Error] that wraps ErrInvalid. Empty data and null stand for {}.
func ParseMetadata(data []byte) (Metadata, error) {
	return parseMetadata(data, false)
}

// MetadataFromStored is ParseMetadata for what a database returned, perhaps
// edited by hand: it applies no limit and keeps as it is what ParseMetadata
// would refuse inside the object. It is for authors of stores.
func MetadataFromStored(data []byte) (Metadata, error) {
	return parseMetadata(data, true)
}

// NewMetadata returns the metadata that v, a struct or a map, marshals to.
func NewMetadata(v any) (Metadata, error) {
	data, err := marshalValue(v)
	if err != nil {
		return Metadata{}, err
	}
	return ParseMetadata(data)
}

// MetadataAs decodes m into a T by the rules of [json.Unmarshal]. It decodes at
// every call: do it once per request. An error wraps ErrInvalid.
func MetadataAs[T any](m Metadata) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(m.String()), &v); err != nil {
		var zero T
		return zero, invalid("metadata", "does not decode into %T: %s", v, jsonReason(err))
	}
	return v, nil
}

// String returns the canonical JSON.
func (m Metadata) String() string {
	if m.object == "" {
		return "{}"
	}
	return m.object
}

// Get returns the JSON of the value under a top-level key, and whether it is
// there.
func (m Metadata) Get(key string) (json.RawMessage, bool) {
	v, ok := m.members()[key]
	return v, ok
}

// Keys returns the top-level keys in byte order.
func (m Metadata) Keys() []string { return slices.Sorted(maps.Keys(m.members())) }

// With returns a copy of m in which key has the JSON of value. A nil value is
// stored as null.
func (m Metadata) With(key string, value any) (Metadata, error) {
	data, err := marshalValue(map[string]any{key: value})
	if err != nil {
		return Metadata{}, err
	}
	patch, err := ParseMetadata(data)
	if err != nil {
		return Metadata{}, err
	}
	return m.Merge(patch)
}

// Without returns a copy of m that lacks keys.
func (m Metadata) Without(keys ...string) Metadata {
	members := m.members()
	for _, k := range keys {
		delete(members, k)
	}
	out, _ := fromMembers(members) // smaller than m, so within every limit
	return out
}

// Merge returns a copy of m with every top-level member of patch put over it:
// a shallow merge, in which null stays null and a nested object is replaced
// whole. It fails with ErrInvalid if the result is too large.
func (m Metadata) Merge(patch Metadata) (Metadata, error) {
	members := m.members()
	maps.Copy(members, patch.members())
	out, err := fromMembers(members)
	if err == nil {
		err = out.Validate()
	}
	if err != nil {
		return Metadata{}, err
	}
	return out, nil
}

// Validate returns an [*Error] that wraps ErrInvalid if m is larger than
// MaxMetadataBytes, which only hand-edited metadata can be.
func (m Metadata) Validate() error {
	if len(m.object) > MaxMetadataBytes {
		return invalid("metadata", "must be at most %d bytes as canonical JSON", MaxMetadataBytes)
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

func (m Metadata) members() map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	_ = json.Unmarshal([]byte(m.String()), &members) // m.object is always a valid object
	return members
}

func fromMembers(members map[string]json.RawMessage) (Metadata, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for k, v := range members {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(appendString(nil, k))
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return MetadataFromStored(b.Bytes())
}

func marshalValue(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, invalid("metadata", "cannot be marshalled to JSON: %T", v)
	}
	// encoding/json replaces invalid UTF-8 by this escape; a replacement
	// character that was really given stays as it is.
	if bytes.Contains(data, []byte(`\ufffd`)) {
		return nil, invalid("metadata", "holds invalid UTF-8")
	}
	return data, nil
}

// jsonReason says what is wrong without quoting the document.
func jsonReason(err error) string {
	var e *json.UnmarshalTypeError
	if errors.As(err, &e) {
		return fmt.Sprintf("field %q wants %s", e.Field, e.Type)
	}
	return "its JSON does not fit"
}
