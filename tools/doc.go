// Package tools holds the programs with which this repository is checked.
//
// It is a module outside go.work, so that nothing it needs raises the versions
// of what users get. It pins apidiff and gotestsum; the linter is pinned in golangci-lint.mod, and d2, which draws
// the pictures of the documentation, in d2.mod. These are apart again: the linter
// requires a newer Go than the rest of the repository does.
package tools
