// Package client is the Go client of a Narthex node's HTTP API, and the types of that API.
//
// It is for programs that act for a person: the command line is one. It promises that every answer which is not a success
// comes back as a *narthex.Error with the kind, the code and the clause that the node gave; that a redirect is never followed;
// that a credential goes to the node it was made for, and over plain http to loopback only; and that nothing is read without
// a bound but an export, which is written as it comes.
//
// It trusts the node for what it answers: whoever wants proof verifies the ledger. A client made with [Client.At] gives its
// proofs to one ledger's node alone. Read next: types.go for what is sent and answered, login.go and proof.go for how a key
// proves itself, routes.go for what can be asked.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

const (
	mostAnswer = 64 << 20        // of an answer that is read whole, in bytes
	patience   = 2 * time.Minute // for an answer that is read whole
)

// Client talks to one node with one credential.
type Client struct {
	base   string
	origin string // of the node's ledger, or empty where any will do
	token  narthex.Secret
	http   *http.Client
}

// New makes a client of the node at base, an http or https URL without a path. Plain http is for loopback only.
func New(base string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, narthex.Invalidf("A node's address is http:// or https://, a host and an optional port. Write it as in https://narthex.lab.example.").For("url")
	}
	carrier, err := carry(u)
	if err != nil {
		return nil, err
	}
	return &Client{base: u.Scheme + "://" + u.Host, http: carrier}, nil
}

// carry makes what requests to an address go through: no redirect is followed, and plain http does not leave loopback.
func carry(u *url.URL) (*http.Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{MaxIdleConnsPerHost: 16, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 10 * time.Minute, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 64 << 10, DisableCompression: true, DialContext: dialer.DialContext, Proxy: http.ProxyFromEnvironment}
	if u.Scheme == "http" {
		if ip, err := netip.ParseAddr(u.Hostname()); (err != nil || !ip.IsLoopback()) && u.Hostname() != "localhost" {
			return nil, narthex.Invalidf("Plain http would show your credentials to the network, and let it change what you read. Use https.").For("url")
		}
		dialer.Control, transport.Proxy = loopbackOnly, nil
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{CheckRedirect: refuse, Transport: transport}, nil
}

// loopbackOnly refuses a connection to an address off loopback, whatever name led there.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().IsLoopback() {
		return errors.New("plain http leads off loopback")
	}
	return nil
}

// With gives a client of the same node with another credential: a session's token or an API key.
func (c *Client) With(token string) *Client {
	other := *c
	other.token = narthex.NewSecret(token)
	return &other
}

// At gives a client that proves keys to a node of that ledger's origin and refuses any other, so that nobody between can have
// a proof made for another lab.
func (c *Client) At(origin string) *Client {
	other := *c
	other.origin = origin
	return &other
}

// Format shows the node's address under every verb, and never the credential.
func (c *Client) Format(state fmt.State, _ rune) { io.WriteString(state, "client of "+c.base) }

// Base gives the node's address.
func (c *Client) Base() string { return c.base }

// Do sends a request with an optional JSON body and gives the answer as it is, for surfaces with types of their own. The
// caller closes the body.
func (c *Client) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	if !plain(path) {
		return nil, narthex.Invalidf("That is not an identifier or a name in its canonical form. Copy it from a list.")
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if !c.token.Empty() {
		request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	answer, err := c.http.Do(request)
	if errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("send request: %w", context.Canceled)
	}
	if err != nil {
		return nil, c.silent(err)
	}
	return answer, nil
}

// silent is the error of a node that gave no answer.
func (c *Client) silent(err error) *narthex.Error {
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err
	}
	silent := narthex.Unavailablef("The node at %s does not answer. Check the address and that it runs.", c.base).Because(err)
	silent.Code = "no_answer"
	return silent
}

// route gives the path of the parts, or "", which Do refuses, where one of them is not a word: so no identifier leads to
// another route.
func route(parts ...string) string {
	if slices.ContainsFunc(parts, func(part string) bool { return !word(part) }) {
		return ""
	}
	return "/" + strings.Join(parts, "/")
}

// plain says whether a path is one in its one spelling.
func plain(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	rest, rooted := strings.CutPrefix(path, "/")
	return rooted && !slices.ContainsFunc(strings.Split(rest, "/"), func(part string) bool { return !word(part) })
}

// word says whether a part of a path needs no escape and means itself.
func word(part string) bool {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~@", r))
	}
	return part != "" && part != "." && part != ".." && !strings.ContainsFunc(part, odd)
}

// call sends a request and reads the answer into Out.
func call[Out any](ctx context.Context, c *Client, method, path string, in any) (Out, error) {
	var zero, out Out
	if err := c.call(ctx, method, path, in, &out); err != nil {
		return zero, err
	}
	return out, nil
}

// call is all of it that is the same for every type: there are more than a hundred.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return ReadProblem(answer)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	if err == nil && len(data) > mostAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", mostAnswer)
	}
	if err == nil {
		err = read(data, out)
	}
	if err != nil {
		return narthex.Unavailablef("The node's answer does not read. Check that the address is a Narthex node's, of this version.").Because(err)
	}
	return nil
}

// read decodes an answer, which comes from outside like any other bytes: names are exact and stand once, text is UTF-8 and
// nothing follows the document. What a later version says beside is left out.
func read(data []byte, out any) error {
	return strict.Unmarshal(data, out, strict.RejectUnknownMembers(false), strict.MatchCaseInsensitiveNames(false), jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false))
}
