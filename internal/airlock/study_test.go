package airlock_test

import (
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/lab"
)

// frozenStudy is a job in review, and the digest of its plan.
func frozenStudy(t *testing.T, reviewers int) (narthex.Job, narthex.Digest) {
	t.Helper()
	plan := narthex.Plan{Asset: "model", Study: "sha256:" + narthex.Digest(strings.Repeat("1", 64)), Approval: &narthex.StudyApproval{Clause: "9", Reviewers: reviewers, Days: 5}}
	digest, err := airlock.PlanDigest(plan)
	if err != nil {
		t.Fatal(err)
	}
	return narthex.Job{ID: narthex.MakeJobID(7), Person: "ada", Plan: plan, State: airlock.JobBegins(plan), TakenAt: start}, digest
}

// says is a vote.
func says(by narthex.PersonID, saw narthex.Digest, approves bool, comment string) airlock.JobEvent {
	act := airlock.JobReturn
	if approves {
		act = airlock.JobApprove
	}
	return airlock.JobEvent{Act: act, By: by, Vote: &narthex.StudyVote{By: by, Saw: saw, Approves: approves, Comment: comment}}
}

// TestNoStudyRunsUnapproved walks every act in every state: a study that is to be approved is queued by as many approvals of its very plan,
// by as many people, as must be, and by nothing else.
func TestNoStudyRunsUnapproved(t *testing.T) {
	for _, reviewers := range []int{0, 1, 2, 3} {
		j, digest := frozenStudy(t, reviewers)
		must := max(2, reviewers)
		other := narthex.Digest("sha256:" + strings.Repeat("2", 64))
		for what, e := range map[string]airlock.JobEvent{
			"a beginning":               {Act: airlock.JobStart},
			"an end":                    {Act: airlock.JobEnd, End: &narthex.JobEnd{Class: "done"}},
			"an approval of another":    says("sam", other, true, ""),
			"an approval of nothing":    says("sam", "", true, ""),
			"its author's approval":     says("ada", digest, true, ""),
			"nobody's approval":         says("", digest, true, ""),
			"an approval of another's":  {Act: airlock.JobApprove, By: "sam", Vote: &narthex.StudyVote{By: "olga", Saw: digest, Approves: true}},
			"an approval that is none":  {Act: airlock.JobApprove, By: "sam", Vote: &narthex.StudyVote{By: "sam", Saw: digest}},
			"an approval without words": {Act: airlock.JobApprove, By: "sam"},
			"a return that approves":    {Act: airlock.JobReturn, By: "sam", Vote: &narthex.StudyVote{By: "sam", Saw: digest, Approves: true, Comment: "x"}},
			"a return without a word":   says("sam", digest, false, ""),
			"a return of another":       says("sam", other, false, "no"),
			"an approval with an end":   {Act: airlock.JobApprove, By: "sam", Vote: says("sam", digest, true, "").Vote, End: &narthex.JobEnd{Class: "done"}},
			"a reminder by a person":    {Act: airlock.JobRemind, By: "sam"},
			"a look by nobody":          {Act: airlock.JobRead},
			"an act that is none":       {Act: "wave", By: "sam"},
		} {
			if next, err := airlock.NextJob(j, e, start); err == nil || next.State != narthex.JobInReview {
				t.Errorf("%s makes it %s", what, next.State)
			}
		}
		for i, by := range []narthex.PersonID{"olga", "sam", "paul"}[:must] {
			next, err := airlock.NextJob(j, says(by, digest, true, "well"), start)
			if err != nil {
				t.Fatal(err)
			}
			if (next.State == narthex.JobQueued) != (i == must-1) {
				t.Errorf("%d of %d approvals make it %s", i+1, must, next.State)
			}
			if i < must-1 {
				if _, err := airlock.NextJob(next, says(by, digest, true, "again"), start); err == nil {
					t.Error("one person approves twice")
				}
				if back, err := airlock.NextJob(next, says("zoe", digest, false, "no"), start); err != nil || back.State != narthex.JobReturned || !back.State.Over() || back.EndedAt.IsZero() {
					t.Errorf("one who returns it makes it %s: %v", back.State, err)
				}
			}
			j = next
		}
		if _, err := airlock.NextJob(j, says("zoe", digest, false, "no"), start); err == nil {
			t.Error("what was approved is returned")
		}
		if next, err := airlock.NextJob(j, airlock.JobEvent{Act: airlock.JobStart}, start); err != nil || next.State != narthex.JobRunning {
			t.Errorf("what was approved does not run: %v", err)
		}
	}
	free := narthex.Job{Plan: narthex.Plan{Asset: "model"}}
	if free.State = airlock.JobBegins(free.Plan); free.State != narthex.JobQueued {
		t.Errorf("what needs no approval is %s", free.State)
	}
	digest, _ := airlock.PlanDigest(free.Plan)
	for _, e := range []airlock.JobEvent{says("sam", digest, true, ""), says("sam", digest, false, "no"), {Act: airlock.JobRead, By: "sam"}, {Act: airlock.JobRemind}, {Act: airlock.JobEscalate}} {
		if _, err := airlock.NextJob(free, e, start); err == nil {
			t.Errorf("%s of what needs no approval", e.Act)
		}
	}
}

// TestAnApprovalBindsThePlan: whatever of it changes is another.
func TestAnApprovalBindsThePlan(t *testing.T) {
	j, digest := frozenStudy(t, 2)
	for what, change := range map[string]func(*narthex.Plan){
		"asset": func(p *narthex.Plan) { p.AssetDigest = "x" }, "environment": func(p *narthex.Plan) { p.EnvironmentDigest = "x" }, "study": func(p *narthex.Plan) { p.Study = "x" },
		"command": func(p *narthex.Plan) { p.Command = []string{"/x"} }, "outputs": func(p *narthex.Plan) { p.Outputs = []narthex.Output{{Name: "a"}} }, "time": func(p *narthex.Plan) { p.WallMinutes++ },
		"devices": func(p *narthex.Plan) { p.Devices++ }, "reviewers": func(p *narthex.Plan) { p.Approval = &narthex.StudyApproval{Clause: "9", Reviewers: 3, Days: 5} },
	} {
		other := j
		change(&other.Plan)
		if _, err := airlock.NextJob(other, says("sam", digest, true, ""), start); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("with another %s: %v", what, err)
		}
	}
}

// TestTheReviewersOfAStudyAreBlindAndItsAuthorIsToldNoNames.
func TestTheReviewersOfAStudyAreBlindAndItsAuthorIsToldNoNames(t *testing.T) {
	j, digest := frozenStudy(t, 2)
	first := says("olga", digest, true, "for the author")
	first.Vote.Note = "for reviewers"
	j, err := airlock.NextJob(j, first, start)
	if err != nil {
		t.Fatal(err)
	}
	if seen := airlock.ShownStudy(j, narthex.Person{ID: "sam"}); len(seen.Votes) != 0 {
		t.Error("the second sees the first one's vote")
	}
	if seen := airlock.ShownStudy(j, narthex.Person{ID: "olga"}); len(seen.Votes) != 1 {
		t.Error("the first does not see their own")
	}
	if told := airlock.ToldJob(j); len(told.Votes) != 0 {
		t.Errorf("while it is in review its author is told %+v", told.Votes)
	}
	if airlock.StudyWaitsFor(j, "olga") || !airlock.StudyWaitsFor(j, "sam") {
		t.Error("it waits for who has voted")
	}
	j, err = airlock.NextJob(j, says("sam", digest, true, ""), start)
	if err != nil {
		t.Fatal(err)
	}
	told := airlock.ToldJob(j).Votes
	if len(told) != 2 || told[0].By != "" || told[0].Note != "" || told[0].Comment != "for the author" {
		t.Errorf("its author is told %+v", told)
	}
	recorded := airlock.RecordedJob(j)
	for _, v := range recorded.Votes {
		if strings.Contains(v.Comment+v.Note, "for") {
			t.Errorf("the ledger has the words %q %q", v.Comment, v.Note)
		}
	}
	if j.Votes[0].Comment != "for the author" {
		t.Error("the job lost its words")
	}
}

// TestTheClockOfAStudySpeaksOnceAndApprovesNothing: it reminds after its business days, tells the programme after twice as many, and ends it
// after three times; one that stood still says the last.
func TestTheClockOfAStudySpeaksOnceAndApprovesNothing(t *testing.T) {
	calendar := lab.Calendar{}
	j, _ := frozenStudy(t, 2)
	j.TakenAt = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday
	day := func(n int) time.Time { return j.TakenAt.AddDate(0, 0, n) }
	tick := func(at time.Time, want airlock.JobAct) airlock.JobEvent {
		t.Helper()
		e, speaks := airlock.StudyTick(j, calendar, at)
		if speaks != (want != "") || e.Act != want {
			t.Errorf("at %s it says %q, and should say %q", at, e.Act, want)
		}
		return e
	}
	if due := airlock.StudyDue(j, calendar); !due.Equal(day(7)) {
		t.Errorf("it is due at %s", due)
	}
	tick(day(7).Add(-time.Second), "")
	tick(day(14), airlock.JobEscalate)
	for _, at := range []int{7, 14} {
		e := tick(day(at), map[int]airlock.JobAct{7: airlock.JobRemind, 14: airlock.JobEscalate}[at])
		next, err := airlock.NextJob(j, e, day(at))
		if err != nil || next.State != narthex.JobInReview {
			t.Fatalf("%s makes it %s: %v", e.Act, next.State, err)
		}
		if _, err := airlock.NextJob(next, e, day(at)); err == nil {
			t.Errorf("%s is said twice", e.Act)
		}
		j = next
		tick(day(at), "")
	}
	e := tick(day(21), airlock.JobCancel)
	over, err := airlock.NextJob(j, e, day(21))
	if err != nil || over.State != narthex.JobCancelled || e.Code != airlock.Expired {
		t.Errorf("after three times as long it is %s: %v", over.State, err)
	}
	j = over
	tick(day(99), "")
	if !airlock.StudyDue(j, calendar).IsZero() {
		t.Error("what is over is due")
	}
}
