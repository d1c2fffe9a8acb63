package workflow

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
)

// The review of manuscripts. Writers hand a text in and examiners have the time that the signed agreement gives them, and the
// grounds that it lists; nobody can refuse a text whole, and when the time is over silence clears it. What is done with a
// manuscript is an event of its engagement, and where it stands is a function of those events and of the time: see Stand.
const (
	ManuscriptSubmit  Command = "manuscript_submit"
	ManuscriptClear   Command = "manuscript_clear"
	ManuscriptRedact  Command = "manuscript_redact"
	ManuscriptExtend  Command = "manuscript_extend"
	ManuscriptPause   Command = "manuscript_pause"
	ManuscriptResume  Command = "manuscript_resume"
	ManuscriptPublish Command = "manuscript_publish"
	RedactionAccept   Command = "redaction_accept"
	RedactionContest  Command = "redaction_contest"
	RedactionUphold   Command = "redaction_uphold"
	RedactionDrop     Command = "redaction_drop"
	RedactionMediate  Command = "redaction_mediate"
	RedactionOutcome  Command = "redaction_outcome"
)

const (
	// Writer asked for the engagement or is a member of it, and writes what comes of it. A sponsor is of the lab and is none.
	Writer Part = "writer"
	// Examiner reads manuscripts for the lab: a role that reviewed the engagement, legal, security or the programme, with no
	// part in it. Of asset owners it is who voted on it.
	Examiner Part = "examiner"
)

// writing and examining are what each side does with manuscripts, in every state in which there can be any.
func writing() []Command {
	return []Command{ManuscriptSubmit, ManuscriptPause, ManuscriptResume, RedactionAccept, RedactionContest, RedactionMediate, RedactionOutcome, ManuscriptPublish}
}

func examining() []Command {
	return []Command{ManuscriptClear, ManuscriptRedact, ManuscriptExtend, ManuscriptPause, ManuscriptResume, RedactionUphold, RedactionDrop, RedactionOutcome}
}

// OnManuscripts says whether a command is about a manuscript.
func OnManuscripts(c Command) bool {
	return slices.Contains(writing(), c) || slices.Contains(examining(), c)
}

const (
	mostManuscripts = 40
	mostRedactions  = 50   // of a manuscript, with those that it keeps of the one it replaces
	mostWords       = 1000 // of each text of a redaction, in characters
	mostTitle       = 200
	mostSize        = 1 << 40
)

// Handling is what an event does with a manuscript. The event's text is the words that go with it, and its due time is what
// the clock is set to.
type Handling struct {
	Manuscript int                     `json:"manuscript,omitempty"` // which; none where it is handed in
	Redaction  int                     `json:"redaction,omitempty"`
	Submitted  *Submission             `json:"submitted,omitempty"`
	Asked      []Passage               `json:"asked,omitempty"`
	Days       int                     `json:"days,omitempty"`
	Reason     narthex.ExtensionReason `json:"reason,omitempty"`
	Mediator   string                  `json:"mediator,omitempty"`
	Stands     bool                    `json:"stands,omitempty"`
	Decision   narthex.Digest          `json:"decision,omitempty"`
	Reference  string                  `json:"reference,omitempty"`
}

// Submission is a manuscript as its author hands it in, with the clause that its agreement has on it.
type Submission struct {
	Title    string                     `json:"title"`
	Digest   narthex.Digest             `json:"digest"`
	Size     int64                      `json:"size"`
	Where    string                     `json:"where,omitempty"`
	Replaces int                        `json:"replaces,omitempty"`
	Applies  []int                      `json:"applies,omitempty"`
	Clause   *narthex.PublicationClause `json:"clause,omitempty"`
}

// Passage is one passage that is asked to be taken out.
type Passage struct {
	Ground  string `json:"ground"`
	Passage string `json:"passage"`
	Why     string `json:"why"`
	Instead string `json:"instead"`
}

// writes says whether a person is a writer of an engagement.
func writes(e narthex.Engagement, person narthex.PersonID) bool {
	return person != "" && (person == e.Application.Applicant || slices.Contains(e.Application.Members, person))
}

// ExaminerRoles gives the roles in which a manuscript of the engagement is read for the lab.
func ExaminerRoles(e narthex.Engagement) []narthex.Role {
	roles := []narthex.Role{}
	for _, rule := range e.Application.Reviews {
		roles = append(roles, rule.Role)
	}
	return append(roles, narthex.Legal, narthex.Security, narthex.Programme)
}

// ExaminesAs gives the role in which a person reads manuscripts of an engagement for the lab, or "".
func ExaminesAs(e narthex.Engagement, p narthex.Person) narthex.Role {
	if e.ID == "" || Apart(e, p) {
		return ""
	}
	for _, role := range ExaminerRoles(e) {
		if p.Has(role) && (role != narthex.AssetOwner || hasVoted(&e, p.ID)) {
			return role
		}
	}
	return ""
}

// refuseOnManuscript says why the table has no such row on manuscripts for this person.
func refuseOnManuscript(e narthex.Engagement, command Command, p narthex.Person) *narthex.Error {
	switch {
	case !may(e.State, Parts(), command):
		return narthex.Conflictf("The engagement is %s; manuscripts come when there is a grant.", stateName(e.State))
	case slices.Contains(e.Authors, p.ID):
		return narthex.Refusedf("You have a part in this engagement, so you cannot %s for the lab. Someone who has none must.", Verb(command))
	}
	return narthex.Refusedf("Only those who wrote it can %s. `narthex publication show` says what you can do.", Verb(command))
}

// onManuscript holds what a person does with a manuscript to the rules that the fold holds it to as well.
func onManuscript(e narthex.Engagement, draft Event, p narthex.Person) *narthex.Error {
	draft.By = p.ID
	if !writes(e, p.ID) && (draft.As == "" || draft.As != ExaminesAs(e, p)) {
		return narthex.Refusedf("You do not read manuscripts of this engagement in that role.").For("as")
	}
	return handle(&e, draft)
}

// handle does with a manuscript what an event says, where everything allows it. It changes only what it replaces whole, so that
// a copy of the engagement keeps what it had.
func handle(e *narthex.Engagement, event Event) *narthex.Error {
	h := event.Publication
	switch {
	case h == nil || event.At.IsZero():
		return narthex.Invalidf("It names no manuscript.").For("manuscript")
	case writes(*e, event.By) && event.As != "":
		return narthex.Refusedf("You wrote it, so you act on it in no role of the lab's.").For("as")
	case !writes(*e, event.By) && !slices.Contains(ExaminerRoles(*e), event.As):
		return narthex.Refusedf("Manuscripts are read for the lab in a role that reviewed the engagement, or as legal, security or the programme.").For("as")
	case utf8.RuneCountInString(event.Text) > mostText:
		return narthex.Invalidf("The text is longer than %d characters; shorten it.", mostText).For("text")
	case event.Command == ManuscriptSubmit:
		return submitManuscript(e, event, *h)
	case h.Manuscript < 1 || h.Manuscript > len(e.Manuscripts):
		return narthex.WithheldError().For("manuscript")
	}
	m := e.Manuscripts[h.Manuscript-1]
	m.Redactions, m.Pauses = slices.Clone(m.Redactions), slices.Clone(m.Pauses)
	if m.ReplacedBy != 0 {
		return narthex.Conflictf("Manuscript %d was replaced by %d; go on with that one.", m.Number, m.ReplacedBy)
	}
	if m.Published != nil {
		return narthex.Conflictf("Manuscript %d is published; what is changed in it is a new manuscript.", m.Number)
	}
	said := narthex.Said{By: event.By, As: event.As, At: event.At, Text: event.Text}
	var refused *narthex.Error
	switch event.Command {
	case ManuscriptClear, ManuscriptRedact, ManuscriptExtend, ManuscriptPause, ManuscriptResume:
		refused = inReview(&m, said, event)
	case ManuscriptPublish:
		refused = publish(&m, said, event)
	default:
		refused = onRedaction(&m, said, event)
	}
	if refused == nil {
		e.Manuscripts = slices.Clone(e.Manuscripts)
		e.Manuscripts[m.Number-1] = m
	}
	return refused
}

// inReview is what can be done while the review of a manuscript lasts. When it is over nothing of it can be, by anyone.
func inReview(m *narthex.Manuscript, said narthex.Said, event Event) *narthex.Error {
	h, now := event.Publication, said.At
	if ended, how := reviewEnd(*m, now); how != "" {
		return narthex.Conflictf("The review of manuscript %d ended on %s: %s. Nothing more can be asked.", m.Number, ended.UTC().Format("2 January 2006 15:04 UTC"), howInWords(how))
	}
	switch event.Command {
	case ManuscriptClear:
		m.Cleared = &said
	case ManuscriptRedact:
		return ask(m, said, h.Asked)
	case ManuscriptExtend:
		return extend(m, said, *h)
	case ManuscriptPause:
		return pause(m, said)
	case ManuscriptResume:
		return resume(m, said, event.Due)
	}
	return nil
}

func howInWords(how string) string {
	switch how {
	case endedBySilence:
		return "the time was over"
	case endedByWord:
		return "the lab said that it asks nothing more"
	}
	return "the agreement has no clause of publication review"
}

func ask(m *narthex.Manuscript, said narthex.Said, passages []Passage) *narthex.Error {
	if len(passages) == 0 || len(m.Redactions)+len(passages) > mostRedactions {
		return narthex.Invalidf("Ask for at least one redaction; a manuscript has at most %d.", mostRedactions).For("redactions")
	}
	if said.Text != "" {
		return narthex.Invalidf("Each redaction has a reason of its own; leave the text out.").For("text")
	}
	for _, passage := range passages {
		if !slices.Contains(m.Clause.Grounds, passage.Ground) {
			return narthex.Refusedf("Clause %s lists the grounds on which a redaction can be asked, and that is none of them: %s.", m.Clause.Number, strings.Join(m.Clause.Grounds, ", ")).For("redactions.ground")
		}
		for _, part := range [][2]string{{"passage", passage.Passage}, {"why", passage.Why}, {"instead", passage.Instead}} {
			if !isText(part[1], mostWords) {
				return narthex.Invalidf("A redaction says which passage, why, and what could stand there instead, each in 1 to %d characters.", mostWords).For("redactions." + part[0])
			}
		}
		why := said
		why.Text = passage.Why
		m.Redactions = append(m.Redactions, narthex.Redaction{Number: len(m.Redactions) + 1, Asked: why, Ground: passage.Ground, Passage: passage.Passage, Instead: passage.Instead})
	}
	return nil
}

// isText says whether a text has words, and so many characters at most.
func isText(text string, most int) bool {
	return strings.TrimSpace(text) != "" && utf8.RuneCountInString(text) <= most
}

// extend moves the end of a review out, once.
func extend(m *narthex.Manuscript, said narthex.Said, h Handling) *narthex.Error {
	switch {
	case m.Extension != nil:
		return narthex.Conflictf("The review was extended once, on %s; it cannot be again.", m.Extension.Said.At.UTC().Format("2 January 2006"))
	case m.Paused():
		return narthex.Conflictf("The clock stands; a review is extended while it runs.")
	case !slices.Contains(narthex.ExtensionReasons(), h.Reason):
		return narthex.Refusedf("A review is extended for a patent or for safety, and for nothing else.").For("reason")
	case !isText(said.Text, mostText):
		return narthex.Invalidf("An extension gives its reasons in writing.").For("text")
	case h.Days < 1 || h.Days > m.Clause.ExtensionDays:
		return narthex.Refusedf("Clause %s gives %d days of extension at most.", m.Clause.Number, m.Clause.ExtensionDays).For("days")
	}
	m.Extension = &narthex.ReviewExtension{Said: said, Reason: h.Reason, Days: h.Days}
	m.Due = m.Due.AddDate(0, 0, h.Days)
	return nil
}

// pause stops the clock. The lab can once, where it cannot read what it should, and says what is missing; an author can as often
// as they like, for the time is theirs.
func pause(m *narthex.Manuscript, said narthex.Said) *narthex.Error {
	cause := narthex.AuthorAsked
	if said.As != "" {
		cause = narthex.MaterialMissing
	}
	switch {
	case m.Paused():
		return narthex.Conflictf("The clock stands already; nothing more is needed.")
	case len(m.Pauses) >= mostRedactions:
		return narthex.Conflictf("The clock was stopped %d times; it runs on now.", len(m.Pauses))
	case cause == narthex.MaterialMissing && !isText(said.Text, mostText):
		return narthex.Invalidf("The clock stops for the lab only where something is missing; say what.").For("text")
	case cause == narthex.MaterialMissing && slices.ContainsFunc(m.Pauses, func(p narthex.ClockPause) bool { return p.Cause == cause }):
		return narthex.Conflictf("The lab stopped this clock once for something that was missing; it cannot a second time.")
	}
	m.Pauses = append(m.Pauses, narthex.ClockPause{Said: said, Cause: cause})
	return nil
}

// resume lets the clock run on to what it is set to. An author can always; the lab cannot end a pause that an author asked for.
func resume(m *narthex.Manuscript, said narthex.Said, due time.Time) *narthex.Error {
	if !m.Paused() {
		return narthex.Conflictf("The clock runs; there is nothing to resume.")
	}
	last := m.Pauses[len(m.Pauses)-1]
	switch {
	case said.As != "" && last.Cause == narthex.AuthorAsked:
		return narthex.Refusedf("An author asked for this pause; an author ends it.")
	case due.Before(said.At) || due.Before(m.Due):
		return narthex.Invalidf("The clock would lose time by a pause.").For("due")
	}
	last.Resumed = &said
	m.Pauses[len(m.Pauses)-1], m.Due = last, due
	return nil
}

// onRedaction is what is done with one redaction, each by itself.
func onRedaction(m *narthex.Manuscript, said narthex.Said, event Event) *narthex.Error {
	h := event.Publication
	if h.Redaction < 1 || h.Redaction > len(m.Redactions) {
		return narthex.Invalidf("Manuscript %d has no redaction of that number; it has %d.", m.Number, len(m.Redactions)).For("redaction")
	}
	r := m.Redactions[h.Redaction-1]
	state, _ := redactionState(r, said.At)
	from := map[Command][]narthex.RedactionState{
		RedactionAccept:  {narthex.RedactionAsked, narthex.RedactionContested, narthex.RedactionUpheld, narthex.RedactionMediation, narthex.RedactionStands},
		RedactionContest: {narthex.RedactionAsked},
		RedactionUphold:  {narthex.RedactionContested},
		RedactionDrop:    {narthex.RedactionAsked, narthex.RedactionAccepted, narthex.RedactionContested, narthex.RedactionUpheld, narthex.RedactionMediation, narthex.RedactionStands},
		RedactionMediate: {narthex.RedactionUpheld},
		RedactionOutcome: {narthex.RedactionMediation},
	}[event.Command]
	if !slices.Contains(from, state) {
		return narthex.Conflictf("Redaction %d is %s, where that cannot be done.", r.Number, strings.ReplaceAll(string(state), "_", " ")).For("redaction")
	}
	switch event.Command {
	case RedactionAccept:
		r.Accepted = &said
	case RedactionContest:
		if !isText(said.Text, mostText) {
			return narthex.Invalidf("Say why the passage should stay; the lab answers it.").For("text")
		}
		if !event.Due.After(said.At) {
			return narthex.Invalidf("A contested redaction has a time in which it is answered.").For("due")
		}
		r.Contested, r.Due = &said, event.Due
	case RedactionUphold:
		if !isText(said.Text, mostText) {
			return narthex.Invalidf("A contested redaction is upheld with a reason, or it is dropped.").For("text")
		}
		r.Upheld = &said
	case RedactionDrop:
		r.Dropped = &said
	case RedactionMediate:
		if !m.Clause.Mediator {
			return narthex.Refusedf("Clause %s has no mediator.", m.Clause.Number)
		}
		if !isText(h.Mediator, mostTitle) {
			return narthex.Invalidf("Say who is asked to mediate, in at most %d characters.", mostTitle).For("mediator")
		}
		r.Mediation = &narthex.Mediation{Asked: said, Mediator: h.Mediator}
	case RedactionOutcome:
		if _, err := narthex.ParseDigest(string(h.Decision)); err != nil {
			return narthex.Invalidf("An outcome names the digest of the mediator's written decision.").For("decision")
		}
		mediation := *r.Mediation
		if outcome := (&narthex.MediatorOutcome{Said: said, Stands: h.Stands, Decision: h.Decision}); said.As == "" {
			mediation.Authors = outcome
		} else {
			mediation.Lab = outcome
		}
		r.Mediation = &mediation
	}
	m.Redactions[h.Redaction-1] = r
	return nil
}

// publish records where a manuscript came out: the very text that is clear.
func publish(m *narthex.Manuscript, said narthex.Said, event Event) *narthex.Error {
	h := event.Publication
	switch at := Stand(*m, said.At); at.State {
	case narthex.ManuscriptInReview:
		return narthex.Conflictf("The manuscript is in review until %s, and clear from then on where nothing is asked before.", m.Due.UTC().Format("2 January 2006 15:04 UTC"))
	case narthex.ManuscriptPaused:
		return narthex.Conflictf("The clock of the manuscript stands; resume it first.")
	case narthex.ManuscriptRedacting:
		return narthex.Conflictf("%d redactions are neither applied nor dropped. Apply them in a new version, or contest them.", at.InTheWay)
	case narthex.ManuscriptEmbargoed:
		return narthex.Conflictf("The manuscript is clear, and clause %s lets publication wait until %s.", m.Clause.Number, at.PublishFrom.UTC().Format("2 January 2006 15:04 UTC"))
	}
	if event.Saw != m.Digest {
		return narthex.Conflictf("What was published is not the text that is clear. Hand it in as a new version.").For("saw")
	}
	if _, err := narthex.ParseReference(h.Reference); err != nil {
		return narthex.AsError(err)
	}
	m.Published = &narthex.Published{Said: said, Reference: h.Reference, Digest: event.Saw}
	return nil
}
