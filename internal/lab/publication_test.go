package lab_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"narthex"
	"narthex/internal/lab"
)

// agreedOf gives the clauses that an agreement of a pathway would have, with their values.
func agreedOf(d *lab.Directory, pathway narthex.PathwayName) []narthex.AgreedClause {
	var agreed []narthex.AgreedClause
	for i, use := range d.Agreed(d.Pathways[pathway]) {
		agreed = append(agreed, narthex.AgreedClause{Number: fmt.Sprint(i + 1), Name: use.Clause, Values: use.Values})
	}
	return agreed
}

func TestAnAgreementSaysHowManuscriptsAreReviewed(t *testing.T) {
	values := map[string]string{"review_days": "20", "extension_days": "10", "embargo_days": "0", "answer_days": "3", "grounds": "personal data, materially increased danger", "mediator": "yes"}
	signed := func(change map[string]string, without ...string) narthex.Agreement {
		all := maps.Clone(values)
		maps.Copy(all, change)
		for _, name := range without {
			delete(all, name)
		}
		return narthex.Agreement{Clauses: []narthex.AgreedClause{{Number: "1", Name: "purpose"}, {Number: "7", Name: "publication-review", Values: all}}}
	}
	read, err := lab.PublicationOf(signed(nil))
	if err != nil || read == nil || fmt.Sprintf("%+v", *read) != "{Number:7 ReviewDays:20 ExtensionDays:10 EmbargoDays:0 AnswerDays:3 Grounds:[personal data materially increased danger] Mediator:true}" {
		t.Errorf("%+v, %v", read, err)
	}
	if read, err := lab.PublicationOf(narthex.Agreement{Clauses: []narthex.AgreedClause{{Name: "purpose"}}}); err != nil || read != nil {
		t.Errorf("an agreement without the clause: %+v, %v", read, err)
	}
	if read, err := lab.PublicationOf(signed(nil, "answer_days")); err != nil || read.AnswerDays != 20 {
		t.Errorf("an agreement of before the clause had answer_days: %+v, %v", read, err)
	}
	// What does not read is not taken for no clause, nor for no time.
	for name, a := range map[string]narthex.Agreement{
		"no days": signed(nil, "review_days"), "days of nothing": signed(map[string]string{"review_days": "0"}), "days in words": signed(map[string]string{"embargo_days": "ten"}), "days of ages": signed(map[string]string{"extension_days": "3651"}),
		"no grounds": signed(nil, "grounds"), "no word on a mediator": signed(map[string]string{"mediator": "maybe"}), "no time to answer": signed(map[string]string{"answer_days": "0"}),
	} {
		if read, err := lab.PublicationOf(a); err == nil {
			t.Errorf("%s is read as %+v", name, read)
		}
	}
}

// A day that a pause began counts whole, and days that are none of business cost nothing.
func TestThePauseOfAClockIsCountedInBusinessDays(t *testing.T) {
	c := lab.Calendar{Holidays: []string{"2026-03-11"}}
	at := func(text string) time.Time {
		made, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	for _, row := range []struct {
		from, to string
		touched  int
		due      string // where it was Tuesday the 10th at noon
	}{
		{"2026-03-03 09:00:00", "2026-03-03 09:00:00", 0, "2026-03-10 12:00:00"},
		{"2026-03-03 09:00:00", "2026-03-03 09:00:01", 1, "2026-03-12 12:00:00"}, // the 11th is a holiday
		{"2026-03-03 09:00:00", "2026-03-04 09:00:00", 1, "2026-03-12 12:00:00"},
		{"2026-03-03 09:00:00", "2026-03-04 09:00:01", 2, "2026-03-13 12:00:00"},
		{"2026-03-06 09:00:00", "2026-03-09 09:00:00", 1, "2026-03-12 12:00:00"}, // over a weekend
		{"2026-03-07 09:00:00", "2026-03-08 09:00:00", 1, "2026-03-12 12:00:00"}, // within one
	} {
		if got := c.Touched(at(row.from), at(row.to)); got != row.touched {
			t.Errorf("from %s to %s are %d business days, want %d", row.from, row.to, got, row.touched)
		}
		m := narthex.Manuscript{Due: at("2026-03-10 12:00:00"), Pauses: []narthex.ClockPause{{Said: narthex.Said{At: at(row.from)}}}}
		if got := c.ResumedDue(m, at(row.to)); !got.Equal(at(row.due)) {
			t.Errorf("a clock that stood from %s to %s ends %s, want %s", row.from, row.to, got, row.due)
		}
	}
}

func TestAVersionThatAppliesRedactionsKeepsItsClock(t *testing.T) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	c, clause := lab.Calendar{}, narthex.PublicationClause{ReviewDays: 30, AnswerDays: 5}
	old := narthex.Manuscript{Due: c.Add(monday, 30)}
	late, cleared, paused := old, old, old
	late.Due = monday.AddDate(0, 0, 1)
	cleared.Cleared = &narthex.Said{At: monday}
	paused.Pauses = []narthex.ClockPause{{Said: narthex.Said{At: monday.AddDate(0, 0, -1)}}}
	for name, row := range map[string]struct {
		old  *narthex.Manuscript
		want time.Time
	}{
		"a new text":                {nil, c.Add(monday, 30)},
		"much is left":              {&old, old.Due},
		"little is left":            {&late, c.Add(monday, 5)},
		"the lab had asked its all": {&cleared, c.Add(monday, 5)},
		"the clock stood":           {&paused, c.Add(old.Due, 1)},
	} {
		if got := c.ManuscriptDue(clause, row.old, monday); !got.Equal(row.want) {
			t.Errorf("%s: it ends %s, want %s", name, got, row.want)
		}
	}
}
