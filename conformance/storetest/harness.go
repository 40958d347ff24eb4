package storetest

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Harness tells the suite how to make the stores under test and what they can
// do. Only Open is required. A zero field says that the store lacks that
// capability; the suite then checks that the store says so too
// ([errors.ErrUnsupported]), or, where the field is a knob that only the test
// can turn, skips the rules that need it and names the field.
//
// Every function is called from the goroutine of the test that tb belongs to;
// several tests may call it at the same time. A store that is passed in is one
// that the harness has returned. Functions report failures through tb.Fatal and
// release through tb.Cleanup what closing the store does not.
type Harness struct {
	// Open returns a new, empty store with hard deletion that shares nothing
	// with any other. The suite closes it.
	Open func(tb testing.TB) tenancy.Store

	// OpenSoftDelete is Open with soft deletion. Its stores are Purgers.
	OpenSoftDelete func(tb testing.TB) tenancy.Store

	// OpenChecked is Open of a store that asks check about metadata, as a
	// [driver.MetadataCheck].
	OpenChecked func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store

	// OpenNames is Open of a store that has tenancy.Names, with these options.
	OpenNames func(tb testing.TB, opts NameOptions) tenancy.Store

	// Source says that every store is a tenancy.Source.
	Source bool

	// Compact drops the changes before revision from the log, as retention does;
	// the newest one stays in any case. Needs Source.
	Compact func(tb testing.TB, s tenancy.Store, revision tenancy.Revision)

	// Backup copies what is stored, log included, and returns a function that
	// puts the copy back under the running store, as restoring a backup of the
	// database does. Needs Source.
	Backup func(tb testing.TB, s tenancy.Store) (restore func(tb testing.TB))

	// Disconnect breaks every connection between the store and what is behind
	// it. The store has to connect again by itself.
	Disconnect func(tb testing.TB, s tenancy.Store)

	// Reopen closes the store and opens what it stored anew.
	Reopen func(tb testing.TB, s tenancy.Store) tenancy.Store

	// Peer opens a second store on the same data, as another process would. The
	// suite closes it.
	Peer func(tb testing.TB, s tenancy.Store) tenancy.Store

	// Edit writes Identifier, Name and Status of t, perhaps an unknown Status,
	// into the row with t.ID behind the store's back, as somebody with a
	// database shell would. It sets no other column.
	Edit func(tb testing.TB, s tenancy.Store, t tenancy.Tenant)

	// Patience is how long the suite waits for what must happen soon, such as a
	// change that reaches a watcher: a minute if 0.
	Patience time.Duration

	// Seed repeats a random run: a failure prints the seed of its own. 0 draws
	// one.
	Seed uint64
}

// need is a set of harness fields without which a rule cannot be checked.
type need uint

const (
	needSoftDelete need = 1 << iota
	needCheck
	needNames
	needSource
	needCompact
	needBackup
	needDisconnect
	needReopen
	needPeer
	needEdit
)

// missing returns why h cannot serve n, or "".
func (h Harness) missing(n need) string {
	for _, m := range []struct {
		need   need
		absent bool
		why    string
	}{
		{needSource, !h.Source, "Harness.Source is false; rule source-as-declared checks that the store says so"},
		{needSoftDelete, h.OpenSoftDelete == nil, "Harness.OpenSoftDelete is not set"},
		{needCheck, h.OpenChecked == nil, "Harness.OpenChecked is not set"},
		{needNames, h.OpenNames == nil, "Harness.OpenNames is not set; rule names-as-declared checks that the store says so"},
		{needCompact, h.Compact == nil, "Harness.Compact is not set"},
		{needBackup, h.Backup == nil, "Harness.Backup is not set"},
		{needDisconnect, h.Disconnect == nil, "Harness.Disconnect is not set"},
		{needReopen, h.Reopen == nil, "Harness.Reopen is not set"},
		{needPeer, h.Peer == nil, "Harness.Peer is not set"},
		{needEdit, h.Edit == nil, "Harness.Edit is not set"},
	} {
		if n&m.need != 0 && m.absent {
			return m.why
		}
	}
	return ""
}
