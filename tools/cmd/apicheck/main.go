// Command apicheck compares the API of each released module at HEAD with that of its
// last tag:
//
//	apicheck [repository]
//
// It prints what was added and what was broken since, and exits with 1 if the version
// in versions.txt does not allow it (https://semver.org, and what go.dev/ref/mod says):
//
//   - what breaks users needs a new minor version before v1; from v1 on, it needs a
//     new major version, that is another module path, so it is always wrong;
//   - what is added needs a new minor version from v1 on, and nothing before.
//
// A version that is not above the last tag is judged as the next patch: versions are
// raised when a release is made. Packages named internal do not count.
package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/exp/apidiff"
	"golang.org/x/mod/semver"

	"github.com/go-tenancy/tenantstore/tools/internal/gitrepo"
	"github.com/go-tenancy/tenantstore/tools/internal/versions"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(os.Stdout, root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(log io.Writer, root string) error {
	repo, err := gitrepo.Open(root)
	if err != nil {
		return err
	}
	tags, err := repo.Tags()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "apicheck-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	trees := trees{repo: repo, tmp: tmp}
	head, err := trees.at("HEAD")
	if err != nil {
		return err
	}
	listed, err := versions.Read(head)
	if err != nil {
		return err
	}
	var wrong []error
	for _, dir := range slices.Sorted(maps.Keys(listed)) {
		if !listed[dir].Released {
			continue
		}
		last := lastTag(tags, dir)
		if last == "" {
			fmt.Fprintf(log, "%s: has no tag yet, so there is nothing to compare with\n", dir)
			continue
		}
		report, err := trees.compare(dir, versions.Tag(dir, last))
		if err != nil {
			return err
		}
		fmt.Fprintf(log, "%s since %s:\n%s", dir, last, describe(report))
		wrong = append(wrong, judge(dir, last, listed[dir].Version, report))
	}
	return errors.Join(wrong...)
}

// lastTag returns the newest version among the tags of dir, or nothing.
func lastTag(tags []string, dir string) (last string) {
	for _, tag := range tags {
		if version, ok := strings.CutPrefix(tag, dir+"/"); ok && semver.IsValid(version) && semver.Compare(version, last) > 0 {
			last = version
		}
	}
	return last
}

func describe(report apidiff.Report) string {
	if len(report.Changes) == 0 {
		return "\tthe same\n"
	}
	var lines []string
	for _, c := range report.Changes {
		kind := "broken"
		if c.Compatible {
			kind = "added"
		}
		lines = append(lines, fmt.Sprintf("\t%s: %s\n", kind, c.Message))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// judge says whether version may come after last with these changes.
func judge(dir, last, version string, report apidiff.Report) error {
	compatible := !slices.ContainsFunc(report.Changes, func(c apidiff.Change) bool { return !c.Compatible })
	minor := semver.Compare(semver.MajorMinor(version), semver.MajorMinor(last)) > 0
	switch stable := semver.Major(last) != "v0"; {
	case !compatible && stable:
		return fmt.Errorf("%s: breaks users of %s, which only another major version may", dir, last)
	case !compatible && !minor:
		return fmt.Errorf("%s: breaks users of %s, so versions.txt must name a new minor version, not %s", dir, last, version)
	case len(report.Changes) > 0 && stable && !minor:
		return fmt.Errorf("%s: adds to %s, so versions.txt must name a new minor version, not %s", dir, last, version)
	}
	return nil
}

// trees are revisions of repo, unpacked below tmp.
type trees struct {
	repo gitrepo.Repository
	tmp  string
}

func (t trees) at(revision string) (dir string, err error) {
	dir = filepath.Join(t.tmp, filepath.FromSlash(revision))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, t.repo.Export(revision, dir)
}

// compare returns what changed in the module in dir since tag. The replace lines of
// each tree give it the siblings of its time.
func (t trees) compare(dir, tag string) (apidiff.Report, error) {
	var modules [2]*apidiff.Module
	for i, revision := range []string{tag, "HEAD"} {
		tree, err := t.at(revision)
		if err != nil {
			return apidiff.Report{}, err
		}
		if modules[i], err = load(filepath.Join(tree, dir), versions.Prefix+dir); err != nil {
			return apidiff.Report{}, fmt.Errorf("%s at %s: %w", dir, revision, err)
		}
	}
	return apidiff.ModuleChanges(modules[0], modules[1]), nil
}
