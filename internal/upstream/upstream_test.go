package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/internal/upstream"
)

func config(url string) upstream.Config {
	return upstream.Config{URL: url, Credential: narthex.NewSecret("secret"), Dial: time.Second, Header: time.Second, Idle: time.Second, MostIdle: 4, MostBody: 1 << 16}
}

func connect(t testing.TB, c upstream.Config) *upstream.Client {
	t.Helper()
	client, err := upstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestAURLIsPlainOrRefused(t *testing.T) {
	for url, good := range map[string]bool{"http://127.0.0.1:8080": true, "https://models.example/base": true, "http://[::1]:80": true,
		"": false, "ftp://x": false, "http://": false, "http://u:p@x": false, "http://x/#f": false, "http://x/?q": false, "http://x\\y": false, "http://x\ty": false, "http://x%2fy": false,
		"http://\u0435xample": false, "//x": false, "http://x//y": false, "HTTP://x y": false} {
		if _, err := upstream.New(config(url)); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
	for name, spoil := range map[string]func(*upstream.Config){"no credential": func(c *upstream.Config) { c.Credential = narthex.Secret{} }, "a credential with a line": func(c *upstream.Config) { c.Credential = narthex.NewSecret("a\r\nX: y") },
		"no wait to dial": func(c *upstream.Config) { c.Dial = 0 }, "no wait for a header": func(c *upstream.Config) { c.Header = 0 }, "no idle": func(c *upstream.Config) { c.Idle = 0 }, "no bound": func(c *upstream.Config) { c.MostBody = 0 }} {
		c := config("http://127.0.0.1:1")
		if spoil(&c); true {
			if _, err := upstream.New(c); err == nil {
				t.Errorf("a client was made with %s", name)
			}
		}
	}
}

// TestAPrivateAddressIsDialledOnlyWhereItIsNamed: a name that resolves to loopback is refused, the address itself is not.
func TestAPrivateAddressIsDialledOnlyWhereItIsNamed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if status, body, err := connect(t, config(server.URL)).DoAll(t.Context(), "GET", "/", nil); err != nil || status != 200 || string(body) != "ok" {
		t.Errorf("the address that is named: %d %s %v", status, body, err)
	}
	for _, host := range []string{"localhost", "2130706433", "0x7f.1"} {
		if _, _, err := connect(t, config("http://"+host+":"+port)).DoAll(t.Context(), "GET", "/", nil); !errors.Is(err, upstream.ErrDown) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestANameResolvesToPublicAddressesOnly(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "192.0.1.1": true, "198.20.0.1": true, "2606:4700::1111": true, "64:ff9c::1": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "127.0.0.1": false, "169.254.169.254": false, "172.16.0.1": false, "192.0.0.192": false,
		"192.168.0.1": false, "198.18.0.1": false, "198.19.255.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fd00::1": false, "ff02::1": false, "64:ff9b::a00:1": false, "64:ff9b:1::a00:1": false, "2002:a00:1::1": false,
	} {
		if got := upstream.Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %v", text, got)
		}
	}
}

func TestARequestIsBuiltAndAnAnswerReadWhole(t *testing.T) {
	long := strings.Repeat("0123456789", 3000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer secret" || string(body) != "{}" || r.URL.Path != "/base/v1/x" {
			http.Error(w, "not as built", 400)
			return
		}
		if r.Header.Get("Accept") == "text/event-stream" {
			for range 3 {
				io.WriteString(w, long)
				w.(http.Flusher).Flush()
			}
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(long)))
		io.WriteString(w, long)
	}))
	defer server.Close()
	client := connect(t, config(server.URL+"/base"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 10 {
				if status, body, err := client.DoAll(context.Background(), "POST", "/v1/x", []byte("{}")); err != nil || status != 200 || string(body) != long {
					t.Errorf("whole: %d %v", status, err)
				}
				answer, err := client.Do(context.Background(), "POST", "/v1/x", "text/event-stream", []byte("{}"))
				if err != nil {
					t.Error(err)
					continue
				}
				if body, err := io.ReadAll(answer.Body); err != nil || string(body) != long+long+long {
					t.Errorf("in pieces: %d bytes, %v", len(body), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestTLSIsVerified(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	server.Config.ErrorLog = nil
	if _, _, err := connect(t, config(server.URL)).DoAll(t.Context(), "GET", "/", nil); !errors.Is(err, upstream.ErrDown) {
		t.Errorf("a certificate that nobody signed: %v", err)
	}
	trusted := config(server.URL)
	trusted.Roots = x509.NewCertPool()
	trusted.Roots.AddCert(server.Certificate())
	if _, body, err := connect(t, trusted).DoAll(t.Context(), "GET", "/", nil); err != nil || string(body) != "ok" {
		t.Errorf("one that is trusted: %v", err)
	}
}

// speak serves one raw answer to every request.
func speak(t testing.TB, answer string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					io.WriteString(conn, answer)
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

func TestWhatIsOutsideTheSubsetIsAnError(t *testing.T) {
	for name, answer := range map[string]string{
		"a redirect":                "HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.0":                  "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
		"an informational answer":   "HTTP/1.1 100 Continue\r\n\r\n",
		"no length":                 "HTTP/1.1 200 OK\r\n\r\nabc",
		"two lengths":               "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
		"a length and chunks":       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"gzip":                      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
		"a folded header":           "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 1\r\n\r\na",
		"a header without a colon":  "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 1\r\n\r\na",
		"a space before the colon":  "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na",
		"a negative length":         "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
		"a signed length":           "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
		"a short body":              "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"a chunk extension":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n",
		"a trailer":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
		"a chunk that lies":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\r\n0\r\n\r\n",
		"chunks that do not end":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
		"bare line ends":            "HTTP/1.1 200 OK\nContent-Length: 1\n\na",
		"a body beyond the bound":   "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("a", 100000),
		"a header beyond the bound": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 20000) + "\r\nContent-Length: 1\r\n\r\na",
		"nothing":                   "",
	} {
		status, body, err := connect(t, config(speak(t, answer))).DoAll(t.Context(), "GET", "/", nil)
		if err == nil {
			t.Errorf("%s was read: %d %.20q", name, status, body)
		}
	}
}

func TestTheEndOfTheContextEndsTheCall(t *testing.T) {
	begun := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		close(begun)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := connect(t, config(server.URL)).Do(ctx, "GET", "/", "text/event-stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	if _, err := io.ReadAll(answer.Body); !errors.Is(err, upstream.ErrBroken) {
		t.Errorf("after the end it reads: %v", err)
	}
}

// FuzzAnswer: whatever we read, the standard library reads with the same status and body.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: a\r\n\r\nabc", "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		status, body, err := upstream.Parse(data)
		if err != nil {
			return
		}
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), nil)
		if err != nil {
			t.Fatalf("we read %q and the library does not: %v", data, err)
		}
		theirs, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status || !bytes.Equal(body, theirs) {
			t.Fatalf("%q: we read %d %q and the library %d %q, %v", data, status, body, answer.StatusCode, theirs, err)
		}
	})
}
