package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"narthex"
	"narthex/client"
)

const token = "ns_this-is-the-credential"

// fake is a node that answers every request the same way and remembers what it was asked.
type fake struct {
	*httptest.Server
	mu       sync.Mutex // guards requests
	requests []string
}

func newFake(t *testing.T, answer http.HandlerFunc) *fake {
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.RequestURI)
		f.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *fake) client(t *testing.T) *client.Client { return dial(t, f.URL) }

func dial(t *testing.T, base string) *client.Client {
	t.Helper()
	c, err := client.New(base)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestNoCredentialCrossesANetworkInTheClear(t *testing.T) {
	for base, allowed := range map[string]bool{
		"http://127.0.0.1:8080":         true,
		"http://[::1]:8080":             true,
		"http://localhost:8080":         true,
		"https://lab.example":           true,
		"https://lab.example/":          true,
		"http://lab.example":            false,
		"http://127.0.0.1.lab.example":  false,
		"http://10.0.0.1":               false,
		"http://0.0.0.0":                false,
		"https://u:p@lab.example":       false,
		"https://lab.example/x":         false,
		"https://lab.example?x":         false,
		"https://lab.example#x":         false,
		"ftp://lab.example":             false,
		"lab.example":                   false,
		"":                              false,
		"https://":                      false,
		"http://localhost@evil.example": false,
	} {
		_, err := client.New(base)
		if (err == nil) != allowed || err != nil && !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("New(%q) gives %v", base, err)
		}
	}
	for address, allowed := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "10.0.0.1:80": false, "[2001:db8::1]:80": false, "x": false} {
		if err := client.LoopbackOnly("tcp", address, nil); (err == nil) != allowed {
			t.Errorf("a connection to %s gives %v", address, err)
		}
	}
	if err := client.Dial(t.Context(), dial(t, "http://localhost:1"), "192.0.2.1:80"); err == nil || !strings.Contains(err.Error(), "off loopback") {
		t.Errorf("where localhost leads elsewhere, a connection gives %v", err)
	}
}

func TestAnUnknownCertificateGetsNoCredential(t *testing.T) {
	asked := false
	node := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	node.Config.ErrorLog = quiet()
	node.StartTLS()
	defer node.Close()
	_, err := dial(t, node.URL).With(token).WhoAmI(t.Context())
	if !narthex.IsKind(err, narthex.Unavailable) || asked {
		t.Fatalf("the answer is %v, asked %v", err, asked)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	other := newFake(t, says(200, `{}`))
	node := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/api/whoami", http.StatusTemporaryRedirect)
	})
	_, err := node.client(t).With(token).WhoAmI(t.Context())
	if !narthex.IsKind(err, narthex.Invalid) || len(other.seen()) != 0 {
		t.Fatalf("the error is %v, and the other server saw %v", err, other.seen())
	}
}

func TestTheCredentialIsSentOnceAndNeverShown(t *testing.T) {
	node := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+token || len(r.Header.Values("Cookie")) != 0 {
			t.Errorf("the credential came as %v", got)
		}
		says(401, `{"error":{"message":"No.","kind":"unauthenticated"}}`)(w, r)
	})
	c := node.client(t).With(token)
	_, err := c.WhoAmI(t.Context())
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %s", c, c, c), fmt.Sprintf("%+v", err)} {
		if strings.Contains(text, token) {
			t.Errorf("it shows the credential: %s", text)
		}
	}
	bare := newFake(t, func(_ http.ResponseWriter, r *http.Request) {
		if len(r.Header.Values("Authorization")) != 0 {
			t.Error("a client without a credential sent one")
		}
	})
	bare.client(t).Status(t.Context())
}

func TestAnIdentifierLeadsToNoOtherRoute(t *testing.T) {
	node := newFake(t, says(200, `{}`))
	c := node.client(t)
	for _, id := range []string{"", ".", "..", "../people", "a/b", "a?diff=yes/b", "a%2fb", "a b", "a\nb", "é"} {
		if _, err := c.Engagement(t.Context(), narthex.EngagementID(id)); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%q gives %v", id, err)
		}
		if _, err := c.Suspend(t.Context(), narthex.PersonID(id), "why"); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%q gives %v", id, err)
		}
	}
	if seen := node.seen(); len(seen) > 0 {
		t.Errorf("the node was asked %v", seen)
	}
}

func TestAnAnswerWithoutEndIsRefused(t *testing.T) {
	node := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"lab": "Endless"}`)
		block := []byte(strings.Repeat(" ", 1<<20))
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	if _, err := node.client(t).Status(t.Context()); !narthex.IsKind(err, narthex.Unavailable) {
		t.Fatalf("the error is %v", err)
	}
}

func TestAnAnswerThatDoesNotReadGivesNothing(t *testing.T) {
	node := newFake(t, says(200, `{"lab": "Half a Lab", "origin": 7}`))
	status, err := node.client(t).Status(t.Context())
	if !narthex.IsKind(err, narthex.Unavailable) || status != (client.Status{}) {
		t.Fatalf("it gives %+v, %v", status, err)
	}
}

func TestAnAnswerHasOneReading(t *testing.T) {
	for _, body := range []string{`{"lab":"A","lab":"B"}`, `{"lab":"A","l\u0061b":"B"}`, "{\"lab\":\"A\xff\"}", `{"lab":"\ud800"}`, `{"lab":"A"}{"lab":"B"}`, `{"more":{"x":1,"x":2}}`} {
		if status, err := newFake(t, says(200, body)).client(t).Status(t.Context()); !narthex.IsKind(err, narthex.Unavailable) || status != (client.Status{}) {
			t.Errorf("%q gives %+v, %v", body, status, err)
		}
	}
	if status, err := newFake(t, says(200, `{"Lab":"A"}`)).client(t).Status(t.Context()); err != nil || status.Lab != "" {
		t.Errorf("a name in another case gives %+v, %v", status, err)
	}
	_, err := newFake(t, says(403, `{"error":{"message":"A","message":"B","kind":"refused"}}`)).client(t).Status(t.Context())
	if narthex.IsKind(err, narthex.Refused) {
		t.Errorf("an error that says two things gives %v", err)
	}
}

func TestANewerNodeMaySayMore(t *testing.T) {
	node := newFake(t, says(200, `{"lab": "Lab", "weather": "fine"}`))
	if status, err := node.client(t).Status(t.Context()); err != nil || status.Lab != "Lab" {
		t.Fatalf("it gives %+v, %v", status, err)
	}
}

func TestAnExportThatBreaksOffIsAnError(t *testing.T) {
	node := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	node.Config.ErrorLog = quiet()
	var out strings.Builder
	if err := node.client(t).Export(t.Context(), &out); !narthex.IsKind(err, narthex.Unavailable) || out.String() != "half" {
		t.Fatalf("it wrote %q and gave %v", out.String(), err)
	}
	whole := newFake(t, says(200, "whole"))
	out.Reset()
	if err := whole.client(t).Export(t.Context(), &out); err != nil || out.String() != "whole" {
		t.Fatalf("it wrote %q and gave %v", out.String(), err)
	}
}

func TestANodeThatIsNotThereIsUnavailable(t *testing.T) {
	node := newFake(t, says(200, `{}`))
	node.Close()
	_, err := node.client(t).Status(t.Context())
	if e := narthex.AsError(err); e.Kind != narthex.Unavailable || e.Code != "no_answer" || e.Err == nil {
		t.Fatalf("the error is %+v", e)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := node.client(t).Status(stopped); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled request gives %v", err)
	}
}
