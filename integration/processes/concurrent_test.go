//go:build unix

package processes

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

func TestTwoProcessesOnOneSQLiteFile(t *testing.T) {
	testConcurrentProcesses(t, filepath.Join(t.TempDir(), "tenants.db"), 2, 500)
}

func TestEightProcessesOnOnePostgres(t *testing.T) {
	testConcurrentProcesses(t, servers.NewDatabase(t), 8, 250)
}

func TestEightProcessesOnOneMariaDB(t *testing.T) {
	testConcurrentProcesses(t, servers.NewMySQLDatabase(t), 8, 250)
}

// testConcurrentProcesses lets processes write at once, to tenants of their own
// and to shared ones: no error reaches them, nothing that they were told is lost,
// and the log is what it should be.
func testConcurrentProcesses(t *testing.T, where string, processes, writes int) {
	s := openFor(t, where)
	watched := watch(t, s, tenancy.Position{})
	shared := make([]string, 8)
	for i := range shared {
		name := fmt.Sprintf("shared-%d", i)
		created, err := s.Create(t.Context(), tenancy.Tenant{ID: name, Identifier: name, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		shared[i] = created.ID
	}
	children := make([]*child, processes)
	for i := range children {
		children[i] = startChild(t, job{Store: where, Name: fmt.Sprintf("process%d", i), Writes: writes, Workers: 3, Shared: shared})
	}
	for _, c := range children {
		c.start()
	}
	results := make(chan []report)
	for _, c := range children {
		go func() { results <- c.rest() }()
	}
	var reports []report
	for range children {
		reports = append(reports, <-results...)
	}
	if t.Failed() {
		return
	}
	h := readHistory(t, s)
	h.checkLogged(t, reports)
	checkPatches(t, h, reports)
	checkGapFree(t, watched.until(t, h.changes[len(h.changes)-1].Position))
	t.Logf("%d writes, %d changes", len(reports), len(h.changes))
}

// checkPatches checks that no metadata patch of a shared tenant was lost: what
// one write returned, every later one has kept.
func checkPatches(t *testing.T, h history, reports []report) {
	t.Helper()
	patches := 0
	for _, r := range reports {
		row, exists := h.rows[r.ID]
		if r.Op != "UpdateMetadata" || !exists {
			continue
		}
		patches++
		merged, err := row.Metadata.Merge(r.Tenant.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		if merged != row.Metadata {
			t.Errorf("a patch of %s at revision %d is lost", r.ID, r.Tenant.Revision)
		}
	}
	if patches == 0 {
		t.Error("no patch was tested")
	}
}
