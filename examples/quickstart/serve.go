package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	headerTimeout  = 5 * time.Second  // to send the request's header
	readTimeout    = 10 * time.Second // to send the whole request
	requestTimeout = 10 * time.Second // for the store to answer it
	writeTimeout   = 25 * time.Second // from the header to the end of the answer
	idleTimeout    = time.Minute      // between two requests
	shutdownGrace  = 25 * time.Second // longer than any request may take
	maxHeaderBytes = 16 << 10
)

// listen also warns when more than this machine can reach the admin API.
func listen(ctx context.Context, addr string, log *slog.Logger) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop that, or choose another address with -addr", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("the admin API has no authentication, and this address is not loopback: whoever reaches it can change every tenant",
			"addr", listener.Addr().String())
	}
	return listener, nil
}

// serve answers requests until ctx ends. Then it takes no new ones, and returns
// when those under way have been answered: a client that saw its write accepted
// finds it after the restart.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.Info("serving", "addr", listener.Addr().String())

	select {
	case err := <-served:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("shutting down: requests under way are finished first; a second signal ends at once")
	// Not derived from the requests' contexts, nor they from ctx: the signal
	// must not cancel what it waits for.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("some requests were cut off: %w", err), server.Close())
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}
