package valkeytier_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/valkey-io/valkey-go"
)

// proxy stands between a cache and a server. It can hang, as a stopped server
// does, and cut every connection.
type proxy struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	pass  chan struct{} // closed while bytes pass
	conns map[net.Conn]struct{}
	done  sync.WaitGroup
}

// newProxy returns a proxy for the server of option, and options that lead
// through it.
func newProxy(tb testing.TB, option valkey.ClientOption) (*proxy, valkey.ClientOption) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{listener: l, to: option.InitAddress[0], pass: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(p.pass)
	p.done.Go(p.accept)
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		p.resume()
		p.cut()
		p.done.Wait()
	})
	option.InitAddress = []string{l.Addr().String()}
	return p, option
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			in.Close()
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.done.Go(func() { p.copy(in, out) })
		p.done.Go(func() { p.copy(out, in) })
	}
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		pass := p.pass
		p.mu.Unlock()
		<-pass
		if _, werr := to.Write(buf[:n]); werr != nil || err != nil {
			return
		}
	}
}

// hang makes the proxy accept connections and pass nothing on.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass = make(chan struct{})
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.pass:
	default:
		close(p.pass)
	}
}

// cut closes every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

// oldServer answers as a server does that is too old: it knows the handshake, and
// no SET with NX and GET.
func oldServer(tb testing.TB) valkey.ClientOption {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { serveOld(conn) })
		}
	})
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		done.Wait()
	})
	return valkey.ClientOption{InitAddress: []string{l.Addr().String()}, ForceSingleClient: true}
}

func serveOld(conn net.Conn) {
	defer conn.Close()
	for r := newCommandReader(conn); ; {
		words, err := r.read()
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		switch words[0] {
		case "HELLO":
			answer = "%2\r\n$7\r\nversion\r\n$5\r\n6.2.0\r\n$5\r\nproto\r\n:3\r\n"
		case "PING":
			answer = "+PONG\r\n"
		case "SET":
			answer = "-ERR syntax error\r\n"
		case "GET":
			answer = "$-1\r\n"
		case "MGET":
			answer = "*1\r\n$-1\r\n"
		case "SCAN":
			answer = "*2\r\n$1\r\n0\r\n*0\r\n"
		case "EVAL", "EVALSHA":
			answer = ":0\r\n"
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}
