package office

import (
	"context"
	"sync"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/report"
)

// Report counts what became of applications, for the programme, custodians and auditors.
func (o *Office) Report(ctx context.Context, by narthex.PersonID) (client.Report, error) {
	var out client.Report
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, narthex.Programme, narthex.Custodian, narthex.Auditor); err != nil {
			return err
		}
		var err error
		out, err = reportOn(tx)
		return err
	})
	return out, err
}

func reportOn(tx *journal.Tx) (client.Report, error) {
	c := report.Counts{Overdue: map[narthex.PathwayName]int{}}
	var err error
	if c.Tallies, err = book.Tallies(tx); err != nil {
		return client.Report{}, err
	}
	for pathway := range c.Tallies {
		if c.Overdue[pathway], err = book.CountLate(tx, pathway); err != nil {
			return client.Report{}, err
		}
	}
	if c.Insiders, err = book.CountInsiders(tx); err != nil {
		return client.Report{}, err
	}
	if err := book.Walk(tx, []string{listing.Papers}, "", false, func(_, id string) (bool, error) {
		e, err := engagementOf(tx, narthex.EngagementID(id))
		report.AddManuscripts(&c.Publications, e.Manuscripts, tx.Now())
		return err != nil, err
	}); err != nil {
		return client.Report{}, err
	}
	c.Incidents.Kinds = map[narthex.IncidentKind]int{}
	if err := book.Walk(tx, []string{listing.Incidents}, "", false, func(_, id string) (bool, error) {
		e, err := engagementOf(tx, narthex.EngagementID(id))
		report.AddIncidents(&c.Incidents, e.Incidents)
		return err != nil, err
	}); err != nil {
		return client.Report{}, err
	}
	c.Staff, err = staff(tx)
	return c.Report(tx.Now()), err
}

// tookLife is how old what is told of how long decisions took may be: anyone may ask, and counting reads every engagement.
const tookLife = time.Hour

// took is how long the decisions of each pathway took, as last counted.
type took struct {
	mu sync.Mutex
	at time.Time
	by map[narthex.PathwayName]client.TimesTaken
}

// tookOf gives how long the decisions of a pathway took, or nil where there were too few to tell.
func (o *Office) tookOf(ctx context.Context, name narthex.PathwayName) (*client.TimesTaken, error) {
	o.took.mu.Lock()
	defer o.took.mu.Unlock()
	if age := o.Journal.Now().Sub(o.took.at); o.took.by == nil || age < 0 || age > tookLife {
		err := o.Journal.View(ctx, func(tx *journal.Tx) error {
			all, err := reportOn(tx)
			if err == nil {
				o.took.at, o.took.by = tx.Now(), report.Published(all)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if times, told := o.took.by[name]; told {
		return &times, nil
	}
	return nil, nil
}
