package workflow_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"narthex"
	"narthex/internal/workflow"
)

// whole is a life with a return, a revision and every other step of the way.
func whole(t *testing.T) *life {
	l := at(t, narthex.Returned).does(ada, workflow.Event{Command: workflow.Revise, Application: application(), Text: "To see."})
	l.system(workflow.Event{Command: workflow.Assign, Due: start.AddDate(0, 0, 10)}).approve(leg, narthex.Legal).approve(sec, narthex.Security)
	l.system(workflow.Event{Command: workflow.Offer, Agreement: deal})
	l.does(sig, signature(sig, narthex.PartyLab, deal)).does(ora, signature(ora, narthex.PartyInstitution, deal)).does(ada, signature(ada, narthex.PartyResearcher, deal))
	l.system(workflow.Event{Command: workflow.Activate, Grant: grant})
	return l.does(ada, workflow.Event{Command: workflow.End, Text: "Done."}).does(pro, workflow.Event{Command: workflow.Close})
}

func TestAnEngagementIsTheFoldOfItsEvents(t *testing.T) {
	l := whole(t)
	sameAgain(t, l.events, l.e)
	e := l.e
	if e.ID != first || e.State != narthex.Closed || e.Round != 2 || len(e.Notes) != 2 || len(e.Votes) != 2 || len(e.Signatures) != 3 || e.Agreement != deal || e.Grant != grant ||
		e.Reason != "Done." || e.Events != len(l.events) || e.Digest != digest(t, application()) || !e.CreatedAt.Equal(l.events[0].At) || !e.ChangedAt.Equal(l.events[len(l.events)-1].At) {
		t.Errorf("%+v", e)
	}
	for _, p := range []narthex.Person{ada, ben, sam} {
		if !slices.Contains(e.Authors, p.ID) {
			t.Errorf("%s is named in it and no author", p.ID)
		}
	}
	if !reflect.DeepEqual(again(t, e), e) {
		t.Error("the engagement itself does not come back from JSON")
	}
}

func TestNothingFoldsToNothing(t *testing.T) {
	e, err := workflow.Fold(nil)
	if err != nil || !reflect.DeepEqual(e, narthex.Engagement{}) {
		t.Errorf("%v: %+v", err, e)
	}
}

// A history with an event left out, doubled, swapped, renumbered or turned back in time is none.
func TestADamagedHistoryDoesNotFold(t *testing.T) {
	events := whole(t).events
	refused := func(name string, damaged []workflow.Event) {
		t.Helper()
		if e, err := workflow.Fold(damaged); err == nil || !reflect.DeepEqual(e, narthex.Engagement{}) {
			t.Errorf("%s folds (%v) to %q", name, err, e.State)
		}
	}
	for i := range events {
		if i < len(events)-1 {
			refused(fmt.Sprintf("without event %d", i+1), slices.Delete(slices.Clone(events), i, i+1))
			swapped := slices.Clone(events)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			refused(fmt.Sprintf("with %d and %d swapped", i+1, i+2), swapped)
		}
		refused(fmt.Sprintf("with event %d twice", i+1), slices.Insert(slices.Clone(events), i, events[i]))
		for _, seq := range []int{0, -1, i, i + 2} {
			numbered := slices.Clone(events)
			numbered[i].Seq = seq
			refused(fmt.Sprintf("with event %d numbered %d", i+1, seq), numbered)
		}
		if i > 0 {
			late := slices.Clone(events)
			late[i].At = late[i-1].At.Add(-time.Nanosecond)
			refused(fmt.Sprintf("with event %d before the last", i+1), late)
		}
		renamed := slices.Clone(events)
		renamed[i].Command = "approved"
		refused(fmt.Sprintf("with event %d unknown", i+1), renamed)
	}
}

func TestTwoEventsMayShareAnInstant(t *testing.T) {
	events := slices.Clone(whole(t).events)
	for i := range events {
		events[i].At = start
	}
	if _, err := workflow.Fold(events); err != nil {
		t.Error(err)
	}
}

// What an event lacks, or names wrongly, keeps it from folding, whatever decided it.
func TestAnEventThatFitsNothingDoesNotFold(t *testing.T) {
	foreign, stolen := application(), application()
	foreign.Engagement, stolen.Applicant = other, cal.ID
	nowhere := application()
	nowhere.Org = ""
	unsigned := signature(sig, narthex.PartyLab, stale).Signature
	for name, c := range map[string]struct {
		life  *life
		event workflow.Event
	}{
		"a draft without a text":            {at(t, ""), workflow.Event{By: ada.ID, Command: workflow.Draft}},
		"a draft without an identifier":     {at(t, ""), workflow.Event{By: ada.ID, Command: workflow.Draft, Application: &narthex.Application{Applicant: ada.ID, Org: north}}},
		"a draft without an organisation":   {at(t, ""), workflow.Event{By: ada.ID, Command: workflow.Draft, Application: nowhere}},
		"an edit without a text":            {draft(t), workflow.Event{By: ada.ID, Command: workflow.Edit}},
		"an edit of another engagement":     {draft(t), workflow.Event{By: ada.ID, Command: workflow.Edit, Application: foreign}},
		"an edit that changes who applies":  {draft(t), workflow.Event{By: ada.ID, Command: workflow.Edit, Application: stolen}},
		"a vote on another text":            {at(t, narthex.InReview), workflow.Event{By: sec.ID, Command: workflow.Approve, As: narthex.Security, Saw: stale}},
		"a vote by the applicant":           {at(t, narthex.InReview), workflow.Event{By: ada.ID, Command: workflow.Approve, As: narthex.Security, Saw: at(t, narthex.InReview).e.Digest}},
		"a decline by the sponsor":          {at(t, narthex.InReview), workflow.Event{By: sam.ID, Command: workflow.Decline, As: narthex.Security, Saw: at(t, narthex.InReview).e.Digest, Text: "so"}},
		"a second vote by one person":       {at(t, narthex.InReview).approve(sec, narthex.Security), workflow.Event{By: sec.ID, Command: workflow.Approve, As: narthex.Legal, Saw: at(t, narthex.InReview).e.Digest}},
		"an offer of nothing":               {ready(t, narthex.InReview, workflow.Offer), workflow.Event{Command: workflow.Offer}},
		"an offer with one approval":        {at(t, narthex.InReview).approve(sec, narthex.Security), workflow.Event{Command: workflow.Offer, Agreement: deal}},
		"a signature on another agreement":  {at(t, narthex.Offered), workflow.Event{By: sig.ID, Command: workflow.Sign, Signature: unsigned}},
		"a signature that is not there":     {at(t, narthex.Offered), workflow.Event{By: sig.ID, Command: workflow.Sign}},
		"an activation without a grant":     {draft(t).signed(), workflow.Event{Command: workflow.Activate}},
		"an activation without signatures":  {at(t, narthex.Offered), workflow.Event{Command: workflow.Activate, Grant: grant}},
		"an activation with two signatures": {at(t, narthex.Offered).does(ada, signature(ada, narthex.PartyResearcher, deal)).does(sig, signature(sig, narthex.PartyLab, deal)), workflow.Event{Command: workflow.Activate, Grant: grant}},
	} {
		before := fmt.Sprintf("%+v", c.life.e)
		c.event.Seq = c.life.e.Events + 1
		if err := c.life.happen(c.event); err == nil || fmt.Sprintf("%+v", c.life.e) != before {
			t.Errorf("%s folds", name)
		}
	}
}

// Applying an event never changes the engagement that it is applied to.
func TestApplyingLeavesWhatWasAlone(t *testing.T) {
	l := whole(t)
	var e narthex.Engagement
	for _, event := range l.events {
		// Room behind every list would let a careless append write into the older engagement.
		e.Votes, e.Notes, e.Authors, e.Signatures = slices.Grow(e.Votes, 4), slices.Grow(e.Notes, 4), slices.Grow(e.Authors, 4), slices.Grow(e.Signatures, 4)
		before := fmt.Sprintf("%+v", e)
		one, err := workflow.Apply(e, event)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := workflow.Apply(e, event)
		if fmt.Sprintf("%+v", e) != before || !reflect.DeepEqual(one, two) {
			t.Fatalf("event %d changed what it was applied to", event.Seq)
		}
		for i := range one.Votes {
			two.Votes[i].Reason = "changed"
			if one.Votes[i].Reason == "changed" {
				t.Fatalf("two futures of event %d share their votes", event.Seq)
			}
		}
		e = one
	}
}

// Two futures of one engagement do not write into each other's lists.
func TestTwoFuturesShareNoAuthors(t *testing.T) {
	e := draft(t).e
	e.Authors = slices.Grow(e.Authors, 4)
	future := func(member narthex.Person) narthex.Engagement {
		a := application()
		a.Members = append(a.Members, member.ID)
		after, err := workflow.Apply(e, workflow.Event{Seq: e.Events + 1, At: e.ChangedAt, By: ada.ID, Command: workflow.Edit, Application: a})
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	one := future(cal)
	future(oleg)
	if !slices.Contains(one.Authors, cal.ID) || slices.Contains(one.Authors, oleg.ID) {
		t.Error("another future's author stands in this one")
	}
}

func TestALockIsLifted(t *testing.T) {
	l := at(t, narthex.Active).does(sec, workflow.Event{Command: workflow.Lock})
	if !l.e.Locked || l.e.State != narthex.Active {
		t.Errorf("locked is %t in %s", l.e.Locked, l.e.State)
	}
	if err := l.try(cus, workflow.Event{Command: workflow.Unlock}, workflow.Facts{LockedBy: sec.ID}); err != nil || l.e.Locked {
		t.Errorf("%v: locked is %t", err, l.e.Locked)
	}
}

func TestAnEventIsReadStrictly(t *testing.T) {
	for _, event := range whole(t).events {
		if !reflect.DeepEqual(again(t, event), event) {
			t.Errorf("%+v does not come back", event)
		}
		written, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"an unknown field": string(written[:len(written)-1]) + `,"state":"active"}`,
			"a field twice":    string(written[:len(written)-1]) + `,"seq":1}`,
			"another case":     string(written[:len(written)-1]) + `,"Command":"activate"}`,
			"more behind it":   string(written) + `{}`,
			"half of it":       string(written[:len(written)-1]),
		} {
			var read workflow.Event
			if err := jsonv2.Unmarshal([]byte(text), &read, jsonv2.RejectUnknownMembers(true)); err == nil {
				t.Errorf("%s is read: %s", name, text)
			}
		}
	}
}
