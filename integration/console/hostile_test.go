//go:build unix

package console_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/chromedp/chromedp"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// hostile is text that somebody could mistake for HTML, a script, an address or a direction.
var hostile = []string{
	`<img src="https://elsewhere.test/x.png" onerror="alert(1)">`,
	`"><script>alert(1)</script>`,
	`{{constructor.constructor('alert(1)')()}} ${alert(1)}`,
	"javascript:alert(1)//",
	"\u202egnp.exe\u2066 \u200b",
	strings.Repeat("W", 200),
}

func createHostile(t *testing.T, store tenancy.Store) {
	t.Helper()
	for i, text := range hostile {
		m, err := tenancy.NewMetadata(map[string]any{text: text, "__proto__": map[string]any{"polluted": true}, "toString": text})
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Create(tenancy.WithActor(t.Context(), text), tenancy.Tenant{
			ID: hostileID(text), Identifier: fmt.Sprintf("hostile-%d", i), Name: text, Status: tenancy.StatusActive, Metadata: m,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// hostileID is text as far as an ID may be: printable, and no part between slashes is empty.
func hostileID(text string) string {
	return "x" + strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.ReplaceAll(text, "//", "/_")) + "/?#%2e&:y"
}

// TestHostileText: whatever a tenant contains is text, in every view.
func TestHostileText(t *testing.T) {
	store := inMemory(t)
	tb := newTab(t, serve(t, store, tenantserver.Full))
	tb.waitText("#stream", "Live")
	createHostile(t, store)
	tb.click("main button", "There are new tenants")
	tb.wait(fmt.Sprintf(`document.querySelectorAll('#feed li').length === %d`, len(hostile)))
	for i, text := range hostile {
		tb.waitText("tbody td", text)
		tb.click("tbody a", fmt.Sprintf("hostile-%d", i))
		tb.waitText("h2", text)
		tb.click("summary", "History")
		tb.waitText(".history li", "create")
		tb.fill("input[name=name]", text+"!")
		tb.click("main button", "Save")
		tb.waitText("#message", "Saved.")
		got, err := store.GetByID(t.Context(), hostileID(text))
		if err != nil || got.Name != text+"!" {
			t.Fatal(got, err)
		}
		if m := got.Metadata.String(); !strings.Contains(m, `"__proto__"`) || !strings.Contains(m, `"polluted":true`) {
			t.Errorf("the page has lost metadata: %s", m)
		}
		tb.click("main a", "All tenants")
	}
	for js, want := range map[string]int{
		`document.querySelectorAll('img, iframe, object, [onerror], style, script:not([src])').length`: 0,
		`document.querySelectorAll('script').length`:                                                   1,
		`[...document.querySelectorAll('a')].filter((a) => a.origin !== location.origin).length`:       0,
		`({}).polluted ? 1 : 0`: 0,
	} {
		if got := eval[int](tb, js); got != want {
			t.Errorf("%s: %d", js, got)
		}
	}
}

// tokens is an Authorizer for bearer tokens.
func tokens(r *http.Request) (tenantserver.Access, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer reader":
		return tenantserver.Access{Read: true, Actor: "rita"}, nil
	case "Bearer writer":
		return tenantserver.Access{Write: true, Actor: "wanda"}, nil
	}
	return tenantserver.Access{}, errors.New("no token")
}

// TestSignIn: the page asks for a token, offers what it allows, and keeps it to itself.
func TestSignIn(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	origin := serve(t, store, tokens)
	signIn := func(tb *tab, token string) {
		tb.waitText("#sign-in", "no valid credential")
		tb.fill("#sign-in input", token)
		tb.press("\r")
	}
	tb := newTab(t, origin, "status of 401")
	signIn(tb, "wrong")
	signIn(tb, "reader")
	tb.waitText("#access", "rita, read only")
	tb.waitText("#stream", "Live")
	tb.click("tbody a", "acme")
	tb.waitText("h2", "Acme")
	if got := eval[int](tb, `[...document.querySelectorAll('main button')].filter((b) => b.checkVisibility()).length`); got != 0 {
		t.Errorf("somebody who may read sees %d buttons", got)
	}
	if !eval[bool](tb, `[...document.querySelectorAll('main input, main textarea')].every((e) => e.readOnly)`) {
		t.Error("somebody who may read can type")
	}

	tb = newTab(t, origin, "status of 401")
	signIn(tb, "writer")
	tb.waitText("#access", "wanda")
	tb.click("tbody a", "acme")
	tb.click("main button", "Suspend")
	tb.click("#confirm button", "Confirm")
	tb.waitText("#message", "Suspended.")
	tb.waitText("#feed li", "by wanda")
	if eval[bool](tb, `(document.documentElement.outerHTML + location + document.cookie + JSON.stringify({...localStorage, ...sessionStorage}) +
		[...document.querySelectorAll('input')].map((i) => i.value)).includes('writer')`) {
		t.Error("the page shows or keeps the token")
	}
}

// TestOtherOrigin: a page of another origin changes nothing, and cannot have the console in a frame.
func TestOtherOrigin(t *testing.T) {
	store := inMemory(t)
	create(t, store, "acme", "Acme", `{}`)
	target := serve(t, store, tenantserver.Full)
	tb := newTab(t, serve(t, inMemory(t), tenantserver.Full), target, "elsewhere", "blocked", "request to data:", "Content Security Policy", "status of 40")
	// The console's own policy lets it reach nobody; this page has none.
	tb.do(chromedp.Navigate(tb.origin + "/v1/nowhere"))
	for _, request := range []string{
		`fetch(%q, {method: 'POST', mode: 'no-cors'})`,
		`fetch(%q, {method: 'POST', mode: 'no-cors', credentials: 'include', body: new Blob([''])})`,
		`fetch(%q, {method: 'POST'})`,
	} {
		eval[string](tb, fmt.Sprintf(request, target+"/v1/tenants/ID%20acme:suspend")+`.then((r) => r.type, (e) => 'refused: ' + e)`)
	}
	got, err := store.GetByID(t.Context(), "ID acme")
	if err != nil || got.Status != tenancy.StatusActive {
		t.Error(got.Status, err)
	}
	framed := eval[bool](tb, fmt.Sprintf(`new Promise((resolve) => {
		const frame = document.createElement('iframe');
		frame.onload = () => { try { resolve(frame.contentWindow.length >= 0 && frame.contentDocument !== null); } catch { resolve(false); } };
		frame.src = %q; document.body.append(frame); })`, tb.origin+"/"))
	if framed {
		t.Error("a page has the console in a frame")
	}
}
