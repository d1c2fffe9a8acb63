package office

import (
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/gateway"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// Explain says what the door would decide on a request now, and why. People from outside ask about themselves alone, the lab's
// about anyone whom the grant names.
func (o *Office) Explain(ctx context.Context, by narthex.PersonID, id narthex.GrantID, in client.Explain) (client.Explanation, error) {
	out := client.Explanation{Reasons: []narthex.Reason{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		grant, err := grantOf(tx, id, p)
		if err != nil {
			return err
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		call, err := gateway.ParseAsked(rules.Directory.Taxonomy, in.Surface, in.Request, in.Attribute, in.Asset) // read only for those who may ask
		if err != nil {
			return err
		}
		who, err := explained(tx, grant, p, in.Person)
		if err != nil {
			return err
		}
		actor := in.Actor
		if actor == "" {
			actor = narthex.Human
		}
		if actor != narthex.Human && actor != narthex.Agent {
			return narthex.Invalidf("An actor is human or agent.").For("actor")
		}
		alone := need(p, accountants()...) != nil
		reasons, carries, denial := gateway.Explain(tx, rules, grant, who, actor, call, alone)
		out.Reasons = append(out.Reasons, reasons...)
		if denial == nil {
			if out.Allowed, out.Says = true, "It would be allowed now."; alone && carries {
				out.Says = "It would be allowed now, where what is left of the asset's lifetime_bytes holds it: that is others' use too, and is seen at the door alone."
			}
			return nil
		}
		out.Code, out.Param, out.Says = denial.Code, denial.Param, denial.Public
		if denial.Reason != nil && len(reasons) == 0 {
			out.Reasons = append(out.Reasons, *denial.Reason)
		}
		return nil
	})
	return out, err
}

// explained is the person whom a question is about.
func explained(tx *journal.Tx, grant narthex.Grant, p narthex.Person, asked narthex.PersonID) (narthex.Person, error) {
	switch {
	case asked == "" && !p.InLab():
		asked = p.ID
	case asked == "":
		asked = grant.Persons[0]
	case asked != p.ID && !p.InLab():
		return narthex.Person{}, narthex.WithheldError().For("person")
	}
	if !slices.Contains(grant.Persons, asked) {
		return narthex.Person{}, narthex.WithheldError().For("person")
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(asked))
	if err != nil || person == nil {
		return narthex.Person{}, narthex.Unavailablef("The person could not be read.").Because(err)
	}
	return *person, nil
}
