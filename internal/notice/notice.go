// Package notice says who is told of what happens to an engagement, its jobs and its releases, and in which words: what happened, why it concerns them, and
// the command that is the next step.
//
// It promises that the table below, with those of release.go and study.go and rule.go, is the whole of what is told and to whom; that a notice holds identifiers and words of its own
// table and nothing else, so that no title, comment, name, key or term travels by it, but that a mail which asks a specialist for an
// opinion brings their one-time code; that nobody is told of what they did
// themselves or may not read; and that nothing in it says how anyone voted.
//
// It is pure and decides nothing. Read next: words.go for the words, office/tell.go for who writes the rows, courier for what
// becomes of them.
package notice

import (
	"slices"

	"narthex"
	"narthex/internal/workflow"
)

// Kind is what a notice tells.
type Kind string

// To is in what part someone is told, and so why it concerns them.
type To string

const (
	Side        To = "researcher"  // who applied, a member who has not left, the sponsor
	Heir        To = "successor"   // who was asked to be its sponsor
	Reviewers   To = "reviewer"    // whose vote is still to come
	Signers     To = "signer"      // who may sign for a party whose turn has come
	Institution To = "institution" // an official of the applicant's organisation
	Programme   To = "programme"   // runs the programme
	Examiners   To = "examiner"    // reads manuscripts for the lab
	Owing       To = "owing"       // of the party that owes
	Named       To = "named"       // whom the pathway names for what is late
	Recorder    To = "recorder"    // whose word a standing rests on
	Holder      To = "holder"      // whose standing, job or release it is
	Asker       To = "asker"       // who asked a specialist for an opinion
	Asked       To = "asked"       // that specialist, who is no person of Narthex: by mail and in no list
	Releasers   To = "releaser"    // who may say that a release leaves, and whose word it waits for
	Looker      To = "looker"      // whom a standing rule names for second looks
	Approvers   To = "approver"    // who may say that a study runs, and whose word it waits for
	Passed      To = "passed"      // who was asked whether a release leaves, and need not say it any more
	Guards      To = "guard"       // owns an asset, or keeps the lab's security
	Deciders    To = "decider"     // who decides on an objection and has not
)

// Told is one thing that is told to everyone in a part.
type Told struct {
	To   To
	Kind Kind
}

// row is who is told of a command, and when not.
type row struct {
	told []Told
	when func(before narthex.Engagement, event workflow.Event, after narthex.Engagement) bool // always where nil
}

// table is everything that is told of a command; of one that is not in it nobody is.
var table = map[workflow.Command][]row{
	workflow.Assign:  {{told: []Told{{Side, "assigned"}, {Reviewers, "review_asked"}}}},
	workflow.Return:  {{told: []Told{{Side, "returned"}}}},
	workflow.Counter: {{told: []Told{{Side, "countered"}}}},
	workflow.Nudge:   {{told: []Told{{Reviewers, "nudged"}, {Programme, "nudged"}}}},
	workflow.Object:  {{told: []Told{{Side, "objected"}, {Deciders, "objection_asked"}, {Programme, "objected"}}}},
	workflow.Uphold:  {{told: []Told{{Side, "objection_upheld"}, {Programme, "objection_upheld"}}, when: upheld}},
	workflow.Dismiss: {{told: []Told{{Side, "objection_dismissed"}, {Programme, "objection_dismissed"}}}},
	workflow.Reopen:  {{told: []Told{{Side, "reopened"}, {Programme, "reopened"}}}},
	workflow.Mediate: {{told: []Told{{Programme, "mediation_asked"}}}},

	workflow.ProposeMediator: {{told: []Told{{Side, "mediator_proposed"}, {Programme, "mediator_proposed"}}}},
	workflow.AcceptMediator:  {{told: []Told{{Side, "mediator_agreed"}, {Programme, "mediator_agreed"}}}},
	workflow.RecordMediation: {{told: []Told{{Side, "mediation_recorded"}, {Programme, "mediation_recorded"}}}},

	workflow.Decline:  {{told: []Told{{Side, "declined"}}}},
	workflow.Withdraw: {{told: []Told{{Programme, "withdrawn"}}, when: handedIn}},
	workflow.Offer:    {{told: []Told{{Side, "offered"}}}, {told: []Told{{Signers, "sign_asked"}}}},
	workflow.Sign:     {{told: []Told{{Signers, "sign_asked"}}, when: turned}},
	workflow.Bind:     {{told: []Told{{Signers, "sign_asked"}}, when: turned}},
	workflow.Activate: {{told: []Told{{Side, "in_force"}, {Institution, "in_force"}, {Programme, "in_force"}}}},
	workflow.Lock:     {{told: []Told{{Side, "locked"}, {Programme, "locked"}}}},
	workflow.Unlock:   {{told: []Told{{Side, "unlocked"}, {Programme, "unlocked"}}}},
	workflow.End:      {{told: []Told{{Side, "ended"}, {Institution, "ended"}, {Programme, "ended"}}}},
	workflow.Close:    {{told: []Told{{Side, "closed"}}}},
	workflow.Meet:     {{told: []Told{{Programme, "evidence_in"}}}},
	workflow.Reject:   {{told: []Told{{Owing, "evidence_back"}}}},
	workflow.Transfer: {{told: []Told{{Heir, "sponsor_asked"}}}},
	workflow.Take:     {{told: []Told{{Side, "sponsor_new"}}}},
	workflow.Leave:    {{told: []Told{{Side, "member_left"}, {Programme, "member_left"}}}},
	workflow.Invite:   {{told: []Told{{Asked, "opinion_asked"}}}},
	workflow.Opine:    {{told: []Told{{Asker, "opinion_in"}}}},
	workflow.Recuse:   {{told: []Told{{Reviewers, "vote_fell"}, {Programme, "vote_fell"}}}},

	workflow.OpenIncident:    {{told: []Told{{Side, "incident_opened"}, {Institution, "incident_opened"}, {Programme, "incident_opened"}}}},
	workflow.ResolveIncident: {{told: []Told{{Side, "incident_resolved"}, {Institution, "incident_resolved"}, {Programme, "incident_resolved"}}}},

	workflow.Remind: {
		{told: []Told{{Reviewers, "review_half"}}, when: marked(workflow.HalfPassed)},
		{told: []Told{{Side, "question_waits"}}, when: marked(workflow.QuestionWaits)},
		{told: []Told{{Signers, "sign_waits"}, {Programme, "sign_waits"}}, when: marked(workflow.SignatureWaits)},
		{told: []Told{{Side, "ends_soon"}}, when: marked(workflow.EndsSoon)},
		{told: []Told{{Deciders, "objection_half"}}, when: marked(workflow.ObjectionHalf)},
		{told: []Told{{Side, "objection_fell"}, {Programme, "objection_fell"}}, when: marked(workflow.ObjectionLapse)},
		{told: []Told{{Side, "mediation_over"}, {Programme, "mediation_over"}}, when: marked(workflow.MediationEnd)},
		{told: []Told{{Examiners, "manuscript_half"}}, when: ofManuscript(workflow.ExamineHalf)},
		{told: []Told{{Side, "manuscript_silent"}, {Examiners, "manuscript_silent"}}, when: ofManuscript(workflow.Silence)},
		{told: []Told{{Side, "redaction_lapsed"}, {Examiners, "redaction_lapsed"}}, when: func(_ narthex.Engagement, event workflow.Event, _ narthex.Engagement) bool {
			return workflow.Lapsed(event.Mark)
		}},
		{told: []Told{{Owing, "owed_soon"}}, when: func(_ narthex.Engagement, event workflow.Event, _ narthex.Engagement) bool {
			return event.Obligation != "" && event.Mark == workflow.SoonDue(event.Obligation)
		}},
		{told: []Told{{Owing, "owed_late"}, {Programme, "owed_late"}}, when: func(_ narthex.Engagement, event workflow.Event, _ narthex.Engagement) bool {
			return event.Obligation != "" && event.Mark == workflow.OverDue(event.Obligation)
		}},
	},
	workflow.Escalate: {{told: []Told{{Named, "escalated"}, {Reviewers, "review_late"}, {Programme, "review_late"}, {Side, "review_late"}}}},

	workflow.ManuscriptSubmit:  {{told: []Told{{Examiners, "manuscript_in"}}}},
	workflow.ManuscriptClear:   {{told: []Told{{Side, "manuscript_cleared"}}}},
	workflow.ManuscriptRedact:  {{told: []Told{{Side, "redaction_asked"}}}},
	workflow.ManuscriptExtend:  {{told: []Told{{Side, "manuscript_clock"}}}},
	workflow.ManuscriptPause:   {{told: []Told{{Side, "manuscript_clock"}, {Examiners, "manuscript_clock"}}}},
	workflow.ManuscriptResume:  {{told: []Told{{Side, "manuscript_clock"}, {Examiners, "manuscript_clock"}}}},
	workflow.RedactionContest:  {{told: []Told{{Examiners, "redaction_contested"}}}},
	workflow.RedactionUphold:   {{told: []Told{{Side, "redaction_answered"}}}},
	workflow.RedactionDrop:     {{told: []Told{{Side, "redaction_answered"}}}},
	workflow.RedactionMediate:  {{told: []Told{{Examiners, "redaction_mediated"}}}},
	workflow.ManuscriptPublish: {{told: []Told{{Programme, "published"}}}},
}

func handedIn(before narthex.Engagement, _ workflow.Event, _ narthex.Engagement) bool {
	return before.Round > 0
}

// turned says whether a signature gave the turn to another party.
func turned(before narthex.Engagement, _ workflow.Event, after narthex.Engagement) bool {
	return len(newTurn(before, after)) > 0
}

// upheld says whether with a vote enough have upheld the objection.
func upheld(_ narthex.Engagement, _ workflow.Event, after narthex.Engagement) bool {
	return after.Objection != nil && after.Objection.Upheld
}

func newTurn(before, after narthex.Engagement) []narthex.PartyRole {
	had := []narthex.PartyRole{}
	if before.State == narthex.Offered {
		had = workflow.Turn(before)
	}
	return slices.DeleteFunc(workflow.Turn(after), func(p narthex.PartyRole) bool { return slices.Contains(had, p) })
}

func marked(mark narthex.Mark) func(narthex.Engagement, workflow.Event, narthex.Engagement) bool {
	return func(_ narthex.Engagement, event workflow.Event, _ narthex.Engagement) bool { return event.Mark == mark }
}

func ofManuscript(mark func(int) narthex.Mark) func(narthex.Engagement, workflow.Event, narthex.Engagement) bool {
	return func(_ narthex.Engagement, event workflow.Event, _ narthex.Engagement) bool {
		return event.Number > 0 && event.Mark == mark(event.Number)
	}
}

// Happened is an event of an engagement with what was before and is after it.
type Happened struct {
	Before     narthex.Engagement
	Event      workflow.Event
	After      narthex.Engagement
	EscalateTo string // as the pathway has it
}

// Tells gives what is told of it.
func (h Happened) Tells() []Told {
	var all []Told
	for _, row := range table[h.Event.Command] {
		if row.when == nil || row.when(h.Before, h.Event, h.After) {
			all = append(all, row.told...)
		}
	}
	return all
}

// Concerns says whether a person is told in that part. Owns says that they own an asset among the terms.
func (h Happened) Concerns(to To, p narthex.Person, owns bool) bool {
	e := h.After
	if p.ID == h.Event.By || !workflow.MayRead(e, p) {
		return false
	}
	parts := workflow.PartsOf(e, p)
	has := func(part workflow.Part) bool { return slices.Contains(parts, part) }
	switch to {
	case Side:
		return has(workflow.Applicant) || has(workflow.Author)
	case Heir:
		return has(workflow.Successor)
	case Reviewers:
		return workflow.TaskOf(e, p, false, owns) == workflow.ToReview
	case Signers:
		turn := newTurn(h.Before, e)
		if h.Event.Command == workflow.Remind {
			turn = workflow.Turn(e)
		}
		return slices.ContainsFunc(turn, func(party narthex.PartyRole) bool { return has(workflow.Signer) && signs(party, e, p) })
	case Institution:
		return has(workflow.Institution)
	case Programme:
		return runs(e, p)
	case Asker:
		o := h.Event.Opinion
		return o != nil && slices.ContainsFunc(e.Opinions, func(asked narthex.Opinion) bool { return asked.ID == o.ID && asked.By == p.ID }) && workflow.Asks(e, p)
	case Deciders:
		task, _ := workflow.ObjectionTask(e, p, owns, h.Event.At)
		return task == workflow.ToDecide
	case Examiners:
		return has(workflow.Examiner)
	case Owing:
		at := slices.IndexFunc(e.Owed, func(o narthex.Owed) bool { return o.Obligation == h.Event.Obligation })
		if at >= 0 && e.Owed[at].By == narthex.PartyInstitution {
			return has(workflow.Institution)
		}
		return has(workflow.Applicant) || has(workflow.Member)
	case Named:
		if slices.Contains(e.Authors, p.ID) {
			return false // who has a part in it is nobody to bring it before
		}
		return p.Handle != "" && p.Handle == h.EscalateTo || p.Has(narthex.Role(h.EscalateTo))
	}
	return false
}

// runs says whether a person runs the programme for an engagement.
func runs(e narthex.Engagement, p narthex.Person) bool {
	return slices.Contains(workflow.PartsOf(e, p), workflow.Programme)
}

// signs says whether a signer is one for the party.
func signs(party narthex.PartyRole, e narthex.Engagement, p narthex.Person) bool {
	switch party {
	case narthex.PartyResearcher:
		return p.ID == e.Application.Applicant
	case narthex.PartyInstitution:
		return p.Official && p.Org == e.Application.Org
	}
	return p.Has(narthex.Signatory)
}

// InLab says whether those in a part are of the lab, FromOutside whether they can be of the applicant's side, and Officials
// whether of their institution: where to look for them.
func (t To) InLab() bool { return !slices.Contains([]To{Institution, Owing, Holder, Asked}, t) }

// FromOutside says whether the applicant and the members are among them.
func (t To) FromOutside() bool { return slices.Contains([]To{Side, Owing, Signers, Holder}, t) }

// Officials says whether officials of the institution are among them.
func (t To) Officials() bool { return slices.Contains([]To{Institution, Owing, Signers, Recorder}, t) }
