package bunpg_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// relay passes bytes to a server and back, until it is told not to.
type relay struct {
	url    string // for clients
	server string

	accepted atomic.Int64 // connections
	trips    atomic.Int64 // requests: times that a client spoke after it had listened

	mu      sync.Mutex
	pairs   map[*pair]struct{}
	silent  bool // everything is dropped, of new connections too
	limited bool
	left    int // bytes, if limited, until everything is cut and new connections too
}

// pair is a client's connection and the one made for it.
type pair struct {
	client, server net.Conn
	frozen         bool // what still comes is dropped
	relied         bool // since then, the client has sent what it wants an answer to
	asking         bool // the client spoke last
}

// newRelay starts a relay in front of dsn, which ends with the test.
func newRelay(t testing.TB, dsn string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("TENANTSTORE_POSTGRES is not a valid URL")
	}
	r := &relay{server: u.Host, pairs: map[*pair]struct{}{}}
	u.Host = listener.Addr().String()
	r.url = u.String()
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			r.accepted.Add(1)
			running.Go(func() { r.serve(client) })
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		r.cut()
		running.Wait()
	})
	return r
}

func (r *relay) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p := &pair{client: client, server: server}
	r.mu.Lock()
	r.pairs[p] = struct{}{}
	r.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() { r.pass(p, client, server) })
	r.pass(p, server, client)
	back.Wait()
	r.mu.Lock()
	delete(r.pairs, p)
	r.mu.Unlock()
}

func (r *relay) pass(p *pair, to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			break
		}
		r.mu.Lock()
		frozen := p.frozen || r.silent
		if frozen && to == p.server && buffer[0] != 'X' { // Terminate
			p.relied = true
		}
		if r.limited {
			n = min(n, r.left)
			r.left -= n
		}
		over := r.limited && r.left == 0
		if asking := to == p.server; asking != p.asking {
			if p.asking = asking; asking {
				r.trips.Add(1)
			}
		}
		r.mu.Unlock()
		if frozen {
			continue
		}
		if over {
			_, _ = to.Write(buffer[:n])
			break
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			break
		}
	}
	_, _ = p.client.Close(), p.server.Close() // so that the other direction ends too
}

// cut closes every connection.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		_, _ = p.client.Close(), p.server.Close()
	}
}

// limit lets so many more bytes through, of all connections together, and then
// breaks whatever there is and whatever comes.
func (r *relay) limit(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limited, r.left = true, bytes
}

// heal ends the limit, and the silence.
func (r *relay) heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limited, r.silent = false, false
}

// freeze drops whatever comes on the present connections, without closing them.
func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.frozen = true
	}
}

// freezeIdle is freeze of the connections on which no answer is awaited.
func (r *relay) freezeIdle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.frozen = !p.asking
	}
}

// silence drops whatever comes, on new connections too, without closing them.
func (r *relay) silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
}

// relied returns how many of the frozen connections a client has relied on: it has
// sent a request, or a ping.
func (r *relay) relied() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		if p.frozen && p.relied {
			n++
		}
	}
	return n
}
