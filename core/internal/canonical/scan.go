package canonical

import (
	"strings"
	"unicode/utf8"
)

// isCanonical reports whether text is an object in canonical form, in UTF-8 unless
// stored. It does not see that of what has escapes in keys, long numbers or many levels.
func isCanonical(text string, stored bool) bool {
	return text != "" && text[0] == '{' && scanner(text).value(0, maxDepth) == len(text) &&
		(stored || utf8.ValidString(text))
}

// scanner walks over JSON in canonical form. Its methods return the index behind what
// begins at text[i], or -1 if that is not there.
type scanner string

func (s scanner) value(i, depth int) int {
	if i >= len(s) {
		return -1
	}
	switch s[i] {
	case '{', '[':
		if depth == 0 {
			return -1
		}
		return s.items(i, s[i]+2, depth) // the closing one is two further on, in ASCII
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
	for end < len(s) && ('0' <= s[end] && s[end] <= '9' || s[end] == '-' || s[end] == '.') {
		end++
	}
	if !isPlainDecimal(string(s[i:end])) {
		return -1
	}
	return end
}

func (s scanner) literal(i int, word string) int {
	if !strings.HasPrefix(string(s[i:]), word) {
		return -1
	}
	return i + len(word)
}

// items is value for an object or array.
func (s scanner) items(i int, closing byte, depth int) int {
	i++
	if i < len(s) && s[i] == closing {
		return i + 1
	}
	for last := ""; ; {
		if closing == '}' {
			end := s.string(i)
			if end < 0 || end >= len(s) || s[end] != ':' {
				return -1
			}
			key := string(s[i : end-1]) // the opening quote does not change the order
			if key <= last || strings.IndexByte(key, '\\') >= 0 {
				return -1
			}
			last, i = key, end+1
		}
		i = s.value(i, depth-1)
		if i < 0 || i >= len(s) {
			return -1
		}
		switch s[i] {
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
	if i >= len(s) || s[i] != '"' {
		return -1
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i++; i >= len(s) || strings.IndexByte(`"\bfnrt`, s[i]) < 0 {
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
