package tenantio

import (
	"strings"
	"unicode/utf8"
)

// formulaStart are the first runes with which a spreadsheet takes a cell for a
// formula.
const formulaStart = "=+-@\t\r\n＝＋－＠"

func isFormula(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return strings.ContainsRune(formulaStart, first)
}

// escapeCell returns a text that no spreadsheet runs; unescapeCell undoes it.
func escapeCell(text string) string {
	if isFormula(strings.TrimLeft(text, "'")) {
		return "'" + text
	}
	return text
}

func unescapeCell(text string) string {
	if strings.HasPrefix(text, "'") && isFormula(strings.TrimLeft(text, "'")) {
		return text[1:]
	}
	return text
}
