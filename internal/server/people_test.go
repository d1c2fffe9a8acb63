package server_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// redeem makes a session of a code.
func redeem(t testing.TB, e *testenv.Env, code string) (*client.Client, error) {
	t.Helper()
	key, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	session, err := e.Client.Redeem(t.Context(), code, key)
	return e.Client.With(session.Token), err
}

// invite makes a code for a person of the lab.
func invite(t testing.TB, by *client.Client, handle string) string {
	t.Helper()
	invited, err := by.Invite(t.Context(), client.Invite{Handle: handle})
	if err != nil {
		t.Fatal(err)
	}
	return invited.Code
}

// with adds people to the lab's file.
func with(lines ...string) func(lab.Files) {
	return func(f lab.Files) {
		f["lab.yaml"] = append(f["lab.yaml"], []byte(strings.Join(lines, "\n")+"\n")...)
	}
}

// propose proposes a changed directory.
func propose(t testing.TB, e *testenv.Env, by *client.Client, change func(lab.Files)) narthex.Digest {
	t.Helper()
	files, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	change(files)
	state, err := by.Propose(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	return state.Proposed
}

const (
	eve   = "  - {handle: eve, name: Eve, email: eve@lab.test, roles: [custodian, security], region: de}"
	frank = "  - {handle: frank, name: Frank, email: frank@lab.test, roles: [custodian], region: de}"
)

func TestNobodyMakesALogInForWhoHasOne(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	for _, handle := range []string{"dan", "olga", "sam"} {
		if _, err := e.People["carol"].Invite(t.Context(), client.Invite{Handle: handle}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("a custodian gets a code for %s, who has a log-in: %v", handle, err)
		}
	}
	if _, err := e.People["carol"].Invite(t.Context(), client.Invite{Handle: "carol"}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a custodian gets a code for herself: %v", err)
	}
}

func TestOnlyTheLatestCodeOfAPersonWorksAndOnlyWhileTheyMayComeIn(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: with(eve, frank)})
	first := invite(t, e.People["carol"].Client, "eve")
	second := invite(t, e.People["dan"].Client, "eve")
	if _, err := redeem(t, e, first); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a code works beside a later one: %v", err)
	}
	in, err := redeem(t, e, second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.WhoAmI(t.Context()); err != nil {
		t.Error(err)
	}
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Handle: "frank"})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(invited.Person.ID), Reason: "compromised_credential"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := redeem(t, e, invited.Code); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a locked person redeems a code: %v", err)
	}
	if _, err := e.People["dan"].Unlock(t.Context(), lock.Lock.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := redeem(t, e, invited.Code); err != nil {
		t.Errorf("the code does not work when the lock is lifted: %v", err)
	}
}

func TestWhoeverMadeACodeIsNoSecondApprovalBesideIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: with(eve, frank)})
	carol := e.People["carol"].Client
	asEve, err := redeem(t, e, invite(t, carol, "eve"))
	if err != nil {
		t.Fatal(err)
	}
	asFrank, err := redeem(t, e, invite(t, asEve, "frank"))
	if err != nil {
		t.Fatal(err)
	}
	digest := propose(t, e, carol, func(f lab.Files) { with(eve, frank)(f); delete(f, "guardrails/test.cedar") })
	if _, err := carol.ApproveLab(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*client.Client{"eve": asEve, "frank": asFrank} {
		if state, err := c.ApproveLab(t.Context(), digest); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s, whose code came from carol, approves beside her: %s %v", name, state.InForce.Short(), err)
		}
	}
	if state, err := e.People["dan"].ApproveLab(t.Context(), digest); err != nil || state.InForce != digest {
		t.Errorf("two who came apart from each other do not put it in force: %v", err)
	}
}

func TestASecondCustodianCanBeMadeByTheOnlyOne(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	carol := e.People["carol"].Client
	change := func(f lab.Files) {
		f["lab.yaml"] = []byte(strings.Replace(string(f["lab.yaml"]), "handle: dan, name: Dan,", "handle: dora, name: Dora,", 1))
	}
	digest := propose(t, e, carol, change)
	for _, name := range []string{"dan", "carol"} {
		if _, err := e.People[name].ApproveLab(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
	}
	asDora, err := redeem(t, e, invite(t, carol, "dora"))
	if err != nil {
		t.Fatal(err)
	}
	digest = propose(t, e, carol, func(f lab.Files) { change(f); delete(f, "guardrails/test.cedar") })
	if _, err := carol.ApproveLab(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if state, err := asDora.ApproveLab(t.Context(), digest); err != nil || state.InForce != digest {
		t.Errorf("the two custodians that the lab has can approve nothing: %v", err)
	}
}

func TestADirectoryOfAnOutsiderIsNotRead(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	session, err := e.Client.Login(t.Context(), e.People["ada"].Login)
	if err != nil {
		t.Fatal(err)
	}
	said := func(path, body string) string {
		_, text, _ := strings.Cut(plain(send(t, e, post(session.Token, path, body))), "\n\n")
		return text
	}
	absent := said("/api/lab/absent", "{}")
	for _, body := range []string{`{"files":{"lab.yaml":"eA=="}}`, `{"files":`, `no JSON`} {
		if got := said("/api/lab/propose", body); got != absent || !strings.Contains(got, "withheld") {
			t.Errorf("an outsider proposes %s and is told\n%s\nand of what is not there\n%s", body, got, absent)
		}
	}
}

// answerChallenge answers a challenge for a key, and gives the status.
func answerChallenge(t testing.TB, e *testenv.Env, key ed25519.PrivateKey, nonce, origin string) int {
	t.Helper()
	public := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	proof := base64.StdEncoding.EncodeToString(ed25519.Sign(key, client.LoginMessage("login", origin, nonce, public)))
	return status(t, send(t, e, post("", "/api/login", fmt.Sprintf(`{"public_key":%q,"nonce":%q,"proof":%q}`, public, nonce, proof))))
}

func status(t testing.TB, answer string) (code int) {
	t.Helper()
	if _, err := fmt.Sscanf(answer, "HTTP/1.1 %d", &code); err != nil {
		t.Fatalf("no answer: %q", answer)
	}
	return code
}

func ask(t testing.TB, e *testenv.Env, public string) client.Challenge {
	t.Helper()
	response, err := http.Post(e.Client.Base()+"/api/challenge", "application/json", strings.NewReader(fmt.Sprintf(`{"public_key":%q}`, public)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var asked client.Challenge
	if err := json.NewDecoder(response.Body).Decode(&asked); err != nil {
		t.Fatal(err)
	}
	return asked
}

func TestAChallengeIsGoodOnceForItsKeyAndStrangersPushNoneOut(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock})
	ada, sam := e.People["ada"].Login, e.People["sam"].Login
	public := base64.StdEncoding.EncodeToString(ada.Public().(ed25519.PublicKey))
	first, late := ask(t, e, public), ask(t, e, public)
	stranger, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	strange := base64.StdEncoding.EncodeToString(stranger.Public().(ed25519.PublicKey))
	for range 10_001 {
		ask(t, e, strange)
	}
	if got := answerChallenge(t, e, sam, first.Nonce, first.Origin); got != 401 {
		t.Errorf("another key answers it: %d", got)
	}
	if got := answerChallenge(t, e, ada, first.Nonce, first.Origin); got != 200 {
		t.Errorf("after ten thousand challenges to a stranger: %d", got)
	}
	if got := answerChallenge(t, e, ada, first.Nonce, first.Origin); got != 401 {
		t.Errorf("a second time: %d", got)
	}
	flipped := []byte(late.Nonce)
	flipped[10] ^= 1 // of the time
	if got := answerChallenge(t, e, ada, string(flipped), late.Origin); got != 401 {
		t.Errorf("with its time changed: %d", got)
	}
	clock.Move(3 * time.Minute)
	if got := answerChallenge(t, e, ada, late.Nonce, late.Origin); got != 401 {
		t.Errorf("after its end: %d", got)
	}
}

func TestAKeyThatSignsAnythingIsNoLogInKey(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: with(eve)})
	code := invite(t, e.People["carol"].Client, "eve")
	for _, public := range []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		for path, body := range map[string]string{"/api/challenge": `{"public_key":%q}`, "/api/redeem": `{"code":"` + code + `","public_key":%q,"nonce":"n","proof":"p"}`} {
			if got := status(t, send(t, e, post("", path, fmt.Sprintf(body, public)))); got != 400 {
				t.Errorf("%s with a key of small order: %d", path, got)
			}
		}
	}
}
