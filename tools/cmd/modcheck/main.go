// Command modcheck checks that the modules of this repository agree:
//
//	modcheck [directory]
//
// versions.txt names every directory with a go.mod, and go.work all of them but
// tools. Each module is called after its directory, says go 1.25.0 and has no
// toolchain line; it requires a sibling in the version of versions.txt and
// replaces it by its directory; and a released module requires released ones
// only. Everything that is wrong is printed, and makes the exit status 1.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root string) error {
	repo, err := readRepository(root)
	if err != nil {
		return fmt.Errorf("modcheck: %w", err)
	}
	return errors.Join(repo.check()...)
}
