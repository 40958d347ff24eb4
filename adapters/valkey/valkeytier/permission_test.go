package valkeytier_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// least are the permissions that README.md gives a user, but for those of keys.
var least = []string{
	"-@all", "+@connection", "+cluster|slots", "+cluster|shards",
	"+get", "+mget", "+set", "+del", "+eval", "+evalsha", "+scan", "+publish", "+subscribe", "+unsubscribe",
}

// limited returns the options of a user who may do so much with what is under prefix,
// and a function that changes that.
func limited(tb testing.TB, option valkey.ClientOption, prefix string, permissions ...string) (valkey.ClientOption, func(permissions ...string)) {
	tb.Helper()
	user, a := "limited-"+tenancy.NewID(), admin(tb, option)
	permit := func(permissions ...string) {
		tb.Helper()
		do(tb, a, append([]string{"ACL", "SETUSER", user}, permissions...)...)
	}
	permit("on", ">pw", "~"+prefix+"*", "&"+prefix+"*")
	permit(permissions...)
	tb.Cleanup(func() { do(tb, a, "ACL", "DELUSER", user) })
	option.Username, option.Password = user, "pw"
	return option, permit
}

func aclPrefix() string { return "limited:" + tenancy.NewID() + ":" }

func TestUserWithLeastPermissions(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		var log journal
		prefix := aclPrefix()
		option, _ = limited(t, option, prefix, least...)
		s, acme := newStore(t, option, valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample), valkeytier.WithLogger(log.logger()))
		until(t, "a hit, and the fill", func() bool { reads(t, s, acme); st := s.Stats().Shared; return st.Hits > 0 && st.Fills > 0 })
		before := s.Stats() // with what failed before it was connected
		if _, err := s.GetByIDs(t.Context(), []string{acme.ID, "other"}); err != nil {
			t.Error(err)
		}
		if n, err := s.InvalidateAll(t.Context()); err != nil || n != 3 {
			t.Errorf("InvalidateAll: %d, %v, want 3 entries", n, err)
		}
		if st, ts := stats(s), s.Stats(); st.Failures != 0 || ts.Shared.Errors != before.Shared.Errors || ts.Unpublished != before.Unpublished {
			t.Errorf("%+v, %+v", st, ts)
		}
		if lines := log.refusals(); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

// work does everything with s that an application does, and returns the hits of single
// lookups and of batches.
func work(t *testing.T, s *tier.Store, acme tenancy.Tenant) (single, batch int64) {
	t.Helper()
	var err error
	hits := s.Stats().Shared.Hits
	for range 5 {
		if got, err := s.GetByIdentifier(t.Context(), acme.Identifier); err != nil || got.ID != acme.ID {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.GetByID(t.Context(), "nobody"); err == nil {
			t.Error("nobody was found")
		}
	}
	single = s.Stats().Shared.Hits - hits
	for range 5 {
		if got, err := s.GetByIDs(t.Context(), []string{acme.ID, "other"}); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	batch = s.Stats().Shared.Hits - hits - single
	for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive} {
		if acme, err = s.SetStatus(t.Context(), acme.ID, status); err != nil {
			t.Error(err)
		}
		if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
			t.Errorf("%+v, %v, want %+v", got, err, acme)
		}
	}
	_, _ = s.InvalidateAll(t.Context())
	return single, batch
}

// Each command that a user lacks is named in one line of the log, what does not need it
// goes on, and all does when the user gets it.
func TestEachCommandDenied(t *testing.T) {
	for name, c := range map[string]struct {
		denies        []string
		says          string // in a line of the log
		single, batch bool   // lookups go on
		lines         int    // at most
	}{
		"get":         {[]string{"-get"}, "GET", false, false, 1},
		"mget":        {[]string{"-mget"}, "MGET", true, true, 1},
		"set":         {[]string{"-set"}, "SET", false, false, 1},
		"del":         {[]string{"-del"}, "DEL", true, true, 1},
		"eval":        {[]string{"-eval"}, "EVAL", false, false, 1},
		"evalsha":     {[]string{"-evalsha"}, "EVALSHA", false, false, 1},
		"scripts":     {[]string{"-eval", "-evalsha"}, "EVALSHA", false, false, 1},
		"writes":      {[]string{"-set", "-del", "-eval", "-evalsha"}, "NOPERM", false, false, 1},
		"mget, scan":  {[]string{"-mget", "-scan"}, "SCAN", true, true, 2}, // one after the other if it is later
		"scan":        {[]string{"-scan"}, "SCAN", true, true, 1},
		"publish":     {[]string{"-publish"}, "PUBLISH", true, true, 1},
		"subscribe":   {[]string{"-subscribe"}, "SUBSCRIBE", true, true, 1},
		"channels":    {[]string{"resetchannels", "&other"}, "PUBLISH", true, true, 2}, // and SUBSCRIBE
		"keys":        {[]string{"resetkeys", "~other"}, "NOPERM", false, false, 1},
		"unsubscribe": {[]string{"-unsubscribe"}, "", true, true, 0},
		"ping":        {[]string{"-ping"}, "", true, true, 0},
		"cluster":     {[]string{"-cluster"}, "", true, true, 0},
		"client":      {[]string{"-client"}, "", true, true, 0},
		"hello":       {[]string{"-hello"}, "", true, true, 0}, // which is not asked for
	} {
		for when, early := range map[string]bool{"from the start": true, "later": false} {
			t.Run(name+" "+when, func(t *testing.T) {
				eachServer(t, func(t *testing.T, option valkey.ClientOption) {
					t.Parallel()
					var log journal
					prefix := aclPrefix()
					user, permit := limited(t, option, prefix, least...)
					if early {
						permit(c.denies...)
					}
					s, acme := newStore(t, user, valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample), valkeytier.WithLogger(log.logger()))
					if !early {
						until(t, "hits", func() bool { single, batch := work(t, s, acme); return single > 0 && batch > 0 })
						permit(c.denies...)
						a := admin(t, option)
						do(t, a, "SCRIPT", "FLUSH")                                         // so that EVAL is needed
						do(t, a, "CLIENT", "KILL", "TYPE", "pubsub", "USER", user.Username) // and SUBSCRIBE
					}
					until(t, "a line of the log", func() bool { work(t, s, acme); return c.lines == 0 || len(log.lines(c.says)) > 0 })
					until(t, "hits", func() bool {
						single, batch := work(t, s, acme)
						return (single > 0 || !c.single) && (batch > 0 || !c.batch)
					})
					for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
						work(t, s, acme)
					}
					lines := log.refusals()
					named := slices.ContainsFunc(lines, func(line string) bool {
						return strings.Contains(line, c.says) && strings.Contains(line, "give the user the permissions")
					})
					if len(lines) > c.lines || c.lines > 0 && !named {
						t.Errorf("logged %q, want %d that say %q", lines, c.lines, c.says)
					}
					permit(append([]string{"resetkeys", "~" + prefix + "*", "resetchannels", "&" + prefix + "*"}, least...)...)
					until(t, "hits of all lookups", func() bool { single, batch := work(t, s, acme); return single > 0 && batch > 0 })
					until(t, "an emptied cache", func() bool { _, err := s.InvalidateAll(t.Context()); return err == nil })
				})
			})
		}
	}
}

// Credentials that change are asked for again at each connection.
func TestPasswordIsRotated(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		prefix := aclPrefix()
		user, permit := limited(t, option, prefix, least...)
		name := user.Username
		var password atomic.Value
		password.Store("pw")
		user.Username, user.Password = "", ""
		user.AuthCredentialsFn = func(valkey.AuthCredentialsContext) (valkey.AuthCredentials, error) {
			return valkey.AuthCredentials{Username: name, Password: password.Load().(string)}, nil
		}
		s, acme := newStore(t, user, valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample))
		used := func() bool { hits := s.Stats().Shared.Hits; reads(t, s, acme); return s.Stats().Shared.Hits > hits }
		until(t, "a hit", used)
		permit("resetpass", ">other")
		do(t, admin(t, option), "CLIENT", "KILL", "USER", name)
		until(t, "an open breaker", func() bool { reads(t, s, acme); return stats(s).State != observe.BreakerClosed })
		password.Store("other")
		until(t, "a hit", used)
	})
}

// A user who may not switch to the database is told so.
func TestSelectDenied(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		var log journal
		prefix := aclPrefix()
		option, _ = limited(t, option, prefix, append(slices.Clone(least), "-select")...)
		option.SelectDB = 1
		s := over(t, memstore.New(), option, valkeytier.WithKeyPrefix(prefix), valkeytier.WithLogger(log.logger()))
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		until(t, "a line for the cache and one for the bus", func() bool { return len(log.lines("'select'")) >= 2 })
	})
}
