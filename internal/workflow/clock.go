package workflow

import (
	"errors"
	"slices"
	"time"

	"narthex"
)

// Marks of what an engagement's clock says once: of a review in this round, of the end of access, of what is owed.
const (
	HalfPassed narthex.Mark = "half"
	ReviewLate narthex.Mark = "late"
	EndsSoon   narthex.Mark = "ends"
)

// Ahead is how long before a day people are reminded of it.
const Ahead = 14 * 24 * time.Hour

// SoonDue and OverDue are the marks of an obligation.
func SoonDue(name narthex.ObligationName) narthex.Mark { return narthex.Mark("soon:" + string(name)) }
func OverDue(name narthex.ObligationName) narthex.Mark { return narthex.Mark("over:" + string(name)) }

// tick is one thing that a clock says from a time on, and what it says in its place when that was missed.
type tick struct {
	command    Command
	mark       narthex.Mark
	obligation narthex.ObligationName
	at         time.Time
	instead    narthex.Mark // nothing of this once that was said
}

// ticks lists all that the clock of an engagement says as it stands. Where there is no calendar, each comes at the earliest that
// its business days can end.
func ticks(e narthex.Engagement, calendar Calendar) []tick {
	switch e.State {
	case narthex.InReview:
		if e.Due.IsZero() {
			return nil
		}
		return []tick{{Remind, HalfPassed, "", e.Since.Add(e.Due.Sub(e.Since) / 2), ReviewLate}, {Escalate, ReviewLate, "", e.Due, ""}}
	case narthex.Active, narthex.Ending:
		var list []tick
		if e.State == narthex.Active && !e.Until.IsZero() {
			list = append(list, tick{Remind, EndsSoon, "", e.Until.Add(-Ahead), ""})
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
			list = append(list, tick{Remind, SoonDue(owed.Obligation), owed.Obligation, soon, OverDue(owed.Obligation)}, tick{Remind, OverDue(owed.Obligation), owed.Obligation, due, ""})
		}
		return list
	}
	return nil
}

// unsaid leaves out what was said.
func unsaid(e narthex.Engagement, list []tick) []tick {
	said := func(mark narthex.Mark) bool {
		return mark != "" && slices.ContainsFunc(e.Reminded, func(r narthex.Reminder) bool { return r.Mark == mark })
	}
	return slices.DeleteFunc(list, func(t tick) bool { return said(t.mark) || said(t.instead) })
}

// Ticks gives what the clock of an engagement says at now and has not said: reminders, and an escalation where a review is late. It
// is said once, however often it is asked, for what was said is in the engagement; and none of it decides anything.
func Ticks(e narthex.Engagement, calendar Calendar, now time.Time) []Event {
	due := slices.DeleteFunc(unsaid(e, ticks(e, calendar)), func(t tick) bool { return now.Before(t.at) })
	var events []Event
	for _, t := range due {
		if !slices.ContainsFunc(due, func(o tick) bool { return t.instead != "" && o.mark == t.instead }) { // a node that stood still says the last of it
			events = append(events, Event{Command: t.command, Mark: t.mark, Obligation: t.obligation})
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
		return t.command == event.Command && t.mark == event.Mark && t.obligation == event.Obligation && !event.At.Before(t.at)
	})
	if !fits {
		return errors.New("its clock says no such thing then, or said it")
	}
	e.Reminded = append(slices.Clone(e.Reminded), narthex.Reminder{Mark: event.Mark, At: event.At})
	return nil
}
