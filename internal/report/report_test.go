package report_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/internal/report"
)

var (
	began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	now   = began.AddDate(0, 1, 0)
)

func person(n byte) narthex.PersonID {
	id, err := narthex.NewID[narthex.PersonID]([16]byte{n})
	if err != nil {
		panic(err)
	}
	return id
}

func after(h float64) time.Time { return began.Add(time.Duration(h * float64(time.Hour))) }

func engagement(pathway narthex.PathwayName, state narthex.State, decided float64, change func(*narthex.Engagement)) narthex.Engagement {
	e := narthex.Engagement{State: state, SubmittedAt: began, Since: began, Application: narthex.Application{Pathway: pathway, Applicant: person(1)}}
	if decided > 0 {
		e.DecidedAt = after(decided)
	}
	if change != nil {
		change(&e)
	}
	return e
}

func lives() []narthex.Engagement {
	signed := func(e *narthex.Engagement) {
		e.Agreement, e.Grant = "sha256:x", "grt_x"
		e.Votes = []narthex.Vote{{As: narthex.Security, At: after(2)}, {As: narthex.Legal, At: after(8)}}
	}
	return []narthex.Engagement{
		engagement("probing", narthex.Draft, 0, func(e *narthex.Engagement) { e.SubmittedAt = time.Time{} }),
		engagement("probing", narthex.Withdrawn, 0, func(e *narthex.Engagement) { e.SubmittedAt = time.Time{} }),
		engagement("probing", narthex.Active, 10, signed),
		engagement("probing", narthex.Active, 20, func(e *narthex.Engagement) {
			signed(e)
			e.Application.Members = []narthex.PersonID{person(2), person(4)}
			e.Joined = []narthex.Joined{{By: person(2)}}
		}),
		engagement("probing", narthex.Ending, 30, func(e *narthex.Engagement) { signed(e); e.Application.Applicant = person(3) }),
		engagement("probing", narthex.Offered, 40, func(e *narthex.Engagement) { e.Agreement = "sha256:x" }),
		engagement("probing", narthex.Declined, 100, nil),
		engagement("probing", narthex.Withdrawn, 0, nil),
		engagement("probing", narthex.InReview, 0, func(e *narthex.Engagement) { e.Due = after(24) }),
		engagement("probing", narthex.InReview, 0, func(e *narthex.Engagement) { e.Due = now.Add(time.Hour) }),
		engagement("credits", narthex.Returned, 0, nil),
	}
}

// counted counts engagements as book keeps what is counted.
func counted(all []narthex.Engagement, staff int) report.Counts {
	c := report.Counts{Tallies: map[narthex.PathwayName]report.Tally{}, Overdue: map[narthex.PathwayName]int{}, Staff: staff}
	people := map[narthex.PersonID]bool{}
	for _, e := range all {
		tally := c.Tallies[e.Application.Pathway]
		tally.Add(e)
		c.Tallies[e.Application.Pathway] = tally
		if e.State == narthex.InReview && now.After(e.Due) && !e.Due.IsZero() {
			c.Overdue[e.Application.Pathway]++
		}
		for _, person := range report.Insiders(e) {
			people[person] = true
		}
	}
	c.Insiders = len(people)
	return c
}

func TestTheFunnelCountsWhatBecameOfEach(t *testing.T) {
	r := counted(lives(), 1).Report(now)
	if len(r.Pathways) != 2 || r.Pathways[0].Pathway != "credits" {
		t.Fatalf("%+v", r.Pathways)
	}
	p := r.Pathways[1]
	got := []int{p.Drafts, p.Submitted, p.Offered, p.Granted, p.Declined, p.Withdrawn, p.Running, p.Overdue}
	if want := []int{1, 8, 4, 3, 1, 1, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("drafts, submitted, offered, granted, declined, withdrawn, running, overdue: %v, want %v", got, want)
	}
	if p.Decisions.Count != 5 || p.Decisions.MedianHours != 30 || p.Decisions.P90Hours != 100 {
		t.Errorf("decisions took %+v", p.Decisions)
	}
	if legal := p.Roles[narthex.Legal]; legal.Count != 3 || legal.MedianHours != 8 {
		t.Errorf("legal took %+v", legal)
	}
	if r.Insiders != 2 || r.Staff != 1 || r.InsidersPerStaff != 2 || r.Overdue != 1 {
		t.Errorf("%d insiders, %d staff, %v each, %d overdue", r.Insiders, r.Staff, r.InsidersPerStaff, r.Overdue)
	}
}

func TestWhatIsPublishedIsOfSeveralDecisionsTogether(t *testing.T) {
	all := lives()
	if took := report.Published(counted(all, 0).Report(now)); len(took) != 1 || took["probing"].MedianHours != 30 || took["probing"].P90Hours != 0 {
		t.Errorf("published: %+v", took)
	}
	fewer := slices.DeleteFunc(all, func(e narthex.Engagement) bool { return e.State == narthex.Declined })
	if took := report.Published(counted(fewer, 0).Report(now)); len(took) != 0 {
		t.Errorf("of four decisions is published: %+v", took)
	}
}

// A reviewer who reads reports learns of no vote before their own.
func TestAReportTellsNoVoteOfAnOpenReview(t *testing.T) {
	open := engagement("probing", narthex.InReview, 0, nil)
	before := counted([]narthex.Engagement{open}, 0).Report(now)
	open.Votes = []narthex.Vote{{As: narthex.Security, Approve: true, At: after(2)}}
	if got := counted([]narthex.Engagement{open}, 0).Report(now); !reflect.DeepEqual(got, before) {
		t.Errorf("with a vote the report is %+v", got.Pathways)
	}
}

func TestAReportDependsOnNoOrder(t *testing.T) {
	all := lives()
	want := counted(all, 0).Report(now)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := counted(all, 0).Report(now); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\n%+v", got, want)
		}
	}
}

func TestPercentilesAreByTheNearestRank(t *testing.T) {
	spread := func(n int) report.Spread {
		all := report.Spread{}
		for i := range n {
			all[int64(n-i)*10]++
		}
		return all
	}
	for n, want := range map[int][2]float64{1: {1, 1}, 2: {1, 2}, 3: {2, 3}, 10: {5, 9}, 11: {6, 10}, 100: {50, 90}} {
		if got := spread(n).Times(); got.Count != n || got.MedianHours != want[0] || got.P90Hours != want[1] {
			t.Errorf("of %d: %+v, want %v", n, got, want)
		}
	}
	if got := report.Spread(nil).Times(); got.Count != 0 || got.MedianHours != 0 {
		t.Errorf("of none: %+v", got)
	}
}

// A time is counted to a tenth of an hour, and a long one less finely, never off by more than one in a hundred.
func TestLongTimesAreCountedLessFinely(t *testing.T) {
	for hours, want := range map[float64]float64{0: 0, 0.04: 0, 0.06: 0.1, 99.94: 99.9, 100.4: 100, 100.6: 101, 999.4: 999, 1004.9: 1000, 1005.1: 1010, 87600: 87600} {
		var tally report.Tally
		tally.Add(narthex.Engagement{State: narthex.Declined, SubmittedAt: began, DecidedAt: after(hours)})
		if got := tally.Took.Times().MedianHours; got != want {
			t.Errorf("%v hours are counted as %v, want %v", hours, got, want)
		}
	}
}

// What is counted and taken out again leaves nothing, whatever else was counted between.
func TestWhatIsTakenOutLeavesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		all := lives()
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		stay := r.IntN(len(all) + 1)
		var got, want report.Tally
		for _, e := range all {
			got.Add(e)
		}
		for _, e := range all[stay:] {
			got.Remove(e)
		}
		for _, e := range all[:stay] {
			want.Add(e)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\n%+v", got, want)
		}
	}
}
