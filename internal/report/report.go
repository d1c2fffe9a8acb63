// Package report counts what became of applications: the funnel of each pathway, how long decisions took and whom they waited for,
// and how many people from outside there are for each person of the lab.
//
// It promises that the same engagements give the same figures, in whatever order they are counted; that what is counted once can
// be taken out again, so that sums are kept as engagements change and are what counting all of them anew would give; and that what
// anyone may read of a pathway, how long it took, is the median of several decisions. Percentiles are by the nearest rank: the
// value at position ⌈p·n⌉ of the sorted list. Times are counted to a tenth of an hour, from 100 hours on to an hour and from 1,000
// on to ten hours, so that sums stay small.
//
// It is pure. It trusts its caller for who may read a report. Read next: office/report.go; book/listing.go, which keeps the sums.
package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/order"
	"narthex/internal/workflow"
)

// Fewest is of how many decisions together it is told how long they took, where anyone may read it.
const Fewest = 5

// Counts is what a report is made of.
type Counts struct {
	Tallies  map[narthex.PathwayName]Tally
	Overdue  map[narthex.PathwayName]int // reviews whose time is over
	Insiders int                         // people from outside with a grant of an engagement that runs
	Staff    int                         // active people of the lab with a role

	Publications client.PublicationReport
	Incidents    client.IncidentReport
}

// AddIncidents counts the incidents of an engagement.
func AddIncidents(r *client.IncidentReport, incidents []narthex.Incident) {
	for _, i := range incidents {
		r.Kinds[i.Kind]++
		if i.Open() {
			r.Open++
		} else {
			r.Resolved++
		}
	}
}

// Report gives the report as of now.
func (c Counts) Report(now time.Time) client.Report {
	out := client.Report{At: now, Pathways: []client.PathwayReport{}, Insiders: c.Insiders, Staff: c.Staff, Publications: c.Publications, Incidents: c.Incidents}
	for name, tally := range c.Tallies {
		if tally.None() {
			continue
		}
		out.Pathways = append(out.Pathways, tally.report(name, c.Overdue[name]))
		out.Overdue += c.Overdue[name]
	}
	order.By(out.Pathways, func(a, b client.PathwayReport) int { return cmp.Compare(a.Pathway, b.Pathway) })
	if out.Staff > 0 {
		out.InsidersPerStaff = math.Round(100*float64(out.Insiders)/float64(out.Staff)) / 100
	}
	return out
}

// Tally is what is counted of one pathway's engagements. The zero Tally counts none.
type Tally struct {
	All       int                     `json:"all"`
	Drafts    int                     `json:"drafts"`
	Submitted int                     `json:"submitted"`
	Offered   int                     `json:"offered"`
	Granted   int                     `json:"granted"`
	Declined  int                     `json:"declined"`
	Withdrawn int                     `json:"withdrawn"`
	Running   int                     `json:"running"`
	Took      Spread                  `json:"took"`
	Roles     map[narthex.Role]Spread `json:"roles"`
}

// None says whether it counts no engagement.
func (t Tally) None() bool { return t.All == 0 }

// Add counts an engagement, and Remove takes out one that was counted as it is.
func (t *Tally) Add(e narthex.Engagement) { t.count(e, 1) }

// Remove is the reverse of Add.
func (t *Tally) Remove(e narthex.Engagement) { t.count(e, -1) }

// Clone gives a tally that shares nothing with this one.
func (t Tally) Clone() Tally {
	t.Took, t.Roles = maps.Clone(t.Took), maps.Clone(t.Roles)
	for role, took := range t.Roles {
		t.Roles[role] = maps.Clone(took)
	}
	return t
}

func (t *Tally) count(e narthex.Engagement, by int) {
	t.All += by
	if e.SubmittedAt.IsZero() {
		if e.State == narthex.Draft {
			t.Drafts += by
		}
		return // what was never submitted is its authors' alone
	}
	t.Submitted += by
	if e.Agreement != "" {
		t.Offered += by
	}
	if e.Grant != "" {
		t.Granted += by
	}
	switch e.State {
	case narthex.Declined:
		t.Declined += by
	case narthex.Withdrawn:
		t.Withdrawn += by
	case narthex.Active:
		t.Running += by
	}
	if !e.DecidedAt.IsZero() {
		t.Took = t.Took.with(e.DecidedAt.Sub(e.SubmittedAt), by)
	}
	if e.State == narthex.InReview {
		return // its votes are not to be known yet, and whoever reads a report may be one who is to vote
	}
	for _, vote := range e.Votes {
		if !e.Since.IsZero() && !vote.At.Before(e.Since) {
			if t.Roles == nil {
				t.Roles = map[narthex.Role]Spread{}
			}
			t.Roles[vote.As] = t.Roles[vote.As].with(vote.At.Sub(e.Since), by)
			if len(t.Roles[vote.As]) == 0 {
				delete(t.Roles, vote.As)
			}
		}
	}
	if len(t.Roles) == 0 {
		t.Roles = nil // as where none was ever counted
	}
}

func (t Tally) report(name narthex.PathwayName, overdue int) client.PathwayReport {
	out := client.PathwayReport{Pathway: name, Drafts: t.Drafts, Submitted: t.Submitted, Offered: t.Offered, Granted: t.Granted, Declined: t.Declined,
		Withdrawn: t.Withdrawn, Running: t.Running, Overdue: overdue, Decisions: t.Took.Times(), Roles: map[narthex.Role]client.TimesTaken{}}
	for role, took := range t.Roles {
		out.Roles[role] = took.Times()
	}
	return out
}

// Insiders lists the people from outside to whom an engagement gives access now.
func Insiders(e narthex.Engagement) []narthex.PersonID {
	if e.State != narthex.Active {
		return nil
	}
	return slices.DeleteFunc(workflow.Holders(e), func(p narthex.PersonID) bool { return slices.Contains(e.Left, p) })
}

// Spread is how often something took how long, in tenths of an hour.
type Spread map[int64]int

// with gives the spread with one more, or one less, that took d. Where none is left it is nil.
func (s Spread) with(d time.Duration, by int) Spread {
	if s == nil {
		s = Spread{}
	}
	tenths := int64(math.Round(d.Hours() * 10))
	step := int64(1)
	for step < 100 && tenths >= 1000*step {
		step *= 10
	}
	tenths = (tenths + step/2) / step * step
	if s[tenths] += by; s[tenths] == 0 {
		delete(s, tenths)
	}
	if len(s) == 0 {
		return nil
	}
	return s
}

// Times gives how many there are, their median and their ninetieth percentile; none gives zeros.
func (s Spread) Times() client.TimesTaken {
	var out client.TimesTaken
	sorted := make([]int64, 0, len(s))
	for tenths, n := range s {
		sorted, out.Count = append(sorted, tenths), out.Count+n
	}
	slices.Sort(sorted)
	at := func(percent int) float64 {
		rank := (percent*out.Count + 99) / 100
		for _, tenths := range sorted {
			if rank -= s[tenths]; rank <= 0 {
				return float64(tenths) / 10
			}
		}
		return 0
	}
	out.MedianHours, out.P90Hours = at(50), at(90)
	return out
}

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
