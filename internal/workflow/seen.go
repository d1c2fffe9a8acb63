package workflow

import (
	"slices"
	"time"

	"narthex"
)

// blind says whether a person must not see how others voted: its authors and their institution while it is in review, and a
// reviewer who has not voted, so that each judges by what was asked and by nothing else.
func blind(e narthex.Engagement, p narthex.Person) bool {
	if e.State != narthex.InReview {
		return false
	}
	return !p.InLab() || Apart(e, p) || mayReview(e, p) && !hasVoted(&e, p.ID)
}

// ToVote says whether a person is a reviewer whose vote is still to come, in this round or in the one that follows a return.
func ToVote(e narthex.Engagement, p narthex.Person) bool {
	return slices.Contains([]narthex.State{narthex.Submitted, narthex.InReview, narthex.Returned}, e.State) && mayReview(e, p) && !hasVoted(&e, p.ID)
}

// Seen gives an engagement as a person sees it who may read it: without votes while they are blind, without the private
// comments of others where they are, or are an author or from outside, who see neither claims, nor opinions, nor what rules said, and without a counter-offer of another, which is a vote,
// where theirs is still to come. What is left out leaves no trace but its absence: neither the number of events nor the time of
// the last tells of it.
func Seen(e narthex.Engagement, p narthex.Person) narthex.Engagement {
	closed, out := blind(e, p), !p.InLab() || Apart(e, p)
	before := ToVote(e, p)
	if closed {
		e.Votes = nil
	}
	if before && e.Counter != nil && e.Counter.By != p.ID {
		e.Counter = nil
	}
	e.Notes = slices.DeleteFunc(slices.Clone(e.Notes), func(n narthex.Note) bool {
		return n.Private && n.By != p.ID && (out || before)
	})
	e.Opinions = opinionsSeen(e, p)
	if e.Claims = claimsSeen(e, p); out {
		e.Triage = nil
	}
	if closed || out || before {
		e.Events, e.ChangedAt = 0, changed(e)
	}
	return manuscriptsSeen(e, p)
}

// HidesReaders says whether a person must not see who read an engagement: while it is in review, and a vote of theirs or of others is
// not theirs to know. Who reads is who decides.
func HidesReaders(e narthex.Engagement, p narthex.Person) bool {
	return blind(e, p) || ToVote(e, p) || !p.InLab() && slices.Contains([]narthex.State{narthex.Submitted, narthex.Returned}, e.State)
}

// seesEvent says whether a person may see that an event of an engagement which they may read happened, where it is not of a manuscript.
func seesEvent(e narthex.Engagement, p narthex.Person, event Event) bool {
	if event.Private && (!p.InLab() || Apart(e, p) || ToVote(e, p)) {
		return false
	}
	if slices.Contains(claiming(), event.Command) || slices.Contains(advising(), event.Command) {
		return p.InLab() && !Apart(e, p)
	}
	undecided := slices.Contains([]narthex.State{narthex.Submitted, narthex.InReview, narthex.Returned}, e.State)
	if !undecided || !slices.Contains([]Command{Approve, Decline, Counter}, event.Command) {
		return true
	}
	if ToVote(e, p) {
		return false
	}
	if !p.InLab() || Apart(e, p) {
		return event.Command == Counter && e.State == narthex.Returned // which was made to them
	}
	return true
}

// changed is when an engagement last changed, as far as what is left of it tells.
func changed(e narthex.Engagement) time.Time {
	if !slices.Contains([]narthex.State{narthex.InReview, narthex.Returned}, e.State) {
		return e.ChangedAt // every event of the other states is open to all who may read it
	}
	last := e.SubmittedAt
	take := func(at time.Time) {
		if at.After(last) {
			last = at
		}
	}
	take(e.Since)
	take(e.Nudged)
	for _, r := range e.Reminded {
		take(r.At)
	}
	for _, note := range e.Notes {
		take(note.At)
	}
	for _, vote := range e.Votes {
		take(vote.At)
	}
	if e.Counter != nil {
		take(e.Counter.At)
	}
	for _, joined := range e.Joined {
		take(joined.At)
	}
	if o := upheldNow(e); o != nil {
		take(o.DecidedAt)
	}
	if m := MediationOf(e); m != nil {
		take(m.At)
		take(m.Began)
		if m.Mediator != nil {
			take(m.Mediator.Said.At)
		}
		for _, side := range []*narthex.MediationOutcome{m.Authors, m.Lab} {
			if side != nil {
				take(side.Said.At)
			}
		}
	}
	for _, o := range e.Opinions {
		take(o.At)
		take(o.Opened)
		take(o.Given)
		take(o.Closed)
	}
	return last
}

// AwaitedBy lists the roles whose approval is still to come, as a person sees it: all of them while they are blind.
func AwaitedBy(e narthex.Engagement, p narthex.Person) []narthex.Role {
	if blind(e, p) {
		e.Votes = nil
	}
	if !p.InLab() || Apart(e, p) {
		e.Triage = nil // what rules did is the lab's to know
	}
	return Missing(e)
}

// Task is what an engagement asks of a person now.
type Task string

const (
	ToSubmit Task = "submit" // a draft of theirs
	ToAnswer Task = "answer" // a return or a counter-offer
	ToReview Task = "review"
	ToAssign Task = "assign"
	ToChase  Task = "chase" // a review that is late, by the programme
	ToSign   Task = "sign"
	ToBind   Task = "bind" // an outside document that is required
	ToClose  Task = "close"
	ToTake   Task = "take" // its sponsorship over
	ToJoin   Task = "join" // it, by accepting for oneself
	ToRead   Task = "read" // an opinion that they asked for

	ToDecide  Task = "decide"  // on an objection
	ToMediate Task = "mediate" // a mediator to name, or what came of it to record
	ToAmend   Task = "amend"   // what is in force, as an objection that was upheld asks
)

// TaskOf says what an engagement waits for a person to do, or "" where it needs nothing of them: late says that its review
// should have ended, and owns that the person owns an asset among its terms. A review is on it until the person has voted, also
// where others of the role have: a list from which it went would tell of their votes.
func TaskOf(e narthex.Engagement, p narthex.Person, late, owns bool) Task {
	parts := PartsOf(e, p)
	has := func(part Part) bool { return slices.Contains(parts, part) }
	switch {
	case e.State == narthex.Draft && has(Applicant):
		return ToSubmit
	case e.State == narthex.Returned && has(Applicant):
		return ToAnswer
	case e.State == narthex.Submitted && has(Programme):
		return ToAssign
	case e.State == narthex.InReview && has(Reviewer) && !hasVoted(&e, p.ID) && slices.ContainsFunc(AwaitedBy(e, p), func(r narthex.Role) bool {
		return p.Has(r) && (r != narthex.AssetOwner || owns)
	}):
		return ToReview
	case e.State == narthex.InReview && has(Programme) && late:
		return ToChase
	case WantsOutside(e) && MayBind(e, p):
		return ToBind
	case e.State == narthex.InReview && has(Programme) && gotOpinion(e, p.ID):
		return ToRead
	case e.State == narthex.Offered && !WantsOutside(e) && has(Signer):
		return ToSign
	case e.State == narthex.Active && has(Successor):
		return ToTake
	case e.State == narthex.Ending && has(Programme) && !Unmet(e):
		return ToClose
	case has(Member) && may(e.State, []Part{Member}, Join) && !HasJoined(e, p.ID):
		return ToJoin
	}
	return ""
}

// Wait is somebody for whom an engagement may wait: a person, an official of its institution, or whoever holds a role.
type Wait struct {
	Person   narthex.PersonID
	Official bool
	Role     narthex.Role
	Due      time.Time // when it should be done; zero where it has no time
	From     time.Time // from when on it waits; zero where it does already
}

// Waiting lists for whom an engagement may wait, so that whoever TaskOf, OwedBy, ObjectionTask or MediationTask gives a task is one of
// them. It says nothing of who voted.
func Waiting(e narthex.Engagement) []Wait {
	waits := append(waitsInState(e), waitsBeside(e)...)
	if may(e.State, []Part{Member}, Join) {
		for _, member := range Unjoined(e) {
			waits = append(waits, Wait{Person: member})
		}
	}
	return waits
}

func waitsInState(e narthex.Engagement) []Wait {
	applicant := Wait{Person: e.Application.Applicant}
	switch e.State {
	case narthex.Draft, narthex.Returned:
		return []Wait{applicant}
	case narthex.Submitted:
		return []Wait{{Role: narthex.Programme}}
	case narthex.Active:
		waits := waitsOwed(e)
		if e.Successor != "" {
			waits = append(waits, Wait{Person: e.Successor})
		}
		return waits
	case narthex.Ending:
		if Unmet(e) {
			return waitsOwed(e)
		}
		return []Wait{{Role: narthex.Programme}}
	case narthex.InReview:
		var waits []Wait
		for _, rule := range e.Application.Reviews {
			waits = append(waits, Wait{Role: rule.Role, Due: e.Due})
		}
		if !e.Due.IsZero() {
			waits = append(waits, Wait{Role: narthex.Programme, Due: e.Due, From: e.Due})
		}
		for _, o := range e.Opinions {
			if !o.Given.IsZero() {
				waits = append(waits, Wait{Person: o.By})
			}
		}
		return waits
	case narthex.Offered:
		if WantsOutside(e) {
			return []Wait{{Role: narthex.Legal}}
		}
		var waits []Wait
		for _, party := range Unsigned(e) {
			switch party {
			case narthex.PartyResearcher:
				waits = append(waits, applicant)
			case narthex.PartyInstitution:
				waits = append(waits, Wait{Official: true})
			default:
				waits = append(waits, Wait{Role: narthex.Signatory})
			}
		}
		return waits
	}
	return nil
}

// claiming are the commands by which reviews are divided among reviewers.
func claiming() []Command { return []Command{Claim, Unclaim, Entrust, Triage} }

// Telling is how much of an event of an engagement a person is told. The zero Telling is nothing, not even that it happened.
type Telling string

const (
	// TellDates tells that it happened, when, and what state it made.
	TellDates Telling = "dates"
	// TellEntry tells who did it too, and nothing of what they wrote.
	TellEntry Telling = "entry"
	// TellWhole tells all of it.
	TellWhole Telling = "whole"
)

// Tells says how much of an event of an engagement somebody is told who may read it: of manuscripts what SightOf lets them see of
// them, and of votes what Seen shows.
func Tells(e narthex.Engagement, p narthex.Person, event Event) Telling {
	switch {
	case event.By == p.ID:
		return TellWhole
	case event.Command == Recuse && (!p.InLab() || Apart(e, p) || ToVote(e, p)):
		return "" // that someone has an interest is the lab's to know
	case OnManuscripts(event.Command):
		return handlingTold(SightOf(e, p), event.Command)
	case !seesEvent(e, p, event):
		return ""
	case ToVote(e, p) && (slices.Contains(claiming(), event.Command) || event.Command == Invite || event.Command == Uninvite):
		return TellDates // who looks at it, or asks about it, is no reviewer's to know before their own vote
	case slices.Contains([]Command{Approve, Decline, Counter}, event.Command):
		seen := Seen(e, p)
		if slices.ContainsFunc(seen.Votes, func(v narthex.Vote) bool { return v.By == event.By && v.At.Equal(event.At) }) || seen.Counter != nil && seen.Counter.At.Equal(event.At) {
			return TellWhole
		}
		return TellEntry
	}
	return TellWhole
}
