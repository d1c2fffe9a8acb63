package pgtest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Fate is what becomes of a message from the client.
type Fate int

const (
	// Pass sends it on.
	Pass Fate = iota
	// Before cuts the connection before it reaches the server.
	Before
	// After lets the server do it, and cuts the connection before its answer reaches the client.
	After
	// Late cuts the connection to the client, and sends it on to the server a little later.
	Late
)

// Proxy stands between a client and a server.
type Proxy struct {
	decide   func(Message) Fate
	server   string
	listener net.Listener
	frozen   atomic.Bool
	mu       sync.Mutex // guards conns
	conns    []net.Conn
	running  sync.WaitGroup
}

// Message is one message of the protocol from the client: its kind and what it holds. Kind 0 begins a connection.
type Message struct {
	Kind byte
	Body []byte
}

// IsCommit says whether a message asks for a commit.
func (m Message) IsCommit() bool {
	return m.Kind == 'Q' && strings.EqualFold(strings.TrimRight(string(m.Body), "\x00"), "commit")
}

// Proxy starts a proxy before the server. Decide is called by many connections at once.
func (s *Server) Proxy(t testing.TB, decide func(Message) Fate) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &Proxy{decide: decide, server: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), listener: listener}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// Through gives the address of a database as reached through the proxy.
func (p *Proxy) Through(url string) string {
	return strings.Replace(url, p.server, p.listener.Addr().String(), 1)
}

// Freeze makes the proxy pass nothing on any more, and close nothing either: the network is gone.
func (p *Proxy) Freeze() { p.frozen.Store(true) }

// Cut ends every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		l := &link{proxy: p, client: client, server: server}
		p.running.Go(l.up)
		p.running.Go(l.down)
	}
}

// link is one connection through the proxy.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	silent         atomic.Bool // what the server says is dropped, and its next end of an answer ends the link
}

func (l *link) end() {
	l.client.Close()
	l.server.Close()
}

// up passes on what the client says.
func (l *link) up() {
	for first := true; ; first = false {
		message, raw, err := read(l.client, first)
		if err != nil {
			if !l.silent.Load() {
				l.end()
			}
			return
		}
		fate := l.proxy.decide(message)
		for l.proxy.frozen.Load() {
			time.Sleep(time.Millisecond)
			if _, err := l.server.Write(nil); errors.Is(err, net.ErrClosed) {
				return
			}
		}
		switch fate {
		case Before:
			l.end()
			return
		case After:
			l.silent.Store(true)
		case Late:
			l.silent.Store(true)
			l.client.Close()
			time.Sleep(30 * time.Millisecond)
		}
		if _, err := l.server.Write(raw); err != nil {
			l.end()
			return
		}
	}
}

// down passes on what the server says.
func (l *link) down() {
	defer l.end()
	for {
		message, raw, err := read(l.server, false)
		if err != nil {
			return
		}
		for l.proxy.frozen.Load() {
			time.Sleep(time.Millisecond)
			if _, err := l.client.Write(nil); errors.Is(err, net.ErrClosed) {
				return
			}
		}
		if l.silent.Load() {
			if message.Kind == 'Z' {
				return
			}
			continue
		}
		if _, err := l.client.Write(raw); err != nil {
			return
		}
	}
}

// read takes one message; the first of a client has no kind.
func read(from io.Reader, first bool) (Message, []byte, error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return Message{}, nil, err
	}
	length := binary.BigEndian.Uint32(head[len(head)-4:])
	if length < 4 || length > 1<<26 {
		return Message{}, nil, errors.New("a message of no sensible length")
	}
	raw := append(head, make([]byte, length-4)...)
	if _, err := io.ReadFull(from, raw[len(head):]); err != nil {
		return Message{}, nil, err
	}
	message := Message{Body: raw[len(head):]}
	if !first {
		message.Kind = head[0]
	}
	return message, raw, nil
}
