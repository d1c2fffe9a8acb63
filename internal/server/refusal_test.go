package server_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestARefusalIsOnThePathwaysGroundsAndMayBeMediated: in the shape of the regulation, before there is any agreement.
func TestARefusalIsOnThePathwaysGroundsAndMayBeMediated(t *testing.T) {
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock, Files: func(f lab.Files) {
		f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: objection-and-mediation, values: {mediation_days: \"3\"}}\n"), 1)
	}})
	ada, sam := e.People["ada"], e.People["sam"]
	decline := func(view client.EngagementView, ground, alternative string) (client.EngagementView, error) {
		return sam.Command(t.Context(), view.Engagement.ID, "decline", client.Command{As: narthex.Security, Saw: view.Engagement.Digest, Text: "We do not have it.", Ground: ground, Alternative: alternative})
	}
	var refused []client.EngagementView
	for range 2 {
		view := submitted(t, e)
		for _, bad := range [][2]string{{"", "Ask for less."}, {"it is inconvenient", "Ask for less."}, {"it does not hold it", ""}} {
			if _, err := decline(view, bad[0], bad[1]); err == nil {
				t.Errorf("declined on %q, with %q", bad[0], bad[1])
			}
		}
		must(decline(view, "it does not hold it", "Ask for the final version."))
		refused = append(refused, must(ada.Engagement(t.Context(), view.Engagement.ID)))
	}
	r := refused[0].Engagement.Refusal
	if r == nil || r.Ground != "it does not hold it" || r.Alternative != "Ask for the final version." || !slices.Contains(refused[0].Allowed, "mediate") {
		t.Fatalf("the applicant is shown %+v, and may %v", r, refused[0].Allowed)
	}
	after := must(ada.Command(t.Context(), refused[0].Engagement.ID, "mediate", client.Command{Text: "You hold it."}))
	if m := after.Engagement.Refusal.Mediation; m == nil || m.Text != "You hold it." || slices.Contains(after.Allowed, "mediate") {
		t.Errorf("it was asked for: %+v, %v", m, after.Allowed)
	}
	if told := toldTo(t, e, "carol"); !slices.Contains(told, "mediation_asked") {
		t.Errorf("the programme is told %v", told)
	}
	clock.Move(8 * 24 * time.Hour)
	ada.Client = e.Client.With(must(e.Client.Login(t.Context(), ada.Login)).Token)
	view := must(ada.Engagement(t.Context(), refused[1].Engagement.ID))
	if _, err := ada.Command(t.Context(), view.Engagement.ID, "mediate", client.Command{Text: "You hold it."}); !narthex.IsKind(err, narthex.Conflict) || slices.Contains(view.Allowed, "mediate") {
		t.Errorf("after its days: %v, %v", err, view.Allowed)
	}
}

// regulated is a node whose pathway has the clause of objections and mediation.
func regulated(t *testing.T) (*testenv.Env, *testenv.Clock) {
	t.Helper()
	clock := &testenv.Clock{}
	return testenv.New(t, testenv.Options{Clock: clock, Files: objecting}), clock
}

// objecting gives a lab's pathway that clause.
func objecting(f lab.Files) {
	f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: objection-and-mediation, values: {objection_days: \"10\", mediation_days: \"3\", mediation_lasts: \"20\"}}\n"), 1)
}

// backIn logs somebody in once more, after the clock was moved.
func backIn(t *testing.T, e *testenv.Env, names ...string) {
	t.Helper()
	for _, name := range names {
		e.People[name].Client = e.Client.With(must(e.Client.Login(t.Context(), e.People[name].Login)).Token)
	}
}

// work is what somebody's list asks of an engagement, with the end of its time.
func work(t *testing.T, e *testenv.Env, name string, id narthex.EngagementID) (string, time.Time) {
	t.Helper()
	for _, item := range must(e.People[name].Work(t.Context(), client.Page{})).Work {
		if item.Engagement == id {
			return item.Do, item.Due
		}
	}
	return "", time.Time{}
}

func object(as narthex.Role) client.Command {
	return client.Command{As: as, Text: "The early version is gone.", Ground: "it does not hold it", Alternative: "Ask for the final version."}
}

// TestAnObjectionIsDecidedByOthersAndSendsAnOfferBack: made once, told, on the lists of those who decide, and answered by another text.
func TestAnObjectionIsDecidedByOthersAndSendsAnOfferBack(t *testing.T) {
	e, clock := regulated(t)
	id := offered(t, e, "", testenv.Tokens(1000, nil))
	does := func(name, what string, in client.Command) client.EngagementView {
		t.Helper()
		view, err := e.People[name].Command(t.Context(), id, what, in)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, what, err)
		}
		return view
	}
	not := func(name, what string, in client.Command) {
		t.Helper()
		if _, err := e.People[name].Command(t.Context(), id, what, in); err == nil {
			t.Errorf("%s may %s", name, what)
		}
	}
	view := must(e.People["carol"].Engagement(t.Context(), id))
	if !slices.Contains(view.Allowed, "object") || view.Objection != "" {
		t.Fatalf("the programme may %v", view.Allowed)
	}
	bad := object(narthex.Security)
	bad.Ground = "it is inconvenient"
	not("sam", "object", bad)
	bad = object(narthex.Security)
	bad.Alternative = ""
	not("sam", "object", bad)
	not("ada", "object", object(narthex.Programme))
	view = does("sam", "object", object(narthex.Security))
	o := view.Engagement.Objection
	if view.Engagement.State != narthex.Offered || view.Objection != narthex.ObjectionOpen || !o.DecideBy.Equal(o.At.AddDate(0, 0, 10)) || slices.Contains(view.Allowed, "uphold") {
		t.Fatalf("an objection: %+v, %v", o, view.Allowed)
	}
	for name, want := range map[string]string{"olga": "decide", "paul": "decide", "sam": "", "ada": ""} {
		do, due := work(t, e, name, id)
		if do != want || want != "" && !due.Equal(o.DecideBy) {
			t.Errorf("%s's list says %q by %s", name, do, due)
		}
	}
	if told := toldTo(t, e, "ada"); !slices.Contains(told, "objected") {
		t.Errorf("the applicant is told %v", told)
	}
	for _, name := range []string{"olga", "paul"} {
		if told := toldTo(t, e, name); !slices.Contains(told, "objection_asked") {
			t.Errorf("%s is told %v", name, told)
		}
	}
	not("sam", "object", object(narthex.Security))
	not("sam", "uphold", client.Command{As: narthex.Security, Saw: o.Digest, Text: "so"}) // it is theirs
	not("olga", "uphold", client.Command{As: narthex.AssetOwner, Saw: view.Engagement.Digest, Text: "so"})
	view = does("olga", "uphold", client.Command{As: narthex.AssetOwner, Saw: o.Digest, Text: "It is gone."})
	if view.Engagement.State != narthex.Offered || view.Engagement.Agreement == "" || len(view.Engagement.Signatures) != 2 {
		t.Fatalf("with one of two it is %s", view.Engagement.State)
	}
	if told := toldTo(t, e, "ada"); slices.Contains(told, "objection_upheld") {
		t.Errorf("with one of two the applicant is told %v", told)
	}
	view = does("paul", "uphold", client.Command{As: narthex.Security, Saw: o.Digest, Text: "It is gone."})
	if view.Engagement.State != narthex.Returned || view.Engagement.Agreement != "" || view.Objection != narthex.ObjectionUpheld {
		t.Fatalf("upheld it is %s, %s", view.Engagement.State, view.Objection)
	}
	if told := toldTo(t, e, "ada"); !slices.Contains(told, "objection_upheld") || !slices.Contains(told, "reopened") {
		t.Errorf("the applicant is told %v", told)
	}
	if do, _ := work(t, e, "ada", id); do != "answer" {
		t.Errorf("the applicant's list says %q", do)
	}
	view = must(e.People["ada"].Engagement(t.Context(), id))
	if o := view.Engagement.Objection; o.Ground != "it does not hold it" || o.Alternative != "Ask for the final version." || !slices.Contains(view.Allowed, "mediate") || view.People[string(o.By)] == "" {
		t.Errorf("the applicant reads %+v, and may %v", o, view.Allowed)
	}
	view = does("ada", "mediate", client.Command{Text: "You hold it."})
	if m := view.Engagement.Objection.Mediation; m == nil || !m.Until.After(clock.Now().AddDate(0, 0, 20)) || view.Mediation != narthex.MediationAsked {
		t.Errorf("it is mediated as %+v", m)
	}
	if do, _ := work(t, e, "carol", id); do != "mediate" {
		t.Errorf("the programme's list says %q", do)
	}
	history := must(e.People["ada"].History(t.Context(), id))
	for _, what := range []string{"object", "uphold", "reopen", "mediate"} {
		if !slices.ContainsFunc(history.Lines, func(l client.HistoryLine) bool { return l.What == what }) {
			t.Errorf("the history has no %s", what)
		}
	}
	view = does("ada", "revise", client.Command{Text: "The final version will do."})
	if view.Engagement.State != narthex.InReview || slices.Contains(view.Allowed, "record_mediation") {
		t.Errorf("answered it is %s", view.Engagement.State)
	}
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		view = does(name, "approve", client.Command{As: role, Saw: view.Engagement.Digest})
	}
	if view.Engagement.State != narthex.Offered {
		t.Errorf("approved anew it is %s", view.Engagement.State)
	}
	not("carol", "object", object(narthex.Programme))
}

// TestAnObjectionToWhatIsInForceChangesNothingOfIt: undecided it falls, and that is told; upheld it asks for an amendment.
func TestAnObjectionToWhatIsInForceChangesNothingOfIt(t *testing.T) {
	e, clock := regulated(t)
	e.Outsiders(t, "2", "Second")
	silent, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	upheld, second := e.Grant(t, "2", testenv.Tokens(1e6, nil))
	late, _ := e.Grant(t, "", testenv.Tokens(1e6, nil))
	for _, id := range []narthex.EngagementID{silent.Engagement, upheld.Engagement} {
		must(e.People["carol"].Command(t.Context(), id, "object", object(narthex.Programme)))
	}
	o := must(e.People["carol"].Engagement(t.Context(), upheld.Engagement)).Engagement.Objection
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		must(e.People[name].Command(t.Context(), upheld.Engagement, "uphold", client.Command{As: role, Saw: o.Digest, Text: "so"}))
	}
	view := must(e.People["ada2"].Engagement(t.Context(), upheld.Engagement))
	if view.Engagement.State != narthex.Active || view.Objection != narthex.ObjectionUpheld || view.Engagement.Agreement != upheld.Agreement {
		t.Errorf("upheld it is %s, %s", view.Engagement.State, view.Objection)
	}
	if do, _ := work(t, e, "ada2", upheld.Engagement); do != "amend" {
		t.Errorf("the applicant's list says %q", do)
	}
	clock.Move(10*24*time.Hour + time.Minute)
	backIn(t, e, "ada", "carol", "olga", "sam")
	if do, _ := work(t, e, "olga", silent.Engagement); do != "" {
		t.Errorf("when it fell the owner's list says %q", do)
	}
	view, err := e.People["olga"].Command(t.Context(), silent.Engagement, "dismiss", client.Command{As: narthex.AssetOwner, Saw: must(e.People["olga"].Engagement(t.Context(), silent.Engagement)).Engagement.Objection.Digest, Text: "so"})
	if !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("when it fell it is decided: %v, %v", view.Objection, err)
	}
	if _, err := e.People["carol"].Command(t.Context(), late.Engagement, "object", object(narthex.Programme)); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("after its days the lab objects: %v", err)
	}
	must(e.Node.Sweep(t.Context()))
	for _, name := range []string{"ada", "carol"} {
		if told := toldTo(t, e, name); !slices.Contains(told, "objection_fell") {
			t.Errorf("%s is told %v", name, told)
		}
	}
	if view := must(e.People["ada"].Engagement(t.Context(), silent.Engagement)); view.Engagement.State != narthex.Active || view.Objection != narthex.ObjectionFell {
		t.Errorf("it is %s, %s", view.Engagement.State, view.Objection)
	}
	for _, key := range []string{key, second} { // under one that fell, and one that was upheld
		chat(t, e, key, testenv.Hello)
	}
}

// TestAMediationHasAMediatorOfNeitherSideAndAnOutcomeOfBoth: it reopens, and grants nothing; and it ends with its time.
func TestAMediationHasAMediatorOfNeitherSideAndAnOutcomeOfBoth(t *testing.T) {
	e, clock := regulated(t)
	var ids []narthex.EngagementID
	for range 2 {
		view := submitted(t, e)
		must(e.People["sam"].Command(t.Context(), view.Engagement.ID, "decline", client.Command{As: narthex.Security, Saw: view.Engagement.Digest, Text: "We do not have it.", Ground: "it does not hold it", Alternative: "Ask for less."}))
		must(e.People["ada"].Command(t.Context(), view.Engagement.ID, "mediate", client.Command{Text: "You hold it."}))
		ids = append(ids, view.Engagement.ID)
	}
	propose := func(name, who, email string) error {
		_, err := e.People[name].Command(t.Context(), ids[0], "propose_mediator", client.Command{Name: who, Email: email})
		return err
	}
	ada := e.People["ada"]
	mail := func(name string) string { return must(e.People[name].WhoAmI(t.Context())).Person.Email }
	for what, c := range map[string][2]string{"the applicant": {"Vera Far", mail("ada")}, "the applicant, by name": {must(ada.WhoAmI(t.Context())).Person.Name, "x@far.test"}, "their institution": {"Vera Far", mail("otto")}, "the lab": {"Vera Far", mail("dan")},
		"a domain of the lab": {"Vera Far", "vera@" + afterAt(mail("dan"))}, "a domain of the institution": {"Vera Far", "vera@" + afterAt(mail("otto"))}, "two lines": {"Vera\nFar", "vera@far.test"}, "no address": {"Vera Far", "vera"}} {
		if err := propose("carol", c[0], c[1]); err == nil {
			t.Errorf("%s mediates", what)
		}
	}
	if err := propose("carol", "Vera Far", "vera@far.test"); err != nil {
		t.Fatal(err)
	}
	if do, _ := work(t, e, "ada", ids[0]); do != "mediate" {
		t.Errorf("the applicant's list says %q", do)
	}
	vera := client.Command{Name: "Vera Far", Email: "vera@far.test"}
	for _, name := range []string{"carol", "sam", "otto"} {
		if _, err := e.People[name].Command(t.Context(), ids[0], "accept_mediator", vera); err == nil {
			t.Errorf("%s accepts", name)
		}
	}
	view := must(ada.Command(t.Context(), ids[0], "accept_mediator", vera))
	if view.Mediation != narthex.MediationBegun || view.Engagement.Refusal.Mediation.Mediator.Email != "vera@far.test" {
		t.Errorf("it is %s, %+v", view.Mediation, view.Engagement.Refusal.Mediation)
	}
	agreed := client.Command{Result: narthex.MediationAgreed, Text: "For less."}
	if view = must(ada.Command(t.Context(), ids[0], "record_mediation", agreed)); view.Engagement.State != narthex.Declined || view.Mediation != narthex.MediationBegun {
		t.Errorf("by one side's word it is %s, %s", view.Engagement.State, view.Mediation)
	}
	must(e.People["carol"].Command(t.Context(), ids[0], "record_mediation", agreed))
	view = must(ada.Engagement(t.Context(), ids[0]))
	if view.Engagement.State != narthex.Returned || view.Engagement.Agreement != "" || len(view.Engagement.Votes) > 0 || view.Engagement.Refusal.Mediation.Lab.Said.Text != "For less." {
		t.Errorf("by both sides' it is %s", view.Engagement.State)
	}
	if view = must(ada.Command(t.Context(), ids[0], "revise", client.Command{Text: "For less."})); view.Engagement.State != narthex.InReview {
		t.Errorf("what was agreed on is %s", view.Engagement.State)
	}
	clock.Move(40 * 24 * time.Hour)
	backIn(t, e, "ada", "carol")
	must(e.Node.Sweep(t.Context()))
	for _, name := range []string{"ada", "carol"} {
		if told := toldTo(t, e, name); !slices.Contains(told, "mediation_over") {
			t.Errorf("%s is told %v", name, told)
		}
	}
	if view := must(ada.Engagement(t.Context(), ids[1])); view.Engagement.State != narthex.Declined || view.Mediation != narthex.MediationOver || slices.Contains(view.Allowed, "propose_mediator") {
		t.Errorf("when its time is over it is %s, %s, %v", view.Engagement.State, view.Mediation, view.Allowed)
	}
	if _, err := ada.Command(t.Context(), ids[1], "propose_mediator", vera); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("and a mediator is proposed: %v", err)
	}
}

func afterAt(address string) string { return address[bytes.IndexByte([]byte(address), '@')+1:] }

// With its applicant erased, an objection and a mediation say nothing in words, and not who mediates; the record goes on and is audited.
func TestTheWordsOfAMediationGoWithItsApplicant(t *testing.T) {
	e, _ := regulated(t)
	does := func(name string, id narthex.EngagementID, what string, in client.Command) client.EngagementView {
		t.Helper()
		view, err := e.People[name].Command(t.Context(), id, what, in)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, what, err)
		}
		return view
	}
	refused, back := submitted(t, e), submitted(t, e)
	does("sam", refused.Engagement.ID, "decline", client.Command{As: narthex.Security, Saw: refused.Engagement.Digest, Text: "canary", Ground: "it does not hold it", Alternative: "canary"})
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		does(name, back.Engagement.ID, "approve", client.Command{As: role, Saw: back.Engagement.Digest})
	}
	against := object(narthex.Programme)
	against.Text, against.Alternative = "canary", "canary"
	o := does("carol", back.Engagement.ID, "object", against).Engagement.Objection
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		does(name, back.Engagement.ID, "uphold", client.Command{As: role, Saw: o.Digest, Text: "canary"})
	}
	for _, id := range []narthex.EngagementID{refused.Engagement.ID, back.Engagement.ID} {
		does("ada", id, "mediate", client.Command{Text: "canary"})
		does("carol", id, "propose_mediator", client.Command{Name: "Canary Far", Email: "canary@far.test", Text: "canary"})
		does("ada", id, "accept_mediator", client.Command{Name: "Canary Far", Email: "canary@far.test"})
		does("ada", id, "record_mediation", client.Command{Result: narthex.MediationNotAgreed, Text: "canary"})
	}
	carol := e.People["carol"]
	must(carol.Remove(t.Context(), e.People["ada"].ID, "left"))
	must(carol.Erase(t.Context(), e.People["ada"].ID, "asked for it"))
	for _, id := range []narthex.EngagementID{refused.Engagement.ID, back.Engagement.ID} {
		view, err := carol.Engagement(t.Context(), id)
		if text, failed := json.Marshal(view); err != nil || failed != nil || bytes.Contains(bytes.ToLower(text), []byte("canary")) {
			t.Errorf("after the erasure the programme reads %s (%v, %v)", text, err, failed)
		}
	}
	if view := must(carol.Engagement(t.Context(), back.Engagement.ID)); view.Objection != narthex.ObjectionUpheld || view.Engagement.Objection.Mediation.Mediator == nil {
		t.Errorf("and of the objection %+v", view.Engagement.Objection)
	}
}
