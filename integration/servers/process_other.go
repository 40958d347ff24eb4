//go:build unix && !linux

package servers

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// signalOnDeath does nothing: only Linux can.
func signalOnDeath(*syscall.SysProcAttr, syscall.Signal) {}

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) ([]int, error) {
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil, nil // none
	}
	if err != nil {
		return nil, fmt.Errorf("pgrep: %w", err)
	}
	var children []int
	for _, line := range strings.Fields(string(out)) {
		child, err := strconv.Atoi(line)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

// exists reports whether pid runs.
func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }
