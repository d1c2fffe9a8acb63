package upstream

import (
	"crypto/tls"
	"net"
	"syscall"
)

// alive says whether a kept connection can still be written to: the other side has neither closed it nor sent anything. It
// looks without waiting and takes nothing.
func alive(c net.Conn) bool {
	if secured, is := c.(*tls.Conn); is {
		c = secured.NetConn()
	}
	raw, is := c.(syscall.Conn)
	if !is {
		return false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = control.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}
