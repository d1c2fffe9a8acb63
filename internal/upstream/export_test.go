package upstream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"time"
)

// Parse reads an answer from bytes, as from a connection.
func Parse(data []byte) (int, []byte, error) {
	in := bufio.NewReaderSize(bytes.NewReader(data), 16<<10)
	h, err := readHead(in)
	if err != nil {
		return 0, nil, err
	}
	client := &Client{config: Config{Idle: time.Second, MostIdle: 1}}
	left, right := net.Pipe()
	right.Close()
	r := &reading{client: client, conn: &conn{left, in}, ctx: context.Background(), stop: func() bool { return true }, close: true, chunked: h.chunked, left: max(h.length, 0)}
	if !h.chunked && h.length == 0 {
		r.end()
	}
	body, err := io.ReadAll(r)
	return h.status, body, err
}

// Public says whether a name may resolve to the address.
func Public(a netip.Addr) bool { return public(a) }

// Surround gives a client another resolver and dialler than the machine's.
func Surround(c *Client, lookup func(ctx context.Context, network, name string) ([]netip.Addr, error), open func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.lookup, c.open = lookup, open
}

// Target gives what a client makes of its URL: whether it speaks TLS, the name and port that it dials, the host that it says and
// the path that it puts before each other.
func Target(c *Client) (tls bool, name, port, host, base string) {
	return c.tls != nil, c.name, c.port, c.host, c.base
}
