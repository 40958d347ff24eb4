//go:build unix

package console_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestConsole does everything that the console can do, over stores of other processes, too.
func TestConsole(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			where := database(t)
			store := openAt(t, where)
			create(t, store, "acme", "Acme Inc.", `{"plan": "gold", "quota": 12345678901234567890, "ratio": 1.0}`)
			create(t, store, "globex", "Globex", `{}`)
			tb := newTab(t, serve(t, store, tenantserver.Full), "status of 412", "status of 400")
			tb.waitText("#stream", "Live")

			tb.waitText("main [role=status]", "2 tenants, newest first.")
			tb.fill("input[type=search]", "acm")
			tb.wait(`document.querySelectorAll('tbody tr').length === 1`)
			tb.click("tbody a", "acme")

			now := func() tenancy.Tenant {
				t.Helper()
				got, err := tenancy.Fresh(store).GetByID(t.Context(), "ID acme")
				if err != nil {
					t.Fatal(err)
				}
				return got
			}

			t.Log("status")
			before := now()
			tb.click("main button", "Suspend")
			tb.click("#confirm button", "Cancel")
			tb.wait(`!document.querySelector('#confirm').open`)
			if got := now(); got.Revision != before.Revision {
				t.Error("cancelled, and yet the tenant was changed")
			}
			tb.click("main button", "Suspend")
			tb.waitText("#confirm", "Suspend acme?")
			tb.click("#confirm button", "Confirm")
			tb.waitText("#message", "Suspended.")
			tb.waitText("h2 .badge", "suspended")
			tb.waitText("#feed li", "update acme status")
			if got := now(); got.Status != tenancy.StatusSuspended {
				t.Error(got.Status)
			}
			tb.click("main button", "Activate")
			tb.click("#confirm button", "Confirm")
			tb.waitText("#message", "Activated.")
			if got := now(); got.Status != tenancy.StatusActive {
				t.Error(got.Status)
			}

			t.Log("metadata")
			tb.waitText("textarea", "") // it is there
			for _, digits := range []string{"12345678901234567890", `"ratio": 1`} {
				tb.wait(fmt.Sprintf(`document.querySelector('textarea').value.includes(%q)`, digits))
			}
			tb.fill("textarea", `{"plan": "silver", "quota": 98765432109876543210, "ratio": 2.50}`)
			tb.click("main button", "Save")
			tb.waitText("#message", "Saved.")
			if got := now(); !strings.Contains(got.Metadata.String(), "98765432109876543210") || got.DatabaseURL.Reveal() != canary {
				t.Error(got.Metadata)
			}
			tb.fill("textarea", `["no object"]`)
			tb.click("main button", "Save")
			tb.waitText("#message.failed", "no JSON object")
			tb.fill("input[name=name]", "")
			tb.click("main button", "Undo")

			t.Log("conflict")
			for _, mine := range []bool{false, true} {
				tb.fill("textarea", `{"plan": "mine"}`)
				if _, err := store.UpdateMetadata(t.Context(), "ID acme", tenancy.Metadata{}); err != nil {
					t.Fatal(err)
				}
				if _, err := store.UpdateMetadata(t.Context(), "ID acme", metadata(t, fmt.Sprintf(`{"plan": "theirs %t"}`, mine))); err != nil {
					t.Fatal(err)
				}
				tb.waitText(".notice", "has changed since you began to edit")
				tb.click("main button", "Save")
				tb.waitText(".conflict pre", fmt.Sprintf(`"plan": "theirs %t"`, mine))
				if got := now(); strings.Contains(got.Metadata.String(), "mine") {
					t.Errorf("an edit has replaced what somebody else has written: %s", got.Metadata)
				}
				if mine {
					tb.click(".conflict button", "Save mine")
					tb.waitText("#message", "Saved.")
				} else {
					tb.click(".conflict button", "Take what is stored")
				}
				tb.wait(`document.querySelector('.conflict').hidden`)
				want := map[bool]string{false: "theirs false", true: "mine"}[mine]
				tb.wait(fmt.Sprintf(`document.querySelector('textarea').value.includes(%q)`, want))
				if got := now(); !strings.Contains(got.Metadata.String(), want) {
					t.Error(got.Metadata)
				}
			}

			t.Log("names")
			if _, err := store.AddDomain(t.Context(), "ID acme", "shop.acme.test"); err != nil {
				t.Fatal(err)
			}
			tb.waitText("main li", "shop.acme.test – domain, not verified yet")
			if _, err := store.VerifyDomain(t.Context(), "ID acme", "shop.acme.test"); err != nil {
				t.Fatal(err)
			}
			tb.waitText("main li", "shop.acme.test – domain")
			tb.fill("input[name=identifier]", "Not An Identifier")
			tb.click("main button", "Rename")
			tb.click("#confirm button", "Confirm")
			tb.waitText("#message.failed", "identifier")
			tb.fill("input[name=identifier]", "acme-corp")
			tb.click("main button", "Rename")
			tb.click("#confirm button", "Confirm")
			tb.waitText("#message", "Renamed.")
			if got := now(); got.Identifier != "acme-corp" || got.DatabaseURL.Reveal() != canary {
				t.Error(got.Identifier)
			}

			t.Log("history, and a change by another process")
			tb.click("summary", "History")
			tb.waitText(".history li", "create by the test")
			tb.waitText(".history li", "update identifier")
			elsewhere(t, where, "acme-corp", "another process")
			tb.waitText("#feed li", "by another process")
			tb.waitText(".history li", "by another process")
			tb.waitText("h2 .badge", "suspended")

			t.Log("back to the list")
			tb.click("main a", "All tenants")
			tb.waitText("tbody tr", "acme-corp")
			tb.wait(`document.activeElement.textContent === 'acme-corp'`)
			elsewhere(t, where, "globex", "another process")
			tb.wait(`[...document.querySelectorAll('tbody tr')].every((r) => r.querySelector('.badge').textContent === 'suspended')`)
			create(t, store, "initech", "Initech", `{}`)
			tb.click("main button", "There are new tenants")
			tb.wait(`document.querySelectorAll('tbody tr').length === 3`)
			eval[string](tb, `location.hash = '#/?status=active'`)
			tb.wait(`document.querySelectorAll('tbody tr').length === 1`)

			if err := store.Purge(t.Context(), "ID initech"); err != nil {
				t.Fatal(err)
			}
			tb.wait(`document.querySelector('tr.gone')`)
			if html := eval[string](tb, "document.documentElement.outerHTML"); strings.Contains(html, "canary") {
				t.Error("the page shows a secret")
			}
		})
	}
}

// TestSecrets: a DatabaseURL is not in the page, though the service shows it.
func TestSecrets(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	tb := newTab(t, serve(t, store, tenantserver.Full))
	tb.click("tbody a", "acme")
	tb.waitText("dd", "set, not shown")
	if got := eval[string](tb, `fetch('/v1/tenants/ID%20acme').then((r) => r.text())`); !strings.Contains(got, canary) {
		t.Fatalf("the service shows no secret, and the test nothing: %s", got)
	}
	if html := eval[string](tb, "document.documentElement.outerHTML"); strings.Contains(html, "canary") {
		t.Error("the page shows a secret")
	}
}

// TestManyTenants: of 100,000 tenants, the page never has more than one page.
func TestManyTenants(t *testing.T) {
	const n = 100_000
	store := inMemory(t)
	createMany(t, store, n)
	tb := newTab(t, serve(t, store, tenantserver.Full))
	const rows = `document.querySelectorAll('tbody tr').length`
	tb.waitText("main [role=status]", "100,000 tenants")
	const texts = `[...document.querySelectorAll('tbody a')].map((a) => a.textContent)`
	first := eval[[]string](tb, texts)
	tb.click("nav a", "Next page")
	tb.waitText("nav a", "First page")
	second := eval[[]string](tb, texts)
	if len(first) != 50 || len(second) != 50 || slices.ContainsFunc(second, func(s string) bool { return slices.Contains(first, s) }) {
		t.Error(first, second)
	}
	tb.fill("input[type=search]", "tenant-0123")
	tb.waitText("tbody a", "tenant-0123")
	if got := eval[int](tb, rows); got > 50 {
		t.Error(got)
	}
	tb.fill("input[type=search]", "tenant-012345")
	tb.click("tbody a", "tenant-012345")
	tb.waitText("h2", "Tenant number 12345")
	late, err := store.GetByIdentifier(t.Context(), "tenant-012345")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.SetStatus(t.Context(), late.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	tb.click("summary", "History")
	tb.waitText(".history li", "update status")
	found, err := store.List(t.Context(), tenancy.ListOptions{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(found.Tenants))
	for i, one := range found.Tenants {
		ids[i] = one.ID
	}
	for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive} {
		if _, err := store.BulkUpdateStatus(tenancy.WithActor(t.Context(), string(status)), ids, status); err != nil {
			t.Fatal(err)
		}
		tb.waitText("#feed li", "by "+string(status))
	}
	if got := eval[int](tb, `document.querySelectorAll('#feed li').length`); got > 100 {
		t.Error(got)
	}
}

// TestOutage: while the service is away the page says so, and nothing is missing after it.
func TestOutage(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	handler, stop := mounted(t, store, tenantserver.Full)
	defer stop()
	port, err := servers.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	start := func() *http.Server {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(listener) }()
		return server
	}
	server := start()
	tb := newTab(t, "http://"+addr, "ERR_", "Failed to load")
	tb.waitText("#stream", "Live")
	tb.click("tbody a", "acme")
	tb.waitText("h2", "Acme")
	if _, err := store.UpdateMetadata(tenancy.WithActor(t.Context(), "the day before"), "ID acme", metadata(t, `{"seen": "once"}`)); err != nil {
		t.Fatal(err)
	}
	tb.waitText("#feed li", "by the day before")
	_ = server.Close()
	tb.waitText("#stream", "Not live")
	tb.click("main button", "Suspend")
	tb.click("#confirm button", "Confirm")
	tb.waitText("#message.failed", "Whether it has changed anything is not known.")
	if _, err := store.SetStatus(tenancy.WithActor(t.Context(), "the outage"), "ID acme", tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	server = start()
	defer server.Close()
	tb.wait(`document.querySelector('#stream').textContent === 'Live'`)
	tb.waitText("#feed li", "by the outage")
	tb.waitText("h2 .badge", "suspended")
	if n := eval[int](tb, `document.querySelectorAll('#feed li').length`); n != 2 {
		t.Errorf("the feed has %d changes of 2", n)
	}
}

// TestStatus: the page shows what the node says of itself.
func TestStatus(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	tb := newTab(t, pictured(t, store))
	tb.waitText("#node dd", "12-00000000000000ab")
	tb.waitText("#node dd", "75.0 % of 8 lookups")
	tb.waitText("#node dd", "not asked yet")
	tb.waitText("#node dd", "synced, 1,234 tenants")
	tb.waitText("#node dd", "1.5 s")
}
