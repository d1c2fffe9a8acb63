package office

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
)

// openStudies gives the jobs whose studies wait for approval.
func openStudies(tx *journal.Tx) ([]book.Job, error) {
	open, err := book.Listed[book.Job](tx, store.Jobs, listing.OpenJobs, mostReleases)
	return slices.DeleteFunc(open, func(j book.Job) bool { return j.State != narthex.JobInReview }), err
}

// Studies lists the jobs whose studies wait for approval and of which the person may say something.
func (o *Office) Studies(ctx context.Context, by narthex.PersonID) (client.StudyList, error) {
	list := client.StudyList{Jobs: []narthex.Job{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := insider(p); err != nil {
			return err
		}
		open, err := openStudies(tx)
		if err != nil {
			return err
		}
		for _, j := range open {
			if _, may, err := o.reviewsStudy(tx, j.Job, p); err != nil {
				return err
			} else if may {
				list.Jobs = append(list.Jobs, airlock.ShownStudy(j.Job, p))
			}
		}
		return nil
	})
	return list, err
}

// addStudies adds the studies that wait for the person's word.
func (o *Office) addStudies(tx *journal.Tx, p narthex.Person, list *client.WorkList, most int) error {
	if !p.InLab() {
		return nil
	}
	rules, err := o.Rules.Get()
	if err != nil {
		return err
	}
	open, err := openStudies(tx)
	if err != nil {
		return err
	}
	for _, j := range open {
		_, may, err := o.reviewsStudy(tx, j.Job, p)
		if err != nil {
			return err
		}
		if !may || !airlock.StudyWaitsFor(j.Job, p.ID) {
			continue
		}
		author, err := journal.Get[narthex.Person](tx, store.People, string(j.Person))
		if err != nil || author == nil {
			return narthex.Unavailablef("A list could not be read.").Because(err)
		}
		if len(list.Work) == most {
			list.More = true
			return nil
		}
		due := airlock.StudyDue(j.Job, rules.Directory.Calendar)
		list.Work = append(list.Work, client.WorkItem{Do: "review_study", Job: j.ID, Engagement: j.Engagement, Title: fmt.Sprintf("a study that is to run beside %s@%s", j.Plan.Asset, j.Plan.Version), Applicant: author.Name, Since: j.TakenAt, Due: due, Late: tx.Now().After(due)})
	}
	return nil
}

// sweepStudies lets the clocks of studies say what they have to say and have not said, and gives how many spoke. Of what is stopped none speaks.
func (o *Office) sweepStudies(ctx context.Context) (spoke int, err error) {
	due := map[narthex.JobID]bool{}
	err = o.Journal.View(ctx, func(tx *journal.Tx) error {
		clear(due)
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		open, err := openStudies(tx)
		for _, j := range open {
			if _, speaks := airlock.StudyTick(j.Job, rules.Directory.Calendar, tx.Now()); speaks {
				due[j.ID] = true
			}
		}
		return err
	})
	for part := range slices.Chunk(slices.Sorted(maps.Keys(due)), sweptAtOnce) {
		said := 0
		if err == nil {
			err = o.Journal.Update(ctx, func(tx *journal.Tx) (err error) {
				said, err = o.speakStudies(tx, part)
				return err
			})
			spoke += said
		}
	}
	return spoke, err
}

func (o *Office) speakStudies(tx *journal.Tx, ids []narthex.JobID) (said int, err error) {
	rules, err := o.Rules.Check(tx)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		row, err := journal.Get[book.Job](tx, store.Jobs, string(id))
		if err != nil {
			return 0, err
		}
		if row == nil {
			continue
		}
		tick, speaks := airlock.StudyTick(row.Job, rules.Directory.Calendar, tx.Now())
		if !speaks || gateway.JobStopped(tx, *row) != "" {
			continue
		}
		if _, err := o.bell().ChangeJob(tx, *row, tick); err != nil {
			return 0, err
		}
		said++
	}
	return said, nil
}

// reviewsStudy says in which role a person may say something of a study.
func (o *Office) reviewsStudy(tx *journal.Tx, j narthex.Job, p narthex.Person) (narthex.Role, bool, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return "", false, err
	}
	e, err := engagementOf(tx, j.Engagement)
	if err != nil {
		return "", false, err
	}
	role, may := airlock.StudyReviewsAs(j, e, p, rules.Directory.Owns(j.Plan.Asset, p))
	return role, may, nil
}

// studied gives a job of whose study the person may say something; any other is as if absent.
func (o *Office) studied(tx *journal.Tx, id narthex.JobID, p narthex.Person) (book.Job, narthex.Role, error) {
	if _, err := id.Index(); err != nil {
		return book.Job{}, "", narthex.WithheldError()
	}
	row, err := journal.Get[book.Job](tx, store.Jobs, string(id))
	if err != nil {
		return book.Job{}, "", err
	}
	if row == nil {
		return book.Job{}, "", narthex.WithheldError()
	}
	role, may, err := o.reviewsStudy(tx, row.Job, p)
	if err == nil && !may {
		err = narthex.WithheldError()
	}
	return *row, role, err
}

// Study gives a frozen study to one of its reviewers, with its bytes; that they looked is an entry.
func (o *Office) Study(ctx context.Context, by narthex.PersonID, id narthex.JobID) (client.StudyPackage, error) {
	var out client.StudyPackage
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		out = client.StudyPackage{Files: []client.StudyFile{}}
		row, _, err := o.studied(tx, id, p)
		if err != nil {
			return err
		}
		if !row.ClearedAt.IsZero() {
			return notKept()
		}
		files, err := gateway.StudyFiles(tx, row.Plan.Study)
		if err != nil {
			return narthex.Unavailablef("The files are not those that were frozen, so they are not shown. Tell the operators.").Because(err)
		}
		for _, f := range files {
			out.Files = append(out.Files, client.StudyFile{Path: f.Name, Data: f.Data})
		}
		if out.Plan, err = airlock.PlanDigest(row.Plan); err != nil {
			return err
		}
		out.Job = airlock.ShownStudy(row.Job, p)
		_, err = o.bell().ChangeJob(tx, row, airlock.JobEvent{Act: airlock.JobRead, By: p.ID})
		return err
	})
	return out, err
}

// ApproveStudy takes in that a study may run.
func (o *Office) ApproveStudy(ctx context.Context, by narthex.PersonID, id narthex.JobID, in client.VoteStudy) (narthex.Job, error) {
	return o.judgeStudy(ctx, by, id, in, airlock.JobApprove)
}

// ReturnStudy sends a study back to its author, without having run.
func (o *Office) ReturnStudy(ctx context.Context, by narthex.PersonID, id narthex.JobID, in client.VoteStudy) (narthex.Job, error) {
	if in.Comment == "" {
		return narthex.Job{}, narthex.Invalidf("To send it back say in the comment what its author is to change.").For("comment")
	}
	return o.judgeStudy(ctx, by, id, in, airlock.JobReturn)
}

func (o *Office) judgeStudy(ctx context.Context, by narthex.PersonID, id narthex.JobID, in client.VoteStudy, act airlock.JobAct) (narthex.Job, error) {
	var out narthex.Job
	for field, text := range map[string]string{"comment": in.Comment, "note": in.Note} {
		if utf8.RuneCountInString(text) > mostReleaseSaid || airlock.CheckWords(text) != nil {
			return out, narthex.Invalidf("A comment has at most %d characters, all of them to be seen.", mostReleaseSaid).For(field)
		}
	}
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		row, role, err := o.studied(tx, id, p)
		if err != nil {
			return err
		}
		code := gateway.JobStopped(tx, row)
		if code == narthex.UnauthenticatedError().Code || code == narthex.Unavailable.String() {
			return journal.Unrecorded() // it may be a lock of which nobody may tell, or what could not be read
		}
		if code != "" {
			return narthex.Conflictf("What the study rests on is stopped (%s), so nothing is decided of it now.", code)
		}
		if act == airlock.JobApprove {
			if err := o.studyStands(tx, row.Job); err != nil {
				return err
			}
		}
		vote := narthex.StudyVote{By: p.ID, As: role, At: tx.Now(), Saw: in.Saw, Approves: act == airlock.JobApprove, Comment: in.Comment, Note: in.Note}
		row, err = o.bell().ChangeJob(tx, row, airlock.JobEvent{Act: act, By: p.ID, Vote: &vote})
		if err == nil {
			out = airlock.ShownStudy(row.Job, p)
		}
		return err
	})
	return out, err
}

// studyStands refuses an approval of what is no longer what was frozen, and one beside that of somebody who may review the study no longer.
func (o *Office) studyStands(tx *journal.Tx, j narthex.Job) error {
	rules, err := o.Rules.Check(tx)
	if err != nil {
		return err
	}
	if !gateway.PlanStands(rules, j.Plan) {
		return narthex.Conflictf("The environment or the version of the asset is no longer the one that was frozen, so the study does not run. Its author hands it in again.")
	}
	for _, was := range j.Votes {
		may, err := o.maySay(tx, was.By, func(voter narthex.Person) (bool, error) {
			_, may, err := o.reviewsStudy(tx, j, voter)
			return may, err
		})
		if err != nil {
			return err
		}
		if !may {
			return narthex.Conflictf("Somebody who approved this study may review it no longer, so no approval is counted beside theirs. Send it back to its author, who hands it in again.")
		}
	}
	return nil
}
