//go:build unix && !aix

package bunpg

import (
	"net"
	"syscall"
)

// readable reports whether something has come on conn, or its end. It asks the
// socket, takes nothing from it, and does not wait: about a microsecond.
func readable(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true // closed
	}
	idle := false
	// Not raw.Read, which waits for another reader: after a slow write, one of pgx may be
	// waiting on an idle connection.
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		idle = err == syscall.EAGAIN || err == syscall.EINTR
	})
	return err != nil || !idle
}
