package workflow

import (
	"slices"
	"strings"
	"time"

	"narthex"
)

// Sight is how much of the manuscripts of an engagement a person sees. The zero Sight is nothing.
type Sight string

const (
	// SightWhole is for those who wrote it, their sponsor, and who reads it for the lab.
	SightWhole Sight = "whole"
	// SightDates is for the officials of the institution: that there is one, and when what happened to it.
	SightDates Sight = "dates"
)

// SightOf says how much a person sees of manuscripts.
func SightOf(e narthex.Engagement, p narthex.Person) Sight {
	switch {
	case p.State != narthex.PersonActive || e.ID == "":
		return ""
	case writes(e, p.ID) || p.ID == SponsorOf(e) || ExaminesAs(e, p) != "":
		return SightWhole
	case p.Official && p.Org != "" && p.Org == e.Application.Org && !slices.Contains(e.Authors, p.ID):
		return SightDates
	}
	return ""
}

// manuscriptsSeen leaves out what a person does not see of manuscripts, and every trace of there being any for who sees nothing.
func manuscriptsSeen(e narthex.Engagement, p narthex.Person) narthex.Engagement {
	switch SightOf(e, p) {
	case SightWhole:
		return e
	case SightDates:
		e.Manuscripts = slices.Clone(e.Manuscripts)
		for i, m := range e.Manuscripts {
			e.Manuscripts[i] = Dates(m)
		}
		return e
	}
	if e.Grant == "" {
		return e // there can be none yet
	}
	if !e.BesideAt.IsZero() {
		e.ChangedAt = e.BesideAt
	}
	e.Manuscripts, e.BesideAt, e.Events = nil, time.Time{}, 0
	return e
}

// handlingTold says how much a sight of manuscripts tells of what was done with one: of dates, neither who did it nor that there is a
// redaction.
func handlingTold(sight Sight, command Command) Telling {
	switch {
	case sight == SightWhole:
		return TellWhole
	case sight == SightDates && slices.Contains(dated(), command):
		return TellDates
	}
	return ""
}

// dated are the commands of which Dates tells when they were given.
func dated() []Command {
	return []Command{ManuscriptSubmit, ManuscriptClear, ManuscriptExtend, ManuscriptPause, ManuscriptResume, ManuscriptPublish}
}

// Dates gives a manuscript without anything but its dates and where it was published, which everyone can read.
func Dates(m narthex.Manuscript) narthex.Manuscript {
	out := narthex.Manuscript{Number: m.Number, At: m.At, Replaces: m.Replaces, ReplacedBy: m.ReplacedBy, Clause: m.Clause, Due: m.Due, Embargo: m.Embargo}
	if x := m.Extension; x != nil {
		out.Extension = &narthex.ReviewExtension{Said: narthex.Said{At: x.Said.At}, Reason: x.Reason, Days: x.Days}
	}
	for _, pause := range m.Pauses {
		seen := narthex.ClockPause{Said: narthex.Said{At: pause.Said.At}, Cause: pause.Cause}
		if pause.Resumed != nil {
			seen.Resumed = &narthex.Said{At: pause.Resumed.At}
		}
		out.Pauses = append(out.Pauses, seen)
	}
	if m.Cleared != nil {
		out.Cleared = &narthex.Said{At: m.Cleared.At}
	}
	if m.Published != nil {
		out.Published = &narthex.Published{Said: narthex.Said{At: m.Published.Said.At}, Reference: m.Published.Reference, Digest: m.Published.Digest}
	}
	return out
}

// ManuscriptTask is what a manuscript asks of a person now.
type ManuscriptTask string

const (
	ToExamine  ManuscriptTask = "examine_manuscript"
	ToUphold   ManuscriptTask = "answer_contest"
	ToRedact   ManuscriptTask = "answer_redactions"
	ToApply    ManuscriptTask = "apply_redactions"
	ToComplete ManuscriptTask = "give_material"
)

// ManuscriptWork is a task with when its time is over; zero where it has none.
type ManuscriptWork struct {
	Manuscript int
	Do         ManuscriptTask
	Since, Due time.Time
}

// ManuscriptsWait says whether the manuscripts of an engagement may wait for those who wrote them, and until when for the lab; zero
// is for nothing. Whoever ManuscriptTasks gives a task is among them.
func ManuscriptsWait(e narthex.Engagement) (writers bool, lab time.Time) {
	for _, m := range e.Manuscripts {
		if m.Clause == nil || m.ReplacedBy != 0 || m.Published != nil {
			continue
		}
		switch {
		case m.Paused():
			writers = writers || m.Pauses[len(m.Pauses)-1].Cause == narthex.MaterialMissing
		case m.Cleared == nil:
			lab = later(lab, m.Due)
		}
		for _, r := range m.Redactions {
			switch state, _ := redactionState(r, time.Time{}); {
			case state == narthex.RedactionContested:
				lab = later(lab, r.Due)
			case !state.Settled():
				writers = true
			}
		}
	}
	return writers, lab
}

// ManuscriptTasks lists what the manuscripts of an engagement ask of a person.
func ManuscriptTasks(e narthex.Engagement, p narthex.Person, now time.Time) []ManuscriptWork {
	parts := PartsOf(e, p)
	writer, examiner := slices.Contains(parts, Writer), slices.Contains(parts, Examiner)
	var work []ManuscriptWork
	for _, m := range e.Manuscripts {
		at := Stand(m, now)
		if !writer && !examiner || at.State == narthex.ManuscriptReplaced || at.State == narthex.ManuscriptPublished {
			continue
		}
		if examiner && at.State == narthex.ManuscriptInReview {
			work = append(work, ManuscriptWork{m.Number, ToExamine, m.At, m.Due})
		}
		if last := len(m.Pauses) - 1; writer && at.State == narthex.ManuscriptPaused && m.Pauses[last].Cause == narthex.MaterialMissing {
			work = append(work, ManuscriptWork{m.Number, ToComplete, m.Pauses[last].Said.At, time.Time{}})
		}
		for _, task := range []struct {
			mine   bool
			do     ManuscriptTask
			states []narthex.RedactionState
		}{
			{examiner, ToUphold, []narthex.RedactionState{narthex.RedactionContested}},
			{writer, ToRedact, []narthex.RedactionState{narthex.RedactionAsked}},
			{writer, ToApply, []narthex.RedactionState{narthex.RedactionAccepted, narthex.RedactionUpheld, narthex.RedactionStands}},
		} {
			if !task.mine {
				continue
			}
			if found, is := firstIn(m, at, task.states); is {
				work = append(work, ManuscriptWork{m.Number, task.do, found.Asked.At, found.Due})
			}
		}
	}
	return work
}

// firstIn gives the redaction in one of the states whose time is over first.
func firstIn(m narthex.Manuscript, at narthex.ManuscriptStanding, states []narthex.RedactionState) (narthex.Redaction, bool) {
	var found narthex.Redaction
	is := false
	for i, r := range m.Redactions {
		if !slices.Contains(states, at.Redactions[i].State) {
			continue
		}
		if !slices.Contains(states, narthex.RedactionContested) {
			r.Due = time.Time{} // only what is contested has a time
		}
		if !is || r.Due.Before(found.Due) {
			found, is = r, true
		}
	}
	return found, is
}

// Verb is the last word of a command on manuscripts, as people type it.
func Verb(c Command) string {
	_, verb, _ := strings.Cut(string(c), "_")
	return verb
}

// ManuscriptAllowed lists what a person may do with a manuscript now, as far as one can tell before they say the rest of it.
func ManuscriptAllowed(e narthex.Engagement, m narthex.Manuscript, p narthex.Person, now time.Time) []Command {
	at := Stand(m, now)
	if at.State == narthex.ManuscriptReplaced || at.State == narthex.ManuscriptPublished {
		return nil
	}
	has := func(states ...narthex.RedactionState) bool {
		return slices.ContainsFunc(at.Redactions, func(r narthex.RedactionStanding) bool { return slices.Contains(states, r.State) })
	}
	open, paused := at.How == "", at.State == narthex.ManuscriptPaused
	fits := map[Command]bool{
		ManuscriptClear: open, ManuscriptRedact: open, ManuscriptExtend: open && !paused && m.Extension == nil && m.Clause != nil && m.Clause.ExtensionDays > 0,
		ManuscriptPause: open && !paused, ManuscriptResume: paused, ManuscriptPublish: at.State == narthex.ManuscriptClear,
		RedactionAccept:  has(narthex.RedactionAsked, narthex.RedactionContested, narthex.RedactionUpheld, narthex.RedactionMediation, narthex.RedactionStands),
		RedactionContest: has(narthex.RedactionAsked), RedactionUphold: has(narthex.RedactionContested), RedactionDrop: at.InTheWay > 0,
		RedactionMediate: has(narthex.RedactionUpheld) && m.Clause != nil && m.Clause.Mediator, RedactionOutcome: has(narthex.RedactionMediation),
	}
	return slices.DeleteFunc(Allowed(e.State, PartsOf(e, p)), func(c Command) bool { return !fits[c] })
}
