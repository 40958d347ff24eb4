package tenancy

import (
	"strings"
	"unicode"
)

// Fold maps s so that two texts that differ only in case become equal: each
// rune becomes one fixed representative of its orbit under [unicode.SimpleFold],
// which is the small letter for ASCII and the least rune for others, so for
// comparing only, never for showing. Fold(a) == Fold(b) exactly if
// strings.EqualFold(a, b). It keeps the number of runes and does not normalize
// (é composed and decomposed stay different), and it leaves an identifier as it
// is. Search compares folded texts, so that every backend finds the same,
// whatever its collation.
func Fold(s string) string {
	return strings.Map(foldRune, s)
}

func foldRune(r rune) rune {
	// The orbits of ASCII letters all hold their ASCII capital, which is the
	// least rune of the orbit.
	least := r
	if r >= 0x80 {
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A'
	}
	return least
}
