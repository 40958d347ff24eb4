package tenantserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// line is a line of a stream.
type line struct {
	Type, Position, Kind, Reason, ID string
}

// client is a ResponseWriter whose client reads lines, or does not. It is for bubbles of
// package synctest, in which there is no network.
type client struct {
	header http.Header
	status int
	pipe   *io.PipeWriter
	lines  *json.Decoder
	end    func()
	done   chan struct{} // closed when the handler has returned

	mu       sync.Mutex
	deadline *time.Timer
}

// watch lets a client watch in the background.
func watch(t *testing.T, handler http.Handler, query string, header ...string) *client {
	t.Helper()
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	c := &client{header: http.Header{}, pipe: writer, lines: json.NewDecoder(reader), done: make(chan struct{})}
	c.end = func() { cancel(); _ = reader.Close(); <-c.done }
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/watch"+query, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	go func() {
		defer close(c.done)
		handler.ServeHTTP(c, r)
		_ = writer.Close()
	}()
	return c
}

func (c *client) Header() http.Header             { return c.header }
func (c *client) WriteHeader(status int)          { c.status = status }
func (c *client) Write(b []byte) (int, error)     { return c.pipe.Write(b) }
func (c *client) FlushError() error               { return nil }
func (c *client) SetReadDeadline(time.Time) error { return nil }
func (c *client) SetWriteDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline != nil {
		c.deadline.Stop()
	}
	if !at.IsZero() {
		c.deadline = time.AfterFunc(time.Until(at), func() { _ = c.pipe.CloseWithError(os.ErrDeadlineExceeded) })
	}
	return nil
}

// next returns the next line, or what ends the stream as an end without a reason.
func (c *client) next(t *testing.T) line {
	t.Helper()
	var l line
	if err := c.lines.Decode(&l); err != nil {
		return line{Type: fmt.Sprint(err)}
	}
	return l
}

// change returns the next line that is no bookmark.
func (c *client) change(t *testing.T) line {
	t.Helper()
	for {
		if l := c.next(t); l.Type != "bookmark" {
			return l
		}
	}
}

// bubble runs test in a bubble of its own, to which the store must belong.
func bubble(t *testing.T, test func(t *testing.T, store *memstore.Store, handler *tenantserver.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := prepared(t)
		handler := handlerOf(t, store, byToken)
		defer func() { _ = handler.Close() }()
		synctest.Wait() // for the follower
		test(t, store, handler)
	})
}

var reader = []string{"Authorization", "Bearer read"}

func touch(t *testing.T, store tenancy.Store) tenancy.Tenant {
	t.Helper()
	now, err := store.GetByID(t.Context(), "t1")
	if err != nil {
		t.Fatal(err)
	}
	next := tenancy.StatusSuspended
	if now.Status == next {
		next = tenancy.StatusActive
	}
	if now, err = store.SetStatus(t.Context(), "t1", next); err != nil {
		t.Fatal(err)
	}
	return now
}

// TestWatch: a stream begins where it is asked to, brings each change once and in order, and
// goes on from any line of it.
func TestWatch(t *testing.T) {
	bubble(t, func(t *testing.T, store *memstore.Store, handler *tenantserver.Server) {
		now := watch(t, handler, "", reader...)
		defer now.end()
		first := now.next(t)
		if b, _ := store.Bounds(t.Context()); first.Type != "bookmark" || first.Position != b.Newest.String() {
			t.Errorf("the first line is %+v, the newest position %s", first, b.Newest)
		}
		for range 3 {
			want := touch(t, store).Position().String()
			if got := now.change(t); got.Type != "change" || got.Position != want || got.Kind != "update" {
				t.Errorf("got %+v, want the change %s", got, want)
			}
		}
		// From the beginning, and from each position, by both ways to say it.
		all := watch(t, handler, "?after=0-0000000000000000", reader...)
		defer all.end()
		var seen []string
		for len(seen) < 8 {
			seen = append(seen, all.change(t).Position)
		}
		for i, p := range seen[:7] {
			for _, c := range []*client{
				watch(t, handler, "?after="+p, reader...),
				watch(t, handler, "?after="+seen[0], append([]string{"Last-Event-ID", p}, reader...)...),
			} {
				if got := c.change(t).Position; got != seen[i+1] {
					t.Errorf("after %s came %s, want %s", p, got, seen[i+1])
				}
				c.end()
			}
		}
	})
}

// TestWatchEvents: the same as server-sent events, whose ids are positions.
func TestWatchEvents(t *testing.T) {
	s := serve(t, prepared(t), tenantserver.Full)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/watch?after=0-0000000000000000", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	want := "id: 1-"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != want {
		t.Errorf("the stream begins with %q, error %v", got, err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("Content-Type: %s", kind)
	}
}

// TestWatchBookmarks: at least each 15 seconds the stream says how far the log was read, and
// asks whether the client may still read; it ends within ten minutes.
func TestWatchBookmarks(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Store, handler *tenantserver.Server) {
		c := watch(t, handler, "", reader...)
		defer c.end()
		begun := time.Now()
		for n := 0; ; n++ {
			l := c.next(t)
			age := time.Since(begun)
			if l.Type == "end" {
				if l.Reason != "age" || age < 5*time.Minute || age > 10*time.Minute {
					t.Errorf("the stream ended after %v: %+v", age, l)
				}
				return
			}
			if l.Type != "bookmark" || age > time.Duration(n)*15*time.Second {
				t.Fatalf("line %d after %v: %+v", n, age, l)
			}
		}
	})
}

// TestWatchRevoked: a stream ends soon after its credential does not suffice any more.
func TestWatchRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := prepared(t)
		var mu sync.Mutex
		access := tenantserver.Access{Read: true}
		handler := handlerOf(t, store, func(*http.Request) (tenantserver.Access, error) {
			mu.Lock()
			defer mu.Unlock()
			return access, nil
		})
		defer func() { _ = handler.Close() }()
		c := watch(t, handler, "")
		defer c.end()
		c.next(t)
		mu.Lock()
		access = tenantserver.Access{}
		mu.Unlock()
		begun := time.Now()
		if l := c.next(t); l.Type != "end" || l.Reason != "forbidden" || time.Since(begun) > 15*time.Second {
			t.Errorf("after %v: %+v", time.Since(begun), l)
		}
	})
}

// TestWatchEnds: closing the server ends streams with a line.
func TestWatchEnds(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Store, handler *tenantserver.Server) {
		c := watch(t, handler, "", reader...)
		defer c.end()
		at := c.next(t).Position
		_ = handler.Close()
		if l := c.next(t); l.Type != "end" || l.Reason != "closing" || l.Position != at {
			t.Errorf("got %+v", l)
		}
	})
}

// TestSlowWatcher: a client that does not read does not hold its handler, and one that reads
// too slowly is told so and can come back.
func TestSlowWatcher(t *testing.T) {
	t.Run("stuck", func(t *testing.T) {
		bubble(t, func(t *testing.T, _ *memstore.Store, handler *tenantserver.Server) {
			c := watch(t, handler, "", reader...)
			begun := time.Now()
			<-c.done
			if waited := time.Since(begun); waited != 10*time.Second {
				t.Errorf("the handler has waited for %v", waited)
			}
			c.end()
		})
	})
	t.Run("slow", func(t *testing.T) {
		bubble(t, func(t *testing.T, store *memstore.Store, handler *tenantserver.Server) {
			c := watch(t, handler, "", reader...)
			defer c.end()
			at := c.next(t).Position
			for range 9_000 {
				touch(t, store)
			}
			synctest.Wait()
			var l line
			n := 0
			for l = c.next(t); l.Type == "change"; l = c.next(t) {
				at = l.Position
				n++
			}
			if l.Type != "end" || l.Reason != "slow" || l.Position != at || n == 9_000 {
				t.Fatalf("after %d changes up to %s: %+v", n, at, l)
			}
			again := watch(t, handler, "?after="+at, reader...)
			defer again.end()
			for ; n < 9_000; n++ {
				if l := again.change(t); l.Type != "change" {
					t.Fatalf("after %d changes: %+v", n, l)
				}
			}
		})
	})
}

// TestWatchNeedsDeadlines: a ResponseWriter that hides what a stream needs is found out at
// once, and not when the first client hangs.
func TestWatchNeedsDeadlines(t *testing.T) {
	handler := handlerOf(t, prepared(t), tenantserver.Full)
	defer func() { _ = handler.Close() }()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/watch", nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestLostPositions: a position that was compacted, or that belongs to a history which was
// lost, is 410; one beyond the end of this server's log is 503, for another server may know
// it.
func TestLostPositions(t *testing.T) {
	store := prepared(t)
	s := serve(t, store, tenantserver.Full)
	bounds, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	backup := store.Backup()
	beyond := touch(t, store).Position().String()
	store.Restore(backup)
	for _, path := range []string{"/v1/changes", "/v1/watch"} {
		other := fmt.Sprintf("%d-%016x", bounds.Newest.Revision, 1)
		s.want(s.do("GET", path+"?after="+other, ""), http.StatusGone, "log-compacted", path+" with another mark")
	}
	s.want(s.do("GET", "/v1/changes?after="+beyond, ""), http.StatusGone, "log-compacted", "changes beyond the end")
	ahead := s.do("GET", "/v1/watch?after="+beyond, "")
	s.want(ahead, http.StatusServiceUnavailable, "position-ahead", "watch beyond the end")
	if ahead.header.Get("Retry-After") == "" {
		t.Error("watch beyond the end does not say when to come back")
	}
	touch(t, store)
	s.want(s.do("GET", "/v1/watch?after="+beyond, ""), http.StatusGone, "log-compacted", "watch with a lost position whose revision was taken again")
	store.Compact(math.MaxInt64)
	s.want(s.do("GET", "/v1/watch?after="+bounds.Oldest.String(), ""), http.StatusGone, "log-compacted", "watch after a position that was trimmed")
}

// TestRestoreEndsWatch: a stream whose changes a restored backup does not hold ends, and says
// why.
func TestRestoreEndsWatch(t *testing.T) {
	bubble(t, func(t *testing.T, store *memstore.Store, handler *tenantserver.Server) {
		backup := store.Backup()
		c := watch(t, handler, "", reader...)
		defer c.end()
		c.next(t)
		touch(t, store)
		c.change(t)
		store.Restore(backup)
		touch(t, store)
		if l := c.change(t); l.Type != "end" || l.Reason != "log-compacted" {
			t.Errorf("got %+v", l)
		}
	})
}

// TestLongPoll: a request that waits is answered with the change as soon as there is one, and
// with nothing when its time is over.
func TestLongPoll(t *testing.T) {
	store := prepared(t)
	s := serve(t, store, tenantserver.Full)
	bounds, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := bounds.Newest.String()
	if a := s.do("GET", "/v1/changes?wait=1ms&after="+at, ""); a.body != "{\"changes\":[]}\n" {
		t.Errorf("without a change: %s", a.body)
	}
	answers := make(chan answer)
	go func() { answers <- s.do("GET", "/v1/changes?wait=1m&after="+at, "") }()
	p := touch(t, store).Position().String()
	if a := <-answers; !strings.Contains(a.body, p) {
		t.Errorf("want the change %s: %s", p, a.body)
	}
	full := s.do("GET", "/v1/changes?limit=1&after=0-0000000000000000", "")
	if !strings.Contains(full.header.Get("Cache-Control"), "immutable") {
		t.Errorf("a full page has Cache-Control: %s", full.header.Get("Cache-Control"))
	}
	if last := s.do("GET", "/v1/changes?limit=100&after=0-0000000000000000", ""); last.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the last page has Cache-Control: %s", last.header.Get("Cache-Control"))
	}
}

// cut is a store whose log cannot be read for a while.
type cut struct {
	*memstore.Store
	down atomic.Bool
}

func (c *cut) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if c.down.Load() {
		return nil, tenancy.ErrUnavailable
	}
	return c.Store.Changes(ctx, after, limit)
}

// TestOutageIsSilent: while the log cannot be read, a stream does not say how far it goes, and
// then goes on where it was.
func TestOutageIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &cut{Store: prepared(t)}
		handler := handlerOf(t, store, byToken)
		defer func() { _ = handler.Close() }()
		c := watch(t, handler, "", reader...)
		defer c.end()
		c.next(t)
		store.down.Store(true)
		time.Sleep(5 * time.Second) // until the follower has noticed
		want := touch(t, store).Position().String()
		down := time.Now()
		time.AfterFunc(2*time.Minute, func() { store.down.Store(false) })
		l := c.next(t)
		if l.Type != "change" || l.Position != want || time.Since(down) < 2*time.Minute {
			t.Errorf("%v after the outage began: %+v, want the change %s", time.Since(down), l, want)
		}
	})
}
