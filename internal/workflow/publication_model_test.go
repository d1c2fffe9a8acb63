package workflow_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// fromWriters and fromLab are what only one side does with manuscripts.
var (
	fromWriters = []workflow.Command{workflow.ManuscriptSubmit, workflow.RedactionAccept, workflow.RedactionContest, workflow.RedactionMediate, workflow.ManuscriptPublish}
	fromLab     = []workflow.Command{workflow.ManuscriptClear, workflow.ManuscriptRedact, workflow.ManuscriptExtend, workflow.RedactionUphold, workflow.RedactionDrop}
)

// manuscripts holds one step to what is promised of manuscripts, by a reading of its own.
func (w watch) manuscripts(people []narthex.Person, by int, before, after narthex.Engagement, event workflow.Event) error {
	if !workflow.OnManuscripts(event.Command) {
		if same(before.Manuscripts, after.Manuscripts) {
			return nil
		}
		return fmt.Errorf("a manuscript changed by %s", event.Command)
	}
	if by < 0 || after.Grant == "" || !same(before.Votes, after.Votes) || before.State != after.State || before.Digest != after.Digest {
		return fmt.Errorf("%s by nobody, before a grant, or with a change beside the manuscript", event.Command)
	}
	a, person := before.Application, people[by]
	writer := person.ID == a.Applicant || slices.Contains(a.Members, person.ID)
	if slices.Contains(fromWriters, event.Command) && !writer {
		return fmt.Errorf("%s by someone who is no writer", event.Command)
	}
	if !writer && (w.ever&(1<<by) != 0 || !person.InLab() || !person.Has(event.As)) {
		return fmt.Errorf("%s for the lab by someone with a part in it, or in a role that they do not hold", event.Command)
	}
	if slices.Contains(fromLab, event.Command) && (writer || w.ever&(1<<by) != 0) {
		return fmt.Errorf("%s by an author", event.Command)
	}
	for i, old := range before.Manuscripts {
		if err := kept(old, after.Manuscripts[i], event); err != nil {
			return fmt.Errorf("manuscript %d after %s: %w", i+1, event.Command, err)
		}
	}
	return nil
}

// kept holds what a step may not take from a manuscript: the lab nothing that was given, nobody the record.
func kept(old, now narthex.Manuscript, event workflow.Event) error {
	switch {
	case now.Digest != old.Digest || now.At != old.At || !same(old.Clause, now.Clause) || now.Embargo != old.Embargo:
		return fmt.Errorf("what was handed in changed")
	case old.Cleared != nil && !same(old.Cleared, now.Cleared) || old.Published != nil && !same(old.Published, now.Published) || old.Extension != nil && !same(old.Extension, now.Extension):
		return fmt.Errorf("it was cleared, published or extended a second time, or no more")
	case now.Due.Before(old.Due):
		return fmt.Errorf("the lab lost time")
	case now.Due.After(old.Due) && event.Command != workflow.ManuscriptExtend && event.Command != workflow.ManuscriptResume:
		return fmt.Errorf("the clock moved by itself")
	case over(old, event.At) && len(now.Redactions) > len(old.Redactions):
		return fmt.Errorf("something was asked when the review was over")
	case len(now.Redactions) < len(old.Redactions):
		return fmt.Errorf("a redaction is gone")
	case old.Published == nil && now.Published != nil && !free(old, event.At):
		return fmt.Errorf("it was published before it was clear")
	}
	for i, r := range now.Redactions {
		if !slices.Contains(now.Clause.Grounds, r.Ground) {
			return fmt.Errorf("redaction %d is on a ground that was not agreed", i+1)
		}
		if i < len(old.Redactions) && gone(old.Redactions[i], event.At) && !gone(r, event.At) {
			return fmt.Errorf("redaction %d is back", i+1)
		}
	}
	return nil
}

// over, gone and free say again, in other words, when a review is over, a redaction in nobody's way, and a manuscript free.
func over(m narthex.Manuscript, now time.Time) bool {
	stopped := len(m.Pauses) > 0 && m.Pauses[len(m.Pauses)-1].Resumed == nil
	return m.Clause == nil || m.Cleared != nil || !stopped && !now.Before(m.Due)
}

func gone(r narthex.Redaction, now time.Time) bool {
	if r.AppliedIn > 0 || r.Dropped != nil {
		return true
	}
	if x := r.Mediation; x != nil && x.Lab != nil && !x.Lab.Stands && r.Accepted == nil {
		return true
	}
	return r.Contested != nil && r.Accepted == nil && r.Upheld == nil && !now.Before(r.Due)
}

func free(m narthex.Manuscript, now time.Time) bool {
	return over(m, now) && !now.Before(m.Embargo) && !slices.ContainsFunc(m.Redactions, func(r narthex.Redaction) bool { return !gone(r, now) })
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// askManuscript is a command on a manuscript with all that it could need.
func (w *walk) askManuscript(command workflow.Command, p narthex.Person) workflow.Event {
	e := w.node.e
	roles := narthex.Roles()
	ask := workflow.Event{Command: command, Text: "so", As: workflow.ExaminesAs(e, p), Due: start.AddDate(0, 0, 3), Publication: &workflow.Handling{Redaction: 1 + w.r.IntN(2)}}
	if w.r.IntN(8) == 0 {
		ask.As = roles[w.r.IntN(len(roles))]
	}
	h := ask.Publication
	if command == workflow.ManuscriptSubmit {
		h.Redaction, h.Submitted = 0, handIn(byte(10+w.r.IntN(3)), w.r.IntN(len(e.Manuscripts)+1))
		if w.r.IntN(4) == 0 {
			h.Submitted.Clause = nil
		}
		if h.Submitted.Replaces > 0 && w.r.IntN(2) == 0 {
			h.Submitted.Applies = []int{1}
		}
		return ask
	}
	if h.Manuscript = w.r.IntN(len(e.Manuscripts) + 1); h.Manuscript > 0 {
		ask.Saw = e.Manuscripts[h.Manuscript-1].Digest
	}
	if command == workflow.ManuscriptRedact {
		ask.Text = ""
	}
	fill(h)
	h.Stands = w.r.IntN(2) == 0
	return ask
}

// fill gives a handling what any command on a manuscript could need.
func fill(h *workflow.Handling) {
	h.Asked, h.Days, h.Reason = []workflow.Passage{{Ground: "personal data", Passage: "page 3", Why: "a name", Instead: "a person"}}, 7, "safety"
	h.Mediator, h.Decision, h.Reference = "the ombudsperson", stale, "10.1234/x"
}

// scene is a manuscript's place in the search, and the time.
type scene struct {
	e   narthex.Engagement
	now time.Time
	w   watch
}

// TestNoPathOfAManuscriptBreaksAPromise walks every path over the people of an engagement that runs, each doing with manuscripts
// whatever can be tried, with days going by between.
func TestNoPathOfAManuscriptBreaksAPromise(t *testing.T) {
	people := []narthex.Person{ada, sec, sam, sig}
	begin := at(t, narthex.Active)
	given, states, redactions := map[workflow.Command]int{}, map[narthex.ManuscriptState]int{}, map[narthex.RedactionState]int{}
	queue, seen, steps := []scene{{begin.e, start.AddDate(0, 0, 1), watch{ever: 0b101, text: begin.e.Digest, active: true}}}, map[string]bool{}, 0
	for i := range begin.e.Votes { // the two votes that stand, whoever of these people gave them
		queue[0].w.votes[i] = vote{as: begin.e.Votes[i].As, standing: true}
	}
	end := start.AddDate(0, 0, 13)
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		var onward []scene
		if at.now.Before(end) && len(at.e.Manuscripts) > 0 {
			onward = append(onward, scene{at.e, at.now.AddDate(0, 0, 6), at.w})
		}
		for i := range people {
			for _, ask := range attemptsOn(at.e, people[i], at.now) {
				ask.At = at.now
				event, refused := workflow.Decide(at.e, ask, people[i], workflow.Facts{})
				if refused != nil {
					continue
				}
				next, err := workflow.Apply(at.e, event)
				if err != nil {
					t.Fatalf("%s was decided and does not fold: %v", event.Command, err)
				}
				w, broken := at.w.step(people, at.e, next, event)
				if broken != nil {
					t.Fatalf("%s by %s in %+v: %v", event.Command, event.By, at.e.Manuscripts, broken)
				}
				steps++
				given[event.Command]++
				onward = append(onward, scene{next, at.now, w})
			}
		}
		for _, next := range onward {
			for _, m := range next.e.Manuscripts {
				s := workflow.Stand(m, next.now)
				states[s.State]++
				for _, r := range s.Redactions {
					redactions[r.State]++
				}
				if clear := s.State == narthex.ManuscriptClear; clear != (free(m, next.now) && m.ReplacedBy == 0 && m.Published == nil) {
					t.Fatalf("it is %s: %+v", s.State, m)
				}
			}
			if key := keyOf(t, next); !seen[key] {
				seen[key] = true
				queue = append(queue, next)
			}
		}
	}
	t.Logf("%d places, %d steps; %v; %v", len(seen), steps, states, redactions)
	for _, command := range append(slices.Clone(fromLab), append(fromWriters, workflow.ManuscriptPause, workflow.ManuscriptResume, workflow.RedactionOutcome)...) {
		if given[command] == 0 {
			t.Errorf("nobody could ever %s, so the search shows nothing of it", command)
		}
	}
	for _, state := range []narthex.ManuscriptState{narthex.ManuscriptInReview, narthex.ManuscriptPaused, narthex.ManuscriptRedacting, narthex.ManuscriptEmbargoed, narthex.ManuscriptClear, narthex.ManuscriptPublished, narthex.ManuscriptReplaced} {
		if states[state] == 0 {
			t.Errorf("no manuscript was ever %s", state)
		}
	}
	for _, state := range []narthex.RedactionState{narthex.RedactionAsked, narthex.RedactionAccepted, narthex.RedactionContested, narthex.RedactionUpheld, narthex.RedactionMediation, narthex.RedactionStands,
		narthex.RedactionFell, narthex.RedactionDropped, narthex.RedactionLapsed, narthex.RedactionApplied} {
		if redactions[state] == 0 {
			t.Errorf("no redaction was ever %s", state)
		}
	}
}

// attemptsOn are the commands that a person could give on the manuscripts, the hopeless ones too: at most two manuscripts, with
// one redaction and one pause of each side.
func attemptsOn(e narthex.Engagement, p narthex.Person, now time.Time) []workflow.Event {
	var all []workflow.Event
	if len(e.Manuscripts) == 0 {
		all = append(all, workflow.Event{Command: workflow.ManuscriptSubmit, Due: start.AddDate(0, 0, 7), Publication: &workflow.Handling{Submitted: embargoed()}})
	}
	if len(e.Manuscripts) == 1 && len(e.Manuscripts[0].Redactions) > 0 && e.Manuscripts[0].Extension == nil && e.Manuscripts[0].Redactions[0].Contested == nil {
		again := embargoed()
		again.Digest, again.Replaces, again.Applies = narthex.MakeDigest([32]byte{11}), 1, []int{1}
		all = append(all, workflow.Event{Command: workflow.ManuscriptSubmit, Due: later(now.AddDate(0, 0, 5), e.Manuscripts[0].Due), Publication: &workflow.Handling{Submitted: again}})
	}
	for _, m := range e.Manuscripts {
		for _, command := range workflow.Commands() {
			if !workflow.OnManuscripts(command) || command == workflow.ManuscriptSubmit || command == workflow.ManuscriptRedact && len(m.Redactions) > 0 || command == workflow.ManuscriptPause && len(m.Pauses) > 0 {
				continue
			}
			for _, as := range []narthex.Role{"", narthex.Security, narthex.Signatory} {
				for _, stands := range []bool{true, false} {
					if stands && command != workflow.RedactionOutcome {
						continue
					}
					event := workflow.Event{Command: command, As: as, Text: "so", Saw: m.Digest, Due: later(m.Due, now).AddDate(0, 0, 6), Publication: &workflow.Handling{Manuscript: m.Number, Redaction: 1, Stands: stands}}
					if command == workflow.ManuscriptRedact {
						event.Text = ""
					}
					fill(event.Publication)
					event.Publication.Stands = stands
					all = append(all, event)
					if command == workflow.ManuscriptRedact { // on a ground that was not signed
						other := *event.Publication
						other.Asked = []workflow.Passage{{Ground: "factual accuracy", Passage: "all of it", Why: "so", Instead: "nothing"}}
						event.Publication = &other
						all = append(all, event)
					}
				}
			}
		}
	}
	return all
}

func embargoed() *workflow.Submission {
	in := handIn(10, 0)
	in.Clause.EmbargoDays = 12
	return in
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// keyOf is what decides on all that follows: what became of each manuscript, but not by whose hand of a side.
func keyOf(t *testing.T, s scene) string {
	t.Helper()
	type short struct {
		M []narthex.Manuscript
		N time.Time
	}
	all := slices.Clone(s.e.Manuscripts)
	side := func(said *narthex.Said) *narthex.Said {
		if said == nil {
			return nil
		}
		return &narthex.Said{}
	}
	for i, m := range all {
		m.By, m.Cleared = "", side(m.Cleared)
		m.Pauses, m.Redactions = slices.Clone(m.Pauses), slices.Clone(m.Redactions)
		for j := range m.Pauses {
			m.Pauses[j].Said, m.Pauses[j].Resumed = narthex.Said{}, side(m.Pauses[j].Resumed)
		}
		if m.Extension != nil {
			m.Extension = &narthex.ReviewExtension{}
		}
		if m.Published != nil {
			m.Published = &narthex.Published{}
		}
		for j, r := range m.Redactions {
			r.Asked, r.Accepted, r.Contested, r.Upheld, r.Dropped = narthex.Said{}, side(r.Accepted), side(r.Contested), side(r.Upheld), side(r.Dropped)
			if x := r.Mediation; x != nil {
				plain := narthex.Mediation{}
				if x.Authors != nil {
					plain.Authors = &narthex.MediatorOutcome{Stands: x.Authors.Stands}
				}
				if x.Lab != nil {
					plain.Lab = &narthex.MediatorOutcome{Stands: x.Lab.Stands}
				}
				r.Mediation = &plain
			}
			m.Redactions[j] = r
		}
		all[i] = m
	}
	key, err := json.Marshal(short{all, s.now})
	if err != nil {
		t.Fatal(err)
	}
	return string(key)
}
