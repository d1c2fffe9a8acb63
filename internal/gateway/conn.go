package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// mostUnsent is how much of what was written to a caller's connection waits in this machine's kernel, in bytes; the kernel counts
// as much again for its own. A cut throws it away.
const mostUnsent = 256 << 10

type connKey struct{}

// OnConn bounds a connection's sending side and keeps it with the context of its requests, so that a cut reaches it.
func OnConn(ctx context.Context, conn net.Conn) context.Context {
	if secured, is := conn.(*tls.Conn); is {
		conn = secured.NetConn()
	}
	raw, is := conn.(*net.TCPConn)
	if !is || raw.SetWriteBuffer(mostUnsent) != nil {
		return ctx // it is lost, or none of ours
	}
	return context.WithValue(ctx, connKey{}, raw)
}

// breaker gives what breaks the visit's connection off: a write in progress fails, and what waits to be sent is thrown away with a
// reset, so that nothing leaves this machine any more.
func (v *visit) breaker() func() {
	control := http.NewResponseController(v.w)
	raw, _ := v.r.Context().Value(connKey{}).(*net.TCPConn)
	return func() {
		control.SetWriteDeadline(time.Unix(1, 0))
		if raw != nil {
			raw.SetLinger(0)
			raw.Close()
		}
	}
}
