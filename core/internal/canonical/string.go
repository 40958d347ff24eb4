package canonical

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
