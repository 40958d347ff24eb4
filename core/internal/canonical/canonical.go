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
	"unicode/utf16"
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
func ParseStored(data []byte) Object {
	o, err := parse(data, true)
	if err != nil {
		return Withheld
	}
	return o
}

func parse(data []byte, stored bool) (o Object, err error) {
	text := string(data)
	if !canonicalForm(text, stored) { // as nearly everything is that a store holds
		if text, err = canonicalize(data, stored); err != nil {
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

// stringEnd returns the length of the JSON string at the start of text.
func stringEnd[T []byte | string](text T) int {
	end := 1
	for ; text[end] != '"'; end++ {
		if text[end] == '\\' {
			end++
		}
	}
	return end + 1
}

// SoundEscapes reports whether no escape in raw, which is valid JSON, stands for
// half a surrogate pair, or for NUL where that is refused.
func SoundEscapes(raw []byte, refuseNUL bool) bool {
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
		if r == 0 && refuseNUL {
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

func hexRune[T []byte | string](b T) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 32) // json.Valid has checked the digits
	return rune(n)
}

// unescape returns the text of a JSON string. Half a surrogate pair, which a
// lenient canonicalizer keeps, becomes the three bytes that UTF-8 would have for
// it, so that no two keys become equal by it.
func unescape(raw []byte) []byte {
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	text := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		if raw[0] != '\\' {
			text, raw = append(text, raw[0]), raw[1:]
			continue
		}
		if raw[1] != 'u' {
			text, raw = append(text, "\"\\/\b\f\n\r\t"[strings.IndexByte(`"\/bfnrt`, raw[1])]), raw[2:]
			continue
		}
		r := hexRune(raw[2:])
		raw = raw[6:]
		if utf16.IsSurrogate(r) {
			if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
				if pair := utf16.DecodeRune(r, hexRune(raw[2:])); pair != utf8.RuneError {
					text, raw = utf8.AppendRune(text, pair), raw[6:]
					continue
				}
			}
			text = append(text, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0xbf)
			continue
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}

// appendString appends the JSON string of s with the fewest escapes.
func appendString[T []byte | string](b []byte, s T) []byte {
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
