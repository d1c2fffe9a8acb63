// Package listing says in which lists an engagement, a grant and a person stand, and at which place of each. A list is a span of
// keys: a page of it is read without the rest, and reading one takes as long among ten thousand as among ten.
//
// It promises that the lists follow from the rows alone, so that they can be made anew and held to them; that everyone who may
// know of an engagement or a grant finds it in one of their lists; and that whatever waits for a person stands in a list of work
// of theirs. A list may hold more than its reader may know: who reads one looks at each row and shows what the rules allow.
//
// It is pure. It decides nothing. Read next: book/listing.go, which keeps the lists and reads them.
package listing

import (
	"slices"
	"strings"
	"time"

	"narthex"
	"narthex/internal/workflow"
)

// Holder is whose list it is.
type Holder string

// Lab is the holder of the lists of those who may know of every engagement that was handed in.
const Lab Holder = "lab"

// Person is the holder of a person's own lists.
func Person(id narthex.PersonID) Holder { return Holder("person:" + string(id)) }

// Org is the holder of the lists of an organisation's officials.
func Org(id narthex.OrgID) Holder { return Holder("org:" + string(id)) }

// Role is the holder of the lists of those who hold a role of the lab.
func Role(role narthex.Role) Holder { return Holder("role:" + string(role)) }

// Owner is the holder of the lists of an asset's owner.
func Owner(asset narthex.AssetName) Holder { return Holder("owner:" + string(asset)) }

// HoldersFor gives the holders in whose lists a person finds what they may know of.
func HoldersFor(p narthex.Person) []Holder {
	holders := []Holder{Person(p.ID)}
	if p.Official && p.Org != "" {
		holders = append(holders, Org(p.Org))
	}
	if !p.InLab() {
		return holders
	}
	if slices.ContainsFunc(workflow.Overseers(), p.Has) {
		return append(holders, Lab)
	}
	for _, role := range p.Roles {
		holders = append(holders, Role(role))
	}
	return holders
}

// WorkersFor gives the holders in whose lists of work a person finds what waits for them; owned are the assets that are theirs.
func WorkersFor(p narthex.Person, owned []narthex.AssetName) []Holder {
	holders := []Holder{Person(p.ID)}
	if p.Official && p.Org != "" {
		holders = append(holders, Org(p.Org))
	}
	for _, role := range narthex.Roles() {
		if p.Has(role) {
			holders = append(holders, Role(role))
		}
	}
	if p.Has(narthex.AssetOwner) {
		for _, asset := range owned {
			holders = append(holders, Owner(asset))
		}
	}
	return holders
}

// readers gives the holders of the lists in which an engagement stands.
func readers(e narthex.Engagement) []Holder {
	var holders []Holder
	for _, author := range e.Authors {
		holders = append(holders, Person(author))
	}
	if e.Round == 0 {
		return holders
	}
	if e.Successor != "" {
		holders = append(holders, Person(e.Successor))
	}
	holders = append(holders, Org(e.Application.Org), Lab)
	if len(e.Manuscripts) > 0 {
		holders = append(holders, Role(narthex.Legal))
	}
	for _, rule := range e.Application.Reviews {
		if !slices.Contains(workflow.Overseers(), rule.Role) && !slices.Contains(holders, Role(rule.Role)) {
			holders = append(holders, Role(rule.Role))
		}
	}
	return holders
}

// stamp writes an instant so that text is ordered as time is; what has none comes last.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "~"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Place is where something stands in a list: by a time, then by its identifier.
func Place(at time.Time, id string) string { return stamp(at) + "/" + id }

// EngagementsOf is the list of a holder's engagements in a state, by when each was begun.
func EngagementsOf(holder Holder, state narthex.State) string {
	return "engagements/" + string(holder) + "/" + string(state) + "/"
}

// WorkOf is the list of what may wait for a holder in a state, by the end of its time.
func WorkOf(holder Holder, state narthex.State) string {
	return "work/" + string(holder) + "/" + string(state) + "/"
}

// ComingTo is the list of what waits for a holder in a state from a time on, by that time.
func ComingTo(holder Holder, state narthex.State) string {
	return "coming/" + string(holder) + "/" + string(state) + "/"
}

// DueOf is the list of a pathway's reviews, by the end of their time.
func DueOf(pathway narthex.PathwayName) string { return "due/" + string(pathway) + "/" }

// Clocks is the list of engagements whose clock has something to say, by the earliest time at which it may.
const Clocks = "clocks/"

// RunsOn is the list of the grants on an asset that have not ended, by what they allow and by their last day.
func RunsOn(asset narthex.AssetName) string { return "runs/" + string(asset) + "/" }

// CountsOn is what is counted of the grants on an asset that have not ended, by what they allow and by the day on which they end.
func CountsOn(asset narthex.AssetName) string { return "counts/" + string(asset) + "/" }

// Day is the day of an instant, ordered as time is; what has no time comes last.
func Day(t time.Time) string {
	day, _, _ := strings.Cut(stamp(t), "T")
	return day
}

// ShownIn is the list of all grants that ever showed an asset.
func ShownIn(asset narthex.AssetName) string { return "shown/" + string(asset) + "/" }

// HeldOf is the list of the grants of an organisation that have not ended and give an attribute on an asset.
func HeldOf(org narthex.OrgID, asset narthex.AssetName, attribute narthex.AttributeName) string {
	return "held/" + string(org) + "/" + string(asset) + "/" + string(attribute) + "/"
}

// RestsOf is the list of the grants that have not ended and rest on what a holder records: of the lab by their last day, of an
// organisation by when the first of it can lapse soon.
func RestsOf(holder Holder) string { return Rests + string(holder) + "/" }

// Rests is all of those lists.
const Rests = "rests/"

// Soon is how long before it lapses something is work for those who can renew it.
const Soon = 14 * 24 * time.Hour

// restful gives the places of a grant in those lists. What a signature stands for lapses no sooner than its days after the grant
// began; what an authorisation stands for can at any time, so that is looked at from the beginning.
func restful(g narthex.Grant) []string {
	var keys []string
	first := time.Time{}
	for _, c := range g.RestsOn {
		if c.Kind.Named() {
			keys = append(keys, RestsOf(Lab)+Place(g.NotAfter, string(g.ID)))
			continue
		}
		at := g.NotBefore.AddDate(0, 0, c.Days).Add(-Soon)
		if c.Kind == narthex.Affiliation && g.AuthorisedFor != "" || at.Before(g.NotBefore) {
			at = g.NotBefore
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if !first.IsZero() {
		keys = append(keys, RestsOf(Org(g.Org))+Place(first, string(g.ID)))
	}
	return keys
}

// Everyone is the list of all people, the lab's first.
const Everyone = "people/"

// PeopleOf is the list of the people of an organisation; of none it is the lab's.
func PeopleOf(org narthex.OrgID) string { return Everyone + string(org) + "/" }

// Engagement gives the places of an engagement.
func Engagement(e narthex.Engagement) []string {
	var keys []string
	place := Place(e.CreatedAt, string(e.ID))
	for _, holder := range readers(e) {
		keys = append(keys, EngagementsOf(holder, e.State)+place)
	}
	for _, w := range workflow.Waiting(e) {
		for _, holder := range holdersOf(w, e) {
			if w.From.IsZero() {
				keys = append(keys, WorkOf(holder, e.State)+stamp(w.Due)+"/"+Place(e.Since, string(e.ID)))
			} else {
				keys = append(keys, ComingTo(holder, e.State)+Place(w.From, string(e.ID)))
			}
		}
	}
	keys = append(keys, manuscripts(e)...)
	if next := workflow.NextTick(e); !next.IsZero() {
		keys = append(keys, Clocks+Place(next, string(e.ID)))
	}
	if len(e.Incidents) > 0 {
		keys = append(keys, Incidents+place)
	}
	if e.State == narthex.InReview {
		keys = append(keys, DueOf(e.Application.Pathway)+Place(e.Due, string(e.ID)))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// holdersOf gives in whose lists of work something stands.
func holdersOf(w workflow.Wait, e narthex.Engagement) []Holder {
	switch {
	case w.Person != "":
		return []Holder{Person(w.Person)}
	case w.Official:
		return []Holder{Org(e.Application.Org)}
	case w.Role == narthex.AssetOwner:
		var holders []Holder
		for _, term := range e.Application.Terms {
			holders = append(holders, Owner(term.Asset))
		}
		return holders
	}
	return []Holder{Role(w.Role)}
}

// Grant gives the places of a grant; terms tells apart what is allowed on an asset.
func Grant(g narthex.Grant, terms func(narthex.AssetName) string) []string {
	var keys []string
	for _, term := range g.Terms {
		keys = append(keys, ShownIn(term.Asset)+string(g.ID))
		if !g.Ended {
			keys = append(keys, HeldOf(g.Org, term.Asset, term.Attribute)+string(g.ID))
			keys = append(keys, RunsOn(term.Asset)+terms(term.Asset)+"/"+Place(g.NotAfter, string(g.ID)))
		}
	}
	if !g.Ended {
		keys = append(keys, restful(g)...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Counts gives where a grant is counted; terms tells apart what is allowed on an asset.
func Counts(g narthex.Grant, terms func(narthex.AssetName) string) []string {
	var keys []string
	for _, term := range g.Terms {
		if !g.Ended {
			keys = append(keys, CountsOn(term.Asset)+terms(term.Asset)+"/"+Day(g.NotAfter))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// SpeakersOf is the list of the officials of an organisation.
func SpeakersOf(org narthex.OrgID) string { return "speakers/" + string(org) + "/" }

// Someone gives the places of a person, that among all people first.
func Someone(p narthex.Person) []string {
	keys := []string{PeopleOf(p.Org) + string(p.ID)}
	if p.Official && p.Org != "" {
		keys = append(keys, SpeakersOf(p.Org)+string(p.ID))
	}
	return keys
}

// Identifier gives the identifier at the end of a key.
func Identifier(key string) string {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i] == '/' {
			return key[i+1:]
		}
	}
	return key
}

// TalliesOf is what is counted of each pathway, and Running what is counted of the people who have a grant.
const (
	TalliesOf = "tally/"
	Running   = "running/"
)
