package valkeytier_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// newStore returns a store over one in memory that holds a tenant with the
// identifier acme.
func newStore(tb testing.TB, option valkey.ClientOption, opts ...valkeytier.Option) (*tier.Store, tenancy.Tenant) {
	tb.Helper()
	p := newPrimary()
	acme, err := p.Create(tb.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		tb.Fatal(err)
	}
	s := over(tb, p, option, opts...)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s, acme
}

// reads checks that a read works.
func reads(tb testing.TB, s *tier.Store, want tenancy.Tenant) {
	tb.Helper()
	got, err := s.GetByIdentifier(context.Background(), want.Identifier)
	if err != nil || got != want {
		tb.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func stats(s *tier.Store) valkeytier.Stats { return s.Shared().(*valkeytier.Cache).Stats() }

// refusedAddr returns an address that nobody listens at, and nobody else can: a
// connection has its port.
func refusedAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

// silentAddr returns an address that takes connections and never answers.
func silentAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l.Addr().String()
}

// hangingUpAddr returns an address that takes connections and closes each at once,
// as servers of other protocols do.
func hangingUpAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1)) // else the client may see a reset instead
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		<-done
	})
	return l.Addr().String()
}

// greetingAddr returns an address at which a server of another protocol says this.
func greetingAddr(tb testing.TB, text string) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer c.Close()
				_, _ = io.WriteString(c, text)
				_, _ = io.Copy(io.Discard, c)
			})
		}
	})
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		done.Wait()
	})
	return l.Addr().String()
}

func withTLS(option valkey.ClientOption) valkey.ClientOption {
	option.TLSConfig, option.Dialer.Timeout = &tls.Config{}, 0
	return option
}

// Whatever is wrong with the server from the start on, the store works and says
// so once.
func TestTroubleFromTheStart(t *testing.T) {
	valkeyServer := server(t, "TENANTSTORE_VALKEY")
	redisServer := server(t, "TENANTSTORE_REDIS")
	withUser := func(option valkey.ClientOption, user, password string) valkey.ClientOption {
		option.Username, option.Password = user, password
		return option
	}
	barred := "barred-" + tenancy.NewID()
	for _, option := range []valkey.ClientOption{valkeyServer, redisServer} {
		c := admin(t, option)
		do(t, c, "ACL", "SETUSER", barred, "on", ">pw", "~*", "&*", "+@connection", "+cluster", "+get")
		t.Cleanup(func() { do(t, c, "ACL", "DELUSER", barred) })
	}
	for name, c := range map[string]struct {
		option valkey.ClientOption
		says   string
	}{
		"refused":                 {valkey.ClientOption{InitAddress: []string{refusedAddr(t)}}, "refused"},
		"silent":                  {valkey.ClientOption{InitAddress: []string{silentAddr(t)}}, "did not answer in time"},
		"TLS to a plain port":     {withTLS(valkeyServer), "connecting by TLS: "},
		"a web server":            {valkey.ClientOption{InitAddress: []string{greetingAddr(t, "HTTP/1.1 400 Bad Request\r\n\r\n")}}, "or is it another than Valkey?"},
		"a database":              {valkey.ClientOption{InitAddress: []string{greetingAddr(t, "J\x00\x00\x00\x0a8.0.30\x00")}}, "or is it another than Valkey?"},
		"another protocol":        {valkey.ClientOption{InitAddress: []string{hangingUpAddr(t)}}, "or is it another than Valkey?"},
		"wrong password":          {withUser(valkeyServer, "default-"+barred, "wrong"), "check ClientOption.Username and Password"},
		"wrong password of Redis": {withUser(redisServer, barred, "wrong"), "check ClientOption.Username and Password"},
		"not permitted":           {withUser(valkeyServer, barred, "pw"), "give the user the permissions"},
		"not permitted by Redis":  {withUser(redisServer, barred, "pw"), "give the user the permissions"},
		"too old":                 {oldServer(t), "too old"},
	} {
		t.Run(name, func(t *testing.T) {
			var log journal
			deadline := ample
			if name == "silent" || c.option.TLSConfig != nil {
				deadline = valkeytier.DefaultDeadline
			}
			s, acme := newStore(t, c.option, valkeytier.WithLogger(log.logger()), valkeytier.WithDeadline(deadline))
			for range 20 {
				reads(t, s, acme) // none of which waits for an answer
			}
			until(t, "a line of the log", func() bool { return len(log.lines(c.says)) > 0 })
			if lines := log.lines("use=cache"); len(lines) != 1 {
				t.Errorf("logged %q, want one line", lines)
			}
			if st := stats(s); st.State == observe.BreakerClosed || st.Refused == 0 {
				t.Errorf("%+v, want refused calls", st)
			}
		})
	}
}

// The stack that New begins logs where the cache does.
func TestStackLogsWhereTheCacheDoes(t *testing.T) {
	var log journal
	source := faults.NewSource(memstore.New(), 1)
	source.FailLog(tenancy.ErrUnavailable)
	s := over(t, source, valkey.ClientOption{InitAddress: []string{refusedAddr(t)}}, valkeytier.WithLogger(log.logger()))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	until(t, "a line about the change log", func() bool { return len(log.lines("the change log cannot be followed")) > 0 })
}

// Reads return while the server hangs, without it once the breaker is open; nobody
// piles up; and when it goes on, the cache does too.
func TestHangUnderLoad(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		p, option := newProxy(t, option)
		option.Dialer.Timeout = 0 // as users have it
		var log journal
		s, acme := newStore(t, option, valkeytier.WithLogger(log.logger()), valkeytier.WithDeadline(2*time.Second)) // hits are wanted, too
		until(t, "a hit", func() bool { reads(t, s, acme); return s.Stats().Shared.Hits > 0 })

		var load sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		defer load.Wait()
		defer stop()
		var made [32]atomic.Int64 // reads of each
		for i := range made {
			load.Go(func() {
				for ctx.Err() == nil {
					reads(t, s, acme)
					made[i].Add(1)
				}
			})
		}
		p.hang()
		for i := range made { // the second one has begun while the server hangs
			n := made[i].Load()
			until(t, "a read while the server hangs", func() bool { return made[i].Load() > n+1 })
		}
		until(t, "an open breaker", func() bool { return stats(s).State != observe.BreakerClosed })
		before := runtime.NumGoroutine()
		refused := stats(s).Refused
		until(t, "a thousand reads without Valkey", func() bool { return stats(s).Refused > refused+1000 })
		if n := runtime.NumGoroutine(); n > before+200 {
			t.Errorf("%d goroutines, %d when the breaker opened", n, before)
		}
		p.resume()
		until(t, "a closed breaker", func() bool { return stats(s).State == observe.BreakerClosed })
		hits := s.Stats().Shared.Hits
		until(t, "hits again", func() bool { return s.Stats().Shared.Hits > hits+100 })
		stop()
		load.Wait()
		oneLinePerEpisode(t, &log, "SQL does its work", "circuit breaker closed", true) // the bus has a breaker and lines of its own
		if stats(s).Opened == 0 {
			t.Error("the breaker has not opened")
		}
	})
}

func TestCutConnections(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		p, option := newProxy(t, option)
		s, acme := newStore(t, option)
		until(t, "a hit", func() bool { reads(t, s, acme); return s.Stats().Shared.Hits > 0 })
		for range 5 {
			p.cut()
			hits := s.Stats().Shared.Hits
			until(t, "a hit after the cut", func() bool { reads(t, s, acme); return s.Stats().Shared.Hits > hits })
		}
	})
}

// More calls than there are places fail at once, while the others wait.
func TestPlaces(t *testing.T) {
	p, option := newProxy(t, server(t, "TENANTSTORE_VALKEY"))
	c, _ := newCache(t, option, valkeytier.WithMaxCalls(2))
	takeLease(t, c)
	p.hang()
	defer p.resume()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range 2 {
		waiting.Go(func() {
			if _, err := c.Get(ctx, []tenancy.Key{key, tenancy.IDKey("t2")}); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want the caller's cancellation", err)
			}
		})
	}
	until(t, "two calls under way", func() bool { return c.Stats().InFlight == 2 })
	if _, err := getOne(ctx, c, key); !errors.Is(err, tenancy.ErrUnavailable) || c.Stats().Refused != 1 {
		t.Errorf("the third call: %v, %+v, want ErrUnavailable", err, c.Stats())
	}
	leave()
	waiting.Wait()
	if st := c.Stats(); st.Failures != 0 || st.State != observe.BreakerClosed {
		t.Errorf("callers who left count as failures: %+v", st)
	}
}

func TestClosedCache(t *testing.T) {
	c, err := valkeytier.NewCache(server(t, "TENANTSTORE_VALKEY"), valkeytier.WithKeyPrefix(newPrefix()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil { // perhaps while it connects
		t.Fatal(err)
	}
	if _, err := getOne(t.Context(), c, key); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

// A server that is slower than usual is waited for as long as WithDeadline says: the
// client does not give the connection up before, nor the making of one. It makes its
// connections when keys first fall to them.
func TestDeadlineIsWaitedFor(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		for name, connected := range map[string]bool{"connected": true, "not connected": false} {
			t.Run(name, func(t *testing.T) {
				p, through := newProxy(t, option)
				through.Dialer.Timeout = 0    // as users have it
				through.PipelineMultiplex = 2 // four connections, on every machine
				c, _ := newCache(t, through, valkeytier.WithDeadline(time.Minute))
				keys := make([]tenancy.Key, 64) // some for each connection
				for i := range keys {
					keys[i] = tenancy.IdentifierKey(fmt.Sprintf("acme-%d", i))
					if connected {
						if _, err := getOne(t.Context(), c, keys[i]); err != nil {
							t.Fatal(err)
						}
					}
				}
				p.hang()
				var calls sync.WaitGroup
				for _, key := range keys {
					calls.Go(func() {
						if _, err := getOne(t.Context(), c, key); err != nil {
							t.Error(err)
						}
					})
				}
				calls.Go(func() {
					if _, err := c.InvalidateAll(t.Context()); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(1500 * time.Millisecond) // longer than everything that has a bound by default
				p.resume()
				calls.Wait()
			})
		}
	})
}
