package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/tools/internal/gitrepo"
	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

// verification is one run of this command.
type verification struct {
	log       io.Writer
	code      fs.FS // a directory for each stranger
	strangers []stranger
	upstream  string // GOPROXY for modules of others; that of the environment if empty
}

// release is a module that is, or is to be, released.
type release struct {
	dir, version string
	tagged       bool // already
}

func (r release) path() string { return versions.Prefix + r.dir }

// revision returns what the module is packed from.
func (r release) revision() string {
	if r.tagged {
		return versions.Tag(r.dir, r.version)
	}
	return "HEAD"
}

func (v verification) run(ctx context.Context, root string) error {
	repo, err := gitrepo.Open(root)
	if err != nil {
		return err
	}
	if err := v.describe(repo); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "verify-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	tree := filepath.Join(tmp, "tree")
	if err := repo.Export("HEAD", tree); err != nil {
		return err
	}
	releases, err := readReleases(repo, tree)
	if err != nil {
		return err
	}
	// What is wrong here would show below as well, in words that are harder to read.
	if err := checkSources(tree, releases); err != nil {
		return err
	}
	proxy := filepath.Join(tmp, "proxy")
	for _, r := range releases {
		if err := publish(repo, r, proxy); err != nil {
			return err
		}
		v.say("published %s %s from %s", r.dir, r.version, r.revision())
	}
	g, err := newGoCommand(ctx, tmp, proxy, v.upstream)
	if err != nil {
		return err
	}
	var wrong []error
	for _, r := range releases {
		if r.tagged {
			continue
		}
		err := checkAlone(g, tree, r)
		v.say("%-5s %s by itself", verdict(err), r.dir)
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return err // strangers would only say it again
	}
	for _, s := range v.strangers {
		report, err := s.try(g, v.code, tree, filepath.Join(tmp, "strangers", s.name), releases)
		if err != nil {
			err = fmt.Errorf("stranger %s (%s): %w", s.name, s.says, err)
			report = s.says
		}
		v.say("%-5s stranger %s: %s", verdict(err), s.name, report)
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func verdict(err error) string {
	if err != nil {
		return "FAIL"
	}
	return "ok"
}

func (v verification) say(format string, args ...any) { fmt.Fprintf(v.log, format+"\n", args...) }

// describe says which commit it is about.
func (v verification) describe(repo gitrepo.Repository) error {
	commit, err := repo.Output("log", "-1", "--format=%h %s")
	if err != nil {
		return err
	}
	v.say("commit %s", commit)
	changed, err := repo.Output("status", "--porcelain")
	if err == nil && changed != "" {
		v.say("note: what is not committed is not looked at")
	}
	return err
}

// readReleases returns the released modules of versions.txt by directory.
func readReleases(repo gitrepo.Repository, tree string) ([]release, error) {
	listed, err := versions.Read(tree)
	if err != nil {
		return nil, err
	}
	tags, err := repo.Tags()
	if err != nil {
		return nil, err
	}
	var releases []release
	for dir, l := range listed {
		if l.Released {
			releases = append(releases, release{dir, l.Version, slices.Contains(tags, versions.Tag(dir, l.Version))})
		}
	}
	slices.SortFunc(releases, func(a, b release) int { return strings.Compare(a.dir, b.dir) })
	return releases, nil
}
