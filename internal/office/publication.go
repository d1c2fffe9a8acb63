package office

import (
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/listing"
	"narthex/internal/order"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// SubmitManuscript takes a manuscript in, and starts its clock by what the agreement says.
func (o *Office) SubmitManuscript(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.ManuscriptSubmit) (client.PublicationView, error) {
	number := 0
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := o.withManuscripts(tx, id, p)
		if err != nil {
			return err
		}
		if refused := workflow.Open(e, workflow.ManuscriptSubmit, p); refused != nil {
			return refused
		}
		event := workflow.Event{Command: workflow.ManuscriptSubmit, At: tx.Now(), Publication: &workflow.Handling{Submitted: &workflow.Submission{
			Title: in.Title, Digest: in.Digest, Size: in.Size, Where: in.Where, Replaces: in.Replaces, Applies: in.Applies}}}
		clause, calendar, err := signedClause(tx, e)
		if err != nil {
			return err
		}
		event.Publication.Submitted.Clause, event.Due = clause, book.ManuscriptDue(clause, calendar, e, event)
		next, err := o.apply(tx, e, event, p, workflow.Facts{})
		number = len(next.Manuscripts)
		return err
	})
	if err != nil {
		return client.PublicationView{}, err
	}
	return o.publication(ctx, by, id, number)
}

// OnManuscript does something with a manuscript of an engagement.
func (o *Office) OnManuscript(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, number int, command workflow.Command, in client.ManuscriptCommand) (client.PublicationView, error) {
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := o.withManuscripts(tx, id, p)
		if err != nil {
			return err
		}
		if number < 1 || number > len(e.Manuscripts) {
			return narthex.WithheldError()
		}
		if refused := workflow.Open(e, command, p); refused != nil {
			return refused
		}
		if command == workflow.RedactionOutcome && in.Outcome != "stands" && in.Outcome != "falls" {
			return narthex.Invalidf("A mediator's decision is that the redaction stands, or that it falls.").For("outcome")
		}
		event := workflow.Event{Command: command, At: tx.Now(), As: workflow.ExaminesAs(e, p), Text: in.Text, Saw: in.Saw, Publication: &workflow.Handling{Manuscript: number, Redaction: in.Redaction,
			Days: in.Days, Reason: in.Reason, Mediator: in.Mediator, Stands: in.Outcome == "stands", Decision: in.Decision, Reference: in.Reference}}
		for _, ask := range in.Redactions {
			event.Publication.Asked = append(event.Publication.Asked, workflow.Passage(ask))
		}
		if command == workflow.ManuscriptResume || command == workflow.RedactionContest {
			clause, calendar, err := signedClause(tx, e)
			if err != nil {
				return err
			}
			event.Due = book.ManuscriptDue(clause, calendar, e, event)
		}
		_, err = o.apply(tx, e, event, p, workflow.Facts{})
		return err
	})
	if err != nil {
		return client.PublicationView{}, err
	}
	return o.publication(ctx, by, id, number)
}

// withManuscripts gives an engagement to who sees manuscripts of it; to others it has none, and never had.
func (o *Office) withManuscripts(tx *journal.Tx, id narthex.EngagementID, p narthex.Person) (narthex.Engagement, error) {
	e, err := engagementOf(tx, id)
	if err == nil && (!workflow.MayRead(e, p) || workflow.SightOf(e, p) == "") {
		err = narthex.WithheldError()
	}
	return e, err
}

// signedClause gives what was signed of publication review, and the calendar of the lab directory that was signed with it: what
// the lab changes afterwards moves no clock of it.
func signedClause(tx *journal.Tx, e narthex.Engagement) (*narthex.PublicationClause, lab.Calendar, error) {
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
	if err != nil || row == nil {
		return nil, lab.Calendar{}, narthex.Unavailablef("The agreement could not be read.").Because(err)
	}
	clause, err := lab.PublicationOf(row.Agreement)
	if err != nil {
		return nil, lab.Calendar{}, narthex.Unavailablef("What the agreement says of publication does not read. Tell the lab's programme.").Because(err)
	}
	files, err := journal.Get[book.Files](tx, store.Files, string(row.Agreement.Directory))
	if err != nil || files == nil {
		return nil, lab.Calendar{}, narthex.Unavailablef("The lab directory that was signed could not be read.").Because(err)
	}
	calendar, err := lab.CalendarOf(files.Files)
	if err != nil {
		return nil, lab.Calendar{}, narthex.Unavailablef("The calendar that was signed could not be read.").Because(err)
	}
	return clause, calendar, nil
}

// Publications lists the manuscripts of an engagement, as a person sees them. That they read them is an entry.
func (o *Office) Publications(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.PublicationList, error) {
	list := client.PublicationList{Publications: []client.PublicationView{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := o.withManuscripts(tx, id, p)
		if err != nil {
			return err
		}
		for number := range len(e.Manuscripts) {
			view, err := publicationView(tx, e, number+1, p)
			if err != nil {
				return err
			}
			list.Publications = append(list.Publications, view)
		}
		return nil
	})
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadManuscript)
	}
	if err != nil {
		return client.PublicationList{}, err
	}
	return list, nil
}

// Publication gives one. That they read it is an entry.
func (o *Office) Publication(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, number int) (client.PublicationView, error) {
	view, err := o.publication(ctx, by, id, number)
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadManuscript)
	}
	if err != nil {
		return client.PublicationView{}, err
	}
	return view, nil
}

// publication gives it as it stands after what was done with it, whose own entry tells who saw it.
func (o *Office) publication(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, number int) (client.PublicationView, error) {
	var view client.PublicationView
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := o.withManuscripts(tx, id, p)
		if err != nil {
			return err
		}
		if number < 1 || number > len(e.Manuscripts) {
			return narthex.WithheldError()
		}
		view, err = publicationView(tx, e, number, p)
		return err
	})
	return view, err
}

func publicationView(tx *journal.Tx, e narthex.Engagement, number int, p narthex.Person) (client.PublicationView, error) {
	whole := e.Manuscripts[number-1]
	view := client.PublicationView{Engagement: e.ID, Manuscript: workflow.Seen(e, p).Manuscripts[number-1], Standing: workflow.Stand(whole, tx.Now()), Allowed: []string{}, People: map[string]string{}}
	if workflow.SightOf(e, p) != workflow.SightWhole {
		view.Standing.Redactions = nil
	}
	for _, command := range workflow.ManuscriptAllowed(e, whole, p, tx.Now()) {
		view.Allowed = append(view.Allowed, workflow.Verb(command))
	}
	return view, manuscriptNames(tx, view.Manuscript, view.People)
}

func manuscriptNames(tx *journal.Tx, m narthex.Manuscript, into map[string]string) error {
	ids := []narthex.PersonID{m.By}
	take := func(said ...*narthex.Said) {
		for _, s := range said {
			if s != nil {
				ids = append(ids, s.By)
			}
		}
	}
	take(m.Cleared)
	if m.Extension != nil {
		take(&m.Extension.Said)
	}
	for _, pause := range m.Pauses {
		take(&pause.Said, pause.Resumed)
	}
	for _, r := range m.Redactions {
		take(&r.Asked, r.Accepted, r.Contested, r.Upheld, r.Dropped)
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if id == "" {
			continue
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(id))
		if err != nil {
			return err
		}
		if person != nil {
			into[string(id)] = person.Name
		}
	}
	return nil
}

// PublicationStatement gives what a published work says of its independence, when the manuscript is clear. That they read it is an
// entry.
func (o *Office) PublicationStatement(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, number int) (client.PublicationStatement, error) {
	var out client.PublicationStatement
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := o.withManuscripts(tx, id, p)
		if err != nil {
			return err
		}
		if number < 1 || number > len(e.Manuscripts) || workflow.SightOf(e, p) != workflow.SightWhole {
			return narthex.WithheldError()
		}
		m := e.Manuscripts[number-1]
		at := workflow.Stand(m, tx.Now())
		if at.ClearSince.IsZero() || m.ReplacedBy != 0 {
			return narthex.Conflictf("The statement says how the review ended, and is made when the manuscript is clear.")
		}
		row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
		if err != nil || row == nil {
			return narthex.Unavailablef("The agreement could not be read.").Because(err)
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		out = client.PublicationStatement{Engagement: e.ID, Manuscript: number, Digest: m.Digest, Text: agreement.Independence(rules.Directory.Taxonomy, row.Agreement, e.Agreement, m, at)}
		return nil
	})
	if err == nil {
		err = o.recordRead(ctx, by, id, book.ReadManuscript)
	}
	if err != nil {
		return client.PublicationStatement{}, err
	}
	return out, nil
}

// addManuscriptWork adds what manuscripts ask of a person to a page of their work, and keeps the most urgent of both.
func addManuscriptWork(tx *journal.Tx, p narthex.Person, list *client.WorkList, length int) error {
	var lists []string
	for _, holder := range listing.WorkersFor(p, nil) {
		lists = append(lists, listing.ManuscriptsOf(holder))
	}
	seen, found := map[string]bool{}, 0
	err := book.Walk(tx, lists, listing.Place(tx.Now(), ""), false, func(_, id string) (bool, error) {
		if seen[id] {
			return false, nil
		}
		seen[id] = true
		e, err := engagementOf(tx, narthex.EngagementID(id))
		if err != nil {
			return true, err
		}
		items, err := manuscriptWork(tx, e, p)
		list.Work, found = append(list.Work, items...), found+len(items)
		return err != nil || found > length, err
	})
	order.By(list.Work, urgency)
	if len(list.Work) > length {
		list.Work, list.More = list.Work[:length], true
	}
	return err
}

// manuscriptWork lists what the manuscripts of an engagement ask of a person.
func manuscriptWork(tx *journal.Tx, e narthex.Engagement, p narthex.Person) ([]client.WorkItem, error) {
	tasks := workflow.ManuscriptTasks(e, p, tx.Now())
	if len(tasks) == 0 || !workflow.MayRead(e, p) {
		return nil, nil
	}
	applicant, err := journal.Get[narthex.Person](tx, store.People, string(e.Application.Applicant))
	if err != nil || applicant == nil {
		return nil, narthex.Unavailablef("A list could not be read.").Because(err)
	}
	var items []client.WorkItem
	for _, task := range tasks {
		items = append(items, client.WorkItem{Engagement: e.ID, Manuscript: task.Manuscript, Title: e.Manuscripts[task.Manuscript-1].Title, Applicant: applicant.Name,
			Do: string(task.Do), Since: task.Since, Due: task.Due})
	}
	return items, nil
}
