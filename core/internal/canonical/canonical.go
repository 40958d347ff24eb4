package canonical

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of an object.
const (
	MaxBytes       = 256 << 10 // of the canonical form
	MaxStoredDepth = 9_000     // encoding/json reads 10,000, of which a page or a file around it takes some

	maxDepth          = 100
	maxNumberDigits   = 1000
	maxNumberExponent = 308

	// A few bytes of exponent stand for hundreds of digits: work on an object
	// stops when the result is sure to be too large, or to have been made so by
	// repeated keys.
	maxWork = 2 * MaxBytes
)

// ErrTooLarge is the error of an object whose canonical form is larger than MaxBytes.
var ErrTooLarge = fmt.Errorf("must be at most %d bytes as canonical JSON", MaxBytes)

const space = " \t\r\n"

// Parse returns the JSON object in data; {}, null and nothing are the zero Object. An
// error says what is wrong, without quoting data.
func Parse(data []byte) (Object, error) {
	o, err := parse(data, false)
	if err == nil && len(o.text) > MaxBytes {
		return Object{}, ErrTooLarge
	}
	return o, err
}

// ParseStored is Parse for what a database holds, perhaps edited by hand: it applies no
// limit but MaxStoredDepth, and keeps what Parse would refuse inside the object. What is
// no JSON object at all is Withheld.
func ParseStored[T ~[]byte | ~string](data T) Object {
	o, err := parse(data, true)
	if err != nil {
		return Withheld
	}
	return o
}

func parse[T ~[]byte | ~string](data T, stored bool) (o Object, err error) {
	text, ok := scan(data, stored) // as nearly everything that a store holds
	if !ok {
		if text, err = canonicalize([]byte(data), stored); err != nil {
			return Object{}, err
		}
	}
	if text == "{}" {
		return Object{}, nil
	}
	return Object{text}, nil
}

func canonicalize(data []byte, stored bool) (string, error) {
	data = bytes.Trim(data, space)
	if len(data) == 0 || string(data) == "null" {
		return "{}", nil
	}
	if !stored && !utf8.Valid(data) || !json.Valid(data) || data[0] != '{' {
		return "", errors.New("must be one JSON object in UTF-8")
	}
	c := canonicalizer{in: data, lenient: stored}
	out, err := c.value(make([]byte, 0, len(data)), 1)
	return string(out), err
}

// canonicalizer consumes valid JSON. Its methods append what they consume, in
// canonical form, to out. A lenient one fails at MaxStoredDepth only: what else
// it would refuse it copies.
type canonicalizer struct {
	in      []byte
	lenient bool
}

func (c *canonicalizer) maxDepth() int {
	if c.lenient {
		return MaxStoredDepth
	}
	return maxDepth
}

func (c *canonicalizer) space() {
	for len(c.in) > 0 && strings.IndexByte(space, c.in[0]) >= 0 {
		c.in = c.in[1:]
	}
}

func (c *canonicalizer) value(out []byte, depth int) ([]byte, error) {
	if len(out) > maxWork && !c.lenient {
		return nil, ErrTooLarge
	}
	c.space()
	switch c.in[0] {
	case '{', '[':
		if limit := c.maxDepth(); depth > limit {
			return nil, fmt.Errorf("must nest at most %d levels deep", limit)
		}
		if c.in[0] == '{' {
			return c.object(out, depth)
		}
		return c.array(out, depth)
	case '"':
		return c.string(out)
	case 't', 'n':
		return c.copy(out, 4), nil
	case 'f':
		return c.copy(out, 5), nil
	}
	return c.number(out)
}

func (c *canonicalizer) copy(out []byte, n int) []byte {
	out = append(out, c.in[:n]...)
	c.in = c.in[n:]
	return out
}

func (c *canonicalizer) array(out []byte, depth int) (_ []byte, err error) {
	out = append(out, '[')
	for first := true; ; first = false {
		c.in = c.in[1:] // the bracket or comma
		c.space()
		if c.in[0] == ']' {
			break
		}
		if !first {
			out = append(out, ',')
		}
		if out, err = c.value(out, depth+1); err != nil {
			return nil, err
		}
		c.space()
		if c.in[0] == ']' {
			break
		}
	}
	return c.copy(out, 1), nil
}

// member is one "key":value of an object under way; from and to bound it in out.
type member struct {
	key      []byte // decoded
	from, to int
}

func (c *canonicalizer) object(out []byte, depth int) (_ []byte, err error) {
	var few [8]member
	members, sorted := few[:0], true
	out = append(out, '{')
	start := len(out)
	for {
		c.in = c.in[1:] // the brace or comma
		c.space()
		if c.in[0] == '}' {
			break
		}
		m := member{key: unescape(c.in[:stringEnd(c.in)]), from: len(out)}
		if out, err = c.string(out); err != nil {
			return nil, err
		}
		c.space()
		out = c.copy(out, 1) // the colon
		if out, err = c.value(out, depth+1); err != nil {
			return nil, err
		}
		m.to = len(out)
		out = append(out, ',')
		sorted = sorted && (len(members) == 0 || bytes.Compare(members[len(members)-1].key, m.key) < 0)
		members = append(members, m)
		c.space()
		if c.in[0] == '}' {
			break
		}
	}
	if !sorted {
		out = sortMembers(out, members, start)
	}
	if len(members) > 0 {
		out = out[:len(out)-1] // the last comma
	}
	return c.copy(out, 1), nil
}

// sortMembers rewrites the members, which begin at start of out, in the order of
// their keys, the last one of each key.
func sortMembers(out []byte, members []member, start int) []byte {
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	old := slices.Clone(out[start:])
	out = out[:start]
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(members[i+1].key, m.key) {
			continue
		}
		out = append(append(out, old[m.from-start:m.to-start]...), ',')
	}
	return out
}

// string consumes a string, quotes included.
func (c *canonicalizer) string(out []byte) ([]byte, error) {
	raw := c.in[:stringEnd(c.in)]
	switch {
	case bytes.IndexByte(raw, '\\') < 0:
		return c.copy(out, len(raw)), nil
	case SoundEscapes(raw, true):
		c.in = c.in[len(raw):]
		return appendString(out, unescape(raw)), nil
	case c.lenient:
		return c.copy(out, len(raw)), nil
	}
	return nil, errors.New("holds NUL or an unpaired surrogate")
}

// number consumes a number and appends it as a plain decimal.
func (c *canonicalizer) number(out []byte) ([]byte, error) {
	end := 0
	for end < len(c.in) && strings.IndexByte("+-0123456789.eE", c.in[end]) >= 0 {
		end++
	}
	raw := c.in[:end]
	if isPlain(raw) {
		return c.copy(out, end), nil
	}
	decimal, ok := appendDecimal(out, raw)
	if ok {
		c.in = c.in[end:]
		return decimal, nil
	}
	if c.lenient {
		return c.copy(out, end), nil
	}
	return nil, fmt.Errorf("holds a number beyond 1e±%d or of more than %d digits", maxNumberExponent, maxNumberDigits)
}

// isPlain reports whether a number is so short and simple that it is canonical.
func isPlain(raw []byte) bool {
	if len(raw) > maxNumberExponent || bytes.ContainsAny(raw, "eE") || string(raw) == "-0" {
		return false
	}
	return raw[len(raw)-1] != '0' || bytes.IndexByte(raw, '.') < 0
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
		if err != nil || exp < -math.MaxInt/2 || exp > math.MaxInt/2 {
			exp = math.MaxInt / 2 // no mantissa is so long: refused below, unless it is 0
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
