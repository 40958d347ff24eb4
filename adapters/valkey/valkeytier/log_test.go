package valkeytier_test

import (
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Connections that are killed again and again are one line for the cache, and two for
// the bus: that messages are lost, and that none can be sent.
func TestFlappingIsLoggedOnce(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		var log journal
		prefix := aclPrefix()
		user, _ := limited(t, option, prefix, least...)
		s, acme := newStore(t, user, valkeytier.WithKeyPrefix(prefix), valkeytier.WithLogger(log.logger()))
		until(t, "a hit", func() bool { reads(t, s, acme); return s.Stats().Shared.Hits > 0 })
		a := admin(t, option)
		lost := "messages of other processes are lost"
		for kills := 0; kills < 30 || len(log.lines(lost)) == 0; kills++ { // of a subscription too, which needs time to come back
			do(t, a, "CLIENT", "KILL", "USER", user.Username)
			for next := time.Now().Add(100 * time.Millisecond); time.Now().Before(next); {
				reads(t, s, acme)
				var err error
				if acme, err = s.SetStatus(t.Context(), acme.ID, tenancy.StatusActive); err != nil {
					t.Fatal(err)
				}
			}
		}
		oneLinePerEpisode(t, &log, lost, "arrive again", true)
		for _, without := range []string{"SQL does its work", "learn of changes by polling"} { // of the cache, of the bus
			if n := len(log.lines(without)); n > 0 {
				oneLinePerEpisode(t, &log, without, "circuit breaker closed", true)
			}
		}
	})
}

// Two databases of tenants under one prefix cost each other every hit: the log says so.
func TestTwoDatabasesUnderOnePrefix(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		var log journal
		prefix := newPrefix()
		read := make([]func(), 2)
		for i := range 2 {
			db := memstore.New()
			for range 3 + 5*i { // one has a longer history
				tenant := tenancy.Tenant{ID: tenancy.NewID(), Identifier: "t-" + strings.ToLower(tenancy.NewID()), Name: "T"}
				if _, err := db.Create(t.Context(), tenant); err != nil {
					t.Fatal(err)
				}
			}
			acme, err := db.Create(t.Context(), tenancy.Tenant{ID: "acme", Identifier: "acme", Name: []string{"Staging", "Production"}[i]})
			if err != nil {
				t.Fatal(err)
			}
			s := over(t, db, option, valkeytier.WithKeyPrefix(prefix), valkeytier.WithLogger(log.logger()))
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			read[i] = func() { reads(t, s, acme) }
		}
		until(t, "a line of the log", func() bool { read[0](); read[1](); return len(log.lines("WithKeyPrefix")) > 0 })
		for range 200 {
			read[0]()
			read[1]()
		}
		if lines := log.lines("same key prefix"); len(lines) == 0 || len(lines) > 2 {
			t.Errorf("logged %q, want one line for each process", lines)
		}
	})
}
