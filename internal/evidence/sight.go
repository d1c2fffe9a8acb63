package evidence

import (
	"slices"

	"narthex"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// Sight says what of the ledger's entries about one engagement is shown to one person.
type Sight struct {
	Engagement narthex.Engagement
	Person     narthex.Person
	Persons    []narthex.PersonID // whom the grant names
	Events     map[narthex.Digest]workflow.Event
}

// reads says whether the person reads the whole ledger.
func (s Sight) reads() bool { return s.Person.Has(narthex.Auditor) || s.Person.Has(narthex.Custodian) }

// holds says whether the grant names the person.
func (s Sight) holds() bool { return slices.Contains(s.Persons, s.Person.ID) }

// About says whether an entry is about the engagement: it names the engagement or its grant, or is a lock on one of them.
func (s Sight) About(o ledger.Opening) bool {
	id, grant := string(s.Engagement.ID), string(s.Engagement.Grant)
	return about(id, grant, o.Text)
}

// about says it of an entry's fields. A field that a type does not have is "".
func about(engagement, grant string, text func(string) string) bool {
	return text("engagement") == engagement && engagement != "" || grant != "" && text("grant") == grant ||
		text("subject") == "engagement" && text("target") == engagement || grant != "" && text("subject") == "grant" && text("target") == grant
}

// Of says whether an entry about the engagement is shown, and which of its fields are not. What the person may not know to have
// happened is left out without a trace.
func (s Sight) Of(o ledger.Opening) (shown bool, withheld []string) {
	own := o.Text("by") == string(s.Person.ID) || o.Text("person") == string(s.Person.ID)
	whole := own || s.reads()
	switch o.Type {
	case narthex.EntryEngagementChanged:
		return s.changed(o)
	case narthex.EntryEngagementRead:
		of := o.Text("what") == readManuscript && workflow.SightOf(s.Engagement, s.Person) != workflow.SightWhole
		asked := workflow.OpinionOf(s.Engagement, narthex.InviteID(o.Text("by"))) != nil && !workflow.SeesOpinions(s.Engagement, s.Person)
		if (of || asked) && !whole {
			return false, nil
		}
		author := slices.Contains(s.Engagement.Authors, narthex.PersonID(o.Text("by")))
		if workflow.HidesReaders(s.Engagement, s.Person) && !own && !author {
			return true, []string{"by"}
		}
		return true, nil
	case narthex.EntryAgreementRendered, narthex.EntryAgreementSigned, narthex.EntryGrantActive, narthex.EntryGrantEnded:
		return true, nil
	case narthex.EntryKeyMinted, narthex.EntryKeyRevoked:
		if whole || s.holds() {
			return true, nil
		}
		return true, []string{"token", "terms"}
	case narthex.EntryLockSet, narthex.EntryLockLifted:
		return whole || s.Person.Has(narthex.Security), nil // to others none is told here, so that nothing tells of one that is kept silent
	case narthex.EntryCallIntent, narthex.EntryCallOutcome, narthex.EntryCallDenied, narthex.EntryCallRead:
		if whole || s.holds() {
			return true, nil
		}
		return true, slices.DeleteFunc(o.Type.Fields(), func(name string) bool { return name == "grant" })
	}
	return false, nil
}

const readManuscript = "manuscript"

// changed says it of an event's entry.
func (s Sight) changed(o ledger.Opening) (shown bool, withheld []string) {
	event, known := s.Events[narthex.Digest(o.Text("event"))]
	telling := workflow.Telling("")
	if known {
		telling = workflow.Tells(s.Engagement, s.Person, event)
	}
	if s.reads() && telling != workflow.TellWhole && !workflow.ToVote(s.Engagement, s.Person) {
		return true, nil // the ledger's readers see every entry, and no text
	}
	switch telling {
	case workflow.TellWhole:
		return true, nil
	case workflow.TellEntry: // the digest would let a short text be guessed
		return true, []string{"event"}
	case workflow.TellDates:
		return true, []string{"by", "as", "saw", "event"}
	}
	return false, nil
}

// Text says whether the event itself is in the folder, beside its entry.
func (s Sight) Text(event workflow.Event) bool {
	return workflow.Tells(s.Engagement, s.Person, event) == workflow.TellWhole
}
