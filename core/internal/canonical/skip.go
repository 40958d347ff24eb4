package canonical

import "strings"

// skipValue returns the index behind the JSON value that begins at text[i], or -1
// if there is none. Numbers are not checked beyond their characters.
func skipValue(text string, i, depth int) int {
	if i >= len(text) {
		return -1
	}
	switch text[i] {
	case '{', '[':
		if depth == 0 {
			return -1
		}
		return skipItems(text, i, text[i]+2, depth) // the closing one is two further on, in ASCII
	case '"':
		return skipString(text, i)
	}
	for _, literal := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(text[i:], literal) {
			return i + len(literal)
		}
	}
	end := i
	for end < len(text) && isNumberByte(text[end]) {
		end++
	}
	if end == i {
		return -1
	}
	return end
}

// skipItems is skipValue for an object or array.
func skipItems(text string, i int, closing byte, depth int) int {
	i++
	if i < len(text) && text[i] == closing {
		return i + 1
	}
	for {
		if closing == '}' {
			i = skipString(text, i)
			if i < 0 || i >= len(text) || text[i] != ':' {
				return -1
			}
			i++
		}
		i = skipValue(text, i, depth-1)
		if i < 0 || i >= len(text) {
			return -1
		}
		switch text[i] {
		case ',':
			i++
		case closing:
			return i + 1
		default:
			return -1
		}
	}
}

func skipString(text string, i int) int {
	if i >= len(text) || text[i] != '"' {
		return -1
	}
	for i++; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i++; i >= len(text) || strings.IndexByte(`"\/bfnrtu`, text[i]) < 0 {
				return -1
			}
			if text[i] == 'u' {
				if i += 4; i >= len(text) || !isHex(text[i-3:i+1]) {
					return -1
				}
			}
		case c < ' ':
			return -1
		}
	}
	return -1
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
