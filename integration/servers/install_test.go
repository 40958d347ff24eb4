//go:build unix

package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Somebody who cannot use apt-get is to learn at once what there is to install.
func TestInstallNamesEverythingThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "curl"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	install := func(packages ...string) (string, error) {
		cmd := exec.Command("./install.sh", packages...)
		cmd.Env = []string{"PATH=" + dir}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := install("curl"); err != nil || out != "" {
		t.Errorf("nothing is missing: %v\n%s", err, out)
	}
	out, err := install("valkey-server", "curl", "gcc", "prometheus")
	if err == nil || !strings.HasPrefix(out, "not installed: valkey-server gcc prometheus. ") {
		t.Errorf("%v\n%s", err, out)
	}
}
