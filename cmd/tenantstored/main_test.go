package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/cmd/internal/programtest"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var program string

func TestMain(m *testing.M) { programtest.Main(m, &program) }

// service is a running tenantstored.
type service struct {
	t          testing.TB
	cmd        *exec.Cmd
	addr, ops  string
	mu         sync.Mutex
	log        strings.Builder
	ended      chan struct{} // closed at the end of the log
	begun, can chan string   // addresses
}

var served = regexp.MustCompile(`msg="?(serving|serving operations)"? addr=(\S+)`)

// start starts tenantstored, and waits until it serves.
func start(t testing.TB, args ...string) *service {
	t.Helper()
	s := launch(t, args...)
	for _, c := range []struct {
		from chan string
		to   *string
	}{{s.can, &s.ops}, {s.begun, &s.addr}} {
		select {
		case *c.to = <-c.from:
		case <-s.ended:
			t.Fatalf("it does not serve: %s", s.text())
		case <-time.After(programtest.Patience):
			t.Fatalf("it does not serve: %s", s.text())
		}
	}
	return s
}

func launch(t testing.TB, args ...string) *service {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), programtest.Patience)
	t.Cleanup(cancel)
	s := &service{t: t, cmd: exec.CommandContext(ctx, program, append([]string{"-addr", "127.0.0.1:0", "-ops", "127.0.0.1:0"}, args...)...),
		ended: make(chan struct{}), begun: make(chan string, 1), can: make(chan string, 1)}
	errs, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(errs); lines.Scan(); {
			s.mu.Lock()
			s.log.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if found := served.FindStringSubmatch(lines.Text()); found != nil && found[1] == "serving" {
				s.begun <- found[2]
			} else if found != nil {
				s.can <- found[2]
			}
		}
	}()
	return s
}

func (s *service) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// end sends a signal, and returns the exit code.
func (s *service) end(signal syscall.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	<-s.ended
	_ = s.cmd.Wait() // the exit code tells
	return s.cmd.ProcessState.ExitCode()
}

// client returns the store that is served at an address.
func client(t testing.TB, addr, token string) *tenantclient.Store {
	t.Helper()
	var options []tenantclient.Option
	if token != "" {
		options = append(options, tenantclient.WithToken(token))
	}
	store, err := tenantclient.Open("http://"+addr, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// request sends a GET with a host and a token of its own.
func request(t testing.TB, addr, path, host, token string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

// Without credentials, a page whose name was made to resolve to this machine gets nothing;
// with them, the console is there, and how the node is for whoever may read.
func TestConsoleAndHosts(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "tenants.db")
	open := start(t, "-db", db)
	for host, want := range map[string]int{"localhost": 200, "127.0.0.1:8080": 200, "[::1]": 200, "attacker.example": 421, "localhost.attacker.example": 421} {
		for _, path := range []string{"/v1/tenants", "/debug/tenancy"} {
			if code, _, body := request(t, open.addr, path, host, ""); code != want {
				t.Errorf("%s as %s: %d %s, want %d", path, host, code, body, want)
			}
		}
	}
	code, header, body := request(t, open.addr, "/", "localhost", "")
	if code != http.StatusOK || !strings.Contains(body, "<html") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'self'") {
		t.Errorf("the console: %d %v %s", code, header, body)
	}

	file := filepath.Join(t.TempDir(), "tokens")
	sum := sha256.Sum256([]byte("reader"))
	if err := os.WriteFile(file, []byte("worker read "+hex.EncodeToString(sum[:])+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	guarded := start(t, "-db", db, "-tokens", file)
	for token, want := range map[string]int{"": 401, "wrong": 401, "reader": 200} {
		if code, _, body := request(t, guarded.addr, "/debug/tenancy", "tenants.example", token); code != want {
			t.Errorf("/debug/tenancy with %q: %d %s, want %d", token, code, body, want)
		}
	}
}

// It serves, says how it is, and ends when asked to, streams or not.
func TestServes(t *testing.T) {
	db := filepath.Join(t.TempDir(), "tenants.db")
	s := start(t, "-db", db)
	store := client(t, s.addr, "")
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "canary", Name: "Canary", DatabaseURL: tenancy.NewSecret("postgres://canary")}); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, "ready", func() bool { code, _ := get(t, "http://"+s.ops+"/readyz"); return code == http.StatusOK })
	for path, want := range map[string]string{"/healthz": "alive", "/metrics": "tenancy_", "/debug/tenancy": `"position":`} {
		if code, body := get(t, "http://"+s.ops+path); code != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, "canary") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	seen := make(chan struct{})
	go func() {
		var once sync.Once
		for range tenancy.Watch(watching, store, tenancy.Position{}) {
			once.Do(func() { close(seen) })
		}
	}()
	<-seen
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, s.text())
	}
	if strings.Contains(s.text(), "canary") {
		t.Errorf("the log shows a secret: %s", s.text())
	}
}

// The command line is judged before anything is opened.
func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "tenants.db")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-db", db, "-addr", "0.0.0.0:0"}, 1, "not loopback"},
		{[]string{"-db", db, "-addr", "[::]:0"}, 1, "not loopback"},
		{[]string{}, 2, "which database"},
		{[]string{"-db", "oracle://scott:canary@db"}, 2, "must be like"},
		{[]string{"-db", db, "-client-ca", "x"}, 2, "-tls-cert"},
		{[]string{"-db", db, "-tokens", filepath.Join(dir, "none")}, 1, "no such file"},
		{[]string{"-db", db, "extra"}, 2, "unexpected"},
		{[]string{"-no-such-flag"}, 2, "not defined"},
	} {
		s := launch(t, c.args...)
		<-s.ended
		_ = s.cmd.Wait() // the exit code tells
		if got := s.cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(s.text(), c.want) || strings.Contains(s.text(), "canary") {
			t.Errorf("%q: exit code %d, %s", c.args, got, s.text())
		}
	}
	if _, err := os.Stat(db); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database was made: %v", err)
	}
	if out, err := exec.Command(program, "-version").Output(); err != nil || !strings.HasPrefix(string(out), "tenantstored ") {
		t.Errorf("-version: %q, %v", out, err)
	}
}

func line(name, scopes, token string) string {
	sum := sha256.Sum256([]byte(token))
	return name + " " + scopes + " " + hex.EncodeToString(sum[:]) + "\n"
}

// Each token may do what its scopes say, and a change of the file counts without a restart.
func TestTokens(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("# tokens\n" + line("reader", "read", "r") + line("writer", "read,write", "w") + line("owner", "read,write,secrets", "o"))
	s := start(t, "-db", filepath.Join(dir, "tenants.db"), "-tokens", file)
	reader, writer, owner := client(t, s.addr, "r"), client(t, s.addr, "w"), client(t, s.addr, "o")
	ctx := t.Context()
	acme, err := owner.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://canary")})
	if err != nil {
		t.Fatal(err)
	}
	may := func(c *tenantclient.Store) (reads, writes, secrets bool) {
		got, err := c.GetByID(ctx, acme.ID)
		reads = err == nil
		secrets = reads && got.DatabaseURL.Reveal() == "postgres://canary"
		_, err = c.SetStatus(ctx, acme.ID, tenancy.StatusActive)
		return reads, err == nil, secrets
	}
	check := func(name string, c *tenantclient.Store, want [3]bool) {
		t.Helper()
		reads, writes, secrets := may(c)
		if got := [3]bool{reads, writes, secrets}; got != want {
			t.Errorf("%s: reads, writes, sees secrets: %v, want %v", name, got, want)
		}
	}
	check("reader", reader, [3]bool{true, false, false})
	check("writer", writer, [3]bool{true, true, false})
	check("owner", owner, [3]bool{true, true, true})
	check("nobody", client(t, s.addr, ""), [3]bool{})
	check("wrong token", client(t, s.addr, "x"), [3]bool{})
	changes, err := owner.Changes(ctx, tenancy.Position{}, 0)
	if err != nil || !strings.HasPrefix(changes[len(changes)-1].Actor, "owner") {
		t.Errorf("the actor of a change: %+v, %v", changes[len(changes)-1], err)
	}

	write("nonsense\n") // a mistake locks nobody out, and lets nobody in
	programtest.Eventually(t, "the mistake is logged", func() bool { _, _, _ = may(owner); return strings.Contains(s.text(), "tokens cannot be read") })
	check("owner, after a mistake", owner, [3]bool{true, true, true})
	write(line("owner", "read", "o"))
	programtest.Eventually(t, "the tokens are read again", func() bool { reads, _, _ := may(reader); return !reads })
	check("owner, with less", owner, [3]bool{true, false, false})
	if code := s.end(syscall.SIGTERM); code != 0 || strings.Contains(s.text(), "canary") {
		t.Errorf("exit code %d: %s", code, s.text())
	}
}

// forwarder passes connections on to where the service is now.
type forwarder struct {
	listener net.Listener
	to       atomic.Value // string
}

func forward(t testing.TB) *forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &forwarder{listener: l}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go f.pass(in)
		}
	}()
	return f
}

func (f *forwarder) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", f.to.Load().(string))
	if err != nil {
		return
	}
	defer out.Close()
	done := make(chan struct{}, 2)
	for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(c[0], c[1]) // until one of them ends
			done <- struct{}{}
		}()
	}
	<-done
}

// tenantstored is killed under writes through it, again and again: no acknowledged write is
// lost, and neither a client nor a replica over one goes back.
func TestKill(t *testing.T) {
	const kills, writers = 3, 4
	db := filepath.Join(t.TempDir(), "tenants.db")
	s := start(t, "-db", db)
	f := forward(t)
	f.to.Store(s.addr)
	addr := f.listener.Addr().String()
	hot, err := client(t, addr, "").Create(t.Context(), tenancy.Tenant{Identifier: "hot", Name: "0"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := replica.New(client(t, addr, ""), replica.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var group sync.WaitGroup
	var acknowledged sync.Map // identifiers
	var writes, reads, replicaReads atomic.Int64
	for w := range writers {
		c := client(t, addr, "")
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name := fmt.Sprintf("w-%d-%d", w, i)
				if _, err := c.Create(ctx, tenancy.Tenant{Identifier: name, Name: name}); err == nil {
					acknowledged.Store(name, true)
					writes.Add(1)
				}
				_, _ = c.SetStatus(ctx, hot.ID, tenancy.StatusActive) // each is a new revision
			}
		})
	}
	watch := func(who string, store tenancy.Getter, count *atomic.Int64) {
		var last tenancy.Revision
		for ctx.Err() == nil {
			got, err := store.GetByID(ctx, hot.ID)
			switch {
			case err == nil && got.Revision < last:
				t.Errorf("%s went back from %d to %d", who, last, got.Revision)
				return
			case err == nil:
				last = got.Revision
				count.Add(1)
			case errors.Is(err, tenancy.ErrNotFound):
				t.Errorf("%s: an outage is no such tenant: %v", who, err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	c := client(t, addr, "")
	group.Go(func() { watch("a client", c, &reads) })
	group.Go(func() { watch("a replica", r, &replicaReads) })

	more := func(what string) {
		t.Helper()
		w, a, b := writes.Load(), reads.Load(), replicaReads.Load()
		programtest.Eventually(t, what, func() bool { return writes.Load() > w+10 && reads.Load() > a+10 && replicaReads.Load() > b+10 })
	}
	for range kills {
		more("writes and reads")
		s.end(syscall.SIGKILL)
		s = start(t, "-db", db)
		f.to.Store(s.addr)
	}
	more("writes and reads after the last kill")
	stop()
	group.Wait()
	n := 0
	acknowledged.Range(func(name, _ any) bool {
		n++
		if _, err := c.GetByIdentifier(t.Context(), name.(string)); err != nil {
			t.Errorf("an acknowledged write is lost: %v", err)
		}
		return true
	})
	t.Logf("%d acknowledged creations, %d reads, %d of the replica", n, reads.Load(), replicaReads.Load())
}
