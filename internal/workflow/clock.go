package workflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"narthex"
)

// Marks of what an engagement's clock says once: of a review in this round, of a question, of signatures, of the end of access.
const (
	HalfPassed     narthex.Mark = "half"
	ReviewLate     narthex.Mark = "late"
	QuestionWaits  narthex.Mark = "question"
	SignatureWaits narthex.Mark = "sign"
	EndsSoon       narthex.Mark = "ends"

	ObjectionHalf  narthex.Mark = "objection_half" // half of the time to decide on an objection has passed
	ObjectionLapse narthex.Mark = "objection_fell"
	MediationEnd   narthex.Mark = "mediation_over"
)

// Ahead is how long before a day people are reminded of it.
const Ahead = 14 * 24 * time.Hour

// Patience is how long a question or a signature is waited for before people are reminded of it.
const Patience = 7 * 24 * time.Hour

// SoonDue and OverDue are the marks of an obligation.
func SoonDue(name narthex.ObligationName) narthex.Mark { return narthex.Mark("soon:" + string(name)) }
func OverDue(name narthex.ObligationName) narthex.Mark { return narthex.Mark("over:" + string(name)) }

// ExamineHalf, Silence and Lapse are the marks of a manuscript: half of its review has passed, silence cleared it, a contested redaction
// fell since nobody answered.
func ExamineHalf(manuscript int) narthex.Mark {
	return narthex.Mark(fmt.Sprintf("examine:%d", manuscript))
}
func Silence(manuscript int) narthex.Mark { return narthex.Mark(fmt.Sprintf("silence:%d", manuscript)) }
func Lapse(manuscript, redaction int) narthex.Mark {
	return narthex.Mark(fmt.Sprintf("lapse:%d:%d", manuscript, redaction))
}

// Lapsed says whether a mark is of a redaction that fell.
func Lapsed(mark narthex.Mark) bool { return strings.HasPrefix(string(mark), "lapse:") }

// tick is one thing that a clock says from a time on, and what it says in its place when that was missed.
type tick struct {
	command    Command
	mark       narthex.Mark
	obligation narthex.ObligationName
	at         time.Time
	instead    narthex.Mark // nothing of this once that was said
	manuscript int          // that it is about, or 0
}

// ticks lists all that the clock of an engagement says as it stands. Where there is no calendar, each comes at the earliest that
// its business days can end.
func ticks(e narthex.Engagement, calendar Calendar) []tick {
	return append(ticksInState(e, calendar), ticksBeside(e)...)
}

func ticksInState(e narthex.Engagement, calendar Calendar) []tick {
	switch e.State {
	case narthex.InReview:
		if e.Due.IsZero() {
			return nil
		}
		return []tick{{command: Remind, mark: HalfPassed, at: e.Since.Add(e.Due.Sub(e.Since) / 2), instead: ReviewLate}, {command: Escalate, mark: ReviewLate, at: e.Due}}
	case narthex.Returned:
		var asked []time.Time // by what the applicant can read
		for _, note := range e.Notes {
			if !note.Private {
				asked = append(asked, note.At)
			}
		}
		if e.Counter != nil {
			asked = append(asked, e.Counter.At)
		}
		if o := upheldNow(e); o != nil {
			asked = append(asked, o.DecidedAt)
		}
		if r := e.Refusal; r != nil && r.Mediation != nil && r.Mediation.Lab != nil && r.Mediation.Authors != nil {
			asked = append(asked, r.Mediation.Lab.Said.At, r.Mediation.Authors.Said.At)
		}
		return patience(QuestionWaits, asked)
	case narthex.Offered:
		waits := []time.Time{e.DecidedAt}
		for _, s := range e.Signatures {
			waits = append(waits, s.At)
		}
		return patience(SignatureWaits, waits)
	case narthex.Closed:
		return manuscriptTicks(e)
	case narthex.Active, narthex.Ending:
		var list []tick
		if e.State == narthex.Active && !e.Until.IsZero() {
			list = append(list, tick{command: Remind, mark: EndsSoon, at: e.Until.Add(-Ahead)})
		}
		for _, owed := range unmet(e) {
			from := owed.From
			if from.IsZero() {
				from = EndOf(e)
			}
			due := from.AddDate(0, 0, owed.Days)
			if calendar != nil {
				due = dueOf(e, owed, calendar)
			}
			soon := due.Add(-Ahead)
			if soon.Before(from) {
				soon = from
			}
			list = append(list, tick{command: Remind, mark: SoonDue(owed.Obligation), obligation: owed.Obligation, at: soon, instead: OverDue(owed.Obligation)},
				tick{command: Remind, mark: OverDue(owed.Obligation), obligation: owed.Obligation, at: due})
		}
		return append(list, manuscriptTicks(e)...)
	}
	return nil
}

// patience reminds once, some time after the last of what happened.
func patience(mark narthex.Mark, happened []time.Time) []tick {
	var last time.Time
	for _, at := range happened {
		last = later(last, at)
	}
	if last.IsZero() {
		return nil
	}
	return []tick{{command: Remind, mark: mark, at: last.Add(Patience)}}
}

// manuscriptTicks lists what clocks say of the manuscripts that are under review or have contested redactions.
func manuscriptTicks(e narthex.Engagement) []tick {
	var list []tick
	for _, m := range e.Manuscripts {
		if m.Clause == nil || m.ReplacedBy != 0 || m.Published != nil {
			continue
		}
		if m.Cleared == nil && !m.Paused() && !m.Due.IsZero() {
			list = append(list, tick{command: Remind, mark: ExamineHalf(m.Number), at: m.At.Add(m.Due.Sub(m.At) / 2), instead: Silence(m.Number), manuscript: m.Number},
				tick{command: Remind, mark: Silence(m.Number), at: m.Due, manuscript: m.Number})
		}
		for _, r := range m.Redactions {
			if state, _ := redactionState(r, r.Due); state == narthex.RedactionLapsed {
				list = append(list, tick{command: Remind, mark: Lapse(m.Number, r.Number), at: r.Due, manuscript: m.Number})
			}
		}
	}
	return list
}

// unsaid leaves out what was said.
func unsaid(e narthex.Engagement, list []tick) []tick {
	return slices.DeleteFunc(list, func(t tick) bool { return said(e, t.mark) || said(e, t.instead) })
}

// said says whether the clock of an engagement has said a mark.
func said(e narthex.Engagement, mark narthex.Mark) bool {
	return mark != "" && slices.ContainsFunc(e.Reminded, func(r narthex.Reminder) bool { return r.Mark == mark })
}

// Ticks gives what the clock of an engagement says at now and has not said: reminders, and an escalation where a review is late. It
// is said once, however often it is asked, for what was said is in the engagement; and none of it decides anything.
func Ticks(e narthex.Engagement, calendar Calendar, now time.Time) []Event {
	due := slices.DeleteFunc(unsaid(e, ticks(e, calendar)), func(t tick) bool { return now.Before(t.at) })
	var events []Event
	for _, t := range due {
		if !slices.ContainsFunc(due, func(o tick) bool { return t.instead != "" && o.mark == t.instead }) { // a node that stood still says the last of it
			events = append(events, Event{Command: t.command, Mark: t.mark, Obligation: t.obligation, Number: t.manuscript})
		}
	}
	return events
}

// NextTick gives the earliest time at which the clock of an engagement may have something to say, or the zero time.
func NextTick(e narthex.Engagement) time.Time {
	var next time.Time
	for _, t := range unsaid(e, ticks(e, nil)) {
		if next.IsZero() || t.at.Before(next) {
			next = t.at
		}
	}
	return next
}

// remind folds what a clock said: what it could say then, and had not.
func remind(e *narthex.Engagement, event Event) error {
	fits := slices.ContainsFunc(unsaid(*e, ticks(*e, nil)), func(t tick) bool {
		return t.command == event.Command && t.mark == event.Mark && t.obligation == event.Obligation && t.manuscript == event.Number && !event.At.Before(t.at)
	})
	if !fits {
		return errors.New("its clock says no such thing then, or said it")
	}
	e.Reminded = append(slices.Clone(e.Reminded), narthex.Reminder{Mark: event.Mark, At: event.At})
	return nil
}
