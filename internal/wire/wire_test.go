package wire_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/wire"
)

type document struct {
	Name  string             `json:"name"`
	Count int64              `json:"count"`
	Share *float64           `json:"share"`
	List  []string           `json:"list"`
	Map   map[string]float64 `json:"map"`
	Value *narthex.Value     `json:"value"`

	Values map[string]narthex.Value `json:"values"`
}

var most = wire.Limits{Bytes: 4096, Depth: 6}

func TestADocumentHasOneReading(t *testing.T) {
	for text, good := range map[string]bool{
		`{"name":"a","count":5,"share":0.5,"list":["x"],"map":{"1":2},"value":5}`: true,
		`{}`:                            true,
		` {"name":"a"} `:                true,
		`{"name":"a","name":"b"}`:       false,
		`{"Name":"a"}`:                  false,
		`{"\u006eame":"a","name":""}`:   false,
		`{"other":1}`:                   false,
		`{"count":1.0}`:                 false,
		`{"count":1e2}`:                 false,
		`{"count":-0}`:                  false,
		`{"count":"5"}`:                 false,
		`{"count":9223372036854775808}`: false,
		`{"share":1e400}`:               false,
		`{"share":-0}`:                  false,
		`{"value":null}`:                true, // none, as where it is left out
		`{"values":{"a":null}}`:         false,
		`{"name":"\ud800"}`:             false,
		"{\"name\":\"\xff\"}":           false,
		`{"name":"a"}{}`:                false,
		`{"name":"a"}x`:                 false,
		`{"list":[[[[[[[]]]]]]]}`:       false,
		`{"map":{"a":1,"a":2}}`:         false,
		`[]`:                            false,
		``:                              false,
		`{"name":NaN}`:                  false,
		`{'name':'a'}`:                  false,
		`{"name":"a",}`:                 false,
		`{"name":"` + strings.Repeat("a", 5000) + `"}`: false,
	} {
		if _, err := wire.Decode[document]([]byte(text), most); (err == nil) != good {
			t.Errorf("%.60s: %v", text, err)
		} else if err != nil && !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%.60s is refused as %v", text, narthex.AsError(err).Kind)
		}
	}
	if _, err := wire.Decode[document]([]byte(`{}`), wire.Limits{}); err == nil {
		t.Error("zero limits let a document in")
	}
}

func TestAnErrorHoldsNothingOfTheDocument(t *testing.T) {
	for _, text := range []string{`{"canary-name":1}`, `{"count":"canary"}`, `{"list":[1,"canary"]}`, `{"map":{"canary":"x"}}`, `{"name":"canary" canary}`, `{"canary":1,"canary":2}`} {
		_, err := wire.Decode[document]([]byte(text), most)
		public := narthex.AsError(err)
		if strings.Contains(public.Public, "canary-name") || strings.Contains(public.Public, `"canary`) {
			t.Errorf("%s: %s", text, public.Public)
		}
	}
	_, err := wire.Decode[document]([]byte(`{"list":["a",5]}`), most)
	if public := narthex.AsError(err); public.Param != "list.1" {
		t.Errorf("the field at fault is named %q", public.Param)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"a","count":5,"share":0.5,"list":["x"],"map":{"1":2},"value":["a"]}`, `{"count":-1}`, `{"name":"\u00e9"}`, `{"value":"2026-01-02T03:04:05Z"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := wire.Decode[document](data, most)
		if err != nil {
			if _, public := err.(*narthex.Error); !public {
				t.Fatalf("a foreign error: %v", err)
			}
			return
		}
		var again document
		if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(read, again) {
			t.Fatalf("two readers disagree on %q: %+v and %+v (%v)", data, read, again, err)
		}
	})
}

func FuzzDecodeLenient(f *testing.F) {
	f.Add([]byte(`{"name":"a","other":{"x":[-0]}}`))
	f.Add([]byte(`{"nAme":"a"}`)) // another name: unknown, and let pass
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := wire.DecodeLenient[document](data, most)
		if err != nil {
			return
		}
		// The other reader takes names as they are written; into a struct it would fold their case.
		var members map[string]json.RawMessage
		var again document
		err = json.Unmarshal(data, &members)
		for name, into := range map[string]any{"name": &again.Name, "count": &again.Count} {
			if value, has := members[name]; has {
				err = errors.Join(err, json.Unmarshal(value, into))
			}
		}
		if err != nil || read.Name != again.Name || read.Count != again.Count {
			t.Fatalf("two readers disagree on %q: %v", data, err)
		}
	})
}

func FuzzToken(f *testing.F) {
	token, err := wire.NewToken(wire.KeyToken, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token.Reveal())
	f.Add("nx_" + strings.Repeat("a", 58))
	f.Fuzz(func(t *testing.T, text string) {
		hash, err := wire.ParseToken(wire.KeyToken, narthex.NewSecret(text))
		if err == nil && (len(text) != 61 || hash != wire.HashToken(narthex.NewSecret(text)) || strings.ToLower(text) != text) {
			t.Fatalf("%q was taken as a token", text)
		}
		if _, err := wire.ParseToken(wire.SessionToken, narthex.NewSecret(text)); err == nil && strings.HasPrefix(text, "nx_") {
			t.Fatalf("%q is taken as two kinds", text)
		}
	})
}

func TestATokenIsWholeAndOfItsKind(t *testing.T) {
	for _, kind := range []wire.TokenKind{wire.KeyToken, wire.SessionToken, wire.CodeToken} {
		token, err := wire.NewToken(kind, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text := token.Reveal()
		if _, err := wire.ParseToken(kind, token); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, wrong := range []string{text + " ", text + "\t", text + "\n", text + "\x00", " " + text} {
			if _, err := wire.ParseToken(kind, narthex.NewSecret(wrong)); !narthex.IsKind(err, narthex.Unauthenticated) {
				t.Errorf("%s was trimmed", kind)
			}
		}
		for i := range text {
			for _, wrong := range []string{text[:i], text[:i] + string(text[i]^1) + text[i+1:], text[:i] + text[i+1:]} {
				if _, err := wire.ParseToken(kind, narthex.NewSecret(wrong)); !narthex.IsKind(err, narthex.Unauthenticated) {
					t.Errorf("%s changed at %d was taken", kind, i)
				}
			}
		}
	}
	if _, err := wire.NewToken(wire.KeyToken, strings.NewReader("too little")); err == nil {
		t.Error("a token was drawn without randomness")
	}
}

func request(target string, header http.Header) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RequestURI = target
	if u, err := url.ParseRequestURI(target); err == nil {
		r.URL = u
	}
	if header != nil {
		r.Header = header
	}
	return r
}

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/v1/models", "/v1/../x", "/v1%2fmodels", "//v1", "/v1/", "/a;b", "/%00", "/v1/models?x=/y", "/v1/models#x", "http://x/v1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if _, err := url.ParseRequestURI(target); err != nil {
			return
		}
		r := request(target, nil)
		if wire.CheckTarget(r) != nil {
			return
		}
		path, _, _ := strings.Cut(target, "?")
		if r.URL.Path != path || strings.Contains(path, "//") || strings.Contains(path, "%") || strings.Contains("/"+path+"/", "/../") || path != "/" && strings.HasSuffix(path, "/") {
			t.Fatalf("%q was taken as a plain path", target)
		}
	})
}

func TestOneCredentialInOnePlace(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		header http.Header
		kind   narthex.Kind
		good   bool
	}{
		"a bearer":              {"/x", http.Header{"Authorization": {"Bearer abc"}}, 0, true},
		"nothing":               {"/x", http.Header{}, narthex.Unauthenticated, false},
		"a key header alone":    {"/x", http.Header{"X-Api-Key": {"abc"}}, narthex.Unauthenticated, false},
		"basic":                 {"/x", http.Header{"Authorization": {"Basic abc"}}, narthex.Unauthenticated, false},
		"a lower-case bearer":   {"/x", http.Header{"Authorization": {"bearer abc"}}, narthex.Unauthenticated, false},
		"two bearers":           {"/x", http.Header{"Authorization": {"Bearer a", "Bearer a"}}, narthex.Invalid, false},
		"a bearer and a cookie": {"/x", http.Header{"Authorization": {"Bearer a"}, "Cookie": {"a=b"}}, narthex.Invalid, false},
		"one in the query":      {"/x?API_KEY=a", http.Header{"Authorization": {"Bearer a"}}, narthex.Invalid, false},
		"one hidden in it":      {"/x?a=b;access%5ftoken=a", http.Header{"Authorization": {"Bearer a"}}, narthex.Invalid, false},
	} {
		secret, err := wire.Credential(request(c.target, c.header))
		if (err == nil) != c.good || err != nil && !narthex.IsKind(err, c.kind) || c.good && secret.Reveal() != "abc" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCredential(f *testing.F) {
	f.Add("Bearer abc", "x=1")
	f.Add("Bearer ", "token=1")
	f.Fuzz(func(t *testing.T, authorization, query string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}}, URL: &url.URL{RawQuery: query}}
		secret, err := wire.Credential(r)
		if err == nil && authorization != "Bearer "+secret.Reveal() {
			t.Fatalf("%q was read as another credential", authorization)
		}
	})
}

func TestABodyIsPlainAndBounded(t *testing.T) {
	body := func(text string, header ...string) *http.Request {
		r := httptest.NewRequest("POST", "/", strings.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	if got, err := wire.ReadBody(body("12345"), 5); err != nil || string(got) != "12345" {
		t.Errorf("a body at the limit: %q %v", got, err)
	}
	chunked := body("123456")
	chunked.ContentLength = -1
	for name, r := range map[string]*http.Request{"a longer one": body("123456"), "a longer one of unknown length": chunked, "a gzipped one": body("1", "Content-Encoding", "gzip"), "an identity coding": body("1", "Content-Encoding", "identity"),
		"a form": body("1", "Content-Type", "application/x-www-form-urlencoded"), "another charset": body("1", "Content-Type", "application/json; charset=utf-16")} {
		if _, err := wire.ReadBody(r, 5); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: {}\n\n: comment\n\ndata: [DONE]\n\n"))
	f.Add([]byte("event: x\ndata: y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events := wire.NewEvents(bytes.NewReader(data), 64)
		for range len(data) + 2 {
			event, err := events.Next()
			if err != nil {
				if err != io.EOF && !errors.Is(err, wire.ErrEvents) {
					t.Fatalf("a foreign error: %v", err)
				}
				return
			}
			if !bytes.Contains(data, append([]byte("data: "), event...)) {
				t.Fatalf("an event that is not there: %q", event)
			}
		}
		t.Fatal("the stream does not end")
	})
}

func TestAStreamSaysWhenItIsDone(t *testing.T) {
	for text, done := range map[string]bool{"data: a\n\ndata: [DONE]\n\n": true, "data: a\r\n\r\ndata: [DONE]\r\n\r\n": true, "data: a\n\n": false, "data: \"[DONE]\"\n\n": false} {
		events := wire.NewEvents(strings.NewReader(text), 64)
		for {
			if _, err := events.Next(); err != nil {
				break
			}
		}
		if events.Done() != done {
			t.Errorf("%q: done is %v", text, events.Done())
		}
	}
}

// TestAStreamHoldsWhatItsLinesAreLong: short lines do not take the memory of the longest, which may come all the same.
func TestAStreamHoldsWhatItsLinesAreLong(t *testing.T) {
	const longest = 1 << 20
	var held []*wire.Events
	for _, length := range []int{1, 8<<10 - 8, 8 << 10, 100_000, longest - len("data: \n")} {
		text := strings.Repeat("x", length)
		events := wire.NewEvents(strings.NewReader("data: "+text+"\n\ndata: y\n\ndata: [DONE]\n\n"), longest)
		for _, want := range []string{text, "y"} {
			if data, err := events.Next(); err != nil || string(data) != want {
				t.Fatalf("a line of %d: %d bytes, %v", length, len(data), err)
			}
		}
		if _, err := events.Next(); err != io.EOF || !events.Done() {
			t.Errorf("a line of %d: it ends with %v", length, err)
		}
	}
	events := wire.NewEvents(strings.NewReader("data: "+strings.Repeat("x", longest)+"\n\n"), longest)
	if _, err := events.Next(); !errors.Is(err, wire.ErrEvents) {
		t.Errorf("a line beyond the longest: %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		events := wire.NewEvents(strings.NewReader("data: y\n\n"), longest)
		if _, err := events.Next(); err != nil {
			t.Fatal(err)
		}
		held = append(held, events)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(len(held)); each > 32<<10 {
		t.Errorf("a stream of short lines takes %d bytes", each)
	}
}
