//go:build unix

package console_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantconsole"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var pictures = flag.String("pictures", "", "write pictures of the views into this directory")

const (
	tabKey = "\t"
	enter  = "\r"
	escape = "\u001b"
	down   = "\u0301"
)

// TestKeyboard finds a tenant, suspends it, edits it and goes back without a mouse.
func TestKeyboard(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	create(t, store, "globex", "Globex", `{}`)
	tb := newTab(t, serve(t, store, tenantserver.Full))
	tb.waitText("#stream", "Live")
	tb.wait(`document.querySelectorAll('tbody tr').length === 2`)

	// tabTo presses Tab until the focus is on an element with the text. It is visible on the way.
	tabTo := func(text string) {
		t.Helper()
		for range 40 {
			tb.press(tabKey)
			if !eval[bool](tb, `(() => { const e = document.activeElement, s = getComputedStyle(e);
				return e === document.body || e.matches(':focus-visible') && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()`) {
				t.Errorf("the focus is not visible on %s", eval[string](tb, "document.activeElement.outerHTML"))
			}
			if eval[bool](tb, fmt.Sprintf(`[document.activeElement.textContent, document.activeElement.name].includes(%q)`, text)) {
				return
			}
		}
		t.Fatalf("Tab does not lead to %s", text)
	}

	tb.press("/")
	tb.press("acm")
	tb.wait(`document.querySelectorAll('tbody tr').length === 1`)
	tb.press(down)
	tb.wait(`document.activeElement.textContent === 'acme'`)
	tb.press(enter)
	tb.wait(`document.activeElement.matches('h2')`)
	tabTo("Suspend")
	tb.press(enter)
	tb.wait(`document.querySelector('#confirm').open && document.activeElement.textContent === 'Cancel'`)
	tb.press(escape)
	tb.wait(`!document.querySelector('#confirm').open && document.activeElement.textContent === 'Suspend'`)
	tb.press(enter)
	tb.wait(`document.querySelector('#confirm').open`)
	tabTo("Confirm")
	tb.press(enter)
	tb.waitText("#message", "Suspended.")
	tabTo("name")
	tb.press(" Corp.")
	tabTo("Save")
	tb.press(enter)
	tb.waitText("#message", "Saved.")
	got, err := store.GetByID(t.Context(), "ID acme")
	if err != nil || got.Status != tenancy.StatusSuspended || got.Name != "Acme Corp." && got.Name != " Corp." {
		t.Error(got, err)
	}
	tabTo("History")
	tb.press(enter)
	tb.waitText(".history li", "create")
	tb.press(escape)
	tb.wait(`document.activeElement.textContent === 'acme'`)
	tb.press(escape)
	tb.press("/")
	tb.press(escape)
	tb.wait(`document.querySelectorAll('tbody tr').length === 2`)
	tb.press(down)
	tb.press(down)
	tb.wait(`document.activeElement.textContent === 'acme'`)
}

// TestNarrow: nothing is wider than a screen of 320 pixels, whatever a tenant is called.
func TestNarrow(t *testing.T) {
	store := inMemory(t)
	createHostile(t, store)
	tb := newTab(t, pictured(t, store))
	tb.waitText("#stream", "Live")
	tb.do(chromedp.EmulateViewport(320, 640))
	check := func(what string) {
		t.Helper()
		if wide := eval[int](tb, `document.documentElement.scrollWidth`); wide > 320 {
			t.Errorf("%s is %d pixels wide", what, wide)
		}
	}
	tb.waitText("#node dd", "lookups")
	tb.waitText("tbody a", "hostile-5")
	check("the list")
	for i, text := range hostile {
		tb.click("tbody a", fmt.Sprintf("hostile-%d", i))
		tb.waitText("h2", text)
		tb.click("summary", "History")
		tb.waitText(".history li", "create")
		check("a tenant")
		tb.click("main button", "Suspend")
		tb.wait(`document.querySelector('#confirm').open`)
		check("a question")
		tb.click("#confirm button", "Cancel")
		tb.click("main a", "All tenants")
	}
}

// contrast finds visible text that stands out too little (WCAG 2.2: 4.5 to 1).
const contrast = `(() => {
	const rgb = (c) => c.match(/[\d.]+/g).map(Number);
	const light = (c) => { const [r, g, b] = rgb(c).slice(0, 3).map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
	const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) === 1) return c; } return 'rgb(255, 255, 255)'; };
	return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).map((e) => {
		const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
		return [(a + .05) / (b + .05), e.outerHTML.slice(0, 80)];
	}).filter(([ratio]) => ratio < 4.5).map(String); })()`

// TestColours: light or dark, as the system prefers, and legible in both.
func TestColours(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	tb := newTab(t, pictured(t, store))
	tb.waitText("#node dd", "lookups")
	grounds := map[string]bool{}
	for _, dark := range []bool{false, true} {
		tb.dark(dark)
		tb.wait(fmt.Sprintf(`matchMedia('(prefers-color-scheme: dark)').matches === %t`, dark))
		grounds[eval[string](tb, `getComputedStyle(document.body).backgroundColor`)] = true
		for _, step := range []func(){
			func() { tb.waitText("tbody a", "acme") },
			func() { tb.click("tbody a", "acme"); tb.waitText("h2", "Acme") },
			func() { tb.click("main button", "Suspend"); tb.waitText("#confirm", "Suspend acme?") },
		} {
			step()
			if faint := eval[[]string](tb, contrast); len(faint) > 0 {
				t.Errorf("dark %t: %q", dark, faint)
			}
		}
		tb.click("#confirm button", "Cancel")
		tb.click("main a", "All tenants")
	}
	if len(grounds) != 2 {
		t.Error(grounds)
	}
}

// pictured serves the store with a status.
func pictured(t *testing.T, store tenancy.Source) string {
	t.Helper()
	handler, stop := mounted(t, store, tenantserver.Full, tenantconsole.WithStatus("/debug/tenancy"))
	handler.HandleFunc("/debug/tenancy", answerState)
	return listen(t, handler, stop)
}

// TestPictures makes pictures for the documentation, if it is told where to.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("no -pictures")
	}
	store := inMemory(t)
	for i, name := range []string{"Acme Inc.", "Globex Corporation", "Initech", "Umbrella", "Stark Industries", "Wayne Enterprises", "Hooli", "Vehement Capital"} {
		create(t, store, []string{"acme", "globex", "initech", "umbrella", "stark", "wayne", "hooli", "vehement"}[i], name, `{"plan": "gold", "seats": 25}`)
	}
	tb := newTab(t, pictured(t, store))
	tb.waitText("#stream", "Live")
	tb.waitText("#node dd", "lookups")
	picture := func(name string, width, height int64, dark bool) {
		tb.do(chromedp.EmulateViewport(width, height))
		tb.dark(dark)
		image, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*pictures, name+".png"), image, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{"ID hooli", "ID stark", "ID globex"} {
		ctx := tenancy.WithActor(t.Context(), []string{"billing", "anna@ops", "tenantctl"}[i])
		if _, err := store.SetStatus(ctx, id, tenancy.StatusSuspended); err != nil {
			t.Fatal(err)
		}
	}
	tb.wait(`document.querySelectorAll('#feed li').length === 3 && document.querySelectorAll('tbody .suspended').length === 3`)
	picture("console-list", 940, 520, false)
	picture("console-list-narrow", 320, 640, false)
	tb.do(chromedp.EmulateViewport(1000, 760))
	tb.click("tbody a", "globex")
	tb.waitText("h2", "Globex")
	if _, err := store.AddDomain(t.Context(), "ID globex", "shop.globex.test"); err != nil {
		t.Fatal(err)
	}
	tb.waitText("main li", "shop.globex.test")
	tb.click("summary", "History")
	tb.waitText(".history li", "tenantctl")
	picture("console-tenant", 940, 760, true)
	picture("console-tenant-narrow", 320, 1400, true)
}
