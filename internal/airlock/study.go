package airlock

import (
	"slices"
	"time"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/workflow"
)

// Where an agreement says so, a job waits in review before it is queued: reviewers read the frozen study and approve the digest of its plan,
// or return it with words, which ends it. Silence approves nothing.

// The acts of a review of a study.
const (
	JobApprove  JobAct = "approve"  // a reviewer says that it may run
	JobReturn   JobAct = "return"   // a reviewer says what its author is to change, and it does not run
	JobRead     JobAct = "read"     // a reviewer looked at it
	JobRemind   JobAct = "remind"   // the clock reminded its reviewers
	JobEscalate JobAct = "escalate" // the clock told the programme
)

// OfReview says whether an act is one of a review.
func OfReview(act JobAct) bool {
	return slices.Contains([]JobAct{JobApprove, JobReturn, JobRead, JobRemind, JobEscalate}, act)
}

// Expired is the code of a job that nobody approved in its time.
const Expired = "expired"

// JobBegins gives where a job stands that is handed in with a plan.
func JobBegins(p narthex.Plan) narthex.JobState {
	if p.Approval != nil {
		return narthex.JobInReview
	}
	return narthex.JobQueued
}

// PlanDigest binds everything that a job will be.
func PlanDigest(p narthex.Plan) (narthex.Digest, error) { return canon.Digest(p) }

// MustApprove is how many people say of a study that it may run.
func MustApprove(p narthex.Plan) int {
	if p.Approval == nil {
		return 0
	}
	return max(leastReviewers, p.Approval.Reviewers)
}

// reviewed does an act of a review on a job.
func reviewed(j narthex.Job, e JobEvent, at time.Time) (narthex.Job, error) {
	if j.Plan.Approval == nil || e.End != nil || e.Package != nil {
		return j, badJob(j)
	}
	in := j.State == narthex.JobInReview
	switch e.Act {
	case JobRead:
		if e.By == "" {
			return j, badJob(j)
		}
	case JobRemind, JobEscalate: // what was said is said once, and changes nothing else
		if !in || e.By != "" || !j.EscalatedAt.IsZero() || e.Act == JobRemind && !j.RemindedAt.IsZero() {
			return j, badJob(j)
		}
		if e.Act == JobRemind {
			j.RemindedAt = at
		} else {
			j.EscalatedAt = at
		}
	case JobApprove, JobReturn:
		if !in || e.Vote == nil || e.By == "" || e.Vote.By != e.By || e.By == j.Person || e.Vote.Approves != (e.Act == JobApprove) || e.Act == JobReturn && e.Vote.Comment == "" {
			return j, badJob(j)
		}
		return votedOn(j, *e.Vote, at)
	default:
		return j, badJob(j)
	}
	return j, nil
}

// votedOn takes a vote in. One who returns it ends it; with the last approval it is queued.
func votedOn(j narthex.Job, v narthex.StudyVote, at time.Time) (narthex.Job, error) {
	digest, err := PlanDigest(j.Plan)
	if err != nil {
		return j, err
	}
	if v.Saw != digest {
		return j, narthex.Conflictf("The vote names another study than the one that is frozen. Look at it again and vote on digest %s.", digest.Short()).For("saw")
	}
	if slices.ContainsFunc(j.Votes, func(was narthex.StudyVote) bool { return was.By == v.By }) {
		return j, narthex.Conflictf("You have voted on this study already; one person has one vote.")
	}
	j.Votes = append(slices.Clone(j.Votes), v)
	switch {
	case !v.Approves:
		j.State, j.EndedAt = narthex.JobReturned, at
	case len(j.Votes) >= MustApprove(j.Plan):
		j.State = narthex.JobQueued
	}
	return j, nil
}

// StudyReviewsAs gives the role in which a person of the lab reviews a study, as they would review what it wants to take out, or false.
func StudyReviewsAs(j narthex.Job, e narthex.Engagement, p narthex.Person, owns bool) (narthex.Role, bool) {
	if j.Plan.Approval == nil {
		return "", false
	}
	return reviewsAs(j.Person, e, p, owns)
}

// StudyWaitsFor says whether a study waits for the word of somebody who reviews it.
func StudyWaitsFor(j narthex.Job, reviewer narthex.PersonID) bool {
	return j.State == narthex.JobInReview && !slices.ContainsFunc(j.Votes, func(v narthex.StudyVote) bool { return v.By == reviewer })
}

// ShownStudy gives a job as a reviewer may see it: while it is in review, without the votes of others, who are blind to each other, and never
// what came of it.
func ShownStudy(j narthex.Job, p narthex.Person) narthex.Job {
	if j.State == narthex.JobInReview {
		j.Votes = slices.DeleteFunc(slices.Clone(j.Votes), func(v narthex.StudyVote) bool { return v.By != p.ID })
	}
	j.End, j.Package = nil, nil
	return j
}

// toldVotes gives what the author of a study may see of its votes: nothing while it is in review, and then what is said to the author, without
// names.
func toldVotes(j narthex.Job) (told []narthex.StudyVote) {
	if j.State == narthex.JobInReview {
		return nil
	}
	for _, v := range j.Votes {
		told = append(told, narthex.StudyVote{As: v.As, At: v.At, Saw: v.Saw, Approves: v.Approves, Comment: v.Comment})
	}
	return told
}

// StudyDue gives by when the reviewers of a study should have decided, or the zero time where it is not with them.
func StudyDue(j narthex.Job, calendar workflow.Calendar) time.Time {
	if j.State != narthex.JobInReview || j.Plan.Approval == nil {
		return time.Time{}
	}
	return calendar.Add(j.TakenAt, j.Plan.Approval.Days)
}

// StudyTick gives what the clock of a study says at now and has not said, or false: its reviewers are reminded when their days are over, the
// programme is told after as many again, and after as many again it expires, which gives back what it reserved. A clock that stood still says
// the last of what it missed.
func StudyTick(j narthex.Job, calendar workflow.Calendar, now time.Time) (JobEvent, bool) {
	if StudyDue(j, calendar).IsZero() {
		return JobEvent{}, false
	}
	after := func(times int) bool { return !now.Before(calendar.Add(j.TakenAt, times*j.Plan.Approval.Days)) }
	switch {
	case after(3):
		return JobEvent{Act: JobCancel, Code: Expired}, true
	case after(2) && j.EscalatedAt.IsZero():
		return JobEvent{Act: JobEscalate}, true
	case after(1) && j.RemindedAt.IsZero() && j.EscalatedAt.IsZero():
		return JobEvent{Act: JobRemind}, true
	}
	return JobEvent{}, false
}

// RecordedJobEvent gives an event as the ledger has it.
func RecordedJobEvent(e JobEvent) JobEvent {
	if e.Vote != nil {
		vote := recordedStudyVote(*e.Vote)
		e.Vote = &vote
	}
	return e
}

// RecordedJob gives a job as the ledger has it.
func RecordedJob(j narthex.Job) narthex.Job {
	j.Votes = slices.Clone(j.Votes)
	for i, v := range j.Votes {
		j.Votes[i] = recordedStudyVote(v)
	}
	return j
}

func recordedStudyVote(v narthex.StudyVote) narthex.StudyVote {
	v.Comment, v.Note = word(v.Comment), word(v.Note)
	return v
}
