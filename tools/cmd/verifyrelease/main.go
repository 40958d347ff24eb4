// Command verifyrelease proves that strangers can use the modules of a commit,
// before it gets its tags:
//
//	verifyrelease [-run regexp] [repository]
//
// It takes what is committed at HEAD. Each released module of versions.txt is
// packed as the go command packs it, out of its tag if that exists already, else
// out of HEAD, and published in a module proxy of files, in a temporary directory.
// Then, outside the workspace and without replace lines:
//
//   - core must require nothing, no module may import what is internal to another, and
//     a constant named Version must be that of versions.txt;
//   - each module that is not tagged yet must name what it needs in its go.mod,
//     and be right by itself, tests included (go vet);
//   - the programs in testdata/strangers, each in a module of its own, must get what
//     they need from the proxy, pull in no more than their table says, and run.
//
// Modules of others come from the user's module cache, or else from GOPROXY. Nothing
// is written to the user's module cache. TENANTSTORE_POSTGRES and TENANTSTORE_VALKEY
// name servers for the strangers that can use some; without them these use SQLite, or
// are compiled and not run.
//
// Everything that is wrong is printed, and makes the exit status 1.
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

//go:embed testdata/strangers
var embedded embed.FS

func main() {
	only := flag.String("run", "", "regular expression of the strangers to build; all if empty")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	// Interrupted, it ends what it has started, and removes its directory.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, root, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, only string) error {
	selected, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	code, err := fs.Sub(embedded, "testdata/strangers")
	if err != nil {
		return err
	}
	v := verification{log: os.Stdout, code: code}
	for _, s := range strangers() {
		if selected.MatchString(s.name) {
			v.strangers = append(v.strangers, s)
		}
	}
	return v.run(ctx, root)
}
