package server_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/testenv/mailtest"
)

// hookKey is the secret of the webhooks of these tests.
const hookKey = "0123456789abcdef0123456789abcdef"

// channelsFile writes the file of where notices go.
func channelsFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"notices.yaml": strings.ReplaceAll(text, "DIR", dir), "hook.secret": "whsec_" + base64.StdEncoding.EncodeToString([]byte(hookKey)) + "\n", "mail.password": mailtest.Password + "\n"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return filepath.Join(dir, "notices.yaml")
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// receiver is a webhook that answers as it is told, and keeps what it was sent.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex // guards all below
	how   http.HandlerFunc
	took  []delivered
	tries map[string]int // by webhook-id
}

// delivered is one call of a webhook.
type delivered struct {
	id, at, signature string
	body              []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{tries: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		d := delivered{q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), q.Header.Get("webhook-signature"), body}
		r.mu.Lock()
		how := r.how
		r.tries[d.id]++
		if how == nil {
			r.took = append(r.took, d)
		}
		r.mu.Unlock()
		if how != nil {
			how(w, q)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(how http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.how = how
}

// deliver makes tries until nothing is left that could be tried now.
func deliver(t *testing.T, e *testenv.Env) {
	t.Helper()
	for range 200 {
		n, err := e.Node.Deliver(t.Context())
		check(t, err)
		if n == 0 {
			return
		}
	}
	t.Fatal("there is always more to deliver")
}

// again closes the node, lets time pass, and starts it.
func again(t *testing.T, e *testenv.Env, by time.Duration) {
	t.Helper()
	check(t, e.Node.Close())
	e.Clock.Move(by)
	e.Start(t)
}

// toldTo gives the kinds that a person was told, the latest first.
func toldTo(t *testing.T, e *testenv.Env, who string) []string {
	t.Helper()
	list, err := e.People[who].Notices(t.Context(), client.Page{})
	check(t, err)
	kinds := []string{}
	for _, n := range list.Notices {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

// TestPeopleAreToldWhatConcernsThem goes through a life and looks at what each is told: identifiers and our own words, no others.
func TestPeopleAreToldWhatConcernsThem(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(10, nil))
	_, err := e.People["ada"].Command(t.Context(), grant.Engagement, "end", client.Command{Text: "a canary of words"})
	check(t, err)
	for who, want := range map[string]string{
		"ada": "in_force offered assigned", "otto": "ended in_force sign_asked", "carol": "ended in_force", "sam": "review_asked", "olga": "review_asked", "lea": "", "dan": "sign_asked",
	} {
		if got := strings.Join(toldTo(t, e, who), " "); got != want {
			t.Errorf("%s was told %q, and should be %q", who, got, want)
		}
	}
	list, err := e.People["otto"].Notices(t.Context(), client.Page{})
	check(t, err)
	text, err := json.Marshal(list)
	check(t, err)
	for _, no := range []string{"canary", "test the model", "Ada", "ada@", "model"} {
		if strings.Contains(string(text), no) {
			t.Errorf("a notice says %q: %s", no, text)
		}
	}
	first, err := e.People["otto"].Notices(t.Context(), client.Page{Limit: 1})
	check(t, err)
	second, err := e.People["otto"].Notices(t.Context(), client.Page{Limit: 5, After: first.Next})
	check(t, err)
	if len(first.Notices) != 1 || len(second.Notices) != 2 || second.Next != "" || first.Notices[0].ID == second.Notices[0].ID {
		t.Errorf("page by page: %+v %+v", first, second)
	}
	_, err = e.People["otto"].Notices(t.Context(), client.Page{After: "../", Limit: 501})
	if !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a page of 501: %v", err)
	}
}

// TestAWebhookIsTriedUntilItTookEachNoticeOnce: it fails, breaks off, sends elsewhere, the node restarts in between; then it takes
// each once, signed, under the identifier of every try, and in the order of time.
func TestAWebhookIsTriedUntilItTookEachNoticeOnce(t *testing.T) {
	r, elsewhere := newReceiver(t), newReceiver(t)
	e := testenv.New(t, testenv.Options{Notices: channelsFile(t, "webhooks:\n- {name: chat, url: '"+r.URL+"/hook', secret_file: 'DIR/hook.secret'}\n")})
	r.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	id := submitted(t, e).Engagement.ID
	deliver(t, e)
	for _, how := range []http.HandlerFunc{
		func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
	} {
		r.answer(how)
		again(t, e, 20*time.Minute)
		deliver(t, e)
	}
	if len(r.took) != 0 || len(elsewhere.tries) != 0 {
		t.Fatalf("%d were taken, and %d went elsewhere", len(r.took), len(elsewhere.tries))
	}
	list, err := e.People["carol"].Notices(t.Context(), client.Page{})
	check(t, err)
	if list.Waiting != 2 || len(list.Undelivered) != 0 {
		t.Fatalf("it waits: %+v", list)
	}
	r.answer(nil)
	again(t, e, time.Hour)
	deliver(t, e)
	deliver(t, e)
	seen := map[string]bool{}
	for _, d := range r.took {
		if seen[d.id] {
			t.Errorf("%s was taken twice", d.id)
		}
		seen[d.id] = true
		mac := hmac.New(sha256.New, []byte(hookKey))
		fmt.Fprintf(mac, "%s.%s.%s", d.id, d.at, d.body)
		if d.signature != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("the signature %s is none of %s", d.signature, d.body)
		}
		if !strings.Contains(string(d.body), string(id)) || r.tries[d.id] < 3 {
			t.Errorf("after %d tries it says %s", r.tries[d.id], d.body)
		}
	}
	if len(seen) != 2 || len(elsewhere.tries) != 0 {
		t.Errorf("%d were taken, and %d went elsewhere", len(seen), len(elsewhere.tries))
	}
	if list, err = e.People["carol"].Notices(t.Context(), client.Page{}); err != nil || list.Waiting != 0 {
		t.Errorf("%d wait: %v", list.Waiting, err)
	}
}

// TestWhatNobodyTakesIsGivenUpAndShown: a change does not wait for a dead receiver; after three days the programme sees what was given up,
// and nobody else does.
func TestWhatNobodyTakesIsGivenUpAndShown(t *testing.T) {
	r := newReceiver(t)
	r.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	s := mailtest.New(t) // never up
	e := testenv.New(t, testenv.Options{Notices: channelsFile(t, "mail: {server: '"+s.Address+"', from: n@lab.test, tls: starttls, user: narthex, password_file: DIR/mail.password}\nwebhooks:\n- {name: chat, url: '"+r.URL+"', secret_file: DIR/hook.secret}\n")})
	id := submitted(t, e).Engagement.ID
	_, err := e.People["ada"].Command(t.Context(), id, "withdraw", client.Command{Text: "no more"}) // so that no clock speaks
	check(t, err)
	for range 14 {
		deliver(t, e)
		again(t, e, 6*time.Hour)
	}
	deliver(t, e)
	list, err := e.People["carol"].Notices(t.Context(), client.Page{})
	check(t, err)
	because := []string{}
	for _, n := range list.Undelivered {
		because = append(because, n.Channel+" "+n.Because)
	}
	slices.Sort(because)
	because = slices.Compact(because)
	if strings.Join(because, ", ") != "chat answered, mail unreachable" || list.Waiting != 0 {
		t.Errorf("the programme sees %v, and %d wait", because, list.Waiting)
	}
	list, err = e.People["ada"].Notices(t.Context(), client.Page{})
	check(t, err)
	if len(list.Undelivered) != 0 || len(list.Notices) == 0 || list.Notices[0].State != "given_up" {
		t.Errorf("ada sees %+v", list)
	}
}

// TestMailGoesToWhomItConcernsAndToNobodyErased by a real mail server, with the node on either database.
func TestMailGoesToWhomItConcernsAndToNobodyErased(t *testing.T) {
	s := mailtest.New(t)
	e := testenv.New(t, testenv.Options{Notices: channelsFile(t, "mail: {server: '"+s.Address+"', from: n@lab.test, tls: starttls, user: narthex, password_file: DIR/mail.password, ca_file: '"+s.CAFile+"'}\n")})
	id := submitted(t, e).Engagement.ID
	deliver(t, e) // in vain
	_, err := e.People["ada"].Command(t.Context(), id, "withdraw", client.Command{Text: "no more"})
	check(t, err)
	ada := e.People["ada"].ID
	_, err = e.People["carol"].Remove(t.Context(), ada, "left")
	check(t, err)
	_, err = e.People["dan"].Erase(t.Context(), ada, "asked for it")
	check(t, err)
	delete(e.People, "ada")
	s.Up(t)
	again(t, e, time.Hour)
	deliver(t, e)
	to := map[string]int{}
	for _, mail := range s.Taken(t) {
		for _, line := range strings.Split(mail.Headers, "\n") {
			if _, address, is := strings.Cut(line, "To: "); is {
				to[address]++
			}
		}
	}
	if len(to) == 0 || to["<ada@x.test>"] != 0 || to["<sam@lab.test>"] != 1 || to["<olga@lab.test>"] != 1 || to["<carol@lab.test>"] != 1 {
		t.Errorf("mail went to %v: %s", to, s.Said(t))
	}
}

// TestAnErasedPersonLeavesNoNotice looks at the rows themselves.
func TestAnErasedPersonLeavesNoNotice(t *testing.T) {
	var raw store.Store
	e := testenv.New(t, testenv.Options{Wrap: func(s store.Store) store.Store { raw = s; return s }})
	id := submitted(t, e).Engagement.ID
	_, err := e.People["ada"].Command(t.Context(), id, "withdraw", client.Command{Text: "no more"})
	check(t, err)
	ada := e.People["ada"].ID
	mine := func() (n int) {
		check(t, raw.View(t.Context(), func(r store.Reader) error {
			rows, err := r.Scan(store.Notices, store.Span{Limit: 9999})
			for _, row := range rows {
				if strings.Contains(row.Key+string(row.Value), string(ada)) {
					n++
				}
				if strings.Contains(string(row.Value), "@") {
					t.Errorf("an address stands in %s", row.Key)
				}
			}
			return err
		}))
		return n
	}
	if mine() == 0 {
		t.Fatal("she was told nothing")
	}
	_, err = e.People["carol"].Remove(t.Context(), ada, "left")
	check(t, err)
	_, err = e.People["dan"].Erase(t.Context(), ada, "asked for it")
	check(t, err)
	delete(e.People, "ada")
	if n := mine(); n != 0 {
		t.Errorf("%d rows tell of someone who was erased", n)
	}
}

// TestALateReviewIsEscalatedOnceAndApprovesNothing: the clock reminds and escalates by itself, once, through restarts and sweeps at the
// same time, to whom the pathway names; and a year of silence decides nothing.
func TestALateReviewIsEscalatedOnceAndApprovesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url, Files: func(files lab.Files) {
			files["pathways/test.yaml"] = append(files["pathways/test.yaml"], "\nescalate_to: dan\n"...)
		}})
		view := submitted(t, e)
		id := view.Engagement.ID
		sweep := func() {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if _, err := e.Node.Sweep(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		kinds := func() string {
			var all []string
			for _, who := range []string{"sam", "olga", "carol", "dan", "ada", "otto"} {
				all = append(all, who+": "+strings.Join(toldTo(t, e, who), " "))
			}
			return strings.Join(all, "; ")
		}
		half := view.Engagement.Due.Sub(view.Engagement.Since) / 2
		sweep()
		before := kinds()
		again(t, e, half+time.Hour)
		sweep()
		if got, want := kinds(), strings.NewReplacer("sam: ", "sam: review_half ", "olga: ", "olga: review_half ").Replace(before); got != want {
			t.Errorf("at half time: %s, and should be %s", got, want)
		}
		again(t, e, half)
		sweep()
		again(t, e, 0)
		sweep()
		if got, want := kinds(), "sam: review_late review_half review_asked; olga: review_late review_half review_asked; carol: review_late; dan: escalated; ada: review_late assigned; otto: "; got != want {
			t.Errorf("when it is late: %s, and should be %s", got, want)
		}
		for range 12 {
			again(t, e, 31*24*time.Hour)
			sweep()
		}
		after, err := e.People["carol"].Engagement(t.Context(), id)
		check(t, err)
		if after.Engagement.State != narthex.InReview || len(after.Engagement.Votes) != 0 || len(after.Engagement.Reminded) != 2 {
			t.Errorf("after a year of silence it is %s, with %v and %v", after.Engagement.State, after.Engagement.Votes, after.Engagement.Reminded)
		}
	})
}

// TestOldNoticesGo, and what waits in a channel that the settings do not have any more is given up.
func TestOldNoticesGo(t *testing.T) {
	r := newReceiver(t)
	r.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	file := channelsFile(t, "webhooks:\n- {name: chat, url: '"+r.URL+"', secret_file: DIR/hook.secret}\n- {name: desk, url: '"+r.URL+"', secret_file: DIR/hook.secret}\n")
	e := testenv.New(t, testenv.Options{Notices: file})
	id := submitted(t, e).Engagement.ID
	_, err := e.People["ada"].Command(t.Context(), id, "withdraw", client.Command{Text: "no more"}) // so that no clock speaks
	check(t, err)
	deliver(t, e)
	text, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, []byte(strings.Join(strings.Split(string(text), "\n")[:2], "\n")+"\n"), 0o600))
	again(t, e, time.Hour)
	_, err = e.Node.Sweep(t.Context())
	check(t, err)
	list, err := e.People["carol"].Notices(t.Context(), client.Page{})
	check(t, err)
	if len(list.Undelivered) != 3 || list.Undelivered[0].Because != "no_channel" || list.Undelivered[0].Channel != "desk" || list.Waiting != 3 {
		t.Errorf("a channel that is gone: %+v", list)
	}
	again(t, e, book.NoticeKept)
	deliver(t, e) // what waited is given up
	for range 2 {
		_, err = e.Node.Sweep(t.Context())
		check(t, err)
	}
	if list, err = e.People["carol"].Notices(t.Context(), client.Page{}); err != nil || len(list.Undelivered) != 0 || list.Waiting != 0 {
		t.Errorf("after %v there is still %+v, %v", book.NoticeKept, list, err)
	}
	if got := toldTo(t, e, "sam"); len(got) != 0 {
		t.Errorf("sam still sees %v", got)
	}
}

// TestWhatLapsesSoonIsToldOnce to whoever must be in good standing and to those whose word renews it, 14 days before and not sooner; what was
// renewed is told of again when that lapses.
func TestWhatLapsesSoonIsToldOnce(t *testing.T) {
	r := newReceiver(t)
	o := resting("{kind: training, name: basics, days: 60}")
	o.Notices = channelsFile(t, "webhooks:\n- {name: chat, url: '"+r.URL+"', secret_file: DIR/hook.secret}\n")
	e := testenv.New(t, o)
	_, err := e.People["sam"].RecordStanding(t.Context(), e.People["ada"].ID, client.RecordStanding{Kind: narthex.Training, Name: "basics"})
	check(t, err)
	grant, _ := e.Grant(t, "", testenv.Tokens(10, nil))
	until := rest(t, e, grant.ID).Until
	count := func() string {
		deliver(t, e)
		relog(t, e, "ada", "sam", "carol", "otto", "lea")
		var all []string
		for _, who := range []string{"ada", "sam", "carol", "otto", "lea"} {
			n := 0
			for _, kind := range toldTo(t, e, who) {
				if kind == "lapses_soon" {
					n++
				}
			}
			all = append(all, fmt.Sprintf("%s %d", who, n))
		}
		n := 0
		for _, d := range r.took {
			if strings.Contains(string(d.body), `"engagement.lapses_soon"`) && strings.Contains(string(d.body), "training basics") {
				n++
			}
		}
		return strings.Join(append(all, fmt.Sprintf("webhook %d", n)), ", ")
	}
	sweep := func() {
		for range 3 {
			_, err := e.Node.Sweep(t.Context())
			check(t, err)
		}
	}
	e.Clock.Stop(until.Add(-14*24*time.Hour - time.Minute))
	sweep()
	if got, want := count(), "ada 0, sam 0, carol 0, otto 0, lea 0, webhook 0"; got != want {
		t.Errorf("sooner: %s", got)
	}
	e.Clock.Stop(until.Add(-14 * 24 * time.Hour))
	sweep()
	check(t, e.Node.Close())
	e.Start(t)
	sweep()
	if got, want := count(), "ada 1, sam 1, carol 1, otto 0, lea 0, webhook 1"; got != want {
		t.Errorf("14 days before: %s, and should be %s", got, want)
	}
	_, err = e.People["sam"].RecordStanding(t.Context(), e.People["ada"].ID, client.RecordStanding{Kind: narthex.Training, Name: "basics"})
	check(t, err)
	next := rest(t, e, grant.ID).Until
	e.Clock.Stop(next.Add(-time.Hour))
	sweep()
	if got, want := count(), "ada 2, sam 2, carol 2, otto 0, lea 0, webhook 2"; got != want || !next.After(until) {
		t.Errorf("when the new one lapses: %s, and should be %s", got, want)
	}
}

// undone is a store whose commits can be made to fail, at their very end.
type undone struct {
	store.Store
	on atomic.Bool
}

func (u *undone) Update(ctx context.Context, change func(store.Tx) error) error {
	return u.Store.Update(ctx, func(tx store.Tx) error {
		if err := change(tx); err != nil || !u.on.Load() {
			return err
		}
		return errors.New("the disk is full")
	})
}

// TestWhatDidNotHappenIsToldToNobody: a notice is in the commit of what it tells of, and in no other.
func TestWhatDidNotHappenIsToldToNobody(t *testing.T) {
	r, u := newReceiver(t), &undone{}
	e := testenv.New(t, testenv.Options{Notices: channelsFile(t, "webhooks:\n- {name: chat, url: '"+r.URL+"', secret_file: DIR/hook.secret}\n"), Wrap: func(s store.Store) store.Store { u.Store = s; return u }})
	id := drafted(t, e).Engagement.ID
	u.on.Store(true)
	if _, err := e.People["ada"].Command(t.Context(), id, "submit", client.Command{}); err == nil {
		t.Fatal("it was submitted on a full disk")
	}
	u.on.Store(false)
	deliver(t, e)
	if told := toldTo(t, e, "sam"); len(told) != 0 || len(r.took) != 0 {
		t.Errorf("sam was told %v, and a webhook %d things, of what did not happen", told, len(r.took))
	}
	_, err := e.People["ada"].Command(t.Context(), id, "submit", client.Command{})
	check(t, err)
	deliver(t, e)
	if told := toldTo(t, e, "sam"); len(told) != 1 || len(r.took) != 2 {
		t.Errorf("sam was told %v, and a webhook %d things", told, len(r.took))
	}
}

// TestALockIsToldWhomItConcernsAndASilentOneNobody: twice locked is told twice; of a lock that a legal order keeps silent nobody is told
// while it does, neither that it is set nor that it is lifted.
func TestALockIsToldWhomItConcernsAndASilentOneNobody(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, _ := e.Grant(t, "", testenv.Tokens(10, nil))
	told := func(who string) string { return strings.Join(toldTo(t, e, who), " ") }
	before, programme := told("ada"), told("carol")
	ask := client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: narthex.LegalOrder, Note: "a canary", SilentUntil: time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)}
	silent, err := e.People["sam"].Lock(t.Context(), ask)
	check(t, err)
	_, err = e.People["carol"].Unlock(t.Context(), silent.Lock.ID)
	check(t, err)
	if now := told("ada"); now != before || told("carol") != programme {
		t.Errorf("after a silent lock ada was told %q and the programme %q", now, told("carol"))
	}
	for range 2 {
		open, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "engagement", Target: string(grant.Engagement), Reason: "safety"})
		check(t, err)
		_, err = e.People["carol"].Unlock(t.Context(), open.Lock.ID)
		check(t, err)
	}
	for who, was := range map[string]string{"ada": before, "carol": programme} {
		if now, want := told(who), "unlocked locked unlocked locked "+was; now != want {
			t.Errorf("%s was told %q, and should be %q", who, now, want)
		}
	}
}
