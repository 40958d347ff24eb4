// Package unicode_test compares the tables of core, which has no dependencies, with
// those of golang.org/x/text.
package unicode_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// apart reports whether Fold keeps r and its canonical equivalents apart, as its
// documentation says.
func apart(r rune) bool {
	decomposed := []rune(norm.NFD.String(string(r)))
	switch {
	case len(decomposed) == 1: // a letter that Unicode has twice
		return r != decomposed[0]
	case slices.Contains(decomposed, '\u0345'): // an iota subscript
		return true
	case norm.NFC.String(string(r)) == string(r):
		return false
	}
	// What NFC does not compose: letters that it has twice, such as Greek with an
	// oxia, and pairs of marks.
	return len([]rune(norm.NFC.String(string(r)))) == 1 || len(decomposed) > 2 || unicode.Is(unicode.M, decomposed[0])
}

func TestFoldComposesAsNFCDoes(t *testing.T) {
	n := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 || apart(r) {
			continue
		}
		one, decomposed := string(r), norm.NFD.String(string(r))
		if one == decomposed {
			continue
		}
		n++
		if got, want := driver.Fold(decomposed), driver.Fold(one); got != want {
			t.Errorf("%U %q: decomposed it folds to %+q, composed to %+q", r, one, got, want)
		}
	}
	if n < 11_172+900 { // the Hangul syllables, and letters
		t.Errorf("compared %d runes", n)
	}
}

// Nothing is composed that Unicode does not take for the same.
func TestFoldComposesNothingElse(t *testing.T) {
	var marks, letters []rune
	for r := range rune(0x3100) { // up to Kana
		switch {
		case unicode.Is(unicode.M, r):
			marks = append(marks, r)
		case unicode.IsLetter(r):
			letters = append(letters, r)
		}
	}
	for _, m := range marks {
		for _, l := range letters {
			pair := string(l) + string(m)
			folded := []rune(driver.Fold(pair))
			if len(folded) != 1 {
				continue
			}
			same := false
			for next, first := l, true; first || next != l; next, first = unicode.SimpleFold(next), false {
				nfc := norm.NFC.String(string(next) + string(m))
				same = same || driver.Fold(nfc) == string(folded) || norm.NFD.String(string(folded)) == norm.NFD.String(string(next)+string(m))
			}
			if !same {
				t.Errorf("%+q folds to %+q", pair, string(folded))
			}
		}
	}
}

// Names in the scripts in which files and forms bring both forms.
func TestFoldOfNames(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabets := [][]rune{
		[]rune("aeiouyAEIOUYnNcCsSzZrRÀÉÎÕÜÝñçšžřȘȚțāēīōūĂăÂâĐđƠơƯưÅåąęįų ạậắệốửỹ'-"),
		[]rune("αεηιουωΑΕΗΙΟΥΩάέήίόύώϊϋΐΰσςΣ "),
		[]rune("абвгдежзийклмнопрстуфхцчшщъыьэюяёїўѓќЁЇЎЙ "),
		[]rune("가각힣한글서울대한민국 "),
		[]rune("かがきぎはばぱひびぴカガハバパヴ "),
	}
	for range 20_000 {
		alphabet := alphabets[random.IntN(len(alphabets))]
		name := make([]rune, 1+random.IntN(12))
		for i := range name {
			name[i] = alphabet[random.IntN(len(alphabet))]
		}
		composed, decomposed := norm.NFC.String(string(name)), norm.NFD.String(string(name))
		if driver.Fold(composed) != driver.Fold(decomposed) {
			t.Fatalf("%q: composed %+q, decomposed %+q", string(name), driver.Fold(composed), driver.Fold(decomposed))
		}
	}
}
