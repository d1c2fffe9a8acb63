package workflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
)

const (
	mostIncidents = 50 // of an engagement
	mostTold      = 20 // of an incident
	mostReport    = 90 // days in which a report is owed
)

// OpenIncidents lists the incidents of which nobody has said what became.
func OpenIncidents(e narthex.Engagement) []narthex.Incident {
	return slices.DeleteFunc(slices.Clone(e.Incidents), func(i narthex.Incident) bool { return !i.Open() })
}

// checkIncident says what is wrong with an incident as it is opened at now, or nil.
func checkIncident(e narthex.Engagement, in *narthex.Incident, now time.Time) *narthex.Error {
	switch {
	case in == nil:
		return narthex.Invalidf("The command brings no incident.").For("incident")
	case !slices.Contains(narthex.IncidentKinds(), in.Kind):
		return narthex.Invalidf("An incident is of a kind of the list: %v.", narthex.IncidentKinds()).For("kind")
	case !slices.Contains(narthex.Severities(), in.Severity):
		return narthex.Invalidf("A severity is one of: %v.", narthex.Severities()).For("severity")
	case in.At.IsZero() || in.At.After(now):
		return narthex.Invalidf("An incident says when it happened, which is not to come.").For("at")
	case strings.TrimSpace(in.Text) == "" || utf8.RuneCountInString(in.Text) > mostText:
		return narthex.Invalidf("An incident says what happened, in 1 to %d characters.", mostText).For("text")
	case len(in.Told) > mostTold || slices.ContainsFunc(in.Told, func(who string) bool { return strings.TrimSpace(who) == "" || utf8.RuneCountInString(who) > 200 }):
		return narthex.Invalidf("Who was told is a list of at most %d, each of 1 to 200 characters.", mostTold).For("told")
	case slices.ContainsFunc(in.Assets, func(a narthex.AssetName) bool {
		return !slices.ContainsFunc(e.Application.Terms, func(t narthex.Term) bool { return t.Asset == a })
	}):
		return narthex.Invalidf("The assets are of the engagement's terms.").For("assets")
	case len(e.Incidents) >= mostIncidents:
		return narthex.Conflictf("This engagement has %d incidents already, and no more are taken. Resolve those.", mostIncidents)
	}
	if o := in.Owed; o != nil {
		_, owed := owedOf(e, narthex.IncidentReport)
		switch {
		case o.Obligation != narthex.IncidentReport || o.By != narthex.PartyResearcher && o.By != narthex.PartyInstitution || o.Days < 1 || o.Days > mostReport || o.Business || o.From.IsZero():
			return narthex.Invalidf("A report is owed by the researcher or the institution, in 1 to %d days.", mostReport).For("report_days")
		case owed:
			return narthex.Conflictf("A report on an incident of this engagement was asked for already; one report tells of all.").For("report_days")
		}
	}
	return nil
}

// mayOpenIncident takes an incident in. Asking the other side for a report is the lab's.
func mayOpenIncident(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	if err := checkIncident(e, draft.Incident, facts.Now); err != nil {
		return err
	}
	if draft.Incident.Owed != nil && !p.InLab() {
		return narthex.Refusedf("The lab asks for a report; open the incident without.").For("report_days")
	}
	return nil
}

// mayResolveIncident lets someone else than who opened it say what became of it: the programme may in any case.
func mayResolveIncident(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	at := incidentAt(e, draft.Number)
	switch {
	case at < 0:
		return narthex.Invalidf("There is no such incident; `narthex incidents list` shows them by number.").For("number")
	case !e.Incidents[at].Open():
		return narthex.Conflictf("That incident is resolved already.").For("number")
	case e.Incidents[at].By == p.ID && !p.Has(narthex.Programme):
		return narthex.Refusedf("Whoever opened an incident does not resolve it: someone else of the lab does, or the programme.")
	case !slices.Contains(narthex.IncidentOutcomes(), draft.Outcome):
		return narthex.Invalidf("An outcome is one of: %v.", narthex.IncidentOutcomes()).For("outcome")
	case strings.TrimSpace(draft.Text) == "":
		return narthex.Invalidf("Say what was found; both sides read it.").For("text")
	}
	return nil
}

func incidentAt(e narthex.Engagement, number int) int {
	return slices.IndexFunc(e.Incidents, func(i narthex.Incident) bool { return i.Number == number })
}

// onIncident folds what is done about incidents.
func onIncident(e *narthex.Engagement, event Event) error {
	e.Incidents = slices.Clone(e.Incidents)
	if event.Command == OpenIncident {
		if refused := checkIncident(*e, event.Incident, event.At); refused != nil {
			return fmt.Errorf("the incident could not be: %s", refused.Public)
		}
		in := *event.Incident
		in.Number, in.By, in.OpenedAt = len(e.Incidents)+1, event.By, event.At
		e.Incidents = append(e.Incidents, in)
		if in.Owed != nil {
			owed := *in.Owed
			owed.Clause = fmt.Sprintf("incident %d", in.Number)
			e.Owed = append(slices.Clone(e.Owed), owed)
		}
		return nil
	}
	at := incidentAt(*e, event.Number)
	if at < 0 || !e.Incidents[at].Open() || !slices.Contains(narthex.IncidentOutcomes(), event.Outcome) || strings.TrimSpace(event.Text) == "" {
		return errors.New("there is no such incident that is open, or no outcome")
	}
	e.Incidents[at].Outcome, e.Incidents[at].Findings, e.Incidents[at].ResolvedBy, e.Incidents[at].ResolvedAt = event.Outcome, event.Text, event.By, event.At
	return nil
}
