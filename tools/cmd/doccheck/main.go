// Command doccheck checks that the documentation names nothing that is not there:
//
//	doccheck [directory]
//
// In every Markdown file of the tree, a relative link must lead to a file, and to a
// heading if it names one, and what is set as code and begins with Test, Benchmark or
// Fuzz must be a function of some _test.go file: the documentation states guarantees by
// the tests that hold them. The directories of go commands (go test ./core/tier) must be
// there, as seen from the root, where readers are to run them. It prints what is missing,
// and exits with 1 if anything is.
//
// Every block of Go code must compile in the workspace: a whole program as it is;
// declarations or statements with the imports that they need. Names that a block uses
// and does not declare, besides a few usual ones (ctx, store …), are declared by a
// comment on a line of its own, which holds up to the next one:
//
//	<!-- go: handler http.Handler; name string -->
//
// and a part of a file, which need not compile by itself, must be in it to the letter:
//
//	<!-- go: from examples/filestore/filestore.go -->
package main

import (
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, out io.Writer) int {
	root := "."
	if len(args) > 0 {
		root = args[0]
	}
	wrong, err := check(root)
	if err != nil {
		fmt.Fprintln(out, "doccheck:", err)
		return 1
	}
	for _, w := range wrong {
		fmt.Fprintln(out, w)
	}
	return min(len(wrong), 1)
}
