package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// good is a small repository without faults.
func good() map[string]string {
	return map[string]string{
		"versions.txt":         "# comment\ncore v0.1.0 yes\nadapters/x v0.2.0 yes\nexamples - no\ntools - no\n",
		"go.work":              "go 1.25.0\n\nuse (\n\t./core\n\t./adapters/x\n\t./examples\n)\n",
		"core/go.mod":          "module github.com/go-tenancy/tenantstore/core\n\ngo 1.25.0\n",
		"adapters/x/go.mod":    "module github.com/go-tenancy/tenantstore/adapters/x\n\ngo 1.25.0\n\nrequire github.com/go-tenancy/tenantstore/core v0.1.0\n\nreplace github.com/go-tenancy/tenantstore/core => ../../core\n",
		"examples/go.mod":      "module github.com/go-tenancy/tenantstore/examples\n\ngo 1.25.0\n",
		"tools/go.mod":         "module github.com/go-tenancy/tenantstore/tools\n\ngo 1.25.0\n",
		"x/testdata/no/go.mod": "module not-looked-at\n",
	}
}

func write(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAGoodRepositoryPasses(t *testing.T) {
	if err := run(write(t, good())); err != nil {
		t.Error(err)
	}
}

func TestEveryFaultIsFound(t *testing.T) {
	const adapter = "adapters/x/go.mod"
	for _, c := range []struct{ name, file, old, new, want string }{
		{"not listed", "versions.txt", "examples - no\n", "", "versions.txt: lacks examples"},
		{"listed without a module", "versions.txt", "tools", "gone - no\ntools", "names gone, which has no go.mod"},
		{"listed twice", "versions.txt", "tools", "core v0.1.0 yes\ntools", "core stands there twice"},
		{"bad line", "versions.txt", "examples - no", "examples - perhaps", "versions.txt:4: want"},
		{"not in go.work", "go.work", "\t./examples\n", "", "go.work: must name every module but tools: examples"},
		{"tools in go.work", "go.work", "\t./core\n", "\t./core\n\t./tools\n", "go.work: must name every module but tools: tools"},
		{"name", adapter, "tenantstore/adapters/x", "tenantstore/adapters/y", "module is"},
		{"go line", "core/go.mod", "1.25.0", "1.26.0", "core/go.mod: go is 1.26.0"},
		{"toolchain", "core/go.mod", "go 1.25.0", "go 1.25.0\n\ntoolchain go1.26.0", "core/go.mod: has a toolchain line"},
		{"version of a sibling", adapter, "v0.1.0", "v0.0.9", `requires core v0.0.9, but versions.txt says "v0.1.0"`},
		{"no replace", adapter, "replace github.com/go-tenancy/tenantstore/core => ../../core", "", "must replace github.com/go-tenancy/tenantstore/core by ../../core"},
		{"other replace", adapter, "../../core", "../core", "must replace"},
		{"foreign replace", adapter, "replace ", "replace example.com/y => ../y\n\nreplace ", "replaces example.com/y"},
		{"unreleased sibling", "versions.txt", "core v0.1.0 yes", "core v0.1.0 no", "is released and requires core, which is not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := good()
			if !strings.Contains(files[c.file], c.old) {
				t.Fatalf("%s does not contain %q", c.file, c.old)
			}
			files[c.file] = strings.Replace(files[c.file], c.old, c.new, 1)
			err := run(write(t, files))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
