package workflow

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"narthex"
	"narthex/internal/canon"
)

// mayCounter says whether a person may offer narrower terms: where they may vote, and for less than was asked.
func mayCounter(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	switch {
	case strings.TrimSpace(draft.Text) == "":
		return narthex.Invalidf("A counter-offer needs a reason that the applicant can read.").For("text")
	case draft.Application == nil || !sameBut(e.Application, *draft.Application):
		return narthex.Invalidf("A counter-offer changes terms and days, and nothing else.").For("counter")
	case len(draft.Application.Terms) == 0:
		return narthex.Invalidf("A counter-offer leaves a term at least; decline where nothing can be given.").For("counter")
	case len(facts.TermsWrong) > 0:
		return submittable(*draft.Application, Facts{TermsWrong: facts.TermsWrong})
	case equalTerms(e.Application, *draft.Application):
		return narthex.Invalidf("The counter-offer gives what was asked; approve instead.").For("counter")
	}
	return vote(e, draft, p, facts)
}

// mayAccept says whether the counter-offer that stands can be handed in as it is.
func mayAccept(e narthex.Engagement, draft Event, _ narthex.Person, facts Facts) *narthex.Error {
	if e.Counter == nil {
		return narthex.Conflictf("There is no counter-offer to accept. Answer what was asked: `narthex engagements revise`.")
	}
	if draft.Saw != e.Counter.Digest {
		return narthex.Conflictf("The acceptance names another text than the counter-offer. Read it again and accept digest %s.", e.Counter.Digest.Short()).For("saw")
	}
	return submittable(e.Counter.Application, facts)
}

// equalTerms says whether two texts ask for the same, for as long.
func equalTerms(a, b narthex.Application) bool {
	same := func(x, y narthex.Term) bool {
		return x.Attribute == y.Attribute && x.Asset == y.Asset && maps.EqualFunc(x.Limits, y.Limits, narthex.Value.Equal)
	}
	return a.Days == b.Days && slices.EqualFunc(a.Terms, b.Terms, same)
}

// sameBut says whether two texts of an application differ in nothing but what is given, for how long, and who reviews that.
func sameBut(a, b narthex.Application) bool {
	b.Terms, b.Days, b.Reviews = a.Terms, a.Days, a.Reviews
	of, errA := canon.Digest(a)
	is, errB := canon.Digest(b)
	return errA == nil && errB == nil && of == is
}

// counter puts a narrower text beside the one that stands, which goes back to the applicant.
func counter(e *narthex.Engagement, event Event) error {
	if event.Application == nil || !mayVote(e, event) || !sameBut(e.Application, *event.Application) {
		return errors.New("the counter-offer is on another text, in a role that is not asked, beside a vote, by an author, or changes more than what is given")
	}
	digest, err := canon.Digest(event.Application)
	if err != nil {
		return err
	}
	if digest == e.Digest {
		return errors.New("the counter-offer changes nothing")
	}
	sendBack(e)
	e.Counter = &narthex.Counter{By: event.By, As: event.As, At: event.At, Text: event.Text, Application: *event.Application, Digest: digest, NoInterest: event.NoInterest}
	return nil
}

// accept makes the counter-offer the text. Who made it has seen it whole and approved it: that is the one vote that stands.
func accept(e *narthex.Engagement, event Event) error {
	c := e.Counter
	if c == nil || event.Saw != c.Digest {
		return errors.New("there is no such counter-offer")
	}
	fallJoined(e, c.Digest)
	e.Application, e.Digest, e.Votes, e.Counter, e.Triage = c.Application, c.Digest, nil, nil, nil
	e.Round++
	keepClaims(e)
	if asks(c.Application, c.As) {
		e.Votes = []narthex.Vote{{By: c.By, As: c.As, Approve: true, Reason: c.Text, Saw: c.Digest, At: c.At, NoInterest: c.NoInterest}}
	}
	return nil
}
