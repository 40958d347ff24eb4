package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/tenantctl.md")

// docs/tenantctl.md is what the commands say of themselves, after an introduction by hand.
func TestDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "tenantctl.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- generated: go test ./cmd/tenantctl -run TestDocs -update -->\n"
	intro, _, ok := strings.Cut(string(data), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	want := intro + mark + generated()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Error("docs/tenantctl.md is not current: run go test ./cmd/tenantctl -run TestDocs -update")
	}
}

func generated() string {
	var b strings.Builder
	b.WriteString("\n## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | it succeeded |\n| 1 | anything that is not below |\n")
	codes := slices.Clone(exitCodes)
	slices.SortStableFunc(codes, func(x, y struct {
		code    int
		reason  error
		meaning string
	}) int {
		return x.code - y.code
	})
	for _, e := range codes {
		if e.meaning != "" {
			fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
		}
	}
	root := newRoot(&app{})
	b.WriteString("\n## Options of all commands\n\n" + flagsOf(root.PersistentFlags()) + "\n## Commands\n")
	describe(&b, root)
	return b.String()
}

// describe writes the commands below one.
func describe(b *strings.Builder, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if !cmd.IsAvailableCommand() || cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		if cmd.HasSubCommands() {
			describe(b, cmd)
			continue
		}
		fmt.Fprintf(b, "\n### %s\n\n", strings.TrimPrefix(cmd.CommandPath(), "tenantctl "))
		text := cmd.Long
		if text == "" {
			text = cmd.Short + "."
		}
		fmt.Fprintf(b, "```\ntenantctl %s%s\n```\n\n%s\n", strings.TrimPrefix(parent.CommandPath()+" ", "tenantctl "), cmd.Use, text)
		if flags := flagsOf(cmd.LocalNonPersistentFlags()); flags != "" {
			b.WriteString("\n" + flags)
		}
	}
}

func flagsOf(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "version" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", strings.TrimSpace(name+" "+value), strings.ReplaceAll(usage, "\n", " "))
	})
	return b.String()
}
