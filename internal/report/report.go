// Package report counts what became of applications: the funnel of each pathway, how long decisions took and whom they waited for,
// and how many people from outside there are for each person of the lab.
//
// It promises that the same engagements give the same figures, that every figure is counted from the engagements themselves and
// none is kept beside them, and that what anyone may read of a pathway, how long it took, is the median of several
// decisions. Percentiles are by the nearest rank: the value at position ⌈p·n⌉ of the sorted list.
//
// It is pure. It trusts its caller for who may read a report. Read next: office/report.go.
package report

import (
	"math"
	"slices"
	"time"

	"narthex"
	"narthex/client"
)

// Fewest is of how many decisions together it is told how long they took, where anyone may read it.
const Fewest = 5

// Of gives the report on engagements, with the people who stand when it is made.
func Of(engagements []narthex.Engagement, people []narthex.Person, now time.Time) client.Report {
	out := client.Report{At: now, Pathways: []client.PathwayReport{}}
	byPathway := map[narthex.PathwayName]*tally{}
	insiders := map[narthex.PersonID]bool{}
	for _, e := range engagements {
		of := byPathway[e.Application.Pathway]
		if of == nil {
			of = &tally{name: e.Application.Pathway, roles: map[narthex.Role][]time.Duration{}}
			byPathway[e.Application.Pathway] = of
		}
		of.add(e, now)
		if e.State == narthex.Active {
			for _, person := range append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...) {
				insiders[person] = true
			}
		}
	}
	for _, of := range byPathway {
		out.Pathways = append(out.Pathways, of.report())
		out.Overdue += of.overdue
	}
	slices.SortFunc(out.Pathways, func(a, b client.PathwayReport) int { return compare(a.Pathway, b.Pathway) })
	out.Insiders = len(insiders)
	for _, p := range people {
		if p.InLab() && p.State == narthex.PersonActive && len(p.Roles) > 0 {
			out.Staff++
		}
	}
	if out.Staff > 0 {
		out.InsidersPerStaff = math.Round(100*float64(out.Insiders)/float64(out.Staff)) / 100
	}
	return out
}

// tally is what is counted of one pathway.
type tally struct {
	name                                                              narthex.PathwayName
	drafts, submitted, offered, granted, declined, withdrawn, running int
	overdue                                                           int
	took                                                              []time.Duration
	roles                                                             map[narthex.Role][]time.Duration
}

func (t *tally) add(e narthex.Engagement, now time.Time) {
	if e.SubmittedAt.IsZero() {
		if e.State == narthex.Draft {
			t.drafts++
		}
		return // what was never submitted is its authors' alone
	}
	t.submitted++
	if e.Agreement != "" {
		t.offered++
	}
	if e.Grant != "" {
		t.granted++
	}
	switch e.State {
	case narthex.Declined:
		t.declined++
	case narthex.Withdrawn:
		t.withdrawn++
	case narthex.Active:
		t.running++
	case narthex.InReview:
		if !e.Due.IsZero() && now.After(e.Due) {
			t.overdue++
		}
	}
	if !e.DecidedAt.IsZero() {
		t.took = append(t.took, e.DecidedAt.Sub(e.SubmittedAt))
	}
	if e.State == narthex.InReview {
		return // its votes are not to be known yet, and whoever reads a report may be one who is to vote
	}
	for _, vote := range e.Votes {
		if !e.Since.IsZero() && !vote.At.Before(e.Since) {
			t.roles[vote.As] = append(t.roles[vote.As], vote.At.Sub(e.Since))
		}
	}
}

func (t *tally) report() client.PathwayReport {
	out := client.PathwayReport{Pathway: t.name, Drafts: t.drafts, Submitted: t.submitted, Offered: t.offered, Granted: t.granted, Declined: t.declined,
		Withdrawn: t.withdrawn, Running: t.running, Overdue: t.overdue, Decisions: Times(t.took), Roles: map[narthex.Role]client.TimesTaken{}}
	for role, took := range t.roles {
		out.Roles[role] = Times(took)
	}
	return out
}

// Times gives how many there are, their median and their ninetieth percentile; none gives zeros.
func Times(list []time.Duration) client.TimesTaken {
	if len(list) == 0 {
		return client.TimesTaken{}
	}
	sorted := slices.Sorted(slices.Values(list))
	return client.TimesTaken{Count: len(sorted), MedianHours: hours(at(sorted, 50)), P90Hours: hours(at(sorted, 90))}
}

// at is the value at the nearest rank of a percentile from 1 to 100.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[(percent*len(sorted)+99)/100-1]
}

// hours is a duration in hours, to a tenth.
func hours(d time.Duration) float64 { return math.Round(d.Hours()*10) / 10 }

// Published gives how long the decisions of each pathway took, where there are enough of them for anyone to read it.
func Published(r client.Report) map[narthex.PathwayName]client.TimesTaken {
	out := map[narthex.PathwayName]client.TimesTaken{}
	for _, p := range r.Pathways {
		if p.Decisions.Count >= Fewest {
			out[p.Pathway] = client.TimesTaken{Count: p.Decisions.Count, MedianHours: p.Decisions.MedianHours} // the ninetieth percentile of few is one of them
		}
	}
	return out
}

func compare(a, b narthex.PathwayName) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
