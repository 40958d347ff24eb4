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
	figures = "../../docs/comparison.json"

	tableBegins, tableEnds = "<!-- measured: ", "<!-- end of what was measured -->"
)

// pages are those with tables, and which.
func (r report) pages() map[string]map[string]string {
	return map[string]map[string]string{"../../docs/comparison.md": r.tables(), "../../README.md": r.inShort()}
}

// TestPage: the tables of the pages are those of the figures, so that nobody edits a figure
// by hand.
func TestPage(t *testing.T) {
	if *render {
		rewrite(t)
	}
	for page, tables := range figured(t).pages() {
		is, want := rendered(t, page, tables)
		if is != want {
			t.Errorf("%s is not what docs/comparison.json gives: go test -run '^TestPage$' ./integration/comparison -render", page)
		}
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
	for page, tables := range figured(t).pages() {
		_, want := rendered(t, page, tables)
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func figured(t *testing.T) (r report) {
	t.Helper()
	data, err := os.ReadFile(figures)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rendered returns a page as it is and as it should be.
func rendered(t *testing.T, page string, tables map[string]string) (is, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if want, err = fill(string(text), tables); err != nil {
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
