package tools_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	before = "package core\n\nimport \"github.com/go-tenancy/tenantstore/core/internal/secret\"\n\ntype T struct{ A int }\n\nfunc F(t T) int { return t.A + secret.N }\n"
	secret = "package secret\n\nconst N = 1\n"
)

// commit writes a core with this code and version, and commits it.
func commit(t *testing.T, root, version, code, secret string) {
	t.Helper()
	for name, text := range map[string]string{
		"versions.txt":                   "core " + version + " yes\nexamples - no\n",
		"core/go.mod":                    "module github.com/go-tenancy/tenantstore/core\n\ngo 1.25.0\n",
		"core/core.go":                   code,
		"core/internal/secret/secret.go": secret,
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git(t, root, "add", "-A")
	git(t, root, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "all of it")
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestAPICheck(t *testing.T) {
	added := before + "\nfunc G() {}\n"
	broken := strings.ReplaceAll(before, "A int", "A string")
	broken = strings.ReplaceAll(broken, "return t.A + secret.N", "return len(t.A) + secret.N")
	apidiff := buildAPIDiff(t)
	for name, c := range map[string]struct {
		last, next, code, secret string
		log, err                 string // err is empty where the change is allowed
	}{
		"nothing changes":               {"v1.2.0", "v1.2.1", before, secret, "the same", ""},
		"does not compile":              {"v1.2.0", "v1.2.1", before, "package secret\n\nconst N int8 = 1\n\nfunc f() {}\n", "", "mismatched types"},
		"internal changes":              {"v1.2.0", "v1.2.1", before, secret + "\nconst M = 2\n", "the same", ""},
		"v0 adds":                       {"v0.2.0", "v0.2.1", added, secret, "G: added", ""},
		"v0 breaks in a patch":          {"v0.2.0", "v0.2.1", broken, secret, "T.A: changed", "must name a new minor version, not v0.2.1"},
		"v0 breaks in a minor version":  {"v0.2.0", "v0.3.0", broken, secret, "T.A: changed", ""},
		"v0 breaks, version not raised": {"v0.2.0", "v0.2.0", broken, secret, "T.A: changed", "must name a new minor version, not v0.2.0"},
		"v1 adds in a patch":            {"v1.2.0", "v1.2.1", added, secret, "G: added", "adds to v1.2.0"},
		"v1 adds in a minor version":    {"v1.9.0", "v1.10.0", added, secret, "G: added", ""},
		"v1 breaks":                     {"v1.2.0", "v1.3.0", broken, secret, "T.A: changed", "which only another major version may"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			git(t, root, "init", "-q")
			commit(t, root, "v0.0.1", "package core\n", secret)
			git(t, root, "tag", "core/v0.0.1") // not the last one
			commit(t, root, c.last, before, secret)
			git(t, root, "tag", "core/"+c.last)
			git(t, root, "tag", "core/nonsense")
			commit(t, root, c.next, c.code, c.secret)
			log, err := apicheck(apidiff, root)
			if (err == nil) != (c.err == "") {
				t.Errorf("ended with %v", err)
			}
			for _, want := range []string{c.log, c.err} {
				if !strings.Contains(log, want) {
					t.Errorf("the log lacks %q:\n%s", want, log)
				}
			}
		})
	}
}

func TestAPICheckOfWhatHasNoTagYet(t *testing.T) {
	root := t.TempDir()
	git(t, root, "init", "-q")
	commit(t, root, "v0.1.0", before, secret)
	if log, err := apicheck(buildAPIDiff(t), root); err != nil || log != "core: has no tag yet\n" {
		t.Errorf("%v\n%s", err, log)
	}
}

func buildAPIDiff(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "apidiff")
	if out, err := exec.Command("go", "build", "-o", path, "golang.org/x/exp/cmd/apidiff").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func apicheck(apidiff, root string) (log string, err error) {
	out, err := exec.Command("./apicheck.sh", apidiff, root).CombinedOutput()
	return string(out), err
}
