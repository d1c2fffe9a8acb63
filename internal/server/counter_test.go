package server_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// A counter-offer is negotiated to a grant: the applicant sees what it changes, accepts, the others decide on the narrower text,
// and the agreement holds no more than that.
func TestACounterOfferBecomesTheGrant(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	command := func(who string, what string, id narthex.EngagementID, in client.Command) client.EngagementView {
		t.Helper()
		view, err := e.People[who].Command(t.Context(), id, what, in)
		if err != nil {
			t.Fatalf("%s by %s: %v", what, who, err)
		}
		return view
	}
	asked := submitted(t, e)
	id, term := asked.Engagement.ID, asked.Engagement.Application.Terms[0]
	limit := func(n float64) *client.Narrowing {
		return &client.Narrowing{Terms: []narthex.Term{{Attribute: term.Attribute, Asset: term.Asset, Limits: map[narthex.LimitName]narthex.Value{"tokens": narthex.NumberValue(n)}}}, Days: 2}
	}
	had := term.Limits["tokens"].Number
	for what, offer := range map[string]*client.Narrowing{"more tokens": limit(had + 1), "nothing named": nil, "more days": {Days: asked.Engagement.Application.Days + 1}, "fewer than no days": {Days: -1},
		"a term that was not asked": {Terms: []narthex.Term{{Attribute: "model.logprobs", Asset: term.Asset}}}, "a drop of what was not asked": {Drop: []client.TermName{{Attribute: "model.logprobs", Asset: term.Asset}}},
		"all dropped": {Drop: []client.TermName{{Attribute: term.Attribute, Asset: term.Asset}}}, "what was asked": {}} {
		_, err := e.People["olga"].Command(t.Context(), id, "counter", client.Command{As: narthex.AssetOwner, Saw: asked.Engagement.Digest, Text: "less", Counter: offer})
		if !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	command("olga", "counter", id, client.Command{As: narthex.AssetOwner, Saw: asked.Engagement.Digest, Text: "half will do", Counter: limit(had / 2)})
	view, err := e.People["ada"].Client.Engagement(t.Context(), id)
	if err != nil || view.Engagement.State != narthex.Returned || len(view.Counter) != 2 || !slices.Contains(view.Allowed, "accept") {
		t.Fatalf("the applicant sees %+v (%v)", view, err)
	}
	if !strings.Contains(strings.Join(view.Counter, "\n"), "tokens") || !strings.Contains(strings.Join(view.Counter, "\n"), "for 2 days") {
		t.Errorf("what it changes is told as %q", view.Counter)
	}
	accepted := command("ada", "accept", id, client.Command{Saw: view.Engagement.Counter.Digest})
	if accepted.Engagement.State != narthex.InReview || len(accepted.Engagement.Votes) != 0 {
		t.Errorf("after the acceptance the applicant sees %+v", accepted.Engagement)
	}
	if seen, err := e.People["sam"].Client.Engagement(t.Context(), id); err != nil || len(seen.Engagement.Votes) != 0 || strings.Contains(strings.Join(seen.Waiting, " "), "nothing") {
		t.Errorf("security sees votes before its own: %+v (%v)", seen.Engagement.Votes, err)
	}
	offered := command("sam", "approve", id, client.Command{As: narthex.Security, Saw: accepted.Engagement.Digest})
	if offered.Engagement.State != narthex.Offered {
		t.Fatalf("it is %s and waits for %v", offered.Engagement.State, offered.Waiting)
	}
	agreed, err := e.People["ada"].Client.Agreement(t.Context(), id)
	if err != nil || agreed.Agreement.Terms[0].Limits["tokens"].Number != had/2 || agreed.Agreement.Approvals != 2 || !agreed.Agreement.NotAfter.Equal(agreed.Agreement.NotBefore.AddDate(0, 0, 2)) {
		t.Errorf("the agreement: %+v (%v)", agreed.Agreement, err)
	}
}

// What stands in the place of what was asked moves no date outward, and opens no limit where silence asks for nothing.
func TestACounterOfferMovesNoDateOutward(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	at := func(month time.Month) narthex.Value {
		return narthex.TimeValue(time.Date(2031, month, 1, 0, 0, 0, 0, time.UTC))
	}
	asked := testenv.Tokens(1000, map[narthex.LimitName]narthex.Value{"not_before": at(3), "not_after": at(6)})
	view, err := e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{asked}})
	if err == nil {
		view, err = e.People["ada"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{})
	}
	if err != nil {
		t.Fatal(err)
	}
	offer := func(name narthex.LimitName, value narthex.Value) error {
		_, err := e.People["olga"].Command(t.Context(), view.Engagement.ID, "counter", client.Command{As: narthex.AssetOwner, Saw: view.Engagement.Digest, Text: "less",
			Counter: &client.Narrowing{Terms: []narthex.Term{{Attribute: asked.Attribute, Asset: asked.Asset, Limits: map[narthex.LimitName]narthex.Value{name: value}}}}})
		return err
	}
	if err := offer("not_after", at(9)); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("a later end than was asked: %v", err)
	}
	if err := offer("not_before", at(1)); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("an earlier beginning than was asked: %v", err)
	}
	if err := offer("not_after", at(5)); err != nil {
		t.Errorf("an earlier end than was asked: %v", err)
	}
}

// What waits for a person is on their list and on nobody else's who has nothing to do with it.
func TestTheWorkListHoldsWhatNeedsAPerson(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	running := 0
	for range 3 {
		if _, key := e.Grant(t, "", testenv.Tokens(10, nil)); key != "" {
			running++
		}
	}
	review := submitted(t, e)
	offered := offered(t, e, "", testenv.Tokens(10, nil))
	for who, want := range map[string][]string{"olga": {"review"}, "sam": {"review"}, "dan": {"sign"}, "ada": nil, "otto": nil, "carol": nil, "lea": nil} {
		list, err := e.People[who].Client.Work(t.Context(), client.Page{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, item := range list.Work {
			got = append(got, item.Do)
			if item.Engagement != review.Engagement.ID && item.Engagement != offered {
				t.Errorf("%s should %s on %s, of %d that run", who, item.Do, item.Engagement, running)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", who, got, want)
		}
	}
}

// With its applicant erased, a counter-offer that stands and a vote say nothing in words; the record goes on and is audited.
func TestWhatWasSaidOnAnApplicationGoesWithItsApplicant(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	less := client.Narrowing{Days: 2}
	returned, declined := submitted(t, e), submitted(t, e)
	for id, in := range map[narthex.EngagementID]client.Command{
		returned.Engagement.ID: {As: narthex.AssetOwner, Saw: returned.Engagement.Digest, Text: "canary offer", Counter: &less},
		declined.Engagement.ID: {As: narthex.AssetOwner, Saw: declined.Engagement.Digest, Text: "canary reason"}} {
		what := "decline"
		if in.Counter != nil {
			what = "counter"
		}
		if _, err := e.People["olga"].Command(t.Context(), id, what, in); err != nil {
			t.Fatal(err)
		}
	}
	carol := e.People["carol"]
	if _, err := carol.Remove(t.Context(), e.People["ada"].ID, "left"); err != nil {
		t.Fatal(err)
	}
	if _, err := carol.Erase(t.Context(), e.People["ada"].ID, "asked for it"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []narthex.EngagementID{returned.Engagement.ID, declined.Engagement.ID} {
		view, err := carol.Engagement(t.Context(), id)
		if text, failed := json.Marshal(view); err != nil || failed != nil || strings.Contains(string(text), "canary") {
			t.Errorf("after the erasure the programme reads %s (%v, %v)", text, err, failed)
		}
	}
	if _, err := carol.Command(t.Context(), returned.Engagement.ID, "comment", client.Command{Text: "it stays returned"}); err != nil {
		t.Errorf("a comment on what was erased: %v", err)
	}
}
