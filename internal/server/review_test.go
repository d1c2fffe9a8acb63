package server_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// deputised is a lab in which paul owns assets too, and is the deputy of olga's.
func deputised(files lab.Files) {
	files["lab.yaml"] = bytes.Replace(files["lab.yaml"], []byte("roles: [sponsor, security]"), []byte("roles: [sponsor, security, asset_owner]"), 1)
	for name, text := range files {
		files[name] = bytes.Replace(text, []byte("owner: olga\n"), []byte("owner: olga\ndeputy: paul\n"), 1)
	}
}

// reviewOf gives what a person's list of work says of an engagement; nothing where it is not on it.
func reviewOf(t *testing.T, e *testenv.Env, name string, id narthex.EngagementID) (client.WorkItem, int) {
	t.Helper()
	for i, item := range must(e.People[name].Work(t.Context(), client.Page{})).Work {
		if item.Engagement == id {
			return item, i
		}
	}
	return client.WorkItem{}, -1
}

// A claim stands on everybody's list as it is theirs to know, puts the case lower on those of others, and keeps nobody from a vote.
func TestAReviewIsClaimedGivenAndTakenBack(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	first, second := submitted(t, e), submitted(t, e)
	id := first.Engagement.ID
	command := func(name, what string, in client.Command) (client.EngagementView, error) {
		return e.People[name].Command(t.Context(), id, what, in)
	}
	must(command("sam", "claim", client.Command{As: narthex.Security}))
	if item, at := reviewOf(t, e, "sam", id); item.Claimed != "yours" || at != 0 {
		t.Errorf("on the claimant's list: %+v at %d", item, at)
	}
	if item, at := reviewOf(t, e, "paul", id); item.Claimed != "another" || at != 1 {
		t.Errorf("on the list of another of the role: %+v at %d", item, at)
	}
	if item, at := reviewOf(t, e, "paul", second.Engagement.ID); item.Claimed != "" || at != 0 {
		t.Errorf("what nobody claimed: %+v at %d", item, at)
	}
	if c := must(e.People["paul"].Client.Engagement(t.Context(), id)).Engagement.Claims; len(c) != 1 || c[0].By != "" {
		t.Errorf("before his vote paul sees %+v", c)
	}
	for _, name := range []string{"ada", "otto"} {
		if c := must(e.People[name].Client.Engagement(t.Context(), id)).Engagement.Claims; c != nil {
			t.Errorf("%s sees %+v", name, c)
		}
		for _, line := range must(e.People[name].History(t.Context(), id)).Lines {
			if line.What == "claim" {
				t.Errorf("%s reads in the history of a claim", name)
			}
		}
	}
	for _, line := range must(e.People["paul"].History(t.Context(), id)).Lines {
		if line.What == "claim" && (line.By != "" || line.Name != "somebody who may") {
			t.Errorf("paul reads whose claim it is: %+v", line)
		}
	}
	if _, err := command("paul", "claim", client.Command{As: narthex.Security}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a second claim of one seat: %v", err)
	}
	if _, err := command("paul", "unclaim", client.Command{As: narthex.Security}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a reviewer takes another's claim: %v", err)
	}
	must(command("carol", "unclaim", client.Command{As: narthex.Security}))
	for _, name := range []string{"olga", "carol", "dan"} {
		if _, err := command("carol", "entrust", client.Command{As: narthex.Security, Person: e.People[name].ID}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("%s, who is not of security, was given it: %v", name, err)
		}
	}
	must(command("carol", "entrust", client.Command{As: narthex.Security, Person: e.People["paul"].ID}))
	if item, _ := reviewOf(t, e, "paul", id); item.Claimed != "yours" {
		t.Errorf("who was given it: %+v", item)
	}
	if view, err := command("sam", "approve", client.Command{As: narthex.Security, Saw: first.Engagement.Digest}); err != nil || len(view.Engagement.Votes) != 1 {
		t.Errorf("a claim of another kept sam from his vote: %v", err)
	}
	if item, _ := reviewOf(t, e, "paul", id); item.Claimed != "yours" || item.Do != "review" {
		t.Errorf("paul's list tells that another voted: %+v", item)
	}
}

// Who stands in was named by the one who is away, has the role themselves, and counts in their place, while it lasts, and never beside them.
func TestADeputyDecidesWhileTheOwnerIsAway(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: deputised})
	now := e.Clock.Now()
	from := func(name, to string, until time.Duration) error {
		in := client.Away{From: now.Add(-time.Hour), Until: now.Add(until)}
		if to != "" {
			in.StandIn = e.People[to].ID
		}
		_, err := e.People[name].Away(t.Context(), in)
		return err
	}
	vote := func(name string, as narthex.Role, view client.EngagementView) error {
		_, err := e.People[name].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: as, Saw: view.Engagement.Digest})
		return err
	}
	state := func(view client.EngagementView) narthex.State {
		return must(e.People["carol"].Client.Engagement(t.Context(), view.Engagement.ID)).Engagement.State
	}
	review := submitted(t, e)
	id := review.Engagement.ID
	if err := vote("paul", narthex.AssetOwner, review); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a deputy of an owner who is there: %v", err)
	}
	for name, err := range map[string]error{"who lacks the role": from("olga", "sam", 48*time.Hour), "who is from outside": from("olga", "ada", 48*time.Hour)} {
		if !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("a stand-in %s: %v", name, err)
		}
	}
	for name, err := range map[string]error{"oneself": from("olga", "olga", 48*time.Hour), "an absence that is over": from("olga", "paul", -time.Minute), "one of years": from("olga", "paul", 800*24*time.Hour)} {
		if !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := from("ada", "", 48*time.Hour); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("someone from outside is away: %v", err)
	}
	if err := from("olga", "paul", 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	if list := must(e.People["sam"].WhoIsAway(t.Context())).Away; len(list) != 1 || list[0].Person != e.People["olga"].ID || !list[0].Now || !slices.Equal(list[0].Covered, []narthex.Role{narthex.AssetOwner}) {
		t.Errorf("who is away: %+v", list)
	}
	if err := from("paul", "", 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := vote("paul", narthex.AssetOwner, review); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a deputy who is away too: %v", err)
	}
	if err := from("olga", "paul", 48*time.Hour); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a stand-in who is away: %v", err)
	}
	must(e.People["paul"].Back(t.Context()))
	if item, _ := reviewOf(t, e, "paul", id); item.Do != "review" || item.For != "Olga" {
		t.Errorf("on the deputy's list: %+v", item)
	}
	if err := vote("paul", narthex.AssetOwner, review); err != nil {
		t.Fatal(err)
	}
	if err := vote("sam", narthex.Security, review); err != nil || state(review) != narthex.Offered {
		t.Errorf("with the deputy's approval and security's it is %s (%v)", state(review), err)
	}

	// With the owner's return the deputy's vote counts no more.
	back := submitted(t, e)
	if err := vote("paul", narthex.AssetOwner, back); err != nil {
		t.Fatal(err)
	}
	must(e.People["olga"].Back(t.Context()))
	if err := vote("sam", narthex.Security, back); err != nil || state(back) != narthex.InReview {
		t.Errorf("after the owner's return it is %s on the deputy's word (%v)", state(back), err)
	}
	if err := vote("olga", narthex.AssetOwner, back); err != nil || state(back) != narthex.Offered {
		t.Errorf("with the owner's own it is %s (%v)", state(back), err)
	}
	told := 0
	for _, entry := range entries(t, e) {
		if entry.Type == narthex.EntryPersonAway {
			told++
		}
	}
	if told != 4 { // each is away once, and comes back
		t.Errorf("%d entries tell of absences", told)
	}
}

// To be named by the owner is not enough: without the directory's word a stand-in with the role decides on nothing of the owner's.
func TestAStandInWhomTheDirectoryDoesNotNameIsNoDeputy(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["lab.yaml"] = bytes.Replace(files["lab.yaml"], []byte("roles: [sponsor, security]"), []byte("roles: [sponsor, security, asset_owner]"), 1)
	}})
	review := submitted(t, e)
	now := e.Clock.Now()
	must(e.People["olga"].Away(t.Context(), client.Away{From: now.Add(-time.Hour), Until: now.Add(48 * time.Hour), StandIn: e.People["paul"].ID}))
	if _, err := e.People["paul"].Command(t.Context(), review.Engagement.ID, "approve", client.Command{As: narthex.AssetOwner, Saw: review.Engagement.Digest}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a stand-in who is no deputy: %v", err)
	}
}

// Where two owners must approve, an owner and their deputy are one.
func TestAnOwnerAndTheirDeputyAreNotTwoPeople(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		deputised(files)
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("{role: asset_owner, quorum: 1}"), []byte("{role: asset_owner, quorum: 2}"), 1)
	}})
	review := submitted(t, e)
	if r := review.Engagement.Application.Reviews; !slices.Contains(r, narthex.ReviewRule{Role: narthex.AssetOwner, Quorum: 2}) {
		t.Fatalf("the reviews are %+v", r)
	}
	now := e.Clock.Now()
	approve(t, e, "olga", narthex.AssetOwner, review)
	must(e.People["olga"].Away(t.Context(), client.Away{From: now.Add(-time.Hour), Until: now.Add(48 * time.Hour), StandIn: e.People["paul"].ID}))
	approve(t, e, "paul", narthex.AssetOwner, review)
	if view := approve(t, e, "sam", narthex.Security, review); view.Engagement.State != narthex.InReview || !slices.Contains(view.Waiting, "asset owner") {
		t.Errorf("two votes of one owner are two: it is %s and waits for %v", view.Engagement.State, view.Waiting)
	}
}

// ruled is a lab whose pathway has rules: of each kind, and one that does not hold.
func ruled(files lab.Files) {
	files["pathways/test.yaml"] = append(files["pathways/test.yaml"], []byte(`triage:
  - {name: unknown-org, when: {known_org: false}, then: {flag: "Nobody of this organisation has had a grant here."}}
  - {name: long, when: {days_above: 100}, then: {route: legal}}
  - {name: standard, when: {standard: true, horizon_held: true, days_at_most: 100}, then: {assign: sam, as: security}}
`)...)
	files["lab.yaml"] = bytes.Replace(files["lab.yaml"], []byte("roles: [auditor]"), []byte("roles: [auditor, legal]"), 1)
}

// Rules of a pathway say what to look at and who must; each cites itself and its directory, is hidden from those who ask, and casts no vote.
func TestRulesOfAPathwayAskForMoreAndGiveNothing(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: ruled})
	review := submitted(t, e)
	id := review.Engagement.ID
	seen := must(e.People["sam"].Client.Engagement(t.Context(), id)).Engagement
	directory := must(e.People["sam"].Lab(t.Context(), false)).InForce
	rules := func(e narthex.Engagement) (names []string) {
		for _, did := range e.Triage {
			if names = append(names, did.Rule); did.Directory != directory {
				t.Errorf("%s cites the directory %s, and %s is in force", did.Rule, did.Directory.Short(), directory.Short())
			}
		}
		return names
	}
	if got := rules(seen); !slices.Equal(got, []string{"unknown-org", "standard"}) || seen.Triage[0].Flag == "" || seen.Triage[1].Assign != e.People["sam"].ID {
		t.Errorf("the rules said %+v", seen.Triage)
	}
	if len(seen.Votes) != 0 || seen.State != narthex.InReview || len(seen.Application.Reviews) != 2 {
		t.Errorf("after the rules: %+v", seen)
	}
	if item, _ := reviewOf(t, e, "sam", id); item.Claimed != "yours" {
		t.Errorf("to whom it was given: %+v", item)
	}
	for _, name := range []string{"ada", "otto"} {
		view := must(e.People[name].Client.Engagement(t.Context(), id))
		if view.Engagement.Triage != nil {
			t.Errorf("%s reads %+v", name, view.Engagement.Triage)
		}
		for _, line := range must(e.People[name].History(t.Context(), id)).Lines {
			if line.What == "triage" {
				t.Errorf("%s reads in the history that a rule was applied", name)
			}
		}
	}

	draft := client.Draft{Pathway: "test", Title: "long", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}, Days: 120}
	view := must(e.People["ada"].Draft(t.Context(), draft))
	view = must(e.People["ada"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{}))
	if !slices.Contains(view.Engagement.Application.Reviews, narthex.ReviewRule{Role: narthex.Legal, Quorum: 1}) {
		t.Fatalf("who must approve a long one: %+v", view.Engagement.Application.Reviews)
	}
	approve(t, e, "olga", narthex.AssetOwner, view)
	if got := approve(t, e, "sam", narthex.Security, view).Engagement; got.State != narthex.InReview || !slices.Equal(rules(got), []string{"unknown-org", "long"}) {
		t.Errorf("without the role that a rule added it is %s; the rules said %+v", got.State, got.Triage)
	}
	if got := approve(t, e, "lea", narthex.Legal, view).Engagement; got.State != narthex.Offered {
		t.Errorf("with it it is %s", got.State)
	}
}

// standingIn is a lab whose pathway asks three roles, with a rule that stands in for one of them.
func standingIn(files lab.Files) {
	files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("  - {role: security, quorum: 1}\n"), []byte("  - {role: security, quorum: 1}\n  - {role: legal, quorum: 1}\n"), 1)
	files["pathways/test.yaml"] = append(files["pathways/test.yaml"], []byte(`triage:
  - {name: usual, when: {standard: true, horizon_held: true, days_at_most: 100}, then: {approve: security}}
`)...)
	files["lab.yaml"] = bytes.Replace(files["lab.yaml"], []byte("roles: [auditor]"), []byte("roles: [auditor, legal]"), 1)
}

// A rule stands in for one role: cited, seen by the lab alone, by Narthex, and only beside two people; not where the terms are not the usual.
func TestARuleStandsInForOneRoleBesideTwoPeople(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: standingIn})
	view := submitted(t, e)
	id := view.Engagement.ID
	if !slices.Equal(view.Waiting, []string{"asset owner", "security", "legal"}) {
		t.Errorf("the applicant sees that it waits for %v", view.Waiting)
	}
	seen := must(e.People["olga"].Client.Engagement(t.Context(), id))
	directory := must(e.People["olga"].Lab(t.Context(), false)).InForce
	if did := seen.Engagement.Triage; len(did) != 1 || did[0].Rule != "usual" || did[0].Approve != narthex.Security || did[0].Directory != directory || did[0].Saw != view.Engagement.Digest {
		t.Fatalf("the rule said %+v", did)
	}
	if _, at := reviewOf(t, e, "sam", id); at >= 0 {
		t.Error("it stands on the list of the role for which the rule stands in")
	}
	if lines := must(e.People["carol"].History(t.Context(), id)).Lines; !slices.ContainsFunc(lines, func(l client.HistoryLine) bool { return l.What == "triage" && l.Name == "the rule usual" && l.By == "" }) {
		t.Errorf("the history does not cite the rule: %+v", lines)
	}
	for _, name := range []string{"ada", "otto"} {
		if slices.ContainsFunc(must(e.People[name].History(t.Context(), id)).Lines, func(l client.HistoryLine) bool { return l.What == "triage" }) {
			t.Errorf("%s reads of a rule", name)
		}
	}
	if got := approve(t, e, "olga", narthex.AssetOwner, view).Engagement; got.State != narthex.InReview {
		t.Fatalf("on one person and a rule it is %s", got.State)
	}
	got := approve(t, e, "lea", narthex.Legal, view).Engagement
	if got.State != narthex.Offered {
		t.Fatalf("on two people and a rule it is %s", got.State)
	}
	if n := must(e.People["carol"].Client.Agreement(t.Context(), id)).Agreement.Approvals; n != 2 {
		t.Errorf("the agreement says that %d people approved", n)
	}
	if found := must(e.People["lea"].Audit(t.Context(), false)); len(found.Differences) != 0 {
		t.Errorf("the audit finds %+v", found.Differences)
	}

	draft := client.Draft{Pathway: "test", Title: "long", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}, Days: 120}
	long := must(e.People["ada"].Draft(t.Context(), draft))
	long = must(e.People["ada"].Command(t.Context(), long.Engagement.ID, "submit", client.Command{}))
	approve(t, e, "olga", narthex.AssetOwner, long)
	if got := approve(t, e, "lea", narthex.Legal, long).Engagement; got.State != narthex.InReview || len(got.Triage) != 0 {
		t.Errorf("where the rule does not hold it is %s on two people: %+v", got.State, got.Triage)
	}
}

// What a rule rests on is looked at once more when it counts: where that is so no longer, the role approves itself.
func TestARulesApprovalCountsWhileItHolds(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		standingIn(files)
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("days_at_most: 100}"), []byte("known_org: false}"), 1)
	}})
	first, second := submitted(t, e), submitted(t, e)
	approve(t, e, "olga", narthex.AssetOwner, first)
	approve(t, e, "lea", narthex.Legal, first)
	signedBy(t, e, must(e.People["ada"].Client.Engagement(t.Context(), first.Engagement.ID)))
	approve(t, e, "olga", narthex.AssetOwner, second)
	view := approve(t, e, "lea", narthex.Legal, second)
	if view.Engagement.State != narthex.InReview || !slices.Equal(view.Waiting, []string{"security"}) {
		t.Fatalf("its organisation has a grant now, and it is %s and waits for %v", view.Engagement.State, view.Waiting)
	}
	if item, _ := reviewOf(t, e, "sam", second.Engagement.ID); item.Do != "review" {
		t.Errorf("on the list of the role: %+v", item)
	}
	if got := approve(t, e, "sam", narthex.Security, second).Engagement.State; got != narthex.Offered {
		t.Errorf("with the role's own approval it is %s", got)
	}
}
