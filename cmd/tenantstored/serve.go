package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantconsole"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/cmd/internal/address"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 2 * time.Minute
	shutdownGrace  = 25 * time.Second
	maxHeaderBytes = 16 << 10
	tenantCounts   = time.Minute // how often tenants are counted for the metrics
	readyTimeout   = 2 * time.Second
)

// run serves until ctx ends.
func run(ctx context.Context, c config, log *slog.Logger) (err error) {
	c.options.Logger = log
	listener, err := listen(ctx, c.addr)
	if err != nil {
		return err
	}
	defer listener.Close() // serve has closed it, unless starting fails
	authorize, err := c.authorizer(listener.Addr(), log)
	if err != nil {
		return err
	}
	secure, err := c.tls()
	if err != nil {
		return err
	}

	open := func(ctx context.Context) (tenancy.Source, error) { return address.Open(ctx, c.db, c.options) }
	options := []replica.Option{replica.WithLogger(log)}
	if c.snapshot != "" {
		options = append(options, replica.WithSnapshotFile(c.snapshot, c.snapshotAge))
	}
	if c.options.Sealer != nil {
		options = append(options, replica.WithSealer(c.options.Sealer))
	}
	all, err := replica.Open(open, options...)
	if err != nil {
		return err
	}
	store, err := promtenancy.Wrap(all, promtenancy.WithTenantCounts(tenantCounts))
	if err != nil {
		return errors.Join(err, all.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service, err := tenantserver.New(store, authorize, tenantserver.WithLogger(log))
	if err != nil {
		return err
	}
	defer service.Close()

	debug, err := tenancyhttp.Debug(store)
	if err != nil {
		return err
	}
	handler, err := withConsole(service, authorize, debug)
	if err != nil {
		return err
	}
	servers := []*http.Server{newServer(handler, secure, log)}
	listeners := []net.Listener{listener}
	if c.ops != "" {
		ops, err := listen(ctx, c.ops)
		if err != nil {
			return err
		}
		defer ops.Close()
		handler := operations(store, debug)
		log.Info("serving operations", "addr", ops.Addr().String())
		servers, listeners = append(servers, newServer(handler, nil, log)), append(listeners, ops)
	}
	log.Info("serving", "addr", listener.Addr().String(), "tls", secure != nil)
	return serve(ctx, servers, listeners, service, log)
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return l, nil
}

// authorizer says who may do what. Without credentials, only this machine is let in.
func (c config) authorizer(addr net.Addr, log *slog.Logger) (tenantserver.Authorizer, error) {
	tcp, ok := addr.(*net.TCPAddr)
	local := ok && tcp.IP.IsLoopback()
	switch {
	case c.tokens != "":
		if !local && c.cert == "" {
			log.Warn("tokens are sent in plain text: use -tls-cert, unless a proxy on this network ends TLS")
		}
		t, err := openTokens(c.tokens, log)
		if err != nil {
			return nil, err
		}
		return t.authorize, nil
	case c.ca != "":
		return certified, nil
	case local:
		return fromHere, nil
	}
	return nil, fmt.Errorf("%s is not loopback: use -tokens or -client-ca, for whoever reaches it could change every tenant", addr)
}

var errElsewhere = tenancyhttp.Problem{
	Type: "urn:tenantstore:problem:misdirected", Code: "misdirected", Status: http.StatusMisdirectedRequest,
	Title: "Without -tokens or -client-ca, the service answers as localhost or by its IP address alone.",
}

// fromHere is the authorizer of a service without credentials on loopback. A web page can
// have a name of its own resolve to 127.0.0.1 (DNS rebinding); a browser then takes the
// service for that page's origin, and only the host tells them apart.
func fromHere(r *http.Request) (tenantserver.Access, error) {
	if host, err := resolve.ParseHost(r.Host); err != nil || host != "" && host != "localhost" {
		return tenantserver.Access{}, errElsewhere
	}
	return tenantserver.Full(r)
}

// withConsole is the service with the console at /, which shows how this node is to whoever
// may read.
func withConsole(service http.Handler, authorize tenantserver.Authorizer, debug http.Handler) (http.Handler, error) {
	console, err := tenantconsole.Handler(tenantconsole.WithStatus("/debug/tenancy"))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", service)
	mux.Handle("/openapi.json", service)
	mux.HandleFunc("/debug/tenancy", func(w http.ResponseWriter, r *http.Request) {
		var problem tenancyhttp.Problem
		switch access, err := authorize(r); {
		case errors.As(err, &problem):
			http.Error(w, problem.Title, problem.Status)
		case err != nil:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthenticated", http.StatusUnauthorized)
		case !access.Read && !access.Write:
			http.Error(w, "forbidden", http.StatusForbidden)
		default:
			debug.ServeHTTP(w, r)
		}
	})
	mux.Handle("/", console)
	return mux, nil
}

// tls returns nil for plain text.
func (c config) tls() (*tls.Config, error) {
	if c.cert == "" {
		return nil, nil
	}
	if _, err := tls.LoadX509KeyPair(c.cert, c.key); err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { // a renewed one needs no restart
			pair, err := tls.LoadX509KeyPair(c.cert, c.key)
			return &pair, err
		},
	}
	if c.ca == "" {
		return config, nil
	}
	data, err := os.ReadFile(c.ca)
	if err != nil {
		return nil, err
	}
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !config.ClientCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s has no certificate", c.ca)
	}
	return config, nil
}

// newServer has no timeout for whole requests, which would end streams: the service has one for
// each write of a stream.
func newServer(handler http.Handler, secure *tls.Config, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, TLSConfig: secure, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve answers until ctx ends, then lets requests under way end.
func serve(ctx context.Context, servers []*http.Server, listeners []net.Listener, service *tenantserver.Server, log *slog.Logger) error {
	served := make(chan error, len(servers))
	for i, s := range servers {
		go func() {
			if s.TLSConfig != nil {
				served <- s.ServeTLS(listeners[i], "", "")
				return
			}
			served <- s.Serve(listeners[i])
		}()
	}
	var err error
	left := len(servers)
	select {
	case err = <-served:
		left--
	case <-ctx.Done():
		log.Info("shutting down: requests under way are finished first; a second signal ends at once")
	}
	err = errors.Join(err, service.Close()) // ends the streams
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	for _, s := range servers {
		if failed := s.Shutdown(grace); failed != nil {
			err = errors.Join(err, fmt.Errorf("some requests were cut off: %w", failed), s.Close())
		}
	}
	for range left {
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	}
	return err
}

// operations answers what operators and monitoring ask.
func operations(store *promtenancy.Store, debug http.Handler) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(store, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /debug/tenancy", debug)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context(), store); err != nil {
			tenancyhttp.Error(w, r, err)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

// ready returns nil if reads are answered: from memory, or by the database.
func ready(ctx context.Context, store tenancy.Store) error {
	for one := range replica.Walk(store) {
		if one.State().Serving {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	_, err := tenancy.Fresh(store).Exists(ctx, "readyz") // any ID will do
	return err
}
