package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// Code spans: `TestName`, also `TestName/part`.
	named = regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z][A-Za-z0-9_]*)[^`]*`")
	// Links: [text](target), without a title.
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code     = regexp.MustCompile("`[^`]*`")
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)[A-Za-z0-9_]+)\(`)
	scheme   = regexp.MustCompile(`^[a-z]+:`)
)

// check returns what the Markdown files under root name that is not there.
func check(root string) (wrong []string, err error) {
	tests := map[string]bool{}
	var pages []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if path != root && skipped(entry.Name()) {
				return filepath.SkipDir
			}
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			for _, found := range declared.FindAllSubmatch(text, -1) {
				tests[string(found[1])] = true
			}
			return err
		case filepath.Ext(path) == ".md":
			pages = append(pages, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		for number, line := range strings.Split(string(text), "\n") {
			for _, problem := range checkLine(filepath.Dir(page), line, tests) {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s", page, number+1, problem))
			}
		}
	}
	problems, err := compile(root, pages)
	return append(wrong, problems...), err
}

// skipped reports whether a directory of this name is not looked at.
func skipped(name string) bool { return strings.HasPrefix(name, ".") || name == "testdata" }

// checkLine returns what is wrong with a line of a page in dir.
func checkLine(dir, line string, tests map[string]bool) (problems []string) {
	for _, found := range named.FindAllStringSubmatch(line, -1) {
		if !tests[found[1]] {
			problems = append(problems, "there is no "+found[1])
		}
	}
	for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
		target, _, _ := strings.Cut(found[1], "#")
		if target == "" || scheme.MatchString(target) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(target))); err != nil {
			problems = append(problems, "the link leads nowhere: "+target)
		}
	}
	return problems
}
