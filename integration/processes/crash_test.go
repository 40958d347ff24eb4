//go:build unix

package processes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

const crashWrites = 1000

// patience is far more than anything here takes.
const patience = 5 * time.Minute

func TestKilledWriterSQLite(t *testing.T) {
	testKilledWriter(t, filepath.Join(t.TempDir(), "tenants.db"))
}

func TestKilledWriterPostgres(t *testing.T) {
	testKilledWriter(t, servers.NewPostgres(t, servers.PostgresOptions{Durable: true}).DSN())
}

func TestKilledWriterMariaDB(t *testing.T) {
	server := servers.NewMariaDB(t, servers.MariaDBOptions{Durable: true})
	testKilledWriter(t, server.NewDatabase(t))
}

// testKilledWriter kills writing processes, one after the other, until 1,000
// writes were acknowledged: each is there, whatever moment a kill hit.
func testKilledWriter(t *testing.T, where string) {
	const workers = 4
	var reports []report
	atRisk := 0
	for round := 0; acknowledged(reports) < crashWrites; round++ {
		c := startChild(t, job{Store: where, Name: fmt.Sprintf("round%d", round), Writes: 10 * crashWrites, Workers: workers})
		c.start()
		for range 50 + rand.N(150) {
			r, ok := c.next()
			if !ok || t.Failed() {
				t.Fatal("the writer ended by itself")
			}
			reports = append(reports, r)
		}
		c.kill()
		reports = append(reports, c.rest()...)

		s, err := open(t.Context(), where)
		if err != nil {
			t.Fatal("after a kill:", err)
		}
		atRisk += workers * maxBulk // each worker was within one write at most
		readHistory(t, s).checkReports(t, reports, atRisk)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			return
		}
	}
	if unknown := len(reports) - acknowledged(reports); unknown > 0 {
		t.Errorf("%d writes had an unknown end, although nobody else died", unknown)
	}
	t.Logf("%d acknowledged writes", acknowledged(reports))
}

func TestKilledPostgres(t *testing.T) {
	server := servers.NewPostgres(t, servers.PostgresOptions{Durable: true})
	testKilledServer(t, server, server.DSN())
}

func TestKilledMariaDB(t *testing.T) {
	server := servers.NewMariaDB(t, servers.MariaDBOptions{Durable: true})
	testKilledServer(t, server, server.NewDatabase(t))
}

// testKilledServer kills the server under a writer that goes on as soon as it can, and
// under a Watch.
func testKilledServer(t *testing.T, server interface {
	Kill() error
	Start(ctx context.Context) error
}, dsn string) {
	watched := watch(t, openFor(t, dsn), tenancy.Position{})
	c := startChild(t, job{Store: dsn, Name: "survivor", Writes: crashWrites, Workers: 4})
	c.start()
	var reports []report
	const kills = 4
	for range kills {
		for range 100 + rand.N(100) {
			r, ok := c.next()
			if !ok || t.Failed() {
				t.Fatal("the writer ended by itself")
			}
			reports = append(reports, r)
		}
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reports = append(reports, c.rest()...)
	h := readHistory(t, openFor(t, dsn))
	h.checkReports(t, reports, 0)
	seen := watched.until(t, h.changes[len(h.changes)-1].Position)
	checkGapFree(t, seen)
	t.Logf("%d acknowledged writes, %d with an unknown end", acknowledged(reports), len(reports)-acknowledged(reports))
}

// watcher collects what a Watch yields.
type watcher struct {
	changes chan tenancy.Change
	failed  chan error // the error that ended the watch
}

// watch begins a Watch that ends with t, and begins it again after an outage.
func watch(t *testing.T, s tenancy.Source, after tenancy.Position) watcher {
	t.Helper()
	w := watcher{make(chan tenancy.Change, 100_000), make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			for c, err := range tenancy.Watch(ctx, s, after) {
				switch {
				case err == nil:
					after = c.Position
					w.changes <- c
				case !errors.Is(err, tenancy.ErrUnavailable):
					w.failed <- err
					return
				}
			}
			time.Sleep(time.Millisecond) // an outage: again
		}
	}()
	return w
}

// until returns the changes up to a position.
func (w watcher) until(t *testing.T, last tenancy.Position) []tenancy.Change {
	t.Helper()
	var all []tenancy.Change
	late := time.After(patience)
	for {
		select {
		case c := <-w.changes:
			if all = append(all, c); c.Position == last {
				return all
			}
		case err := <-w.failed:
			t.Fatalf("the watch ended after %d changes: %v", len(all), err)
		case <-late:
			t.Fatalf("the watch is not there after %v and %d changes", patience, len(all))
		}
	}
}
