package office

import (
	"cmp"
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// Work lists what waits for a person: what is late first, then by the end of its time, then the oldest. What needs nothing of
// them is not on it.
func (o *Office) Work(ctx context.Context, by narthex.PersonID) (client.WorkList, error) {
	list := client.WorkList{Work: []client.WorkItem{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		rows, err := journal.Scan[narthex.Engagement](tx, store.Engagements, store.Span{Limit: 100_000})
		if err != nil {
			return err
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		for _, row := range rows {
			item, needed, err := workItem(tx, rules, *row.Row, p)
			if err != nil {
				return err
			}
			if needed {
				list.Work = append(list.Work, item)
			}
		}
		return addDirectory(tx, p, &list)
	})
	slices.SortStableFunc(list.Work, func(a, b client.WorkItem) int {
		if a.Late != b.Late {
			return map[bool]int{true: -1, false: 1}[a.Late]
		}
		if a.Due.IsZero() != b.Due.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Due.IsZero()]
		}
		return cmp.Or(a.Due.Compare(b.Due), a.Since.Compare(b.Since))
	})
	return list, err
}

// workItem is what an engagement asks of a person, where it asks something.
func workItem(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) (client.WorkItem, bool, error) {
	late := !e.Due.IsZero() && e.State == narthex.InReview && tx.Now().After(e.Due)
	task := workflow.TaskOf(e, p, late, owns(rules.Directory, e.Application.Terms, p))
	if task == "" || !workflow.MayRead(e, p) {
		return client.WorkItem{}, false, nil
	}
	applicant, err := journal.Get[narthex.Person](tx, store.People, string(e.Application.Applicant))
	if err != nil || applicant == nil {
		return client.WorkItem{}, false, narthex.Unavailablef("A list could not be read.").Because(err)
	}
	item := client.WorkItem{Engagement: e.ID, Title: e.Application.Title, Applicant: applicant.Name, Do: string(task), Since: workflow.Seen(e, p).ChangedAt, Late: late, Nudged: !e.Nudged.IsZero()}
	if e.State == narthex.InReview {
		item.Since, item.Due = e.Since, e.Due
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
