package office

import (
	"fmt"
	"maps"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/policy"
)

// current refuses to decide on an application that was made by another directory than the one in force.
func current(rules *book.Rules, e narthex.Engagement) error {
	if outdated(rules, e) {
		return narthex.Conflictf("The lab's directory changed since this was submitted. Return it to the applicant: their revision is made by the directory in force.")
	}
	return nil
}

// narrowed makes the application that a counter-offer would make of the one that stands. It never gives more than was asked.
func narrowed(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, in *client.Narrowing) (*narthex.Application, error) {
	if in == nil {
		return nil, narthex.Invalidf("A counter-offer says what it changes: terms, drop or days.").For("counter")
	}
	a := e.Application
	a.Terms = slices.Clone(a.Terms)
	for _, name := range in.Drop {
		at := termAt(a.Terms, name.Attribute, name.Asset)
		if at < 0 {
			return nil, narthex.Invalidf("What is to be left out was not asked.").For("counter.drop")
		}
		a.Terms = slices.Delete(a.Terms, at, at+1)
	}
	for _, change := range in.Terms {
		at := termAt(a.Terms, change.Attribute, change.Asset)
		if at < 0 {
			return nil, narthex.Invalidf("A counter-offer changes terms that were asked, and adds none.").For("counter.terms")
		}
		if name, is := wider(rules.Directory.Taxonomy, a.Terms[at], change.Limits); is {
			return nil, narthex.Invalidf("A counter-offer gives no more than was asked; %s in it is wider, or was not asked.", name).For("counter.terms")
		}
		limits := maps.Clone(a.Terms[at].Limits)
		if limits == nil {
			limits = map[narthex.LimitName]narthex.Value{}
		}
		maps.Copy(limits, change.Limits)
		a.Terms[at].Limits = limits
	}
	if err := narthex.CheckTerms(rules.Directory.Taxonomy, a.Terms); err != nil {
		return nil, err
	}
	if err := policy.Narrower(rules.Directory.Taxonomy, e.Application.Terms, a.Terms); err != nil {
		return nil, narthex.Invalidf("A counter-offer gives no more than was asked; a limit in it is wider.").For("counter.terms").Because(err)
	}
	if in.Days < 0 || in.Days > a.Days {
		return nil, narthex.Invalidf("A counter-offer is for at most the %d days that were asked.", a.Days).For("counter.days")
	}
	if in.Days > 0 {
		a.Days = in.Days
	}
	pathway := rules.Directory.Pathways[a.Pathway]
	if err := checkDays(rules.Directory, pathway, a.Days); err != nil {
		return nil, err
	}
	if err := rules.Directory.CheckApplication(pathway, a); err != nil {
		return nil, err
	}
	var err error
	a.Reviews, err = overAll(tx, rules.Directory, a)
	return &a, err
}

// wider names a limit by which a change gives more than a term asks, where it takes the place of the one that stands: an instant
// that moves outward, or a limit of the attribute's own where silence asks for nothing. A key keeps to both its limits and the
// grant's, so policy.Narrower lets these be.
func wider(t *narthex.Taxonomy, asked narthex.Term, change map[narthex.LimitName]narthex.Value) (narthex.LimitName, bool) {
	for _, name := range slices.Sorted(maps.Keys(change)) {
		spec, known := t.Limit(asked.Attribute, name)
		was, set := asked.Limits[name]
		now := change[name]
		_, common := t.Common[name]
		switch {
		case !known:
			continue // refused as a term that does not read
		case set && spec.Kind == narthex.Instant:
			if name == "not_before" && now.Time.Before(was.Time) || name != "not_before" && now.Time.After(was.Time) {
				return name, true
			}
		case !set && !common && spec.Default == nil && spec.Kind != narthex.BudgetKind && spec.Kind != narthex.Rate:
			return name, true
		}
	}
	return "", false
}

func termAt(terms []narthex.Term, attribute narthex.AttributeName, asset narthex.AssetName) int {
	return slices.IndexFunc(terms, func(t narthex.Term) bool { return t.Covers(attribute, asset) })
}

// changes says in words what an application becomes by another one.
func changes(from, to narthex.Application) []string {
	list := []string{}
	for _, term := range from.Terms {
		now, kept := narthex.FindTerm(to.Terms, term.Attribute, term.Asset)
		if !kept {
			list = append(list, fmt.Sprintf("%s on %s: not given", term.Attribute, term.Asset))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(now.Limits)) {
			was, set := term.Limits[name]
			switch value := now.Limits[name]; {
			case !set:
				list = append(list, fmt.Sprintf("%s on %s: %s %s, where none was asked", term.Attribute, term.Asset, name, value))
			case !was.Equal(value):
				list = append(list, fmt.Sprintf("%s on %s: %s %s, where %s was asked", term.Attribute, term.Asset, name, value, was))
			}
		}
	}
	if from.Days != to.Days {
		list = append(list, fmt.Sprintf("for %d days, where %d were asked", to.Days, from.Days))
	}
	return list
}
