package notice

import (
	"slices"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/workflow"
)

// Leaving is something that was done with a release, with what is after it. Nothing of what is in its files, was found in them or was said of
// them is told.
type Leaving struct {
	Act        airlock.ReleaseAct // empty where it was handed in
	By         narthex.PersonID
	Release    narthex.Release
	Engagement narthex.Engagement
}

// Tells gives what is told of it.
func (l Leaving) Tells() []Told {
	switch l.Act {
	case "", airlock.Edit, airlock.Void:
		return []Told{{Releasers, "release_asked"}}
	case airlock.Few:
		return []Told{{Programme, "release_unreviewed"}}
	case airlock.Vote, airlock.Stop:
		if l.Release.State.Over() {
			return []Told{{Holder, "release_decided"}, {Passed, "release_over"}}
		}
		if l.Release.State == narthex.ReleaseConflicting { // how anybody voted is told to nobody else
			return []Told{{Releasers, "release_differs"}}
		}
	case airlock.Withdraw:
		return []Told{{Passed, "release_over"}}
	case airlock.Return:
		return []Told{{Holder, "release_returned"}}
	case airlock.Remind:
		return []Told{{Releasers, "release_waits"}}
	case airlock.Escalate:
		return []Told{{Programme, "release_late"}}
	}
	return nil
}

// What is what became of a release that is decided.
func (l Leaving) What() string {
	switch {
	case l.Act == airlock.Stop:
		return "stopped"
	case l.Release.State.Over():
		return string(l.Release.State)
	}
	return ""
}

// Concerns says whether a person is told in that part. Owns says that they own the release's asset.
func (l Leaving) Concerns(to To, p narthex.Person, owns bool) bool {
	if p.ID == l.By {
		return false
	}
	switch to {
	case Releasers:
		_, may := airlock.ReviewsAs(l.Release, l.Engagement, p, owns)
		return may && airlock.WaitsFor(l.Release, p.ID)
	case Passed:
		_, may := airlock.ReviewsAs(l.Release, l.Engagement, p, owns)
		voted := slices.ContainsFunc(l.Release.Votes, func(v narthex.ReleaseVote) bool { return v.By == p.ID })
		return may && (!voted || l.Act != airlock.Vote)
	case Programme:
		return runs(l.Engagement, p)
	case Holder:
		return p.ID == l.Release.Author && workflow.MayRead(l.Engagement, p)
	}
	return false
}

// Ended is a job that is over.
type Ended struct {
	By         narthex.PersonID // who cancelled it
	Job        narthex.Job
	Engagement narthex.Engagement
}

// Tells gives what is told of it.
func (j Ended) Tells() []Told { return []Told{{Holder, "job_ended"}} }

// Concerns says whether a person is told.
func (j Ended) Concerns(to To, p narthex.Person) bool {
	return to == Holder && p.ID == j.Job.Person && p.ID != j.By && workflow.MayRead(j.Engagement, p)
}
