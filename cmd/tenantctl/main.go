// Command tenantctl is the operator's tool for a store of tenants: it lists, edits and watches
// them, moves them between stores and files, runs a command for each of them, and looks for
// what is wrong with the store.
//
//	tenantctl -a sqlite:tenants.db list
//
// docs/tenantctl.md has all commands.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs the command line, and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, errs: errs}
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.begun {
		err = usageError{err} // of cobra, which has not come to a command
	}
	return a.exit(ctx, err)
}
