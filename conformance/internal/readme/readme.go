// Package readme compares the suites with the README of the module.
package readme

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Lines fails t unless the README of the module, in the section of suite, has a line
// for each rule, word by word and in this order, and no others.
func Lines[R any](t *testing.T, suite string, rules []R, text func(R) (name, says string)) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n## "+suite+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ") // the next suite
	for _, r := range rules {
		name, says := text(r)
		line := fmt.Sprintf("| `%s` | %s |\n", name, strings.ReplaceAll(says, "|", `\|`))
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Errorf("README.md lacks this line, or has it in another order: %s", line)
			continue
		}
		rest = after
	}
	if strings.Contains(rest, "\n| `") {
		t.Errorf("README.md lists rules that are no more: %s", rest)
	}
}
