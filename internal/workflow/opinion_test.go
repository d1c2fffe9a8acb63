package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// biased is of security and has declared an interest in the applicant.
var biased = tied(sec2, narthex.Interest{Kind: "co_author", Person: ada.ID})

// asked is the invitation of these tests.
var asked = id[narthex.InviteID](1)

// inviting makes an event one that asks a specialist about the text as it stands.
func inviting(event *workflow.Event, e narthex.Engagement) {
	event.Saw, event.Text, event.Opinion = e.Digest, "Is it safe?", &narthex.Opinion{ID: asked, Name: "Vera", Email: "vera@far.test", Code: "code"}
	if event.As == "" {
		event.As = narthex.Security
	}
}

// asks is an invitation by a person, for a week.
func (l *life) asks(p narthex.Person) *life {
	l.t.Helper()
	event := workflow.Event{Command: workflow.Invite, Due: l.now().AddDate(0, 0, 7)}
	inviting(&event, l.e)
	return l.does(p, event)
}

// special is what a specialist does.
func special(l *life, command workflow.Command) workflow.Event {
	return workflow.Event{Command: command, Due: l.now().Add(time.Hour), Saw: l.e.Digest, Text: "as " + string(command), Opinion: &narthex.Opinion{ID: asked, Login: "login"}}
}

func (l *life) trySpecialist(draft workflow.Event) error {
	event, refused := workflow.BySpecialist(l.e, draft, l.now())
	if refused != nil {
		return refused
	}
	return l.happen(event)
}

func (l *life) specialist(commands ...workflow.Command) *life {
	l.t.Helper()
	for _, command := range commands {
		if err := l.trySpecialist(special(l, command)); err != nil {
			l.t.Fatalf("%s in state %q: %v", command, l.e.State, err)
		}
	}
	return l
}

// askedUntil is in review, with a specialist who has done what comes before a command.
func askedUntil(t testing.TB, command workflow.Command) *life {
	l := draft(t).inReview().asks(sec)
	switch command {
	case workflow.Uninvite: // one of each
		event := workflow.Event{Command: workflow.Invite, As: narthex.Legal, Due: l.now().AddDate(0, 0, 7)}
		inviting(&event, l.e)
		event.Opinion.ID = id[narthex.InviteID](2)
		l.does(leg, event)
	case workflow.Declare:
		l.specialist(workflow.Redeem)
	case workflow.Opine:
		l.specialist(workflow.Redeem, workflow.Declare)
	}
	return l
}

// opined is in review with an opinion that security asked for.
func opined(t testing.TB) *life { return askedUntil(t, workflow.Opine).specialist(workflow.Opine) }

// An opinion gives nothing and takes nothing: whoever may do something may do it with and without, with the same outcome.
func TestAnOpinionIsNoVote(t *testing.T) {
	people := []narthex.Person{ada, ben, ora, sam, sec, sec2, leg, own, pro, cus, sig, aud}
	text := variants(people, ada)[0]
	plain := draftOf(t, text).inReview()
	with := draftOf(t, text).inReview().asks(sec).specialist(workflow.Redeem, workflow.Declare, workflow.Opine)
	said := func(l *life, p narthex.Person, ask workflow.Event) string {
		event, refused := workflow.Decide(l.e, ask, p, workflow.Facts{OwnsAsset: true, HalfPassed: true})
		if refused != nil {
			return refused.Error()
		}
		event.Seq, event.At = l.e.Events+1, l.now()
		after, err := workflow.Apply(l.e, event)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(after.State, after.Digest, len(after.Votes), len(after.Notes), after.Counter == nil, workflow.Approved(after), workflow.Missing(after))
	}
	tried, voted := 0, 0
	for _, p := range people {
		for _, ask := range attempts(people, ada, p) {
			if slices.Contains([]workflow.Command{workflow.Invite, workflow.Uninvite}, ask.Command) {
				continue
			}
			if tried++; strings.HasPrefix(said(plain, p, ask), string(narthex.InReview)) && ask.Command == workflow.Approve {
				voted++
			}
			if a, b := said(plain, p, ask), said(with, p, ask); a != b {
				t.Errorf("%s by %s: %q, and with an opinion %q", ask.Command, p.ID, a, b)
			}
		}
	}
	if tried < 100 || voted < 4 {
		t.Errorf("only %d attempts, of which %d are votes that count", tried, voted)
	}
	if workflow.Approved(opined(t).approve(leg, narthex.Legal).e) {
		t.Error("an opinion for security stands for its approval")
	}
}

// No person has a specialist's part, whoever they are, and none speaks for one; nor does Narthex.
func TestNobodySpeaksForASpecialist(t *testing.T) {
	for _, command := range []workflow.Command{workflow.Redeem, workflow.Declare, workflow.Opine} {
		l := askedUntil(t, command)
		for name, p := range cast {
			if slices.Contains(workflow.PartsOf(l.e, p), workflow.Specialist) || l.try(p, special(l, command), workflow.Facts{OwnsAsset: true}) == nil {
				t.Errorf("%s may %s", name, command)
			}
		}
		if l.trySystem(special(l, command)) == nil {
			t.Errorf("Narthex may %s", command)
		}
		event := special(l, command)
		event.Seq, event.By = l.e.Events+1, sec.ID
		if l.happen(event) == nil {
			t.Errorf("a %s by a person folds", command)
		}
	}
	l := askedUntil(t, workflow.Opine)
	for _, command := range commands {
		if own := slices.Contains([]workflow.Command{workflow.Redeem, workflow.Declare, workflow.Opine}, command); own {
			continue
		}
		event := l.event(command)
		event.Opinion = &narthex.Opinion{ID: asked, Login: "login"}
		if l.trySpecialist(event) == nil {
			t.Errorf("a specialist may %s", command)
		}
	}
}

func TestAnOpinionComesInItsOrderAndOnce(t *testing.T) {
	all := []workflow.Command{workflow.Redeem, workflow.Declare, workflow.Opine}
	for done := range 4 {
		for i, command := range all {
			l := draft(t).inReview().asks(sec).specialist(all[:done]...)
			if err := l.trySpecialist(special(l, command)); (err == nil) != (i == done) {
				t.Errorf("after %d steps, %s: %v", done, command, err)
			}
			l = draft(t).inReview().asks(sec).specialist(all[:done]...)
			event := special(l, command)
			event.Seq = l.e.Events + 1
			if err := l.happen(event); (err == nil) != (i == done) {
				t.Errorf("after %d steps, %s folds: %v", done, command, err)
			}
		}
		l := draft(t).inReview().asks(sec).specialist(all[:done]...)
		if _, err := workflow.ForSpecialist(l.e, l.e.Opinions[0], l.now()); (err == nil) != (done == 2) {
			t.Errorf("after %d steps they read: %v", done, err)
		}
	}
	other := special(askedUntil(t, workflow.Opine), workflow.Opine)
	other.Saw = stale
	if err := askedUntil(t, workflow.Opine).trySpecialist(other); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("an opinion on another text: %v", err)
	}
}

// What is still to come of a specialist ends with its time and with the review, however that ends; what was said stays as what was said on its text.
func TestAnInvitationDiesWithTheReview(t *testing.T) {
	approved := func(l *life) *life { return l.approve(sec, narthex.Security).approve(leg, narthex.Legal) }
	for name, ends := range map[string]func(*life) *life{
		"taken back": func(l *life) *life {
			return l.does(sec, workflow.Event{Command: workflow.Uninvite, Opinion: &narthex.Opinion{ID: asked}})
		},
		"taken back by programme": func(l *life) *life {
			return l.does(pro, workflow.Event{Command: workflow.Uninvite, Opinion: &narthex.Opinion{ID: asked}})
		},
		"returned": func(l *life) *life {
			return l.does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"})
		},
		"countered": func(l *life) *life { return l.countered() },
		"declined": func(l *life) *life {
			return l.does(sec, workflow.Event{Command: workflow.Decline, As: narthex.Security, Saw: l.e.Digest, Text: "no"})
		},
		"withdrawn": func(l *life) *life { return l.does(ada, workflow.Event{Command: workflow.Withdraw}) },
		"decided": func(l *life) *life {
			return approved(l).system(workflow.Event{Command: workflow.Offer, Agreement: deal})
		},
		"returned and in again": func(l *life) *life {
			return l.does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"}).does(ada, workflow.Event{Command: workflow.Revise, Application: application()}).system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 20)})
		},
		"its log-in is over": func(l *life) *life { l.waited += time.Hour; return l },
	} {
		for _, command := range []workflow.Command{workflow.Declare, workflow.Opine} {
			l := ends(askedUntil(t, command))
			if l.trySpecialist(special(l, command)) == nil {
				t.Errorf("%s: they still %s", name, command)
			}
			if _, err := workflow.ForSpecialist(l.e, l.e.Opinions[0], l.now()); err == nil {
				t.Errorf("%s: they still read", name)
			}
		}
		if name == "its log-in is over" {
			continue
		}
		if l := ends(askedUntil(t, workflow.Redeem)); l.trySpecialist(special(l, workflow.Redeem)) == nil {
			t.Errorf("%s: the code still works", name)
		}
	}
	l := askedUntil(t, workflow.Redeem)
	l.waited += 7 * 24 * time.Hour
	if l.trySpecialist(special(l, workflow.Redeem)) == nil {
		t.Error("the code works after its date")
	}
	l = opined(t)
	was := l.e.Digest
	l.does(leg, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "Why?"})
	if o := l.e.Opinions[0]; o.Text != "as opine" || o.Saw != was || !o.Closed.IsZero() {
		t.Errorf("what was said: %+v", o)
	}
}

func TestWhoMayAskASpecialist(t *testing.T) {
	ask := func(as narthex.Role) workflow.Event {
		event := workflow.Event{Command: workflow.Invite, As: as, Due: start.AddDate(0, 0, 7)}
		inviting(&event, draft(t).e)
		return event
	}
	silent := ask(narthex.Security)
	silent.Text = " "
	back := workflow.Event{Command: workflow.Uninvite, Opinion: &narthex.Opinion{ID: asked}}
	full := draft(t).inReview()
	for i := range byte(20) {
		event := ask(narthex.Security)
		event.Due, event.Opinion.ID = full.now().AddDate(0, 0, 7), id[narthex.InviteID](i)
		full.does(sec, event)
	}
	owned := application()
	owned.Reviews = []narthex.ReviewRule{{Role: narthex.AssetOwner, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}}
	about := func(l *life, event workflow.Event) workflow.Event { event.Saw = l.e.Digest; return event }
	assets := draftOf(t, owned).inReview()
	for _, r := range []struct {
		name string
		life *life
		p    narthex.Person
		ask  workflow.Event
		want narthex.Kind
	}{
		{"an author", draft(t).inReview(), sam, ask(narthex.Security), narthex.Refused},
		{"who has an interest", draft(t).inReview(), biased, ask(narthex.Security), narthex.Refused},
		{"the applicant", draft(t).inReview(), ada, ask(narthex.Security), narthex.Refused},
		{"an auditor", draft(t).inReview(), aud, ask(narthex.Security), narthex.Refused},
		{"a role that is not held", draft(t).inReview(), sec, ask(narthex.Legal), narthex.Refused},
		{"a role that is not asked", draft(t).inReview(), pro, ask(narthex.Programme), narthex.Refused},
		{"an owner of none of the assets", assets, own, about(assets, ask(narthex.AssetOwner)), narthex.Refused},
		{"without a question", draft(t).inReview(), sec, silent, narthex.Invalid},
		{"one too many", full, sec, ask(narthex.Security), narthex.Conflict},
		{"another reviewer's, taken back", draft(t).inReview().asks(sec), leg, back, narthex.Withheld},
		{"what was given, taken back", opined(t), sec, back, narthex.Conflict},
	} {
		if err := r.life.try(r.p, r.ask, workflow.Facts{}); !narthex.IsKind(err, r.want) {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// Who asks for access learns neither that a specialist was asked nor who or what they said; a reviewer before their vote reads it, and not who asked.
func TestAnOpinionIsForWhoeverSeesReviews(t *testing.T) {
	l := draft(t).inReview()
	out := map[string]narthex.Person{"the applicant": ada, "a member": ben, "the sponsor": sam, "the official": ora, "who has an interest": biased}
	before := map[string]narthex.Digest{}
	for name, p := range out {
		before[name] = digest(t, workflow.Seen(l.e, p))
	}
	l.asks(sec).specialist(workflow.Redeem, workflow.Declare, workflow.Opine)
	for name, p := range out {
		if seen := workflow.Seen(l.e, p); len(seen.Opinions) > 0 || digest(t, seen) != before[name] || workflow.SeesOpinions(l.e, p) {
			t.Errorf("%s sees that a specialist was asked: %+v", name, seen)
		}
		for _, event := range l.events[3:] {
			if told := workflow.Tells(l.e, p, event); told != "" {
				t.Errorf("%s is told %q of a %s", name, told, event.Command)
			}
		}
	}
	for name, p := range map[string]narthex.Person{"who asked": sec, "legal, before their vote": leg, "the programme": pro, "the auditor": aud} {
		seen := workflow.Seen(l.e, p).Opinions
		if len(seen) != 1 || seen[0].Text != "as opine" || seen[0].Interests != "as declare" || seen[0].Name != "Vera" {
			t.Errorf("%s reads %+v", name, seen)
			continue
		}
		if hidden := p.ID == leg.ID; hidden != (seen[0].By == "") {
			t.Errorf("%s sees that %q asked", name, seen[0].By)
		}
		if seen[0].Code != "" || seen[0].Login != "" {
			t.Errorf("%s sees the digest of a code or a log-in", name)
		}
	}
	if told := workflow.Tells(l.e, leg, l.events[3]); told != workflow.TellDates {
		t.Errorf("who is to vote is told %q of who asked", told)
	}
	decided := l.approve(sec, narthex.Security).approve(leg, narthex.Legal).system(workflow.Event{Command: workflow.Offer, Agreement: deal})
	for name, p := range out {
		if seen := workflow.Seen(decided.e, p); len(seen.Opinions) > 0 {
			t.Errorf("%s sees opinions once it is decided", name)
		}
	}
}

func TestAnOpinionStandsOnTheListOfWhoAskedForIt(t *testing.T) {
	l := draft(t).inReview().asks(pro)
	for i, command := range []workflow.Command{workflow.Redeem, workflow.Declare, workflow.Opine} {
		if task := workflow.TaskOf(l.e, pro, false, false); task != "" {
			t.Errorf("after %d steps the programme should %q", i, task)
		}
		l.specialist(command)
	}
	if task := workflow.TaskOf(l.e, pro, false, false); task != workflow.ToRead {
		t.Errorf("the programme should %q", task)
	}
	if !slices.ContainsFunc(workflow.Waiting(l.e), func(w workflow.Wait) bool { return w.Person == pro.ID }) {
		t.Error("and stands on no list of who may have work")
	}
	if task := workflow.TaskOf(l.e, sec, false, false); task != workflow.ToReview {
		t.Errorf("a reviewer should %q", task)
	}
}
