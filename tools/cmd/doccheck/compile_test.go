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
	for name, c := range map[string]struct {
		page string
		want string // what is said; empty for nothing
	}{
		"program":                  {block("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(1) }"), ""},
		"program, unused variable": {block("package main\n\nfunc main() {\n\ta := 1\n}"), "page.md:7: declared and not used: a"},
		"program, no import":       {block("package main\n\nfunc main() { http.Get(\"\") }"), "page.md:6: undefined: http"},
		"statements":               {block("server := http.Server{Addr: m.Name}\nn := len(server.Addr)"), ""},
		"unused variable":          {block("a := m.Name"), ""},
		"declarations":             {block("func f(w http.ResponseWriter) { w.WriteHeader(200) }\n\ntype T struct{}"), ""},
		"no such name":             {block("a := m.Name\nb := m.Gone"), "page.md:5: undefined: m.Gone"},
		"wrong type":               {block("var a int = m.Name"), "page.md:4: cannot use m.Name"},
		"no Go":                    {block("handler := …"), "page.md:4: neither declarations nor statements"},
		"usual name":               {block("deadline, ok := ctx.Deadline()"), ""},
		"undeclared name":          {block("handler.ServeHTTP(nil, nil)"), "page.md:4: undefined: handler"},
		"declared name":            {"<!-- go: handler http.Handler; n int -->\n" + block("handler.ServeHTTP(nil, nil)\n_ = n + 1"), ""},
		"declared up to the next":  {"<!-- go: handler http.Handler -->\n<!-- go: n int -->\n" + block("handler.ServeHTTP(nil, nil)"), "undefined: handler"},
		"bad directive":            {"<!-- go: handler -->\n", "page.md:1: want names and types, or from and paths"},
		"part of a file":           {"<!-- go: from m/m.go m/other.go -->\n" + block("\tif Name == \"\" {"), ""},
		"not part of a file":       {"<!-- go: from m/m.go -->\n" + block("\tif Name != \"\" {"), "page.md:5: is not in m/m.go"},
		"part of no file":          {"<!-- go: from m/gone.go -->\n" + block("x"), "no such file"},
		"other language":           {fence + "sh\nno go at all\n" + fence + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOWORK", "off") // as make sets it for this program
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "m"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "go.work", "go 1.25.0\n\nuse (\n\t./m\n)\n")
			write(t, dir, "m/go.mod", "module example.com/m\n\ngo 1.25.0\n")
			write(t, dir, "m/m.go", "package m\n\nconst Name = \"m\"\n\nfunc f() {\n\tif Name == \"\" {\n\t}\n}\n")
			write(t, dir, "m/other.go", "package m\n\nimport (\n\t_ \"example.com/m/sub\"\n\t\"context\"\n\t\"net/http\"\n)\n\nvar (\n\t_ context.Context\n\t_ http.Handler\n)\n")
			if err := os.Mkdir(filepath.Join(dir, "m", "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "m/sub/sub.go", "package sub\n")
			write(t, dir, "user.go", "package user\n\nimport (\n\t\"example.com/m\"\n)\n\nvar _ = m.Name\n")
			write(t, dir, "page.md", c.page)
			var out strings.Builder
			status := run([]string{dir}, &out)
			if !strings.Contains(out.String(), c.want) || (out.Len() == 0) != (c.want == "") || status != min(len(c.want), 1) {
				t.Errorf("said %q, status %d, want %q", &out, status, c.want)
			}
		})
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
