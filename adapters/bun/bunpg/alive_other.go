//go:build !unix || aix

package bunpg

import "net"

// readable cannot tell here.
func readable(net.Conn) bool { return false }
