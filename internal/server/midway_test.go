package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// midway begins a request, does something when the node has let it in and waits for its body, then sends the body, and gives
// the status.
func midway(t testing.TB, e *testenv.Env, token, path, body string, between func()) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.Client.Base(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", path, token, len(body))
	from := bufio.NewReader(conn)
	if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the node does not ask for the body: %s %v", line, err)
	}
	if _, err := from.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	between()
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// TestWhatEndsASessionReachesARequestThatHadBegun: no change is made for someone who at that moment may not come in.
func TestWhatEndsASessionReachesARequestThatHadBegun(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	carol, sam := e.People["carol"], e.People["sam"]
	held, err := carol.Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(e.People["ada"].ID), Reason: "suspected_exfiltration"})
	if err != nil {
		t.Fatal(err)
	}
	var own client.Locked
	for name, between := range map[string]func(session client.Session) error{
		"a lock": func(client.Session) (err error) {
			own, err = carol.Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(sam.ID), Reason: "compromised_credential"})
			return err
		},
		"the session's end": func(s client.Session) error { return e.Client.With(s.Token).Logout(t.Context()) },
		"nothing":           func(client.Session) error { return nil },
	} {
		session, err := e.Client.Login(t.Context(), sam.Login)
		if err != nil {
			t.Fatal(err)
		}
		target := held.Lock.ID
		want := map[bool]int{true: 200, false: 401}[name == "nothing"]
		if got := midway(t, e, session.Token, "/api/locks/"+string(target)+"/lift", "{}", func() {
			if err := between(session); err != nil {
				t.Fatal(err)
			}
		}); got != want {
			t.Errorf("after %s the request answers %d and not %d", name, got, want)
		}
		if own.Lock.ID != "" {
			if _, err := e.People["dan"].Unlock(t.Context(), own.Lock.ID); err != nil {
				t.Fatal(err)
			}
			own = client.Locked{}
		}
		if name == "nothing" { // the lock that it lifts is set again, in whatever order the cases come
			if held, err = carol.Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(e.People["ada"].ID), Reason: "suspected_exfiltration"}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestNobodyLiftsALockOnThemselves: a lock set while they have a session leaves them no way in, so none to lift it.
func TestNobodyLiftsALockOnThemselves(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	sam := e.People["sam"]
	lock, err := e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(sam.ID), Reason: "compromised_credential"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sam.Unlock(t.Context(), lock.Lock.ID); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("who is locked lifts the lock: %v", err)
	}
	if _, err := e.Client.Login(t.Context(), sam.Login); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("who is locked logs in: %v", err)
	}
}
