package workflow

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"narthex"
	"narthex/internal/canon"
)

// Event is one thing that happened to an engagement.
type Event struct {
	Seq         int                          `json:"seq"` // from 1
	At          time.Time                    `json:"at"`
	By          narthex.PersonID             `json:"by,omitempty"` // empty for the system
	Command     Command                      `json:"command"`
	As          narthex.Role                 `json:"as,omitempty"`          // a reviewer's role
	Saw         narthex.Digest               `json:"saw,omitempty"`         // of what a vote is on
	NoInterest  bool                         `json:"no_interest,omitempty"` // of a vote or a counter-offer: that its giver declares none
	Text        string                       `json:"text,omitempty"`
	Private     bool                         `json:"private,omitempty"` // a comment that the authors do not see
	Application *narthex.Application         `json:"application,omitempty"`
	Agreement   narthex.Digest               `json:"agreement,omitempty"`
	Authorised  *narthex.SignedAuthorisation `json:"authorised,omitempty"` // of an offer, in the place of the institution's signature
	Signature   *narthex.SignedBy            `json:"signature,omitempty"`
	Signing     *narthex.Signing             `json:"signing,omitempty"` // of an offer: how its agreement asks to be signed
	Refusal     *narthex.Refusal             `json:"refusal,omitempty"` // of a decline, where there is a rule for that, or of an objection
	Outside     *narthex.OutsideDocument     `json:"outside,omitempty"` // that is bound to the agreement
	Triaged     *narthex.Triaged             `json:"triaged,omitempty"` // what a rule did
	Opinion     *narthex.Opinion             `json:"opinion,omitempty"` // of a specialist from outside: whose, and the digests of code and log-in
	Grant       narthex.GrantID              `json:"grant,omitempty"`
	Due         time.Time                    `json:"due,omitzero"`
	Until       time.Time                    `json:"until,omitzero"` // of an activation: when the agreement ends
	Owed        []narthex.Owed               `json:"owed,omitempty"` // of an activation: what the agreement asks by a date
	Obligation  narthex.ObligationName       `json:"obligation,omitempty"`
	Mark        narthex.Mark                 `json:"mark,omitempty"` // what a clock says
	Evidence    narthex.Digest               `json:"evidence,omitempty"`
	Certificate *narthex.SignedCertificate   `json:"certificate,omitempty"`
	Publication *Handling                    `json:"publication,omitempty"` // what is done with a manuscript
	Incident    *narthex.Incident            `json:"incident,omitempty"`
	Number      int                          `json:"number,omitempty"` // of the incident that is resolved, or of the manuscript that a clock speaks of
	Outcome     narthex.IncidentOutcome      `json:"outcome,omitempty"`
	Person      narthex.PersonID             `json:"person,omitempty"` // who is asked to be the sponsor
	Kept        []narthex.Joined             `json:"kept,omitempty"`   // of an activation: members who accepted what it amends, where that binds them to the same
	Apart       []narthex.PersonID           `json:"apart,omitempty"`  // of a draft: who had a part in what it amends, and decides on neither
	Mediator    *narthex.Mediator            `json:"mediator,omitempty"`
	Result      narthex.MediationResult      `json:"result,omitempty"` // of a mediation
}

// Fold gives the engagement that events make.
func Fold(events []Event) (narthex.Engagement, error) {
	var e narthex.Engagement
	for _, event := range events {
		var err error
		if e, err = Apply(e, event); err != nil {
			return narthex.Engagement{}, err
		}
	}
	return e, nil
}

// Apply gives the engagement after an event. It refuses what no table row, order or digest allows, so that a history which
// folds is one that could have happened.
func Apply(e narthex.Engagement, event Event) (narthex.Engagement, error) {
	if event.Seq != e.Events+1 || event.At.IsZero() || event.At.Before(e.ChangedAt) {
		return e, fmt.Errorf("apply event %d to an engagement with %d: it is out of order", event.Seq, e.Events)
	}
	if !may(e.State, Parts(), event.Command) {
		return e, fmt.Errorf("apply event %d: nobody may %s in state %q", event.Seq, event.Command, e.State)
	}
	if !couldBe(e, event) {
		return e, fmt.Errorf("apply event %d: it was not theirs to %s", event.Seq, event.Command)
	}
	out := e
	out.Events, out.ChangedAt = event.Seq, event.At
	out.Votes, out.Notes, out.Authors, out.Signatures = slices.Clone(e.Votes), slices.Clone(e.Notes), slices.Clone(e.Authors), slices.Clone(e.Signatures)
	out.Met, out.Waivers, out.Issued = slices.Clone(e.Met), slices.Clone(e.Waivers), slices.Clone(e.Issued)
	if to, moves := next[event.Command]; moves {
		out.State = to
	}
	if e.State == narthex.InReview && out.State != narthex.InReview {
		out.Reminded = nil // the next review has a clock of its own
		closeOpinions(&out, event.At)
	}
	switch {
	case OnManuscripts(event.Command) && out.BesideAt.IsZero():
		out.BesideAt = e.ChangedAt
	case !OnManuscripts(event.Command) && !out.BesideAt.IsZero():
		out.BesideAt = event.At
	}
	if err := effect(&out, event); err != nil {
		return e, fmt.Errorf("apply event %d: %w", event.Seq, err)
	}
	return out, nil
}

// couldBe says whether the one who gave the command has a part that may, as far as the engagement itself tells: roles are
// not in it, but who asks, who wrote and who is Narthex are.
func couldBe(e narthex.Engagement, event Event) bool {
	if e.ID == "" {
		return event.By != ""
	}
	var parts []Part
	switch by := event.By; {
	case by == "" && slices.Contains(table[e.State][Specialist], event.Command):
		parts = []Part{Specialist}
	case by == "":
		parts = []Part{System}
	case by == e.Application.Applicant:
		parts = []Part{Applicant, Signer}
	case len(authorOf(e, by)) > 0:
		parts = authorOf(e, by)
	case !slices.Contains(e.Authors, by):
		parts = []Part{Reviewer, Signer, Programme, Guard, Institution, Auditor, Examiner}
	}
	if writes(e, event.By) {
		parts = append(parts, Writer)
	}
	if event.By != "" && hasVoted(&e, event.By) {
		parts = append(parts, Voter)
	}
	if event.By != "" && event.By == e.Successor {
		parts = append(parts, Successor)
	}
	return may(e.State, parts, event.Command)
}

// fits says whether a signature is the giver's own, on the agreement, for a party that is theirs to sign for and whose turn it is.
func fits(e *narthex.Engagement, event Event) bool {
	s := event.Signature
	return s != nil && s.By == event.By && s.Digest == e.Agreement && slices.Contains(Turn(*e), s.Party) &&
		(s.Party == narthex.PartyResearcher) == (s.By == e.Application.Applicant) &&
		(s.Party != narthex.PartyLab || !hasVoted(e, s.By)) &&
		!hasSigned(*e, s.By) && s.Outside == OutsideOf(*e) && (s.Stamp != "" || !signingOf(*e).Stamped)
}

// hasSigned says whether a person signed for a party already, or authorised beforehand in the place of one.
func hasSigned(e narthex.Engagement, person narthex.PersonID) bool {
	return e.Authorised != nil && e.Authorised.Signature.By == person || slices.ContainsFunc(e.Signatures, func(s narthex.SignedBy) bool { return s.By == person })
}

func effect(e *narthex.Engagement, event Event) error {
	if OnManuscripts(event.Command) {
		if refused := handle(e, event); refused != nil {
			return refused
		}
		return nil
	}
	switch event.Command {
	case Draft, Edit, Revise:
		return write(e, event)
	case Submit:
		e.Round++
		e.SubmittedAt = event.At
	case Assign:
		e.Since, e.Due, e.Nudged = event.At, event.Due, time.Time{}
	case Nudge:
		if !e.Nudged.IsZero() {
			return errors.New("it was nudged in this round")
		}
		e.Nudged = event.At
	case Comment:
		if event.Private && slices.Contains(e.Authors, event.By) {
			return errors.New("an author's comment is for everyone")
		}
		e.Notes = append(e.Notes, narthex.Note{By: event.By, At: event.At, Text: event.Text, Private: event.Private})
	case Return:
		sendBack(e)
		e.Notes = append(e.Notes, narthex.Note{By: event.By, At: event.At, Text: event.Text})
	case Counter:
		return counter(e, event)
	case Accept:
		return accept(e, event)
	case Approve, Decline:
		if !mayVote(e, event) {
			return errors.New("the vote is on another text, in a role that is not asked, a second one, or by an author")
		}
		e.Votes = append(e.Votes, narthex.Vote{By: event.By, As: event.As, Approve: event.Command == Approve, Reason: event.Text, Saw: event.Saw, At: event.At, NoInterest: event.NoInterest})
		if event.Command == Decline {
			if refused := refuses(e.Application.Refusals, event.Refusal); refused != nil {
				return refused
			}
			e.Refusal = event.Refusal
			e.Reason, e.DecidedAt, e.Claims = event.Text, event.At, nil
		}
	case Offer:
		if !Approved(*e) || event.Agreement == "" {
			return errors.New("it is not approved by everyone who must")
		}
		if event.Authorised != nil && !Authorises(*e, *event.Authorised, event.At) {
			return errors.New("its authorisation is for something else, not in force, or by an author")
		}
		if event.Authorised != nil && event.Signing != nil && SignsItself(*event.Signing) {
			return errors.New("its institution signs, for its word beforehand is on no outside document and not stamped")
		}
		e.Agreement, e.Authorised, e.DecidedAt, e.Claims = event.Agreement, event.Authorised, event.At, nil
		e.Signing = event.Signing
	case Bind:
		if refused := binds(*e, event); refused != nil {
			return refused
		}
		e.Outside, e.Signatures = event.Outside, nil
	case Sign:
		if !fits(e, event) {
			return errors.New("the signature is on another text, not the giver's own, out of turn, or the party has signed")
		}
		e.Signatures = append(e.Signatures, *event.Signature)
	case Activate:
		if !Signed(*e) || event.Grant == "" {
			return errors.New("it is not signed by every party")
		}
		if err := keep(e, event); err != nil {
			return err
		}
		e.Grant, e.Until, e.Owed = event.Grant, event.Until, event.Owed
	case Lock, Unlock:
		if e.Locked == (event.Command == Lock) {
			return errors.New("it is so already")
		}
		e.Locked = event.Command == Lock
	case Remind, Escalate:
		return remind(e, event)
	case Transfer, Take, Leave:
		return handOver(e, event)
	case Recuse:
		return recuse(e, event)
	case Join:
		return join(e, event)
	case Claim, Unclaim, Entrust:
		return claims(e, event)
	case Triage:
		return triage(e, event)
	case Invite, Uninvite, Redeem, Declare, Opine:
		return opinions(e, event)
	case Object, Uphold, Dismiss:
		if refused := onObjection(e, event); refused != nil {
			return refused
		}
	case Mediate, ProposeMediator, AcceptMediator, RecordMediation:
		if refused := onMediation(e, event); refused != nil {
			return refused
		}
	case Reopen:
		return reopen(e, event)
	case Withdraw:
		e.Reason, e.Claims = event.Text, nil
	case End:
		e.Reason, e.EndedAt = event.Text, event.At
	case OpenIncident, ResolveIncident:
		return onIncident(e, event)
	case Meet, Reject, Waive, Issue, Close:
		return closeOut(e, event)
	}
	return nil
}

// write takes a new text in: votes fall with the old one, and everyone who is named in it is an author for ever.
func write(e *narthex.Engagement, event Event) error {
	a := event.Application
	if a == nil || a.Engagement == "" || e.ID != "" && a.Engagement != e.ID {
		return errors.New("it brings no application, or another engagement's")
	}
	digest, err := canon.Digest(a)
	if err != nil {
		return err
	}
	if e.ID == "" {
		e.ID, e.CreatedAt = a.Engagement, event.At
	} else if !sameBasis(*e, *a) {
		return errors.New("it changes who applies")
	}
	fallJoined(e, digest)
	e.Application, e.Digest, e.Votes, e.Counter, e.Triage = *a, digest, nil, nil, nil
	named := append(append([]narthex.PersonID{event.By, a.Applicant, a.Sponsor}, a.Members...), e.Authors...)
	if event.Command == Draft {
		named = append(named, event.Apart...)
	}
	for _, person := range named {
		if person != "" && !slices.Contains(e.Authors, person) {
			e.Authors = append(e.Authors, person)
		}
	}
	keepClaims(e)
	if event.Command == Revise {
		e.Round++
		if event.Text != "" {
			e.Notes = append(e.Notes, narthex.Note{By: event.By, At: event.At, Text: event.Text})
		}
	}
	return nil
}

// sendBack ends a review without a decision.
func sendBack(e *narthex.Engagement) {
	e.Votes, e.Since, e.Due, e.Nudged = nil, time.Time{}, time.Time{}, time.Time{}
}

// mayVote says whether the giver may vote on the text as it stands, as far as the engagement tells.
func mayVote(e *narthex.Engagement, event Event) bool {
	return event.Saw == e.Digest && asks(e.Application, event.As) && !hasVoted(e, event.By) && !slices.Contains(e.Authors, event.By)
}

// asks says whether an application is reviewed in that role.
func asks(a narthex.Application, as narthex.Role) bool {
	return slices.ContainsFunc(a.Reviews, func(r narthex.ReviewRule) bool { return r.Role == as })
}

func hasVoted(e *narthex.Engagement, person narthex.PersonID) bool {
	return slices.ContainsFunc(e.Votes, func(v narthex.Vote) bool { return v.By == person })
}

// seats gives how many people must approve in each role: rules for one role add up.
func seats(e narthex.Engagement) map[narthex.Role]int {
	needed := map[narthex.Role]int{}
	for _, rule := range e.Application.Reviews {
		needed[rule.Role] += max(rule.Quorum, 1)
	}
	return needed
}

// Approved says whether every role has its quorum, each of different people: one vote counts for one role, and two people at
// least have approved. Where a rule of the pathway stands in for a role, two people at least of other roles have.
func Approved(e narthex.Engagement) bool {
	people := 0
	for role, needed := range seats(e) {
		if ruled(e, role) {
			continue
		}
		people += needed
		if approvals(e, role) < needed {
			return false
		}
	}
	return people >= leastPeople
}

// approvals counts those who approved in a role; a person votes once, in one role.
func approvals(e narthex.Engagement, role narthex.Role) int {
	people := map[narthex.PersonID]bool{}
	for _, vote := range e.Votes {
		if vote.Approve && vote.As == role && vote.Saw == e.Digest {
			people[vote.By] = true
		}
	}
	return len(people)
}

// Missing lists the roles whose quorum is not met and for which no rule stands in, each once.
func Missing(e narthex.Engagement) []narthex.Role {
	missing, needed := []narthex.Role{}, seats(e)
	for _, rule := range e.Application.Reviews {
		if !ruled(e, rule.Role) && approvals(e, rule.Role) < needed[rule.Role] && !slices.Contains(missing, rule.Role) {
			missing = append(missing, rule.Role)
		}
	}
	return missing
}

// Authorises says whether an authorisation can take the place of the institution's signature at t: it is for this applicant,
// their organisation and this pathway, in force, and by someone who has no part in the engagement. Whether its signature
// verifies, and what its signer may do now, is the caller's to say.
func Authorises(e narthex.Engagement, by narthex.SignedAuthorisation, t time.Time) bool {
	digest, err := canon.Digest(by.Authorisation)
	a, s := e.Application, by.Signature
	return err == nil && digest == s.Digest && s.Party == narthex.PartyInstitution && s.By != "" && s.Envelope != "" && !slices.Contains(e.Authors, s.By) &&
		by.Authorisation.Format == narthex.AuthorisationFormat && by.Authorisation.Covers(a.Applicant, a.Org, a.Pathway, t)
}

// Unsigned lists the parties who have not signed. Every agreement has a researcher and the lab; an institution signs where
// the applicant has one and it did not authorise them beforehand.
func Unsigned(e narthex.Engagement) []narthex.PartyRole {
	parties := []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab}
	return slices.DeleteFunc(parties, func(p narthex.PartyRole) bool {
		return p == narthex.PartyInstitution && (e.Application.Org == "" || e.Authorised != nil) ||
			slices.ContainsFunc(e.Signatures, func(s narthex.SignedBy) bool { return s.Party == p && s.Digest == e.Agreement })
	})
}

// Turn lists the parties who may sign now: the first in the order that the pathway sets, or all who have not, where it sets none; the lab
// after them, where it signs last; and nobody before an outside document that is required is there.
func Turn(e narthex.Engagement) []narthex.PartyRole {
	left := Unsigned(e)
	if WantsOutside(e) {
		return nil
	}
	for _, party := range e.Application.SigningOrder {
		if slices.Contains(left, party) {
			left = []narthex.PartyRole{party}
			break
		}
	}
	if signingOf(e).LabLast && len(Unsigned(e)) > 1 {
		left = slices.DeleteFunc(left, func(p narthex.PartyRole) bool { return p == narthex.PartyLab })
	}
	return left
}

// Signed says whether every party has signed the agreement as it stands.
func Signed(e narthex.Engagement) bool { return e.Agreement != "" && len(Unsigned(e)) == 0 }
