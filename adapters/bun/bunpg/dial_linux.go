package bunpg

import "syscall"

const tcpUserTimeout = 18 // TCP_USER_TIMEOUT, which package syscall does not have everywhere

// setUserTimeout limits how long what was sent may remain unacknowledged.
func setUserTimeout(fd uintptr, ms int) error {
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, ms)
}
