//go:build unix

package comparison

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is the way of one node to PostgreSQL. It counts the statements that pass, notes when
// the answer to a write came back, and can hold back the answers to reads.
type wire struct {
	listener net.Listener
	upstream string
	loops    sync.WaitGroup

	onTenants, others atomic.Int64 // statements
	committed         atomic.Int64 // when the last write was answered, in nanoseconds since epoch

	closed chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool
	next  []*held // for the reads to come
}

// held is one answer that is held back.
type held struct {
	arrived chan struct{} // closed when the database has answered
	release chan struct{} // closed by the test
}

// epoch is what times are counted from, so that they fit an atomic; it has the monotonic clock.
var epoch = time.Now()

// newWire returns a wire to the server of dsn, and the DSN that leads through it.
func newWire(tb testing.TB, dsn string) (*wire, string) {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("not a URL") // err would show it
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w := &wire{listener: listener, upstream: u.Host, closed: make(chan struct{}), conns: make(map[net.Conn]bool)}
	w.loops.Go(w.accept)
	tb.Cleanup(w.close)
	u.Host = listener.Addr().String()
	return w, u.String()
}

// statements counts what a node has asked the database.
type statements struct {
	Tenants int64 // reads and writes of tenants
	Others  int64 // all else: this library reads its change log
}

func (w *wire) count() statements { return statements{w.onTenants.Load(), w.others.Load()} }

func (s statements) sum() int64 { return s.Tenants + s.Others }

func (s statements) plus(o statements) statements {
	return statements{s.Tenants + o.Tenants, s.Others + o.Others}
}

func (s statements) minus(o statements) statements {
	return statements{s.Tenants - o.Tenants, s.Others - o.Others}
}

// during counts the statements while f runs.
func (p pair) during(f func()) statements {
	before := p.wireA.count().plus(p.wireB.count())
	f()
	return p.wireA.count().plus(p.wireB.count()).minus(before)
}

// hold holds back the answers to the next n reads of tenants.
func (w *wire) hold(n int) []*held {
	holds := make([]*held, n)
	for i := range holds {
		holds[i] = &held{make(chan struct{}), make(chan struct{})}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = append(w.next, holds...)
	return holds
}

func (w *wire) close() {
	_ = w.listener.Close()
	close(w.closed)
	w.mu.Lock()
	for c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.loops.Wait()
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.conns[client], w.conns[server] = true, true
		w.mu.Unlock()
		select {
		case <-w.closed: // close has not seen these two
			_, _ = client.Close(), server.Close()
			return
		default:
		}
		s := &session{wire: w, client: client, server: server, statements: map[string]string{}, portals: map[string]string{}}
		w.loops.Go(func() { s.end(s.requests()) })
		w.loops.Go(func() { s.end(s.answers()) })
	}
}

// session is one connection through the wire.
type session struct {
	*wire
	client, server net.Conn

	statements, portals map[string]string // texts by name

	held    atomic.Pointer[held]
	writing atomic.Bool
}

func (s *session) end(error) {
	_ = s.client.Close()
	_ = s.server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, s.client)
	delete(s.conns, s.server)
}

// requests passes on what the client says, message by message: a type, a length, and the
// rest. The first message has no type.
func (s *session) requests() error {
	in, out := bufio.NewReader(s.client), bufio.NewWriter(s.server)
	for header := 4; ; header = 5 {
		message := make([]byte, header, 512)
		if _, err := io.ReadFull(in, message); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(message[header-4:])) - 4
		if size < 0 {
			return errors.New("not the protocol of PostgreSQL")
		}
		message = append(message, make([]byte, size)...)
		if _, err := io.ReadFull(in, message[header:]); err != nil {
			return err
		}
		if header == 5 {
			s.note(message[0], message[5:])
		}
		if _, err := out.Write(message); err != nil {
			return err
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// answers passes on what the server says.
func (s *session) answers() error {
	buffer := make([]byte, 16<<10)
	for {
		n, err := s.server.Read(buffer)
		if err != nil {
			return err
		}
		if s.writing.CompareAndSwap(true, false) {
			s.committed.Store(int64(time.Since(epoch)))
		}
		if h := s.held.Swap(nil); h != nil {
			close(h.arrived)
			select {
			case <-h.release:
			case <-s.closed:
				return net.ErrClosed
			}
		}
		if _, err := s.client.Write(buffer[:n]); err != nil {
			return err
		}
	}
}

// note follows which statement a message is about.
func (s *session) note(kind byte, body []byte) {
	first, rest, _ := strings.Cut(string(body), "\x00")
	second, _, _ := strings.Cut(rest, "\x00")
	switch kind {
	case 'P': // Parse: the name of a statement, and its text
		s.statements[first] = second
	case 'B': // Bind: the name of a portal, and that of a statement
		s.portals[first] = s.statements[second]
	case 'E': // Execute: the name of a portal
		s.executes(s.portals[first])
	case 'Q': // Query: a text
		s.executes(first)
	}
}

var (
	ping    = regexp.MustCompile(`^(--|;|$)`)
	reading = regexp.MustCompile(`(?is)^(select|with)\b.*\btenants\b`)
	writing = regexp.MustCompile(`(?is)^(update|insert|delete)\b.*\btenants\b`)
)

func (s *session) executes(text string) {
	text = strings.TrimSpace(text)
	if ping.MatchString(text) { // of database/sql, on a connection that was idle
		return
	}
	reads, writes := reading.MatchString(text), writing.MatchString(text)
	if reads || writes {
		s.onTenants.Add(1)
	} else {
		s.others.Add(1)
	}
	s.writing.Store(writes)
	if !reads {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) > 0 {
		s.held.Store(s.next[0])
		s.next = s.next[1:]
	}
}

// TestWireHolds: the wire counts a statement and holds its answer back, not another's.
func TestWireHolds(t *testing.T) {
	f := newFloor(t)
	f.seed(t, "acme", 1)
	w, dsn := newWire(t, f.dsn)
	node := f.open(t, contender(t, "bun"), Setting{DSN: dsn})
	if _, err := node.Get(t.Context(), "acme-0"); err != nil {
		t.Fatal(err)
	}
	h := w.hold(1)[0]
	before := w.count()
	answered := make(chan error, 1)
	go func() {
		_, err := node.Get(t.Context(), "acme-0")
		answered <- err
	}()
	<-h.arrived
	if a, err := node.Get(t.Context(), "acme-0"); err != nil || a.Status != "active" {
		t.Errorf("the next read: %v, %v", a, err)
	}
	select {
	case err := <-answered:
		t.Errorf("the answer was not held: %v", err)
	default:
	}
	close(h.release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if n := w.count().minus(before); n != (statements{2, 0}) {
		t.Errorf("%+v, want 2", n)
	}
}
