package airlock_test

import (
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/lab"
)

// TestTheClockOfAReleaseSpeaksOnceAndDecidesNothing: it reminds after the business days that there are, holidays left out, and escalates after
// twice as many; of what is not with its reviewers it says nothing; one that stood still says the last; an edit begins anew.
func TestTheClockOfAReleaseSpeaksOnceAndDecidesNothing(t *testing.T) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	calendar := lab.Calendar{Holidays: []string{"2026-03-04"}}
	r := narthex.Release{ID: "rel_x", Author: "ada", State: narthex.ReleaseSubmitted, TakenAt: monday}
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	if due := airlock.ReleaseDue(r, calendar, 5); !due.Equal(day(8)) {
		t.Fatalf("it is due at %s", due)
	}
	says := func(at time.Time, want airlock.ReleaseAct) {
		t.Helper()
		if got := airlock.ReleaseTick(r, calendar, 5, at); got != want {
			t.Errorf("at %s its clock says %q, and should say %q", at, got, want)
		}
	}
	does := func(act airlock.ReleaseAct, at time.Time) {
		t.Helper()
		was := r.State
		next, err := airlock.NextRelease(r, airlock.ReleaseEvent{Act: act}, at)
		if err != nil || next.State != was || len(next.Votes) != len(r.Votes) {
			t.Fatalf("%s: %v, and it is %s", act, err, next.State)
		}
		r = next
		if _, err := airlock.NextRelease(r, airlock.ReleaseEvent{Act: act}, at); err == nil {
			t.Errorf("%s is said twice", act)
		}
	}
	if due := airlock.ReleaseDue(r, calendar, 1); !due.Equal(day(1)) || airlock.ReleaseTick(r, calendar, 1, day(1)) != airlock.Remind || airlock.ReleaseTick(r, calendar, 1, day(3)) != airlock.Escalate {
		t.Errorf("of a day it is due at %s", due)
	}
	says(day(8).Add(-time.Millisecond), "")
	says(day(8), airlock.Remind)
	says(day(99), airlock.Escalate)
	for _, state := range []narthex.ReleaseState{"", narthex.ReleaseReturned, narthex.ReleaseReleased, narthex.ReleaseRefused, narthex.ReleaseWithdrawn} {
		other := r
		other.State = state
		if act := airlock.ReleaseTick(other, calendar, 5, day(99)); act != "" || !airlock.ReleaseDue(other, calendar, 5).IsZero() {
			t.Errorf("of one that is %q its clock says %s", state, act)
		}
		for _, act := range []airlock.ReleaseAct{airlock.Remind, airlock.Escalate} {
			if _, err := airlock.NextRelease(other, airlock.ReleaseEvent{Act: act}, day(99)); err == nil {
				t.Errorf("%s of one that is %q", act, state)
			}
		}
	}
	if _, err := airlock.NextRelease(r, airlock.ReleaseEvent{Act: airlock.Remind, By: "sam"}, day(8)); err == nil {
		t.Error("a person reminds as the clock")
	}
	does(airlock.Remind, day(8))
	says(day(8), "")
	says(day(15).Add(-time.Millisecond), "")
	says(day(15), airlock.Escalate)
	does(airlock.Escalate, day(15))
	says(day(99), "")
	if _, err := airlock.NextRelease(r, airlock.ReleaseEvent{Act: airlock.Remind}, day(99)); err == nil {
		t.Error("it reminds after it escalated")
	}
	r.Files, r.Charge = []narthex.ReleaseFile{{Frozen: narthex.Frozen{Name: "a.csv"}}}, 9
	digest, err := airlock.PackageDigest(r.Files)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = airlock.NextRelease(r, airlock.ReleaseEvent{Act: airlock.Edit, By: "ada", Package: digest, Files: r.Files, Charge: 9}, day(14)); err != nil {
		t.Fatal(err)
	}
	says(day(20), "")
	says(day(21), airlock.Remind)
	says(day(28), airlock.Escalate)
}
