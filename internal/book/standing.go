package book

import (
	"fmt"
	"slices"
	"time"

	"narthex"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/policy"
)

// Standings is what is known of a person's standing, under [StandingKey] in Meta.
type Standings struct {
	Standings []narthex.Standing `json:"standings"`
}

// StandingKey is the key in Meta of what is known of a person's standing.
func StandingKey(person narthex.PersonID) string { return "standing/" + string(person) }

// StandingsOf gives what is known of a person's standing.
func StandingsOf(tx *journal.Tx, person narthex.PersonID) ([]narthex.Standing, error) {
	row, err := journal.Get[Standings](tx, store.Meta, StandingKey(person))
	if err != nil || row == nil {
		return nil, err
	}
	return row.Standings, nil
}

// SetStandings sets it.
func SetStandings(tx *journal.Tx, person narthex.PersonID, list []narthex.Standing) error {
	return journal.Put(tx, store.Meta, StandingKey(person), &Standings{list})
}

// DropStandings takes it away, where there is any.
func DropStandings(tx *journal.Tx, person narthex.PersonID) error {
	return journal.Delete[Standings](tx, store.Meta, StandingKey(person))
}

// VisasKey is the key in Meta of what is known of a person's visas.
func VisasKey(person narthex.PersonID) string { return "visas/" + string(person) }

// VisasOf gives what is known of a person's visas.
func VisasOf(tx *journal.Tx, person narthex.PersonID) (narthex.Visas, error) {
	row, err := journal.Get[narthex.Visas](tx, store.Meta, VisasKey(person))
	if err != nil || row == nil {
		return narthex.Visas{}, err
	}
	return *row, nil
}

// SetVisas sets it.
func SetVisas(tx *journal.Tx, person narthex.PersonID, v narthex.Visas) error {
	return journal.Put(tx, store.Meta, VisasKey(person), &v)
}

// DropVisas takes it away, where there is any.
func DropVisas(tx *journal.Tx, person narthex.PersonID) error {
	return journal.Delete[narthex.Visas](tx, store.Meta, VisasKey(person))
}

// ToldOfVisa is what a person is told of something done about their visas by someone else; nothing of their own doing.
func ToldOfVisa(d narthex.VisaDeed, of narthex.PersonID) string {
	if d.By == of {
		return ""
	}
	return "your visas: " + string(d.Act)
}

// MayDoVisa says whether by, who stands, may do so about a person's visas: the lab's programme or security says whom an issuer knows;
// the person gives and takes their own; and whoever guards the lab, or runs its programme, takes away.
func MayDoVisa(act narthex.VisaAct, by, person narthex.Person) bool {
	if by.ID == "" || by.State != narthex.PersonActive || person.Org == "" {
		return false
	}
	own, runs := by.ID == person.ID, by.Has(narthex.Programme) || by.Has(narthex.Security)
	switch act {
	case narthex.VisaLinked:
		return runs && !own
	case narthex.VisaUnlinked, narthex.VisaRemoved:
		return own || runs || by.Has(narthex.Custodian)
	case narthex.VisaAdded, narthex.VisaIssued:
		return own
	}
	return false
}

// What people are told of their standing, before its kind and name.
const (
	ToldGiven     = "your standing was recorded: "
	ToldTakenBack = "your standing was taken back: "
)

// ToldOf names a standing as people are told of it.
func ToldOf(kind narthex.StandingKind, name string) string {
	if name == "" {
		return string(kind)
	}
	return string(kind) + " " + name
}

// ToldOfDeed is what the person is told of a deed by someone else; nothing of their own.
func ToldOfDeed(d narthex.Deed) string {
	if d.Kind == narthex.InterestOf {
		return "" // their own word
	}
	switch d.Act {
	case narthex.Given:
		return ToldGiven + ToldOf(d.Kind, d.Name)
	case narthex.TakenBack:
		return ToldTakenBack + ToldOf(d.Kind, d.Name)
	}
	return ""
}

// recorders is the one table of whose word a standing rests on, beside that nobody gives their own: roles of the lab, and whether an official of
// the person's organisation, or the sponsor of the engagement, can.
var recorders = map[narthex.StandingKind]struct {
	roles             []narthex.Role
	official, sponsor bool
	says              string // who, in words
}{
	narthex.Training:        {[]narthex.Role{narthex.Programme, narthex.Security}, false, false, "the lab's programme or security"},
	narthex.Screening:       {[]narthex.Role{narthex.Programme, narthex.Security}, false, false, "the lab's programme or security"},
	narthex.Affiliation:     {nil, true, false, "an official of the person's organisation"},
	narthex.VisaHeld:        {nil, false, false, "an issuer of visas that the lab trusts"},
	narthex.Recertification: {nil, true, true, "the sponsor, or an official of the person's organisation"},
}

// Recorders says in words whose word a standing of the kind rests on.
func Recorders(kind narthex.StandingKind) string { return recorders[kind].says }

// MayRecord says whether by, who stands, can give a word of that kind for a person. Sponsors says whether by sponsors what a
// recertification is of.
func MayRecord(kind narthex.StandingKind, by, person narthex.Person, sponsors bool) bool {
	rule, known := recorders[kind]
	if !known || by.ID == "" || by.ID == person.ID || person.Org == "" || by.State != narthex.PersonActive {
		return false
	}
	return slices.ContainsFunc(rule.roles, by.Has) || rule.official && by.Official && by.Org == person.Org || rule.sponsor && sponsors && by.Has(narthex.Sponsor)
}

// MayTakeBack says whether by can take it back: whoever could give it, and whoever guards the lab or runs its programme.
func MayTakeBack(kind narthex.StandingKind, by, person narthex.Person, sponsors bool) bool {
	guards := by.ID != person.ID && person.Org != "" && (by.Has(narthex.Programme) || by.Has(narthex.Security) || by.Has(narthex.Custodian))
	return MayRecord(kind, by, person, sponsors) || recorders[kind].says != "" && guards
}

// Known gives what is known of people.
type Known interface {
	// Standings gives what is known of a person's standing.
	Standings(narthex.PersonID) ([]narthex.Standing, error)
	// Visas gives what is known of a person's visas.
	Visas(narthex.PersonID) (narthex.Visas, error)
	// VisaKeys gives the issuers' keys that the directory in force trusts.
	VisaKeys() ([]string, error)
	// Word gives the authorisation of a person by that organisation, or nil, and whether its official stands by it.
	Word(person narthex.PersonID, org narthex.OrgID) (*narthex.SignedAuthorisation, bool, error)
}

// Holding is a condition of a grant as it stands for one person.
type Holding struct {
	Condition narthex.Condition
	Person    narthex.PersonID
	Holds     bool
	Until     time.Time // when it lapses, or lapsed; zero where it never held
	Standing  narthex.Standing
}

// HoldingOf says whether a condition of the grant holds for a person, and until when. Three things can make it hold, and the one
// that lasts longest counts: what was recorded; the agreement's signatures, of an affiliation that the institution signed for and of a
// recertification, from when the grant begins; and for an affiliation the authorisation by the institution. What was taken back
// since the signature or the authorisation outweighs them.
func HoldingOf(known Known, g *narthex.Grant, c narthex.Condition, person narthex.PersonID, now time.Time) (Holding, error) {
	h := Holding{Condition: c, Person: person}
	if person == "" {
		return h, nil
	}
	if c.Kind == narthex.VisaHeld {
		return visaHolding(known, h, now)
	}
	list, err := known.Standings(person)
	if err != nil {
		return h, err
	}
	h.Standing = narthex.FindStanding(list, c.Kind, c.Of(g))
	note := func(end time.Time, holds bool) {
		if holds && (!h.Holds || end.After(h.Until)) || !holds && !h.Holds && end.After(h.Until) && !end.After(now) {
			h.Until = end
		}
		h.Holds = h.Holds || holds
	}
	if !h.Standing.From.IsZero() {
		note(h.Standing.End(c.Days, now))
	}
	signed := c.Kind == narthex.Recertification || c.Kind == narthex.Affiliation && g.AuthorisedFor == ""
	if signed && slices.Contains(g.Persons, person) && !h.Standing.TakenBackSince(g.NotBefore) {
		note(narthex.Standing{From: g.NotBefore, Until: g.NotAfter}.End(c.Days, now))
	}
	if c.Kind == narthex.Affiliation {
		word, stands, err := known.Word(person, g.Org)
		if err != nil {
			return h, err
		}
		if word != nil && stands && !h.Standing.TakenBackSince(word.Signature.At) && word.Authorisation.Names(person, g.Org, now) {
			note(word.Authorisation.NotAfter, true)
		}
	}
	if !h.Holds && h.Standing.WithdrawnAt.After(h.Until) {
		h.Until = h.Standing.WithdrawnAt
	}
	return h, nil
}

// visaHolding says so of a condition that rests on a visa: one that the person gave and that nobody removed, that is what the condition
// asks for, by a key that the directory in force has for its issuer. Of several the one that lasts longest counts.
func visaHolding(known Known, h Holding, now time.Time) (Holding, error) {
	theirs, err := known.Visas(h.Person)
	if err != nil {
		return h, err
	}
	keys, err := known.VisaKeys()
	if err != nil {
		return h, err
	}
	for _, v := range theirs.Visas {
		if !h.Condition.Fits(v) || !slices.Contains(keys, narthex.VisaKey(v.Issuer, v.Key)) {
			continue
		}
		end, holds := v.End(h.Condition.Days, now)
		if holds && (!h.Holds || end.After(h.Until)) || !holds && !h.Holds && end.After(h.Until) && !end.After(now) {
			h.Until = end
		}
		h.Holds = h.Holds || holds
	}
	return h, nil
}

// Resting says why a grant may not be used by a person as things stand, or nil, and until when what it rests on holds: the zero time
// where it rests on nothing beside its agreement. What is missing or cannot be told denies.
func Resting(known Known, g *narthex.Grant, caller narthex.PersonID, now time.Time) (until time.Time, lapsed *narthex.Error, err error) {
	for _, c := range g.RestsOn {
		h, err := HoldingOf(known, g, c, c.Concerns(g, caller), now)
		if err != nil {
			return until, nil, err
		}
		if !h.Holds {
			return until, Lapsed(g, h), nil
		}
		if until.IsZero() || h.Until.Before(until) {
			until = h.Until
		}
	}
	return until, nil, nil
}

// Recertified gives when it was last confirmed that a grant's purpose and people are still so. While the first confirmation, which is the
// signatures, has more than a day to run for every term, nobody needs to know, and it is not looked up.
func Recertified(known Known, g *narthex.Grant, now time.Time) (time.Time, error) {
	if len(g.Persons) == 0 || now.Before(g.NotBefore.AddDate(0, 0, policy.RecertifyWithin(g.Terms)-1)) {
		return time.Time{}, nil
	}
	list, err := known.Standings(g.Persons[0])
	s := narthex.FindStanding(list, narthex.Recertification, string(g.Engagement))
	if !now.Before(s.Until) {
		return time.Time{}, err
	}
	return s.From, err
}

// LapsedCode is the code of the denial where a standing of the kind does not hold.
func LapsedCode(kind narthex.StandingKind) string { return "no_" + string(kind) }

// Lapsed gives the refusal where a condition does not hold: its clause, since when, and who renews it.
func Lapsed(g *narthex.Grant, h Holding) *narthex.Error {
	since := "none was recorded"
	switch {
	case !h.Standing.WithdrawnAt.IsZero() && h.Until.Equal(h.Standing.WithdrawnAt):
		since = "it was taken back at " + h.Until.UTC().Format(moment)
	case !h.Until.IsZero():
		since = "it lapsed at " + h.Until.UTC().Format(moment)
	}
	whose := "of the person who calls"
	if h.Condition.For == narthex.OfApplicant {
		whose = "of the applicant"
	}
	err := stopped(LapsedCode(h.Condition.Kind), "Clause %s: the grant rests on the %s %s, and %s. %s", h.Condition.Clause, ToldOf(h.Condition.Kind, h.Condition.Name), whose, since, renewal(h.Condition.Kind, g))
	err.Reason.Clause = h.Condition.Clause + "@" + string(g.Agreement)
	return err
}

// renewal is the next step where a standing does not hold.
func renewal(kind narthex.StandingKind, g *narthex.Grant) string {
	if kind == narthex.Recertification {
		return fmt.Sprintf("The applicant states that purpose and people are still so (`narthex standing state %s`), and %s confirms it.", g.Engagement, recorders[kind].says)
	}
	if kind == narthex.VisaHeld {
		return "The person gives one that holds, of " + recorders[kind].says + ": `narthex visas add FILE`."
	}
	return fmt.Sprintf("Ask %s to record it: `narthex standing record`.", recorders[kind].says)
}

// KnownTo gives what is known of people in the store.
func KnownTo(tx *journal.Tx) Known { return known{tx, LocksOn} }

// KnownAsTold gives it as it may be told: no lock of which nobody may tell is in the way of an official's word.
func KnownAsTold(tx *journal.Tx) Known { return known{tx, LocksTold} }

type known struct {
	tx    *journal.Tx
	locks func(*journal.Tx, ...string) ([]narthex.Lock, error) // in the way of an official
}

func (k known) Standings(person narthex.PersonID) ([]narthex.Standing, error) {
	return StandingsOf(k.tx, person)
}

func (k known) Visas(person narthex.PersonID) (narthex.Visas, error) { return VisasOf(k.tx, person) }

func (k known) VisaKeys() ([]string, error) {
	row, err := ReadDirectory(k.tx)
	if err != nil {
		return nil, err
	}
	return row.VisaKeys, nil
}

func (k known) Word(person narthex.PersonID, org narthex.OrgID) (*narthex.SignedAuthorisation, bool, error) {
	return wordOf(k.tx, person, org, k.locks)
}
