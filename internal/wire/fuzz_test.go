package wire_test

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/wire"
)

// TestEveryDecoderIsFuzzed: whatever the package exports that can refuse what it reads is called by a fuzz target.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	decoders, fuzzed := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range file.Decls {
			f, is := declared.(*ast.FuncDecl)
			switch {
			case !is:
			case strings.HasSuffix(name, "_test.go"):
				if strings.HasPrefix(f.Name.Name, "Fuzz") {
					ast.Inspect(f.Body, func(n ast.Node) bool {
						if selected, is := n.(*ast.SelectorExpr); is {
							fuzzed[selected.Sel.Name] = true
						}
						return true
					})
				}
			case f.Name.IsExported() && fails(f.Type) && f.Name.Name != "NewToken": // which writes
				decoders[f.Name.Name] = true
			}
		}
	}
	if len(decoders) < 9 {
		t.Errorf("the decoders are %v", slices.Sorted(maps.Keys(decoders)))
	}
	for name := range decoders {
		if !fuzzed[name] {
			t.Errorf("%s reads what comes from outside, and no fuzz target calls it", name)
		}
	}
}

// fails says whether a function's last result is an error.
func fails(of *ast.FuncType) bool {
	if of.Results == nil {
		return false
	}
	last, is := of.Results.List[len(of.Results.List)-1].Type.(*ast.Ident)
	return is && last.Name == "error"
}

func FuzzReadBody(f *testing.F) {
	f.Add([]byte(`{"a":1}`), "application/json", "", int64(-1))
	f.Add([]byte(`{"a":1}`), "application/json; charset=UTF-8", "gzip", int64(7))
	f.Add([]byte(strings.Repeat("a", 70)), "application/json;charset=utf-8", "", int64(1<<40))
	f.Fuzz(func(t *testing.T, body []byte, kind, coding string, announced int64) {
		r := &http.Request{Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: announced}
		if coding != "" {
			r.Header.Set("Content-Encoding", coding)
		}
		const most = 64
		read, err := wire.ReadBody(r, most)
		if err != nil {
			if read != nil || !narthex.IsKind(err, narthex.Invalid) {
				t.Fatalf("refused as %v with %d bytes", err, len(read))
			}
			return
		}
		plain := strings.EqualFold(strings.TrimSpace(kind), "application/json") || strings.Contains(kind, ";")
		if !bytes.Equal(read, body) || len(read) > most || coding != "" || !plain {
			t.Fatalf("%d bytes of %q, coded %q, were read as %d", len(body), kind, coding, len(read))
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "diff=yes", "diff=yes&diff=no", "d%69ff=yes", "diff=%79es", "diff", "diff=", "=", "&", "diff=a+b", "diff=yes;x=1", "Diff=yes", "diff=a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := wire.Query(&http.Request{URL: &url.URL{RawQuery: raw}}, "diff", "limit")
		if err != nil {
			if query != nil || !narthex.IsKind(err, narthex.Invalid) {
				t.Fatalf("refused as %v with %v", err, query)
			}
			return
		}
		theirs, err := url.ParseQuery(raw)
		if err != nil || len(theirs) != len(query) {
			t.Fatalf("%q is read as %v, and by the library as %v, %v", raw, query, theirs, err)
		}
		for name, value := range query {
			if !slices.Equal(theirs[name], []string{value}) || name != "diff" && name != "limit" || !strings.Contains("&"+raw+"&", "&"+name+"="+value+"&") {
				t.Fatalf("%q is read as %v", raw, query)
			}
		}
	})
}

// FuzzLength reads requests as a server does: what is taken has its length in the header, and nothing in chunks.
func FuzzLength(f *testing.F) {
	for _, seed := range []string{"Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "transfer-encoding:\tCHUNKED \r\n", "X: y\nTransfer-Encoding: chunked\r\n", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\nHost: x\r\n" + header + "\r\n0\r\n\r\n")))
		if err != nil {
			return
		}
		err = wire.CheckLength(r)
		if err != nil && !narthex.IsKind(err, narthex.Invalid) {
			t.Fatalf("refused as %v", err)
		}
		head, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower("\n"+header+"\r\n"), "\r", ""), "\n\n")
		if err == nil && strings.Contains(head, "\ntransfer-encoding:") {
			t.Fatalf("%q was taken", header)
		}
	})
}

func FuzzAddCheckpoint(f *testing.F) {
	f.Add([]byte("old 0\n\nlog.test\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Add([]byte("old 5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nx"))
	f.Add([]byte("old 05\n\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		asked, err := wire.ParseAddCheckpoint(data)
		if err != nil {
			if !narthex.IsKind(err, narthex.Invalid) {
				t.Fatalf("a foreign error: %v", err)
			}
			return
		}
		if asked.Text() != string(data) || len(asked.Proof) > 63 {
			t.Fatalf("%q is read, and written as %q", data, asked.Text())
		}
	})
}

// slow is a body that comes piece by piece, and has no end of its own.
type slow struct{ left int }

func (s *slow) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, "      "[:min(6, s.left)])
	s.left -= n
	return n, nil
}

// TestABodyTakesMemoryWhenItComes: what is announced takes none, and what is too long takes no more than the bound allows.
func TestABodyTakesMemoryWhenItComes(t *testing.T) {
	const most = 1 << 20
	for name, c := range map[string]struct {
		announced int64
		come      int
		bytes     uint64
		good      bool
	}{
		"announced and not come":         {most, 0, 16 << 10, true},
		"announced, too long":            {most + 1, 10 << 20, 16 << 10, false},
		"too long, of an unknown length": {-1, 10 << 20, 5 * most, false},
		"short":                          {100, 100, 16 << 10, true},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := httptest.NewRequest("POST", "/", &slow{c.come})
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = c.announced
		_, err := wire.ReadBody(r, most)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > c.bytes || (err == nil) != c.good {
			t.Errorf("a body that is %s took %d bytes, %v", name, took, err)
		}
	}
}
