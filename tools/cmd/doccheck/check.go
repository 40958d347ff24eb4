package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

var (
	// Code spans: `TestName`, also `TestName/part`.
	named = regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z][A-Za-z0-9_]*)[^`]*`")
	// Links: [text](target), without a title.
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)
	code     = regexp.MustCompile("`[^`]*`")
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)[A-Za-z0-9_]+)\(`)
	scheme   = regexp.MustCompile(`^[a-z]+:`)
	// Commands: go test ./dir, in a code span or on a line of a block.
	command    = regexp.MustCompile("\\bgo (?:build|doc|run|test|vet) [^`#]*")
	directory  = regexp.MustCompile(`(?:^| )(\./[\w./-]+)`)
	importPath = regexp.MustCompile(`^go doc (\w+\.\w[^ ]*/[^ ]*)`)
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
			for _, problem := range checkLine(root, page, line, tests) {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s", page, number+1, problem))
			}
		}
	}
	problems, err := compile(root, pages)
	return append(wrong, problems...), err
}

// skipped reports whether a directory of this name is not looked at.
func skipped(name string) bool { return strings.HasPrefix(name, ".") || name == "testdata" }

// checkLine returns what is wrong with a line of a page.
func checkLine(root, page, line string, tests map[string]bool) (problems []string) {
	for _, found := range named.FindAllStringSubmatch(line, -1) {
		if !tests[found[1]] {
			problems = append(problems, "there is no "+found[1])
		}
	}
	for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
		if scheme.MatchString(found[1]) {
			continue
		}
		target, fragment, _ := strings.Cut(found[1], "#")
		file := page
		if target != "" {
			file = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
		}
		text, err := os.ReadFile(file)
		info, statErr := os.Stat(file)
		switch {
		case statErr != nil:
			problems = append(problems, "the link leads nowhere: "+target)
		case info.IsDir() || filepath.Ext(file) != ".md" || fragment == "":
		case err != nil:
			problems = append(problems, err.Error())
		case !hasHeading(string(text), fragment):
			problems = append(problems, "the link leads to no heading: "+found[1])
		}
	}
	return append(problems, checkCommands(root, line)...)
}

// checkCommands returns what is wrong with the go commands of a line, which are to be run
// in the root.
func checkCommands(root, line string) (problems []string) {
	for _, run := range command.FindAllString(line, -1) {
		if found := importPath.FindStringSubmatch(run); found != nil {
			problems = append(problems, "go doc finds no import path in the root of a workspace: "+found[1])
		}
		for _, found := range directory.FindAllStringSubmatch(run, -1) {
			info, err := os.Stat(filepath.Join(root, strings.TrimSuffix(found[1], "/...")))
			if err != nil || !info.IsDir() {
				problems = append(problems, "a go command names no directory: "+found[1])
			}
		}
	}
	return problems
}

// hasHeading reports whether a page has a heading that GitHub gives this fragment.
func hasHeading(text, fragment string) bool {
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		anchor := strings.Map(func(c rune) rune {
			switch {
			case c == ' ':
				return '-'
			case c == '-', c == '_', unicode.IsLetter(c), unicode.IsDigit(c):
				return unicode.ToLower(c)
			}
			return -1
		}, found[1])
		if anchor == fragment {
			return true
		}
	}
	return false
}
