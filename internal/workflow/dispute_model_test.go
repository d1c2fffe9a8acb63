package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/workflow"
)

// disputing are the commands about objections to what was granted, and about the mediation of what was decided.
var disputing = []workflow.Command{workflow.Object, workflow.Uphold, workflow.Dismiss, workflow.Reopen, workflow.Mediate, workflow.ProposeMediator, workflow.AcceptMediator, workflow.RecordMediation}

// dispute is a second account of an objection, and of the mediation that there may be.
type dispute struct {
	objector int8 // 1 + who objected, or 0
	upholds  [8]seat
	over     bool // it was dismissed or upheld
	granted  bool // it was upheld, and nothing has gone back by it yet
	talk     talk
}

// seat is a vote to uphold: 1 + who, in the role of that place among all.
type seat struct{ by, as int8 }

// talk is a mediation, and what is mediated.
type talk struct {
	on       bool // there is something to mediate
	asked    bool
	proposed int8 // by the applicant 1, by the lab 2
	begun    bool
	said     [2]narthex.MediationResult // of the applicant, of the lab
}

func (d *dispute) forget() { d.objector, d.upholds, d.over, d.granted = 0, [8]seat{}, false, false }

// ended says whether nothing more is said in a mediation.
func (t talk) ended() bool {
	agreed := 0
	for _, said := range t.said {
		switch said {
		case "":
		case narthex.MediationAgreed:
			agreed++
		default:
			return true
		}
	}
	return agreed == 2
}

// upheld says whether different people can be found for every seat of every rule.
func (d dispute) upheld(rules []narthex.ReviewRule) bool {
	left := map[narthex.Role]int{}
	for _, rule := range rules {
		left[rule.Role] += max(rule.Quorum, 1)
	}
	for _, s := range d.upholds {
		if s.by > 0 {
			left[narthex.Roles()[s.as]]--
		}
	}
	for _, n := range left {
		if n > 0 {
			return false
		}
	}
	return true
}

// disputes holds a step to what is promised: nobody decides on their own objection, and nothing of it gives or takes access.
func (w watch) disputes(people []narthex.Person, by int, before, after narthex.Engagement, event workflow.Event) (watch, error) {
	if event.Command == workflow.Reopen {
		return w.reopened(people, by, before, after)
	}
	if by < 0 || after.State != before.State || after.Grant != before.Grant || after.Agreement != before.Agreement || after.Digest != before.Digest || !same(after.Votes, before.Votes) || !same(after.Signatures, before.Signatures) || after.Locked != before.Locked {
		return w, fmt.Errorf("%s by nobody, or it changed more than itself", event.Command)
	}
	d, p := &w.dispute, people[by]
	reviews := func() bool {
		return p.Has(event.As) && slices.ContainsFunc(before.Application.Reviews, func(r narthex.ReviewRule) bool { return r.Role == event.As })
	}
	switch event.Command {
	case workflow.Object:
		if d.objector != 0 || !w.approved || !reviews() && (event.As != narthex.Programme || !p.Has(narthex.Programme)) || !slices.Contains(before.Application.Refusals.Grounds, event.Refusal.Ground) || event.Refusal.Alternative == "" {
			return w, fmt.Errorf("a second objection, to what is not granted, by someone who may not, on no ground, or without another way")
		}
		d.forget()
		d.objector = int8(by + 1)
	case workflow.Uphold, workflow.Dismiss:
		if d.objector == 0 || d.over || int(d.objector) == by+1 || !reviews() || slices.ContainsFunc(d.upholds[:], func(s seat) bool { return int(s.by) == by+1 }) {
			return w, fmt.Errorf("an objection is decided by whoever objected, a second time, by someone who does not review it, or when it is over")
		}
		if event.Command == workflow.Dismiss {
			d.over, d.upholds = true, [8]seat{}
			break
		}
		free := slices.Index(d.upholds[:], seat{})
		d.upholds[free] = seat{int8(by + 1), int8(slices.Index(narthex.Roles(), event.As))}
		if d.over = d.upheld(before.Application.Reviews); d.over {
			d.granted, d.talk, d.upholds = true, talk{on: true}, [8]seat{}
		}
		if d.over != after.Objection.Upheld {
			return w, fmt.Errorf("an objection is upheld: %t, where its votes say %t", after.Objection.Upheld, d.over)
		}
	default:
		return w.talks(p, before, event)
	}
	return w, w.settled(after)
}

// talks holds what is done in a mediation to its sides.
func (w watch) talks(p narthex.Person, before narthex.Engagement, event workflow.Event) (watch, error) {
	t, side := &w.dispute.talk, int8(1)
	if p.ID != before.Application.Applicant {
		if side = 2; !p.Has(narthex.Programme) || slices.Contains(before.Authors, p.ID) {
			return w, fmt.Errorf("%s by someone of neither side", event.Command)
		}
	}
	if !t.on || t.asked == (event.Command == workflow.Mediate) || t.ended() {
		return w, fmt.Errorf("%s where there is nothing to mediate, or it is over", event.Command)
	}
	switch event.Command {
	case workflow.Mediate:
		if t.asked = true; side != 1 {
			return w, fmt.Errorf("the lab asks for mediation")
		}
	case workflow.ProposeMediator:
		if t.proposed = side; t.begun {
			return w, fmt.Errorf("a mediator is proposed when there is one")
		}
	case workflow.AcceptMediator:
		if t.proposed == 0 || t.proposed == side || t.begun {
			return w, fmt.Errorf("a mediator is accepted whom nobody else proposed")
		}
		t.begun = true
	case workflow.RecordMediation:
		if t.said[side-1] != "" || !t.begun && event.Result != narthex.MediationWithdrawn {
			return w, fmt.Errorf("a side says a second thing, or what came of a mediation that did not begin")
		}
		t.said[side-1] = event.Result
	}
	return w, nil
}

// reopened holds that what goes back was objected to by enough, or agreed on by both sides; and that nothing is left of what was decided.
func (w watch) reopened(people []narthex.Person, by int, before, after narthex.Engagement) (watch, error) {
	d := &w.dispute
	agreed := d.talk.said == [2]narthex.MediationResult{narthex.MediationAgreed, narthex.MediationAgreed}
	switch {
	case by >= 0 || after.State != narthex.Returned || after.Grant != "" || len(after.Votes) > 0 || len(after.Signatures) > 0 || after.Agreement != "":
		return w, fmt.Errorf("a person reopened it, or something is left of what was decided")
	case before.State == narthex.Offered && d.granted:
		d.granted = false
	case before.State == narthex.Declined && agreed:
		d.talk = talk{}
	default:
		return w, fmt.Errorf("it was reopened from %s, where an objection was upheld to it: %t, and agreed: %t", before.State, d.granted, agreed)
	}
	w.votes, w.agreement, w.approved, w.signers = [16]vote{}, "", false, [3]int8{}
	w.joined, w.agreed = w.joined&^w.agreed, 0
	return w, w.settled(after)
}

// mediationPlace is what of a mediation decides on every step from it.
func mediationPlace(kept *strings.Builder, m *narthex.DecisionMediation) {
	if m == nil {
		return
	}
	fmt.Fprint(kept, "mediation", m.Until.IsZero(), m.Began.IsZero())
	if m.Mediator != nil {
		fmt.Fprint(kept, m.Mediator.Said.As)
	}
	for i, side := range []*narthex.MediationOutcome{m.Authors, m.Lab} {
		if side != nil {
			fmt.Fprint(kept, i, side.Result)
		}
	}
}

// askDispute gives every shape of a command about an objection or a mediation: by whoever it is, in every role, on the right text and a
// wrong one.
func askDispute(n node, command workflow.Command) []workflow.Event {
	var all []workflow.Event
	event := workflow.Event{Command: command, Text: "so", Due: start.AddDate(0, 0, 30)}
	switch command {
	case workflow.Object:
		for _, as := range []narthex.Role{"", narthex.Security, narthex.Legal, narthex.Programme} {
			for _, refusal := range []*narthex.Refusal{nil, {Ground: "not held"}, {Ground: "other", Alternative: "less"}, {Ground: "not held", Alternative: "less"}} {
				event.As, event.Refusal = as, refusal
				all = append(all, event)
			}
		}
	case workflow.Uphold, workflow.Dismiss:
		for _, as := range []narthex.Role{"", narthex.Security, narthex.Legal, narthex.Programme} {
			event.As, event.Saw = as, n.e.Digest
			all = append(all, event)
			if o := n.e.Objection; o != nil {
				event.Saw = o.Digest
				all = append(all, event)
			}
		}
	case workflow.Reopen:
		all = append(all, event)
	default:
		for _, as := range []narthex.Role{"", narthex.Programme} {
			for _, result := range append(narthex.MediationResults(), "") {
				if event.As, event.Result = as, result; command != workflow.RecordMediation && result != "" {
					continue
				}
				if event.Mediator = nil; command == workflow.ProposeMediator || command == workflow.AcceptMediator {
					event.Mediator = vera()
				}
				all = append(all, event)
			}
		}
	}
	return all
}

// mediating are the commands of a mediation.
var mediating = disputing[4:]

// disputable is an application of the first of the people on a pathway in the shape of the regulation, after steps that lead on.
func disputable(t *testing.T, people []narthex.Person, steps ...func(node) (*narthex.Person, workflow.Event)) node {
	t.Helper()
	text := variants(people, people[0])[0]
	text.Refusals = objectable().Refusals
	first := func(by *narthex.Person, draft workflow.Event) func(node) (*narthex.Person, workflow.Event) {
		return func(node) (*narthex.Person, workflow.Event) { return by, draft }
	}
	n := node{}
	for _, step := range append([]func(node) (*narthex.Person, workflow.Event){first(&people[0], workflow.Event{Command: workflow.Draft, Application: text}), first(&people[0], workflow.Event{Command: workflow.Submit}), first(nil, workflow.Event{Command: workflow.Assign, Due: start})}, steps...) {
		by, draft := step(n)
		next, event, happened, broken := n.after(people, by, draft)
		if broken != nil || !happened {
			t.Fatalf("%s in %q: %t, %v", event.Command, n.e.State, happened, broken)
		}
		n = next
	}
	return n
}

// Every path of objections and of mediations: from an offer and from a refusal, to a grant and to an end, and back from what was decided
// into the next review, where a third is as the second.
func TestNoPathOfAnObjectionOrAMediationBreaksAPromise(t *testing.T) {
	deciders := []narthex.Role{narthex.Security, narthex.Legal, narthex.Programme}
	people := []narthex.Person{outsider(1, north), official(2, north), insider(3, "lex", deciders...), insider(4, "max", deciders...), insider(5, "ann", narthex.Legal, narthex.Signatory)}
	does := func(by *narthex.Person, draft workflow.Event) func(node) (*narthex.Person, workflow.Event) {
		return func(n node) (*narthex.Person, workflow.Event) {
			if draft.Command == workflow.Approve || draft.Command == workflow.Decline {
				draft.Saw = n.e.Digest
			}
			if draft.Command == workflow.Uphold {
				draft.Saw = n.e.Objection.Digest
			}
			return by, draft
		}
	}
	decline := workflow.Event{Command: workflow.Decline, As: narthex.Security, Text: "so", Refusal: &narthex.Refusal{Ground: "secret", Alternative: "less", MediateBy: start.AddDate(0, 0, 7)}}
	offer := workflow.Event{Command: workflow.Offer, Agreement: deal, Authorised: authorisation(people[1], people[0])}
	objection := objecting()
	type steps = []func(node) (*narthex.Person, workflow.Event)
	offered := steps{does(&people[2], workflow.Event{Command: workflow.Approve, As: narthex.Security}), does(&people[3], workflow.Event{Command: workflow.Approve, As: narthex.Legal}), does(nil, offer)}
	signed := append(slices.Clone(offered), does(&people[0], signature(people[0], narthex.PartyResearcher, deal)), does(&people[4], signature(people[4], narthex.PartyLab, deal)), does(nil, workflow.Event{Command: workflow.Activate, Grant: grant}))
	upheld := steps{does(&people[2], objection), does(&people[3], workflow.Event{Command: workflow.Uphold, As: narthex.Security, Text: "so", Due: start.AddDate(0, 0, 7)}), does(&people[4], workflow.Event{Command: workflow.Uphold, As: narthex.Legal, Text: "so", Due: start.AddDate(0, 0, 7)})}
	f := found{map[workflow.Command]int{}, map[narthex.State]int{}}
	for name, from := range map[string]node{
		"of an offer": disputable(t, people, offered...), "of a grant": disputable(t, people, append(slices.Clone(signed), upheld...)...), "of a refusal": disputable(t, people, does(&people[2], decline)),
		"of what went back": disputable(t, people, append(append(slices.Clone(offered), upheld...), does(nil, workflow.Event{Command: workflow.Reopen}))...),
	} {
		t.Run(name, func(t *testing.T) {
			text := from.e.Application
			searchBy(t, people, func(n node, who int) []workflow.Event {
				var all []workflow.Event
				if n.e.Round > 2 {
					return nil
				}
				for _, command := range disputing {
					if talks := slices.Contains(mediating, command); talks != (name == "of an offer") && (talks || name != "of a refusal") || command == workflow.Reopen {
						all = append(all, askDispute(n, command)...)
					}
				}
				for _, as := range []narthex.Role{narthex.Security, narthex.Legal} {
					decline.As, decline.Saw = as, n.e.Digest
					all = append(all, workflow.Event{Command: workflow.Approve, As: as, Saw: n.e.Digest}, decline)
				}
				if who >= 0 {
					all = append(all, signature(people[who], narthex.PartyResearcher, deal), signature(people[who], narthex.PartyLab, deal))
				}
				return append(all, workflow.Event{Command: workflow.Revise, Application: &text, Text: "so"}, workflow.Event{Command: workflow.Assign, Due: start}, offer,
					workflow.Event{Command: workflow.Activate, Grant: grant}, workflow.Event{Command: workflow.End}, workflow.Event{Command: workflow.Recuse})
			}, from, f, func(workflow.Event) bool { return false })
		})
	}
	for _, command := range append([]workflow.Command{workflow.Revise, workflow.Activate}, disputing...) {
		if f.given[command] == 0 {
			t.Errorf("nobody could ever %s, so the search shows nothing of it", command)
		}
	}
	for _, state := range []narthex.State{narthex.Declined, narthex.Returned, narthex.Offered, narthex.Active, narthex.Ending} {
		if f.reached[state] == 0 {
			t.Errorf("state %s was never reached", state)
		}
	}
}
