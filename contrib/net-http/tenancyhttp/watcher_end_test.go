package tenancyhttp_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// pipes is a listener whose connections are pipes, so that time can be a fake.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A client that takes nothing, or sends nothing, does not keep a request whose tenant is
// suspended, though the handler does not look at its context.
func TestWatcherHurriesHandlers(t *testing.T) {
	for name, c := range map[string]struct {
		method  string
		handler func(http.ResponseWriter, *http.Request) error
	}{
		"a download": {"GET", func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, endless{})
			return err
		}},
		"an upload": {"POST", func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(io.Discard, r.Body)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, tenants := newTenants(t, "acme")
				watcher, err := tenancyhttp.NewWatcher(store, silent)
				if err != nil {
					t.Fatal(err)
				}
				returned := make(chan error, 1)
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { returned <- c.handler(w, r) })
				server := &http.Server{Handler: must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent))(watcher.Middleware(handler))}
				listener := make(pipes, 1)
				go func() { _ = server.Serve(listener) }()
				client, conn := net.Pipe()
				listener <- conn
				if _, err := fmt.Fprintf(client, "%s / HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 1000\r\n\r\n%s", c.method, strings.Repeat("x", 100)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if _, err := store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended); err != nil {
					t.Fatal(err)
				}
				suspended := time.Now()
				select {
				case err := <-returned:
					if err == nil || time.Since(suspended) < time.Second {
						t.Errorf("the handler returned %v after %v, want an error after some time for last words", err, time.Since(suspended))
					}
				case <-time.After(time.Minute):
					t.Error("the handler goes on")
				}
				_ = client.Close()
				_, _ = server.Close(), watcher.Close()
			})
		})
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
