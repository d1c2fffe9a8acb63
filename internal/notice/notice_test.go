package notice_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/notice"
	"narthex/internal/workflow"
)

// told is everything that the table tells, of every command and mark.
func told() []notice.Told {
	var all []notice.Told
	owed := narthex.FinalReport
	handed := narthex.Engagement{Round: 1, State: narthex.Offered, Agreement: "x", Application: narthex.Application{Org: "o", SigningOrder: narthex.PartyRoles()}}
	signed := handed
	signed.Objection = &narthex.Objection{Upheld: true}
	signed.Signatures = []narthex.SignedBy{{Party: narthex.PartyRoles()[0], Digest: "x"}}
	for _, command := range workflow.Commands() {
		for _, event := range []workflow.Event{{Command: command}, {Command: command, Mark: workflow.HalfPassed}, {Command: command, Mark: workflow.EndsSoon}, {Command: command, Mark: workflow.SoonDue(owed), Obligation: owed}, {Command: command, Mark: workflow.OverDue(owed), Obligation: owed},
			{Command: command, Mark: workflow.ObjectionHalf}, {Command: command, Mark: workflow.ObjectionLapse}, {Command: command, Mark: workflow.MediationEnd}, {Command: command, Mark: workflow.QuestionWaits}, {Command: command, Mark: workflow.SignatureWaits}, {Command: command, Mark: workflow.ExamineHalf(2), Number: 2}, {Command: command, Mark: workflow.Silence(2), Number: 2}, {Command: command, Mark: workflow.Lapse(2, 1), Number: 2}} {
			for _, t := range (notice.Happened{Before: handed, Event: event, After: signed}).Tells() {
				if !slices.Contains(all, t) {
					all = append(all, t)
				}
			}
		}
	}
	for _, act := range acts {
		for _, state := range []narthex.ReleaseState{narthex.ReleaseSubmitted, narthex.ReleaseConflicting, narthex.ReleaseReleased} {
			all = append(all, (notice.Leaving{Act: act, Release: narthex.Release{State: state}}).Tells()...)
		}
	}
	for _, act := range []airlock.JobAct{"", airlock.JobApprove, airlock.JobReturn, airlock.JobRemind, airlock.JobEscalate} {
		all = append(all, (notice.Studied{Act: act, Few: true, Job: narthex.Job{State: narthex.JobQueued, Plan: narthex.Plan{Approval: &narthex.StudyApproval{}}}}).Tells()...)
	}
	for _, l := range rulings() {
		all = append(all, l.Tells()...)
	}
	return append(all, notice.Ended{}.Tells()...)
}

// byNoEvent is told of no event of an engagement.
var byNoEvent = []notice.Kind{"lapses_soon", "lifetime_25", "lifetime_50", "lifetime_75", "day_unusual"}

func TestEverythingThatIsToldHasItsWords(t *testing.T) {
	named := regexp.MustCompile(`^[A-Za-z0-9 .,:;'{}_-]+$`)
	var used []notice.Kind
	for _, tell := range told() {
		used = append(used, tell.Kind)
		text, has := notice.Facts{Kind: tell.Kind, To: tell.To, Engagement: "eng_x", Manuscript: 3, Of: "job_x", What: "final_report"}.Text()
		if !has || text.Happened == "" || !strings.HasPrefix(text.Why, "You are told because ") || !strings.HasPrefix(text.Next, "narthex ") {
			t.Errorf("%v says %+v", tell, text)
		}
		for _, line := range []string{text.Happened, text.Why, text.Next} {
			if strings.ContainsAny(line, "{}") || !named.MatchString(line) {
				t.Errorf("%v says %q", tell, line)
			}
		}
	}
	for _, kind := range notice.Kinds() {
		if !slices.Contains(used, kind) && !slices.Contains(byNoEvent, kind) {
			t.Errorf("nobody is ever told %s", kind)
		}
	}
	for _, none := range []notice.Facts{{}, {Kind: "returned"}, {Kind: "returned", To: "everyone"}, {Kind: "approved", To: notice.Side}} {
		if text, has := none.Text(); has {
			t.Errorf("%v says %v", none, text)
		}
	}
}

// TestNoVoteIsTold: a reviewer's verdict reaches nobody by a notice, before the engagement is decided.
func TestNoVoteIsTold(t *testing.T) {
	for _, command := range []workflow.Command{workflow.Approve, workflow.Comment, workflow.Edit, workflow.Draft, workflow.Submit, workflow.Issue, "", "everything"} {
		if tells := (notice.Happened{Event: workflow.Event{Command: command}}).Tells(); len(tells) > 0 {
			t.Errorf("%s tells %v", command, tells)
		}
	}
}

// TestNobodyIsToldWhatTheyMayNotRead nor what they did themselves, in whatever part.
func TestNobodyIsToldWhatTheyMayNotRead(t *testing.T) {
	e := narthex.Engagement{ID: "eng_x", State: narthex.InReview, Round: 1, Authors: []narthex.PersonID{"ada"},
		Application: narthex.Application{Applicant: "ada", Org: "north", Reviews: []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}}}}
	people := map[string]narthex.Person{
		"someone else":             {ID: "eve", Org: "south", State: narthex.PersonActive},
		"an official of elsewhere": {ID: "ed", Org: "south", Official: true, State: narthex.PersonActive},
		"a sponsor of others":      {ID: "paul", Handle: "paul", Roles: []narthex.Role{narthex.Sponsor}, State: narthex.PersonActive},
		"a suspended programme":    {ID: "carol", Handle: "carol", Roles: []narthex.Role{narthex.Programme}, State: narthex.PersonSuspended},
		"an invited applicant":     {ID: "ada", Org: "north", State: narthex.PersonInvited},
		"who did it":               {ID: "sam", Handle: "sam", Roles: []narthex.Role{narthex.Security, narthex.Programme}, State: narthex.PersonActive},
	}
	parts := []notice.To{notice.Side, notice.Heir, notice.Reviewers, notice.Signers, notice.Institution, notice.Programme, notice.Examiners, notice.Owing, notice.Named, notice.Deciders, ""}
	for name, p := range people {
		for _, to := range parts {
			if (notice.Happened{Before: e, After: e, Event: workflow.Event{Command: workflow.Nudge, By: "sam"}, EscalateTo: p.Handle}).Concerns(to, p, true) {
				t.Errorf("%s is told as %s", name, to)
			}
		}
	}
	// The same people where they may: the test can fail.
	sam := people["who did it"]
	if !(notice.Happened{Before: e, After: e, EscalateTo: "sam"}).Concerns(notice.Named, sam, false) || !(notice.Happened{Before: e, After: e}).Concerns(notice.Reviewers, sam, false) {
		t.Error("a reviewer whom the pathway names is not told")
	}
	e.Authors = append(e.Authors, "sam")
	if (notice.Happened{Before: e, After: e, EscalateTo: "sam"}).Concerns(notice.Named, sam, false) {
		t.Error("it is brought before someone who has a part in it")
	}
}
