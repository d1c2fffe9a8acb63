package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/workflow"
)

// mostDepth bounds the search; it ends before, when no step leads anywhere new, so what holds holds for paths of any length.
const mostDepth = 60

// hats are the six roles that both of the lab's people in the model hold.
var hats = []narthex.Role{narthex.Security, narthex.Legal, narthex.AssetOwner, narthex.Programme, narthex.Sponsor, narthex.Signatory}

// worlds are who stands in the search: two from outside with two of the lab who decide, one who only signs and one who only sponsors, where everything
// can be signed, and one with three who have every right, where the lab can decide also without the one who wrote in it.
var worlds = map[string][]narthex.Person{
	"two and three": {outsider(1, north), official(2, north), insider(3, "lex", hats...), insider(4, "max", hats...), insider(5, "pen", narthex.Signatory), insider(6, "sue", narthex.Sponsor)},
	"one and three": {outsider(1, north), insider(2, "kim", hats...), insider(3, "lex", hats...), insider(4, "max", hats...)},
}

// textOf is the digest of an application or an authorisation; one that has none is no text.
func textOf(a any) narthex.Digest {
	made, err := canon.Digest(a)
	if err != nil {
		return ""
	}
	return made
}

// variants are what can be written: the text, one with other reviewers and the last as member, one with a third person as sponsor, one with a second as member.
func variants(people []narthex.Person, applicant narthex.Person) []*narthex.Application {
	made := make([]*narthex.Application, 4)
	for i := range made {
		a := application()
		a.Applicant, a.Members, a.Sponsor, a.Days = applicant.ID, nil, "", 30
		made[i] = a
	}
	made[1].Members = []narthex.PersonID{people[len(people)-1].ID}
	made[1].Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 2}}
	made[2].Sponsor = people[2].ID
	made[3].Members = []narthex.PersonID{people[1].ID}
	return made
}

// node is one place in the search.
type node struct {
	e     narthex.Engagement
	w     watch
	depth int
}

// place is what of a node decides on every step from it: state, text, who is kept out, votes, signatures, the lock, and the
// second account.
type place struct {
	state narthex.State
	kept  string
	w     watch
}

func (n node) place() place {
	var kept strings.Builder
	authors := slices.Sorted(slices.Values(n.e.Authors))
	fmt.Fprint(&kept, n.e.Digest, n.e.Locked, authors)
	if c := n.e.Counter; c != nil {
		fmt.Fprint(&kept, c.By, c.As, c.Digest)
	}
	fmt.Fprint(&kept, n.e.Nudged.IsZero(), n.e.Authorised != nil, n.e.Sponsor, n.e.Successor, n.e.Left, len(n.e.Joined))
	for _, v := range n.e.Votes {
		fmt.Fprint(&kept, v.By, v.As, v.Approve, v.Saw)
	}
	for _, s := range n.e.Signatures {
		fmt.Fprint(&kept, s.Party, s.By)
	}
	for _, did := range n.e.Triage {
		if did.Approve != "" {
			fmt.Fprint(&kept, did.Rule, did.Approve)
		}
	}
	fmt.Fprint(&kept, len(n.e.Owed), min(len(n.e.Incidents), 2), len(workflow.OpenIncidents(n.e)) > 0)
	for _, r := range n.e.Reminded {
		fmt.Fprint(&kept, r.Mark)
	}
	for _, m := range n.e.Met {
		fmt.Fprint(&kept, m.Evidence, m.Rejected != nil)
	}
	for _, w := range n.e.Waivers {
		fmt.Fprint(&kept, w.By)
	}
	if o := n.e.Objection; o != nil && o.Round < n.e.Round {
		fmt.Fprint(&kept, "an objection of before") // nothing is done with it any more
	} else if o != nil {
		fmt.Fprint(&kept, "objection", o.By, o.As, o.Upheld, o.DecidedAt.IsZero())
		for _, v := range o.Votes {
			if o.DecidedAt.IsZero() {
				fmt.Fprint(&kept, v.By, v.As)
			}
		}
		mediationPlace(&kept, o.Mediation)
	}
	if r := n.e.Refusal; r != nil && n.e.State == narthex.Declined {
		fmt.Fprint(&kept, "refusal", r.Ground)
		mediationPlace(&kept, r.Mediation)
	}
	return place{n.e.State, kept.String(), n.w}
}

// attempts are all commands that a person could give where someone applies, the hopeless ones too.
func attempts(people []narthex.Person, applicant, p narthex.Person) []workflow.Event {
	var all []workflow.Event
	written := variants(people, applicant)
	texts := slices.Clone(written)
	for _, a := range written {
		texts = append(texts, narrower(a))
	}
	for _, command := range commands {
		switch command {
		case workflow.Draft, workflow.Edit, workflow.Revise:
			for _, a := range written {
				all = append(all, workflow.Event{Command: command, Application: a})
			}
		case workflow.Claim, workflow.Unclaim:
			for _, as := range []narthex.Role{"", narthex.Security, narthex.Sponsor} {
				all = append(all, workflow.Event{Command: command, As: as})
			}
		case workflow.Triage:
			for _, as := range []narthex.Role{narthex.Security, narthex.Programme} {
				all = append(all, workflow.Event{Command: command, Triaged: &narthex.Triaged{Rule: "r", Directory: stale, At: start, Route: as}},
					workflow.Event{Command: command, Triaged: &narthex.Triaged{Rule: "r", Directory: stale, At: start, Assign: people[len(people)-1].ID, As: as}})
			}
		case workflow.Invite, workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine:
			event := workflow.Event{Command: command, As: narthex.Security, Saw: textOf(written[0]), Text: "so", Due: start.AddDate(0, 0, 7), Opinion: &narthex.Opinion{ID: asked, Login: "login"}}
			if command == workflow.Invite {
				event.Opinion = &narthex.Opinion{ID: asked, Name: "Vera", Email: "vera@far.test", Code: "code"}
			}
			all = append(all, event)
		case workflow.Entrust:
			for _, to := range people {
				all = append(all, workflow.Event{Command: command, As: narthex.Security, Person: to.ID})
			}
		case workflow.Approve, workflow.Decline, workflow.Return:
			for _, as := range append([]narthex.Role{""}, hats...) {
				for _, a := range texts {
					all = append(all, workflow.Event{Command: command, As: as, Saw: textOf(a), Text: "so"})
				}
			}
		case workflow.Counter:
			for _, as := range append([]narthex.Role{""}, hats...) {
				for i, a := range written {
					all = append(all, workflow.Event{Command: command, As: as, Saw: textOf(a), Text: "so", Application: narrower(a)},
						workflow.Event{Command: command, As: as, Saw: textOf(a), Text: "so", Application: narrower(written[(i+1)%len(written)])},
						workflow.Event{Command: command, As: as, Saw: textOf(narrower(a)), Text: "so", Application: a})
				}
			}
		case workflow.Accept:
			for _, a := range texts {
				all = append(all, workflow.Event{Command: command, Saw: textOf(a)})
			}
		case workflow.Sign:
			for _, party := range []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab, ""} {
				all = append(all, signature(p, party, deal), signature(p, party, stale))
			}
		case workflow.Offer:
			for _, authorised := range beforehand(people, applicant) {
				all = append(all, workflow.Event{Command: command, Agreement: deal, Authorised: authorised})
			}
		case workflow.Activate:
			all = append(all, workflow.Event{Command: command, Grant: grant})
		case workflow.Meet:
			for _, evidence := range []narthex.Digest{"", deal, stale} {
				all = append(all, workflow.Event{Command: command, Obligation: narthex.FinalReport, Evidence: evidence})
			}
			all = append(all, workflow.Event{Command: command, Obligation: narthex.InsuranceProof, Evidence: deal})
		case workflow.Join:
			for _, saw := range append([]narthex.Digest{deal}, textOf(written[0]), textOf(written[1]), textOf(written[3])) {
				all = append(all, workflow.Event{Command: command, Saw: saw})
			}
		case workflow.Issue:
			if p.ID == applicant.ID { // whoever else may issue one changes nothing by it that matters here
				all = append(all, workflow.Event{Command: command, Saw: deal})
			}
		case workflow.Remind, workflow.Escalate:
			for _, mark := range []narthex.Mark{"", workflow.HalfPassed, workflow.ReviewLate} {
				all = append(all, workflow.Event{Command: command, Mark: mark})
			}
			all = append(all, workflow.Event{Command: command, Mark: workflow.OverDue(narthex.FinalReport), Obligation: narthex.FinalReport})
		case workflow.OpenIncident:
			all = append(all, workflow.Event{Command: command, Incident: &narthex.Incident{Kind: "misuse", Severity: "low", At: start.Add(-1), Text: "so"}})
		case workflow.ResolveIncident:
			all = append(all, workflow.Event{Command: command, Number: 1, Outcome: "contained", Text: "so"})
		case workflow.Transfer:
			for _, heir := range people {
				all = append(all, workflow.Event{Command: command, Person: heir.ID})
			}
			all = append(all, workflow.Event{Command: command})
		default:
			all = append(all, workflow.Event{Command: command, Obligation: narthex.FinalReport, Agreement: deal, Grant: grant, Due: start, Text: "so"})
		}
	}
	return all
}

// beforehand is every word that an offer could rest on: none, that of the second person for the applicant, and those that are
// for someone or something else, over, or by the applicant.
func beforehand(people []narthex.Person, applicant narthex.Person) []*narthex.SignedAuthorisation {
	good := authorisation(people[1], applicant)
	elsewhere, over, forged := good.Authorisation, good.Authorisation, *good
	elsewhere.Pathways = []narthex.PathwayName{"tuning"}
	over.NotAfter = start
	forged.Signature.Digest = stale
	return []*narthex.SignedAuthorisation{nil, good, signedBeforehand(people[1], elsewhere), signedBeforehand(people[1], over), &forged, authorisation(applicant, applicant), authorisation(people[1], people[2])}
}

// remembered is attempts, each list made once. The system tries what the first person does.
func remembered(people []narthex.Person) func(n node, who int) []workflow.Event {
	known := map[[2]int][]workflow.Event{}
	return func(n node, who int) []workflow.Event {
		who = max(who, 0)
		applicant := slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == n.e.Application.Applicant })
		key := [2]int{applicant, who}
		if _, made := known[key]; !made {
			known[key] = attempts(people, people[max(applicant, 0)], people[who])
			if applicant < 0 {
				known[key] = attempts(people, people[who], people[who])
			}
		}
		return known[key]
	}
}

// after gives the node that a command leads to; no node where the machine refuses.
func (n node) after(people []narthex.Person, p *narthex.Person, draft workflow.Event) (node, workflow.Event, bool, error) {
	var event workflow.Event
	var refused *narthex.Error
	draft.At = start
	if p == nil {
		if event, refused = workflow.BySystem(n.e, draft); refused != nil {
			event, refused = workflow.BySpecialist(n.e, draft, start)
		}
	} else {
		facts := workflow.Facts{OwnsAsset: true, HalfPassed: true, OtherOwns: true, Now: start}
		if other := slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == draft.Person }); other >= 0 {
			facts.Other = people[other]
		}
		if n.w.locker > 0 {
			facts.LockedBy = people[n.w.locker-1].ID
		}
		event, refused = workflow.Decide(n.e, draft, *p, facts)
	}
	if refused != nil {
		return n, event, false, nil
	}
	event.At = start
	next, err := workflow.Apply(n.e, event)
	if err != nil {
		return n, event, false, nil
	}
	w, broken := n.w.step(people, n.e, next, event)
	return node{next, w, n.depth + 1}, event, true, broken
}

// found is what a search saw.
type found struct {
	given   map[workflow.Command]int
	reached map[narthex.State]int
}

// search walks every path among the people, each giving every command at every moment but those left out, until nothing new is
// reached.
func search(t *testing.T, people []narthex.Person, from node, f found, but func(workflow.Event) bool) {
	t.Helper()
	searchBy(t, people, remembered(people), from, f, but)
}

// searchBy is search by those commands that each is asked to give.
func searchBy(t *testing.T, people []narthex.Person, asks func(n node, who int) []workflow.Event, from node, f found, but func(workflow.Event) bool) {
	t.Helper()
	seen := map[place]bool{}
	queue := []node{from}
	steps, deepest := 0, 0
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n.depth >= mostDepth {
			t.Fatalf("the search has not ended at depth %d", mostDepth)
		}
		for who := -1; who < len(people); who++ {
			var p *narthex.Person
			if who >= 0 {
				p = &people[who]
			}
			for _, ask := range asks(n, who) {
				if but(ask) {
					continue
				}
				next, event, happened, broken := n.after(people, p, ask)
				if broken != nil {
					t.Fatalf("after %d steps, in state %q with %d authors and votes %v, %s by %s: %v", n.depth, n.e.State, len(n.e.Authors), n.e.Votes, event.Command, event.By, broken)
				}
				if !happened {
					continue
				}
				steps++
				f.given[event.Command]++
				if at := next.place(); !seen[at] {
					seen[at], deepest = true, next.depth
					f.reached[next.e.State]++
					queue = append(queue, next)
				}
			}
		}
	}
	t.Logf("%d places, %d steps, the farthest place is %d steps away", len(seen), steps, deepest)
}

// clocks are the commands of clocks.
var clocks = []workflow.Command{workflow.Remind, workflow.Escalate}

// inReview is an application of the first of the people that is with its reviewers.
func inReview(t *testing.T, people []narthex.Person) node {
	t.Helper()
	n := node{}
	for _, step := range []struct {
		by    *narthex.Person
		draft workflow.Event
	}{{&people[0], workflow.Event{Command: workflow.Draft, Application: variants(people, people[0])[0]}}, {&people[0], workflow.Event{Command: workflow.Submit}}, {nil, workflow.Event{Command: workflow.Assign, Due: start}}} {
		next, event, happened, broken := n.after(people, step.by, step.draft)
		if broken != nil || !happened {
			t.Fatalf("%s in %q: %t, %v", event.Command, n.e.State, happened, broken)
		}
		n = next
	}
	return n
}

// Rules that stand in for approvals, on every text that asks one or two of three roles, in any order and however many: nothing is offered
// on fewer than two people's approvals of roles that no rule stands in for.
func TestNoPathOfRulesLeavesFewerThanTwoPeople(t *testing.T) {
	people := worlds["two and three"]
	texts := make([]*narthex.Application, 4)
	for i := range texts {
		texts[i] = variants(people, people[0])[0]
		texts[i].Days = 30 + i
	}
	texts[0].Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}, {Role: narthex.AssetOwner, Quorum: 1}}
	texts[1].Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 2}, {Role: narthex.Legal, Quorum: 1}}
	texts[2].Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}}
	texts[3].Reviews = []narthex.ReviewRule{{Role: narthex.Security, Quorum: 1}, {Role: narthex.Legal, Quorum: 1}, {Role: narthex.Programme, Quorum: 1}, {Role: narthex.AssetOwner, Quorum: 1}}
	var all []workflow.Event
	for _, a := range texts {
		for _, as := range []narthex.Role{narthex.Security, narthex.Legal, narthex.AssetOwner, narthex.Programme} {
			all = append(all, workflow.Event{Command: workflow.Approve, As: as, Saw: textOf(a)})
			for _, rule := range []string{"r", "s"} {
				all = append(all, workflow.Event{Command: workflow.Triage, Triaged: &narthex.Triaged{Rule: rule, Directory: stale, At: start, Approve: as, Saw: textOf(a)}})
			}
		}
		all = append(all, workflow.Event{Command: workflow.Draft, Application: a}, workflow.Event{Command: workflow.Revise, Application: a})
	}
	all = append(all, workflow.Event{Command: workflow.Submit}, workflow.Event{Command: workflow.Assign, Due: start}, workflow.Event{Command: workflow.Return, As: narthex.Legal, Text: "so"},
		workflow.Event{Command: workflow.Recuse}, workflow.Event{Command: workflow.Offer, Agreement: deal})
	f := found{map[workflow.Command]int{}, map[narthex.State]int{}}
	searchBy(t, people, func(node, int) []workflow.Event { return all }, node{}, f, func(ask workflow.Event) bool { return false })
	if f.given[workflow.Triage] == 0 || f.reached[narthex.Offered] == 0 {
		t.Errorf("%d rules were applied, and %d places are offered, which shows nothing", f.given[workflow.Triage], f.reached[narthex.Offered])
	}
}

// inForce is a grant under an agreement that asks for a report, of the first of the people, on the word of the second.
func inForce(t *testing.T, people []narthex.Person) node {
	t.Helper()
	text := variants(people, people[0])[0]
	n := node{}
	step := func(p *narthex.Person, draft workflow.Event) {
		next, event, happened, broken := n.after(people, p, draft)
		if broken != nil || !happened {
			t.Fatalf("%s in %q: %t, %v", event.Command, n.e.State, happened, broken)
		}
		n = next
	}
	step(&people[0], workflow.Event{Command: workflow.Draft, Application: text})
	step(&people[0], workflow.Event{Command: workflow.Submit})
	step(nil, workflow.Event{Command: workflow.Assign, Due: start})
	step(&people[2], workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: textOf(text)})
	step(&people[3], workflow.Event{Command: workflow.Approve, As: narthex.Legal, Saw: textOf(text)})
	step(nil, workflow.Event{Command: workflow.Offer, Agreement: deal, Authorised: authorisation(people[1], people[0])})
	step(&people[0], signature(people[0], narthex.PartyResearcher, deal))
	step(&people[4], signature(people[4], narthex.PartyLab, deal))
	step(nil, workflow.Event{Command: workflow.Activate, Grant: grant, Owed: []narthex.Owed{report}})
	return n
}

// ofAnIncident leaves out what is done about incidents.
func ofAnIncident(ask workflow.Event) bool {
	return ask.Command == workflow.OpenIncident || ask.Command == workflow.ResolveIncident
}

// ofAClock leaves out what clocks say.
func ofAClock(ask workflow.Event) bool { return slices.Contains(clocks, ask.Command) }

// unjoined leaves out that members accept, which changes nothing for all but themselves, and that a vote falls, which leads back to
// where the search was.
func unjoined(ask workflow.Event) bool {
	return ask.Command == workflow.Join || ask.Command == workflow.Recuse
}

// otherText leaves out texts other than the one that names the second of the people as a member, and one that gives less.
func otherText(people []narthex.Person) func(workflow.Event) bool {
	text := variants(people, people[0])[3]
	known := []narthex.Digest{"", deal, textOf(text), textOf(narrower(text))}
	return func(ask workflow.Event) bool {
		return ask.Application != nil && !slices.Contains(known, textOf(ask.Application)) || ask.Command != workflow.Sign && !slices.Contains(known, ask.Saw)
	}
}

// offeredTo is an agreement that waits for its signatures, with the second of the people as a member who has not accepted.
func offeredTo(t *testing.T, people []narthex.Person) node {
	t.Helper()
	text := variants(people, people[0])[3]
	n := node{}
	step := func(p *narthex.Person, draft workflow.Event) {
		next, event, happened, broken := n.after(people, p, draft)
		if broken != nil || !happened {
			t.Fatalf("%s in %q: %t, %v", event.Command, n.e.State, happened, broken)
		}
		n = next
	}
	step(&people[0], workflow.Event{Command: workflow.Draft, Application: text})
	step(&people[0], workflow.Event{Command: workflow.Submit})
	step(nil, workflow.Event{Command: workflow.Assign, Due: start})
	step(&people[2], workflow.Event{Command: workflow.Approve, As: narthex.Security, Saw: textOf(text)})
	step(&people[3], workflow.Event{Command: workflow.Approve, As: narthex.Legal, Saw: textOf(text)})
	step(nil, workflow.Event{Command: workflow.Offer, Agreement: deal})
	return n
}

// Every path of any length over four to six people, six roles and Narthex itself.
func TestNoPathBreaksAPromise(t *testing.T) {
	f := found{map[workflow.Command]int{}, map[narthex.State]int{}}
	for name, people := range worlds {
		t.Run(name, func(t *testing.T) {
			search(t, people, node{}, f, func(ask workflow.Event) bool { return unjoined(ask) || ofAClock(ask) || ofAnIncident(ask) })
		})
	}
	// Nor does who accepted, which is searched among those of one text that names a member.
	t.Run("who accept for themselves", func(t *testing.T) {
		people := worlds["two and three"]
		other := otherText(people)
		search(t, people, offeredTo(t, people), f, func(ask workflow.Event) bool { return ofAClock(ask) || ofAnIncident(ask) || other(ask) })
	})
	// What is owed is searched from where it begins, by every way on from there: before, it changes nothing.
	people := worlds["two and three"]
	t.Run("who owe something", func(t *testing.T) {
		search(t, people, inForce(t, people), f, func(ask workflow.Event) bool { return unjoined(ask) || ofAnIncident(ask) })
	})
	// What is open of incidents holds the end back, and changes nothing else.
	t.Run("who open incidents", func(t *testing.T) {
		search(t, people, inForce(t, people), f, func(ask workflow.Event) bool {
			return !ofAnIncident(ask) && !slices.Contains([]workflow.Command{workflow.End, workflow.Close, workflow.Meet, workflow.Waive}, ask.Command)
		})
	})
	// So is what clocks say, from a review on, where nothing is written anew: it changes nothing of that.
	t.Run("whom a clock reminds", func(t *testing.T) {
		search(t, people, inReview(t, people), f, func(ask workflow.Event) bool {
			return !ofAClock(ask) && !slices.Contains([]workflow.Command{workflow.Approve, workflow.Decline, workflow.Offer, workflow.Return, workflow.Withdraw, workflow.Nudge}, ask.Command)
		})
	})
	for _, command := range commands {
		// TestNoPathOfAManuscriptBreaksAPromise walks those of manuscripts. A place does not tell claims apart, so that none is given back:
		// TestAClaimGivesNothingAndTakesNothing shows that nothing else hangs on them. Nor does it tell opinions apart, as TestAnOpinionIsNoVote
		// shows. Agreements of these people accept no outside document, and their refusals have no grounds: signing_test.go, the random lives and
		// TestNoPathOfAnObjectionOrAMediationBreaksAPromise have those.
		elsewhere := []workflow.Command{workflow.Unclaim, workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine, workflow.Bind, workflow.Mediate,
			workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Reopen, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation}
		if f.given[command] == 0 && !workflow.OnManuscripts(command) && !slices.Contains(elsewhere, command) {
			t.Errorf("nobody could ever %s, so the search shows nothing of it", command)
		}
	}
	for _, state := range narthex.States() {
		if f.reached[state] == 0 {
			t.Errorf("state %s was never reached", state)
		}
	}
}
