package tenancy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
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
type Metadata struct{ object string } // withheldMetadata where it is withheld

// ParseMetadata returns the metadata that the JSON object in data stands for, or
// an [*Error] that wraps ErrInvalid. Empty data and null stand for {}. It does
// not keep data. The limit of 256 KiB is that of the canonical form; an object
// whose repeated keys would make it more than twice as large is refused, too.
func ParseMetadata(data []byte) (Metadata, error) {
	return parseMetadata(data, false)
}

// MetadataFromStored is ParseMetadata for what a database returned, perhaps
// edited by hand: it applies no limit and keeps as it is what ParseMetadata
// would refuse inside the object. What is no JSON object at all, or nests more
// than 9,000 levels deep, is withheld, so that it costs one tenant its metadata,
// and not a page of tenants. It is for authors of stores.
func MetadataFromStored(data []byte) Metadata {
	m, err := parseMetadata(data, true)
	if err != nil {
		return Metadata{withheldMetadata}
	}
	return m
}

// withheldMetadata is what withheld metadata shows as: JSON that nobody takes for
// an object.
const withheldMetadata = `"` + mask + `"`

// Err returns nil, or an error that wraps ErrWithheld if the store holds metadata
// that cannot be read. The tenant that has it can be read and suspended. Its
// metadata has no keys and shows as the JSON string "***", which no reader takes
// for metadata; Create, Update and Merge refuse it with ErrInvalid, so that
// nothing replaces unseen what is stored. Update with other metadata does.
func (m Metadata) Err() error {
	if m.object == withheldMetadata {
		return fmt.Errorf("%w: it is no JSON object, or nests more than %d levels deep", ErrWithheld, maxStoredDepth)
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
func (m Metadata) String() string {
	if m.object == "" {
		return "{}"
	}
	return m.object
}

// Get returns the JSON of the value under a top-level key, and whether it is
// there.
func (m Metadata) Get(key string) (json.RawMessage, bool) {
	for raw, value := range m.members() {
		if isKey(raw, key) {
			return json.RawMessage(value), true
		}
	}
	return nil, false
}

// Keys returns the top-level keys in byte order.
func (m Metadata) Keys() []string {
	var keys []string
	for raw := range m.members() {
		keys = append(keys, string(unescape([]byte(raw))))
	}
	return keys
}

// With returns a copy of m in which key has the JSON of value. A nil value is
// stored as null. Errors as in NewMetadata.
func (m Metadata) With(key string, value any) (Metadata, error) {
	data, err := marshalValue(value)
	if err != nil {
		return Metadata{}, err
	}
	patch, err := ParseMetadata(slices.Concat(appendString([]byte{'{'}, key), []byte{':'}, data, []byte{'}'}))
	if err != nil {
		return Metadata{}, err
	}
	return m.Merge(patch)
}

// Without returns a copy of m that lacks keys.
func (m Metadata) Without(keys ...string) Metadata {
	if m.Err() != nil {
		return m
	}
	rest := []byte{'{'}
	for raw, value := range m.members() {
		if !slices.ContainsFunc(keys, func(key string) bool { return isKey(raw, key) }) {
			rest = append(append(append(append(rest, raw...), ':'), value...), ',')
		}
	}
	if len(rest) == 1 {
		return Metadata{}
	}
	rest[len(rest)-1] = '}'
	return Metadata{string(rest)}
}

// Merge returns a copy of m with every top-level member of patch put over it:
// a shallow merge, in which null stays null and a nested object is replaced
// whole. It fails with ErrInvalid if the result is too large, or one of the two
// is withheld.
func (m Metadata) Merge(patch Metadata) (Metadata, error) {
	if err := firstError(m.readable(), patch.readable()); err != nil {
		return Metadata{}, err
	}
	merged := m
	switch {
	case m.object == "":
		merged = patch
	case patch.object != "":
		// Of repeated keys the last one counts.
		both := m.object[:len(m.object)-1] + "," + patch.object[1:]
		merged = MetadataFromStored([]byte(both))
	}
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
	if len(m.object) > MaxMetadataBytes {
		return tooLarge()
	}
	return nil
}

func tooLarge() error {
	return invalid("metadata", "must be at most %d bytes as canonical JSON", MaxMetadataBytes)
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

// members iterates over the top-level members, as they stand in the canonical
// JSON: the key with its quotes and escapes, and the value.
func (m Metadata) members() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := m.object
		if m.Err() != nil {
			return
		}
		for len(rest) > 1 { // more than the closing brace
			rest = rest[1:] // the brace or comma
			key := rest[:stringEnd(rest)]
			rest = rest[len(key)+1:] // and the colon
			value := rest[:valueEnd(rest)]
			rest = rest[len(value):]
			if !yield(key, value) {
				return
			}
		}
	}
}

// valueEnd returns the length of the value at the start of canonical JSON that
// goes on with a comma or a brace.
func valueEnd(text string) int {
	for i, depth := 0, 0; ; {
		switch text[i] {
		case '"':
			i += stringEnd(text[i:])
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
}

// isKey reports whether raw, a JSON string, stands for key.
func isKey(raw, key string) bool {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1:len(raw)-1] == key
	}
	return string(unescape([]byte(raw))) == key
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
