package workflow

import (
	"errors"
	"slices"
	"strings"
	"time"

	"narthex"
)

// mostOpinions bounds what specialists are asked about one engagement.
const mostOpinions = 20

// mayInvite lets a reviewer, or the programme, ask a specialist from outside for an opinion, for a role that must approve.
func mayInvite(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	if len(e.Opinions) >= mostOpinions {
		return narthex.Conflictf("So many specialists were asked about this that no more can be.")
	}
	if strings.TrimSpace(draft.Text) == "" {
		return narthex.Invalidf("A specialist is asked a question; say what you want to know.").For("question")
	}
	if !asks(e.Application, draft.As) {
		return narthex.Refusedf("It is not reviewed in that role. `narthex review show` lists the roles that must approve.").For("as")
	}
	if slices.Contains(PartsOf(e, p), Programme) {
		return nil
	}
	return inRole(e, draft, p, facts)
}

// mayUninvite lets whoever asked, and the programme, take an invitation back.
func mayUninvite(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	o := opinionOf(e, draft)
	if o == nil || o.By != p.ID && !slices.Contains(PartsOf(e, p), Programme) {
		return narthex.WithheldError()
	}
	if !o.Given.IsZero() || !o.Closed.IsZero() {
		return narthex.Conflictf("It is over already; there is nothing to take back.")
	}
	return nil
}

// Asks says whether someone may still ask for an opinion that they asked for: who no longer reviews or runs the programme, or has come
// to have a part or an interest in it, takes their specialist with them.
func Asks(e narthex.Engagement, p narthex.Person) bool {
	parts := PartsOf(e, p)
	return slices.Contains(parts, Reviewer) || slices.Contains(parts, Programme)
}

// BySpecialist completes an event that a specialist makes who was asked, by the invitation that it names.
func BySpecialist(e narthex.Engagement, draft Event, now time.Time) (Event, *narthex.Error) {
	o := opinionOf(e, draft)
	if o == nil || !may(e.State, []Part{Specialist}, draft.Command) {
		return Event{}, narthex.UnauthenticatedError()
	}
	if len([]rune(draft.Text)) > mostText {
		return Event{}, narthex.Invalidf("The text is longer than %d characters; shorten it.", mostText).For("text")
	}
	if draft.Command != Redeem {
		switch {
		case !o.Admits(now):
			return Event{}, narthex.UnauthenticatedError()
		case strings.TrimSpace(draft.Text) == "" && draft.Command == Declare:
			return Event{}, narthex.Invalidf("State your interests in words: what ties you to these people or their organisation, or that nothing does.").For("interests")
		case strings.TrimSpace(draft.Text) == "":
			return Event{}, narthex.Invalidf("An opinion takes words.").For("text")
		case draft.Command == Declare && o.Interests != "":
			return Event{}, narthex.Conflictf("You stated your interests already, and whoever reviews reads them; say what changed in your opinion.")
		case draft.Command == Opine && o.Interests == "":
			return Event{}, undeclared()
		case draft.Command == Opine && draft.Saw != e.Digest:
			return Event{}, narthex.Conflictf("That names another text than the one that stands. Read it again; its digest is %s.", e.Digest.Short()).For("saw")
		}
	}
	draft.Seq, draft.By = e.Events+1, ""
	return draft, nil
}

func undeclared() *narthex.Error {
	return narthex.Conflictf("State your interests first: what ties you to these people or their organisation, or that nothing does. Nothing is shown before.")
}

// ForSpecialist is the application that a specialist reads who was asked about it, and nothing else of the engagement; they stated
// their interests before.
func ForSpecialist(e narthex.Engagement, o narthex.Opinion, now time.Time) (narthex.Application, *narthex.Error) {
	switch {
	case !o.Admits(now) || e.State != narthex.InReview || o.Saw != e.Digest:
		return narthex.Application{}, narthex.UnauthenticatedError()
	case o.Interests == "":
		return narthex.Application{}, undeclared()
	}
	return e.Application, nil
}

// opinionOf gives the opinion that an event is about, or nil.
func opinionOf(e narthex.Engagement, event Event) *narthex.Opinion {
	if event.Opinion == nil || event.Opinion.ID == "" {
		return nil
	}
	return OpinionOf(e, event.Opinion.ID)
}

// OpinionOf gives an opinion of an engagement, or nil.
func OpinionOf(e narthex.Engagement, id narthex.InviteID) *narthex.Opinion {
	if at := slices.IndexFunc(e.Opinions, func(o narthex.Opinion) bool { return o.ID == id }); at >= 0 {
		return &e.Opinions[at]
	}
	return nil
}

// opinions takes in that a specialist was asked, what they did, and that they are no longer asked. None of it is a vote.
func opinions(e *narthex.Engagement, event Event) error {
	list := slices.Clone(e.Opinions)
	if event.Command == Invite {
		o := event.Opinion
		if o == nil || o.ID == "" || o.Name == "" || o.Email == "" || o.Code == "" || event.Text == "" || event.Saw != e.Digest || !asks(e.Application, event.As) ||
			!event.Due.After(event.At) || len(list) >= mostOpinions || OpinionOf(*e, o.ID) != nil {
			return errors.New("it asks nobody, nothing, about another text, for a role that is not asked, or for no time")
		}
		e.Opinions = append(list, narthex.Opinion{ID: o.ID, By: event.By, As: event.As, Name: o.Name, Email: o.Email, Question: event.Text, Saw: event.Saw, At: event.At, Until: event.Due, Code: o.Code})
		return nil
	}
	at := slices.IndexFunc(list, func(o narthex.Opinion) bool { return event.Opinion != nil && o.ID == event.Opinion.ID })
	if at < 0 {
		return errors.New("nobody was asked for that opinion")
	}
	e.Opinions = list
	o := &list[at]
	switch {
	case event.Command == Uninvite && o.Given.IsZero() && o.Closed.IsZero():
		o.Closed = event.At
	case event.Command == Redeem && o.Open(event.At) && o.Login == "" && event.Opinion.Login != "" && event.At.Before(event.Due):
		o.Opened, o.Login, o.LoginUntil = event.At, event.Opinion.Login, event.Due
	case event.Command == Declare && o.Admits(event.At) && o.Interests == "" && event.Text != "":
		o.Interests = event.Text
	case event.Command == Opine && o.Admits(event.At) && o.Interests != "" && event.Text != "" && event.Saw == o.Saw && event.Saw == e.Digest:
		o.Text, o.Given = event.Text, event.At
	default:
		return errors.New("its code or log-in is used or over, its interests are not stated, or it is on another text")
	}
	return nil
}

// closeOpinions ends what is still to come with the review, however that ends.
func closeOpinions(e *narthex.Engagement, at time.Time) {
	e.Opinions = slices.Clone(e.Opinions)
	for i := range e.Opinions {
		if o := &e.Opinions[i]; o.Given.IsZero() && o.Closed.IsZero() {
			o.Closed = at
		}
	}
}

// opinionsSeen gives the opinions as a person sees them: none from outside or where they have a part or an interest, and not who asked
// for one while their own vote is to come, for whoever asks is whoever votes.
func opinionsSeen(e narthex.Engagement, p narthex.Person) []narthex.Opinion {
	if len(e.Opinions) == 0 || !p.InLab() || Apart(e, p) {
		return nil
	}
	seen, before := slices.Clone(e.Opinions), ToVote(e, p)
	for i := range seen {
		if seen[i].Code, seen[i].Login = "", ""; before && seen[i].By != p.ID {
			seen[i].By = ""
		}
	}
	return seen
}

// SeesOpinions says whether a person may know of an engagement's specialists, and so that one read it.
func SeesOpinions(e narthex.Engagement, p narthex.Person) bool { return p.InLab() && !Apart(e, p) }

// advising are the commands about specialists from outside.
func advising() []Command { return []Command{Invite, Uninvite, Redeem, Declare, Opine} }

// gotOpinion says whether an opinion came in that the person asked for.
func gotOpinion(e narthex.Engagement, id narthex.PersonID) bool {
	return slices.ContainsFunc(e.Opinions, func(o narthex.Opinion) bool { return o.By == id && !o.Given.IsZero() })
}
