package notice_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/notice"
)

// acts is everything that is done with a release; the first is that it is handed in.
var acts = []airlock.ReleaseAct{"", airlock.Vote, airlock.Return, airlock.Edit, airlock.Withdraw, airlock.Stop, airlock.Fetch, airlock.Read, airlock.Remind, airlock.Escalate, airlock.Void, airlock.Few}

// TestWhoIsToldOfARelease walks every act in every state and asks of each person of a small lab what they are told.
func TestWhoIsToldOfARelease(t *testing.T) {
	insider := func(name string, roles ...narthex.Role) narthex.Person {
		return narthex.Person{ID: narthex.PersonID(name), Handle: name, State: narthex.PersonActive, Roles: roles}
	}
	e := narthex.Engagement{ID: "eng_x", Round: 1, State: narthex.Active, Sponsor: "paul", Authors: []narthex.PersonID{"ada", "pat", "eve"}, Application: narthex.Application{Applicant: "ada", Members: []narthex.PersonID{"eve"}, Org: "x"}}
	gone := insider("gone", narthex.Security)
	gone.State = narthex.PersonRemoved
	people := []narthex.Person{
		{ID: "ada", Org: "x", State: narthex.PersonActive}, {ID: "eve", Org: "x", State: narthex.PersonActive}, {ID: "otto", Org: "x", Official: true, State: narthex.PersonActive},
		insider("olga", narthex.AssetOwner), insider("oscar", narthex.AssetOwner), insider("sam", narthex.Security), insider("sue", narthex.Security), insider("paul", narthex.Sponsor, narthex.Security), insider("pat", narthex.Programme, narthex.Security),
		insider("carol", narthex.Programme), insider("lea", narthex.Auditor), insider("dan", narthex.Custodian, narthex.Signatory), gone,
	}
	told := func(act airlock.ReleaseAct, by narthex.PersonID, r narthex.Release) string {
		l := notice.Leaving{Act: act, By: by, Release: r, Engagement: e}
		var all []string
		for _, tell := range l.Tells() {
			for _, p := range people {
				if l.Concerns(tell.To, p, p.ID == "olga") {
					all = append(all, string(p.ID)+" "+string(tell.Kind))
				}
			}
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	votes := []narthex.ReleaseVote{{By: "sam"}}
	for _, row := range []struct {
		act   airlock.ReleaseAct
		by    narthex.PersonID
		state narthex.ReleaseState
		votes []narthex.ReleaseVote
		want  string
	}{
		{"", "ada", narthex.ReleaseSubmitted, nil, "olga release_asked, sam release_asked, sue release_asked"},
		{airlock.Few, "", narthex.ReleaseSubmitted, nil, "carol release_unreviewed"},
		{airlock.Void, "", narthex.ReleaseSubmitted, votes, "olga release_asked, sue release_asked"},
		{airlock.Edit, "ada", narthex.ReleaseSubmitted, nil, "olga release_asked, sam release_asked, sue release_asked"},
		{airlock.Vote, "sam", narthex.ReleaseSubmitted, votes, ""},
		{airlock.Vote, "olga", narthex.ReleaseConflicting, votes, "sam release_differs"},
		{airlock.Vote, "olga", narthex.ReleaseReleased, votes, "ada release_decided, sue release_over"},
		{airlock.Vote, "olga", narthex.ReleaseRefused, votes, "ada release_decided, sue release_over"},
		{airlock.Return, "olga", narthex.ReleaseReturned, votes, "ada release_returned"},
		{airlock.Stop, "", narthex.ReleaseWithdrawn, votes, "ada release_decided, olga release_over, sam release_over, sue release_over"},
		{airlock.Withdraw, "ada", narthex.ReleaseWithdrawn, nil, "olga release_over, sam release_over, sue release_over"},
		{airlock.Read, "olga", narthex.ReleaseSubmitted, nil, ""},
		{airlock.Fetch, "ada", narthex.ReleaseReleased, votes, ""},
		{airlock.Remind, "", narthex.ReleaseSubmitted, votes, "olga release_waits, sue release_waits"},
		{airlock.Remind, "", narthex.ReleaseConflicting, votes, "sam release_waits"},
		{airlock.Escalate, "", narthex.ReleaseSubmitted, votes, "carol release_late"},
	} {
		if got := told(row.act, row.by, narthex.Release{Author: "ada", State: row.state, Votes: row.votes}); got != row.want {
			t.Errorf("of %q in %s is told %q, and should be %q", row.act, row.state, got, row.want)
		}
	}
	job := notice.Ended{Job: narthex.Job{Person: "eve"}, Engagement: e}
	for _, p := range people {
		if job.Concerns(notice.Holder, p) != (p.ID == "eve") {
			t.Errorf("of the end of eve's job %s is told: %v", p.ID, p.ID != "eve")
		}
		own := job
		if own.By = "eve"; own.Concerns(notice.Holder, p) {
			t.Errorf("%s is told that eve cancelled her job", p.ID)
		}
		p.State = narthex.PersonRemoved
		if job.Concerns(notice.Holder, p) {
			t.Errorf("%s is told, who was erased", p.ID)
		}
	}
}

// TestWhoIsToldOfAStudy: those whose word it waits for, its author of what became of it, the programme of what is late; nobody of a vote, nor
// of what they did themselves, and nobody of a job that needs no approval.
func TestWhoIsToldOfAStudy(t *testing.T) {
	insider := func(name string, roles ...narthex.Role) narthex.Person {
		return narthex.Person{ID: narthex.PersonID(name), Handle: name, State: narthex.PersonActive, Roles: roles}
	}
	e := narthex.Engagement{ID: "eng_x", Round: 1, State: narthex.Active, Sponsor: "paul", Authors: []narthex.PersonID{"ada", "eve"}, Application: narthex.Application{Applicant: "ada", Members: []narthex.PersonID{"eve"}, Org: "x"}}
	people := []narthex.Person{{ID: "ada", Org: "x", State: narthex.PersonActive}, {ID: "eve", Org: "x", State: narthex.PersonActive}, insider("olga", narthex.AssetOwner), insider("oscar", narthex.AssetOwner), insider("sam", narthex.Security), insider("paul", narthex.Sponsor, narthex.Security), insider("carol", narthex.Programme), insider("lea", narthex.Auditor)}
	plan := narthex.Plan{Approval: &narthex.StudyApproval{Reviewers: 2, Days: 5}}
	one := []narthex.StudyVote{{By: "sam", Approves: true}}
	for _, row := range []struct {
		act   airlock.JobAct
		by    narthex.PersonID
		few   bool
		job   narthex.Job
		tells string
	}{
		{"", "eve", false, narthex.Job{State: narthex.JobInReview, Plan: plan}, "olga study_asked, sam study_asked"},
		{"", "eve", true, narthex.Job{State: narthex.JobInReview, Plan: plan}, "carol study_unreviewed, olga study_asked, sam study_asked"},
		{airlock.JobApprove, "sam", false, narthex.Job{State: narthex.JobInReview, Plan: plan, Votes: one}, ""},
		{airlock.JobApprove, "olga", false, narthex.Job{State: narthex.JobQueued, Plan: plan, Votes: one}, "eve study_approved"},
		{airlock.JobReturn, "olga", false, narthex.Job{State: narthex.JobReturned, Plan: plan, Votes: one}, "eve study_returned"},
		{airlock.JobRead, "olga", false, narthex.Job{State: narthex.JobInReview, Plan: plan}, ""},
		{airlock.JobRemind, "", false, narthex.Job{State: narthex.JobInReview, Plan: plan, Votes: one}, "olga study_waits"},
		{airlock.JobEscalate, "", false, narthex.Job{State: narthex.JobInReview, Plan: plan}, "carol study_late"},
		{airlock.JobStart, "", false, narthex.Job{State: narthex.JobRunning, Plan: plan}, ""},
		{"", "eve", true, narthex.Job{State: narthex.JobQueued}, ""},
	} {
		row.job.Person = "eve"
		s := notice.Studied{Act: row.act, By: row.by, Few: row.few, Job: row.job, Engagement: e}
		var all []string
		for _, tell := range s.Tells() {
			for _, p := range people {
				if s.Concerns(tell.To, p, p.ID == "olga") {
					all = append(all, string(p.ID)+" "+string(tell.Kind))
				}
			}
		}
		slices.Sort(all)
		if got := strings.Join(all, ", "); got != row.tells {
			t.Errorf("of %q in %s is told %q, and should be %q", row.act, row.job.State, got, row.tells)
		}
	}
}
