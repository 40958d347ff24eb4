// Package canonical holds the JSON object of a tenant's metadata in the one form that
// tenancy.Metadata documents. tenancy.Metadata is an Object: so core/tenancy and
// core/tenancy/driver make some by different rules, and nobody else makes any.
package canonical

import (
	"iter"
	"slices"
	"strings"
)

// Object is a JSON object in canonical form.
type Object struct{ text string } // "" for {}

// Withheld stands for what is stored and is no object. It shows as JSON that nobody
// takes for one.
var Withheld = Object{`"***"`}

// String returns the canonical JSON.
func (o Object) String() string {
	if o.text == "" {
		return "{}"
	}
	return o.text
}

// Len returns the length of the canonical JSON, 0 for {}.
func (o Object) Len() int { return len(o.text) }

// Get returns the JSON of the value under a top-level key, and whether it is there.
func (o Object) Get(key string) (string, bool) {
	for raw, value := range o.members() {
		if isKey(raw, key) {
			return value, true
		}
	}
	return "", false
}

// Keys returns the top-level keys in byte order.
func (o Object) Keys() []string {
	var keys []string
	for raw := range o.members() {
		keys = append(keys, string(unescape([]byte(raw))))
	}
	return keys
}

// Without returns a copy of o that lacks keys.
func (o Object) Without(keys ...string) Object {
	if o == Withheld {
		return o
	}
	rest := []byte{'{'}
	for raw, value := range o.members() {
		if !slices.ContainsFunc(keys, func(key string) bool { return isKey(raw, key) }) {
			rest = append(append(append(append(rest, raw...), ':'), value...), ',')
		}
	}
	if len(rest) == 1 {
		return Object{}
	}
	rest[len(rest)-1] = '}'
	return Object{string(rest)}
}

// Merge returns a copy of o with every top-level member of patch put over it. Neither is
// withheld. The result may be too large.
func (o Object) Merge(patch Object) Object {
	switch {
	case o.text == "":
		return patch
	case patch.text == "":
		return o
	}
	// Of repeated keys the last one counts.
	return ParseStored(o.text[:len(o.text)-1] + "," + patch.text[1:])
}

// Member returns the JSON of an object with one member. value is JSON.
func Member(key string, value []byte) []byte {
	return slices.Concat(appendString([]byte{'{'}, key), []byte{':'}, value, []byte{'}'})
}

// members iterates over the top-level members, as they stand in the canonical
// JSON: the key with its quotes and escapes, and the value.
func (o Object) members() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := o.text
		if o == Withheld {
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
