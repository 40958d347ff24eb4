//go:build unix

package comparison

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	page    = "../../docs/comparison.md"
	figures = "../../docs/comparison.json"

	tableBegins, tableEnds = "<!-- measured: ", "<!-- end of what was measured -->"
)

// TestPage: the tables of the page are those of the figures beside it, so that nobody edits a
// figure by hand.
func TestPage(t *testing.T) {
	if *render {
		rewrite(t)
	}
	is, want := rendered(t)
	if is != want {
		t.Error("docs/comparison.md is not what docs/comparison.json gives: go test -run '^TestPage$' ./integration/comparison -render")
	}
}

// TestPageCatches: a table that was edited by hand, and a table that is not there.
func TestPageCatches(t *testing.T) {
	tables := map[string]string{"a": "| 1 |\n"}
	const good = "before\n" + tableBegins + "a -->\n| 1 |\n" + tableEnds + "\nafter\n"
	if got, err := fill(good, tables); err != nil || got != good {
		t.Errorf("%v:\n%s", err, got)
	}
	if got, err := fill(strings.Replace(good, "1", "2", 1), tables); err != nil || got != good {
		t.Errorf("%v:\n%s", err, got)
	}
	for name, text := range map[string]string{
		"unknown":  strings.Replace(good, "a -->", "b -->", 1),
		"no end":   strings.Replace(good, tableEnds, "", 1),
		"no table": "before\nafter\n",
	} {
		if got, err := fill(text, tables); err == nil {
			t.Errorf("%s: no error:\n%s", name, got)
		}
	}
}

func rewrite(t *testing.T) {
	t.Helper()
	_, want := rendered(t)
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rendered returns the page as it is and as it should be.
func rendered(t *testing.T) (is, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(figures)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	want, err = fill(string(text), r.tables())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), want
}

// fill puts every table where its mark is.
func fill(text string, tables map[string]string) (string, error) {
	var out strings.Builder
	left := len(tables)
	for {
		before, rest, found := strings.Cut(text, tableBegins)
		out.WriteString(before)
		if !found {
			break
		}
		name, rest, _ := strings.Cut(rest, " -->\n")
		table, ok := tables[name]
		_, after, ended := strings.Cut(rest, tableEnds)
		if !ok || !ended {
			return "", fmt.Errorf("%q: no such table, or no end of it", name)
		}
		out.WriteString(tableBegins + name + " -->\n" + table + tableEnds)
		text = after
		left--
	}
	if left != 0 {
		return "", fmt.Errorf("the page has %d of %d tables", len(tables)-left, len(tables))
	}
	return out.String(), nil
}
