package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		page string
		want string // what is said; empty for nothing
	}{
		"a test":                   {"`TestThere`", ""},
		"a part of a test":         {"`TestThere/part` and more", ""},
		"no test":                  {"first\n`TestGone`", "page.md:2: there is no TestGone"},
		"no benchmark":             {"| x | `TestThere`, `BenchmarkGone` |", "page.md:1: there is no BenchmarkGone"},
		"no name of a test":        {"`Testing` and TestGone", ""},
		"a link":                   {"[it](code_test.go#L3) and [dir](sub)", ""},
		"a link elsewhere":         {"[it](https://example.com/x) [mail](mailto:a@example.com)", ""},
		"a link in code":           {"`At[T](gone)`", ""},
		"a link around code":       {"[`x`](gone.md)", "page.md:1: the link leads nowhere: gone.md"},
		"a link within the page":   {"# Here, `x_y` & now\n[it](#here-x_y--now)", ""},
		"no such heading":          {"# There\n[it](#here)", "page.md:2: the link leads to no heading: #here"},
		"a heading elsewhere":      {"# One\n[it](page.md#one) [it](page.md#two)", "page.md:2: the link leads to no heading: page.md#two"},
		"a link that leads beside": {"[a](code_test.go), [it](sub/gone.md)", "page.md:1: the link leads nowhere: sub/gone.md"},
		"a command":                {"`go doc ./sub` or\ngo test -run 'X$' ./sub ./sub/... # ./gone", ""},
		"a command on nothing":     {"first\ngo test ./sub ./gone/...", "page.md:2: a go command names no directory: ./gone/..."},
		"go doc of an import path": {"`go doc example.com/x`", "page.md:1: go doc finds no import path in the root of a workspace: example.com/x"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "code_test.go", "package x\n\nfunc TestThere(t *testing.T) {}\n")
			write(t, dir, "page.md", c.page)
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			status := run([]string{dir}, &out)
			got := strings.TrimSpace(strings.ReplaceAll(out.String(), dir+string(filepath.Separator), ""))
			if got != c.want || status != min(len(c.want), 1) {
				t.Errorf("said %q, status %d, want %q", got, status, c.want)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	var out strings.Builder
	if run([]string{filepath.Join(t.TempDir(), "gone")}, &out) != 1 || out.Len() == 0 {
		t.Error("a directory that is not there passes")
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
