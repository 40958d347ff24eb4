//go:build unix

package console_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

// patience is for what hangs; no busy machine needs it.
const patience = 5 * time.Minute

// closeBrowser ends the browser, if one was started.
var closeBrowser = func() {}

// browser starts the one browser of all tests, which have a profile each.
var browser = sync.OnceValues(func() (context.Context, error) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.DisableGPU,
		chromedp.Flag("hide-scrollbars", false))
	if os.Geteuid() == 0 { // Chromium's sandbox is not for root
		opts = append(opts, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(allocator)
	closeBrowser = func() { cancel(); stop() }
	return ctx, chromedp.Do(ctx)
})

// tab is a page in the browser.
type tab struct {
	*testing.T
	ctx    context.Context
	origin string

	mu      sync.Mutex
	trouble []string // what the page must not do: errors, violations of its policy, requests elsewhere
	allowed []string // parts of errors that the test provokes
}

// newTab opens the console at the origin.
func newTab(t *testing.T, origin string, allowed ...string) *tab {
	t.Helper()
	servers.NeedChromium(t)
	parent, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	tb := &tab{T: t, ctx: ctx, origin: origin, allowed: allowed}
	t.Cleanup(func() {
		cancel()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, line := range tb.trouble {
			t.Error("the page: ", line)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, tb.listen); err != nil {
		t.Fatal(err)
	}
	tb.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(origin+"/"))
	tb.wait(`document.querySelector('#stream').textContent !== ''`)
	return tb
}

func (t *tab) listen(event any) {
	line := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		line = fmt.Sprintf("exception: %+v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Source == "security" {
			line = fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, t.origin+"/") {
			line = "request to " + e.Request.URL
		}
	case *page.EventJavascriptDialogOpening:
		line = "dialog: " + e.Message
	}
	if line == "" {
		return
	}
	for _, part := range t.allowed {
		if strings.Contains(line, part) {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trouble = append(t.trouble, line)
}

func (t *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(t.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[V any](t *tab, js string) V {
	t.Helper()
	v, err := chromedp.Run(t.ctx, chromedp.Evaluate[V](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait returns when the JavaScript expression is true.
func (t *tab) wait(js string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if v, err := chromedp.Run(t.ctx, chromedp.Evaluate[bool]("!!("+js+")")); err == nil && v {
			return
		} else if time.Now().After(deadline) {
			t.mu.Lock()
			defer t.mu.Unlock()
			text, _ := chromedp.Run(t.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("waited in vain for %s (%v); %v; the page says:\n%s", js, err, t.trouble, text)
		}
	}
}

// waitText returns when an element of the selector has the text in it.
func (t *tab) waitText(selector, text string) {
	t.Helper()
	t.wait(fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.textContent.includes(%q))`, selector, text))
}

// click clicks the visible element of the selector with the text in it.
func (t *tab) click(selector, text string) {
	t.Helper()
	t.wait(fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll(%q)].find((e) => e.checkVisibility() && e.textContent.includes(%q));
		e?.click(); return e; })()`, selector, text))
}

// fill puts a text into a field, as somebody who types it would.
func (t *tab) fill(selector, text string) {
	t.Helper()
	t.wait(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, selector))
	eval[bool](t, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q); e.focus(); e.value = %q;
		return e.dispatchEvent(new Event('input', {bubbles: true})); })()`, selector, text))
}

// press presses keys, one after the other.
func (t *tab) press(keys string) {
	t.Helper()
	t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, key := range keys {
			down := *kb.Encode(key)[0]
			up := down
			if down.Type, up.Type = kb.KeyDown, kb.KeyUp; down.Key == string(key) || key == '\r' {
				down.Text = string(key) // the system types it, unless the page handles the key
			}
			for _, event := range []input.DispatchKeyEventParams{down, up} {
				if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, event); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// dark sets which colours the system prefers.
func (t *tab) dark(on bool) {
	t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}
