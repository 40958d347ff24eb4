package tenantio

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A spreadsheet splits a line at the separator that it takes for the right one,
// and looks for formulas in what comes out. Where that is another one than the
// comma, double quotes around a cell do not help: they do not stand at the start
// of what is split off. So each fragment of a cell is looked at by itself.

// endsFragment reports whether some sheet splits a cell at r.
func endsFragment(r rune) bool {
	switch r {
	case ';', '|', '\t', '\r', '\n', '\v', '\f', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}

// precedesFormula reports whether r may stand before a formula: sheets trim white
// space and what cannot be seen, and take quotes off.
func precedesFormula(r rune) bool {
	return r == '\'' || r == '"' || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf)
}

func isFormula(fragment string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(fragment, precedesFormula))
	return strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫", first)
}

// escapeCell returns a text of which no spreadsheet runs a part; unescapeCell
// undoes it.
func escapeCell(text string) string {
	return mapFormulas(text, func(fragment string) string { return "'" + fragment })
}

func unescapeCell(text string) string {
	return mapFormulas(text, func(fragment string) string { return strings.TrimPrefix(fragment, "'") })
}

// mapFormulas replaces the fragments that are formulas. An apostrophe before a
// fragment does not change whether it is one.
func mapFormulas(text string, replace func(fragment string) string) string {
	var b strings.Builder
	for start := true; ; start = false {
		fragment, separator := text, ""
		if end := strings.IndexFunc(text, endsFragment); end >= 0 {
			_, size := utf8.DecodeRuneInString(text[end:])
			fragment, separator = text[:end], text[end:end+size]
		}
		text = text[len(fragment)+len(separator):]
		// Some sheets run what follows a tab or a line break at the start of a cell.
		trimmed := start && separator != "" && strings.Contains("\t\r\n", separator) && strings.TrimLeftFunc(fragment, precedesFormula) == ""
		if trimmed || isFormula(fragment) {
			fragment = replace(fragment)
		}
		b.WriteString(fragment)
		b.WriteString(separator)
		if separator == "" {
			return b.String()
		}
	}
}
