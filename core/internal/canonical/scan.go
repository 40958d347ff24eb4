package canonical

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// scan returns the canonical form of an object in data, in UTF-8 unless stored, that has
// white space at most between what it consists of, and keys in any order, as PostgreSQL
// shows jsonb. It does not see that of what has escapes in keys, repeated keys, long numbers
// or many levels.
func scan[T ~[]byte | ~string](data T, stored bool) (text string, ok bool) {
	s := scanner{text: *(*string)(unsafe.Pointer(&data))} // a slice begins as a string does
	ok = s.text != "" && s.text[0] == '{' && s.value(0, maxDepth) == len(s.text) && (stored || utf8.ValidString(s.text))
	switch {
	case s.copy == nil && ok:
		return string(data), true
	case s.copy == nil:
		return "", false
	}
	text = string(s.copy.out)
	s.copy.leave()
	return text, ok
}

// scanner walks over JSON. Its methods return the index behind what begins at text[i], or
// -1 if that is not there. They append to the copy what they have walked over, in canonical
// form, from the first byte on by which that differs from text.
type scanner struct {
	text string
	copy *canonicalCopy // nil while nothing differs
}

type canonicalCopy struct {
	out  []byte
	open []span // the members so far of the objects that are not closed yet
}

var copies = sync.Pool{New: func() any { return &canonicalCopy{} }}

// leave keeps the room of c for others, unless it is much, and nothing of the text.
func (c *canonicalCopy) leave() {
	if cap(c.out) > maxRoom || cap(c.open) > maxRoom {
		return
	}
	clear(c.open)
	c.out, c.open = c.out[:0], c.open[:0]
	copies.Put(c)
}

const maxRoom = 16 << 10

// span is one "key":value of an object; from and to bound it in out.
type span struct {
	key      string
	from, to int
}

// at returns how long the canonical form of text[:i] is.
func (s *scanner) at(i int) int {
	if s.copy != nil {
		return len(s.copy.out)
	}
	return i
}

// differ says that the copy differs from text after text[:i].
func (s *scanner) differ(i int) {
	if s.copy == nil {
		s.copy = copies.Get().(*canonicalCopy)
		s.copy.out = append(s.copy.out, s.text[:i]...)
	}
}

// keep appends text[i:end] to the copy, and returns end.
func (s *scanner) keep(i, end int) int {
	if s.copy != nil && end > i {
		s.copy.out = append(s.copy.out, s.text[i:end]...)
	}
	return end
}

// space returns the index of what follows text[i:] after white space, which out lacks.
func (s *scanner) space(i int) int {
	for i < len(s.text) && s.text[i] <= ' ' && strings.IndexByte(space, s.text[i]) >= 0 {
		s.differ(i)
		i++
	}
	return i
}

func (s *scanner) value(i, depth int) int {
	if i >= len(s.text) {
		return -1
	}
	switch s.text[i] {
	case '{':
		if depth == 0 {
			return -1
		}
		return s.object(i, depth)
	case '[':
		if depth == 0 {
			return -1
		}
		return s.array(i, depth)
	case '"':
		return s.keep(i, s.string(i))
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	}
	end := i
	for end < len(s.text) && ('0' <= s.text[end] && s.text[end] <= '9' || s.text[end] == '-' || s.text[end] == '.') {
		end++
	}
	if !isPlainDecimal(s.text[i:end]) {
		return -1
	}
	return s.keep(i, end)
}

func (s *scanner) literal(i int, word string) int {
	if !strings.HasPrefix(s.text[i:], word) {
		return -1
	}
	return s.keep(i, i+len(word))
}

// next consumes the comma or the closing bracket that follows an item, and white space
// around it. It returns the index behind it, and whether there are more items.
func (s *scanner) next(i int, closing byte) (end int, more bool) {
	i = s.space(i)
	switch {
	case i >= len(s.text):
		return -1, false
	case s.text[i] == closing:
		return s.keep(i, i+1), false
	case s.text[i] == ',':
		return s.space(s.keep(i, i+1)), true
	}
	return -1, false
}

// begin consumes an opening bracket and white space, and the closing one if that follows.
func (s *scanner) begin(i int, closing byte) (end int, more bool) {
	i = s.space(s.keep(i, i+1))
	if i < len(s.text) && s.text[i] == closing {
		return s.keep(i, i+1), false
	}
	return i, true
}

func (s *scanner) array(i, depth int) int {
	i, more := s.begin(i, ']')
	for more {
		if i = s.value(i, depth-1); i < 0 {
			return -1
		}
		i, more = s.next(i, ']')
	}
	return i
}

// object is value for an object. Its members are noted for the case that they are to be
// sorted, unless they come before the first byte that differs.
func (s *scanner) object(i, depth int) int {
	i, more := s.begin(i, '}')
	members, outer, sorted, last, from := 0, 0, true, "", s.at(i)
	if s.copy != nil {
		outer = len(s.copy.open)
	}
	for more {
		m := span{from: s.at(i)}
		end := s.string(i)
		if end < 0 || strings.IndexByte(s.text[i:end], '\\') >= 0 {
			return -1
		}
		m.key = s.text[i : end-1] // the opening quote does not change the order
		if i = s.space(s.keep(i, end)); i >= len(s.text) || s.text[i] != ':' {
			return -1
		}
		if i = s.value(s.space(s.keep(i, i+1)), depth-1); i < 0 {
			return -1
		}
		if s.copy != nil {
			m.to = s.at(i)
			s.copy.open = append(s.copy.open, m)
		}
		sorted, last, members = sorted && last < m.key, m.key, members+1
		if i, more = s.next(i, '}'); i < 0 {
			return -1
		}
	}
	if s.copy == nil {
		if !sorted {
			return -1
		}
		return i
	}
	if !sorted && (len(s.copy.open)-outer < members || !s.copy.sort(outer, from)) {
		return -1
	}
	clear(s.copy.open[outer:])
	s.copy.open = s.copy.open[:outer]
	return i
}

// sort puts the members of an object, which begin at from and end before the last byte of
// out, in the order of their keys. It fails if a key is repeated.
func (c *canonicalCopy) sort(outer, from int) bool {
	members, end := c.open[outer:], len(c.out)
	slices.SortFunc(members, func(a, b span) int { return strings.Compare(a.key, b.key) })
	for i, m := range members {
		if i > 0 {
			if members[i-1].key == m.key {
				return false
			}
			c.out = append(c.out, ',')
		}
		c.out = append(c.out, c.out[m.from:m.to]...)
	}
	copy(c.out[from:], c.out[end:])
	c.out = c.out[:end]
	return true
}

func (s *scanner) string(i int) int {
	if i >= len(s.text) || s.text[i] != '"' {
		return -1
	}
	for i++; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i++; i >= len(s.text) || strings.IndexByte(`"\bfnrt`, s.text[i]) < 0 {
				return -1
			}
		case c < ' ':
			return -1
		}
	}
	return -1
}

// isPlainDecimal reports whether text is a number in canonical form, and not a long one.
func isPlainDecimal(text string) bool {
	whole, fraction, fractional := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	switch {
	case len(text) > maxNumberExponent, whole == "", whole[0] == '0' && len(whole) > 1, text == "-0":
		return false
	case fractional && (fraction == "" || fraction[len(fraction)-1] == '0'):
		return false
	}
	return isDigits(whole) && isDigits(fraction)
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}
