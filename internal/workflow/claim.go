package workflow

import (
	"errors"
	"slices"

	"narthex"
)

// mayClaim lets a reviewer say that they look at an application in a role. It decides nothing: mayVote knows of no claim.
func mayClaim(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	if err := inRole(e, draft, p, facts); err != nil {
		return err
	}
	if hasVoted(&e, p.ID) {
		return narthex.Conflictf("You have voted on this text already, so there is nothing left to claim.")
	}
	return free(e, p.ID, draft.As)
}

// mayEntrust lets the programme give a review to someone who may do it.
func mayEntrust(e narthex.Engagement, draft Event, _ narthex.Person, facts Facts) *narthex.Error {
	other := facts.Other
	switch {
	case draft.Person == "" || other.ID != draft.Person:
		return narthex.Invalidf("Name the person of the lab who is to review it.").For("person")
	case !asks(e.Application, draft.As):
		return narthex.Refusedf("It is not reviewed in that role. `narthex review show` lists the roles that must approve.").For("as")
	case !mayReview(e, other) || !other.Has(draft.As) || draft.As == narthex.AssetOwner && !facts.OtherOwns:
		return narthex.Refusedf("That person may not review it in that role: they lack it now, have a part in the engagement, or own none of its assets. `narthex people list` shows who holds which.").For("person")
	}
	return free(e, other.ID, draft.As)
}

// free says whether a person can still claim a review in a role: a claim each, and as many in a role as must approve in it. What was
// voted does not come into it, so that a refusal tells nothing of votes.
func free(e narthex.Engagement, id narthex.PersonID, as narthex.Role) *narthex.Error {
	switch {
	case claimOf(e, id) != nil:
		return narthex.Conflictf("A person has one claim on a review, and there is theirs already. `narthex review unclaim` gives it back.")
	case full(e, as):
		return narthex.Conflictf("It is claimed in that role already. Whoever may vote still can; the programme takes a claim back by `narthex review unclaim`.").For("as")
	}
	return nil
}

// mayUnclaim lets a reviewer give back their own claim, and the programme take back those of a role.
func mayUnclaim(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	if c := claimOf(e, p.ID); c != nil && c.As == draft.As {
		return nil
	}
	if !slices.Contains(PartsOf(e, p), Programme) {
		return narthex.Conflictf("You have no claim on it in that role, and the programme alone takes back those of others.").For("as")
	}
	if !slices.ContainsFunc(e.Claims, func(c narthex.Claim) bool { return c.As == draft.As }) {
		return narthex.Conflictf("Nobody has claimed it in that role.").For("as")
	}
	return nil
}

// claims takes in a claim, and gives one back: the giver's own, or, where they have none in the role, all of it.
func claims(e *narthex.Engagement, event Event) error {
	if event.Command == Unclaim {
		own := claimOf(*e, event.By)
		left := slices.DeleteFunc(slices.Clone(e.Claims), func(c narthex.Claim) bool {
			return c.As == event.As && (own == nil || own.As != event.As || c.By == event.By)
		})
		if len(left) == len(e.Claims) {
			return errors.New("nobody claimed it in that role")
		}
		if e.Claims = left; len(left) == 0 {
			e.Claims = nil
		}
		return nil
	}
	made := narthex.Claim{By: event.By, As: event.As, At: event.At}
	if event.Command == Entrust {
		made.By, made.Given = event.Person, event.By
	}
	if !mayHold(e, made.By, made.As) {
		return errors.New("the claim is an author's, a second one, in a role that is not asked, or one too many")
	}
	e.Claims = append(slices.Clone(e.Claims), made)
	return nil
}

// keepClaims leaves those that a new text still has a place for. Whoever read the first text reads the second soonest, so a return
// ends no claim.
func keepClaims(e *narthex.Engagement) {
	var kept []narthex.Claim
	for _, c := range e.Claims {
		if so := (narthex.Engagement{Application: e.Application, Claims: kept}); !slices.Contains(e.Authors, c.By) && asks(e.Application, c.As) && !full(so, c.As) {
			kept = append(kept, c)
		}
	}
	e.Claims = kept
}

// claimOf gives a person's claim, or nil.
func claimOf(e narthex.Engagement, id narthex.PersonID) *narthex.Claim {
	if at := slices.IndexFunc(e.Claims, func(c narthex.Claim) bool { return c.By == id }); id != "" && at >= 0 {
		return &e.Claims[at]
	}
	return nil
}

// full says whether there are as many claims in a role as people must approve in it.
func full(e narthex.Engagement, as narthex.Role) bool {
	n := 0
	for _, c := range e.Claims {
		if c.As == as {
			n++
		}
	}
	return n >= seats(e)[as]
}

// claimsSeen gives the claims as a person sees them: none from outside or as an author, and of others not whose while their own vote
// is still to come, for whoever has claimed is whoever votes.
func claimsSeen(e narthex.Engagement, p narthex.Person) []narthex.Claim {
	if len(e.Claims) == 0 || !p.InLab() || slices.Contains(e.Authors, p.ID) {
		return nil
	}
	seen, before := slices.Clone(e.Claims), ToVote(e, p)
	for i := range seen {
		if before && seen[i].By != p.ID {
			seen[i].By, seen[i].Given = "", ""
		}
	}
	return seen
}

// Hold is how claims bear on a person's review of an engagement.
type Hold string

const (
	HoldNone    Hold = ""        // there is a place that nobody has claimed
	HoldOwn     Hold = "yours"   // they claimed it
	HoldAnother Hold = "another" // others claimed all that they could do
)

// HoldOn says how claims bear on a person's review. It says nothing of votes; owns says that they own an asset among the terms.
func HoldOn(e narthex.Engagement, p narthex.Person, owns bool) Hold {
	if claimOf(e, p.ID) != nil {
		return HoldOwn
	}
	hold := HoldNone
	for _, rule := range e.Application.Reviews {
		if !p.Has(rule.Role) || rule.Role == narthex.AssetOwner && !owns {
			continue
		}
		if !full(e, rule.Role) {
			return HoldNone
		}
		hold = HoldAnother
	}
	return hold
}
