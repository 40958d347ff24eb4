//go:build unix && !aix

package bunpg

import (
	"net"
	"testing"
	"time"
)

// pgx may have left a reader on a connection that idles.
func TestReadableWaitsForNoReader(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = conn.Read(make([]byte, 1))
	}()
	idle := make(chan bool)
	go func() {
		for range 100 { // the reader has begun, at some time
			if readable(conn) {
				idle <- false
				return
			}
			time.Sleep(time.Millisecond)
		}
		idle <- true
	}()
	select {
	case ok := <-idle:
		if !ok {
			t.Error("an idle connection is readable")
		}
	case <-time.After(5 * time.Minute):
		t.Error("waits for the reader")
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	<-read
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}
