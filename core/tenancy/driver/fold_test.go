package driver_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Every pair of runes that fold alike is one that strings.EqualFold takes for
// equal, and the other way round.
func TestFoldIsEqualFoldForEveryRune(t *testing.T) {
	byFold := map[string]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || r > 0x1ffff && unicode.SimpleFold(r) == r {
			continue // beyond the first two planes only runes that have a case, of which there are none yet
		}
		folded := driver.Fold(string(r))
		if other, seen := byFold[folded]; seen {
			if !strings.EqualFold(string(r), string(other)) {
				t.Errorf("%q and %q fold alike, but are not equal", r, other)
			}
		} else {
			byFold[folded] = r
		}
		if next := unicode.SimpleFold(r); driver.Fold(string(next)) != folded {
			t.Errorf("%q and %q are equal, but fold apart", r, next)
		}
		if driver.Fold(folded) != folded {
			t.Errorf("the fold of %q is not stable", r)
		}
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":           "",
		"mit-edu-09": "mit-edu-09",
		"MIT":        "mit",
		"\u212a":     "k", // KELVIN SIGN
		"ſ":          "s", // LATIN SMALL LETTER LONG S
		"a\xffb":     "a\ufffdb",
		"世界 😀":       "世界 😀",
	} {
		if got := driver.Fold(in); got != want {
			t.Errorf("Fold(%q) is %q, want %q", in, got, want)
		}
	}
	for _, pair := range [][2]string{{"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"ÉCOLE", "école"}, {"ẞ", "ß"}, {"Ǆ", "ǅ"}, {"é", "e\u0301"}, {"CAFÉ", "cafe\u0301"},
		{"Ệ", "e\u0302\u0323"}, {"Ệ", "ẹ\u0302"}, {"ệ", "E\u0323\u0302"}, {"ё", "Е\u0308"}, {"ガ", "カ\u3099"}, {"한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"}, {"가", "\u1100\u1161"}, {"ẖ", "H\u0331"}} {
		if driver.Fold(pair[0]) != driver.Fold(pair[1]) {
			t.Errorf("%q and %q fold apart", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"İ", "i"}, {"ı", "i"}, {"é", "e"}, {"ß", "ss"}, {"ş", "ș"}, {"αι", "ᾳ"}, {"e\u0301\u0301", "é"}, {"\u0301e", "é"}, {"가\u11a7", "가"}} {
		if driver.Fold(pair[0]) == driver.Fold(pair[1]) {
			t.Errorf("%q and %q fold alike", pair[0], pair[1])
		}
	}
}

func TestFoldDoesNotAllocateForIdentifiers(t *testing.T) {
	if got := testing.AllocsPerRun(100, func() { _ = driver.Fold("acme-industries-42") }); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"K", "\u212a"}, {"İ", "i"}, {"Straße", "STRAẞE"}, {"\xff", "\ufffd"}, {"Σς", "σΣ"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		foldA, foldB := driver.Fold(a), driver.Fold(b)
		if (foldA == foldB) != strings.EqualFold(a, b) {
			t.Fatalf("Fold makes %q of %q and %q of %q; EqualFold says %t", foldA, a, foldB, b, !strings.EqualFold(a, b))
		}
		if !strings.EqualFold(a, foldA) || driver.Fold(foldA) != foldA {
			t.Fatalf("Fold makes %q of %q", foldA, a)
		}
		if utf8.RuneCountInString(a) != utf8.RuneCountInString(foldA) {
			t.Fatalf("Fold(%q) changes the number of runes", a)
		}
		if upper := strings.Map(unicode.SimpleFold, a); driver.Fold(upper) != foldA {
			t.Fatalf("%q and %q fold apart", a, upper)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	for name, in := range map[string]string{
		"identifier": "acme-industries-42",
		"name":       "Massachusetts Institute of Technology",
		"accents":    "École Polytechnique Fédérale de Lausanne",
		"cjk":        "東京大学大学院情報理工学系研究科",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = driver.Fold(in)
			}
		})
	}
}

func FuzzFoldIsStable(f *testing.F) {
	for _, s := range []string{"Café", "cafe\u0301", "ẹ\u0302\u0308", "\u1112\u1161\u11ab\u11ab", "\u0301", "αι\u0301\u0345", "a\xff\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once := driver.Fold(s); driver.Fold(once) != once {
			t.Fatalf("%+q folds to %+q, and that to %+q", s, once, driver.Fold(once))
		}
	})
}
