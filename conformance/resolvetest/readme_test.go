package resolvetest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
)

// The module's README lists every rule, word by word.
func TestReadmeListsEveryRule(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n## resolvetest\n")
	rest, _, _ = strings.Cut(rest, "\n## ") // the next suite
	for _, r := range resolvetest.Rules() {
		line := fmt.Sprintf("| `%s` | %s |\n", r.Name, strings.ReplaceAll(r.Says, "|", `\|`))
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
