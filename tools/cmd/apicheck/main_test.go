package main

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

func TestCheck(t *testing.T) {
	added := before + "\nfunc G() {}\n"
	broken := strings.ReplaceAll(before, "A int", "A string")
	broken = strings.ReplaceAll(broken, "return t.A + secret.N", "return len(t.A) + secret.N")
	for name, c := range map[string]struct {
		last, next, code, secret string
		log, err                 string // err is empty where the change is allowed
	}{
		"nothing changes":               {"v1.2.0", "v1.2.1", before, secret, "the same", ""},
		"does not compile":              {"v1.2.0", "v1.2.1", before, "package secret\n\nconst N int8 = 1\n\nfunc f() {}\n", "", "core at HEAD"},
		"internal changes":              {"v1.2.0", "v1.2.1", before, secret + "\nconst M = 2\n", "the same", ""},
		"v0 adds":                       {"v0.2.0", "v0.2.1", added, secret, "added: G: added", ""},
		"v0 breaks in a patch":          {"v0.2.0", "v0.2.1", broken, secret, "broken: T.A", "must name a new minor version, not v0.2.1"},
		"v0 breaks in a minor version":  {"v0.2.0", "v0.3.0", broken, secret, "broken: T.A", ""},
		"v0 breaks, version not raised": {"v0.2.0", "v0.2.0", broken, secret, "broken: T.A", "must name a new minor version, not v0.2.0"},
		"v1 adds in a patch":            {"v1.2.0", "v1.2.1", added, secret, "added", "adds to v1.2.0"},
		"v1 adds in a minor version":    {"v1.9.0", "v1.10.0", added, secret, "added", ""},
		"v1 breaks":                     {"v1.2.0", "v1.3.0", broken, secret, "broken: T.A", "which only another major version may"},
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
			var log strings.Builder
			err := run(&log, root)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got the error %v, want %q", err, c.err)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("the log lacks %q:\n%s", c.log, &log)
			}
		})
	}
}

func TestNoTagYet(t *testing.T) {
	root := t.TempDir()
	git(t, root, "init", "-q")
	commit(t, root, "v0.1.0", before, secret)
	var log strings.Builder
	if err := run(&log, root); err != nil || !strings.Contains(log.String(), "core: has no tag yet") {
		t.Errorf("%v\n%s", err, &log)
	}
}
