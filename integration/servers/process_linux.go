package servers

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func signalOnDeath(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, stat := range stats {
		_, parent, err := readStat(stat)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended since
		}
		if err != nil {
			return nil, err
		}
		if parent != pid {
			continue
		}
		child, err := strconv.Atoi(strings.Split(stat, "/")[2])
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

// exists reports whether pid runs. A zombie, which only waits for somebody to
// take note of its end, does not.
func exists(pid int) bool {
	state, _, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && state != "Z" && state != "X"
}

// readStat returns the fields 3 and 4 of proc_pid_stat(5).
func readStat(path string) (state string, parent int, err error) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return "", 0, err
	}
	// Field 2, the name in parentheses, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return "", 0, fmt.Errorf("%s: too few fields", path)
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err
}
