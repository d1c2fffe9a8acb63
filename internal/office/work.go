package office

import (
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// workItem is what an engagement asks of a person, where it asks something.
func workItem(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) (client.WorkItem, bool, error) {
	late := !e.Due.IsZero() && e.State == narthex.InReview && tx.Now().After(e.Due)
	who, err := ownersNow(tx, rules.Directory)
	if err != nil {
		return client.WorkItem{}, false, err
	}
	if e, err = ruling(tx, rules.Directory, e); err != nil {
		return client.WorkItem{}, false, err
	}
	owns := who.owns(e.Application.Terms, p)
	task, due := workflow.ObjectionTask(e, p, owns, tx.Now()) // which has the nearest end
	if task == "" {
		task = workflow.TaskOf(e, p, late, owns)
	}
	var owed *workflow.Obligation
	if task == "" {
		task, owed = workflow.OwedBy(e, p, workflow.Obligations(e, rules.Directory.Calendar, tx.Now()))
	}
	if task == "" {
		task, due = workflow.MediationTask(e, p, tx.Now())
	}
	if task == "" || !workflow.MayRead(e, p) {
		return client.WorkItem{}, false, nil
	}
	applicant, err := journal.Get[narthex.Person](tx, store.People, string(e.Application.Applicant))
	if err != nil || applicant == nil {
		return client.WorkItem{}, false, narthex.Unavailablef("A list could not be read.").Because(err)
	}
	item := client.WorkItem{Engagement: e.ID, Title: e.Application.Title, Applicant: applicant.Name, Do: string(task), Since: workflow.Seen(e, p).ChangedAt, Due: due, Late: late, Nudged: !e.Nudged.IsZero()}
	item.Agreed = task == workflow.ToJoin && e.Agreement != ""
	if e.State == narthex.InReview {
		item.Since, item.Due = e.Since, e.Due
	}
	if owed != nil {
		item.Due, item.Late, item.Obligation, item.Waiting = owed.Due, owed.State == narthex.ObligationLate, owed.Obligation, []string{workflow.OwedInWords(owed.Owed)}
	}
	if e.State == narthex.InReview {
		for _, o := range workflow.Seen(e, p).Opinions {
			if o.By == p.ID && !o.Given.IsZero() {
				item.Opinions++
			}
		}
	}
	if task == workflow.ToReview {
		of, err := claiming(tx, who, e)
		if err != nil {
			return item, false, err
		}
		item.Claimed = string(workflow.HoldOn(of, p, who.owns(e.Application.Terms, p)))
		item.For = who.standsInFor(e, p)
	}
	if task == workflow.ToChase {
		item.Waiting, err = waiting(tx, rules, e, p)
	}
	return item, true, err
}

// addDirectory adds a lab directory that waits for a custodian's approval.
func addDirectory(tx *journal.Tx, p narthex.Person, list *client.WorkList) error {
	if !p.Has(narthex.Custodian) {
		return nil
	}
	row, err := book.ReadDirectory(tx)
	if err != nil || row.Proposed == "" || slices.ContainsFunc(row.Approvals, func(a client.LabApproval) bool { return a.Person == p.ID }) {
		return err
	}
	list.Work = append(list.Work, client.WorkItem{Title: "the lab directory " + row.Proposed.Short(), Do: "approve_directory"})
	return nil
}
