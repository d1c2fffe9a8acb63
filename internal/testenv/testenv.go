// Package testenv is a running platform in a test: a node on loopback with a scripted model behind it, people with keys of
// their own, and grants that went through the whole workflow.
//
// It promises that nothing in it goes around the API, and that what any test leaves in the store is audited and replayed at its
// end. It is for tests and benchmarks only. Read next: Env.
package testenv

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/store"
)

// Person is someone with keys and a session.
type Person struct {
	*client.Client
	ID     narthex.PersonID
	Login  ed25519.PrivateKey
	Signer ed25519.PrivateKey
}

// Env is a node with its people.
type Env struct {
	Node   *server.Server
	Client *client.Client
	People map[string]*Person
	Dir    string
	Clock  *Clock
	Model  *Model
	// Pathway is the one that grants come through; empty for "test".
	Pathway narthex.PathwayName
	// Tampered says that the test changes the store, or what the node decides by, behind its back, so that nothing is audited at
	// its end.
	Tampered bool
	config   server.Config
}

// Options is what a test sets; the zero Options are good.
type Options struct {
	Files  func(lab.Files)                 // changes the lab directory before inception
	Wrap   func(store.Store) store.Store   // stands between node and store
	Front  func(http.Handler) http.Handler // stands between listener and node
	Sign   func(note.Signer) note.Signer   // stands between node and the ledger's key
	Clock  *Clock                          // nil for the machine's
	Dir    string                          // kept by the caller; empty for a folder of the test's
	Log    io.Writer
	Config func(*server.Config) // changes the node's settings
	Store  string               // the URL of a PostgreSQL database; empty for SQLite

	Notices string // the file of where notices go
}

// Clock is a clock that a test moves. It starts at the machine's time and runs on with it, until it is stopped.
type Clock struct {
	mu      sync.Mutex // guards both below
	offset  time.Duration
	stopped time.Time
}

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped.IsZero() {
		return c.stopped
	}
	return time.Now().Add(c.offset)
}

// Stop makes the clock show one time until it is stopped at another; the zero time lets it run on.
func (c *Clock) Stop(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = at
}

// Move moves the clock.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// Model is a scripted upstream. Its answer to a call is Say, in as many pieces as there are letters, Pace apart.
type Model struct {
	*httptest.Server
	mu      sync.Mutex // guards all below
	handler http.HandlerFunc
	calls   int
}

// Handle makes the next calls be answered by h; nil is the standard answer.
func (m *Model) Handle(h http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handler = h
}

// Calls says how many calls have reached the model.
func (m *Model) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *Model) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	h := m.handler
	m.calls++
	m.mu.Unlock()
	if h == nil {
		h = Answer("hello", 7, 5)
	}
	h(w, r)
}

// Answer gives a handler that says a text and counts it as it is told, streamed or whole.
func Answer(text string, prompt, completion int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Stream bool
			N      int
			Most   int `json:"max_tokens"`
		}
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		spent := min(completion, ask.Most) * max(1, ask.N)
		usage := fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, prompt, spent, prompt+spent)
		if !ask.Stream {
			var choices []string
			for i := range max(1, ask.N) {
				choices = append(choices, fmt.Sprintf(`{"index":%d,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}`, i, text))
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[%s],"usage":%s}`, strings.Join(choices, ","), usage)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, letter := range text {
			fmt.Fprintf(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}]}`+"\n\n", string(letter))
		}
		fmt.Fprint(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n")
		fmt.Fprintf(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":%s}`+"\n\ndata: [DONE]\n\n", usage)
	}
}

// Credential is what the node shows the model.
const Credential = "upstream-credential-canary"

// New starts a node, opens its lab and brings its people in.
func New(t testing.TB, o Options) *Env {
	t.Helper()
	e := &Env{People: map[string]*Person{}, Clock: o.Clock, Dir: o.Dir, Model: &Model{}}
	if e.Clock == nil {
		e.Clock = &Clock{}
	}
	if e.Dir == "" {
		e.Dir = t.TempDir()
	}
	e.Model.Server = httptest.NewServer(http.HandlerFunc(e.Model.serve))
	t.Cleanup(e.Model.Close)
	files, err := Files(e.Model.URL)
	must(t, err)
	if o.Files != nil {
		o.Files(files)
	}
	labDir := filepath.Join(e.Dir, "lab")
	must(t, files.Write(labDir))
	t.Cleanup(func() { e.audited(t) }) // after the node has ended, since it was begun later
	var codes map[string]string
	log := o.Log
	if log == nil {
		log = io.Discard
	}
	e.config = server.Config{Lab: labDir, Data: filepath.Join(e.Dir, "data"), Store: o.Store, Notices: o.Notices, Handover: 10 * time.Millisecond, Listen: "127.0.0.1:0", Ops: "127.0.0.1:0", Version: "test", Clock: e.Clock.Now, Random: rand.Reader, Wrap: o.Wrap, Front: o.Front, Sign: o.Sign,
		Getenv: func(name string) string { return map[string]string{"MODEL_KEY": Credential}[name] }, Log: slog.New(slog.NewTextHandler(log, nil)),
		Inception: func(_ narthex.Digest, c map[string]string) { codes = c }}
	if o.Config != nil {
		o.Config(&e.config)
	}
	e.Start(t)
	for _, handle := range []string{"carol", "dan"} {
		if codes[handle] == "" {
			continue // no custodian of this lab
		}
		p := e.join(t, handle, codes[handle])
		state, err := p.Lab(t.Context(), false)
		must(t, err)
		_, err = p.ApproveLab(t.Context(), state.Proposed)
		must(t, err)
	}
	for _, handle := range []string{"dan", "olga", "sam", "lea", "paul"} {
		if e.People[handle] != nil {
			continue
		}
		invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Handle: handle})
		must(t, err)
		e.join(t, handle, invited.Code)
	}
	e.People["dan"].sign(t)
	e.Outsiders(t, "", "Institute")
	return e
}

// Outsiders brings in an organisation: a researcher ada and an official otto, with a suffix to their names.
func (e *Env) Outsiders(t testing.TB, suffix, name string) {
	t.Helper()
	otto, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "Otto" + suffix, Email: "otto@x.test", OrgName: name, Official: true, Region: "fr"})
	must(t, err)
	ada, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "Ada" + suffix, Email: "ada@x.test", Org: otto.Org.ID, Region: "fr"})
	must(t, err)
	e.join(t, "otto"+suffix, otto.Code).sign(t)
	e.join(t, "ada"+suffix, ada.Code).sign(t)
}

// Reconfigure changes the settings with which the node starts the next time.
func (e *Env) Reconfigure(change func(*server.Config)) { change(&e.config) }

// Start starts the node, again after a Close too.
func (e *Env) Start(t testing.TB) {
	t.Helper()
	node, err := server.Start(context.Background(), e.config)
	must(t, err)
	e.Node = node
	t.Cleanup(func() { _ = node.Close() }) // a test may have closed it
	e.Client, err = client.New("http://" + node.Address())
	must(t, err)
	for _, p := range e.People {
		session, err := e.Client.Login(t.Context(), p.Login)
		must(t, err)
		p.Client = e.Client.With(session.Token)
	}
}

// Join brings in someone who was invited, with a log-in and a signing key.
func (e *Env) Join(t testing.TB, name, code string) *Person {
	t.Helper()
	p := e.join(t, name, code)
	p.sign(t)
	return p
}

func (e *Env) join(t testing.TB, name, code string) *Person {
	t.Helper()
	key, err := client.NewKey()
	must(t, err)
	session, err := e.Client.Redeem(t.Context(), code, key)
	must(t, err)
	p := &Person{Client: e.Client.With(session.Token), ID: session.Person.ID, Login: key}
	e.People[name] = p
	return p
}

func (p *Person) sign(t testing.TB) {
	t.Helper()
	var err error
	p.Signer, err = client.NewKey()
	must(t, err)
	_, err = p.EnrollSigner(t.Context(), p.Signer)
	must(t, err)
}

// Sign signs an engagement's agreement for a party.
func (p *Person) Sign(t testing.TB, id narthex.EngagementID, party narthex.PartyRole) (client.EngagementView, error) {
	t.Helper()
	view, err := p.Client.Agreement(t.Context(), id)
	must(t, err)
	var outside narthex.Digest
	if view.Outside != nil {
		outside = view.Outside.Digest
	}
	envelope, err := agreement.Sign(p.Signer, agreement.NewStatement(view.Digest, party, p.ID, view.Agreement.Origin).With(outside))
	must(t, err)
	return p.Client.Sign(t.Context(), id, client.Sign{Party: party, Digest: view.Digest, Outside: outside, Signer: agreement.Fingerprint(p.Signer.Public().(ed25519.PublicKey)), Envelope: envelope})
}

// Term makes a term on the model.
func Term(attribute narthex.AttributeName, limits map[narthex.LimitName]narthex.Value) narthex.Term {
	return narthex.Term{Attribute: attribute, Asset: "model", Limits: limits}
}

// Tokens makes a sampling term with a budget.
func Tokens(n float64, more map[narthex.LimitName]narthex.Value) narthex.Term {
	limits := map[narthex.LimitName]narthex.Value{"tokens": narthex.NumberValue(n)}
	maps.Copy(limits, more)
	return Term("model.sample", limits)
}

// Grant takes terms through the workflow for ada (with a suffix) and gives the grant and a key of it.
func (e *Env) Grant(t testing.TB, suffix string, terms ...narthex.Term) (narthex.Grant, string) {
	t.Helper()
	ada := e.People["ada"+suffix]
	view, err := ada.Draft(t.Context(), client.Draft{Pathway: cmp.Or(e.Pathway, "test"), Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: terms})
	must(t, err)
	id := view.Engagement.ID
	view, err = ada.Command(t.Context(), id, "submit", client.Command{})
	must(t, err)
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		view, err = e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest})
		must(t, err)
	}
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada" + suffix, narthex.PartyResearcher}, {"otto" + suffix, narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		if s.party == narthex.PartyInstitution && view.Engagement.Authorised != nil {
			continue
		}
		view, err = e.People[s.name].Sign(t, id, s.party)
		must(t, err)
	}
	minted, err := ada.Mint(t.Context(), view.Engagement.Grant, client.Mint{Label: "test"})
	must(t, err)
	grant, err := ada.Client.Grant(t.Context(), view.Engagement.Grant)
	must(t, err)
	return grant.Grant, minted.Token
}

// Word makes an official's authorisation of a person for pathways, from now on for so many days, signed with the official's key.
func (e *Env) Word(t testing.TB, official, person string, days int, pathways ...narthex.PathwayName) client.Authorise {
	t.Helper()
	by := e.People[official]
	who, err := by.WhoAmI(t.Context())
	must(t, err)
	begin := e.Clock.Now().UTC().Truncate(time.Second)
	return by.Word(t, narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: "ledger.test-lab.test", Org: who.Person.Org, Person: e.People[person].ID, Pathways: pathways, NotBefore: begin, NotAfter: begin.AddDate(0, 0, days)})
}

// Word signs an authorisation.
func (p *Person) Word(t testing.TB, a narthex.Authorisation) client.Authorise {
	t.Helper()
	digest, err := canon.Digest(a)
	must(t, err)
	envelope, err := agreement.Sign(p.Signer, agreement.NewStatement(digest, narthex.PartyInstitution, p.ID, a.Origin))
	must(t, err)
	return client.Authorise{Authorisation: a, Signer: agreement.Fingerprint(p.Signer.Public().(ed25519.PublicKey)), Envelope: envelope}
}

// Authorise lets an official authorise a person for the test pathway.
func (e *Env) Authorise(t testing.TB, official, person string, days int) narthex.SignedAuthorisation {
	t.Helper()
	word, err := e.People[official].Client.Authorise(t.Context(), e.People[person].ID, e.Word(t, official, person, days, "test"))
	must(t, err)
	return word
}

// Chat sends a chat call and gives the status and the body.
func (e *Env) Chat(ctx context.Context, key, body string) (int, string, error) {
	return e.Post(ctx, "/v1/chat/completions", key, body)
}

// Post sends a body with a key.
func (e *Env) Post(ctx context.Context, path, key, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Client.Base()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(data), err
}

// Hello is a small chat call.
const Hello = `{"model":"model","messages":[{"role":"user","content":"hello"}],"max_tokens":5}`

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Files is a lab directory with one model, one hidden model, and a pathway that offers everything a door enforces.
func Files(url string) (lab.Files, error) {
	template, err := lab.Template()
	if err != nil {
		return nil, err
	}
	files := lab.Files{"lab.yaml": []byte(labYAML), "pathways/test.yaml": []byte(pathwayYAML),
		"assets/model.yaml": fmt.Appendf(nil, assetYAML, "model", url), "assets/hidden.yaml": fmt.Appendf(nil, assetYAML, "hidden", url)}
	for name, data := range template {
		if strings.HasPrefix(name, "clauses/") {
			files[name] = data
		}
	}
	files["guardrails/test.cedar"] = []byte("@id(\"no-seven\")\nforbid (principal, action, resource) when { context.max_tokens == 7 };\n")
	return files, nil
}

const labYAML = `name: Test Lab
origin: ledger.test-lab.test
horizons:
  internal: {days: 30, reviewers: [security]}
people:
  - {handle: carol, name: Carol, email: carol@lab.test, roles: [custodian, programme], region: de}
  - {handle: dan, name: Dan, email: dan@lab.test, roles: [custodian, signatory], region: de}
  - {handle: olga, name: Olga, email: olga@lab.test, roles: [asset_owner], region: de}
  - {handle: sam, name: Sam, email: sam@lab.test, roles: [security], region: de}
  - {handle: lea, name: Lea, email: lea@lab.test, roles: [auditor], region: de}
  - {handle: paul, name: Paul, email: paul@lab.test, roles: [sponsor, security], region: de}
`

const assetYAML = `name: %s
title: a model
kind: model
owner: olga
bytes: 1000000
lifetime_bytes: 0
leak: [behav, small]
label: internal
context: 1000
token_bytes: 1
default: final
versions:
  - {name: early, upstream: upstream-early}
  - {name: middle, upstream: upstream-middle}
  - {name: final, upstream: upstream-final}
upstream:
  url: %s
  credential_env: MODEL_KEY
`

const pathwayYAML = `name: test
title: Tests
summary: Everything that a door enforces.
who: Tests.
criteria: [it is a test]
questions:
  - {name: why, ask: Why?, required: true, max_chars: 100}
offers:
  - attribute: model.sample
    assets: [model]
    limits:
      max_tokens: {default: 100, least: 1, most: 1000}
      n: {default: 4, least: 1, most: 8}
      tokens: {default: 1000000, least: 0, most: 1000000000}
      tokens_per_day: {default: 1000000000, least: 0, most: 1000000000}
      actor_kinds: {default: [human], names: [human, agent]}
  - {attribute: model.system_prompt, assets: [model], limits: {max_chars: {default: 20, least: 0, most: 1000}}}
  - {attribute: model.tools, assets: [model], limits: {tools: {default: [look], names: [look, find]}}}
  - {attribute: model.seed, assets: [model]}
  - {attribute: model.base, assets: [model], limits: {max_tokens: {default: 100, least: 1, most: 1000}}}
  - {attribute: model.prefill, assets: [model], limits: {max_chars: {default: 10, least: 0, most: 1000}}}
  - {attribute: model.checkpoints, assets: [model], limits: {checkpoints: {default: [early], names: [early, middle, final]}}}
  - {attribute: model.logprobs, assets: [model], limits: {top_k: {default: 5, least: 0, most: 20}, decimals: {default: 2, least: 0, most: 6}}}
  - {attribute: model.logit_bias, assets: [model], limits: {entries: {default: 2, least: 0, most: 16}}}
not_offered: Ask the programme.
reviews:
  - {role: asset_owner, quorum: 1}
  - {role: security, quorum: 1}
clauses:
  - {clause: purpose}
  - {clause: liability, values: {cap: 1000 EUR}}
review_days: 5
expected_days: 2
grant_days: 90
most_days: 365
content_log: none
appeal_to: Carol
appeal_days: 10
institution: true
`

// Config gives the node's configuration, to start another by hand.
func (e *Env) Config() server.Config { return e.config }
