package server_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/evidence"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/testenv/mailtest"
)

// vera is a specialist whom security may ask.
func vera() client.AskOpinion {
	return client.AskOpinion{As: narthex.Security, Name: "Vera Far", Email: "vera@far.test", Question: "Can it be carried out?"}
}

// asking is an application in review about which sam asks a specialist.
func asking(t *testing.T, e *testenv.Env) (client.EngagementView, client.OpinionAsked) {
	t.Helper()
	view := submitted(t, e)
	return view, must(e.People["sam"].AskOpinion(t.Context(), view.Engagement.ID, vera()))
}

// opened is a specialist's log-in.
func openedBy(t *testing.T, e *testenv.Env, asked client.OpinionAsked) *client.Client {
	t.Helper()
	login := must(e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: asked.Engagement, Code: asked.Code}))
	return e.Client.With(login.Token)
}

// TestASpecialistGivesOneOpinion: by a code that works once, interests first, on one text, and every step is in the ledger's own account.
func TestASpecialistGivesOneOpinion(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url})
		view, asked := asking(t, e)
		id, sam := view.Engagement.ID, e.People["sam"]
		redeem := client.RedeemOpinion{Engagement: id, Code: asked.Code}
		login := must(e.Client.RedeemOpinion(t.Context(), redeem))
		if !slices.Equal(login.People, []string{"Ada"}) || login.Org == "" || login.ExpiresAt.After(asked.Until) || login.ExpiresAt.After(e.Clock.Now().Add(12*time.Hour)) {
			t.Errorf("whom it is about, and how long: %+v", login)
		}
		if _, err := e.Client.RedeemOpinion(t.Context(), redeem); !narthex.IsKind(err, narthex.Unauthenticated) {
			t.Errorf("the code works a second time: %v", err)
		}
		c := e.Client.With(login.Token)
		if _, err := c.ReadForOpinion(t.Context(), id); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("they read before they stated their interests: %v", err)
		}
		if _, err := c.GiveOpinion(t.Context(), id, client.GiveOpinion{Saw: view.Engagement.Digest, Text: "x"}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("they opine before they stated their interests: %v", err)
		}
		if err := c.StateInterests(t.Context(), id, client.StateInterests{Interests: " "}); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("no word of interests: %v", err)
		}
		if err := c.StateInterests(t.Context(), id, client.StateInterests{Interests: "none at all"}); err != nil {
			t.Fatal(err)
		}
		must(e.People["olga"].Command(t.Context(), id, "comment", client.Command{Text: "internal-canary", Private: true}))
		must(e.People["paul"].Command(t.Context(), id, "claim", client.Command{As: narthex.Security}))
		read := must(c.ReadForOpinion(t.Context(), id))
		if read.Digest != view.Engagement.Digest || read.Application.Title != view.Engagement.Application.Title || read.Question != vera().Question || len(read.People) != 1 {
			t.Errorf("they read %+v", read)
		}
		text := string(must(json.Marshal(read)))
		for _, hidden := range []string{"internal-canary", string(sam.ID), string(e.People["paul"].ID), string(e.People["olga"].ID), "claims", "votes", "triage", "locks", "notes"} {
			if strings.Contains(text, hidden) {
				t.Errorf("they are shown %s", hidden)
			}
		}
		if _, err := c.GiveOpinion(t.Context(), id, client.GiveOpinion{Saw: textDigest("another"), Text: "x"}); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("an opinion on another text: %v", err)
		}
		must(c.GiveOpinion(t.Context(), id, client.GiveOpinion{Saw: read.Digest, Text: "opinion-canary"}))
		for what, err := range map[string]error{"read": err1(c.ReadForOpinion(t.Context(), id)), "speak": err1(c.GiveOpinion(t.Context(), id, client.GiveOpinion{Saw: read.Digest, Text: "y"})), "state": c.StateInterests(t.Context(), id, client.StateInterests{Interests: "y"})} {
			if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), read.Digest.Short()) {
				t.Errorf("they still %s, or are not told what they commented on: %v", what, err)
			}
		}
		item, _ := reviewOf(t, e, "sam", id)
		if item.Do != "review" || item.Opinions != 1 {
			t.Errorf("on the list of who asked: %+v", item)
		}
		if item, _ := reviewOf(t, e, "paul", id); item.Opinions != 0 {
			t.Errorf("on the list of who did not: %+v", item)
		}
		if told := must(sam.Notices(t.Context(), client.Page{})).Notices; !slices.ContainsFunc(told, func(n client.ToldView) bool { return n.Kind == "opinion_in" && n.Engagement == id }) {
			t.Error("who asked is not told that it came in")
		}
		for _, name := range []string{"sam", "paul", "olga", "carol"} {
			list := must(e.People[name].Client.Engagement(t.Context(), id)).Engagement
			if o := list.Opinions; len(o) != 1 || o[0].Text != "opinion-canary" || o[0].Interests != "none at all" || o[0].Saw != read.Digest || o[0].Code != "" || len(list.Votes) != 0 {
				t.Errorf("%s reads %+v", name, o)
			}
		}
		reads := 0
		for _, entry := range entries(t, e) {
			if entry.Type == narthex.EntryEngagementRead && entry.Text("by") == string(asked.Invite) {
				reads++
			}
		}
		if reads != 1 {
			t.Errorf("their reading is %d entries", reads)
		}
		if found := must(e.People["lea"].Audit(t.Context(), false)); len(found.Differences) != 0 {
			t.Errorf("the audit finds %+v", found.Differences)
		}
	})
}

// TestTheApplicantsSideLearnsOfNoSpecialist, by what they are shown of it, its history and its folder of evidence, neither while it is in review nor when it is decided.
func TestTheApplicantsSideLearnsOfNoSpecialist(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	view, asked := asking(t, e)
	id := view.Engagement.ID
	c := openedBy(t, e, asked)
	if err := c.StateInterests(t.Context(), id, client.StateInterests{Interests: "interests-canary"}); err != nil {
		t.Fatal(err)
	}
	must(c.ReadForOpinion(t.Context(), id))
	must(c.GiveOpinion(t.Context(), id, client.GiveOpinion{Saw: view.Engagement.Digest, Text: "opinion-canary"}))
	look := func(when string) {
		t.Helper()
		for _, name := range []string{"ada", "otto"} {
			p := e.People[name]
			said := ""
			for name, data := range evidenceOf(t, e, name, id) {
				said += name + string(data)
			}
			said += string(must(json.Marshal(must(p.Client.Engagement(t.Context(), id))))) + string(must(json.Marshal(must(p.History(t.Context(), id))))) + string(must(json.Marshal(must(p.Notices(t.Context(), client.Page{})))))
			for _, hidden := range []string{"Vera", "far.test", string(asked.Invite), "opinion", "canary", "invite", "redeem"} {
				if strings.Contains(said, hidden) {
					t.Errorf("%s, %s learns of %q", when, name, hidden)
				}
			}
		}
	}
	look("in review")
	lines := must(e.People["olga"].History(t.Context(), id)).Lines
	if !slices.ContainsFunc(lines, func(l client.HistoryLine) bool { return l.What == "opine" && l.Name == "Vera Far, a specialist" }) {
		t.Errorf("the lab's history has no opinion: %+v", lines)
	}
	approvedByAll(t, e, view)
	look("when it is decided")
	if !slices.ContainsFunc(must(e.People["olga"].History(t.Context(), id)).Lines, func(l client.HistoryLine) bool { return l.What == "read" && l.Name == "Vera Far, a specialist" }) {
		t.Error("the lab's history does not say that the specialist read it")
	}
}

// TestASpecialistHasNoTieThatCanBeKnown to those who ask, nor to the lab.
func TestASpecialistHasNoTieThatCanBeKnown(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	id := submitted(t, e).Engagement.ID
	for why, change := range map[string]func(*client.AskOpinion){
		"the applicant's address":          func(a *client.AskOpinion) { a.Email = "ADA@x.test" },
		"the applicant's name":             func(a *client.AskOpinion) { a.Name = "ada" },
		"their organisation's domain":      func(a *client.AskOpinion) { a.Email = "vera@X.test" },
		"a domain below it":                func(a *client.AskOpinion) { a.Email = "vera@sub.x.test" },
		"the address of one of the lab":    func(a *client.AskOpinion) { a.Email = "Olga@lab.test" },
		"the inviter's own, with a tag":    func(a *client.AskOpinion) { a.Email = "Sam+vera@lab.test" },
		"one of the lab's with a last dot": func(a *client.AskOpinion) { a.Email = "olga@lab.test." },
		"a role that is not the inviter's": func(a *client.AskOpinion) { a.As = narthex.AssetOwner },
	} {
		in := vera()
		change(&in)
		if _, err := e.People["sam"].AskOpinion(t.Context(), id, in); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s: %v", why, err)
		}
	}
	for why, change := range map[string]func(*client.AskOpinion){
		"no name": func(a *client.AskOpinion) { a.Name = "" }, "no address": func(a *client.AskOpinion) { a.Email = "vera" }, "no question": func(a *client.AskOpinion) { a.Question = "\n" },
		"a name of two lines": func(a *client.AskOpinion) { a.Name = "Vera\r\nBcc: ada@x.test" }, "an address that tells a terminal": func(a *client.AskOpinion) { a.Email = "vera\x1b@far.test" },
		"a name without end": func(a *client.AskOpinion) { a.Name = strings.Repeat("a", 101) },
		"too long":           func(a *client.AskOpinion) { a.Days = 31 }, "no time": func(a *client.AskOpinion) { a.Days = -1 },
	} {
		in := vera()
		change(&in)
		if _, err := e.People["sam"].AskOpinion(t.Context(), id, in); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", why, err)
		}
	}
	other := vera()
	other.Email = "vera@notx.test" // ends as theirs does, and is another
	must(e.People["sam"].AskOpinion(t.Context(), id, other))
	must(e.People["carol"].AskOpinion(t.Context(), id, vera())) // the programme, for a role that it does not hold
}

// TestWhatASpecialistOpensIsOverWithItsReason: taken back, a return, a decision, its date, a lock, or that whoever asked may ask no more.
func TestWhatASpecialistOpensIsOverWithItsReason(t *testing.T) {
	type act struct {
		why  string
		does func(*testing.T, *testenv.Env, client.EngagementView, client.OpinionAsked)
		want narthex.Kind // of a log-in
	}
	lock := func(by string, in client.LockRequest) func(*testing.T, *testenv.Env, client.EngagementView, client.OpinionAsked) {
		return func(t *testing.T, e *testenv.Env, view client.EngagementView, _ client.OpinionAsked) {
			if in.Subject == "engagement" {
				in.Target = string(view.Engagement.ID)
			}
			must(e.People[by].Lock(t.Context(), in))
		}
	}
	give := func(by, command string, in client.Command) func(*testing.T, *testenv.Env, client.EngagementView, client.OpinionAsked) {
		return func(t *testing.T, e *testenv.Env, view client.EngagementView, _ client.OpinionAsked) {
			in.Saw = view.Engagement.Digest
			must(e.People[by].Command(t.Context(), view.Engagement.ID, command, in))
		}
	}
	for _, a := range []act{
		{"taken back", func(t *testing.T, e *testenv.Env, view client.EngagementView, asked client.OpinionAsked) {
			must(e.People["sam"].UnaskOpinion(t.Context(), view.Engagement.ID, asked.Invite))
		}, narthex.Conflict},
		{"returned", give("olga", "return", client.Command{As: narthex.AssetOwner, Text: "why?"}), narthex.Conflict},
		{"declined", give("olga", "decline", client.Command{As: narthex.AssetOwner, Text: "no"}), narthex.Conflict},
		{"withdrawn", give("ada", "withdraw", client.Command{}), narthex.Conflict},
		{"offered", func(t *testing.T, e *testenv.Env, view client.EngagementView, _ client.OpinionAsked) {
			approvedByAll(t, e, view)
		}, narthex.Conflict},
		{"a lock on the engagement", lock("carol", client.LockRequest{Subject: "engagement", Reason: "safety"}), narthex.Unauthenticated},
		{"a lock on a region, and theirs is unknown", lock("carol", client.LockRequest{Subject: "region", Target: "kp", Reason: narthex.LegalOrder}), narthex.Unauthenticated},
		{"who asked is suspended", func(t *testing.T, e *testenv.Env, view client.EngagementView, _ client.OpinionAsked) {
			must(e.People["carol"].Suspend(t.Context(), e.People["sam"].ID, "left"))
		}, narthex.Unauthenticated},
		{"who asked has an interest", func(t *testing.T, e *testenv.Env, view client.EngagementView, _ client.OpinionAsked) {
			must(e.People["sam"].DeclareInterest(t.Context(), tie("funder", e.People["ada"].ID, "")))
		}, narthex.Unauthenticated},
		{"the log-in's hours have passed", func(t *testing.T, e *testenv.Env, _ client.EngagementView, _ client.OpinionAsked) {
			e.Clock.Move(8 * time.Hour)
		}, narthex.Unauthenticated},
	} {
		e := testenv.New(t, testenv.Options{})
		view, asked := asking(t, e)
		second := must(e.People["sam"].AskOpinion(t.Context(), view.Engagement.ID, vera()))
		c := openedBy(t, e, asked)
		if err := c.StateInterests(t.Context(), asked.Engagement, client.StateInterests{Interests: "none"}); err != nil {
			t.Fatal(err)
		}
		must(c.ReadForOpinion(t.Context(), asked.Engagement))
		a.does(t, e, view, asked)
		before := len(entries(t, e))
		for what, err := range map[string]error{"read": err1(c.ReadForOpinion(t.Context(), asked.Engagement)), "speak": err1(c.GiveOpinion(t.Context(), asked.Engagement, client.GiveOpinion{Saw: view.Engagement.Digest, Text: "y"}))} {
			if !narthex.IsKind(err, a.want) {
				t.Errorf("%s: they %s: %v", a.why, what, err)
			}
		}
		for _, entry := range entries(t, e)[before:] {
			if entry.Type == narthex.EntryEngagementRead || entry.Type == narthex.EntryEngagementChanged {
				t.Errorf("%s: of their trying came %s", a.why, entry.Type)
			}
		}
		if a.why == "taken back" || strings.HasPrefix(a.why, "the log-in") {
			continue // the other invitation still stands
		}
		if _, err := e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: second.Engagement, Code: second.Code}); !narthex.IsKind(err, narthex.Unauthenticated) {
			t.Errorf("%s: a code still works: %v", a.why, err)
		}
	}
}

// TestASpecialistsCodeIsForOneEngagementUntilItsDate, and is nobody's code to come in by.
func TestASpecialistsCodeIsForOneEngagementUntilItsDate(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, asked := asking(t, e)
	other, against := asking(t, e)
	fresh := must(client.NewKey())
	person := must(e.People["carol"].Invite(t.Context(), client.Invite{Name: "New", Email: "new@y.test", OrgName: "New"})).Code
	for why, err := range map[string]error{
		"for another engagement":      err1(e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: other.Engagement.ID, Code: asked.Code})),
		"as a person's":               err1(e.Client.Redeem(t.Context(), asked.Code, fresh)),
		"of a person, for an opinion": err1(e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: asked.Engagement, Code: person})),
		"of none":                     err1(e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: asked.Engagement})),
	} {
		if !narthex.IsKind(err, narthex.Unauthenticated) {
			t.Errorf("a code %s: %v", why, err)
		}
	}
	waits := must(e.People["sam"].AskOpinion(t.Context(), other.Engagement.ID, vera()))
	login := openedBy(t, e, asked)
	openedBy(t, e, against)
	if err := login.StateInterests(t.Context(), other.Engagement.ID, client.StateInterests{Interests: "none"}); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a log-in for another engagement: %v", err)
	}
	e.Clock.Move(7 * 24 * time.Hour)
	if _, err := e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: waits.Engagement, Code: waits.Code}); !narthex.IsKind(err, narthex.Unauthenticated) {
		t.Errorf("a code at its date: %v", err)
	}
}

// TestASpecialistHasNoOtherRoute: their log-in and their code open nothing of what the table has but what is theirs.
func TestASpecialistHasNoOtherRoute(t *testing.T) {
	s := setScene(t)
	_, asked := asking(t, s.Env)
	login := must(s.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: asked.Engagement, Code: asked.Code})).Token
	unused := must(s.People["sam"].AskOpinion(t.Context(), asked.Engagement, vera())).Code
	before, tried := len(entries(t, s.Env)), 0
	for _, r := range s.rights {
		own := strings.Contains(r.route, " /api/opinions/")
		for what, token := range map[string]string{"a log-in": login, "a code": unused} {
			if own && what == "a log-in" {
				continue
			}
			if got := s.use(t, r, token); got.status != 401 {
				t.Errorf("%s %s with %s for an opinion: %d %s", r.route, r.path, what, got.status, got.body)
			}
			tried++
		}
	}
	if tried < 200 {
		t.Errorf("only %d were tried", tried)
	}
	for _, entry := range entries(t, s.Env)[before:] {
		if entry.Type != narthex.EntryCallDenied && entry.Type != narthex.EntrySessionOpened && entry.Type != narthex.EntryLedgerRead {
			t.Errorf("of their trying came %s: %v", entry.Type, entry.Fields)
		}
	}
}

// err1 drops an answer.
func err1[T any](_ T, err error) error { return err }

// approvedByAll is an application that everyone who must approved.
func approvedByAll(t *testing.T, e *testenv.Env, view client.EngagementView) {
	t.Helper()
	approve(t, e, "olga", narthex.AssetOwner, view)
	approve(t, e, "sam", narthex.Security, view)
}

// TestASpecialistsCodeIsMailedAndStandsNowhere: where there is mail, whoever asks is not shown it, so that nobody opens it in the
// specialist's place; no row holds it, and a node that starts anew has lost it and says so.
func TestASpecialistsCodeIsMailedAndStandsNowhere(t *testing.T) {
	s := mailtest.New(t)
	e := testenv.New(t, testenv.Options{Notices: channelsFile(t, "mail: {server: '"+s.Address+"', from: n@lab.test, tls: starttls, user: narthex, password_file: DIR/mail.password, ca_file: '"+s.CAFile+"'}\n")})
	_, asked := asking(t, e)
	if asked.Code != "" || !asked.Mailed {
		t.Errorf("whoever asks is shown %+v", asked)
	}
	back := vera()
	back.Email = "wim@far.test"
	must(e.People["sam"].UnaskOpinion(t.Context(), asked.Engagement, must(e.People["sam"].AskOpinion(t.Context(), asked.Engagement, back)).Invite))
	deliver(t, e) // in vain
	s.Up(t)
	e.Clock.Move(time.Hour)
	deliver(t, e)
	var codes []string
	for _, mail := range s.Taken(t) {
		if strings.Contains(mail.Headers, "wim@far.test") {
			t.Error("who is asked no more has mail")
		}
		code := regexp.MustCompile(`no_[a-z2-7]{58}`).FindString(strings.ReplaceAll(mail.Body, "=\n", ""))
		if toVera := strings.Contains(mail.Headers, "vera@far.test"); toVera != (code != "") {
			t.Errorf("a code is in a mail to another, or in none to her:\n%s\n%s", mail.Headers, mail.Body)
		} else if toVera {
			codes = append(codes, code)
		}
	}
	if len(codes) != 1 {
		t.Fatalf("%d mails with a code went out: %s", len(codes), s.Said(t))
	}
	lost := vera()
	lost.Email = "zoe@far.test"
	s.Down(t)
	must(e.People["sam"].AskOpinion(t.Context(), asked.Engagement, lost))
	check(t, e.Node.Close())
	rows := beside(t, e)
	err := rows.View(t.Context(), func(r store.Reader) error {
		for _, table := range store.Tables() {
			list, err := r.Scan(table, store.Span{Limit: 1 << 20})
			if err != nil {
				return err
			}
			for _, row := range list {
				for _, form := range forms(codes[0]) {
					if strings.Contains(row.Key+string(row.Value), form) {
						t.Errorf("a row of %s holds the code", table)
					}
				}
			}
		}
		return nil
	})
	check(t, err)
	check(t, rows.Close())
	e.Start(t)
	if _, err := e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: asked.Engagement, Code: codes[0]}); err != nil {
		t.Errorf("the code that was mailed: %v", err)
	}
	s.Up(t)
	deliver(t, e)
	given := must(e.People["carol"].Notices(t.Context(), client.Page{})).Undelivered
	if !slices.ContainsFunc(given, func(u client.Undelivered) bool { return u.Kind == "opinion_asked" && u.Because == "no_code" }) {
		t.Errorf("the programme is not told that a code is lost: %+v", given)
	}
	for _, mail := range s.Taken(t) {
		if strings.Contains(mail.Headers, "zoe@far.test") {
			t.Error("a mail without its code went out")
		}
	}
}

// TestTheReadingOfASpecialistLeavesNoTraceForTheApplicantsSide: among readings whose readers are named when it is decided, one of nobody
// would tell that somebody from outside was asked, and when.
func TestTheReadingOfASpecialistLeavesNoTraceForTheApplicantsSide(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	view, asked := asking(t, e)
	id, key := view.Engagement.ID, must(e.Client.Ledger(t.Context())).Key
	c := openedBy(t, e, asked)
	check(t, c.StateInterests(t.Context(), id, client.StateInterests{Interests: "none"}))
	readings := func() int {
		return must(evidence.Verify(evidenceOf(t, e, "ada", id), key)).Entries[narthex.EntryEngagementRead]
	}
	before := readings()
	e.Clock.Move(time.Hour)
	read := e.Clock.Now()
	must(c.ReadForOpinion(t.Context(), id))
	e.Clock.Move(time.Hour)
	if got := readings(); got != before+1 { // the folder before was handed out meanwhile
		t.Errorf("the folder of evidence has %d readings, and had %d", got, before)
	}
	look := func(when string) {
		t.Helper()
		for _, name := range []string{"ada", "otto"} {
			for _, line := range must(e.People[name].History(t.Context(), id)).Lines {
				if !line.At.Before(read) && line.At.Before(read.Add(time.Hour)) {
					t.Errorf("%s %s sees what the specialist did: %+v", when, name, line)
				}
			}
		}
	}
	look("in review")
	approvedByAll(t, e, view)
	look("when it is decided")
}

// TestWhatCouldNotBeToldIsNotForWhoMayNotKnow: who runs the programme sees what was not delivered of engagements in which they have no
// part and no interest.
func TestWhatCouldNotBeToldIsNotForWhoMayNotKnow(t *testing.T) {
	s := mailtest.New(t)
	e := testenv.New(t, testenv.Options{Notices: channelsFile(t, "mail: {server: '"+s.Address+"', from: n@lab.test, tls: starttls, user: narthex, password_file: DIR/mail.password, ca_file: '"+s.CAFile+"'}\n")})
	_, asked := asking(t, e)
	deliver(t, e)
	e.Clock.Move(80 * time.Hour)
	deliver(t, e)
	carol := e.Client.With(must(e.Client.Login(t.Context(), e.People["carol"].Login)).Token)
	undelivered := func() (of int) {
		for _, u := range must(carol.Notices(t.Context(), client.Page{})).Undelivered {
			if u.Engagement == asked.Engagement {
				of++
			}
		}
		return of
	}
	if undelivered() == 0 {
		t.Fatal("nothing was given up")
	}
	must(carol.DeclareInterest(t.Context(), tie("funder", e.People["ada"].ID, "")))
	if n := undelivered(); n != 0 {
		t.Errorf("who has an interest sees %d that were not delivered", n)
	}
}

// TestWhoAskedIsNotToldByWhatWasNotDelivered to a programme that is to vote itself.
func TestWhoAskedIsNotToldByWhatWasNotDelivered(t *testing.T) {
	s := mailtest.New(t)
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["lab.yaml"] = bytes.Replace(files["lab.yaml"], []byte("roles: [custodian, programme]"), []byte("roles: [custodian, programme, security]"), 1)
	}, Notices: channelsFile(t, "mail: {server: '"+s.Address+"', from: n@lab.test, tls: starttls, user: narthex, password_file: DIR/mail.password, ca_file: '"+s.CAFile+"'}\n")})
	s.Up(t)
	view, asked := asking(t, e)
	deliver(t, e)
	for _, mail := range s.Taken(t) {
		if code := regexp.MustCompile(`no_[a-z2-7]{58}`).FindString(strings.ReplaceAll(mail.Body, "=\n", "")); code != "" {
			asked.Code = code
		}
	}
	s.Down(t)
	c := openedBy(t, e, asked)
	check(t, c.StateInterests(t.Context(), asked.Engagement, client.StateInterests{Interests: "none"}))
	must(c.GiveOpinion(t.Context(), asked.Engagement, client.GiveOpinion{Saw: view.Engagement.Digest, Text: "opinion"}))
	deliver(t, e)
	e.Clock.Move(80 * time.Hour)
	deliver(t, e)
	carol := e.Client.With(must(e.Client.Login(t.Context(), e.People["carol"].Login)).Token)
	told := func() narthex.PersonID {
		list := must(carol.Notices(t.Context(), client.Page{})).Undelivered
		at := slices.IndexFunc(list, func(u client.Undelivered) bool { return u.Kind == "opinion_in" })
		if at < 0 {
			t.Fatalf("it is not among %+v", list)
		}
		return list[at].Person
	}
	if who := told(); who != "" {
		t.Errorf("before their own vote they learn that %s asked", who)
	}
	must(carol.Command(t.Context(), asked.Engagement, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest}))
	if who := told(); who != e.People["sam"].ID {
		t.Errorf("when they have voted it names %q", who)
	}
}

// TestACodeIsRedeemedOnceAlsoAtOnce: of many who come with it at the same time one has a log-in.
func TestACodeIsRedeemedOnceAlsoAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		e := testenv.New(t, testenv.Options{Store: url})
		_, asked := asking(t, e)
		got := make(chan error)
		for range 8 {
			go func() {
				_, err := e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: asked.Engagement, Code: asked.Code})
				got <- err
			}()
		}
		opened := 0
		for range 8 {
			if err := <-got; err == nil {
				opened++
			} else if !narthex.IsKind(err, narthex.Unauthenticated) {
				t.Errorf("the code at once: %v", err)
			}
		}
		if opened != 1 {
			t.Errorf("%d log-ins were made of one code", opened)
		}
	})
}

// TestWhoWasAskedGoesWithTheApplicant: with the application that they were asked about goes what names a specialist, and the audit holds.
func TestWhoWasAskedGoesWithTheApplicant(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	view, asked := asking(t, e)
	id, carol := view.Engagement.ID, e.People["carol"]
	c := openedBy(t, e, asked)
	check(t, c.StateInterests(t.Context(), id, client.StateInterests{Interests: "none"}))
	must(c.GiveOpinion(t.Context(), id, client.GiveOpinion{Saw: view.Engagement.Digest, Text: "opinion"}))
	must(e.People["olga"].Command(t.Context(), id, "decline", client.Command{As: narthex.AssetOwner, Saw: view.Engagement.Digest, Text: "no"}))
	must(carol.Remove(t.Context(), e.People["ada"].ID, "left"))
	must(carol.Erase(t.Context(), e.People["ada"].ID, "asked for it"))
	if list := must(carol.Client.Engagement(t.Context(), id)).Engagement.Opinions; len(list) != 1 || list[0].Email != "" || list[0].Name != "erased" || list[0].Text != "" {
		t.Errorf("of the specialist is left %+v", list)
	}
	if found := must(e.People["lea"].Audit(t.Context(), false)); len(found.Differences) != 0 {
		t.Errorf("the audit finds %+v", found.Differences)
	}
	check(t, e.Node.Close())
	rows := beside(t, e)
	check(t, rows.View(t.Context(), func(r store.Reader) error {
		for _, table := range store.Tables() {
			list, err := r.Scan(table, store.Span{Limit: 1 << 20})
			if err != nil {
				return err
			}
			for _, row := range list {
				if strings.Contains(string(row.Value), "far.test") || strings.Contains(string(row.Value), "Vera") {
					t.Errorf("a row of %s names them", table)
				}
			}
		}
		return nil
	}))
	check(t, rows.Close())
}
