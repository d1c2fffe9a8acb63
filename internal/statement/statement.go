// Package statement says what access an engagement was: what was asked, given, used and refused, by attribute, and how deep it went.
//
// It promises that the same history gives the same statement, to the byte, whoever asks and whenever; that every figure is counted
// from the entries that it names; and that a file of it is checked offline: the digest of the statement stands in an entry, and the
// entry in the ledger that a checkpoint signed. A file has one form, so that a byte that is changed anywhere is found.
//
// It is pure. It trusts its caller for the entries and rows that it is given, and for who may ask. Read next: level.go for the
// access level, tally.go for what is counted, file.go for the file.
package statement

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/order"
	"narthex/internal/workflow"
)

// Format is the format of a statement.
const Format = "narthex access statement v1"

// Input is what a statement is made of.
type Input struct {
	Engagement narthex.Engagement
	Agreement  narthex.Agreement // that is in force
	Asked      []narthex.Term    // when it was first handed in
	Taxonomy   *narthex.Taxonomy
	Calendar   workflow.Calendar
	Names      []string // empty where they were not asked for
	Tally      *Tally
}

// Of makes the statement.
func Of(in Input) client.Statement {
	e, a, t := in.Engagement, in.Agreement, in.Tally
	out := client.Statement{Format: Format, Lab: a.Lab, Origin: a.Origin, Engagement: e.ID, Title: e.Application.Title, Pathway: a.Pathway, State: e.State,
		Agreement: e.Agreement, Application: a.Application, Directory: a.Directory, From: a.NotBefore, Until: a.NotAfter, Ends: workflow.EndOf(e),
		Parties: []client.StatementParty{}, People: len(workflow.Holders(e)), Names: in.Names, ContentLog: a.ContentLog, Independence: independence(a),
		Attributes: attributes(in), Use: t.use(), Refused: t.refused(), Locks: slices.Clone(t.locks), Obligations: duties(e, in.Calendar), Published: Published(e),
		Through: t.last, At: t.at, Entries: slices.Clone(t.entries)}
	if out.Ends.IsZero() {
		out.Ends = a.NotAfter
	}
	for _, p := range a.Parties {
		party := client.StatementParty{Role: p.Role, Org: p.Name}
		if p.Role == narthex.PartyResearcher { // a person, whose name stands apart
			party.Org = ""
		}
		out.Parties = append(out.Parties, party)
	}
	out.Level = LevelOf(in.Taxonomy, a.Terms, in.Calendar, out.From, out.Ends)
	return out
}

// Published lists where what came of it came out.
func Published(e narthex.Engagement) []string {
	works := []string{}
	for _, m := range e.Manuscripts {
		if m.Published != nil {
			works = append(works, m.Published.Reference)
		}
	}
	return works
}

// independence is what stands between the one who looked and the lab: money, and who may hold back what was found.
func independence(a narthex.Agreement) []client.StatementFact {
	facts := []client.StatementFact{}
	add := func(name narthex.ClauseName, parameter, fact string, says func(value string) string) {
		for _, c := range a.Clauses {
			if value, has := c.Values[parameter]; has && c.Name == name {
				facts = append(facts, client.StatementFact{Name: fact, Says: says(value), Clause: c.Number + ". " + c.Title})
			}
		}
	}
	or := func(none, before, after string) func(string) string {
		return func(value string) string {
			if value == "none" || value == "no" {
				return none
			}
			if value == "yes" {
				value = ""
			}
			return strings.TrimSpace(before + value + after)
		}
	}
	add("compensation", "amount", "compensation", or("the lab paid nothing for the work", "the lab pays for the work: ", ""))
	add("compensation", "contingent", "contingent", or("no payment depends on what is found", "a payment depends on what is found", ""))
	add("compensation", "fee", "fee", or("the access was free of charge", "the access cost ", ""))
	add("publication-review", "review_days", "review", func(value string) string {
		return "the lab may object to a manuscript within " + value + " business days"
	})
	add("publication-review", "grounds", "grounds", func(value string) string { return "and only on these grounds: " + value })
	add("publication-review", "embargo_days", "embargo", func(value string) string {
		if value == "0" {
			return "publication waits for nothing else"
		}
		return "publication waits " + value + " days from the last signature"
	})
	add("non-retaliation", "neutral", "neutral", func(value string) string {
		if value == "yes" {
			return "what was found counts for nothing when access is asked for again"
		}
		return "what was found may count when access is asked for again"
	})
	return facts
}

// attributes lists every kind of access that was asked, given, used or refused, those that were given first.
func attributes(in Input) []client.StatementAttribute {
	list := []client.StatementAttribute{}
	at := func(attribute narthex.AttributeName, asset narthex.AssetName) *client.StatementAttribute {
		i := slices.IndexFunc(list, func(a client.StatementAttribute) bool { return a.Attribute == attribute && a.Asset == asset })
		if i < 0 {
			known, _ := in.Taxonomy.Attribute(attribute)
			list = append(list, client.StatementAttribute{Attribute: attribute, Asset: asset, Says: known.Says, Limits: []string{}, Narrowed: []string{}, Used: []client.StatementAmount{}})
			i = len(list) - 1
		}
		return &list[i]
	}
	for _, term := range in.Agreement.Terms {
		row := at(term.Attribute, term.Asset)
		row.Given, row.Clause, row.Limits = true, term.Clause, append([]string{}, agreement.LimitsInWords(in.Taxonomy, term)...)
	}
	for _, term := range in.Asked {
		row := at(term.Attribute, term.Asset)
		row.Asked = true
		given, has := narthex.FindTerm(in.Agreement.Terms, term.Attribute, term.Asset)
		if !has {
			row.Narrowed = append(row.Narrowed, agreement.LimitsInWords(in.Taxonomy, term)...)
			continue
		}
		was := narthex.Term{Attribute: term.Attribute, Asset: term.Asset, Limits: map[narthex.LimitName]narthex.Value{}}
		for name, value := range term.Limits {
			if !value.Equal(given.Limits[name]) {
				was.Limits[name] = value
			}
		}
		row.Narrowed = append(row.Narrowed, agreement.LimitsInWords(in.Taxonomy, was)...)
	}
	for _, use := range in.Tally.byAttribute() {
		row := at(use.attribute, use.asset)
		row.Calls, row.Refused, row.Used = use.calls, use.refused, amounts(use.used)
	}
	order.By(list, func(a, b client.StatementAttribute) int {
		if a.Given != b.Given {
			return map[bool]int{true: -1, false: 1}[a.Given]
		}
		return cmp.Or(cmp.Compare(a.Asset, b.Asset), cmp.Compare(a.Attribute, b.Attribute))
	})
	return list
}

func duties(e narthex.Engagement, calendar workflow.Calendar) []client.StatementDuty {
	list := []client.StatementDuty{}
	for _, o := range workflow.Obligations(e, calendar, time.Time{}) {
		if o.By == "" {
			continue
		}
		duty := client.StatementDuty{Obligation: o.Obligation, Clause: o.Clause, Due: o.Due, Waived: o.State == narthex.ObligationWaived}
		for _, met := range e.Met {
			if met.Obligation == o.Obligation && met.Rejected == nil {
				duty.Met = met.At
			}
		}
		list = append(list, duty)
	}
	return list
}
