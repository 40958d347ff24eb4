package valkeytier_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newMiddleman returns options that lead through a proxy that understands commands, and
// answers those itself for which answer returns something.
func newMiddleman(tb testing.TB, option valkey.ClientOption, answer func(words []string) string) valkey.ClientOption {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := option.InitAddress[0]
	var done sync.WaitGroup
	serve := func(in net.Conn) {
		defer in.Close()
		out, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer out.Close()
		commands, replies := newCommandReader(in), replyReader{bufio.NewReader(out)}
		for {
			words, err := commands.read()
			if err != nil {
				return
			}
			reply := []byte(answer(words))
			if len(reply) == 0 {
				if _, err = out.Write(command(words)); err == nil {
					reply, err = replies.read()
				}
			}
			if err != nil {
				return
			}
			if _, err := in.Write(reply); err != nil {
				return
			}
		}
	}
	done.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { serve(in) })
		}
	})
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		done.Wait()
	})
	option.InitAddress = []string{l.Addr().String()}
	return option
}

// command returns words as clients send them.
func command(words []string) []byte {
	raw := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, word := range words {
		raw = fmt.Appendf(raw, "$%d\r\n%s\r\n", len(word), word)
	}
	return raw
}

// Proxies do not know every command, and say so in many ways.
func TestProxies(t *testing.T) {
	unknown := func(words []string) string {
		return "-ERR unknown command '" + words[0] + "', with args beginning with: '" + strings.Join(words[1:], "' '") + "'\r\n"
	}
	for name, c := range map[string]struct {
		refuses string // commands
		answer  func(words []string) string
		says    []string // in the one line of the log; none if all is well
	}{
		"no names":          {"CLIENT", unknown, nil},
		"no names, curtly":  {"CLIENT", func([]string) string { return "-ERR unsupported command\r\n" }, nil},
		"RESP2":             {"HELLO", unknown, nil},
		"RESP2, no names":   {"HELLO CLIENT", unknown, nil},
		"no topology":       {"CLUSTER", unknown, nil},
		"no scripts":        {"EVAL EVALSHA", unknown, []string{"EVALSHA", "EVAL", "does not pass this command on"}},
		"no EVAL":           {"EVAL", unknown, []string{"EVAL", "does not pass this command on"}},
		"scripts of Envoy":  {"EVALSHA", func([]string) string { return "-unsupported command 'evalsha'\r\n" }, []string{"EVALSHA", "does not pass this command on"}},
		"commands of Codis": {"SET", func([]string) string { return "-ERR handle request, command 'SET' is not allowed\r\n" }, []string{"SET: handle request"}},
		"no MGET":           {"MGET", unknown, []string{"MGET", "by a GET for each"}},
		"no SCAN":           {"SCAN", unknown, []string{"SCAN", "InvalidateAll"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, option valkey.ClientOption) {
				var log journal
				through := newMiddleman(t, option, func(words []string) string {
					if slices.Contains(strings.Fields(c.refuses), strings.ToUpper(words[0])) {
						return c.answer(words)
					}
					return ""
				})
				cache, err := valkeytier.NewCache(through, valkeytier.WithKeyPrefix(newPrefix()), valkeytier.WithDeadline(ample), valkeytier.WithLogger(log.logger()))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := cache.Close(); err != nil {
						t.Error(err)
					}
				})
				until(t, "an end of the attempt to connect", func() bool {
					return len(c.says) == 0 && cache.Stats().State == observe.BreakerClosed || len(log.refusals()) > 0
				})
				lines := log.refusals()
				if len(lines) != min(len(c.says), 1) {
					t.Fatalf("logged %q, want what says %q", lines, c.says)
				}
				for _, says := range c.says {
					if !strings.Contains(lines[0], says) {
						t.Errorf("logged %q, want what says %q", lines, says)
					}
				}
				if c.says == nil {
					put(t, cache, takeLease(t, cache), entry(5))
					holds(t, cache, 5)
				}
			})
		})
	}
}

// What servers and proxies answer in a state of theirs is one line with what to do, and
// ends when the state does.
func TestStatesThatEnd(t *testing.T) {
	for answer, says := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                          "ends by itself",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist": "cannot save its data",
		"NOREPLICAS Not enough good replicas to write.":                                           "min-replicas-to-write",
		"CLUSTERDOWN Hash slot not served":                                                        "lacks servers",
		"TRYAGAIN Multiple keys request during rehashing of slot":                                 "TRYAGAIN",
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL":                      "SCRIPT KILL",
		"OOM command not allowed when used memory > 'maxmemory'.":                                 "allkeys-lru",
		"READONLY You can't write against a read only replica.":                                   "that of a replica",
		"NOAUTH Authentication required.":                                                         "check ClientOption.Username and Password",
		"upstream failure":                                                                        "upstream failure",
		"no upstream host":                                                                        "no upstream host",
		"ERR Connection refused":                                                                  "Connection refused",
		"ERR max number of clients reached":                                                       "raise maxclients",
		"ERR internal error: canary has failed":                                                   "internal error",
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			var log journal
			var state atomic.Bool
			option := newMiddleman(t, server(t, "TENANTSTORE_VALKEY"), func(words []string) string {
				if state.Load() && !slices.Contains([]string{"HELLO", "CLIENT", "CLUSTER", "PING"}, words[0]) {
					return "-" + answer + "\r\n"
				}
				return ""
			})
			s, err := valkeytier.New(newPrimary(), option, valkeytier.WithKeyPrefix(newPrefix()), valkeytier.WithDeadline(ample), valkeytier.WithLogger(log.logger()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			if err != nil {
				t.Fatal(err)
			}
			used := func() bool { hits := s.Stats().Shared.Hits; reads(t, s, acme); return s.Stats().Shared.Hits > hits }
			until(t, "a hit", used)
			state.Store(true)
			until(t, "an open breaker", func() bool { reads(t, s, acme); return stats(s).State != observe.BreakerClosed })
			until(t, "probes", func() bool {
				reads(t, s, acme)
				return s.Shared().(*valkeytier.Cache).BreakerStats().HalfOpened > 2
			})
			state.Store(false)
			until(t, "a hit", used)
			if lines := log.refusals(); len(lines) != 1 || !strings.Contains(lines[0], "circuit breaker open") || !strings.Contains(lines[0], says) {
				t.Errorf("logged %q, want one line that says %q", lines, says)
			}
		})
	}
}
