package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	const fence = "```"
	block := func(code string) string { return "text\n\n" + fence + "go\n" + code + "\n" + fence + "\n" }
	cases := map[string]struct {
		page string
		want string // what is said; empty for nothing
	}{
		"program":                  {block("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(1) }"), ""},
		"program, unused variable": {block("package main\n\nfunc main() {\n\ta := 1\n}"), "7: declared and not used: a"},
		"program, no import":       {block("package main\n\nfunc main() { http.Get(\"\") }"), "6: undefined: http"},
		"statements":               {block("server := http.Server{Addr: m.Name}\nn := len(server.Addr)"), ""},
		"unused variable":          {block("a := m.Name"), ""},
		"declarations":             {block("func f(w http.ResponseWriter) { w.WriteHeader(200) }\n\ntype T struct{}"), ""},
		"no such name":             {block("a := m.Name\nb := m.Gone"), "5: undefined: m.Gone"},
		"wrong type":               {block("var a int = m.Name"), "4: cannot use m.Name"},
		"no Go":                    {block("handler := …"), "4: neither declarations nor statements"},
		"usual name":               {block("deadline, ok := ctx.Deadline()"), ""},
		"undeclared name":          {block("handler.ServeHTTP(nil, nil)"), "4: undefined: handler"},
		"declared name":            {"<!-- go: handler http.Handler; n int -->\n" + block("handler.ServeHTTP(nil, nil)\n_ = n + 1"), ""},
		"declared up to the next":  {"<!-- go: handler http.Handler -->\n<!-- go: n int -->\n" + block("handler.ServeHTTP(nil, nil)"), "undefined: handler"},
		"part of a file":           {"<!-- go: from m/m.go m/other.go -->\n" + block("\tif Name == \"\" {"), ""},
		"not part of a file":       {"<!-- go: from m/m.go -->\n" + block("\tif Name != \"\" {"), "5: is not in m/m.go"},
		"part of no file":          {"<!-- go: from m/gone.go -->\n" + block("x"), "no such file"},
		"other language":           {fence + "sh\nno go at all\n" + fence + "\n", ""},
	}
	t.Setenv("GOWORK", "off") // as make sets it for this program
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "m", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "go.work", "go 1.25.0\n\nuse (\n\t./m\n)\n")
	write(t, dir, "m/go.mod", "module example.com/m\n\ngo 1.25.0\n")
	write(t, dir, "m/m.go", "package m\n\nconst Name = \"m\"\n\nfunc f() {\n\tif Name == \"\" {\n\t}\n}\n")
	write(t, dir, "m/other.go", "package m\n\nimport (\n\t_ \"example.com/m/sub\"\n\t\"context\"\n\t\"net/http\"\n)\n\nvar (\n\t_ context.Context\n\t_ http.Handler\n)\n")
	write(t, dir, "m/sub/sub.go", "package sub\n")
	write(t, dir, "user.go", "package user\n\nimport (\n\t\"example.com/m\"\n)\n\nvar _ = m.Name\n")

	// One run for all pages: it is the go command that takes long.
	for name, c := range cases {
		write(t, dir, name+".md", c.page)
	}
	var out strings.Builder
	if run([]string{dir}, &out) != 1 {
		t.Error("what is wrong does not show in the exit status")
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var said string
			for line := range strings.Lines(out.String()) {
				if strings.HasPrefix(line, filepath.Join(dir, name+".md:")) {
					said += strings.TrimPrefix(line, dir+string(filepath.Separator)+name+".md:")
				}
			}
			if !strings.Contains(said, c.want) || (said == "") != (c.want == "") {
				t.Errorf("said %q, want %q\n%s", said, c.want, &out)
			}
		})
	}
}

// A directive that makes no sense, or Go code that would not be looked at, ends the check.
func TestBadMarkup(t *testing.T) {
	const fence = "```"
	for page, want := range map[string]string{
		"<!-- go: handler -->\n":                        "page.md:1: want names and types, or from and paths",
		"a\n" + fence + "golang\nn :=\n" + fence:        "page.md:2: a block of Go code begins with " + fence + "go",
		"~~~ Go\nn :=\n~~~\n":                           "page.md:1: a block of Go code begins with",
		fence + "go main.go\nn :=\n" + fence + "\n":     "page.md:1: a block of Go code begins with",
		"a\n" + fence + "go\nn :=\n":                    "page.md:2: this block of Go code has no end",
		fence + "gotext\nn :=\n" + fence + "\n":         "",
		fence + "sh\ngo\n" + fence + "\ngo\n`go`, go\n": "",
	} {
		dir := t.TempDir()
		write(t, dir, "page.md", page)
		var out strings.Builder
		status := run([]string{dir}, &out)
		if got := out.String(); !strings.Contains(got, want) || (got == "") != (want == "") || status != min(len(want), 1) {
			t.Errorf("%q: said %q, status %d, want %q", page, got, status, want)
		}
	}
}

func TestPackageName(t *testing.T) {
	for imported, want := range map[string]string{
		"net/http": "http", "math/rand/v2": "rand", "github.com/valkey-io/valkey-go": "valkey", "github.com/go-chi/chi/v5": "chi",
	} {
		if got := packageName(imported); got != want {
			t.Errorf("%s is %s, want %s", imported, got, want)
		}
	}
}
