package audit

import (
	"fmt"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

func eventKey(id narthex.EngagementID, seq int) string { return fmt.Sprintf("%s/%06d", id, seq) }

// engagementChanged finds the event of the entry and folds it. Without tables there is nothing to fold: the entry holds the
// event's digest alone.
func (s *step) engagementChanged() error {
	id := narthex.EngagementID(s.text("engagement"))
	s.vote(id, workflow.Command(s.text("command")), narthex.PersonID(s.text("by")))
	if workflow.Command(s.text("command")) == workflow.Join {
		s.joined(id, narthex.PersonID(s.text("by")))
	}
	if s.rows == nil {
		return nil
	}
	if workflow.Command(s.text("command")) == workflow.Draft {
		s.drafted(id)
	}
	h := s.Cases[id]
	h.State = narthex.State(s.text("state"))
	if h.Broken {
		s.Cases[id] = h
		return nil
	}
	if h.Waits != nil {
		s.impossible(store.Engagements, string(id), "a signature without its entry")
		h.Waits = nil
	}
	e, err := s.engagement(id, h)
	if err != nil {
		return err
	}
	events, err := s.eventsOf(id, h.Events+1, narthex.Digest(s.text("event")))
	if err != nil {
		return err
	}
	if e == nil || events == nil {
		s.differ(client.Difference{What: "row_differs", Table: string(store.Events), Key: eventKey(id, h.Events+1), Entry: &s.index, Field: "digest", Expected: s.text("event"), Found: "none, or another event"})
		h.Broken = true
		s.Cases[id] = h
		return nil
	}
	s.untold += len(events) - 1 // their entries were erased
	next := *e
	for _, event := range events {
		if err := s.clocked(next, event); err != nil {
			return err
		}
		if next, err = workflow.Apply(next, event); err != nil {
			s.impossible(store.Events, eventKey(id, event.Seq), "an event that the rules of an engagement do not allow there")
			h.Broken = true
			s.Cases[id] = h
			return nil
		}
	}
	event := events[len(events)-1]
	if next.ID != id || !event.At.Equal(s.at) || string(event.By) != s.text("by") || string(event.Command) != s.text("command") ||
		string(event.As) != s.text("as") || string(event.Saw) != s.text("saw") || string(next.State) != s.text("state") {
		s.impossible(store.Events, eventKey(id, event.Seq), "another time, person, command or state than the event's")
	}
	if event.Command == workflow.Offer && s.Agreements[event.Agreement].Engagement != id && !s.absentSince(0) {
		s.impossible(store.Agreements, string(event.Agreement), "the offer of an agreement that was not made for it")
	}
	if event.Command == workflow.Offer {
		if err := s.restsOnWord(event, next.Application); err != nil {
			return err
		}
	}
	if err := s.keeps(event, next); err != nil {
		return err
	}
	s.certified(event)
	if event.Command == workflow.Approve && next.State == narthex.InReview && workflow.Approved(next) {
		s.Approved = id
	}
	h.Events, h.Waits, h.Row = event.Seq, event.Signature, ""
	s.live[id], s.Cases[id] = &next, h
	return nil
}

// vote counts who approved what stands, as an agreement states it.
func (s *step) vote(id narthex.EngagementID, command workflow.Command, by narthex.PersonID) {
	h := s.Cases[id]
	switch command {
	case workflow.Edit, workflow.Submit, workflow.Return, workflow.Revise, workflow.Reopen:
		h.Approvers, h.Countered = nil, ""
	case workflow.Counter:
		h.Approvers, h.Countered = nil, by
	case workflow.Accept:
		h.Approvers, h.Countered = []narthex.PersonID{h.Countered}, ""
	case workflow.Recuse:
		h.Approvers = slices.DeleteFunc(slices.Clone(h.Approvers), func(p narthex.PersonID) bool { return p == by })
	case workflow.Approve:
		if !slices.Contains(h.Approvers, by) {
			h.Approvers = append(slices.Clone(h.Approvers), by)
		}
	}
	s.Cases[id] = h
}

// engagement gives an engagement as folded so far, or nil where its events are not those that were folded.
func (f *Fold) engagement(id narthex.EngagementID, h history) (*narthex.Engagement, error) {
	if e, here := f.live[id]; here || h.Events == 0 {
		if !here {
			e = &narthex.Engagement{}
		}
		return e, nil
	}
	var events []workflow.Event
	for seq := 1; seq <= h.Events; seq++ {
		event, err := get[workflow.Event](f.rows, store.Events, eventKey(id, seq))
		if err != nil || event == nil {
			return nil, err
		}
		events = append(events, *event)
	}
	e, err := workflow.Fold(events)
	if err != nil {
		return nil, nil
	}
	if digest, err := canon.Digest(e); err != nil || digest != h.Row {
		return nil, err
	}
	f.live[id] = &e
	return &e, nil
}

// eventsOf gives the events from seq on up to the one of that digest: one, or more where entries before it were erased. It
// gives none where there is no such event.
func (f *Fold) eventsOf(id narthex.EngagementID, seq int, digest narthex.Digest) ([]workflow.Event, error) {
	var events []workflow.Event
	for ; ; seq++ {
		event, err := get[workflow.Event](f.rows, store.Events, eventKey(id, seq))
		if err != nil || event == nil {
			return nil, err
		}
		events = append(events, *event)
		if is, err := canon.Digest(event); err != nil || is == digest {
			return events, err
		}
		if len(f.Absent) == 0 {
			return nil, nil
		}
	}
}

func (s *step) rendered() error {
	digest, id := narthex.Digest(s.text("agreement")), narthex.EngagementID(s.text("engagement"))
	s.Agreements[digest] = rendering{id, narthex.Digest(s.text("application"))}
	s.offered(id)
	a, err := s.docs.agreement(digest)
	if err != nil {
		return err
	}
	if a == nil && s.rows == nil {
		return nil // each call that rests on it is told of
	}
	if a == nil {
		s.differ(client.Difference{What: "row_differs", Table: string(store.Agreements), Key: string(digest), Entry: &s.index, Expected: "the agreement of that digest", Found: "none, or another"})
		return nil
	}
	if a.Engagement != id || string(a.Application) != s.text("application") || a.Origin != s.Origin {
		s.impossible(store.Agreements, string(digest), "an agreement of another engagement, application or ledger")
	}
	if approvers := s.Cases[id].Approvers; a.Approvals > len(approvers) && !s.absentSince(0) {
		s.impossible(store.Agreements, string(digest), "an agreement that states the approvals of %d people, where %d approved", a.Approvals, len(approvers))
	}
	return nil
}

// signed holds the entry to the event before it, and the signature to the document and the key.
func (s *step) signed() error {
	if s.rows == nil {
		return nil
	}
	id, digest := narthex.EngagementID(s.text("engagement")), narthex.Digest(s.text("agreement"))
	h := s.Cases[id]
	if h.Broken {
		return nil
	}
	was := h.Waits
	h.Waits = nil
	s.Cases[id] = h
	if was == nil || was.Digest != digest || string(was.Party) != s.text("party") || string(was.By) != s.text("by") || was.Signer != s.text("signer") || was.Envelope != s.text("envelope") || !was.At.Equal(s.at) {
		s.impossible(store.Engagements, string(id), "a signature that is not the one of the event before it")
		return nil
	}
	key, err := agreement.ParseVerifier(was.PublicKey)
	if err == nil {
		err = agreement.VerifyEnvelope(was.Envelope, key, agreement.NewStatement(digest, was.Party, was.By, s.Origin).With(was.Outside))
	}
	enrolled, known := s.Signers[was.Signer]
	inForce := known && enrolled.Person == was.By && enrolled.Ended.IsZero() || !known && s.absentSince(0)
	if err != nil || key.Fingerprint() != was.Signer || !inForce {
		s.impossible(store.Signers, was.Signer, "a signature that does not verify by a signing key of that person in force")
	}
	return nil
}

// grantActive takes a grant in. Its terms and dates are the agreement's, its people the application's.
func (s *step) grantActive() error {
	id := narthex.GrantID(s.text("grant"))
	g := grant{Engagement: narthex.EngagementID(s.text("engagement")), Agreement: narthex.Digest(s.text("agreement")), Org: narthex.OrgID(s.text("org"))}
	if err := decode(s.o.Field("persons"), &g.Persons); err != nil {
		s.impossible(store.Grants, string(id), "its list of people does not read")
		return nil
	}
	if _, twice := s.Grants[id]; twice {
		s.impossible(store.Grants, string(id), "a grant that is in force already")
		return nil
	}
	s.Grants[id] = g
	for _, p := range g.Persons {
		s.hold(book.Subject("person", p), id)
	}
	s.hold(book.Subject("org", g.Org), id)
	a, err := s.docs.agreement(g.Agreement)
	if err != nil {
		return err
	}
	if a != nil && (a.Engagement != g.Engagement || a.NotBefore.Format(time.RFC3339) != s.text("not_before") || a.NotAfter.Format(time.RFC3339) != s.text("not_after")) {
		s.impossible(store.Grants, string(id), "dates or an engagement that are not the agreement's")
	}
	if a != nil {
		s.replaces(id, a)
		s.stillAuthorised(id, a, g)
		if err := s.stillRests(id); err != nil {
			return err
		}
	}
	if a != nil && !isFor(a, g) {
		s.impossible(store.Grants, string(id), "a researcher or an organisation that is not the agreement's")
	}
	h := s.Cases[g.Engagement]
	if s.rows == nil || h.Broken {
		return nil
	}
	e, err := s.engagement(g.Engagement, h)
	if err != nil || e == nil {
		return err
	}
	if a != nil && (a.Amends == nil) != (e.Application.Amends == "") || a != nil && a.Amends != nil && a.Amends.Engagement != e.Application.Amends {
		s.impossible(store.Grants, string(id), "another engagement that it amends than its application says")
	}
	if e.Grant != id || e.Agreement != g.Agreement || e.Application.Org != g.Org || !slices.Equal(workflow.Holders(*e), g.Persons) {
		s.impossible(store.Grants, string(id), "people, an organisation or an agreement that are not the engagement's")
	}
	var signing narthex.Signing
	if e.Signing != nil {
		signing = *e.Signing
	}
	if a != nil && signing != a.Signing() && !(e.Signing == nil && earlierSigning(a)) {
		s.impossible(store.Engagements, string(g.Engagement), "a way of signing that is not the agreement's")
	}
	if a != nil && !asAgreed(e, a) {
		s.impossible(store.Engagements, string(g.Engagement), "obligations or an end that are not the agreement's")
	}
	return nil
}

// earlierSigning says whether an agreement may have been offered by an earlier program, which kept no way of signing: its clause on
// signing says nothing of an outside document.
func earlierSigning(a *narthex.Agreement) bool {
	return !slices.ContainsFunc(a.Clauses, func(c narthex.AgreedClause) bool {
		_, says := c.Values[narthex.SignatureOutside]
		return c.Name == narthex.SignatureClause && says
	})
}

// isFor says whether the agreement's researcher is the first of the grant's people, and its organisation the grant's. Who else
// is named stands in the application, of which the agreement has the digest alone.
func isFor(a *narthex.Agreement, g grant) bool {
	return slices.ContainsFunc(a.Parties, func(p narthex.Party) bool {
		return p.Role == narthex.PartyResearcher && len(g.Persons) > 0 && p.Person == g.Persons[0] && narthex.OrgID(p.Org) == g.Org
	})
}

func (f *Fold) hold(subject string, id narthex.GrantID) {
	f.Holdings[subject] = append(slices.Clone(f.Holdings[subject]), id)
}

func (s *step) grantEnded() error {
	id := narthex.GrantID(s.text("grant"))
	g, known := s.Grants[id]
	if !known || g.Ended || string(g.Engagement) != s.text("engagement") {
		s.impossible(store.Grants, string(id), "the end of a grant that is not in force")
		return nil
	}
	g.Ended = true
	s.Grants[id] = g
	return nil
}

// grant gives a grant whole, or nil where its agreement is not at hand.
func (f *Fold) grant(id narthex.GrantID) (*narthex.Grant, error) {
	g, known := f.Grants[id]
	if !known {
		return nil, nil
	}
	a, err := f.docs.agreement(g.Agreement)
	if err != nil || a == nil {
		return nil, err
	}
	return &narthex.Grant{ID: id, Engagement: g.Engagement, Agreement: g.Agreement, Persons: g.Persons, Org: g.Org, Terms: a.Terms, Approvals: a.Approvals,
		NotBefore: a.NotBefore, NotAfter: a.NotAfter, Ended: g.Ended, AppealTo: a.AppealTo, AppealDays: a.AppealDays, AuthorisedFor: a.AuthorisedFor(), RestsOn: a.RestsOn, Replaces: a.Replaces(), LockReasons: a.LockReasons()}, nil
}

// rowOf gives the digest of the row that a case's events make.
func (f *Fold) rowOf(id narthex.EngagementID) (narthex.Digest, error) {
	h := f.Cases[id]
	if e, here := f.live[id]; here && h.Row == "" {
		digest, err := canon.Digest(e)
		if err != nil {
			return "", err
		}
		h.Row = digest
		f.Cases[id] = h
	}
	return h.Row, nil
}
