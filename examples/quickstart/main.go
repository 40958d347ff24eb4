package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
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

	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	context.AfterFunc(signalled, func() {
		stop() // a second signal kills, as signals do
		cancel()
	})
	if err := run(ctx, cfg, log, os.Stdout); interrupted(ctx, err) {
		log.Info("stopped before it served")
	} else if err != nil {
		log.Error("quickstart failed", "err", err)
		os.Exit(1)
	}
}

// interrupted reports whether err says no more than that ctx has ended.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// run serves until ctx ends. What it opens, it closes before it returns; the
// store last, when no request can need it any more.
func run(ctx context.Context, cfg config, log *slog.Logger, out io.Writer) (err error) {
	listener, err := listen(ctx, cfg.addr, log) // first: a port in use shows at once
	if err != nil {
		return err
	}
	defer listener.Close() // for when starting fails; serve has closed it else

	stack, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	store, metrics, err := observed(stack)
	if err != nil {
		return errors.Join(err, stack.Close())
	}
	defer func() {
		err = errors.Join(err, store.Close())
		log.Info("store closed")
	}()

	s := &service{store: store, base: cfg.base, log: log, requests: metrics.requests, metrics: metrics.handler()}
	handler, err := s.handler()
	if err != nil {
		return err
	}

	if cfg.sample {
		err := importOnce(ctx, store, log)
		if interrupted(ctx, err) {
			log.Info("import interrupted: the next start goes on with it")
			return nil
		}
		if err != nil {
			return err
		}
	}

	printHints(out, listener.Addr(), cfg)
	return serve(ctx, listener, handler, log)
}
