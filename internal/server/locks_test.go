package server_test

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// harbour is a lab whose test pathway is a safe harbour.
func harbour(files lab.Files) {
	files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: safe-harbour, values: {lock_reasons: \"compromised_credential, suspected_exfiltration, safety, legal_order\"}}\n"), 1)
}

var requests = regexp.MustCompile(`req_[a-z2-7]+`)

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return narthex.AsError(err).Code
}

// A safe harbour refuses every lock that would reach it for a reason that its agreement does not list, by whatever way; one on a key or an
// asset it never refuses.
func TestASafeHarbourRefusesLocksForOtherReasons(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: harbour})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	held, err := e.People["ada"].Client.Grant(t.Context(), grant.ID)
	if err != nil || len(held.Keys) != 1 {
		t.Fatal(held.Keys, err)
	}
	sam, carol := e.People["sam"], e.People["carol"]
	for _, reason := range narthex.LockReasons() {
		listed := slices.Contains([]narthex.LockReason{"compromised_credential", "suspected_exfiltration", "safety", "legal_order"}, reason)
		always := slices.Contains(narthex.AlwaysLocks(), reason)
		for subject, target := range map[narthex.LockSubject]string{"grant": string(grant.ID), "engagement": string(grant.Engagement), "person": string(e.People["ada"].ID), "org": string(grant.Org),
			"key": string(held.Keys[0].ID), "asset": "model", narthex.LockRegion: "fr", narthex.LockNationality: "fr"} {
			allowed := listed
			switch subject {
			case "key", "asset":
				allowed = true
			case narthex.LockRegion, narthex.LockNationality:
				allowed = always
			}
			locked, err := sam.Lock(t.Context(), client.LockRequest{Subject: subject, Target: target, Reason: reason})
			status, _, _ := e.Chat(t.Context(), key, testenv.Hello)
			if (err == nil) != allowed || (status == http.StatusOK) == allowed {
				t.Errorf("a lock on the %s for %s: %v, and a call gives %d", subject, reason, err, status)
			}
			if !allowed && !subject.OfClass() && (codeOf(err) != "safe_harbour" || !strings.Contains(err.Error(), "narthex lock key")) {
				t.Errorf("a lock on the %s for %s is refused without what to do instead: %v", subject, reason, err)
			}
			if err == nil {
				if _, err := carol.Unlock(t.Context(), locked.Lock.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := carol.Suspend(t.Context(), e.People["ada"].ID, "we do not like it"); codeOf(err) != "safe_harbour" {
		t.Errorf("someone under a safe harbour was suspended: %v", err)
	}
	// What was locked before does not follow into a safe harbour.
	id := offered(t, e, "", testenv.Tokens(10, nil))
	if _, err := sam.Lock(t.Context(), client.LockRequest{Subject: "engagement", Target: string(id), Reason: "incident"}); codeOf(err) != "safe_harbour" {
		t.Errorf("an offered safe harbour was locked: %v", err)
	}
	if status, text, _ := e.Chat(t.Context(), key, testenv.Hello); status != http.StatusOK {
		t.Errorf("after all locks were lifted: %d %s", status, text)
	}
}

// Whom a lock stops is told the reason, since when it is and by when it is looked at; they appeal once, and someone else answers.
func TestALockIsToldAppealedAndAnsweredBySomeoneElse(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: with(pat)})
	e.Join(t, "pat", must(e.People["carol"].Invite(t.Context(), client.Invite{Handle: "pat"})).Code)
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada, sam, paul, carol := e.People["ada"], e.People["sam"], e.People["paul"], e.People["carol"]
	locked, err := sam.Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "safety", Note: "call us"})
	if err != nil || locked.Lock.ReviewBy.Before(e.Clock.Now().Add(10*24*time.Hour)) || locked.Lock.ReviewBy.After(e.Clock.Now().Add(20*24*time.Hour)) {
		t.Fatalf("the clock of a review ends at %s: %v", locked.Lock.ReviewBy, err)
	}
	id := locked.Lock.ID
	own := must(e.Client.With(key).OwnGrant(t.Context()))
	view := must(ada.Engagement(t.Context(), grant.Engagement))
	list := must(ada.Locks(t.Context()))
	for what, locks := range map[string][]narthex.Lock{"the key's grant": own.Locks, "the engagement": view.Locks, "the list": list.Locks} {
		if len(locks) != 1 || locks[0].Reason != "safety" || locks[0].At.IsZero() || !locks[0].ReviewBy.Equal(locked.Lock.ReviewBy) || locks[0].Note != "call us" || locks[0].By != "" {
			t.Errorf("%s tells of %+v", what, locks)
		}
	}
	if told := must(ada.WhoAmI(t.Context())).Told; len(told) == 0 || !strings.Contains(told[0], string(id)) {
		t.Errorf("ada was told %q", told)
	}
	if others := must(e.People["lea"].Locks(t.Context())); len(others.Locks) != 1 {
		t.Errorf("the lab sees %+v", others)
	}
	status, text, _ := e.Chat(t.Context(), key, testenv.Hello)
	if status != http.StatusForbidden || !strings.Contains(text, "safety") || !strings.Contains(text, locked.Lock.ReviewBy.Format(time.DateOnly)) || !strings.Contains(text, string(id)) {
		t.Errorf("the door says %d %s", status, text)
	}
	// The key appeals, and does nothing else but read what is its own.
	if _, err := e.Client.With(key).Models(t.Context()); codeOf(err) != "locked" {
		t.Errorf("a locked key lists models: %v", err)
	}
	afterwards(t, e, 3*24*time.Hour)
	appealed, err := e.Client.With(key).AppealWithKey(t.Context(), client.KeyAppeal{Lock: id, Text: "it was agreed"})
	if err != nil || len(appealed.Appeals) != 1 || !appealed.ReviewBy.Equal(locked.Lock.ReviewBy) { // the clock that runs is not set back
		t.Fatal(appealed, err)
	}
	for who, p := range map[string]*testenv.Person{"ada": ada, "otto": e.People["otto"]} {
		if _, err := p.AppealLock(t.Context(), id, client.LockAppeal{Text: "again"}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("%s appeals a second time: %v", who, err)
		}
	}
	waits := func(p *testenv.Person) (found *client.WorkItem) {
		for _, item := range must(p.Work(t.Context(), client.Page{})).Work {
			if item.Lock == id {
				found = &item
			}
		}
		return found
	}
	if item := waits(paul); item == nil || item.Do != "answer_appeal" || item.Late {
		t.Errorf("paul's work has %+v", item)
	}
	if waits(sam) != nil {
		t.Error("who set the lock is asked to answer for it")
	}
	afterwards(t, e, 30*24*time.Hour)
	if item := waits(paul); item == nil || !item.Late {
		t.Errorf("the appeal is late, and paul's work has %+v", item)
	}
	for what, try := range map[string]func() error{
		"by who set it": func() error {
			_, err := sam.ReviewLock(t.Context(), id, client.ReviewLock{Outcome: narthex.LockUpheld, Text: "mine"})
			return err
		},
		"without a word": func() error {
			_, err := paul.ReviewLock(t.Context(), id, client.ReviewLock{Outcome: narthex.LockUpheld})
			return err
		},
		"otherwise": func() error {
			_, err := paul.ReviewLock(t.Context(), id, client.ReviewLock{Outcome: "dropped", Text: "x"})
			return err
		},
		"by the programme alone": func() error {
			_, err := e.People["pat"].ReviewLock(t.Context(), id, client.ReviewLock{Outcome: narthex.LockWasLifted, Text: "x"})
			return err
		},
		"by the side": func() error {
			_, err := ada.ReviewLock(t.Context(), id, client.ReviewLock{Outcome: narthex.LockWasLifted, Text: "x"})
			return err
		},
	} {
		if try() == nil {
			t.Errorf("a review %s was taken", what)
		}
	}
	if done, err := paul.ReviewLock(t.Context(), id, client.ReviewLock{Outcome: narthex.LockUpheld, Text: "we still look"}); err != nil || !done.ReviewBy.IsZero() {
		t.Fatal(done, err)
	}
	if _, err := ada.AppealLock(t.Context(), id, client.LockAppeal{Text: "once more"}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("an appeal that was answered is made again: %v", err)
	}
	if waits(paul) != nil || len(must(ada.Engagement(t.Context(), grant.Engagement)).Locks[0].Reviews) != 1 {
		t.Error("the answer is not with the lock")
	}
	if done, err := carol.ReviewLock(t.Context(), id, client.ReviewLock{Outcome: narthex.LockWasLifted, Text: "it was agreed"}); err != nil || !done.Lifted() {
		t.Fatal(done, err)
	}
}

// A lock on a person or their organisation keeps them from signing in, from applying, from inviting and being invited, and from keys;
// they are told why when they prove who they are, and the programme hands their appeal in.
func TestALockOnAPersonBarsEveryWayIn(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada, otto, sam, carol := e.People["ada"], e.People["otto"], e.People["sam"], e.People["carol"]
	draft := drafted(t, e)
	waiting := must(carol.Invite(t.Context(), client.Invite{Name: "New", Email: "n@x.test", Org: grant.Org, Region: "fr"}))
	routes := func(p *testenv.Person) map[string]error {
		all := map[string]error{}
		_, all["sign in"] = e.Client.Login(t.Context(), p.Login)
		_, all["an earlier session"] = p.WhoAmI(t.Context())
		_, all["apply"] = p.Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(1, nil)}})
		_, all["hand in"] = p.Command(t.Context(), draft.Engagement.ID, "submit", client.Command{})
		_, all["mint"] = p.Mint(t.Context(), grant.ID, client.Mint{Label: "x"})
		_, all["invite"] = p.Invite(t.Context(), client.Invite{Name: "X", Email: "x@x.test", Org: grant.Org})
		_, all["enrol a signing key"] = p.EnrollSigner(t.Context(), p.Signer)
		return all
	}
	for _, c := range []struct {
		subject narthex.LockSubject
		target  string
		bars    []*testenv.Person
	}{{"person", string(ada.ID), []*testenv.Person{ada}}, {"org", string(grant.Org), []*testenv.Person{ada, otto}}} {
		locked := must(sam.Lock(t.Context(), client.LockRequest{Subject: c.subject, Target: c.target, Reason: "incident"}))
		for _, p := range c.bars {
			for route, err := range routes(p) {
				if codeOf(err) != "locked" || !strings.Contains(err.Error(), "incident") || !strings.Contains(err.Error(), string(locked.Lock.ID)) {
					t.Errorf("under a lock on the %s, to %s: %v", c.subject, route, err)
				}
			}
		}
		if status, _, _ := e.Chat(t.Context(), key, testenv.Hello); status != http.StatusForbidden {
			t.Errorf("under a lock on the %s a key works: %d", c.subject, status)
		}
		if c.subject == "org" {
			fresh := must(client.NewKey())
			if _, err := e.Client.Redeem(t.Context(), waiting.Code, fresh); codeOf(err) != "locked" {
				t.Errorf("a code from before is redeemed: %v", err)
			}
			if _, err := carol.Invite(t.Context(), client.Invite{Name: "Y", Email: "y@x.test", Org: grant.Org, Region: "fr"}); err == nil {
				t.Error("someone is invited into a locked organisation")
			}
		}
		if _, err := carol.AppealLock(t.Context(), locked.Lock.ID, client.LockAppeal{Text: "she wrote to us", For: ada.ID}); err != nil {
			t.Errorf("the programme hands in an appeal: %v", err)
		}
		if _, err := e.People["dan"].Unlock(t.Context(), locked.Lock.ID); err != nil {
			t.Fatal(err)
		}
	}
	for route, err := range routes(ada) {
		if (err != nil) != slices.Contains([]string{"invite", "enrol a signing key"}, route) {
			t.Errorf("after the lock, to %s: %v", route, err)
		}
	}
	// A credential that may be in other hands reads nothing, and whoever holds it is told nothing at sign-in.
	taken := must(sam.Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(ada.ID), Reason: narthex.CompromisedCredential}))
	if _, err := e.Client.Login(t.Context(), ada.Login); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a compromised log-in key is told: %v", err)
	}
	if _, err := e.Client.With(key).OwnGrant(t.Context()); err == nil {
		t.Error("a compromised key reads its grant")
	}
	if _, err := e.Client.With(key).AppealWithKey(t.Context(), client.KeyAppeal{Lock: taken.Lock.ID, Text: "x"}); err == nil {
		t.Error("a compromised key appeals")
	}
	if _, err := otto.AppealLock(t.Context(), taken.Lock.ID, client.LockAppeal{Text: "we looked: it is safe"}); err != nil {
		t.Errorf("the official appeals for a colleague: %v", err)
	}
}

// Of a lock under an order that forbids to tell nothing can be told, at any place: the door answers as to a revoked key.
func TestNothingTellsOfASilentLock(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada, sam, carol := e.People["ada"], e.People["sam"], e.People["carol"]
	other := must(ada.Mint(t.Context(), grant.ID, client.Mint{Label: "revoked"}))
	must(ada.RevokeKey(t.Context(), other.Key.ID))
	before := must(ada.Engagement(t.Context(), grant.Engagement))
	until := e.Clock.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
	for what, in := range map[string]client.LockRequest{
		"another reason": {Subject: "grant", Target: string(grant.ID), Reason: "safety", SilentUntil: until},
		"an asset":       {Subject: "asset", Target: "model", Reason: narthex.LegalOrder, SilentUntil: until},
		"too long":       {Subject: "grant", Target: string(grant.ID), Reason: narthex.LegalOrder, SilentUntil: until.AddDate(1, 0, 0)},
		"the past":       {Subject: "grant", Target: string(grant.ID), Reason: narthex.LegalOrder, SilentUntil: until.AddDate(-1, 0, 0)},
	} {
		if _, err := sam.Lock(t.Context(), in); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("silence for %s: %v", what, err)
		}
	}
	locked := must(sam.Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: narthex.LegalOrder, Note: "the note", SilentUntil: until}))
	id := locked.Lock.ID
	asks := func(token string) map[string]string {
		said := map[string]string{}
		for _, path := range []string{"/v1/chat/completions", "/v1/models", "/v1/grant", "/v1/appeal"} {
			request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, e.Client.Base()+path, strings.NewReader(testenv.Hello))
			if err != nil {
				t.Fatal(err)
			}
			if path == "/v1/models" || path == "/v1/grant" {
				request.Method, request.Body, request.ContentLength = http.MethodGet, nil, 0
			}
			request.Header.Set("Authorization", "Bearer "+token)
			request.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			var body bytes.Buffer
			body.ReadFrom(answer.Body)
			answer.Body.Close()
			names := []string{}
			for name := range answer.Header {
				names = append(names, name)
			}
			slices.Sort(names)
			said[path] = answer.Status + " " + strings.Join(names, " ") + " " + requests.ReplaceAllString(body.String(), "req_")
		}
		return said
	}
	for path, text := range asks(other.Token) {
		if got := asks(key)[path]; got != text || !strings.Contains(text, "401") {
			t.Errorf("at %s the silently locked key is told\n%s\nand a revoked one\n%s", path, got, text)
		}
	}
	tells := func(text string) bool {
		return strings.Contains(text, "lck_") || strings.Contains(text, "legal") || strings.Contains(text, "lock") || strings.Contains(text, "the note")
	}
	for _, path := range []string{"/api/locks", "/api/whoami", "/api/work", "/api/engagements/" + string(grant.Engagement), "/api/engagements/" + string(grant.Engagement) + "/history", "/api/grants", "/api/grants/" + string(grant.ID)} {
		answer, err := ada.Do(t.Context(), "GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		body.ReadFrom(answer.Body)
		answer.Body.Close()
		if text := strings.ReplaceAll(strings.ReplaceAll(body.String(), `"locks":[]`, ""), "lock_reasons", ""); answer.StatusCode != http.StatusOK || tells(text) {
			t.Errorf("%s tells: %d %s", path, answer.StatusCode, text)
		}
	}
	if after := must(ada.Engagement(t.Context(), grant.Engagement)); len(after.Locks) != 0 || after.Engagement.Events != before.Engagement.Events {
		t.Errorf("the engagement tells: %+v", after.Locks)
	}
	if _, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "x"}); err == nil || tells(err.Error()) {
		t.Errorf("a key under a silent lock: %v", err)
	}
	if _, err := ada.AppealLock(t.Context(), id, client.LockAppeal{Text: "x"}); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("an appeal against what nobody tells: %v", err)
	}
	for name, knows := range map[string]bool{"sam": true, "carol": true, "lea": true, "olga": false} {
		if list := must(e.People[name].Locks(t.Context())); (len(list.Locks) == 1) != knows {
			t.Errorf("%s is shown %+v", name, list.Locks)
		}
	}
	// A silence is renewed, ends on its day, and is then told.
	if _, err := carol.SilenceLock(t.Context(), id, client.LockSilence{Until: until.AddDate(0, 1, 0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := carol.SilenceLock(t.Context(), id, client.LockSilence{Until: until.AddDate(-1, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	if list := must(ada.Locks(t.Context())); len(list.Locks) != 1 {
		t.Errorf("after the silence ada is shown %+v", list.Locks)
	}
	if _, err := carol.SilenceLock(t.Context(), id, client.LockSilence{Until: until}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what was told is silent again: %v", err)
	}
	if status, text, _ := e.Chat(t.Context(), key, testenv.Hello); status != http.StatusForbidden || !strings.Contains(text, "legal_order") {
		t.Errorf("after the silence the door says %d %s", status, text)
	}
}

// A lock on a nationality stops its nationals and everyone of whom none is recorded; what is recorded is shown to nobody else.
func TestALockOnANationality(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	ada, sam, carol := e.People["ada"], e.People["sam"], e.People["carol"]
	works := func() bool {
		status, _, err := e.Chat(t.Context(), key, testenv.Hello)
		return err == nil && status == http.StatusOK
	}
	record := func(codes ...string) error {
		_, err := carol.RecordNationalities(t.Context(), ada.ID, client.Nationalities{Nationalities: codes})
		return err
	}
	if _, err := sam.RecordNationalities(t.Context(), ada.ID, client.Nationalities{Nationalities: []string{"fr"}}); err == nil {
		t.Error("security recorded a nationality")
	}
	for _, wrong := range [][]string{{"FR"}, {"fr", "dz"}, {"fr", "fr"}, {""}} {
		if record(wrong...) == nil {
			t.Errorf("%q was recorded", wrong)
		}
	}
	locked := must(sam.Lock(t.Context(), client.LockRequest{Subject: narthex.LockNationality, Target: "dz", Reason: narthex.LegalOrder}))
	if works() {
		t.Error("someone of whom no nationality is known works under a lock on one")
	}
	for _, c := range []struct {
		codes []string
		works bool
	}{{[]string{"fr"}, true}, {[]string{"dz", "fr"}, false}, {[]string{"ch", "fr"}, true}, {nil, false}, {[]string{"fr"}, true}} {
		if err := record(c.codes...); err != nil {
			t.Fatal(err)
		}
		if _, err := ada.WhoAmI(t.Context()); works() != c.works || (err == nil) != c.works {
			t.Errorf("a national of %q: works %t, %v", c.codes, works(), err)
		}
		if _, err := ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(1, nil)}}); (err == nil) != c.works {
			t.Errorf("a national of %q applies: %v", c.codes, err)
		}
	}
	if own := must(ada.WhoAmI(t.Context())); !slices.Equal(own.Nationalities, []string{"fr"}) {
		t.Errorf("ada is shown %q of herself", own.Nationalities)
	}
	var export bytes.Buffer
	if err := carol.Export(t.Context(), &export); err != nil || strings.Contains(export.String(), `"fr"]`) || !strings.Contains(export.String(), "person.nationality") {
		t.Error("an entry has a nationality in clear, or there is none of its record", err)
	}
	if _, err := carol.Unlock(t.Context(), locked.Lock.ID); err != nil || !works() {
		t.Error("after the lock", err)
	}
}
