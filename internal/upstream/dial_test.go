package upstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"narthex/internal/testenv/rig"
	"narthex/internal/upstream"
)

// TestANameIsResolvedOnceAndThatAddressIsDialled: a name that first leads to a public address and then to a private one is not
// asked twice, and what is dialled is a number.
func TestANameIsResolvedOnceAndThatAddressIsDialled(t *testing.T) {
	public, private := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("127.0.0.1")
	errNoRoute := errors.New("no route")
	for name, c := range map[string]struct {
		answers [][]netip.Addr // of one resolution after the other
		dialled []string
	}{
		"public, then private":           {[][]netip.Addr{{public}, {private}}, []string{"1.1.1.1:80"}},
		"private, then public":           {[][]netip.Addr{{private}, {public}}, nil},
		"both at once":                   {[][]netip.Addr{{private, public}, {private}}, []string{"1.1.1.1:80"}},
		"private in another form":        {[][]netip.Addr{{netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")}}, nil},
		"a link's, with its zone":        {[][]netip.Addr{{netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("169.254.169.254")}}, nil},
		"two public ones, neither there": {[][]netip.Addr{{public, netip.MustParseAddr("2606:4700::1111")}, {private}}, []string{"1.1.1.1:80", "[2606:4700::1111]:80"}},
	} {
		resolved, dialled := 0, []string(nil)
		client := connect(t, config("http://models.example"))
		upstream.Surround(client, func(_ context.Context, _, asked string) ([]netip.Addr, error) {
			if asked != "models.example" || resolved >= len(c.answers) {
				t.Errorf("%s: %q is resolved for the %d. time", name, asked, resolved+1)
				return nil, errNoRoute
			}
			resolved++
			return c.answers[resolved-1], nil
		}, func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return nil, errNoRoute
		})
		if _, _, err := client.DoAll(t.Context(), "GET", "/", nil); !errors.Is(err, upstream.ErrDown) {
			t.Errorf("%s: %v", name, err)
		}
		if resolved != 1 || fmt.Sprint(dialled) != fmt.Sprint(c.dialled) {
			t.Errorf("%s: it was resolved %d times, and %v were dialled", name, resolved, dialled)
		}
	}
}

// TestNoNumberInDisguiseIsDialled: a host that some readers take for an address and others for a name is dialled as neither.
func TestNoNumberInDisguiseIsDialled(t *testing.T) {
	for _, host := range []string{"2130706433", "0x7f.1", "017700000001", "127.1", "127.0.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "localhost", "localhost.", "LOCALHOST", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[::]"} {
		client, err := upstream.New(config("http://" + host + ":1"))
		if err != nil {
			continue
		}
		_, name, _, _, _ := upstream.Target(client)
		upstream.Surround(client, func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil // as a resolver that takes numbers of every kind
		}, func(_ context.Context, _, address string) (net.Conn, error) {
			if literal, err := netip.ParseAddr(name); err != nil || netip.MustParseAddrPort(address).Addr() != literal {
				t.Errorf("%s is dialled as %s", host, address)
			}
			return nil, errors.New("no route")
		})
		if _, _, err := client.DoAll(t.Context(), "GET", "/", nil); !errors.Is(err, upstream.ErrDown) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var reached atomic.Int64
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer private.Close()
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308} {
		public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", private.URL)
			w.Header().Set("Refresh", "0; url="+private.URL)
			w.Header().Set("Alt-Svc", `h2="`+strings.TrimPrefix(private.URL, "http://")+`"`)
			w.WriteHeader(status)
		}))
		if _, _, err := connect(t, config(public.URL)).DoAll(t.Context(), "POST", "/", []byte("{}")); !errors.Is(err, upstream.ErrStrict) {
			t.Errorf("%d: %v", status, err)
		}
		public.Close()
	}
	if reached.Load() != 0 {
		t.Errorf("it was followed %d times", reached.Load())
	}
}

// certificate makes one for an address or a name, good between two times, signed by itself.
func certificate(t *testing.T, address, name string, from, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if address != "" {
		template.IPAddresses = []net.IP{net.ParseIP(address)}
	}
	if name != "" {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestACertificateIsInTimeAndOfTheHost, also where who signed it is trusted; and no protocol older than TLS 1.2 is spoken.
func TestACertificateIsInTimeAndOfTheHost(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		certificate tls.Certificate
		newest      uint16
		trusted     bool
		good        bool
	}{
		"the right one":        {certificate(t, "127.0.0.1", "", now.Add(-time.Hour), now.Add(time.Hour)), 0, true, true},
		"one signed by itself": {certificate(t, "127.0.0.1", "", now.Add(-time.Hour), now.Add(time.Hour)), 0, false, false},
		"one that has ended":   {certificate(t, "127.0.0.1", "", now.Add(-2*time.Hour), now.Add(-time.Hour)), 0, true, false},
		"one to come":          {certificate(t, "127.0.0.1", "", now.Add(time.Hour), now.Add(2*time.Hour)), 0, true, false},
		"another address's":    {certificate(t, "127.0.0.2", "", now.Add(-time.Hour), now.Add(time.Hour)), 0, true, false},
		"a name's":             {certificate(t, "", "models.example", now.Add(-time.Hour), now.Add(time.Hour)), 0, true, false},
		"of nobody":            {certificate(t, "", "", now.Add(-time.Hour), now.Add(time.Hour)), 0, true, false},
		"by an old protocol":   {certificate(t, "127.0.0.1", "", now.Add(-time.Hour), now.Add(time.Hour)), tls.VersionTLS11, true, false},
	} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{c.certificate}, MinVersion: tls.VersionTLS10, MaxVersion: c.newest}
		server.Config.ErrorLog = quiet()
		server.StartTLS()
		settings := config(server.URL)
		settings.Roots = x509.NewCertPool()
		if c.trusted {
			parsed, err := x509.ParseCertificate(c.certificate.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			settings.Roots.AddCert(parsed)
		}
		_, body, err := connect(t, settings).DoAll(t.Context(), "GET", "/", nil)
		if (err == nil) != c.good || c.good && string(body) != "ok" || !c.good && !errors.Is(err, upstream.ErrDown) {
			t.Errorf("%s: %q %v", name, body, err)
		}
		server.Close()
	}
}

// rfc3986 is that document's own expression for the parts of a reference (appendix B).
var rfc3986 = regexp.MustCompile(`^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?$`)

// apart takes a URL apart in another way than the client does: scheme, host, port and path, or false.
func apart(text string) (scheme, host, port, path string, ok bool) {
	parts := rfc3986.FindStringSubmatch(text)
	if parts == nil || parts[6] != "" || parts[8] != "" {
		return "", "", "", "", false
	}
	scheme, host, path = parts[2], parts[4], parts[5]
	if at := strings.LastIndex(host, ":"); at >= 0 && at > strings.LastIndex(host, "]") {
		host, port = host[:at], host[at+1:]
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme, strings.Trim(host, "[]"), port, path, true
}

// TestRigAURLHasOneReading: of every generated URL that is taken, the client dials, names and asks what another reader reads
// in it. NARTHEX_RIG=long makes it ten million.
func TestRigAURLHasOneReading(t *testing.T) {
	seed, many := rig.Begin(t, "./internal/upstream", 200_000, 10_000_000)
	random := mrand.New(mrand.NewPCG(seed, 3))
	pieces := []string{"http", "https", "HTTP", ":", "//", "/", "\\", "@", "a", "b.example", "evil.example", "127.0.0.1", "[::1]", "[::1%25eth0]", "0x7f.1", ":80", ":0", ":99999", ":-1", ":", "?", "#", "%2f", "%40", "%00", " ", "\t", "\r\n", ".", "..", ";", "user:pass@", "é", "。", "xn--", "v1", "&", "=", "[", "]", "+", "~"}
	taken := 0
	for range many {
		var text strings.Builder
		if random.IntN(4) > 0 {
			text.WriteString([]string{"http://", "https://"}[random.IntN(2)])
		}
		for range 1 + random.IntN(5) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		client, err := upstream.New(config(text.String()))
		if err != nil {
			continue
		}
		taken++
		secured, name, port, host, base := upstream.Target(client)
		scheme, wantName, wantPort, wantPath, ok := apart(text.String())
		said := name
		if strings.Contains(name, ":") {
			said = "[" + name + "]"
		}
		if !ok || secured != (scheme == "https") || name != wantName || port != wantPort || base != strings.TrimSuffix(wantPath, "/") || host != said && !strings.HasPrefix(host, said+":") || strings.ContainsAny(host+base, "@ \t\r\n\\%?#") {
			t.Fatalf("%q is dialled as %q port %q, says %q and asks for %q; another reads %q, %q, %q, %q", text.String(), name, port, host, base, scheme, wantName, wantPort, wantPath)
		}
	}
	if taken < many/1000 {
		t.Errorf("%d of %d URLs were taken", taken, many)
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
