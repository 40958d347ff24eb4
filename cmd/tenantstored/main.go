// Command tenantstored serves a store of tenants over HTTP: one process follows the database,
// and a fleet follows it.
//
//	tenantstored -db tenants.db
//
// It holds all tenants in memory. Several may run side by side over one database, and any of
// them may be asked. Package tenantserver says what it serves, docs/tenantstored.md how to run it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-tenancy/tenantstore/cmd/internal/version"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg, err := parseConfig(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the reason is printed already
	}
	if cfg.version {
		fmt.Println(version.Of("tenantstored"))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, cfg, log); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		log.Error("tenantstored failed", "error", err)
		os.Exit(1)
	}
}
