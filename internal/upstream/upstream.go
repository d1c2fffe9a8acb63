// Package upstream is the client towards a lab's own servers: HTTP/1.1 over a small pool of connections, reading a strict
// subset of it.
//
// It promises that a request goes to the one address that the lab directory's URL resolves to, checked after resolution; that
// nothing is sent twice unless it was never sent; that redirects are never followed and TLS is always verified; and that every
// answer outside the subset is an error which holds nothing of it. Loopback, private, link-local and unspecified addresses are
// refused unless the URL itself names that very address.
//
// It trusts the lab directory's URL and credential. It trusts the upstream for nothing but bytes. Read next: answer.go for the
// subset, gateway for who calls it.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"narthex"
)

var (
	// ErrDown says that the upstream was not reached: nothing was sent.
	ErrDown = errors.New("the upstream was not reached")
	// ErrBroken says that the upstream failed after the request was sent.
	ErrBroken = errors.New("the upstream broke off")
	// ErrStrict says that the upstream's answer is outside the subset that is read.
	ErrStrict = errors.New("the upstream's answer is not one that can be read")
)

// Config is where an upstream is and how long to wait for it. Zero waits and bounds are refused.
type Config struct {
	URL        string
	Credential narthex.Secret
	Roots      *x509.CertPool // nil for the system's
	Dial       time.Duration  // to connect
	Header     time.Duration  // from the request's end to the answer's header
	Idle       time.Duration  // between bytes of the answer
	MostIdle   int            // connections kept
	MostBody   int64          // bytes of an answer that is read whole
}

// Client talks to one upstream. It is good for concurrent use.
type Client struct {
	config Config
	tls    *tls.Config // nil for http
	host   string      // as in the Host header
	name   string      // to resolve
	port   string
	base   string // of the path
	head   string // the lines that every request has

	lookup func(ctx context.Context, network, name string) ([]netip.Addr, error)
	open   func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex // guards idle
	idle []*conn
}

// New makes a client; it does not connect.
func New(config Config) (*Client, error) {
	if config.Dial <= 0 || config.Header <= 0 || config.Idle <= 0 || config.MostIdle <= 0 || config.MostBody <= 0 {
		return nil, errors.New("make upstream: every wait and bound must be set")
	}
	u, err := checkURL(config.URL)
	if err != nil {
		return nil, err
	}
	if config.Credential.Empty() || strings.ContainsAny(config.Credential.Reveal(), " \t\r\n\x00") {
		return nil, errors.New("make upstream: its credential is empty or holds white space")
	}
	c := &Client{config: config, host: u.Host, name: u.Hostname(), port: u.Port(), base: strings.TrimSuffix(u.Path, "/"),
		lookup: net.DefaultResolver.LookupNetIP, open: (&net.Dialer{}).DialContext}
	if u.Scheme == "https" {
		c.tls = &tls.Config{ServerName: c.name, RootCAs: config.Roots, MinVersion: tls.VersionTLS12}
	}
	if c.port == "" {
		c.port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	c.head = "Host: " + c.host + "\r\nAuthorization: Bearer " + config.Credential.Reveal() + "\r\nUser-Agent: narthex\r\nContent-Type: application/json\r\n"
	return c, nil
}

// checkURL reads an upstream's URL: http or https, a host, an optional port and path, and nothing else, in the one spelling that
// every reader of it reads alike.
func checkURL(text string) (*url.URL, error) {
	bad := errors.New("make upstream: its URL must be http:// or https://, a host, an optional port and an optional path, in plain letters")
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`\@%#?"<>`, c) >= 0 {
			return nil, bad
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.String() != text || !plainHost(u) || strings.Contains(u.Path, "//") {
		return nil, bad
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return nil, bad
		}
	}
	return u, nil
}

// plainHost says whether a URL's host is a name of letters, digits, hyphens, underscores and dots, or an address, with a port from 1
// to 65535 or none.
func plainHost(u *url.URL) bool {
	name, port := u.Hostname(), u.Port()
	whole := name
	if address, err := netip.ParseAddr(name); err == nil && address.Is6() {
		if address.Zone() != "" {
			return false
		}
		whole = "[" + name + "]"
	} else if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}) {
		return false
	}
	if port == "" {
		return u.Host == whole
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port && u.Host == whole+":"+port
}

// CheckURL says whether text is a URL that New would take.
func CheckURL(text string) error {
	_, err := checkURL(text)
	return err
}

// conn is a connection and its buffered reading side.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// take gives a connection: a kept one that the other side has not closed, or a new one.
func (c *Client) take(ctx context.Context) (*conn, error) {
	for {
		c.mu.Lock()
		n := len(c.idle)
		if n == 0 {
			c.mu.Unlock()
			return c.dial(ctx)
		}
		kept := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		if alive(kept.Conn) {
			return kept, nil
		}
		kept.Close()
	}
}

func (c *Client) keep(used *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= c.config.MostIdle || used.in.Buffered() > 0 {
		used.Close()
		return
	}
	c.idle = append(c.idle, used)
}

// Close closes the kept connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kept := range c.idle {
		kept.Close()
	}
	c.idle = nil
}

// dial resolves once and connects to the first address that is allowed.
func (c *Client) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Dial)
	defer cancel()
	addresses, err := c.resolve(ctx)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(c.port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: its port is no number", ErrDown)
	}
	var last error
	for _, address := range addresses {
		raw, err := c.open(ctx, "tcp", netip.AddrPortFrom(address, uint16(port)).String())
		if err != nil {
			last = err
			continue
		}
		if c.tls == nil {
			return &conn{raw, bufio.NewReaderSize(raw, 16<<10)}, nil
		}
		secured := tls.Client(raw, c.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, fmt.Errorf("%w: its certificate does not verify: %w", ErrDown, err)
		}
		return &conn{secured, bufio.NewReaderSize(secured, 16<<10)}, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrDown, last)
}

// resolve gives the addresses that may be dialled: the literal address of the URL, or the public ones of its name.
func (c *Client) resolve(ctx context.Context) ([]netip.Addr, error) {
	if literal, err := netip.ParseAddr(c.name); err == nil {
		return []netip.Addr{literal}, nil
	}
	found, err := c.lookup(ctx, "ip", c.name)
	if err != nil {
		return nil, fmt.Errorf("%w: its name does not resolve: %w", ErrDown, err)
	}
	var allowed []netip.Addr
	for _, address := range found {
		if address = address.Unmap(); public(address) {
			allowed = append(allowed, address)
		}
	}
	if len(allowed) == 0 {
		return nil, fmt.Errorf("%w: its name resolves to addresses that are not public; name the address itself in the asset's file to allow it", ErrDown)
	}
	return allowed, nil
}

// special are networks of no public host, and forms that carry an address of one inside.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
}

// public says whether an address is none of a host's own, a private network's, or a link's.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() &&
		!slices.ContainsFunc(special, func(network netip.Prefix) bool { return network.Contains(a) })
}
