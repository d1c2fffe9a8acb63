package workflow

import (
	"errors"
	"slices"

	"narthex"
)

// mayTransfer lets the applicant, or the sponsor whom it has, ask someone else to be the sponsor of an engagement in force.
func mayTransfer(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	switch {
	case draft.Person == "":
		return narthex.Invalidf("Name the person of the lab who is to be the sponsor.").For("person")
	case draft.Person == p.ID || draft.Person == SponsorOf(e):
		return narthex.Invalidf("A transfer is to someone else than you, and than the sponsor whom it has.").For("person")
	case decided(&e, draft.Person):
		return narthex.Refusedf("That person decided on this engagement or signed for it, so they cannot be its sponsor. Ask someone who has no part in it.").For("person")
	}
	return nil
}

// decided says whether someone voted on the text that stands, or signed it.
func decided(e *narthex.Engagement, id narthex.PersonID) bool {
	return hasVoted(e, id) || hasSigned(*e, id)
}

// handOver takes in a change of the people of an engagement in force. What was agreed stays as it is: the application names those
// of before, and who was ever in it decides nothing on it.
func handOver(e *narthex.Engagement, event Event) error {
	switch event.Command {
	case Transfer:
		if event.Person == "" || event.Person == event.By || event.Person == SponsorOf(*e) || decided(e, event.Person) {
			return errors.New("it was not to that person")
		}
		e.Successor = event.Person
	case Take:
		if decided(e, event.By) {
			return errors.New("they decided on it")
		}
		e.Sponsor, e.Successor = event.By, ""
		if !slices.Contains(e.Authors, event.By) {
			e.Authors = append(e.Authors, event.By)
		}
	case Leave:
		e.Left = append(slices.Clone(e.Left), event.By)
	}
	return nil
}
