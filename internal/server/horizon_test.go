package server_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// leakLab is a lab whose model is held by its size, with a least horizon that asks legal.
func leakLab(lifetime, leak, days string) testenv.Options {
	return testenv.Options{Files: func(files lab.Files) {
		swap := func(file, old, new string) {
			if !strings.Contains(string(files[file]), old) {
				panic(file + " does not hold " + old)
			}
			files[file] = []byte(strings.ReplaceAll(string(files[file]), old, new))
		}
		swap("assets/model.yaml", "lifetime_bytes: 0", "lifetime_bytes: "+lifetime)
		swap("assets/model.yaml", "bytes: 1000000\n", "bytes: 1000000000000\n")
		swap("assets/model.yaml", "[behav, small]", leak)
		swap("lab.yaml", "{days: 30, reviewers: [security]}", "{days: "+days+", reviewers: [legal]}")
		swap("lab.yaml", "roles: [sponsor, security]", "roles: [sponsor, legal]")
	}}
}

func aDay(n float64) map[narthex.LimitName]narthex.Value {
	return map[narthex.LimitName]narthex.Value{"tokens_per_day": narthex.NumberValue(n)}
}

// scored are terms with log-probabilities of 15 bits for each of so many tokens a day.
func scored(perDay float64) []narthex.Term {
	return []narthex.Term{testenv.Tokens(1e6, aDay(perDay)), testenv.Term("model.logprobs", map[narthex.LimitName]narthex.Value{"top_k": narthex.NumberValue(0), "decimals": narthex.NumberValue(0)})}
}

// handIn drafts and submits as ada, with a suffix.
func handIn(t *testing.T, e *testenv.Env, suffix string, terms ...narthex.Term) (draft, submitted client.EngagementView) {
	t.Helper()
	ada := e.People["ada"+suffix]
	draft = must(ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: terms}))
	return draft, must(ada.Command(t.Context(), draft.Engagement.ID, "submit", client.Command{}))
}

func mustApprove(view client.EngagementView, role narthex.Role) bool {
	return slices.ContainsFunc(view.Engagement.Application.Reviews, func(r narthex.ReviewRule) bool { return r.Role == role })
}

// approveBoth approves in the pathway's own roles, and gives the last error.
func approveBoth(t *testing.T, e *testenv.Env, view client.EngagementView) error {
	t.Helper()
	_, first := e.People["olga"].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: narthex.AssetOwner, Saw: view.Engagement.Digest})
	if first != nil {
		t.Fatal(first)
	}
	_, err := e.People["sam"].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest})
	return err
}

// TestTermsBelowTheLeastHorizonAskItsReviewers: needed are 8e8 bits, 15 bits a token; at a million tokens a day that is 53 days.
func TestTermsBelowTheLeastHorizonAskItsReviewers(t *testing.T) {
	e := testenv.New(t, leakLab("1000000000", "[behav, bulk]", "50"))
	long, _ := handIn(t, e, "", scored(1e6)...)
	if got := long.Horizons; mustApprove(long, narthex.Legal) || len(got) != 1 || got[0].Asked == nil || got[0].Asked.Breaks || *got[0].Asked.Sum.Days != 53.33 || len(long.Notices) != 0 {
		t.Fatalf("%+v %v", got, long.Notices)
	}
	short, handed := handIn(t, e, "", append([]narthex.Term{testenv.Tokens(1.1e6, aDay(1.1e6))}, scored(1)[1:]...)...)
	if !mustApprove(short, narthex.Legal) || !mustApprove(handed, narthex.Legal) || !short.Horizons[0].Asked.Breaks || *short.Horizons[0].Asked.Sum.Days != 48.48 {
		t.Fatalf("%+v", short.Horizons[0].Asked)
	}
	if len(short.Notices) != 1 || short.Notices[0].Blocks || !strings.Contains(short.Notices[0].Says, "48.4 days") || !strings.Contains(short.Notices[0].Says, "legal must approve") {
		t.Errorf("%+v", short.Notices)
	}
	if err := approveBoth(t, e, handed); err != nil {
		t.Fatal(err)
	}
	if view := must(e.People["olga"].Engagement(t.Context(), handed.Engagement.ID)); view.Engagement.State != narthex.InReview || !slices.Equal(view.Waiting, []string{"legal"}) {
		t.Errorf("without legal it is %s and waits for %v", view.Engagement.State, view.Waiting)
	}
	text, _ := handIn(t, e, "", testenv.Tokens(1e9, aDay(1e9)))
	if mustApprove(text, narthex.Legal) || text.Horizons[0].Asked.Text.Days == nil || text.Horizons[0].Asked.Sum.Days != nil {
		t.Errorf("text is summed: %+v", text.Horizons[0].Asked)
	}
}

// TestWhatOthersHoldIsCountedAndNotTold: two applications that are within the horizon alone and not together.
func TestWhatOthersHoldIsCountedAndNotTold(t *testing.T) {
	e := testenv.New(t, leakLab("1000000000000", "[behav, bulk]", "50"))
	e.Outsiders(t, "2", "Second")
	before, _ := handIn(t, e, "2", scored(1e6)...)
	_, early := handIn(t, e, "2", scored(1e6)...)
	grant, _ := e.Grant(t, "", scored(1e6)...)

	// While it is written nothing shows.
	after := must(e.People["ada2"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: scored(1e6)}))
	if mustApprove(after, narthex.Legal) || !slices.Equal(after.Engagement.Application.Reviews, before.Engagement.Application.Reviews) || len(after.Notices) != 0 {
		t.Errorf("a draft tells of others: %v %v", after.Engagement.Application.Reviews, after.Notices)
	}
	// Handed in, who must approve is asked.
	handed := must(e.People["ada2"].Command(t.Context(), after.Engagement.ID, "submit", client.Command{}))
	if !mustApprove(handed, narthex.Legal) {
		t.Errorf("handed in, it asks %v", handed.Engagement.Application.Reviews)
	}
	for _, view := range []client.EngagementView{before, after, handed} {
		if h := view.Horizons[0]; h.All != nil || h.Grants != 0 || h.Asked == nil || *h.Asked.Sum.Days != 53.33 {
			t.Errorf("an outsider sees %+v", h)
		}
	}
	seen := must(e.People["sam"].Engagement(t.Context(), handed.Engagement.ID)).Horizons[0]
	if seen.Grants != 1 || seen.All == nil || !seen.All.Breaks || *seen.All.Sum.Days != 26.66 || seen.Asked.Breaks {
		t.Errorf("a reviewer sees %+v", seen)
	}
	// What was handed in before is not offered, and says what to do; returned and revised, it asks them.
	err := approveBoth(t, e, early)
	if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "Return it") || !strings.Contains(err.Error(), "legal") {
		t.Fatalf("it is offered: %v", err)
	}
	id := early.Engagement.ID
	must(e.People["sam"].Command(t.Context(), id, "return", client.Command{As: narthex.Security, Saw: early.Engagement.Digest, Text: "again"}))
	revised := must(e.People["ada2"].Command(t.Context(), id, "revise", client.Command{Text: "as it is"}))
	if !mustApprove(revised, narthex.Legal) {
		t.Errorf("revised, it asks %v", revised.Engagement.Application.Reviews)
	}
	if err := approveBoth(t, e, revised); err != nil {
		t.Fatal(err)
	}
	offered := must(e.People["paul"].Command(t.Context(), id, "approve", client.Command{As: narthex.Legal, Saw: revised.Engagement.Digest}))
	if offered.Engagement.State != narthex.Offered {
		t.Errorf("approved by all it is %s", offered.Engagement.State)
	}
	// A grant that has ended no longer counts.
	must(e.People["ada"].Command(t.Context(), grant.Engagement, "end", client.Command{Text: "done"}))
	if h := must(e.People["lea"].Horizon(t.Context(), "model")); h.Grants != 0 || h.All.Sum.Days != nil || h.Asked != nil {
		t.Errorf("after the end: %+v", h)
	}
}

// TestTheLastSignatureIsHeldToTheSizeOfTheAsset: two are offered, and only one comes into force.
func TestTheLastSignatureIsHeldToTheSizeOfTheAsset(t *testing.T) {
	for rule, o := range map[string]testenv.Options{"horizons": leakLab("1000000000000", "[behav, bulk]", "50"), "lifetime_bytes": leakLab("2000000", "[behav, bulk]", "1")} {
		e := testenv.New(t, o)
		e.Outsiders(t, "2", "Second")
		first, second := offered(t, e, "", scored(1e6)...), offered(t, e, "2", scored(1e6)...)
		sign := func(id narthex.EngagementID) error { return failed(e.People["dan"].Sign(t, id, narthex.PartyLab)) }
		if err := sign(first); err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if err := sign(second); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "horizon") && !strings.Contains(err.Error(), rule) {
			t.Errorf("%s: signed: %v", rule, err)
		} else if strings.Contains(err.Error(), "grant") {
			t.Errorf("%s: it tells of what others hold: %v", rule, err)
		}
	}
}

// TestALifetimeBudgetHoldsEveryGrant: a million tokens of 15 bits are 1,875,000 bytes, of which there is room for two.
func TestALifetimeBudgetHoldsEveryGrant(t *testing.T) {
	e := testenv.New(t, leakLab("4000000", "[behav, bulk]", "1"))
	e.Outsiders(t, "2", "Second")
	e.Outsiders(t, "3", "Third")
	e.Grant(t, "", scored(1e6)...)
	used, key := e.Grant(t, "2", scored(1e6)...)
	third, handed := handIn(t, e, "3", scored(1e6)...)
	if len(third.Notices) != 0 {
		t.Errorf("an outsider is told of others: %v", third.Notices)
	}
	if err := approveBoth(t, e, handed); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "lifetime_bytes") {
		t.Fatalf("a third is offered: %v", err)
	}
	// What an ended grant did not use comes back.
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Fatal(status, body, err)
	}
	must(e.People["ada2"].Command(t.Context(), used.Engagement, "end", client.Command{Text: "done"}))
	if err := failed(e.People["sam"].Command(t.Context(), handed.Engagement.ID, "approve", client.Command{As: narthex.Security, Saw: handed.Engagement.Digest})); err != nil {
		t.Errorf("with room for it a third is not offered: %v", err)
	}
	// More than may ever leave is said at once, and cannot be handed in.
	all := must(e.People["ada3"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "all", Answers: map[string]string{"why": "x"},
		Terms: append([]narthex.Term{testenv.Tokens(1e9, aDay(1e9))}, scored(1)[1:]...)}))
	if !slices.ContainsFunc(all.Notices, func(n client.Notice) bool { return n.Blocks && n.Limit == "lifetime_bytes" }) {
		t.Errorf("the notices are %v", all.Notices)
	}
	if _, err := e.People["ada3"].Command(t.Context(), all.Engagement.ID, "submit", client.Command{}); err == nil {
		t.Error("it is handed in")
	}
}

// failed drops a value.
func failed[T any](_ T, err error) error { return err }

// TestNothingIsSaidOfAnAssetThatIsNotOffered: one that is hidden and one that is nowhere look alike.
func TestNothingIsSaidOfAnAssetThatIsNotOffered(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	var seen []client.EngagementView
	for _, name := range []narthex.AssetName{"hidden", "nowhere"} {
		terms := []narthex.Term{testenv.Tokens(1e6, nil), testenv.Term("model.logprobs", nil)}
		terms[0].Asset, terms[1].Asset = name, name
		seen = append(seen, must(e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: terms})))
	}
	if len(seen[0].Horizons)+len(seen[1].Horizons) != 0 || len(seen[0].Notices) != len(seen[1].Notices) || !slices.Equal(seen[0].Engagement.Application.Reviews, seen[1].Engagement.Application.Reviews) {
		t.Errorf("hidden: %+v\nnowhere: %+v", seen[0], seen[1])
	}
}

// TestWhatIsSmallIsSaidNotToBeHeldBySize: no number comforts, and any score asks the reviewers.
func TestWhatIsSmallIsSaidNotToBeHeldBySize(t *testing.T) {
	e := testenv.New(t, leakLab("0", "[bulk, small]", "1"))
	view := must(e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(0, nil)}}))
	if h := view.Horizons[0]; h.HeldBySize || h.Asked.Sum.Says != "not held by size" || mustApprove(view, narthex.Legal) {
		t.Errorf("%+v", h.Asked)
	}
	e = testenv.New(t, leakLab("0", "[behav, small]", "1"))
	view, _ = handIn(t, e, "", scored(1)...)
	h := view.Horizons[0]
	if h.HeldBySize || h.Asked.Sum.Days != nil || h.Asked.Channels[0].Days != nil || h.Asked.Sum.Says != "not held by size" || !mustApprove(view, narthex.Legal) || !strings.Contains(view.Notices[0].Says, "not held by size") {
		t.Errorf("%+v %v", h.Asked, view.Notices)
	}
}

// TestWhoGuardsAnAssetSeesItsHorizon: those in the lab without such a role are refused, and an asset that is none is withheld.
func TestWhoGuardsAnAssetSeesItsHorizon(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["lab.yaml"] = []byte(strings.Replace(string(files["lab.yaml"]), "roles: [sponsor, security]", "roles: [sponsor, legal]", 1))
	}})
	e.Grant(t, "", scored(1)...)
	var may narthex.Kind
	for name, kind := range map[string]narthex.Kind{"carol": may, "dan": may, "olga": may, "sam": may, "lea": may, "paul": narthex.Refused, "ada": narthex.Withheld, "otto": narthex.Withheld} {
		h, err := e.People[name].Horizon(t.Context(), "model")
		if kind == may && (err != nil || h.Grants != 1 || h.All == nil || h.Label != "internal") || kind != may && !narthex.IsKind(err, kind) {
			t.Errorf("%s: %+v %v", name, h, err)
		}
	}
	if _, err := e.People["sam"].Horizon(t.Context(), "nowhere"); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("an asset that is none: %v", err)
	}
}
