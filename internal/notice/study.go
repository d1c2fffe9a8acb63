package notice

import (
	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/workflow"
)

// Studied is something that was done with a job whose study people approve before it runs, with what is after it. Nothing of the study, and
// nothing of what was said of it, is told.
type Studied struct {
	Act        airlock.JobAct // empty where it was handed in
	By         narthex.PersonID
	Job        narthex.Job
	Engagement narthex.Engagement
	Few        bool // whether fewer people may review it than must
}

// Tells gives what is told of it.
func (s Studied) Tells() []Told {
	if s.Job.Plan.Approval == nil {
		return nil
	}
	switch s.Act {
	case "":
		told := []Told{{Approvers, "study_asked"}}
		if s.Few {
			told = append(told, Told{Programme, "study_unreviewed"})
		}
		return told
	case airlock.JobApprove:
		if s.Job.State == narthex.JobQueued { // how anybody voted before that is told to nobody
			return []Told{{Holder, "study_approved"}}
		}
	case airlock.JobReturn:
		return []Told{{Holder, "study_returned"}}
	case airlock.JobRemind:
		return []Told{{Approvers, "study_waits"}}
	case airlock.JobEscalate:
		return []Told{{Programme, "study_late"}}
	}
	return nil
}

// Concerns says whether a person is told in that part. Owns says that they own the job's asset.
func (s Studied) Concerns(to To, p narthex.Person, owns bool) bool {
	if p.ID == s.By {
		return false
	}
	switch to {
	case Approvers:
		_, may := airlock.StudyReviewsAs(s.Job, s.Engagement, p, owns)
		return may && airlock.StudyWaitsFor(s.Job, p.ID)
	case Programme:
		return runs(s.Engagement, p)
	case Holder:
		return p.ID == s.Job.Person && workflow.MayRead(s.Engagement, p)
	}
	return false
}
