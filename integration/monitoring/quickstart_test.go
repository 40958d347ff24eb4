//go:build unix

package monitoring_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// quickstart is the example service, running.
type quickstart struct {
	addr   string
	active string // the ID of the tenant that is suspended and activated
	log    lockedBuffer
	// After a write that it cannot follow, an instance serves nothing from its
	// caches: to see stale service, nobody may write in an outage.
	writing  sync.Mutex
	readOnly bool
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// buildQuickstart builds the program that users run.
func buildQuickstart(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "quickstart")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./quickstart")
	cmd.Dir = "../../examples"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

var served = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)[/\s]`)

// startQuickstart starts it without the sample, and stops it when t ends.
func startQuickstart(t *testing.T, binary string, env string, args ...string) *quickstart {
	t.Helper()
	q := &quickstart{}
	var hints lockedBuffer
	cmd := exec.Command(binary, append([]string{"-addr", "127.0.0.1:0", "-sample=false", "-base", "example.com"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), env)
	cmd.Stdout, cmd.Stderr = &hints, &q.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("quickstart: %v\n%s", err, lastLines(q.log.String(), 20))
		}
	})
	eventually(t, "the quickstart says where it serves", func() bool {
		found := served.FindStringSubmatch(hints.String())
		if found != nil {
			q.addr = found[1]
		}
		return found != nil
	})
	eventually(t, "the quickstart serves", func() bool { return q.get(t.Context(), q.addr, "/healthz") == http.StatusOK })
	return q
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// get returns the status of an answer, 0 for none.
func (q *quickstart) get(ctx context.Context, host, path string) int {
	return q.do(ctx, http.MethodGet, host, path, "")
}

func (q *quickstart) do(ctx context.Context, method, host, path, body string) int {
	status, _ := q.send(ctx, method, host, path, body)
	return status
}

func (q *quickstart) send(ctx context.Context, method, host, path, body string) (int, []byte) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+q.addr+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	r.Host = host
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, text
}

// seed creates a tenant of each status and some more.
func (q *quickstart) seed(t *testing.T) {
	t.Helper()
	for _, status := range []string{"active", "suspended", "provisioning", "deleted"} {
		body := fmt.Sprintf(`{"identifier":"%s","name":"x","status":"%[1]s"}`, status)
		got, answer := q.send(t.Context(), http.MethodPost, "example.com", "/admin/tenants", body)
		var made struct{ ID string }
		if err := json.Unmarshal(answer, &made); err != nil || got != http.StatusCreated {
			t.Fatalf("creating %s: status %d, %v", status, got, err)
		}
		if status == "active" {
			q.active = made.ID
		}
	}
}

// mayWrite says whether work writes, and returns when it does, or does not.
func (q *quickstart) mayWrite(yes bool) {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.readOnly = !yes
}

// work sends the requests that an instance gets, good and bad ones, some of them from
// several clients at once.
func (q *quickstart) work(ctx context.Context, round int) {
	for range 20 {
		q.get(ctx, "active.example.com", "/whoami")
	}
	for _, host := range []string{
		"suspended.example.com", "provisioning.example.com", "deleted.example.com", "absent.example.com",
		fmt.Sprintf("absent-%d.example.com", round), "example.com", "a_b.example.com", "active.elsewhere.org",
	} {
		q.get(ctx, host, "/whoami")
	}
	q.writing.Lock()
	defer q.writing.Unlock()
	if q.readOnly {
		return
	}
	for _, what := range []string{"suspend", "activate"} {
		q.do(ctx, http.MethodPost, "example.com", "/admin/tenants/"+q.active+"/"+what, "")
	}
	q.get(ctx, "example.com", "/admin/tenants?limit=3")
	q.get(ctx, "example.com", "/admin/tenants/search?q=act")
	q.do(ctx, http.MethodPost, "example.com", "/admin/tenants", `{"identifier":"active","name":"x"}`)
}
