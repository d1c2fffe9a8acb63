package office

import (
	"slices"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/listing"
	"narthex/internal/workflow"
	"narthex/policy"
)

// triaged gives the rules of an application's pathway that hold. Standard says that no term departs from what is offered, and held
// that no asset's horizon is below its least.
func triaged(tx *journal.Tx, d *lab.Directory, a narthex.Application, standard, held bool) ([]narthex.TriageRule, error) {
	pathway := d.Pathways[a.Pathway]
	if len(pathway.Triage) == 0 {
		return nil, nil
	}
	facts := workflow.TriageFacts{Standard: standard, HorizonHeld: held, Days: a.Days, Answers: a.Answers, Amendment: narthex.AmendsNothing}
	word, err := book.AuthorisedOf(tx, a.Applicant)
	if err != nil {
		return nil, err
	}
	facts.Authorised = word != nil && word.Authorisation.Covers(a.Applicant, a.Org, a.Pathway, tx.Now())
	var lists []string
	for _, state := range []narthex.State{narthex.Active, narthex.Ending, narthex.Closed} {
		lists = append(lists, listing.EngagementsOf(listing.Org(a.Org), state))
	}
	if err := book.Walk(tx, lists, "", false, func(_, _ string) (bool, error) { facts.KnownOrg = true; return true, nil }); err != nil {
		return nil, err
	}
	if a.Amends != "" {
		_, grant, err := replacedBy(tx, a)
		if err != nil {
			return nil, err
		}
		facts.Amendment = narthex.AmendsBeyond
		if policy.Narrower(d.Taxonomy, grant.Terms, a.Terms) == nil {
			facts.Amendment = narthex.AmendsWithin
		}
	}
	return workflow.TriageOf(pathway.Triage, facts), nil
}

// triage lets the rules of the pathway do what they do when a round begins, each as an event that cites the rule and its directory.
func (o *Office) triage(tx *journal.Tx, rules *book.Rules, e narthex.Engagement) error {
	_, holding, err := reviewsAndRules(tx, rules.Directory, e.Application)
	if err != nil || len(holding) == 0 {
		return err
	}
	who, err := ownersNow(tx, rules.Directory)
	if err != nil {
		return err
	}
	people, err := book.PeopleOf(tx, "")
	if err != nil {
		return err
	}
	for _, rule := range holding {
		did := narthex.Triaged{Rule: rule.Name, Directory: rules.Directory.Digest, At: tx.Now(), Flag: rule.Then.Flag, Route: rule.Then.Route, As: rule.Then.As, Approve: rule.Then.Approve}
		if asked := func(r narthex.ReviewRule) bool { return r.Role == did.Route }; did.Route != "" && !slices.ContainsFunc(e.Application.Reviews, asked) {
			return narthex.Conflictf("Who must approve this has changed since it was written: the rule %s of the pathway asks for %s too. Revise it, and hand it in again.", rule.Name, inWords([]narthex.Role{did.Route}))
		}
		if did.Approve != "" {
			if !workflow.RuleMayApprove(e, did.Approve) {
				continue // it waits for the role, as without the rule
			}
			did.Saw = e.Digest
		}
		if rule.Then.Assign != "" {
			at := slices.IndexFunc(people, func(p narthex.Person) bool { return p.Handle == rule.Then.Assign })
			if at < 0 {
				continue
			}
			p, there, err := standing(tx, people[at].ID)
			if err != nil {
				return err
			}
			if !there || who.isAway(p.ID) || !workflow.MayBeGiven(e, p, did.As, who.owns(e.Application.Terms, p)) {
				continue // it waits for the role, as without the rule
			}
			did.Assign = p.ID
		}
		if e, err = o.bySystem(tx, e, workflow.Event{Command: workflow.Triage, Triaged: &did}); err != nil {
			return err
		}
	}
	return nil
}

// ruling gives the engagement with those rules alone standing in for an approval that still hold, by the facts of now.
func ruling(tx *journal.Tx, d *lab.Directory, e narthex.Engagement) (narthex.Engagement, error) {
	approves := func(t narthex.Triaged) bool { return t.Approve != "" }
	if !slices.ContainsFunc(e.Triage, approves) {
		return e, nil
	}
	_, holding, err := reviewsAndRules(tx, d, e.Application)
	if err != nil {
		return e, err
	}
	e.Triage = slices.DeleteFunc(slices.Clone(e.Triage), func(t narthex.Triaged) bool {
		return approves(t) && !slices.ContainsFunc(holding, func(r narthex.TriageRule) bool { return r.Name == t.Rule && r.Then.Approve == t.Approve })
	})
	return e, nil
}
