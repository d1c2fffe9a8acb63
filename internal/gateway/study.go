package gateway

import (
	"slices"
	"strings"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/notice"
	"narthex/internal/store"
)

// studyApproval gives what an agreement asks before a study runs, nil for nothing. What cannot be read lets none be handed in.
func studyApproval(tx *journal.Tx, agreement narthex.Digest) (*narthex.StudyApproval, error) {
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(agreement))
	if err != nil || row == nil {
		return nil, narthex.Unavailablef("The agreement of the grant could not be read, so nothing of it runs. Try again; tell the lab if it stays so.").Because(err)
	}
	approval, err := lab.StudyOf(row.Agreement)
	if err != nil {
		return nil, narthex.Unavailablef("What the agreement says of studies does not read, so none runs. Tell the lab's programme.").Because(err)
	}
	return approval, nil
}

// endsJob gives the code of what ends a job: what stops its key, that it waits for more devices than the host has any more, or that its study
// waits for approval beside an environment or a version that is no longer the one that was frozen. What waits in the queue is held to that when
// it begins.
func (h *Hall) endsJob(tx *journal.Tx, job book.Job) string {
	if code := stopsJob(tx, job); code != "" {
		return code
	}
	if all, _ := h.has.Load().Has(job.Plan.Device); h.Driver != nil && job.State.Waits() && job.Plan.Devices > all {
		return "changed"
	}
	if job.State != narthex.JobInReview {
		return ""
	}
	rules, err := h.Rules.Check(tx)
	if err != nil {
		return narthex.Unavailable.String()
	}
	if !PlanStands(rules, job.Plan) {
		return "changed"
	}
	return ""
}

// PlanStands says whether the environment and the asset's versions in force are those of a plan.
func PlanStands(rules *book.Rules, plan narthex.Plan) bool {
	_, print, err := EnvironmentOf(rules, plan.Environment)
	stands := func(name narthex.VersionName, digest narthex.Digest) bool {
		version, known := rules.Directory.Assets[plan.Asset].Version(name)
		return known && version.Digest == digest
	}
	return err == nil && print == plan.EnvironmentDigest && stands(plan.Version, plan.AssetDigest) && (plan.Against == "" || stands(plan.Against, plan.AgainstDigest))
}

// JobStopped gives the code of what stops a job, or "".
func JobStopped(tx *journal.Tx, job book.Job) string { return stopsJob(tx, job) }

// StudyFiles gives the files of a frozen study, sorted by their paths.
func StudyFiles(tx *journal.Tx, study narthex.Digest) ([]airlock.Raw, error) {
	files, err := readStudy(tx, study)
	if err != nil {
		return nil, err
	}
	list := []airlock.Raw{}
	for name, data := range files {
		list = append(list, airlock.Raw{Name: name, Data: data})
	}
	slices.SortFunc(list, func(a, b airlock.Raw) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// tellStudy tells of an act on a job whose study people approve; the act is empty where it was handed in, and index is that of its entry.
func (b Bell) tellStudy(tx *journal.Tx, j narthex.Job, e airlock.JobEvent, index uint64) error {
	s := notice.Studied{Act: e.Act, By: e.By, Job: j}
	if len(s.Tells()) == 0 || hushed(tx, j.Grant, j.Key, j.Plan.Asset) {
		return nil
	}
	engagement, staff, owns, err := b.around(tx, j.Engagement, j.Plan.Asset)
	if err != nil {
		return err
	}
	able := 0
	for _, p := range staff {
		if _, may := airlock.StudyReviewsAs(j, engagement, p, owns(p)); may {
			able++
		}
	}
	s.Engagement, s.Few = engagement, able < airlock.MustApprove(j.Plan)
	people, err := with(tx, staff, j.Person)
	if err != nil {
		return err
	}
	n := book.Notice{Engagement: j.Engagement, Of: string(j.ID), At: tx.Now()}
	return b.Channels.Tell(tx, n, index, s.Tells(), func(to notice.To) []narthex.Person {
		return slices.DeleteFunc(slices.Clone(people), func(p narthex.Person) bool { return !s.Concerns(to, p, owns(p)) })
	})
}
