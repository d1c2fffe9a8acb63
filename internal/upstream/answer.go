package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	mostHeaders = 64       // lines of a header
	mostHeader  = 16 << 10 // bytes of a header
	mostChunk   = 1 << 24  // bytes of one chunk
)

// Answer is what an upstream said. Reading Body to its end gives the connection back; closing it before ends the connection.
type Answer struct {
	Status      int
	ContentType string
	Body        io.ReadCloser
}

// Do sends one request and reads the answer's header. The path is ours and the body is JSON. When ctx ends, so does the
// connection, and with it every read of the body.
func (c *Client) Do(ctx context.Context, method, path, accept string, body []byte) (*Answer, error) {
	used, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { used.SetDeadline(time.Unix(1, 0)) })
	fail := func(err error) (*Answer, error) {
		stop()
		used.Close()
		return nil, err
	}
	request := make([]byte, 0, 512+len(body))
	request = append(request, method...)
	request = append(append(append(append(request, ' '), c.base...), path...), " HTTP/1.1\r\n"...)
	request = append(append(append(append(request, c.head...), "Accept: "...), accept...), "\r\nContent-Length: "...)
	request = append(strconv.AppendInt(request, int64(len(body)), 10), "\r\n\r\n"...)
	if err := c.deadline(ctx, used, c.config.Header); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrDown, err)) // nothing was sent
	}
	if _, err := used.Write(append(request, body...)); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrBroken, err))
	}
	head, err := readHead(used.in)
	if err != nil {
		return fail(err)
	}
	read := &reading{client: c, conn: used, ctx: ctx, stop: stop, close: head.close}
	switch {
	case head.chunked:
		read.chunked = true
	case head.length == 0:
		read.end()
	default:
		read.left = head.length
	}
	return &Answer{Status: head.status, ContentType: head.contentType, Body: read}, nil
}

// DoAll sends one request and reads the whole answer, at most the configured size.
func (c *Client) DoAll(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	answer, err := c.Do(ctx, method, path, "application/json", body)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	var whole bytes.Buffer
	n, err := whole.ReadFrom(io.LimitReader(answer.Body, c.config.MostBody+1))
	if err != nil {
		return 0, nil, err
	}
	if n > c.config.MostBody {
		return 0, nil, fmt.Errorf("%w: it is too large", ErrStrict)
	}
	return answer.Status, whole.Bytes(), nil
}

// deadline bounds the next step. It never takes back the end that ctx has set.
func (c *Client) deadline(ctx context.Context, used *conn, wait time.Duration) error {
	if err := used.SetDeadline(time.Now().Add(wait)); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := ctx.Err(); err != nil {
		used.SetDeadline(time.Unix(1, 0))
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

// head is an answer's header as far as it matters.
type head struct {
	status      int
	contentType string
	length      int64
	chunked     bool
	close       bool
}

var errHead = fmt.Errorf("%w: its header is outside the subset", ErrStrict)

// readHead reads a status line and a header: HTTP/1.1 only, no 1xx, no folded lines, a body by exactly one of Content-Length
// and chunked.
func readHead(in *bufio.Reader) (head, error) {
	h := head{length: -1}
	line, err := readLine(in)
	if err != nil {
		return h, err
	}
	rest, found := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !found || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return h, errHead
	}
	if h.status, err = strconv.Atoi(string(rest[:3])); err != nil || h.status < 200 || h.status > 599 || h.status >= 300 && h.status < 400 || h.status == 204 {
		return h, errHead
	}
	size := 0
	for count := 0; ; count++ {
		line, err := readLine(in)
		if err != nil {
			return h, err
		}
		if len(line) == 0 {
			break
		}
		if size += len(line); count >= mostHeaders || size > mostHeader {
			return h, errHead
		}
		if err := h.field(line); err != nil {
			return h, err
		}
	}
	if h.chunked == (h.length >= 0) {
		return h, errHead
	}
	return h, nil
}

func (h *head) field(line []byte) error {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || len(name) == 0 || bytes.ContainsFunc(name, notToken) {
		return errHead
	}
	value = bytes.Trim(value, " \t")
	if bytes.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return errHead
	}
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseUint(string(value), 10, 40)
		if err != nil || h.length >= 0 || len(value) > 1 && value[0] == '0' || len(value) > 0 && value[0] == '+' {
			return errHead
		}
		h.length = int64(n)
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if h.chunked || string(value) != "chunked" {
			return errHead
		}
		h.chunked = true
	case bytes.EqualFold(name, []byte("Content-Encoding")):
		return errHead
	case bytes.EqualFold(name, []byte("Content-Type")):
		h.contentType = string(value)
	case bytes.EqualFold(name, []byte("Connection")):
		h.close = h.close || !bytes.EqualFold(value, []byte("keep-alive"))
	}
	return nil
}

// notToken says whether a character cannot stand in a header's name (RFC 9110, section 5.6.2).
func notToken(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// readLine gives a line without its CR LF, good until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errHead
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	plain, found := bytes.CutSuffix(line, []byte("\r\n"))
	if !found {
		return nil, errHead
	}
	return plain, nil
}

// reading is the body of an answer.
type reading struct {
	client  *Client
	conn    *conn
	ctx     context.Context
	stop    func() bool
	chunked bool
	started bool // of the chunks
	left    int64
	close   bool
	over    bool
	err     error
}

// Read gives the next bytes of the body. A body that ends early is ErrBroken.
func (r *reading) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.over {
		return 0, io.EOF
	}
	n, err := r.read(p)
	if err != nil {
		r.err = err
		r.Close()
	}
	return n, err
}

func (r *reading) read(p []byte) (int, error) {
	if r.conn.in.Buffered() == 0 {
		if err := r.client.deadline(r.ctx, r.conn, r.client.config.Idle); err != nil {
			return 0, err
		}
	}
	if r.chunked && r.left == 0 {
		if err := r.nextChunk(); err != nil {
			return 0, err
		}
		if r.over {
			return 0, io.EOF
		}
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.conn.in.Read(p)
	r.left -= int64(n)
	if err != nil {
		return n, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if r.left == 0 && !r.chunked {
		r.end()
	}
	return n, nil
}

// nextChunk reads a chunk's size line, and the end of the body where it is the last. Extensions and trailers are refused.
func (r *reading) nextChunk() error {
	if r.started {
		if line, err := readLine(r.conn.in); err != nil || len(line) != 0 {
			return errors.Join(errHead, err)
		}
	}
	r.started = true
	line, err := readLine(r.conn.in)
	if err != nil {
		return err
	}
	size, err := strconv.ParseUint(string(line), 16, 32)
	if err != nil || size > mostChunk || len(line) > 8 || bytes.ContainsAny(line, "+_") {
		return errHead
	}
	r.left = int64(size)
	if size > 0 {
		return nil
	}
	if line, err := readLine(r.conn.in); err != nil || len(line) != 0 {
		return errors.Join(errHead, err)
	}
	r.end()
	return nil
}

// end gives the connection back.
func (r *reading) end() {
	r.over = true
	if !r.stop() || r.close {
		r.conn.Close()
		return
	}
	r.client.keep(r.conn)
}

// Close ends the connection where the body was not read to its end.
func (r *reading) Close() error {
	if r.over {
		return nil
	}
	r.over = true
	r.stop()
	return r.conn.Close()
}
