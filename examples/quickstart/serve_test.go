package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestRestartKeepsEverything(t *testing.T) { eachDatabase(t, testRestart) }

func testRestart(t *testing.T, cfg config) {
	first := start(t, cfg)
	created := map[string]string{} // paths by identifier
	for _, identifier := range []string{"kept", "late", "gone", "old-name"} {
		got := first.call(t, "POST", "/admin/tenants", `{"identifier":"`+identifier+`","name":"Škola"}`)
		got.tenant(t, http.StatusCreated)
		created[identifier] = got.header.Get("Location")
	}
	first.call(t, "POST", created["late"]+"/suspend", "").tenant(t, 200)
	if got := first.call(t, "DELETE", created["gone"], ""); got.status != http.StatusNoContent {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	first.call(t, "POST", created["old-name"]+"/rename", `{"identifier":"new-name"}`).tenant(t, 200)
	first.call(t, "PATCH", created["kept"]+"/metadata", `{"n":12345678901234567890.5}`).tenant(t, 200)
	first.call(t, "PATCH", created["kept"]+"/metadata", `{"domain":17}`).wantProblem(t, 400, "invalid", "metadata") // whoami could not read it
	before := maps.Collect(first.all(t))
	first.stop(t)

	second := start(t, cfg)
	if after := maps.Collect(second.all(t)); len(after) != 3 || !maps.Equal(before, after) {
		t.Errorf("got %+v\nwant %+v", after, before)
	}
	whoami := func(host string) answer { return second.call(t, "GET", "/whoami", "", "Host: "+host) }
	whoami("late.localhost").wantProblem(t, 403, "tenant-suspended", "")
	whoami("gone.localhost").wantProblem(t, 404, "tenant-not-found", "")
	if got := whoami("old-name.localhost"); got.status != http.StatusPermanentRedirect || got.header.Get("Location") != "//new-name.localhost/whoami" {
		t.Errorf("got %d to %q", got.status, got.header.Get("Location"))
	}
	if got := whoami("new-name.localhost"); got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
	second.stop(t)
}

// Many clients write without a pause while the program is told to stop. Every
// write that one of them saw accepted must be there after the restart.
func TestShutdownLosesNoAcceptedWrite(t *testing.T) { eachDatabase(t, testShutdown) }

func testShutdown(t *testing.T, cfg config) {
	first := start(t, cfg)
	var wg sync.WaitGroup
	var accepted sync.Map // what a client saw accepted: identifier by ID
	var count atomic.Int64
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				identifier := fmt.Sprintf("w%d-%d", w, i)
				got, err := first.try(context.Background(), "POST", "/admin/tenants", fmt.Sprintf(`{"identifier":%q,"name":"W"}`, identifier))
				if err != nil {
					return // it has stopped
				}
				if got.status != http.StatusCreated {
					t.Errorf("got %d %s", got.status, got.body)
					return
				}
				accepted.Store(strings.TrimPrefix(got.header.Get("Location"), "/admin/tenants/"), identifier)
				count.Add(1)
			}
		})
	}
	waitFor(t, "100 writes", func() bool { return count.Load() >= 100 })
	first.stop(t)
	wg.Wait()

	second := start(t, cfg)
	stored := maps.Collect(second.all(t))
	accepted.Range(func(id, identifier any) bool {
		if stored[id.(string)].Identifier != identifier {
			t.Errorf("%s was accepted, and is lost", identifier)
		}
		return true
	})
	second.stop(t)
}

// slow is a store whose Create waits.
type slow struct {
	*memstore.Store
	entered, release chan struct{}
}

func (s slow) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	close(s.entered)
	<-s.release
	return s.Store.Create(ctx, t)
}

// A write that is under way when the signal comes is finished and answered,
// although nobody can connect any more.
func TestShutdownWaitsForRequests(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	store := slow{memstore.New(), make(chan struct{}), make(chan struct{})}
	ctx, signal := context.WithCancel(t.Context())
	listener, err := listen(ctx, "127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, listener, must((&service{store: store, base: "localhost", log: log}).handler()), log)
	}()

	c := newClient(t, "http://"+addr)
	answered := make(chan answer, 1)
	go func() {
		got, err := c.try(context.Background(), "POST", "/admin/tenants", `{"identifier":"acme","name":"Acme"}`)
		if err != nil {
			t.Error(err)
		}
		answered <- got
	}()
	<-store.entered
	signal()
	waitFor(t, "connections to be refused", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-served:
		t.Fatalf("serve returned with a request under way: %v", err)
	case got := <-answered:
		t.Fatalf("the write that the store holds up was answered: %+v", got)
	default:
	}
	close(store.release)
	if got := <-answered; got.status != http.StatusCreated {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := store.GetByIdentifier(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := newDB(t)
	cfg.addr = taken.Addr().String()
	err = run(t.Context(), cfg, slog.New(slog.DiscardHandler), io.Discard)
	if err == nil || !strings.Contains(err.Error(), cfg.addr+" is in use") || !strings.Contains(err.Error(), "-addr") {
		t.Errorf("got %v", err)
	}
}

// Who stops the program while it starts has not made it fail.
func TestStoppedWhileItStarts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, cfg config) {
		cfg.addr, cfg.base, cfg.sample = "127.0.0.1:0", "localhost", true
		for n := range 5 {
			ctx, stop := context.WithCancel(t.Context())
			var log logBuffer
			var left atomic.Int64
			if left.Store(int64(n)); n == 0 {
				stop()
			}
			lines := slog.New(&stopping{slog.NewTextHandler(&log, nil), &left, stop})
			if err := run(ctx, cfg, lines, io.Discard); err != nil && !interrupted(ctx, err) {
				t.Errorf("run: %v", err)
			}
			stop()
			if strings.Contains(log.String(), "level=WARN") || strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("logged %s", &log)
			}
		}
	})
}

// stopping is a handler that calls stop when it has handled so many records.
type stopping struct {
	slog.Handler
	left *atomic.Int64
	stop func()
}

func (s *stopping) Handle(ctx context.Context, r slog.Record) error {
	if s.left.Add(-1) == 0 {
		s.stop()
	}
	return s.Handler.Handle(ctx, r)
}

func TestWarningOffLoopback(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true} {
		var log logBuffer
		listener, err := listen(t.Context(), addr, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		_ = listener.Close()
		if got := strings.Contains(log.String(), "no authentication"); got != want {
			t.Errorf("%s: warned %v, want %v", addr, got, want)
		}
	}
}

func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond) // the pace of asking; the condition decides
	}
}
