package office

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/statement"
	"narthex/policy"
)

// Pathways lists the pathways of the directory in force; anyone may read them.
func (o *Office) Pathways() (client.PathwayList, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return client.PathwayList{}, err
	}
	return client.PathwayList{Pathways: rules.Directory.PathwayList()}, nil
}

// Pathway gives one pathway with what its attributes are.
func (o *Office) Pathway(ctx context.Context, name narthex.PathwayName) (client.PathwayView, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return client.PathwayView{}, err
	}
	pathway, known := rules.Directory.Pathways[name]
	if !known {
		return client.PathwayView{}, narthex.WithheldError()
	}
	view := client.PathwayView{Pathway: pathway, Attributes: map[narthex.AttributeName]narthex.Attribute{}, Codes: map[narthex.UseCode]string{},
		Clauses: clausesOf(rules.Directory, pathway), LeastDays: rules.Directory.LeastDays(pathway)}
	for _, offer := range pathway.Offers {
		view.Attributes[offer.Attribute], _ = rules.Directory.Taxonomy.Attribute(offer.Attribute)
	}
	for _, later := range pathway.Later {
		view.Attributes[later.Attribute], _ = rules.Directory.Taxonomy.Attribute(later.Attribute)
	}
	for _, code := range pathway.Codes {
		view.Codes[code] = lab.CodeInWords(code)
	}
	view.Took, err = o.tookOf(ctx, name)
	return view, err
}

// clausesOf shows what an agreement of the pathway would say: its own clauses, then the notices that stand in every one.
func clausesOf(d *lab.Directory, pathway narthex.Pathway) []client.PathwayClause {
	views := []client.PathwayClause{}
	for _, use := range d.Agreed(pathway) {
		clause := d.Clauses[use.Clause]
		view := client.PathwayClause{Clause: use.Clause, Title: clause.Title, Notice: clause.Notice, Values: []client.ClauseValue{}}
		for _, name := range slices.Sorted(maps.Keys(clause.Parameters)) {
			p := clause.Parameters[name]
			view.Values = append(view.Values, client.ClauseValue{Name: name, Says: p.Says, Value: use.Values[name], Range: lab.ParameterRule(p), Held: p.Held, By: p.By})
		}
		views = append(views, view)
	}
	return views
}

// completeTerms fills each term's silent limits with the pathway's standard, so that what is signed says all of it.
func completeTerms(pathway narthex.Pathway, terms []narthex.Term) []narthex.Term {
	complete := make([]narthex.Term, len(terms))
	for i, term := range terms {
		term.Clause = ""
		limits := maps.Clone(term.Limits)
		if limits == nil {
			limits = map[narthex.LimitName]narthex.Value{}
		}
		if offer, offered := pathway.Offer(term.Attribute, term.Asset); offered {
			for name, r := range offer.Limits {
				if _, set := limits[name]; !set {
					limits[name] = r.Default
				}
			}
		}
		term.Limits = limits
		complete[i] = term
	}
	return complete
}

// notices says what of the terms the pathway does not offer as it was asked, and who else must then review.
func notices(d *lab.Directory, pathway narthex.Pathway, terms []narthex.Term) ([]client.Notice, []narthex.ReviewRule) {
	found, added := []client.Notice{}, []narthex.ReviewRule{}
	for _, term := range terms {
		offer, offered := pathway.Offer(term.Attribute, term.Asset)
		if !offered {
			found = append(found, client.Notice{Attribute: term.Attribute, Asset: term.Asset, Blocks: true, Says: notOffered(d, pathway, term.Attribute)})
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(term.Limits)) {
			r, bounded := offer.Limits[name]
			if bounded && r.Holds(term.Limits[name]) {
				continue
			}
			notice := client.Notice{Attribute: term.Attribute, Asset: term.Asset, Limit: name}
			switch {
			case !bounded && narrows(d.Taxonomy, term.Attribute, name):
				continue
			case len(offer.Beyond) == 0:
				notice.Blocks = true
				notice.Says = fmt.Sprintf("%s of %s is offered %s; what you ask lies outside. %s", name, term.Attribute, lab.RangeInWords(r), pathway.NotOffered)
			default:
				notice.Says = fmt.Sprintf("%s of %s is offered %s; what you ask lies outside, so %v must approve it too.", name, term.Attribute, lab.RangeInWords(r), offer.Beyond)
				notice.Adds = slices.Clone(offer.Beyond)
				for _, role := range offer.Beyond {
					added = append(added, narthex.ReviewRule{Role: role, Quorum: 1})
				}
			}
			found = append(found, notice)
		}
	}
	for _, wrong := range policy.CheckTogether(d.Taxonomy, terms, nil) {
		found = append(found, client.Notice{Attribute: wrong.Attribute, Asset: wrong.Asset, Says: wrong.Says, Blocks: true})
	}
	return found, added
}

// asksMore says which attributes ask for more approvals than the pathway has, and of which role they are then.
func asksMore(d *lab.Directory, pathway narthex.Pathway, terms []narthex.Term) []client.Notice {
	found, total := []client.Notice{}, 0
	for _, rule := range pathway.Reviews {
		total += rule.Quorum
	}
	for _, term := range terms {
		if attribute, _ := d.Taxonomy.Attribute(term.Attribute); len(pathway.Reviews) > 0 && attribute.Quorum() > total {
			found = append(found, client.Notice{Attribute: term.Attribute, Asset: term.Asset, Adds: []narthex.Role{pathway.Reviews[0].Role},
				Says: fmt.Sprintf("%s asks for %d approvals, and the pathway has %d; the others are of the role %s.", term.Attribute, attribute.Quorum(), total, inWords([]narthex.Role{pathway.Reviews[0].Role}))})
		}
	}
	return found
}

// levelAsked gives how deep what an engagement asks would be, from a time on; nil where nothing is asked any more.
func levelAsked(d *lab.Directory, e narthex.Engagement, from time.Time) *client.AccessLevel {
	if !slices.Contains([]narthex.State{narthex.Draft, narthex.Submitted, narthex.InReview, narthex.Returned, narthex.Offered}, e.State) {
		return nil
	}
	level := statement.LevelOf(d.Taxonomy, e.Application.Terms, d.Calendar, from, from.AddDate(0, 0, e.Application.Days))
	return &level
}

// notOffered says why an attribute cannot be applied for: it is to come, or the pathway has it not.
func notOffered(d *lab.Directory, pathway narthex.Pathway, name narthex.AttributeName) string {
	attribute, _ := d.Taxonomy.Attribute(name)
	if later, coming := pathway.ToCome(name); coming {
		return fmt.Sprintf("%s (%s) is to come on the pathway %s and cannot be applied for yet: %s. Take it out.", name, attribute.Says, pathway.Name, later.Says)
	}
	return fmt.Sprintf("%s (%s) is not offered on that asset by the pathway %s. %s", name, attribute.Says, pathway.Name, pathway.NotOffered)
}

// narrows says whether a limit that the pathway does not mention can only take away: the common ones but those with a default.
func narrows(t *narthex.Taxonomy, attribute narthex.AttributeName, name narthex.LimitName) bool {
	spec, known := t.Limit(attribute, name)
	_, common := t.Common[name]
	return known && common && spec.Default == nil
}

// reviewsOf gives who must approve: the pathway's rules, those that the terms add, and more people of the first rule where an
// attribute asks for more approvals.
func reviewsOf(d *lab.Directory, pathway narthex.Pathway, terms []narthex.Term, added []narthex.ReviewRule) []narthex.ReviewRule {
	rules := slices.Clone(pathway.Reviews)
	for _, rule := range added {
		if !slices.ContainsFunc(rules, func(r narthex.ReviewRule) bool { return r.Role == rule.Role }) {
			rules = append(rules, rule)
		}
	}
	total, needed := 0, narthex.Attribute{}.Quorum()
	for _, rule := range rules {
		total += rule.Quorum
	}
	for _, term := range terms {
		attribute, _ := d.Taxonomy.Attribute(term.Attribute)
		needed = max(needed, attribute.Quorum())
	}
	if len(rules) > 0 && total < needed {
		rules[0].Quorum += needed - total
	}
	return rules
}
