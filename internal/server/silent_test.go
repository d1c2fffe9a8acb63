package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// drawn draws from a seed, for many at once.
type drawn struct {
	mu   sync.Mutex
	from *rand.ChaCha8
}

func (d *drawn) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.from.Read(p)
}

// twin is one of two nodes to which the same happened: but one has a silent lock, and of the other the model broke off.
type twin struct {
	*testenv.Env
	at     time.Time // what the clock shows
	fault  time.Time // when the fault was
	grant  narthex.Grant
	draft  narthex.EngagementID
	amends narthex.EngagementID // waits for the lab's signature
	keys   map[string]string    // by whose they are
	minted map[string]narthex.Key
}

const pat = "  - {handle: pat, name: Pat, email: pat@lab.test, roles: [programme, sponsor], region: de}"

func newTwin(t *testing.T, begin time.Time) *twin {
	w := &twin{at: begin, keys: map[string]string{}, minted: map[string]narthex.Key{}}
	w.Env = testenv.New(t, testenv.Options{Files: with(pat), Config: func(c *server.Config) { c.Random = &drawn{from: rand.NewChaCha8([32]byte{7})} }})
	w.Join(t, "pat", must(w.People["carol"].Invite(t.Context(), client.Invite{Handle: "pat"})).Code)
	ada, carol := w.People["ada"], w.People["carol"]
	org := must(ada.WhoAmI(t.Context())).Person.Org
	w.Join(t, "bea", must(carol.Invite(t.Context(), client.Invite{Name: "Bea", Email: "bea@x.test", Org: org, Region: "fr"})).Code)
	w.Outsiders(t, "2", "Second")
	w.Authorise(t, "otto", "ada", 60)
	w.draft = drafted(t, w.Env).Engagement.ID
	view := must(ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "a team", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1e6, nil)}, Members: []narthex.PersonID{w.People["bea"].ID}}))
	view = offer(t, w.Env, view)
	must(w.People["bea"].Command(t.Context(), view.Engagement.ID, "join", client.Command{Saw: view.Engagement.Agreement}))
	must(ada.Sign(t, view.Engagement.ID, narthex.PartyResearcher))
	view = must(w.People["dan"].Sign(t, view.Engagement.ID, narthex.PartyLab))
	w.grant = must(ada.Client.Grant(t.Context(), view.Engagement.Grant)).Grant
	for _, name := range []string{"ada", "bea"} {
		minted := must(w.People[name].Mint(t.Context(), w.grant.ID, client.Mint{Label: name}))
		w.keys[name], w.minted[name] = minted.Token, minted.Key
		answers(t, w.Env, minted.Token)
	}
	view = offer(t, w.Env, must(ada.Amend(t.Context(), view.Engagement.ID, client.Amend{Days: 45})))
	w.amends = view.Engagement.ID
	must(ada.Sign(t, w.amends, narthex.PartyResearcher))
	return w
}

// later moves the clock.
func (w *twin) later(by time.Duration) {
	w.at = w.at.Add(by)
	w.Clock.Stop(w.at)
}

// streaming begins a stream of a key. Ended waits for its end, and breakOff has the model leave off.
func (w *twin) streaming(t *testing.T, token string) (ended func() string, breakOff func()) {
	began, hold := make(chan bool, 1), make(chan struct{})
	w.Model.Handle(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(out, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"h"},"finish_reason":null}]}`+"\n\n")
		out.(http.Flusher).Flush()
		began <- true
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	breakOff = sync.OnceFunc(func() { close(hold) })
	t.Cleanup(breakOff)
	got := make(chan string, 1)
	first := make(chan bool, 1)
	go func() {
		request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Client.Base()+"/v1/chat/completions", strings.NewReader(say(`"max_tokens":5,"stream":true`)))
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			first <- false
			got <- "no answer"
			return
		}
		defer answer.Body.Close()
		head := make([]byte, 1)
		io.ReadFull(answer.Body, head)
		first <- true
		rest, err := io.ReadAll(answer.Body)
		got <- fmt.Sprintf("%s %s%s, broken %t", answer.Status, head, rest, err != nil)
	}()
	<-began
	if !<-first {
		t.Fatal("the stream did not begin")
	}
	w.Model.Handle(nil)
	return func() string { return <-got }, breakOff
}

var (
	digestsIn = regexp.MustCompile(`[0-9a-f]{16,}`)
	base64In  = regexp.MustCompile(`SHA256:[A-Za-z0-9+/\\]+|[A-Za-z0-9+/_-]{40,}=*`)
	proofsIn  = regexp.MustCompile(`"proof":\[[^\]]*\]`)
	idsIn     = regexp.MustCompile(`\b(ses|lck|inv|req)_[a-z2-7]{10,}`)
	timesIn   = regexp.MustCompile(`\d{4}\\*-\d\d\\*-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)`)
	countsIn  = regexp.MustCompile(`("(?:size|index|entry|entries|first|last|earlier|through)":|ledger\.test-lab\.test\\n)\d+`)
	openings  = regexp.MustCompile(`"openings":\[[\d,]*\]`)
)

// alike takes out of an answer what two nodes never have in common: also times, but of what happened since the fault.
func (w *twin) alike(text string) string {
	text = timesIn.ReplaceAllStringFunc(text, func(is string) string {
		if at, err := time.Parse(time.RFC3339, is); err == nil && !at.Before(w.fault) && at.Before(w.fault.Add(time.Hour)) {
			return is
		}
		return "*"
	})
	for _, out := range []*regexp.Regexp{proofsIn, idsIn, digestsIn, base64In} {
		text = out.ReplaceAllString(text, "*")
	}
	text = openings.ReplaceAllStringFunc(text, func(list string) string { return fmt.Sprint(strings.Count(list, ","), " openings") })
	return countsIn.ReplaceAllString(text, `$1*`)
}

// said is everything that somebody without the right to know of a silent lock gets to see, by what they ask.
func (w *twin) said(t *testing.T, out []string) map[string]string {
	all := map[string]string{}
	ask := func(who string, c *client.Client, method, path string, body any) {
		answer, err := c.Do(t.Context(), method, path, body)
		if err != nil {
			all[who+" "+method+" "+path] = err.Error()
			return
		}
		defer answer.Body.Close()
		text := string(must(io.ReadAll(answer.Body)))
		if strings.HasSuffix(path, "/evidence") { // an archive: the types of its entries, but of readings, which are published at times of their own
			text = strings.Join(regexp.MustCompile(`\b(agreement|grant|key|call|lock)\.[a-z]+\b`).FindAllString(text, -1), "\n")
		}
		var headers bytes.Buffer
		answer.Header.Del("Date")
		answer.Header.Del("Narthex-Receipt")
		if err := answer.Header.Write(&headers); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "/pdf") || strings.HasPrefix(path, "/ledger/") && path != "/ledger/openings" {
			text = ""
		}
		all[who+" "+method+" "+path] = w.alike(answer.Status + "\n" + regexp.MustCompile(`Content-Length: \d+\r\n`).ReplaceAllString(headers.String(), "") + text)
	}
	id := string(w.grant.Engagement)
	fill := map[string][]string{"{engagement}": {id, string(w.draft)}, "{grant}": {string(w.grant.ID)}, "{asset}": {"model"}, "{pathway}": {"test"}, "{form}": {"text", "json"}, "{index}": {"1"}, "{manuscript}": {"1"},
		"{person}": {string(w.People["ada"].ID), string(w.People["otto"].ID), string(w.People["bea"].ID)}}
	var paths []string
	for _, route := range w.Node.Routes() {
		if route.Method != http.MethodGet || strings.HasPrefix(route.Path, "/v1/") && route.Right == "holder" || strings.HasPrefix(route.Path, "/ledger/tile") || strings.HasPrefix(route.Path, "/api/ledger/proof") {
			continue
		}
		made := []string{route.Path}
		for name, values := range fill {
			for i := 0; i < len(made); i++ {
				if strings.Contains(made[i], name) {
					with := made[i]
					made[i] = strings.ReplaceAll(with, name, values[0])
					for _, value := range values[1:] {
						made = append(made, strings.ReplaceAll(with, name, value))
					}
				}
			}
		}
		paths = append(paths, made...)
	}
	slices.Sort(paths)
	size := uint64(0)
	for _, err := w.People["olga"].Proof(t.Context(), size); err == nil; _, err = w.People["olga"].Proof(t.Context(), size) {
		size++
	}
	for must(w.Client.Ledger(t.Context())).Size < size {
		time.Sleep(10 * time.Millisecond)
	}
	for _, who := range []string{"olga", "pat", "ada", "otto", "bea", "ada2", "otto2", "nobody"} {
		if slices.Contains(out, who) {
			continue
		}
		c := w.Client
		if p := w.People[who]; p != nil {
			c = p.Client
		}
		for _, path := range paths {
			ask(who, c, "GET", path, nil)
		}
		ask(who, c, "POST", "/api/grants/"+string(w.grant.ID)+"/explain", client.Explain{Surface: "chat", Request: testenv.Hello})
		if who == "bea" || who == "pat" {
			ask(who, c, "POST", "/api/engagements/"+id+"/statement", struct{}{})
		}
		var shown []string
		for index := range size { // every entry that is theirs to open
			if proof, err := c.Proof(t.Context(), index); err == nil && len(proof.Opening) > 0 {
				shown = append(shown, w.alike(string(proof.Opening)))
			}
		}
		slices.Sort(shown)
		all[who+" opens"] = strings.Join(shown, "\n")
	}
	return all
}

// door is what the door answers to a key, by what it is asked.
func (w *twin) door(t *testing.T, token string) map[string]string {
	all := map[string]string{}
	for _, ask := range []struct{ method, path, body string }{{"POST", "/v1/chat/completions", testenv.Hello}, {"POST", "/v1/chat/completions", "{"}, {"POST", "/v1/chat/completions", say(`"max_tokens":5,"stream":true`)}, {"POST", "/v1/completions", "[]"},
		{"GET", "/v1/models", ""}, {"GET", "/v1/grant", ""}, {"GET", "/v1/receipts/call_1", ""}, {"POST", "/v1/appeal", "{"}, {"POST", "/v1/appeal", `{"lock":"lck_aaaaaaaaaaaaaaaaaaaaaaaaaa","text":"x"}`}} {
		request := must(http.NewRequestWithContext(t.Context(), ask.method, w.Client.Base()+ask.path, strings.NewReader(ask.body)))
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		answer := must(http.DefaultClient.Do(request))
		var text bytes.Buffer
		answer.Header.Del("Date")
		if err := answer.Header.Write(&text); err != nil {
			t.Fatal(err)
		}
		if _, err := text.ReadFrom(answer.Body); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		all[ask.method+" "+ask.path+" "+ask.body] = w.alike(answer.Status + "\n" + text.String())
	}
	// Whoever asks sends no body yet: both are answered at the same moment of it.
	begun := must(net.Dial("tcp", strings.TrimPrefix(w.Client.Base(), "http://")))
	defer begun.Close()
	fmt.Fprintf(begun, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 300000\r\n\r\n", token)
	if err := begun.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, _ := begun.Read(make([]byte, 1))
	all["a body that does not come"] = fmt.Sprint("answered with ", n)
	return all
}

// TestASilentLockIsNotToldFromAFault: of two nodes to which the same happened one has a lock under an order that forbids to tell, and the
// other a model that broke off a call. Whoever may not know of the lock reads the same of both, by every route, to the byte; the door
// and sign-in answer as to a credential that is over, and what cannot be made answers as a store that fails.
func TestASilentLockIsNotToldFromAFault(t *testing.T) {
	for _, on := range []string{"engagement", "grant", "key", "person", "official", "org"} {
		t.Run(on, func(t *testing.T) {
			begin := time.Now().UTC().Truncate(time.Second)
			hushed, lost := newTwin(t, begin), newTwin(t, begin)
			var ends [2]string
			out := map[string][]string{"person": {"ada"}, "official": {"otto"}, "org": {"ada", "otto", "bea"}}[on] // who cannot sign in
			for i, w := range []*twin{hushed, lost} {
				w.later(time.Hour)
				w.fault = w.at
				ended, breakOff := w.streaming(t, w.keys["ada"])
				w.later(time.Minute)
				sam := w.People["sam"]
				if i == 1 {
					breakOff()
				} else {
					subject := narthex.LockSubject(on)
					if on == "official" {
						subject = "person"
					}
					target := map[string]string{"engagement": string(w.grant.Engagement), "grant": string(w.grant.ID), "key": string(w.minted["ada"].ID), "person": string(w.People["ada"].ID), "official": string(w.People["otto"].ID), "org": string(w.grant.Org)}[on]
					must(sam.Lock(t.Context(), client.LockRequest{Subject: subject, Target: target, Reason: narthex.LegalOrder, Note: "the note", SilentUntil: w.at.Add(60 * 24 * time.Hour)}))
				}
				ends[i] = w.alike(ended())
			}
			if ends[0] != ends[1] {
				t.Errorf("the stream ended as\n%s\nand where the model broke off as\n%s", ends[0], ends[1])
			}
			told, fault := hushed.said(t, out), lost.said(t, out)
			if len(told) < 100 {
				t.Errorf("only %d things were asked", len(told))
			}
			for what, text := range told {
				if text != fault[what] {
					other := fault[what]
					at := 0
					for at < min(len(text), len(other)) && text[at] == other[at] {
						at++
					}
					t.Errorf("%s tells: … %.300q\nand where the model broke off: … %.300q", what, text[max(0, at-100):], other[max(0, at-100):])
				}
			}

			must(lost.People["sam"].RevokeKey(t.Context(), lost.minted["ada"].ID))
			over := lost.door(t, lost.keys["ada"])
			for what, text := range hushed.door(t, hushed.keys["ada"]) {
				if text != over[what] {
					t.Errorf("at the door, %s is answered\n%s\nand with a key that was revoked\n%s", what, text, over[what])
				}
			}
			for _, name := range out {
				_, barred := hushed.Client.Login(t.Context(), hushed.People[name].Login)
				_, unknown := hushed.Client.Login(t.Context(), must(client.NewKey()))
				if barred == nil || narthex.AsError(barred).Public != narthex.AsError(unknown).Public || codeOf(barred) != codeOf(unknown) {
					t.Errorf("%s signs in and is answered %v, and nobody is answered %v", name, barred, unknown)
				}
				if _, err := hushed.People[name].WhoAmI(t.Context()); !narthex.IsKind(err, narthex.Unauthenticated) {
					t.Errorf("a session of %s: %v", name, err)
				}
			}
			if on == "key" {
				return
			}
			failed := journal.Unrecorded()
			for what, make := range map[string]func() error{
				"a key": func() error {
					_, err := hushed.People["ada"].Mint(t.Context(), hushed.grant.ID, client.Mint{Label: "x"})
					return err
				},
				"a visa": func() error { _, err := hushed.People["ada"].IssueVisa(t.Context(), hushed.grant.ID); return err },
				"an invitation": func() error {
					_, err := hushed.People["pat"].Invite(t.Context(), client.Invite{Name: "X", Email: "x@x.test", Org: hushed.grant.Org, Region: "fr"})
					return err
				},
				"the amendment": func() error { _, err := hushed.People["dan"].Sign(t, hushed.amends, narthex.PartyLab); return err },
			} {
				if within := map[string]bool{"a key": !slices.Contains(out, "ada"), "a visa": !slices.Contains(out, "ada"), "an invitation": on == "org", "the amendment": true}[what]; !within {
					continue
				}
				if err := make(); err == nil || codeOf(err) != failed.Code || narthex.AsError(err).Public != failed.Public {
					t.Errorf("%s is answered %v", what, err)
				}
			}
		})
	}
}

// A lock on an official ends the live calls of whoever works on their word, who are not told of a lock on another.
func TestALockOnAnOfficialEndsCallsOnTheirWord(t *testing.T) {
	w := newTwin(t, time.Now().UTC())
	ended, breakOff := w.streaming(t, w.keys["ada"])
	locked := must(w.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(w.People["otto"].ID), Reason: "safety"}))
	if locked.Streams != 1 {
		t.Errorf("%d calls were ended", locked.Streams)
		breakOff()
	}
	ended()
	waitClosed(t, w.Env)
	view := must(w.People["ada"].Client.Grant(t.Context(), w.grant.ID))
	if len(view.Ended) != 1 || view.Ended[0].Code != "unauthorised" || view.Ended[0].Reason != "" || len(view.Locks) > 0 {
		t.Errorf("ada sees %+v and %+v", view.Ended, view.Locks)
	}
}
