package listing_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/listing"
	"narthex/internal/workflow"
)

func id[T ~string](t *testing.T, n byte) T {
	made, err := narthex.NewID[T]([16]byte{n})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// world draws engagements and people of all kinds, of few organisations and assets, so that they often have to do with each other.
type world struct {
	t      *testing.T
	random *rand.Rand
}

func pick[T any](w *world, from []T) T { return from[w.random.IntN(len(from))] }

func (w *world) person() narthex.Person {
	p := narthex.Person{ID: id[narthex.PersonID](w.t, byte(1+w.random.IntN(6))), State: narthex.PersonActive}
	if w.random.IntN(2) == 0 {
		p.Org, p.Official = id[narthex.OrgID](w.t, byte(1+w.random.IntN(2))), w.random.IntN(2) == 0
		return p
	}
	p.Handle = pick(w, []string{"own", "sec"})
	for range w.random.IntN(3) {
		p.Roles = append(p.Roles, pick(w, narthex.Roles()))
	}
	return p
}

func (w *world) engagement() narthex.Engagement {
	at := time.Date(2026, 3, 2, 9, 0, w.random.IntN(60), 0, time.UTC)
	e := narthex.Engagement{ID: id[narthex.EngagementID](w.t, 9), State: pick(w, narthex.States()), CreatedAt: at, Round: w.random.IntN(2), Since: at}
	e.Application = narthex.Application{Engagement: e.ID, Pathway: "p", Applicant: id[narthex.PersonID](w.t, byte(1+w.random.IntN(6))), Org: id[narthex.OrgID](w.t, byte(1+w.random.IntN(2))),
		Terms: []narthex.Term{{Attribute: "model.sample", Asset: pick(w, []narthex.AssetName{"m", "n"})}}}
	if e.State != narthex.Draft {
		e.Round = 1
	}
	e.Authors = []narthex.PersonID{e.Application.Applicant, id[narthex.PersonID](w.t, byte(1+w.random.IntN(6)))}
	for range 1 + w.random.IntN(3) {
		e.Application.Reviews = append(e.Application.Reviews, narthex.ReviewRule{Role: pick(w, narthex.Roles()), Quorum: 1})
	}
	if w.random.IntN(2) == 0 {
		e.Due = at.Add(time.Hour)
	}
	if e.State == narthex.Active && w.random.IntN(2) == 0 {
		e.Successor = id[narthex.PersonID](w.t, byte(1+w.random.IntN(6)))
	}
	if e.State == narthex.Offered {
		e.Agreement = "sha256:x"
		if w.random.IntN(2) == 0 {
			e.Signatures = []narthex.SignedBy{{Party: pick(w, narthex.PartyRoles()), By: id[narthex.PersonID](w.t, byte(1+w.random.IntN(6)))}}
		}
	}
	return e
}

// stands says whether a key of any of the lists is among keys.
func stands(keys, lists []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		return slices.ContainsFunc(lists, func(list string) bool { return strings.HasPrefix(key, list) })
	})
}

// TestWhoMayKnowOfItFindsIt: an engagement that a person may read stands in a list of theirs, and one that waits for them in a list of
// their work, at a place whose time is the end of its time or has come when it is late.
func TestWhoMayKnowOfItFindsIt(t *testing.T) {
	w := &world{t, rand.New(rand.NewPCG(5, 6))}
	may, tasks := 0, map[workflow.Task]int{}
	for range 200_000 {
		e, p := w.engagement(), w.person()
		keys := listing.Engagement(e)
		var known, work []string
		for _, holder := range listing.HoldersFor(p) {
			known = append(known, listing.EngagementsOf(holder, e.State))
		}
		for _, holder := range listing.WorkersFor(p, []narthex.AssetName{"m"}) {
			work = append(work, listing.WorkOf(holder, e.State), listing.ComingTo(holder, e.State))
		}
		if workflow.MayRead(e, p) {
			if may++; !stands(keys, known) {
				t.Fatalf("%+v may know of %+v, which stands in %v", p, e, keys)
			}
		}
		owns := p.Has(narthex.AssetOwner) && e.Application.Terms[0].Asset == "m"
		if task := workflow.TaskOf(e, p, !e.Due.IsZero(), owns); task != "" {
			if tasks[task]++; !stands(keys, work) {
				t.Fatalf("%+v is to %s %+v, which stands in %v", p, task, e, keys)
			}
		}
	}
	if may < 20_000 || len(tasks) != 8 {
		t.Errorf("%d may be known, and %v is to be done", may, tasks)
	}
}

// TestAPlaceIsOrderedByTime: text is ordered as the times are, and what has no time comes last.
func TestAPlaceIsOrderedByTime(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	places := []string{listing.Place(at, "z"), listing.Place(at.Add(time.Millisecond), "a"), listing.Place(at.In(time.FixedZone("", -3600)).Add(time.Hour), "a"), listing.Place(at.AddDate(1, 0, 0), "a"), listing.Place(time.Time{}, "a")}
	if !slices.IsSorted(places) {
		t.Error(places)
	}
	if got := listing.Identifier(places[1]); got != "a" {
		t.Errorf("the identifier is %q", got)
	}
}

// TestAGrantThatEndedRunsNoMore: it stands among those that showed an asset and among none that run.
func TestAGrantThatEndedRunsNoMore(t *testing.T) {
	g := narthex.Grant{ID: "grt_x", Terms: []narthex.Term{{Attribute: "model.sample", Asset: "m"}, {Attribute: "model.logprobs", Asset: "m"}}}
	print := func(narthex.AssetName) string { return "print" }
	if keys := listing.Grant(g, print); len(keys) != 4 || !stands(keys, []string{listing.RunsOn("m")}) || !stands(keys, []string{listing.ShownIn("m")}) || !stands(keys, []string{listing.HeldOf("", "m", "model.logprobs")}) {
		t.Errorf("while it runs it stands in %v", keys)
	}
	g.Org, g.NotBefore = "org_x", time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	g.NotAfter = g.NotBefore.AddDate(1, 0, 0)
	rests := func(holder listing.Holder) string {
		for _, key := range listing.Grant(g, print) {
			if place, is := strings.CutPrefix(key, listing.RestsOf(holder)); is {
				return place
			}
		}
		return ""
	}
	g.RestsOn = []narthex.Condition{{Kind: narthex.Affiliation, Days: 365}, {Kind: narthex.Recertification, Days: 180}}
	if place := rests(listing.Org("org_x")); place != listing.Place(g.NotBefore.AddDate(0, 0, 166), "grt_x") || rests(listing.Lab) != "" {
		t.Errorf("of what the signatures stand for it stands at %q, and with the lab at %q", place, rests(listing.Lab))
	}
	g.AuthorisedFor, g.RestsOn = "p", append(g.RestsOn, narthex.Condition{Kind: narthex.Training, Name: "basics", Days: 365})
	if place := rests(listing.Org("org_x")); place != listing.Place(g.NotBefore, "grt_x") || rests(listing.Lab) != listing.Place(g.NotAfter, "grt_x") {
		t.Errorf("of what an authorisation stands for it stands at %q, and with the lab at %q", place, rests(listing.Lab))
	}
	g.Ended = true
	if keys := listing.Grant(g, print); len(keys) != 1 || stands(keys, []string{listing.RunsOn("m"), "held/"}) {
		t.Errorf("ended it stands in %v", keys)
	}
}
