//go:build unix

package servers

import (
	"fmt"
	"os/exec"
	"testing"
)

// NeedChromium returns if chromium is there. Else tb is skipped, or fails, as in [NewDatabase].
func NeedChromium(tb testing.TB) {
	tb.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		err = fmt.Errorf("chromium is %w: %s chromium, or run the tests that need none with: make test-embedded", ErrNotInstalled, installIt)
		if Required() {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
}
