package canonical

import (
	"strings"
	"unicode/utf8"
)

// canonicalForm reports whether text is an object in canonical form, in UTF-8 unless
// stored. It does not see that of what has escapes, long numbers or many levels.
func canonicalForm(text string, stored bool) bool {
	return text != "" && text[0] == '{' && scanner{text, true}.value(0, maxDepth) == len(text) &&
		(stored || utf8.ValidString(text))
}

// scanner walks over JSON without white space. Its methods return the index behind what
// begins at text[i], or -1 if that is not there. Unless it is exact, the characters of a
// number may be in any order, and keys too.
type scanner struct {
	text  string
	exact bool // also refuse what is not in canonical form, and escapes
}

func (s scanner) value(i, depth int) int {
	if i >= len(s.text) {
		return -1
	}
	switch s.text[i] {
	case '{', '[':
		if depth == 0 {
			return -1
		}
		return s.items(i, s.text[i]+2, depth) // the closing one is two further on, in ASCII
	case '"':
		return s.string(i)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	}
	end := i
	for end < len(s.text) && isNumberByte(s.text[end]) {
		end++
	}
	if end == i || s.exact && !isPlainDecimal(s.text[i:end]) {
		return -1
	}
	return end
}

func (s scanner) literal(i int, word string) int {
	if !strings.HasPrefix(s.text[i:], word) {
		return -1
	}
	return i + len(word)
}

// items is value for an object or array.
func (s scanner) items(i int, closing byte, depth int) int {
	i++
	if i < len(s.text) && s.text[i] == closing {
		return i + 1
	}
	for last := ""; ; {
		if closing == '}' {
			end := s.string(i)
			if end < 0 || end >= len(s.text) || s.text[end] != ':' {
				return -1
			}
			key := s.text[i : end-1] // the opening quote does not change the order
			if s.exact && key <= last {
				return -1
			}
			last, i = key, end+1
		}
		i = s.value(i, depth-1)
		if i < 0 || i >= len(s.text) {
			return -1
		}
		switch s.text[i] {
		case ',':
			i++
		case closing:
			return i + 1
		default:
			return -1
		}
	}
}

func (s scanner) string(i int) int {
	if i >= len(s.text) || s.text[i] != '"' {
		return -1
	}
	for i++; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i++; s.exact || i >= len(s.text) || strings.IndexByte(`"\/bfnrtu`, s.text[i]) < 0 {
				return -1
			}
			if s.text[i] == 'u' {
				if i += 4; i >= len(s.text) || !isHex(s.text[i-3:i+1]) {
					return -1
				}
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

func isHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func isNumberByte(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '.' || c == 'e' || c == 'E' || c == '+'
}
