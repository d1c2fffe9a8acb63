package office

import (
	"context"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/notice"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// tell writes what people and webhooks are told of an event, in the change that it is of. What could not be told of must not keep it
// from happening: where nobody is found to tell, nobody is told.
func (o *Office) tell(tx *journal.Tx, before, after narthex.Engagement, event workflow.Event) error {
	return o.tellOnce(tx, before, after, event, event.Seq)
}

// tellLock tells those whom an engagement concerns of a lock on it or on its grant, or that it was lifted; of a silent one nobody.
func (o *Office) tellLock(tx *journal.Tx, lock narthex.Lock, command workflow.Command) error {
	if lock.Silent(tx.Now()) {
		return nil
	}
	id := narthex.EngagementID(lock.Target)
	switch lock.Subject {
	case "engagement":
	case "grant":
		grant, err := journal.Get[narthex.Grant](tx, store.Grants, lock.Target)
		if err != nil || grant == nil {
			return err
		}
		id = grant.Engagement
	default:
		return nil // it is told beside what it stops
	}
	e, err := engagementOf(tx, id)
	if err != nil {
		return err
	}
	return o.tellOnce(tx, e, e, workflow.Event{Command: command, At: tx.Now()}, lock.ID)
}

// tellOnce writes them; of names what happened, so that it is told once.
func (o *Office) tellOnce(tx *journal.Tx, before, after narthex.Engagement, event workflow.Event, of any) error {
	rules, err := o.Rules.Get()
	if err != nil {
		return err
	}
	h := notice.Happened{Before: before, Event: event, After: after, EscalateTo: rules.Directory.Pathways[after.Application.Pathway].EscalateTo}
	tells := h.Tells()
	if len(tells) == 0 {
		return nil
	}
	people, err := around(tx, tells, after)
	if err != nil {
		return err
	}
	n := book.Notice{Engagement: after.ID, What: string(event.Obligation), At: event.At}
	if event.Command == workflow.Remind {
		n.Manuscript = event.Number
	}
	if on := event.Publication; on != nil {
		n.Manuscript = max(on.Manuscript, 1)
		if event.Command == workflow.ManuscriptSubmit {
			n.Manuscript = len(after.Manuscripts)
		}
	}
	who, err := ownersNow(tx, rules.Directory)
	if err != nil {
		return err
	}
	return o.Channels.Tell(tx, n, of, tells, func(to notice.To) []narthex.Person { return concerned(h, to, people, who) })
}

// concerned gives who is told in a part. Where a pathway names nobody who has no part in it, custodians are told in their place.
func concerned(h notice.Happened, to notice.To, people []narthex.Person, who owners) []narthex.Person {
	found := slices.DeleteFunc(slices.Clone(people), func(p narthex.Person) bool { return !h.Concerns(to, p, who.owns(h.After.Application.Terms, p)) })
	if to == notice.Named && len(found) == 0 && h.EscalateTo != string(narthex.Custodian) {
		h.EscalateTo = string(narthex.Custodian)
		return concerned(h, to, people, who)
	}
	return found
}

// around gives whoever may be told: of the lab, of the researcher's side, of its institution.
func around(tx *journal.Tx, tells []notice.Told, e narthex.Engagement) ([]narthex.Person, error) {
	asks := func(where func(notice.To) bool) bool {
		return slices.ContainsFunc(tells, func(t notice.Told) bool { return where(t.To) })
	}
	var people []narthex.Person
	if asks(notice.To.InLab) {
		staff, err := book.PeopleOf(tx, "")
		if err != nil {
			return nil, err
		}
		for _, p := range staff {
			if p, err = book.WithInterests(tx, p); err != nil {
				return nil, err
			}
			people = append(people, p)
		}
	}
	if asks(notice.To.FromOutside) {
		for _, id := range append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...) {
			p, err := journal.Get[narthex.Person](tx, store.People, string(id))
			if err != nil {
				return nil, err
			}
			if p != nil {
				people = append(people, *p)
			}
		}
	}
	if asks(notice.To.Officials) {
		officials, err := book.OfficialsOf(tx, e.Application.Org)
		if err != nil {
			return nil, err
		}
		people = append(people, officials...)
	}
	return people, nil
}

// Notices lists what a person was told, the latest first, a page at a time. The programme sees besides what could not be delivered
// to anybody, and how much waits.
func (o *Office) Notices(ctx context.Context, by narthex.PersonID, of client.Page) (client.NoticeList, error) {
	list := client.NoticeList{}
	length, err := pageLength(of)
	if err != nil {
		return list, err
	}
	err = o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		list = client.NoticeList{Notices: []client.ToldView{}, Undelivered: []client.Undelivered{}}
		mine := book.NoticesOf(p.ID, "")
		span := store.Prefix(mine, length+1)
		span.Reverse = true
		if of.After != "" {
			span.To = mine + of.After
		}
		rows, err := journal.Scan[book.Notice](tx, store.Notices, span)
		if err != nil {
			return err
		}
		for i, row := range rows {
			if i == length {
				list.Next = strings.TrimPrefix(rows[i-1].Key, mine)
				break
			}
			text, _ := row.Row.Facts().Text()
			list.Notices = append(list.Notices, client.ToldView{ID: row.Row.ID, Kind: string(row.Row.Kind), Engagement: row.Row.Engagement, At: row.Row.At, Happened: text.Happened, Why: text.Why, Do: text.Next, State: string(row.Row.State)})
		}
		if !p.Has(narthex.Programme) {
			return nil
		}
		return undelivered(tx, p, &list, length, append([]string{book.MailChannel}, o.Channels.Hooks...))
	})
	return list, err
}

// undelivered adds what was given up, the latest first, of engagements for which the person runs the programme, and counts what waits.
func undelivered(tx *journal.Tx, p narthex.Person, list *client.NoticeList, length int, channels []string) error {
	span := store.Prefix(book.NoticesFailed, length)
	span.Reverse = true
	rows, err := tx.Reader().Scan(store.Notices, span)
	if err != nil {
		return err
	}
	for _, row := range rows {
		key, _ := book.NoticeAt(book.NoticesFailed, row.Key)
		n, err := journal.Get[book.Notice](tx, store.Notices, key)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		if n.Engagement != "" {
			e, err := engagementOf(tx, n.Engagement)
			if err != nil {
				return err
			}
			if !slices.Contains(workflow.PartsOf(e, p), workflow.Programme) {
				continue // that it was told at all can be more than they may know
			}
			if n.To == notice.Asker && workflow.ToVote(e, p) {
				n.Person = ""
			}
		}
		list.Undelivered = append(list.Undelivered, client.Undelivered{ID: n.ID, Kind: string(n.Kind), Engagement: n.Engagement, Person: n.Person, Channel: n.Channel, At: n.At, Tries: n.Tries, GivenUp: n.Ended, Because: n.Why})
	}
	const most = 10_000
	for _, channel := range channels {
		rows, err := tx.Reader().Scan(store.Notices, store.Prefix(book.NoticesWaiting(channel), most))
		if err != nil {
			return err
		}
		list.Waiting += len(rows)
	}
	return nil
}

// sweptAtOnce is how many engagements' clocks speak in one commit.
const sweptAtOnce = 50

// Sweep lets every clock say what it has to say and has not said: reminders, and the escalation of what is late. It reads the list of
// clocks up to now and no more, and each clock says a thing once, whoever else sweeps. Those of releases and studies, of which few wait, are looked at one by one. It gives how many spoke.
func (o *Office) Sweep(ctx context.Context) (spoke int, err error) {
	var due []narthex.EngagementID
	err = o.Journal.View(ctx, func(tx *journal.Tx) (err error) {
		due, err = o.dueClocks(tx)
		return err
	})
	for part := range slices.Chunk(due, sweptAtOnce) {
		said := 0
		if err == nil {
			err = o.Journal.Update(ctx, func(tx *journal.Tx) error {
				said = 0
				rules, err := o.Rules.Check(tx)
				if err != nil {
					return err
				}
				for _, id := range part {
					n, err := o.speak(tx, rules.Directory.Calendar, id)
					if err != nil {
						return err
					}
					said += n
				}
				return nil
			})
			spoke += said
		}
	}
	if err != nil {
		return spoke, err
	}
	for _, sweep := range []func(context.Context) (int, error){o.sweepReleases, o.sweepStudies} {
		said, err := sweep(ctx)
		if spoke += said; err != nil {
			return spoke, err
		}
	}
	return spoke, nil
}

// dueClocks gives the engagements whose clocks have something to say now.
func (o *Office) dueClocks(tx *journal.Tx) ([]narthex.EngagementID, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return nil, err
	}
	var due []narthex.EngagementID
	err = book.EachClock(tx, func(id narthex.EngagementID) error {
		e, err := engagementOf(tx, id)
		if err == nil && len(workflow.Ticks(e, rules.Directory.Calendar, tx.Now())) > 0 {
			due = append(due, id)
		}
		return err
	})
	return due, err
}

// speak lets the clock of an engagement say what it has to say.
func (o *Office) speak(tx *journal.Tx, calendar workflow.Calendar, id narthex.EngagementID) (int, error) {
	e, err := engagementOf(tx, id)
	if err != nil {
		return 0, err
	}
	ticks := workflow.Ticks(e, calendar, tx.Now())
	for _, tick := range ticks {
		if e, err = o.bySystem(tx, e, tick); err != nil {
			return 0, err
		}
	}
	return len(ticks), nil
}
