package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// skips are the tests that skipped, by reason, in order of first appearance.
type skips struct {
	reasons []string
	tests   map[string][]string
}

// place is where a test's log line begins: "    file_test.go:12: ".
var place = regexp.MustCompile(`^\s+\S+\.go:\d+: `)

// add notes a test whose output says why it skipped.
func (s *skips) add(pkg, test, output string) {
	reason := "without a reason"
	for line := range strings.Lines(output) {
		if at := place.FindString(line); at != "" {
			reason = strings.TrimSpace(line[len(at):])
		}
	}
	if s.tests == nil {
		s.tests = make(map[string][]string)
	}
	if _, known := s.tests[reason]; !known {
		s.reasons = append(s.reasons, reason)
	}
	s.tests[reason] = append(s.tests[reason], pkg+" "+test)
}

func (s *skips) print(w io.Writer) {
	for _, reason := range s.reasons {
		tests := s.tests[reason]
		fmt.Fprintf(w, "\n%d skipped: %s\n", len(tests), reason)
		for _, test := range tests {
			fmt.Fprintf(w, "\t%s\n", test)
		}
	}
}
