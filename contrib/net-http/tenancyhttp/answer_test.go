package tenancyhttp

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// Every outcome has an answer, and the pages that list the answers say the same.
func TestAnswersAreListed(t *testing.T) {
	if got, want := len(statuses), len(resolve.Outcomes())-3; got != want { // resolved and skipped pass, moved is a redirect
		t.Errorf("%d answers, want %d", got, want)
	}
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" && os.Getenv("TENANTSTORE_REQUIRE_SERVERS") == "" {
			t.Skip("the module is by itself")
		}
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	reference, page := read("doc.go"), read("../../../docs/http.md")
	for o, number := range statuses {
		outcome, status := string(o), strconv.Itoa(number)
		code, _ := o.Problem()
		if !regexp.MustCompile(`(?m)^//\t.*\b` + outcome + `\b.* ` + status + `\b`).Match(reference) {
			t.Errorf("doc.go does not say that %s is answered %s", outcome, status)
		}
		if !regexp.MustCompile("(?m)^\\| `" + outcome + "`.*\\| " + status + "\\b.*\\| `" + code + "` \\|$").Match(page) {
			t.Errorf("docs/http.md does not say that %s is answered %s %s", outcome, status, code)
		}
	}
}
