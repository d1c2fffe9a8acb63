package office

import (
	"context"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/workflow"
)

// OpenIncident takes in what went wrong in an engagement, from either side, and with it in one commit the lock that whoever opens it may
// set, and the report that is owed.
func (o *Office) OpenIncident(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.OpenIncident) (client.IncidentList, error) {
	var lock *narthex.Lock
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		lock = nil
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		if refused := workflow.Open(e, workflow.OpenIncident, p); refused != nil {
			return refused
		}
		incident := narthex.Incident{Number: len(e.Incidents) + 1, Kind: in.Kind, Severity: in.Severity, At: in.At.UTC(), Assets: in.Assets, Told: in.Told, Text: in.Text, By: p.ID, OpenedAt: tx.Now()}
		if in.ReportDays != 0 || in.ReportBy != "" {
			incident.Owed = &narthex.Owed{Obligation: narthex.IncidentReport, By: in.ReportBy, Days: in.ReportDays, From: tx.Now().UTC().Truncate(time.Second)}
		}
		if in.Lock != nil {
			if !in.Lock.SilentUntil.IsZero() {
				return narthex.Invalidf("An incident is read by both sides, so a lock that goes with it is told. Set a silent one by itself: `narthex lock`.").For("lock")
			}
			if err := ofEngagement(tx, e, *in.Lock); err != nil {
				return err
			}
			set, err := o.setLock(tx, p, *in.Lock)
			if err != nil {
				return err
			}
			lock, incident.Lock = &set, set.ID
		}
		_, err = o.apply(tx, e, workflow.Event{Command: workflow.OpenIncident, Incident: &incident}, p, workflow.Facts{Now: tx.Now()})
		return err
	})
	if err != nil {
		return client.IncidentList{}, err
	}
	if lock != nil {
		o.cutLocked(*lock)
	}
	return o.Incidents(ctx, by, id)
}

// ofEngagement holds the lock of an incident to what the incident's engagement is made of.
func ofEngagement(tx *journal.Tx, e narthex.Engagement, in client.LockRequest) error {
	var targets []string
	switch in.Subject {
	case "engagement":
		targets = []string{string(e.ID)}
	case "grant":
		targets = []string{string(e.Grant)}
	case "person":
		for _, person := range append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...) {
			targets = append(targets, string(person))
		}
	case "org":
		targets = []string{string(e.Application.Org)}
	case "asset":
		for _, term := range e.Application.Terms {
			targets = append(targets, string(term.Asset))
		}
	case "key":
		keys, err := gateway.KeysOf(tx, e.Grant)
		if err != nil {
			return err
		}
		for _, key := range keys {
			targets = append(targets, string(key.ID))
		}
	}
	if !slices.Contains(targets, in.Target) {
		return narthex.Invalidf("The lock of an incident is on the engagement, its grant, a key, an asset, its people or their organisation.").For("lock")
	}
	return nil
}

// ResolveIncident says what became of an incident.
func (o *Office) ResolveIncident(ctx context.Context, by narthex.PersonID, id narthex.EngagementID, in client.ResolveIncident) (client.IncidentList, error) {
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		_, err = o.apply(tx, e, workflow.Event{Command: workflow.ResolveIncident, Number: in.Number, Outcome: in.Outcome, Text: in.Text}, p, workflow.Facts{Now: tx.Now()})
		return err
	})
	if err != nil {
		return client.IncidentList{}, err
	}
	return o.Incidents(ctx, by, id)
}

// Incidents lists the incidents of an engagement, to someone who may know of it.
func (o *Office) Incidents(ctx context.Context, by narthex.PersonID, id narthex.EngagementID) (client.IncidentList, error) {
	list := client.IncidentList{Engagement: id, Incidents: []narthex.Incident{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		e, err := engagementOf(tx, id)
		if err != nil {
			return err
		}
		if !workflow.MayRead(e, p) {
			return narthex.WithheldError()
		}
		list.Incidents = append([]narthex.Incident{}, e.Incidents...)
		return nil
	})
	return list, err
}
