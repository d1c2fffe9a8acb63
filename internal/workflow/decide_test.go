package workflow_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

// Who of the cast may do what, written out: the sponsor sam holds every role of the lab and yet only writes.
var may = map[narthex.State]map[string]string{
	narthex.Draft:     {"ada": "edit submit withdraw", "ben": "edit", "sam": "edit"},
	narthex.Submitted: {"ada": "withdraw", "ben": "join", "pro": "assign"},
	narthex.InReview:  {"ada": "withdraw nudge comment", "ben": "comment join", "sam": "comment", "pro": "comment unclaim entrust invite uninvite", "sec": "return approve decline counter comment claim unclaim invite uninvite", "leg": "return approve decline counter comment claim unclaim invite uninvite"},
	narthex.Returned:  {"ada": "revise withdraw accept mediate " + mediators, "ben": "revise join", "sam": "revise", "pro": "comment " + mediators, "sec": "comment", "leg": "comment"},
	narthex.Offered:   {"ada": "withdraw sign", "ben": "join", "ora": "sign", "sig": "sign", "sec": "lock unlock recuse object uphold dismiss", "leg": "recuse bind object uphold dismiss", "pro": "object", "cus": "lock unlock"},
	narthex.Active:    {"ada": "end meet issue transfer open_incident mediate " + mediators + " " + wrote, "ben": "meet issue leave open_incident join " + wrote, "sam": "issue transfer", "ora": "meet open_incident", "aud": "issue", "pro": "end reject waive issue open_incident resolve_incident object " + mediators + " " + examined, "sec": "lock unlock waive open_incident resolve_incident object uphold dismiss " + examined, "leg": "object uphold dismiss " + examined, "cus": "lock unlock waive open_incident resolve_incident"},
	narthex.Ending:    {"ada": "meet issue open_incident " + wrote, "ben": "meet issue open_incident " + wrote, "sam": "issue", "ora": "meet open_incident", "aud": "issue", "pro": "close reject waive issue open_incident resolve_incident " + examined, "sec": "lock unlock waive open_incident resolve_incident " + examined, "leg": examined, "cus": "lock unlock waive open_incident resolve_incident"},
	narthex.Declined:  {"ada": "mediate " + mediators, "pro": mediators}, narthex.Withdrawn: {}, narthex.Closed: {"ada": "issue " + wrote, "ben": "issue " + wrote, "sam": "issue", "aud": "issue", "pro": "issue " + examined, "sec": examined, "leg": examined},
}

// wrote and examined are what who wrote a manuscript does with it, and who reads it for the lab.
const (
	wrote    = "manuscript_submit manuscript_pause manuscript_resume manuscript_publish redaction_accept redaction_contest redaction_mediate redaction_outcome"
	examined = "manuscript_clear manuscript_redact manuscript_extend manuscript_pause manuscript_resume redaction_uphold redaction_drop redaction_outcome"
)

// drafts are a command in every shape that could suit the person.
func (l *life) drafts(p narthex.Person, command workflow.Command) []workflow.Event {
	full := l.event(command)
	var all []workflow.Event
	if workflow.OnManuscripts(command) {
		for _, as := range append([]narthex.Role{""}, narthex.Roles()...) {
			full.As = as
			all = append(all, full)
		}
		return all
	}
	switch command {
	case workflow.Approve, workflow.Decline, workflow.Return, workflow.Counter, workflow.Claim, workflow.Unclaim, workflow.Invite,
		workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation:
		for _, as := range append([]narthex.Role{""}, narthex.Roles()...) {
			full.As = as
			all = append(all, full)
		}
	case workflow.Uninvite:
		for _, o := range l.e.Opinions {
			full.Opinion = &narthex.Opinion{ID: o.ID}
			all = append(all, full)
		}
	case workflow.Join:
		full.Saw = workflow.ToAccept(l.e)
		all = append(all, full)
	case workflow.Sign:
		for _, party := range []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab} {
			all = append(all, signature(p, party, l.e.Agreement))
		}
	default:
		all = append(all, full)
	}
	return all
}

func TestEachPersonMayDoExactlyThis(t *testing.T) {
	for state, mays := range may {
		for name, p := range cast {
			var did []string
			for _, command := range commands {
				l := ready(t, state, command)
				if command == workflow.AcceptMediator && p.ID != ada.ID && slices.Contains(workflow.Allowed(state, workflow.Parts()), command) {
					l = decided(t, state, workflow.ProposeMediator).says(ada, workflow.ProposeMediator) // whom the other side accepts
				}
				for _, ask := range l.drafts(p, command) {
					if l.try(p, ask, workflow.Facts{OwnsAsset: true, LockedBy: pro.ID, HalfPassed: true, Other: leg, Now: l.now()}) == nil {
						did = append(did, string(command))
						break
					}
				}
			}
			if got := strings.Join(did, " "); got != mays[name] {
				t.Errorf("%s in %s may %q, should be %q", name, state, got, mays[name])
			}
			shown := workflow.Allowed(state, workflow.PartsOf(at(t, state).e, p))
			if state != narthex.Offered && len(shown) != len(did) {
				t.Errorf("%s in %s is shown %v and may %v", name, state, shown, did)
			}
		}
	}
}

func TestOnlyTheActiveMayDoAnything(t *testing.T) {
	for _, person := range []narthex.PersonState{"", narthex.PersonInvited, narthex.PersonSuspended, narthex.PersonRemoved, "Active"} {
		for _, state := range states() {
			for name, p := range cast {
				p.State = person
				l := at(t, state)
				if parts := workflow.PartsOf(l.e, p); len(parts) > 0 {
					t.Errorf("%s, who is %q, has the parts %v in %q", name, person, parts, state)
				}
				if state != "" && workflow.MayRead(l.e, p) {
					t.Errorf("%s, who is %q, may read in %q", name, person, state)
				}
			}
		}
	}
}

func TestWhoMayKnowOfAnEngagement(t *testing.T) {
	always := []string{"ada", "ben", "sam"}
	later := append([]string{"ora", "sec", "leg", "pro", "cus", "sig", "aud"}, always...)
	for _, state := range narthex.States() {
		l, want := at(t, state), later
		if state == narthex.Draft {
			want = always
		}
		for name, p := range cast {
			if got := workflow.MayRead(l.e, p); got != slices.Contains(want, name) {
				t.Errorf("%s in %s: may read is %t", name, state, got)
			}
		}
	}
}

func TestAStrangerLearnsNothing(t *testing.T) {
	for _, state := range narthex.States() {
		for _, p := range []narthex.Person{cal, oleg, own, {}} {
			l := at(t, state)
			for _, command := range append(slices.Clone(commands), "", "approved") {
				_, err := workflow.Decide(l.e, workflow.Event{Command: command}, p, workflow.Facts{})
				if err == nil || err.Kind != narthex.Withheld || err.Public != narthex.WithheldError().Public || err.Param != "" {
					t.Errorf("%s in %s to a stranger: %v", command, state, err)
				}
			}
		}
	}
}

// refusal is an attempt and how it must fail.
type refusal struct {
	name  string
	life  *life
	who   narthex.Person
	draft workflow.Event
	facts workflow.Facts
	kind  narthex.Kind
	param string
	says  string
}

func (r refusal) check(t *testing.T) {
	t.Helper()
	events := r.life.e.Events
	event, err := workflow.Decide(r.life.e, r.draft, r.who, r.facts)
	if err == nil {
		t.Errorf("%s: it may happen: %+v", r.name, event)
		return
	}
	if err.Kind != r.kind || err.Param != r.param || !strings.Contains(err.Public, r.says) || !strings.HasSuffix(strings.TrimSpace(err.Public), ".") {
		t.Errorf("%s: %s about %q: %s; want %s about %q with %q", r.name, err.Kind, err.Param, err.Public, r.kind, r.param, r.says)
	}
	if event.Seq != 0 || event.Command != "" || r.life.e.Events != events {
		t.Errorf("%s: it was refused and left something behind: %+v", r.name, event)
	}
}

func TestARefusalSaysWhy(t *testing.T) {
	empty := application()
	empty.Terms = nil
	review, offered := at(t, narthex.InReview), at(t, narthex.Offered)
	seen := func(c workflow.Command, as narthex.Role, text string) workflow.Event {
		return workflow.Event{Command: c, As: as, Saw: review.e.Digest, Text: text}
	}
	again := draft(t).inReview().approve(sec, narthex.Security)
	assets := application()
	assets.Reviews = []narthex.ReviewRule{{Role: narthex.AssetOwner, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}}
	owned := draftOf(t, assets).inReview()
	locked := at(t, narthex.Active).does(sec, workflow.Event{Command: workflow.Lock})
	half := at(t, narthex.Offered).does(sig, signature(sig, narthex.PartyLab, deal))
	long := strings.Repeat("é", 4001)
	for _, r := range []refusal{
		{"questions open", draft(t), ada, workflow.Event{Command: workflow.Submit}, workflow.Facts{Unanswered: []string{"aim", "plan"}}, narthex.Invalid, "answers", "aim, plan"},
		{"no terms", draftOf(t, empty), ada, workflow.Event{Command: workflow.Submit}, workflow.Facts{}, narthex.Invalid, "terms", "asks for nothing"},
		{"terms wrong", draft(t), ada, workflow.Event{Command: workflow.Submit}, workflow.Facts{TermsWrong: []narthex.Reason{{Code: "not_offered", Says: "It is not offered."}}}, narthex.Refused, "terms", "It is not offered."},
		{"revised to nothing", at(t, narthex.Returned), ada, workflow.Event{Command: workflow.Revise, Application: empty}, workflow.Facts{}, narthex.Invalid, "terms", "asks for nothing"},
		{"another text seen", review, sec, workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: stale}, workflow.Facts{}, narthex.Conflict, "saw", "Read it again"},
		{"no text seen", review, sec, workflow.Event{Command: workflow.Approve, As: narthex.Security}, workflow.Facts{}, narthex.Conflict, "saw", "Read it again"},
		{"declined unseen", review, sec, workflow.Event{Command: workflow.Decline, As: narthex.Security, Saw: stale, Text: "so"}, workflow.Facts{}, narthex.Conflict, "saw", "Read it again"},
		{"a second vote", again, sec, seen(workflow.Approve, narthex.Security, ""), workflow.Facts{}, narthex.Conflict, "", "one vote"},
		{"a change of mind", again, sec, seen(workflow.Decline, narthex.Security, "so"), workflow.Facts{}, narthex.Conflict, "", "one vote"},
		{"no role", review, sec, seen(workflow.Approve, "", ""), workflow.Facts{}, narthex.Refused, "as", "that role"},
		{"another's role", review, sec, seen(workflow.Approve, narthex.Legal, ""), workflow.Facts{}, narthex.Refused, "as", "that role"},
		{"returned in another's role", review, sec, seen(workflow.Return, narthex.Legal, "why?"), workflow.Facts{}, narthex.Refused, "as", "that role"},
		{"another's asset", owned, own, workflow.Event{Command: workflow.Approve, As: narthex.AssetOwner, Saw: owned.e.Digest}, workflow.Facts{}, narthex.Refused, "as", "own none"},
		{"declined without a reason", review, sec, seen(workflow.Decline, narthex.Security, " \n"), workflow.Facts{}, narthex.Invalid, "text", "reason"},
		{"returned without a question", review, sec, seen(workflow.Return, narthex.Security, ""), workflow.Facts{}, narthex.Invalid, "text", "question"},
		{"too long", review, sec, seen(workflow.Decline, narthex.Security, long), workflow.Facts{}, narthex.Invalid, "text", "4000"},
		{"by the sponsor", review, sam, seen(workflow.Approve, narthex.Security, ""), workflow.Facts{}, narthex.Refused, "", "You have a part"},
		{"by one without the part", review, aud, seen(workflow.Approve, narthex.Auditor, ""), workflow.Facts{}, narthex.Refused, "", "another role"},
		{"no such step here", review, ada, workflow.Event{Command: workflow.Submit}, workflow.Facts{}, narthex.Conflict, "", "in review"},
		{"another agreement", offered, sig, signature(sig, narthex.PartyLab, stale), workflow.Facts{}, narthex.Conflict, "digest", "sign its digest"},
		{"no signature", offered, sig, workflow.Event{Command: workflow.Sign}, workflow.Facts{}, narthex.Conflict, "digest", "sign its digest"},
		{"another's party", offered, sig, signature(sig, narthex.PartyInstitution, deal), workflow.Facts{}, narthex.Refused, "party", "may not sign"},
		{"a party that has signed", half, sig, signature(sig, narthex.PartyLab, deal), workflow.Facts{}, narthex.Refused, "", "another role"},
		{"the locker unlocks", locked, sec, workflow.Event{Command: workflow.Unlock}, workflow.Facts{LockedBy: sec.ID}, narthex.Refused, "", "second person"},
	} {
		r.check(t)
	}
}

func TestTheLongestTextIsCountedInCharacters(t *testing.T) {
	l := at(t, narthex.InReview)
	ask := workflow.Event{Command: workflow.Return, As: narthex.Security, Text: strings.Repeat("é", 4000)}
	if err := l.try(sec, ask, workflow.Facts{}); err != nil {
		t.Errorf("4000 characters: %v", err)
	}
}

func TestARefusedTermIsNamedToMachines(t *testing.T) {
	wrong := narthex.Reason{Code: "not_offered", Attribute: "model.logprobs", Asset: "minim-1", Limit: "top_k", Says: "It is not offered."}
	_, err := workflow.Decide(draft(t).e, workflow.Event{Command: workflow.Submit}, ada, workflow.Facts{TermsWrong: []narthex.Reason{wrong}})
	if err == nil || err.Reason == nil || *err.Reason != wrong {
		t.Errorf("want the reason, got %+v", err)
	}
}

func TestAnAllowedCommandIsCompletedAndNothingMore(t *testing.T) {
	l := at(t, narthex.InReview)
	ask := workflow.Event{Seq: 99, By: ada.ID, Command: workflow.Approve, As: narthex.Security, Saw: l.e.Digest, Text: "fine"}
	event, err := workflow.Decide(l.e, ask, sec, workflow.Facts{})
	if err != nil || event.Seq != l.e.Events+1 || event.By != sec.ID || event.As != ask.As || event.Saw != ask.Saw || event.Text != "fine" || !event.At.IsZero() {
		t.Errorf("%v: %+v", err, event)
	}
	bySystem, err := workflow.BySystem(at(t, narthex.Active).e, workflow.Event{Seq: 99, By: ada.ID, Command: workflow.End})
	if err != nil || bySystem.By != "" || bySystem.Seq != at(t, narthex.Active).e.Events+1 {
		t.Errorf("%v: %+v", err, bySystem)
	}
}

func TestNarthexItselfDoesOnlyWhatTheTableHas(t *testing.T) {
	for _, state := range states() {
		for _, command := range append(slices.Clone(commands), "", "approved") {
			l := ready(t, state, command)
			err := l.trySystem(l.event(command))
			if allowed := slices.Contains(workflow.Allowed(state, []workflow.Part{workflow.System}), command); allowed != (err == nil) {
				t.Errorf("%s in %q: %v", command, state, err)
			}
		}
	}
}
