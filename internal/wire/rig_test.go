package wire_test

import (
	"bufio"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"narthex/internal/testenv/rig"
	"narthex/internal/wire"
)

// reference is the expression of RFC 3986, appendix B, for the parts of a reference.
var reference = regexp.MustCompile(`^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?$`)

// TestRigATargetHasOneReading: of every generated request that is taken, the path that leads to a route is the one that another
// reader finds in its first line, as it was written. NARTHEX_RIG=long makes it ten million.
func TestRigATargetHasOneReading(t *testing.T) {
	seed, many := rig.Begin(t, "./internal/wire", 200_000, 10_000_000)
	random := rand.New(rand.NewPCG(seed, 4))
	pieces := []string{"/", "/", "/", "v1", "models", "api", "x", "http://", "//", "evil.example", ":80", "@", "..", ".", ";", "%2f", "%2e", "%00", "%", "?", "?", "#", "&", "=", "a", "Z", "~", "-", "_", "+", "\\", "é", "\xff", "\t", "*", "[", "]", ":", "|"}
	taken := 0
	for range many {
		var text strings.Builder
		if random.IntN(4) > 0 {
			text.WriteString("/")
		}
		for range 1 + random.IntN(7) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		target := text.String()
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil || wire.CheckTarget(r) != nil {
			continue
		}
		taken++
		parts := reference.FindStringSubmatch(target)
		if parts == nil || parts[2]+parts[4]+parts[8] != "" || r.URL.Path != parts[5] || r.URL.RawQuery != parts[7] || r.Host != "x" || r.URL.Host != "" || r.URL.Fragment != "" || !regexp.MustCompile(`^(/|(/[A-Za-z0-9._~@-]+)+)$`).MatchString(parts[5]) {
			t.Fatalf("%q leads to %q with the query %q at %q; another reads %q", target, r.URL.Path, r.URL.RawQuery, r.Host, parts)
		}
	}
	if taken < many/1000 {
		t.Errorf("%d of %d targets were taken", taken, many)
	}
}
