package valkeytier_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// lines returns the lines that hold text.
func (j *journal) lines(text string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// oneLinePerEpisode checks that a time of trouble is logged once, however often it comes
// back before it has been away for long, which on a slow machine may happen. some says
// that there was trouble.
func oneLinePerEpisode(tb testing.TB, log *journal, trouble, end string, some bool) {
	tb.Helper()
	n, ended := len(log.lines(trouble)), len(log.lines(end))
	if n > ended+1 || some && n == 0 || !some && n > 0 {
		tb.Errorf("logged %q, and %d ends", log.lines(trouble), ended)
	}
}

// refusals returns the warnings, without those that only say that a connection is gone
// or could not be made in time.
func (j *journal) refusals() []string {
	return slices.DeleteFunc(j.lines("WARN"), func(line string) bool {
		return strings.Contains(line, "the connection was closed") || strings.Contains(line, "did not answer in time") || strings.Contains(line, "i/o timeout")
	})
}

func keyring(tb testing.TB, id string) *seal.Keyring {
	tb.Helper()
	k, err := seal.ParseKey(id, seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	r, err := seal.NewKeyring(k)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// encoded returns what another process may have put.
func encoded(tb testing.TB, c entrycodec.Codec, e *tier.Entry) string {
	tb.Helper()
	v, err := c.Encode(e.Key, &e.Versioned)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// A value that cannot be used is nothing: it is counted, logged once, and replaced
// by a lease.
func TestUnusableValues(t *testing.T) {
	secret := entry(5)
	secret.Versioned.Tenant.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	foreign := *entry(5)
	foreign.Key = tenancy.IDKey("another")
	good := encoded(t, entrycodec.Codec{}, entry(5))
	for name, flaw := range map[string]struct {
		command []string // what puts the value there; the key is KEY
		count   func(valkeytier.Stats) int64
	}{
		"hash":           {[]string{"HSET", "KEY", "f", "v"}, func(s valkeytier.Stats) int64 { return s.WrongType }},
		"list":           {[]string{"RPUSH", "KEY", "v"}, func(s valkeytier.Stats) int64 { return s.WrongType }},
		"empty":          {[]string{"SET", "KEY", ""}, func(s valkeytier.Stats) int64 { return s.Corrupt }},
		"rubbish":        {[]string{"SET", "KEY", "rubbish"}, func(s valkeytier.Stats) int64 { return s.Corrupt }},
		"short entry":    {[]string{"SET", "KEY", "E\x01"}, func(s valkeytier.Stats) int64 { return s.Corrupt }},
		"cut":            {[]string{"SET", "KEY", good[:len(good)-1]}, func(s valkeytier.Stats) int64 { return s.Corrupt }},
		"of another key": {[]string{"SET", "KEY", encoded(t, entrycodec.Codec{}, &foreign)}, func(s valkeytier.Stats) int64 { return s.Corrupt }},
		"later version":  {[]string{"SET", "KEY", "E\x02" + good[2:]}, func(s valkeytier.Stats) int64 { return s.UnknownVersion }},
		"unknown key":    {[]string{"SET", "KEY", encoded(t, entrycodec.Codec{Sealer: keyring(t, "old")}, secret)}, func(s valkeytier.Stats) int64 { return s.Unopened }},
		"plain secret":   {[]string{"SET", "KEY", encoded(t, entrycodec.Codec{PlainSecrets: true}, secret)}, func(s valkeytier.Stats) int64 { return s.Unopened }},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, option valkey.ClientOption) {
				var log journal
				c, prefix := newCache(t, option, valkeytier.WithLogger(log.logger()), valkeytier.WithSealer(keyring(t, "new")))
				server := admin(t, option)
				words := slices.Clone(flaw.command)
				words[1] = prefix + "id:t1"
				spoil := func() {
					t.Helper()
					do(t, server, "DEL", prefix+"id:t1")
					do(t, server, words...)
				}
				spoil()
				put(t, c, takeLease(t, c), entry(6)) // Get repairs
				holds(t, c, 6)
				spoil()
				results, err := c.Get(t.Context(), []tenancy.Key{key, tenancy.IDKey("t2")})
				if err != nil || results[0].Token == 0 {
					t.Fatalf("batch: %+v, %v, want a lease", results, err)
				}
				put(t, c, results[0].Token, entry(6))
				holds(t, c, 6)
				spoil()
				apply(t, c, 100) // no lookup first
				put(t, c, 0, entry(101))
				if err := c.Drop(t.Context(), entry(6)); err != nil {
					t.Error(err)
				}
				put(t, c, takeLease(t, c), entry(102))
				holds(t, c, 102)
				if n := flaw.count(c.Stats()); n < 2 {
					t.Errorf("counted %d times: %+v", n, c.Stats())
				}
				if lines := log.lines("cannot be used"); len(lines) != 1 || strings.Contains(lines[0], "s3cret") {
					t.Errorf("logged %q, want one line without the secret", lines)
				}
				if s := c.Stats(); s.State != observe.BreakerClosed || s.Failures != 0 {
					t.Errorf("a bad value is trouble with the server: %+v", s)
				}
			})
		})
	}
}
