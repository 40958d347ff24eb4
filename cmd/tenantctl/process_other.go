//go:build !unix

package main

import (
	"os"
	"os/exec"
)

func detach(*exec.Cmd) {}

func kill(p *os.Process) error { return p.Kill() }

func lock(*os.File) error { return nil }
