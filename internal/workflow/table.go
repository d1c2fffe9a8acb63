// Package workflow is the life of an engagement: who may do what in which state, and what then is.
//
// It promises that an engagement is the fold of its events and of nothing else; that the table below is the whole of what is
// possible, and docs/permissions.md is printed from it; that nobody decides on an engagement which they applied for, wrote in
// or are named in, or in whose people they declared an interest, in any role; that a vote, a signature and a member's acceptance name the digest of what was seen and fall with an
// edit; that no engagement is active without every approval and signature before it, two people's at least,
// whatever a rule of its pathway stands in for; and that its grant is nobody's who did not
// accept for themselves.
//
// It is pure: it reads no clock and does no I/O. It trusts its caller for who someone is, and for nothing about what they
// may do. Read next: decide.go for the rules of each command, fold.go for what an event does.
package workflow

import (
	"fmt"
	"slices"
	"strings"

	"narthex"
)

// Command is what is done with an engagement.
type Command string

const (
	Draft    Command = "draft"
	Edit     Command = "edit"
	Submit   Command = "submit"
	Assign   Command = "assign"
	Return   Command = "return"
	Revise   Command = "revise"
	Approve  Command = "approve"
	Decline  Command = "decline"
	Withdraw Command = "withdraw"
	Offer    Command = "offer"
	Sign     Command = "sign"
	Activate Command = "activate"
	Lock     Command = "lock"
	Unlock   Command = "unlock"
	End      Command = "end"
	Close    Command = "close"
	Counter  Command = "counter"
	Accept   Command = "accept"
	Nudge    Command = "nudge"
	Comment  Command = "comment"
	Meet     Command = "meet"     // an obligation
	Reject   Command = "reject"   // evidence of one
	Waive    Command = "waive"    // an obligation, by two
	Issue    Command = "issue"    // an access statement
	Transfer Command = "transfer" // ask someone to be its sponsor
	Take     Command = "take"     // be its sponsor
	Leave    Command = "leave"    // be no member any more
	Remind   Command = "remind"   // what its clock says
	Escalate Command = "escalate" // that a review is late, to the person whom the pathway names

	OpenIncident    Command = "open_incident"
	ResolveIncident Command = "resolve_incident"
	Join            Command = "join"    // accept for oneself, as a member
	Recuse          Command = "recuse"  // let one's vote fall, by declaring an interest
	Claim           Command = "claim"   // take a review on, in a role
	Unclaim         Command = "unclaim" // give one back, or take it back
	Triage          Command = "triage"  // apply a rule of the pathway
	Entrust         Command = "entrust" // give a review to someone who may do it

	Invite   Command = "invite"   // ask a specialist from outside for an opinion
	Uninvite Command = "uninvite" // take that back
	Redeem   Command = "redeem"   // its code, as the specialist
	Declare  Command = "declare"  // one's interests, as the specialist
	Opine    Command = "opine"    // hand the opinion in
	Mediate  Command = "mediate"  // ask for mediation of a refusal, or of an objection that was upheld
	Bind     Command = "bind"     // an outside document to the agreement

	Object  Command = "object"  // to what was granted, for the lab
	Uphold  Command = "uphold"  // an objection
	Dismiss Command = "dismiss" // an objection
	Reopen  Command = "reopen"  // what was decided, by an objection that is upheld or a mediation that both sides agreed in

	ProposeMediator Command = "propose_mediator"
	AcceptMediator  Command = "accept_mediator"
	RecordMediation Command = "record_mediation" // what came of it, as one's side says
)

// Commands lists every command.
func Commands() []Command {
	return []Command{Draft, Edit, Submit, Assign, Return, Revise, Approve, Decline, Withdraw, Offer, Sign, Activate, Lock, Unlock, End, Close, Counter, Accept, Nudge, Comment, Meet, Reject, Waive, Issue, Transfer, Take, Leave, Remind, Escalate, OpenIncident, ResolveIncident, Join, Recuse, Claim, Unclaim, Entrust, Triage, Invite, Uninvite, Redeem, Declare, Opine, Bind, Mediate, Object, Uphold, Dismiss, Reopen, ProposeMediator, AcceptMediator, RecordMediation,
		ManuscriptSubmit, ManuscriptClear, ManuscriptRedact, ManuscriptExtend, ManuscriptPause, ManuscriptResume, ManuscriptPublish,
		RedactionAccept, RedactionContest, RedactionUphold, RedactionDrop, RedactionMediate, RedactionOutcome}
}

// Part is the capacity in which someone acts.
type Part string

const (
	Applicant Part = "applicant" // asked for it
	Author    Part = "author"    // a member or the sponsor, as named in it now
	Member    Part = "member"    // a member who has not left
	Sponsor   Part = "sponsor"   // sponsors it now
	Successor Part = "successor" // was asked to be its sponsor
	Reviewer  Part = "reviewer"  // holds a role that it needs, and has no part in it
	Signer    Part = "signer"    // may sign for a party
	Programme Part = "programme" // runs the programme, and has no part in it
	Guard     Part = "guard"     // security or a custodian, with no part in it
	System    Part = "system"    // Narthex itself

	Institution Part = "institution" // an official of the applicant's organisation, with no part in it
	Auditor     Part = "auditor"     // checks from outside, with no part in it
	Voter       Part = "voter"       // voted on the text that stands
	Specialist  Part = "specialist"  // from outside, asked for an opinion; no person has this part
)

// Parts lists every part.
func Parts() []Part {
	return []Part{Applicant, Author, Member, Sponsor, Successor, Reviewer, Signer, Programme, Guard, System, Institution, Auditor, Writer, Examiner, Voter, Specialist}
}

// table is state × part → commands. A state or part that is not in it may do nothing.
var table = map[narthex.State]map[Part][]Command{
	"":                {Applicant: {Draft}},
	narthex.Draft:     {Applicant: {Edit, Submit, Withdraw}, Author: {Edit}},
	narthex.Submitted: {Applicant: {Withdraw}, Member: {Join}, Programme: {Assign}, System: {Assign}},
	narthex.InReview:  {Applicant: {Withdraw, Nudge, Comment}, Author: {Comment}, Member: {Join}, Reviewer: {Approve, Decline, Return, Counter, Comment, Claim, Unclaim, Invite, Uninvite}, Programme: {Comment, Unclaim, Entrust, Invite, Uninvite}, System: {Offer, Remind, Escalate, Triage}, Voter: {Recuse}, Specialist: {Redeem, Declare, Opine}},
	narthex.Returned:  {Applicant: {Revise, Accept, Withdraw, Mediate, ProposeMediator, AcceptMediator, RecordMediation}, Author: {Revise}, Member: {Join}, Reviewer: {Comment}, Programme: {Comment, ProposeMediator, AcceptMediator, RecordMediation}, System: {Remind}},
	narthex.Offered:   {Applicant: {Withdraw}, Member: {Join}, Reviewer: {Bind, Object, Uphold, Dismiss}, Signer: {Sign}, Programme: {Object}, System: {Activate, Remind, Reopen}, Guard: {Lock, Unlock}, Voter: {Recuse}},
	narthex.Active: {Applicant: {End, Meet, Issue, Transfer, OpenIncident, Mediate, ProposeMediator, AcceptMediator, RecordMediation}, Author: {Issue}, Member: {Join, Meet, Leave, OpenIncident}, Sponsor: {Transfer}, Successor: {Take}, Reviewer: {Object, Uphold, Dismiss}, Programme: {End, Reject, Waive, Issue, OpenIncident, ResolveIncident, Object, ProposeMediator, AcceptMediator, RecordMediation}, System: {End, Remind}, Guard: {Lock, Unlock, Waive, OpenIncident, ResolveIncident},
		Institution: {Meet, OpenIncident}, Auditor: {Issue}, Writer: writing(), Examiner: examining()},
	narthex.Ending: {Applicant: {Meet, Issue, OpenIncident}, Author: {Issue}, Member: {Meet, OpenIncident}, Programme: {Close, Reject, Waive, Issue, OpenIncident, ResolveIncident}, System: {Remind}, Guard: {Lock, Unlock, Waive, OpenIncident, ResolveIncident},
		Institution: {Meet, OpenIncident}, Auditor: {Issue}, Writer: writing(), Examiner: examining()},
	narthex.Declined:  {Applicant: {Mediate, ProposeMediator, AcceptMediator, RecordMediation}, Programme: {ProposeMediator, AcceptMediator, RecordMediation}, System: {Remind, Reopen}},
	narthex.Withdrawn: {},
	narthex.Closed:    {Applicant: {Issue}, Author: {Issue}, Programme: {Issue}, Auditor: {Issue}, System: {Remind}, Writer: writing(), Examiner: examining()},
}

// next is the state that a command leads to; a command that is not here stays in its state.
var next = map[Command]narthex.State{
	Draft: narthex.Draft, Submit: narthex.Submitted, Assign: narthex.InReview, Return: narthex.Returned, Revise: narthex.Submitted,
	Decline: narthex.Declined, Withdraw: narthex.Withdrawn, Counter: narthex.Returned, Accept: narthex.Submitted, Offer: narthex.Offered, Recuse: narthex.InReview, Activate: narthex.Active, End: narthex.Ending, Close: narthex.Closed, Reopen: narthex.Returned,
}

// may says whether the table has the command for any of the parts.
func may(state narthex.State, parts []Part, command Command) bool {
	return slices.ContainsFunc(parts, func(p Part) bool { return slices.Contains(table[state][p], command) })
}

// Allowed lists what the parts may do in a state, each once, in the order of the table.
func Allowed(state narthex.State, parts []Part) []Command {
	allowed := []Command{}
	for _, part := range Parts() {
		for _, command := range table[state][part] {
			if slices.Contains(parts, part) && !slices.Contains(allowed, command) {
				allowed = append(allowed, command)
			}
		}
	}
	return allowed
}

// Permissions prints the table as Markdown.
func Permissions() string {
	var out strings.Builder
	out.WriteString("# Who may do what with an engagement\n\nPrinted from the table in `internal/workflow`; a test holds it. A lock stops use and changes no state. What stands nowhere is possible for nobody.\n\n| state |")
	for _, part := range Parts() {
		fmt.Fprintf(&out, " %s |", part)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(Parts())) + "\n")
	for _, state := range append([]narthex.State{""}, narthex.States()...) {
		name := string(state)
		if state == "" {
			name = "(none)"
		}
		fmt.Fprintf(&out, "| %s |", name)
		for _, part := range Parts() {
			var cells []string
			for _, command := range table[state][part] {
				cell := string(command)
				if to, moves := next[command]; moves {
					cell += " → " + string(to)
				}
				cells = append(cells, cell)
			}
			fmt.Fprintf(&out, " %s |", strings.Join(cells, ", "))
		}
		out.WriteString("\n")
	}
	return out.String()
}
