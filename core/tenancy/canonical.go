package tenancy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// This file brings a JSON object into the canonical form that Metadata
// documents.

const (
	maxMetadataDepth  = 100
	maxNumberDigits   = 1000
	maxNumberExponent = 308
)

func parseMetadata(data []byte, lenient bool) (Metadata, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || string(data) == "null" || string(data) == "{}" {
		return Metadata{}, nil
	}
	if !utf8.Valid(data) || !json.Valid(data) || data[0] != '{' {
		return Metadata{}, invalid("metadata", "must be one JSON object")
	}
	var stack [1024]byte // most metadata is small: one allocation, for the result
	c := canonicalizer{in: data, out: stack[:0], lenient: lenient}
	if err := c.value(1); err != nil {
		return Metadata{}, err
	}
	if string(c.out) == "{}" {
		return Metadata{}, nil
	}
	m := Metadata{string(c.out)}
	if !lenient {
		if err := m.Validate(); err != nil {
			return Metadata{}, err
		}
	}
	return m, nil
}

// canonicalizer rewrites valid JSON from in to out. A lenient one never fails:
// what it would refuse it copies.
type canonicalizer struct {
	in      []byte
	out     []byte
	lenient bool
}

func (c *canonicalizer) space() {
	for len(c.in) > 0 && strings.IndexByte(" \t\r\n", c.in[0]) >= 0 {
		c.in = c.in[1:]
	}
}

func (c *canonicalizer) value(depth int) error {
	if depth > maxMetadataDepth && !c.lenient {
		return invalid("metadata", "must nest at most %d levels deep", maxMetadataDepth)
	}
	c.space()
	switch c.in[0] {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case '"':
		s, err := c.string()
		c.out = append(c.out, s...)
		return err
	case 't', 'n':
		c.out, c.in = append(c.out, c.in[:4]...), c.in[4:]
		return nil
	case 'f':
		c.out, c.in = append(c.out, c.in[:5]...), c.in[5:]
		return nil
	}
	return c.number()
}

func (c *canonicalizer) array(depth int) error {
	c.out = append(c.out, '[')
	for first := true; ; first = false {
		c.in = c.in[1:] // the bracket or comma
		c.space()
		if c.in[0] == ']' {
			break
		}
		if !first {
			c.out = append(c.out, ',')
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
		c.space()
		if c.in[0] == ']' {
			break
		}
	}
	c.in = c.in[1:]
	c.out = append(c.out, ']')
	return nil
}

// member is one "key":value of an object under way; from and to bound it in out.
type member struct {
	key      string // decoded
	from, to int
}

func (c *canonicalizer) object(depth int) error {
	var few [8]member
	members, sorted := few[:0], true
	c.out = append(c.out, '{')
	start := len(c.out)
	for {
		c.in = c.in[1:] // the brace or comma
		c.space()
		if c.in[0] == '}' {
			break
		}
		key, err := c.string()
		if err != nil {
			return err
		}
		m := member{key: unescape(key), from: len(c.out)}
		c.out = append(append(c.out, key...), ':')
		c.space()
		c.in = c.in[1:] // the colon
		if err := c.value(depth + 1); err != nil {
			return err
		}
		m.to = len(c.out)
		c.out = append(c.out, ',')
		sorted = sorted && (len(members) == 0 || members[len(members)-1].key < m.key)
		members = append(members, m)
		c.space()
		if c.in[0] == '}' {
			break
		}
	}
	c.in = c.in[1:]
	if !sorted {
		c.sort(members, start)
	}
	if len(members) > 0 {
		c.out = c.out[:len(c.out)-1] // the last comma
	}
	c.out = append(c.out, '}')
	return nil
}

// sort rewrites the members, which begin at start, in the order of their keys,
// the last one of each key.
func (c *canonicalizer) sort(members []member, start int) {
	slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	old := slices.Clone(c.out[start:])
	c.out = c.out[:start]
	for i, m := range members {
		if i+1 < len(members) && members[i+1].key == m.key {
			continue
		}
		c.out = append(append(c.out, old[m.from-start:m.to-start]...), ',')
	}
}

// string returns the next string in canonical form, quotes included.
func (c *canonicalizer) string() ([]byte, error) {
	end, escaped := 1, false
	for ; c.in[end] != '"'; end++ {
		if c.in[end] == '\\' {
			escaped = true
			end++
		}
	}
	raw := c.in[:end+1]
	c.in = c.in[end+1:]
	if !escaped {
		return raw, nil
	}
	if !c.lenient && !soundEscapes(raw) {
		return nil, invalid("metadata", "holds NUL or an unpaired surrogate")
	}
	if !soundEscapes(raw) {
		return raw, nil
	}
	return appendString(nil, unescape(raw)), nil
}

// soundEscapes reports whether no escape of raw stands for NUL or for half a
// surrogate pair.
func soundEscapes(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		r := hexRune(raw[i+1:])
		i += 4
		if r == 0 {
			return false
		}
		if !utf16.IsSurrogate(r) {
			continue
		}
		if i+6 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' || utf16.DecodeRune(r, hexRune(raw[i+3:])) == utf8.RuneError {
			return false
		}
		i += 6
	}
	return true
}

func hexRune(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 32) // json.Valid has checked the digits
	return rune(n)
}

// unescape returns the text of a JSON string.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid: see parseMetadata
	return s
}

// appendString appends the JSON string of s with the fewest escapes.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		ch := s[i]
		if short := strings.IndexByte("\"\\\b\f\n\r\t", ch); short >= 0 {
			b = append(b, '\\', `"\bfnrt`[short])
		} else if ch < ' ' {
			b = append(b, '\\', 'u', '0', '0', digits[ch>>4], digits[ch&15])
		} else {
			b = append(b, ch)
		}
	}
	return append(b, '"')
}

// number writes the next number as a plain decimal.
func (c *canonicalizer) number() error {
	end := 0
	for end < len(c.in) && strings.IndexByte("+-0123456789.eE", c.in[end]) >= 0 {
		end++
	}
	raw := c.in[:end]
	c.in = c.in[end:]
	out, ok := appendDecimal(c.out, raw)
	if !ok {
		if !c.lenient {
			return invalid("metadata", "holds a number beyond 1e±%d or of more than %d digits", maxNumberExponent, maxNumberDigits)
		}
		out = append(c.out, raw...)
	}
	c.out = out
	return nil
}

// appendDecimal appends the value of a JSON number, exactly, or returns false
// if it is out of bounds.
func appendDecimal(b, raw []byte) ([]byte, bool) {
	negative := raw[0] == '-'
	if negative {
		raw = raw[1:]
	}
	mantissa, exponent := raw, 0
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		mantissa = raw[:i]
		exp, err := strconv.Atoi(strings.TrimPrefix(string(raw[i+1:]), "+"))
		if err != nil || exp < -1_000_000 || exp > 1_000_000 {
			exp = 1_000_000 // refused below, unless the mantissa is 0
		}
		exponent = exp
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	digits := slices.Concat(whole, fraction)
	point := len(whole) + exponent // the value is 0.digits × 10^point
	for len(digits) > 0 && digits[0] == '0' {
		digits, point = digits[1:], point-1
	}
	digits = bytes.TrimRight(digits, "0")
	if len(digits) == 0 {
		return append(b, '0'), true
	}
	if len(digits) > maxNumberDigits || point-1 > maxNumberExponent || point-1 < -maxNumberExponent {
		return b, false
	}
	if negative {
		b = append(b, '-')
	}
	switch {
	case point <= 0:
		b = append(append(b, "0."...), bytes.Repeat([]byte{'0'}, -point)...)
		b = append(b, digits...)
	case point >= len(digits):
		b = append(append(b, digits...), bytes.Repeat([]byte{'0'}, point-len(digits))...)
	default:
		b = append(append(append(b, digits[:point]...), '.'), digits[point:]...)
	}
	return b, true
}
