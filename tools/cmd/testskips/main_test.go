package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.25.0\n",
		"m_test.go": `package m

import "testing"

func TestPasses(t *testing.T) { t.Log("quiet") }

func TestSkips(t *testing.T) { t.Skip("needs the moon") }

func TestParent(t *testing.T) {
	t.Run("skips", func(t *testing.T) { t.Skip("needs the moon") })
	t.Run("fails", func(t *testing.T) { t.Error("loud") })
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	err := run(&out, dir, []string{"go", "test", "-json", "./..."})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want the status of go test", err)
	}
	for _, want := range []string{
		"loud", "FAIL\texample.com/m",
		"2 skipped: needs the moon\n\texample.com/m TestSkips\n\texample.com/m TestParent/skips\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Errorf("output of a test that passed is shown:\n%s", &out)
	}
}

func TestABuildFailureIsShown(t *testing.T) {
	const events = `{"ImportPath":"m","Action":"build-output","Output":"undefined: x\n"}` + "\n" +
		`{"Action":"output","Package":"m","Output":"FAIL\tm [build failed]\n"}`
	var out strings.Builder
	if _, err := show(&out, strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "undefined: x\nFAIL\tm [build failed]\n"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
}

func TestWhatIsNoEventIsAnError(t *testing.T) {
	if err := run(&strings.Builder{}, ".", []string{"echo", "hello"}); err == nil {
		t.Error("no error")
	}
}
