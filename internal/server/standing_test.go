package server_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// resting is a lab whose pathway rests on what the lines say, and that gives grants of a year.
func resting(lines ...string) testenv.Options {
	return testenv.Options{Files: func(files lab.Files) {
		text := bytes.Replace(files["pathways/test.yaml"], []byte("grant_days: 90"), []byte("grant_days: 365"), 1)
		files["pathways/test.yaml"] = append(text, "rests_on:\n  - "+strings.Join(lines, "\n  - ")+"\n"...)
	}}
}

// relog gives people sessions of today, since those of before a leap in time are over.
func relog(t *testing.T, e *testenv.Env, names ...string) {
	t.Helper()
	for _, name := range names {
		p := e.People[name]
		p.Client = e.Client.With(must(e.Client.Login(t.Context(), p.Login)).Token)
	}
}

// leap stops the clock at a time, and gives everyone who is named, and ada, a session of then.
func leap(t *testing.T, e *testenv.Env, to time.Time, names ...string) {
	t.Helper()
	e.Clock.Stop(to)
	relog(t, e, names...)
}

// answers says whether a call of the key is served, or the code of its denial, which it holds to its clause and its next step.
func answers(t *testing.T, e *testenv.Env, key string) string {
	t.Helper()
	status, body, err := e.Chat(t.Context(), key, testenv.Hello)
	if err != nil {
		t.Fatal(err)
	}
	if status == 200 {
		return "served"
	}
	for _, kind := range narthex.StandingKinds() {
		if code := "no_" + string(kind); strings.Contains(body, `"`+code+`"`) {
			if status != 403 || !strings.Contains(body, `R.1@sha256:`) || !strings.Contains(body, "narthex standing") {
				t.Errorf("the denial does not say its clause and its next step: %d %s", status, body)
			}
			return code
		}
	}
	return body
}

// rest is what a grant rests on, as its holder sees it.
func rest(t *testing.T, e *testenv.Env, grant narthex.GrantID) client.RestView {
	t.Helper()
	view := must(e.People["ada"].Client.Grant(t.Context(), grant))
	if len(view.RestsOn) != 1 {
		t.Fatalf("it rests on %+v", view.RestsOn)
	}
	return view.RestsOn[0]
}

// renewals counts what somebody has to renew.
func renewals(t *testing.T, p *testenv.Person) (n int) {
	t.Helper()
	for _, item := range must(p.Work(t.Context(), client.Page{})).Work {
		if item.Lapses != nil && item.Do == "renew_standing" {
			n++
		}
	}
	return n
}

// lapses holds a grant to what it rests on in the second in which that ends: a millisecond before a call is served, and then none.
// It needs a new session for those who are named, and keys outlive no month, so that a key is minted anew before.
func lapses(t *testing.T, e *testenv.Env, grant narthex.GrantID, code string, names ...string) (key string) {
	t.Helper()
	until := rest(t, e, grant).Until
	leap(t, e, until.Add(-time.Millisecond), append(names, "ada")...)
	key = must(e.People["ada"].Mint(t.Context(), grant, client.Mint{Label: "late"})).Token
	if got := answers(t, e, key); got != "served" {
		t.Errorf("a millisecond before its end: %s", got)
	}
	e.Clock.Stop(until)
	if got := answers(t, e, key); got != code {
		t.Errorf("in the second of its end: %s", got)
	}
	if view := rest(t, e, grant); view.Holds || !view.Until.Equal(until) {
		t.Errorf("it is shown as %+v", view)
	}
	if _, err := e.People["ada"].Mint(t.Context(), grant, client.Mint{Label: "later"}); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "R.1") {
		t.Errorf("a key of a grant that lapsed: %v", err)
	}
	return key
}

// TestARecordedStandingIsHeldAtEachCall: a training and a screening must be there before the last signature, and their lapse and their being
// taken back are the next call's.
func TestARecordedStandingIsHeldAtEachCall(t *testing.T) {
	for _, kind := range []narthex.StandingKind{narthex.Training, narthex.Screening} {
		t.Run(string(kind), func(t *testing.T) {
			e := testenv.New(t, resting("{kind: "+string(kind)+", name: basics, days: 20}"))
			code, ada, sam := "no_"+string(kind), e.People["ada"], e.People["sam"]
			e.Authorise(t, "otto", "ada", 30)
			id := agreed(t, e)
			if made := must(ada.Client.Agreement(t.Context(), id)); !strings.Contains(made.Markdown, "The "+string(kind)+" basics") || len(made.Agreement.RestsOn) != 1 {
				t.Errorf("the agreement does not say it: %v", made.Agreement.RestsOn)
			}
			must(ada.Sign(t, id, narthex.PartyResearcher))
			if _, err := e.People["dan"].Sign(t, id, narthex.PartyLab); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "R.1") {
				t.Errorf("the last signature without it: %v", err)
			}
			must(sam.RecordStanding(t.Context(), ada.ID, client.RecordStanding{Kind: kind, Name: "another"}))
			if _, err := e.People["dan"].Sign(t, id, narthex.PartyLab); err == nil {
				t.Error("another course does as well")
			}
			must(sam.RecordStanding(t.Context(), ada.ID, client.RecordStanding{Kind: kind, Name: "basics"}))
			must(e.People["dan"].Sign(t, id, narthex.PartyLab))
			grant := must(ada.Engagement(t.Context(), id)).Engagement.Grant
			if work := renewals(t, sam); work != 0 {
				t.Errorf("twenty days before it lapses it is %d things to do", work)
			}
			key := lapses(t, e, grant, code, "sam", "carol", "olga", "otto")
			for name, want := range map[string]int{"sam": 1, "carol": 1, "olga": 0, "otto": 0, "ada": 0} {
				if work := renewals(t, e.People[name]); work != want {
					t.Errorf("%s has %d things to renew, and not %d", name, work, want)
				}
			}
			must(sam.RecordStanding(t.Context(), ada.ID, client.RecordStanding{Kind: kind, Name: "basics"}))
			if got := answers(t, e, key); got != "served" {
				t.Errorf("recorded anew: %s", got)
			}
			must(e.People["carol"].TakeBackStanding(t.Context(), ada.ID, client.TakeBackStanding{Kind: kind, Name: "basics"}))
			if got := answers(t, e, key); got != code {
				t.Errorf("taken back: %s", got)
			}
		})
	}
}

// TestAnAffiliationIsTheInstitutionsWord: its signature is the first word of it, what it takes back stops the next call, and an authorisation
// gives it until its end.
func TestAnAffiliationIsTheInstitutionsWord(t *testing.T) {
	t.Run("signed", func(t *testing.T) {
		e := testenv.New(t, resting("{kind: affiliation, days: 20}"))
		grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
		otto, ada := e.People["otto"], e.People["ada"]
		must(otto.TakeBackStanding(t.Context(), ada.ID, client.TakeBackStanding{Kind: narthex.Affiliation}))
		if got := answers(t, e, key); got != "no_affiliation" {
			t.Errorf("taken back: %s", got)
		}
		must(otto.RecordStanding(t.Context(), ada.ID, client.RecordStanding{Kind: narthex.Affiliation}))
		if got := answers(t, e, key); got != "served" {
			t.Errorf("given again: %s", got)
		}
		key = lapses(t, e, grant.ID, "no_affiliation", "otto")
		must(otto.RecordStanding(t.Context(), ada.ID, client.RecordStanding{Kind: narthex.Affiliation}))
		if got := answers(t, e, key); got != "served" {
			t.Errorf("renewed: %s", got)
		}
	})
	t.Run("authorised", func(t *testing.T) {
		e := testenv.New(t, resting("{kind: affiliation, days: 20}"))
		e.Authorise(t, "otto", "ada", 25)
		grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
		otto, ada := e.People["otto"], e.People["ada"]
		if view := rest(t, e, grant.ID); !view.Holds || view.Until.Sub(e.Clock.Now()) < 24*24*time.Hour {
			t.Errorf("by the authorisation it is %+v", view)
		}
		must(otto.TakeBackStanding(t.Context(), ada.ID, client.TakeBackStanding{Kind: narthex.Affiliation}))
		if got := answers(t, e, key); got != "no_affiliation" {
			t.Errorf("taken back, with the authorisation standing: %s", got)
		}
	})
}

// TestARecertificationTakesTwoPeople: it begins with the signatures and lapses after its days; the applicant states, another confirms.
func TestARecertificationTakesTwoPeople(t *testing.T) { onBoth(t, recertified) }

func recertified(t *testing.T, url string) {
	options := resting("{kind: recertification}")
	options.Store = url
	e := testenv.New(t, options)
	e.Outsiders(t, "2", "Second")
	grant, _ := e.Grant(t, "", testenv.Tokens(1e6, nil))
	otto, ada := e.People["otto"], e.People["ada"]
	if view := rest(t, e, grant.ID); !view.Until.Equal(grant.NotBefore.AddDate(0, 0, 180)) {
		t.Errorf("it begins with the signatures: %+v, of a grant from %s", view, grant.NotBefore)
	}
	saw := client.Recertify{Saw: must(ada.Engagement(t.Context(), grant.Engagement)).Engagement.Digest}
	if renewals(t, ada) != 0 {
		t.Error("half a year before it lapses it is work")
	}
	key := lapses(t, e, grant.ID, "no_recertification", "otto", "otto2", "carol")
	if _, err := otto.Confirm(t.Context(), grant.Engagement, saw); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what nobody stated is confirmed: %v", err)
	}
	if renewals(t, ada) != 1 || renewals(t, otto) != 0 {
		t.Errorf("before it is stated it waits for ada: %d, otto: %d", renewals(t, ada), renewals(t, otto))
	}
	if _, err := ada.State(t.Context(), grant.Engagement, client.Recertify{Saw: "sha256:0"}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another text is stated: %v", err)
	}
	if _, err := otto.State(t.Context(), grant.Engagement, saw); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("another than the applicant states it: %v", err)
	}
	must(ada.State(t.Context(), grant.Engagement, saw))
	if got := answers(t, e, key); got != "no_recertification" {
		t.Errorf("stated alone: %s", got)
	}
	if renewals(t, ada) != 0 || renewals(t, otto) != 1 {
		t.Errorf("stated, it waits for otto: %d, ada: %d", renewals(t, otto), renewals(t, ada))
	}
	for name, kind := range map[string]narthex.Kind{"ada": narthex.Refused, "carol": narthex.Refused, "otto2": narthex.Withheld} {
		if _, err := e.People[name].Confirm(t.Context(), grant.Engagement, saw); !narthex.IsKind(err, kind) {
			t.Errorf("%s confirms: %v", name, err)
		}
	}
	must(otto.Confirm(t.Context(), grant.Engagement, saw))
	if got := answers(t, e, key); got != "served" {
		t.Errorf("confirmed: %s", got)
	}
	must(e.People["carol"].TakeBackStanding(t.Context(), ada.ID, client.TakeBackStanding{Kind: narthex.Recertification, Name: string(grant.Engagement)}))
	if got := answers(t, e, key); got != "no_recertification" {
		t.Errorf("taken back: %s", got)
	}
}

// TestNobodyRecordsTheirOwnStanding, and no one whose word it does not rest on.
func TestNobodyRecordsTheirOwnStanding(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Second")
	ada := e.People["ada"].ID
	for _, c := range []struct {
		by, of string
		kind   narthex.StandingKind
		name   string
		want   narthex.Kind
	}{
		{"ada", "ada", narthex.Training, "basics", narthex.Refused},
		{"otto", "otto", narthex.Affiliation, "", narthex.Refused},
		{"otto", "ada", narthex.Training, "basics", narthex.Refused},
		{"otto", "ada", narthex.Screening, "basics", narthex.Refused},
		{"otto2", "ada", narthex.Affiliation, "", narthex.Withheld},
		{"ada2", "ada", narthex.Training, "basics", narthex.Withheld},
		{"sam", "ada", narthex.Affiliation, "", narthex.Refused},
		{"olga", "ada", narthex.Training, "basics", narthex.Refused},
		{"lea", "ada", narthex.Screening, "basics", narthex.Refused},
		{"sam", "carol", narthex.Training, "basics", narthex.Withheld},
		{"sam", "ada", narthex.Recertification, "", narthex.Invalid},
		{"sam", "ada", "degree", "basics", narthex.Invalid},
		{"sam", "ada", narthex.Training, "", narthex.Invalid},
		{"sam", "ada", narthex.Training, "Basics", narthex.Invalid},
		{"otto", "ada", narthex.Affiliation, "x", narthex.Invalid},
	} {
		if _, err := e.People[c.by].RecordStanding(t.Context(), e.People[c.of].ID, client.RecordStanding{Kind: c.kind, Name: c.name}); !narthex.IsKind(err, c.want) {
			t.Errorf("%s records the %s %q of %s: %v", c.by, c.kind, c.name, c.of, err)
		}
	}
	now := e.Clock.Now().UTC().Truncate(time.Second)
	for name, in := range map[string]client.RecordStanding{
		"begins tomorrow":      {From: now.AddDate(0, 0, 1), Until: now.AddDate(0, 0, 2)},
		"is over":              {From: now.AddDate(0, 0, -2), Until: now.AddDate(0, 0, -1)},
		"lasts four years":     {From: now.AddDate(0, 0, -1), Until: now.AddDate(4, 0, 0)},
		"begins in a fraction": {From: now.Add(-time.Millisecond), Until: now.AddDate(0, 0, 1)},
	} {
		in.Kind, in.Name = narthex.Training, "basics"
		if _, err := e.People["sam"].RecordStanding(t.Context(), ada, in); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("a training that %s: %v", name, err)
		}
	}
	if view := must(e.People["ada"].Standing(t.Context(), ada)); len(view.Standings) != 0 {
		t.Errorf("something was recorded all the same: %+v", view)
	}
	if _, err := e.People["sam"].TakeBackStanding(t.Context(), ada, client.TakeBackStanding{Kind: narthex.Training, Name: "basics"}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what is not there is taken back: %v", err)
	}
	if _, err := e.People["ada"].TakeBackStanding(t.Context(), ada, client.TakeBackStanding{Kind: narthex.Affiliation}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("one's own is taken back: %v", err)
	}
	must(e.People["sam"].RecordStanding(t.Context(), ada, client.RecordStanding{Kind: narthex.Training, Name: "basics"}))
	for name, sees := range map[string]bool{"ada": true, "otto": true, "sam": true, "lea": true, "ada2": false, "otto2": false} {
		if _, err := e.People[name].Standing(t.Context(), ada); (err == nil) != sees {
			t.Errorf("%s sees it: %v", name, err)
		}
	}
	if told := must(e.People["ada"].WhoAmI(t.Context())).Told; !strings.HasSuffix(told[0], "your standing was recorded: training basics") {
		t.Errorf("ada is told %v", told)
	}
	must(e.People["carol"].Remove(t.Context(), ada, "left"))
	must(e.People["carol"].Erase(t.Context(), ada, "asked"))
	if view := must(e.People["sam"].Standing(t.Context(), ada)); len(view.Standings) != 0 {
		t.Errorf("an erasure leaves %+v", view)
	}
}
