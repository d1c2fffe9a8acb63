package workflow

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
)

// Facts is what a decision on a command needs to know beside the engagement and the person.
type Facts struct {
	OwnsAsset  bool             // whether the person owns an asset among the terms
	TermsWrong []narthex.Reason // why the terms cannot be submitted
	Unanswered []string         // names of required questions without an answer
	LockedBy   narthex.PersonID // who set the lock that is to be lifted
	HalfPassed bool             // whether half of the review's time has passed
	Other      narthex.Person   // whom the command names, as they are now; nobody where it names none
	OtherOwns  bool             // whether they own an asset among the terms
	Now        time.Time        // of what depends on the end of access
}

// mostText bounds a question, an answer or a reason, in characters.
const mostText = 4000

// mostNotes bounds the notes of the authors of an engagement, and those of everyone else.
const mostNotes = 100

// PartsOf gives the capacities of an active person. Whoever has a part in an engagement as an author has none as a judge, nor has who declared an interest in its people.
func PartsOf(e narthex.Engagement, p narthex.Person) []Part {
	if p.State != narthex.PersonActive || p.ID == "" {
		return nil
	}
	var parts []Part
	if e.ID == "" || e.Application.Applicant == p.ID {
		parts = append(parts, Applicant)
	} else {
		parts = append(parts, authorOf(e, p.ID)...)
	}
	if e.Successor == p.ID && p.Has(narthex.Sponsor) && !decided(&e, p.ID) {
		parts = append(parts, Successor)
	}
	if mayReview(e, p) {
		parts = append(parts, Reviewer)
	}
	if len(signsFor(e, p)) > 0 {
		parts = append(parts, Signer)
	}
	if writes(e, p.ID) {
		parts = append(parts, Writer)
	}
	if ExaminesAs(e, p) != "" {
		parts = append(parts, Examiner)
	}
	if p.InLab() && hasVoted(&e, p.ID) {
		parts = append(parts, Voter)
	}
	if !Apart(e, p) && e.ID != "" {
		if p.Has(narthex.Programme) {
			parts = append(parts, Programme)
		}
		if p.Has(narthex.Security) || p.Has(narthex.Custodian) {
			parts = append(parts, Guard)
		}
		if p.Has(narthex.Auditor) {
			parts = append(parts, Auditor)
		}
		if p.Official && p.Org != "" && p.Org == e.Application.Org {
			parts = append(parts, Institution)
		}
	}
	return parts
}

// SponsorOf gives who sponsors an engagement, or nobody: who took it last, or who is named in the application.
func SponsorOf(e narthex.Engagement) narthex.PersonID {
	if e.Sponsor != "" {
		return e.Sponsor
	}
	return e.Application.Sponsor
}

// authorOf gives what someone is who has a part in it beside the applicant: the sponsor of now, or a member who has not left.
func authorOf(e narthex.Engagement, id narthex.PersonID) []Part {
	var parts []Part
	if isMember(e, id) {
		parts = append(parts, Author, Member)
	}
	if id != "" && id == SponsorOf(e) {
		parts = append(parts, Author, Sponsor)
	}
	return parts
}

func mayReview(e narthex.Engagement, p narthex.Person) bool {
	return p.InLab() && e.ID != "" && !Apart(e, p) &&
		slices.ContainsFunc(e.Application.Reviews, func(r narthex.ReviewRule) bool { return p.Has(r.Role) })
}

// signsFor gives the parties that the person may sign for and that have not signed. One person signs for one party,
// and who decided on it does not sign for the lab.
func signsFor(e narthex.Engagement, p narthex.Person) []narthex.PartyRole {
	return slices.DeleteFunc(Unsigned(e), func(party narthex.PartyRole) bool {
		if e.Agreement == "" || hasSigned(e, p.ID) {
			return true
		}
		switch party {
		case narthex.PartyResearcher:
			return p.ID != e.Application.Applicant
		case narthex.PartyInstitution:
			return !p.Official || p.Org != e.Application.Org || slices.Contains(e.Authors, p.ID)
		}
		return !p.Has(narthex.Signatory) || Apart(e, p) || hasVoted(&e, p.ID)
	})
}

// MayRead says whether a person may know of the engagement: its authors, its institution's officials, and the lab's people
// who review, sign, guard, audit or run the programme. What was never submitted is its authors' alone, also when withdrawn.
func MayRead(e narthex.Engagement, p narthex.Person) bool {
	if p.State != narthex.PersonActive {
		return false
	}
	if slices.Contains(e.Authors, p.ID) {
		return true
	}
	if e.Round == 0 {
		return false
	}
	if p.Official && p.Org != "" && p.Org == e.Application.Org || p.ID != "" && e.Successor == p.ID {
		return true
	}
	return mayReview(e, p) || len(e.Manuscripts) > 0 && ExaminesAs(e, p) != "" || slices.ContainsFunc(Overseers(), p.Has)
}

// Overseers lists the roles that may know of every engagement that was handed in.
func Overseers() []narthex.Role {
	return []narthex.Role{narthex.Programme, narthex.Security, narthex.Custodian, narthex.Signatory, narthex.Auditor}
}

// Open says whether the table has the command for a person, before anything is worked out that Decide needs beside it.
func Open(e narthex.Engagement, command Command, p narthex.Person) *narthex.Error {
	if may(e.State, PartsOf(e, p), command) {
		return nil
	}
	return refuseCommand(e, command, p)
}

// Decide says whether a person may give the command that the draft event describes, and completes the event. Nobody who may
// not read the engagement learns more than that.
func Decide(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) (Event, *narthex.Error) {
	if e.ID != "" && !MayRead(e, p) {
		return Event{}, narthex.WithheldError()
	}
	if refused := Open(e, draft.Command, p); refused != nil {
		return Event{}, refused
	}
	if utf8.RuneCountInString(draft.Text) > mostText {
		return Event{}, narthex.Invalidf("The text is longer than %d characters; shorten it.", mostText).For("text")
	}
	if OnManuscripts(draft.Command) {
		if err := onManuscript(e, draft, p); err != nil {
			return Event{}, err
		}
	}
	if rule, has := rules[draft.Command]; has {
		if err := rule(e, draft, p, facts); err != nil {
			return Event{}, err
		}
	}
	draft.Seq, draft.By = e.Events+1, p.ID
	draft.NoInterest = slices.Contains([]Command{Approve, Decline, Counter, Uphold, Dismiss}, draft.Command)
	return draft, nil
}

// BySystem completes an event that Narthex itself makes.
func BySystem(e narthex.Engagement, draft Event) (Event, *narthex.Error) {
	if !may(e.State, []Part{System}, draft.Command) {
		return Event{}, narthex.Conflictf("The engagement is %s; it cannot %s now.", e.State, draft.Command)
	}
	draft.Seq, draft.By = e.Events+1, ""
	return draft, nil
}

// refuseCommand says why the table has no such row for this person.
func refuseCommand(e narthex.Engagement, command Command, p narthex.Person) *narthex.Error {
	if !slices.Contains(Commands(), command) {
		return narthex.Invalidf("There is no such command. `narthex engagements show` says what can be done.").For("command")
	}
	if OnManuscripts(command) {
		return refuseOnManuscript(e, command, p)
	}
	if !may(e.State, Parts(), command) {
		return narthex.Conflictf("The engagement is %s, where nobody can %s. Look at it again: `narthex engagements show` says what can be done.", stateName(e.State), command)
	}
	if slices.Contains([]Command{Approve, Decline, Return, Counter, Lock, Unlock, Close, Assign, Reject, Waive, ResolveIncident, Claim, Unclaim, Entrust, Invite, Uninvite, Object, Uphold, Dismiss}, command) && slices.Contains(e.Authors, p.ID) {
		return narthex.Refusedf("You have a part in this engagement, so you cannot decide on it in any role. Someone who has none must.")
	}
	if Interested(e, p) {
		return narthex.Refusedf("You declared an interest in people of this engagement or in their organisation, so you cannot decide on it in any role. Someone who has none must; `narthex interests list` shows yours.")
	}
	return narthex.Refusedf("You may not %s here; it takes another role. `narthex engagements show` says whom it waits for.", command)
}

func stateName(s narthex.State) string {
	if s == "" {
		return "not begun"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

// rules are what each command asks beyond the table.
var rules = map[Command]func(narthex.Engagement, Event, narthex.Person, Facts) *narthex.Error{
	Draft: writable,
	Edit:  writable,
	Submit: func(e narthex.Engagement, _ Event, _ narthex.Person, facts Facts) *narthex.Error {
		return submittable(e.Application, facts)
	},
	Revise: func(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
		if err := writable(e, draft, p, facts); err != nil {
			return err
		}
		return submittable(*draft.Application, facts)
	},
	Approve: vote,
	Decline: func(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
		if strings.TrimSpace(draft.Text) == "" {
			return narthex.Invalidf("A decline needs a reason that the applicant can read.").For("text")
		}
		if refused := refuses(e.Application.Refusals, draft.Refusal); refused != nil {
			return refused
		}
		return vote(e, draft, p, facts)
	},
	Return: func(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
		if strings.TrimSpace(draft.Text) == "" {
			return narthex.Invalidf("A return needs a question for the applicant.").For("text")
		}
		return inRole(e, draft, p, facts)
	},
	Counter:  mayCounter,
	Accept:   mayAccept,
	Nudge:    mayNudge,
	Comment:  mayComment,
	Meet:     mayMeet,
	Reject:   mayReject,
	Waive:    mayWaive,
	Issue:    mayIssue,
	Close:    mayClose,
	Transfer: mayTransfer,
	Claim:    mayClaim,
	Unclaim:  mayUnclaim,
	Entrust:  mayEntrust,
	Invite:   mayInvite,
	Uninvite: mayUninvite,

	OpenIncident:    mayOpenIncident,
	ResolveIncident: mayResolveIncident,

	Sign: func(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
		if draft.Signature == nil || draft.Signature.Digest != e.Agreement {
			return narthex.Conflictf("The signature is not on the agreement as it stands. Read it again and sign its digest.").For("digest")
		}
		if draft.Signature.By != p.ID {
			return narthex.Refusedf("The signature names someone else as its signer. Sign with a key of your own.").For("signature")
		}
		if !slices.Contains(signsFor(e, p), draft.Signature.Party) {
			return narthex.Refusedf("You may not sign for that party, or it has signed.").For("party")
		}
		return inTurn(e, *draft.Signature)
	},
	Bind: func(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
		if !counsels(e, p) {
			return narthex.Refusedf("An outside document is bound by someone who reviews this for legal and does not run the programme.")
		}
		return binds(e, draft)
	},
	Object:  mayObject,
	Uphold:  mayDecideObjection,
	Dismiss: mayDecideObjection,

	Mediate:         mayOnMediation,
	ProposeMediator: mayOnMediation,
	AcceptMediator:  mayOnMediation,
	RecordMediation: mayOnMediation,

	Join: mayJoin,
	Lock: func(e narthex.Engagement, _ Event, _ narthex.Person, _ Facts) *narthex.Error {
		if e.Locked {
			return narthex.Conflictf("The engagement is locked already; nothing more is needed.")
		}
		return nil
	},
	Unlock: func(e narthex.Engagement, _ Event, p narthex.Person, facts Facts) *narthex.Error {
		if !e.Locked {
			return narthex.Conflictf("The engagement is not locked; there is nothing to lift.")
		}
		if facts.LockedBy == "" {
			return narthex.Refusedf("It is not known who locked, so nobody can lift the lock. Tell the operators.")
		}
		if facts.LockedBy == p.ID {
			return narthex.Refusedf("Whoever locked does not unlock: giving back takes a second person.")
		}
		return nil
	},
}

// writable says whether a text is this engagement's, by this applicant, for the organisation that they belong to.
func writable(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	a := draft.Application
	switch {
	case a == nil:
		return narthex.Invalidf("The command brings no application; send the whole of it.").For("application")
	case e.ID == "" && (a.Engagement == "" || a.Applicant != p.ID || a.Org == "" || a.Org != p.Org):
		return narthex.Refusedf("You can only apply in your own name, for your own organisation. Begin an application of your own.").For("application")
	case e.ID != "" && !sameBasis(e, *a):
		return narthex.Refusedf("An engagement keeps its identifier, applicant, organisation and what it amends. Begin another one to change them.").For("application")
	}
	return nil
}

// sameBasis says whether a text leaves alone what an engagement never changes: whose it is.
func sameBasis(e narthex.Engagement, a narthex.Application) bool {
	return a.Engagement == e.ID && a.Applicant == e.Application.Applicant && a.Org == e.Application.Org && a.Amends == e.Application.Amends
}

func submittable(a narthex.Application, facts Facts) *narthex.Error {
	if len(facts.Unanswered) > 0 {
		return narthex.Invalidf("These questions need an answer first: %s.", strings.Join(facts.Unanswered, ", ")).For("answers")
	}
	if len(a.Terms) == 0 {
		return narthex.Invalidf("The application asks for nothing yet; add a term that the pathway offers.").For("terms")
	}
	if len(facts.TermsWrong) > 0 {
		err := narthex.Refusedf("%s", facts.TermsWrong[0].Says).For("terms")
		err.Reason = &facts.TermsWrong[0]
		return err
	}
	return nil
}

func vote(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	if draft.Saw != e.Digest {
		return narthex.Conflictf("The vote names another text than the one that stands. Read it again and vote on digest %s.", e.Digest.Short()).For("saw")
	}
	if hasVoted(&e, p.ID) {
		return narthex.Conflictf("You have voted on this text already; one person has one vote.")
	}
	return inRole(e, draft, p, facts)
}

// inRole says whether the person holds the role they act in, and the engagement needs it.
func inRole(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	needed := slices.ContainsFunc(e.Application.Reviews, func(r narthex.ReviewRule) bool { return r.Role == draft.As })
	if !needed || !p.Has(draft.As) {
		return narthex.Refusedf("You do not review this in that role. Name one that you hold and that it needs.").For("as")
	}
	if draft.As == narthex.AssetOwner && !facts.OwnsAsset {
		return narthex.Refusedf("You own none of the assets that are asked for; their owner decides.").For("as")
	}
	return nil
}
