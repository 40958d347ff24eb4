package driver

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold maps s so that two texts become equal that differ only in case, or in how
// letters with marks are written: é is one rune, or an e and an accent, and both
// look alike. Each rune becomes one fixed representative of its orbit under
// [unicode.SimpleFold], which is the small letter for ASCII and the least rune for
// others; then letters and Hangul syllables are composed with the marks that follow
// them, as Unicode's normalization form C has it. So the result is for comparing
// only, never for showing, and an identifier stays as it is. Search compares folded
// texts, so that every backend finds the same, whatever its collation.
//
// What is not the same letter stays apart: é and e, ş with a cedilla and ș with a
// comma, İ and i, ß and ss, full-width letters and others. Marks of several kinds in
// an unusual order, and letters that Unicode has twice (Greek with an oxia or an iota
// subscript, compatibility forms of Han characters), are not brought together either.
func Fold(s string) string {
	if strings.IndexFunc(s, mayCompose) < 0 {
		return strings.Map(foldRune, s)
	}
	folded := make([]rune, 0, len(s))
	for _, r := range s {
		if last := len(folded) - 1; last >= 0 {
			if c, ok := composed(folded[last], r); ok {
				folded[last] = c
				continue
			}
		}
		folded = append(folded, foldRune(r))
	}
	return string(folded)
}

// mayCompose spares most texts the search in compositions: what they hold stands
// before all marks.
func mayCompose(r rune) bool { return r >= compositions[0].mark }

// The Hangul syllables, which are composed by arithmetic.
const (
	hangulL, hangulV, hangulT, hangulS = 0x1100, 0x1161, 0x11a7, 0xac00
	hangulLs, hangulVs, hangulTs       = 19, 21, 28
)

// composed returns the composed form of a folded letter and a mark, if it has one.
func composed(letter, mark rune) (rune, bool) {
	switch {
	case hangulV <= mark && mark < hangulV+hangulVs && hangulL <= letter && letter < hangulL+hangulLs:
		return hangulS + ((letter-hangulL)*hangulVs+mark-hangulV)*hangulTs, true
	case hangulT < mark && mark < hangulT+hangulTs && hangulS <= letter && letter < hangulS+hangulLs*hangulVs*hangulTs && (letter-hangulS)%hangulTs == 0:
		return letter + mark - hangulT, true
	}
	i, found := slices.BinarySearchFunc(compositions[:], mark, func(c composition, mark rune) int { return cmp.Compare(c.mark, mark) })
	if !found {
		return 0, false
	}
	for pairs := compositions[i].pairs; pairs != ""; {
		base, n := utf8.DecodeRuneInString(pairs)
		form, m := utf8.DecodeRuneInString(pairs[n:])
		if base == letter {
			return form, true
		}
		pairs = pairs[n+m:]
	}
	return 0, false
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
