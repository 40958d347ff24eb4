package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

// goCommand runs go as a stranger does: outside the workspace, with the modules of
// this repository from a proxy of files.
type goCommand struct {
	ctx context.Context // of the verification
	env []string
}

// newGoCommand uses the proxy in the directory proxy, and for modules of others the
// module cache of the user and then upstream. What it unpacks goes into tmp.
func newGoCommand(ctx context.Context, tmp, proxy, upstream string) (goCommand, error) {
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return goCommand{}, fmt.Errorf("go env: %w", err)
	}
	settings := strings.Split(string(out), "\n")
	if upstream == "" {
		upstream = settings[1]
	}
	return goCommand{ctx: ctx, env: append(os.Environ(),
		"GOWORK=off",
		"CGO_ENABLED=0", // nothing may need a C compiler
		"GOPROXY="+strings.Join([]string{fileURL(proxy), fileURL(filepath.Join(settings[0], "cache", "download")), upstream}, ","),
		"GONOPROXY=none", "GOPRIVATE=", "GONOSUMDB="+strings.TrimSuffix(versions.Prefix, "/"),
		"GOMODCACHE="+filepath.Join(tmp, "modules"),
		// With -trimpath packages of others are compiled once, wherever tmp is.
		"GOFLAGS=-mod=readonly -trimpath -modcacherw -buildvcs=false",
	)}, nil
}

func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	return "file://" + path
}

// run runs go in dir and returns what it prints on standard output.
func (g goCommand) run(dir string, args ...string) (string, error) {
	return g.exec(dir, "go", args...)
}

func (g goCommand) exec(dir, name string, args ...string) (string, error) {
	var out, diagnostics strings.Builder
	cmd := exec.CommandContext(g.ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its children
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(g.env), "PWD="+dir)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		command := strings.Join(append([]string{filepath.Base(name)}, args...), " ")
		return "", fmt.Errorf("%s: %w\n%s", command, err, strings.TrimSpace(out.String()+diagnostics.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
