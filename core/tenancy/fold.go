package tenancy

import (
	"strings"
	"unicode"
)

// Fold maps s so that two texts that differ only in case become equal: each
// rune becomes one fixed representative of its orbit under [unicode.SimpleFold].
// Fold(a) == Fold(b) exactly if strings.EqualFold(a, b). It keeps the number of
// runes and does not normalize (é composed and decomposed stay different), and
// it leaves an identifier as it is. Search compares folded texts, so that every
// backend finds the same, whatever its collation.
func Fold(s string) string {
	return strings.Map(foldRune, s)
}

func foldRune(r rune) rune {
	if r < 0x80 { // the orbits of ASCII letters all hold their ASCII capital
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if least == r && unicode.ToLower(r) == r {
		return r
	}
	return unicode.ToLower(least)
}
