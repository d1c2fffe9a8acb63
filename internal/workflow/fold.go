package workflow

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"narthex"
	"narthex/internal/canon"
)

// Event is one thing that happened to an engagement.
type Event struct {
	Seq         int                  `json:"seq"` // from 1
	At          time.Time            `json:"at"`
	By          narthex.PersonID     `json:"by,omitempty"` // empty for the system
	Command     Command              `json:"command"`
	As          narthex.Role         `json:"as,omitempty"`  // a reviewer's role
	Saw         narthex.Digest       `json:"saw,omitempty"` // of what a vote is on
	Text        string               `json:"text,omitempty"`
	Application *narthex.Application `json:"application,omitempty"`
	Agreement   narthex.Digest       `json:"agreement,omitempty"`
	Signature   *narthex.SignedBy    `json:"signature,omitempty"`
	Grant       narthex.GrantID      `json:"grant,omitempty"`
	Due         time.Time            `json:"due,omitzero"`
}

// Fold gives the engagement that events make.
func Fold(events []Event) (narthex.Engagement, error) {
	var e narthex.Engagement
	for _, event := range events {
		var err error
		if e, err = Apply(e, event); err != nil {
			return narthex.Engagement{}, err
		}
	}
	return e, nil
}

// Apply gives the engagement after an event. It refuses what no table row, order or digest allows, so that a history which
// folds is one that could have happened.
func Apply(e narthex.Engagement, event Event) (narthex.Engagement, error) {
	if event.Seq != e.Events+1 || event.At.Before(e.ChangedAt) {
		return e, fmt.Errorf("apply event %d to an engagement with %d: it is out of order", event.Seq, e.Events)
	}
	if !may(e.State, Parts(), event.Command) {
		return e, fmt.Errorf("apply event %d: nobody may %s in state %q", event.Seq, event.Command, e.State)
	}
	out := e
	out.Events, out.ChangedAt = event.Seq, event.At
	out.Votes, out.Notes, out.Authors, out.Signatures = slices.Clone(e.Votes), slices.Clone(e.Notes), slices.Clone(e.Authors), slices.Clone(e.Signatures)
	if to, moves := next[event.Command]; moves {
		out.State = to
	}
	if err := effect(&out, event); err != nil {
		return e, fmt.Errorf("apply event %d: %w", event.Seq, err)
	}
	return out, nil
}

func effect(e *narthex.Engagement, event Event) error {
	switch event.Command {
	case Draft, Edit, Revise:
		return write(e, event)
	case Submit:
		e.Round++
	case Assign:
		e.Due = event.Due
	case Return:
		e.Votes = nil
		e.Due = time.Time{}
		e.Notes = append(e.Notes, narthex.Note{By: event.By, At: event.At, Text: event.Text})
	case Approve, Decline:
		if event.Saw != e.Digest || hasVoted(e, event.By) || slices.Contains(e.Authors, event.By) {
			return errors.New("the vote is on another text, a second one, or by an author")
		}
		e.Votes = append(e.Votes, narthex.Vote{By: event.By, As: event.As, Approve: event.Command == Approve, Reason: event.Text, Saw: event.Saw, At: event.At})
		if event.Command == Decline {
			e.Reason = event.Text
		}
	case Offer:
		if !Approved(*e) || event.Agreement == "" {
			return errors.New("it is not approved by everyone who must")
		}
		e.Agreement = event.Agreement
	case Sign:
		s := event.Signature
		if s == nil || s.Digest != e.Agreement || slices.ContainsFunc(e.Signatures, func(have narthex.SignedBy) bool { return have.Party == s.Party }) {
			return errors.New("the signature is on another text, or the party has signed")
		}
		e.Signatures = append(e.Signatures, *s)
	case Activate:
		if !Signed(*e) || event.Grant == "" {
			return errors.New("it is not signed by every party")
		}
		e.Grant = event.Grant
	case Lock, Unlock:
		e.Locked = event.Command == Lock
	case Withdraw, End:
		e.Reason = event.Text
	}
	return nil
}

// write takes a new text in: votes fall with the old one, and everyone who is named in it is an author for ever.
func write(e *narthex.Engagement, event Event) error {
	a := event.Application
	if a == nil || a.Engagement == "" || e.ID != "" && a.Engagement != e.ID {
		return errors.New("it brings no application, or another engagement's")
	}
	digest, err := canon.Digest(a)
	if err != nil {
		return err
	}
	if e.ID == "" {
		e.ID, e.CreatedAt = a.Engagement, event.At
	} else if a.Applicant != e.Application.Applicant {
		return errors.New("it changes who applies")
	}
	e.Application, e.Digest, e.Votes = *a, digest, nil
	for _, person := range append(append([]narthex.PersonID{event.By, a.Applicant, a.Sponsor}, a.Members...), e.Authors...) {
		if person != "" && !slices.Contains(e.Authors, person) {
			e.Authors = append(e.Authors, person)
		}
	}
	if event.Command == Revise {
		e.Round++
		if event.Text != "" {
			e.Notes = append(e.Notes, narthex.Note{By: event.By, At: event.At, Text: event.Text})
		}
	}
	return nil
}

func hasVoted(e *narthex.Engagement, person narthex.PersonID) bool {
	return slices.ContainsFunc(e.Votes, func(v narthex.Vote) bool { return v.By == person })
}

// Approved says whether every rule has its quorum, each of different people: one vote counts for one role, and two people at
// least have approved.
func Approved(e narthex.Engagement) bool {
	needed := 0
	for _, rule := range e.Application.Reviews {
		needed += rule.Quorum
		if approvals(e, rule.Role) < rule.Quorum {
			return false
		}
	}
	return needed >= 2
}

// approvals counts those who approved in a role; a person votes once, in one role.
func approvals(e narthex.Engagement, role narthex.Role) int {
	people := map[narthex.PersonID]bool{}
	for _, vote := range e.Votes {
		if vote.Approve && vote.As == role && vote.Saw == e.Digest {
			people[vote.By] = true
		}
	}
	return len(people)
}

// Missing lists the roles whose quorum is not met.
func Missing(e narthex.Engagement) []narthex.Role {
	missing := []narthex.Role{}
	for _, rule := range e.Application.Reviews {
		if approvals(e, rule.Role) < rule.Quorum {
			missing = append(missing, rule.Role)
		}
	}
	return missing
}

// Unsigned lists the parties who have not signed. Every agreement has a researcher and the lab; an institution signs where
// the applicant has one.
func Unsigned(e narthex.Engagement) []narthex.PartyRole {
	parties := []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab}
	return slices.DeleteFunc(parties, func(p narthex.PartyRole) bool {
		return p == narthex.PartyInstitution && e.Application.Org == "" ||
			slices.ContainsFunc(e.Signatures, func(s narthex.SignedBy) bool { return s.Party == p && s.Digest == e.Agreement })
	})
}

// Signed says whether every party has signed the agreement as it stands.
func Signed(e narthex.Engagement) bool { return e.Agreement != "" && len(Unsigned(e)) == 0 }
