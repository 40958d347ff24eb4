package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/go-tenancy/tenantstore/tools/internal/gitrepo"
)

// publish puts r into the module proxy in the directory proxy, in the form of
// `go help goproxy`. The zip file is made as the go command makes it of a tag:
// replace lines are in it, and mean nothing to who requires the module.
func publish(repo gitrepo.Repository, r release, proxy string) error {
	escaped, err := module.EscapePath(r.path())
	if err != nil {
		return err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, r.version+".zip"))
	if err != nil {
		return err
	}
	err = zip.CreateFromVCS(file, module.Version{Path: r.path(), Version: r.version}, repo.Root, r.revision(), r.dir)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", r.dir, err)
	}
	mod, err := repo.Output("show", r.revision()+":"+r.dir+"/go.mod")
	if err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{r.version, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		r.version + ".mod":  mod + "\n",
		r.version + ".info": string(info),
		"list":              r.version + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
