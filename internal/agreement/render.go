// Package agreement turns clauses, values and terms into the one document that both sides sign, and checks signatures on it.
//
// It promises that the same input gives the same bytes; that the notices which protect a signer stand in every agreement,
// whatever the pathway says; that a signature is good for one document, one party, one person and one lab's ledger; and that
// a file of an agreement and its signatures can be checked offline with keys that the reader brings.
//
// It trusts the approved lab directory for the clauses. It trusts nothing that an applicant wrote: their text is escaped in
// every form. It is pure but for drawing keys from the randomness it is given. Read next: document.go, redline.go, sign.go, bundle.go.
package agreement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/canon"
)

const format = "narthex agreement v1"

// Input is what an agreement is made of.
type Input struct {
	Lab             string
	Origin          string
	Engagement      narthex.Engagement
	Pathway         narthex.Pathway
	Clauses         map[narthex.ClauseName]narthex.Clause
	Taxonomy        *narthex.Taxonomy
	Parties         []narthex.Party
	NotBefore       time.Time
	NotAfter        time.Time
	SingleCustodian bool
	Uses            []narthex.AgreedUse // what the codes of the pathway and the application permit
	Amends          *narthex.Amended    // what it takes the place of; nil for one that stands by itself
}

// Render makes the agreement: clause 1 is the first of the pathway's, clause 2 lists the terms, then come the others and the
// notices that the pathway left out.
func Render(in Input) (narthex.Agreement, error) {
	app := in.Engagement.Application
	a := narthex.Agreement{Format: format, Lab: in.Lab, Origin: in.Origin, Engagement: in.Engagement.ID, Application: in.Engagement.Digest,
		Pathway: app.Pathway, Directory: app.Directory, Title: app.Title, Parties: in.Parties,
		NotBefore: in.NotBefore.UTC().Truncate(time.Second), NotAfter: in.NotAfter.UTC().Truncate(time.Second),
		ContentLog: in.Pathway.ContentLog, AppealTo: in.Pathway.AppealTo, AppealDays: in.Pathway.AppealDays, SingleCustodian: in.SingleCustodian, Approvals: approvals(in.Engagement),
		SigningOrder: app.SigningOrder, Amends: in.Amends, Uses: in.Uses}
	if len(in.Pathway.Clauses) == 0 || len(app.Terms) == 0 || len(in.Parties) < 2 || !a.NotBefore.Before(a.NotAfter) {
		return a, fmt.Errorf("render agreement: it needs clauses, terms, two parties and dates in order")
	}
	for i, term := range app.Terms {
		term.Clause = fmt.Sprintf("%s.%d", narthex.ClauseOfTerms, i+1)
		a.Terms = append(a.Terms, term)
	}
	for i, condition := range app.RestsOn {
		condition.Clause = fmt.Sprintf("%s.%d", narthex.ClauseOfConditions, i+1)
		a.RestsOn = append(a.RestsOn, condition)
	}
	uses := slices.Clone(in.Pathway.Clauses)
	for _, name := range slices.Sorted(maps.Keys(in.Clauses)) {
		if in.Clauses[name].Notice && !slices.ContainsFunc(uses, func(u narthex.ClauseUse) bool { return u.Clause == name }) {
			uses = append(uses, narthex.ClauseUse{Clause: name})
		}
	}
	number := 1
	for _, use := range uses {
		clause, known := in.Clauses[use.Clause]
		if !known {
			return a, fmt.Errorf("render agreement: clause %s is not in the library", use.Clause)
		}
		agreed, err := fill(clause, use.Values)
		if err != nil {
			return a, err
		}
		agreed.Number = fmt.Sprint(number)
		a.Clauses = append(a.Clauses, agreed)
		if number++; number == 2 {
			number = 3 // clause 2 is the terms
		}
	}
	a.Redline = Redline(in.Pathway, in.Clauses, a.Terms, a.Clauses, app.Days)
	return a, nil
}

// fill sets a clause's parameters: the pathway's values, then the defaults.
func fill(clause narthex.Clause, given map[string]string) (narthex.AgreedClause, error) {
	out := narthex.AgreedClause{Name: clause.Name, Title: clause.Title, Text: clause.Text}
	for _, name := range slices.Sorted(maps.Keys(clause.Parameters)) {
		value, set := given[name]
		if !set {
			value = clause.Parameters[name].Default
		}
		if value == "" {
			return out, fmt.Errorf("render agreement: parameter %s of clause %s has no value", name, clause.Name)
		}
		if out.Values == nil {
			out.Values = map[string]string{}
		}
		out.Values[name] = value
		out.Text = strings.ReplaceAll(out.Text, "{{"+name+"}}", Escape(value))
	}
	return out, nil
}

// Digest gives what is signed: the SHA-256 of the agreement's canonical JSON.
func Digest(a narthex.Agreement) (narthex.Digest, error) { return canon.Digest(a) }

// approvals counts the people who approved the application as it stands.
func approvals(e narthex.Engagement) int {
	people := map[narthex.PersonID]bool{}
	for _, vote := range e.Votes {
		if vote.Approve && vote.Saw == e.Digest {
			people[vote.By] = true
		}
	}
	return len(people)
}
