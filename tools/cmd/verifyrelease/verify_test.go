package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// good is a small repository that strangers can use.
func good() map[string]string {
	const path = "github.com/go-tenancy/tenantstore/"
	return map[string]string{
		"LICENSE":                     "Apache-2.0\n",
		"versions.txt":                "core v0.1.0 yes\nadapters/x v0.2.0 yes\nexamples - no\n",
		"core/go.mod":                 "module " + path + "core\n\ngo 1.25.0\n",
		"core/core.go":                "package core\n\nimport \"" + path + "core/internal/secret\"\n\nfunc Answer() int { return secret.Answer }\n",
		"core/internal/secret/one.go": "package secret\n\nconst Answer = 42\n",
		"adapters/x/go.mod":           "module " + path + "adapters/x\n\ngo 1.25.0\n\nrequire " + path + "core v0.1.0\n\nreplace " + path + "core => ../../core\n",
		"adapters/x/x.go":             "package x\n\nimport \"" + path + "core\"\n\nfunc Answer() int { return core.Answer() }\n",
		"adapters/x/x_test.go":        "package x\n\nimport \"testing\"\n\nfunc TestAnswer(t *testing.T) {\n\tif Answer() != 42 {\n\t\tt.Fail()\n\t}\n}\n",
		"examples/go.mod":             "module " + path + "examples\n\ngo 1.25.0\n",
		"examples/own/own.go":         "package own\n\nconst Answer = 42\n",
		"examples/own/own_test.go":    "package own_test\n\nimport (\n\t\"testing\"\n\n\t\"" + path + "examples/own\"\n)\n\nfunc TestOwn(t *testing.T) {\n\tif own.Answer != 42 {\n\t\tt.Fail()\n\t}\n}\n",
	}
}

// goodStrangers use it.
func goodStrangers() ([]stranger, fstest.MapFS) {
	table := []stranger{
		{name: "core", says: "core alone", requires: []string{"core"}, listed: []string{"core"}},
		{name: "x", says: "an adapter", requires: []string{"adapters/x"}, modules: []string{"adapters/x", "core"}},
		{name: "own", says: "code of their own", requires: []string{"core"}, copies: "examples/own", tests: "."},
	}
	return table, fstest.MapFS{
		"core/main.go": {Data: []byte("package main\n\nimport \"github.com/go-tenancy/tenantstore/core\"\n\nfunc main() { println(core.Answer()) }\n")},
		"x/main.go":    {Data: []byte("package main\n\nimport \"github.com/go-tenancy/tenantstore/adapters/x\"\n\nfunc main() {\n\tif x.Answer() != 42 {\n\t\tpanic(\"wrong answer\")\n\t}\n}\n")},
		"own/main.go":  {Data: []byte("package main\n\nimport (\n\t\"example.com/stranger/own\"\n\t\"github.com/go-tenancy/tenantstore/core\"\n)\n\nfunc main() { println(own.Answer == core.Answer()) }\n")},
	}
}

// commit writes files, without those that are empty, into root, and commits them.
func commit(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if text == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git(t, root, "add", "-A")
	git(t, root, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--no-gpg-sign", "-m", "all of it")
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// verify runs the verification on root, with goodStrangers as edit leaves them.
func verify(t *testing.T, root string, edit func([]stranger, fstest.MapFS)) (log string, err error) {
	t.Helper()
	var out strings.Builder
	table, code := goodStrangers()
	if edit != nil {
		edit(table, code)
	}
	err = verification{log: &out, code: code, strangers: table, upstream: "off"}.run(t.Context(), root)
	return out.String(), err
}

func repository(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	git(t, root, "init", "-q")
	commit(t, root, files)
	return root
}

func TestAGoodRepositoryPasses(t *testing.T) {
	log, err := verify(t, repository(t, good()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"published adapters/x v0.2.0 from HEAD", "ok    core by itself",
		"ok    stranger core: core alone; modules: 1, binary: ", "ok    stranger own: code of their own; its tests pass",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

func TestEveryFaultIsFound(t *testing.T) {
	const path = "github.com/go-tenancy/tenantstore/"
	for _, c := range []struct{ name, file, old, new, want string }{
		{"forgotten sibling", "adapters/x/go.mod", "\nrequire " + path + "core v0.1.0\n", "",
			"adapters/x/go.mod: forgets to require " + path + "core v0.1.0"},
		{"forgotten module of others", "adapters/x/x.go", "import \"" + path + "core\"", "import (\n\t_ \"example.com/other\"\n\n\t\"" + path + "core\"\n)",
			"adapters/x by itself: go mod tidy: exit status 1"},
		{"forgotten by the tests", "adapters/x/x_test.go", "import \"testing\"", "import (\n\t\"testing\"\n\n\t_ \"example.com/other\"\n)",
			"example.com/other"},
		{"needless requirement", "adapters/x/x.go", "import \"" + path + "core\"\n\nfunc Answer() int { return core.Answer() }", "func Answer() int { return 42 }",
			"adapters/x/go.mod: requires " + path + "core v0.1.0 without need"},
		{"internal package of a sibling", "adapters/x/x.go", path + "core\"", path + "core/internal/secret\"",
			"adapters/x/x.go: imports core/internal/secret, which is internal to another module"},
		{"internal package that the compiler allows", "adapters/x/x.go", path + "core\"", path + "internal/shared\"",
			"adapters/x/x.go: imports internal/shared, which is internal to another module"},
		{"core gains a requirement", "core/go.mod", "go 1.25.0\n", "go 1.25.0\n\nrequire example.com/other v1.0.0\n",
			"core/go.mod: core has no dependencies, and requires example.com/other v1.0.0"},
		{"sibling in a version that there is not", "adapters/x/go.mod", "core v0.1.0", "core v0.3.0",
			"core v0.3.0"},
		{"stale version constant", "adapters/x/x.go", "func Answer()", "const Version = \"0.1.0\"\n\nfunc Answer()",
			"adapters/x/x.go: Version is 0.1.0, but versions.txt says v0.2.0"},
		{"works with a replace line only", "core/core.go", "func Answer()", "func Other()",
			"adapters/x by itself: go vet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := good()
			if !strings.Contains(files[c.file], c.old) {
				t.Fatalf("%s does not contain %q", c.file, c.old)
			}
			files[c.file] = strings.Replace(files[c.file], c.old, c.new, 1)
			if log, err := verify(t, repository(t, files), nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q\n%s", err, c.want, log)
			}
		})
	}
}

func TestStrangersAreChecked(t *testing.T) {
	root := repository(t, good())
	for name, c := range map[string]struct {
		edit func([]stranger, fstest.MapFS)
		want string
	}{
		"a module that it must not get": {func(s []stranger, _ fstest.MapFS) { s[1].without = []string{"core"} },
			"stranger x (an adapter): pulls in core, and must not"},
		"other modules than it says": {func(s []stranger, _ fstest.MapFS) { s[1].modules = []string{"adapters/x"} },
			`pulls in the modules ["adapters/x" "core"], want ["adapters/x"]`},
		"another module list": {func(s []stranger, _ fstest.MapFS) { s[1].listed = []string{"adapters/x"} },
			`its module list is ["adapters/x" "core"], want ["adapters/x"]`},
		"a module that is not released": {func(s []stranger, _ fstest.MapFS) { s[0].requires = []string{"examples"} },
			"versions.txt releases no examples"},
		"code that is not there": {func(s []stranger, _ fstest.MapFS) { s[2].copies = "examples/gone" },
			"examples/gone has no Go files"},
		"tests that fail": {func(_ []stranger, f fstest.MapFS) {
			f["own/own_test.go"] = &fstest.MapFile{Data: []byte("package main\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) { t.Error(\"is broken\") }\n")}
		}, "is broken"},
		"a program that fails": {func(_ []stranger, f fstest.MapFS) {
			f["core/main.go"].Data = []byte("package main\n\nimport (\n\t\"os\"\n\n\t_ \"github.com/go-tenancy/tenantstore/core\"\n)\n\nfunc main() { os.Exit(3) }\n")
		}, "stranger core (core alone): program.exe: exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			if log, err := verify(t, root, c.edit); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q\n%s", err, c.want, log)
			}
		})
	}
}

// A stranger without the server that it needs is built, and says that it was not run.
func TestStrangerWithoutServer(t *testing.T) {
	t.Setenv("VERIFYRELEASE_TEST_SERVER", "")
	log, err := verify(t, repository(t, good()), func(s []stranger, f fstest.MapFS) {
		s[0].server = "VERIFYRELEASE_TEST_SERVER"
		f["core/main.go"].Data = []byte("package main\n\nimport (\n\t\"os\"\n\n\t_ \"github.com/go-tenancy/tenantstore/core\"\n)\n\nfunc main() { os.Exit(3) }\n")
	})
	if want := "not run: VERIFYRELEASE_TEST_SERVER is not set"; err != nil || !strings.Contains(log, want) {
		t.Errorf("%v; the log lacks %q:\n%s", err, want, log)
	}
}

// A version that is tagged is what its tag says, not what has been committed since: a
// module that needs the newer one must require a newer version.
func TestTaggedVersionsComeFromTheirTags(t *testing.T) {
	root := repository(t, good())
	git(t, root, "tag", "core/v0.1.0")
	files := good()
	commit(t, root, map[string]string{
		"core/core.go":    strings.Replace(files["core/core.go"], "Answer()", "Newer()", 1),
		"adapters/x/x.go": strings.Replace(files["adapters/x/x.go"], "core.Answer()", "core.Newer()", 1),
	})
	log, err := verify(t, root, nil)
	if err == nil || !strings.Contains(err.Error(), "undefined: core.Newer") {
		t.Errorf("got %v, want that core v0.1.0 has no Newer", err)
	}
	if want := "published core v0.1.0 from core/v0.1.0"; !strings.Contains(log, want) {
		t.Errorf("the log lacks %q:\n%s", want, log)
	}
}

// TestMain makes the test binary the program itself, for the test that interrupts it.
func TestMain(m *testing.M) {
	if os.Getenv("VERIFYRELEASE_TEST_RUN_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// All modules that strangers use are unpacked in that directory.
func TestNothingIsLeftOfAnInterruptedRun(t *testing.T) {
	tmp := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, repository(t, good()))
	cmd.Env = append(os.Environ(), "VERIFYRELEASE_TEST_RUN_MAIN=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "published core") { // it goes on to compile
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the run passed before it could be interrupted")
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "verify-release-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The programs for the real repository are there, each with an entry in the table.
func TestEveryStrangerHasCode(t *testing.T) {
	entries, err := embedded.ReadDir("testdata/strangers")
	if err != nil {
		t.Fatal(err)
	}
	code := map[string]bool{}
	for _, e := range entries {
		code[e.Name()] = true
	}
	for _, s := range strangers() {
		if !code[s.name] {
			t.Errorf("stranger %s has no code", s.name)
		}
		delete(code, s.name)
	}
	if len(code) > 0 {
		t.Errorf("code without a stranger: %v", code)
	}
}
