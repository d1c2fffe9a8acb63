package workflow_test

import (
	"fmt"
	"math/bits"
	"slices"

	"narthex"
	"narthex/internal/workflow"
)

// watch is a second, slower account of an engagement, kept beside the machine by other means: who was ever in it, which
// votes stand on the present text, what was agreed and who signed. It fails on the first step that breaks a promise.
// It is comparable, so that a search can tell whether it has been somewhere.
type watch struct {
	ever      uint32 // people who were ever named in it or wrote in it
	votes     [16]vote
	text      narthex.Digest
	agreement narthex.Digest
	approved  bool
	active    bool
	signers   [3]int8 // of researcher, institution, lab: 1 + the person, or 0; of the institution also who authorised beforehand
	locker    int8    // 1 + who locked last, or 0
	offer     offer   // the counter-offer that the applicant may accept
	duty      duty
	heir      int8   // 1 + who was asked to be the sponsor, or 0
	agreed    uint32 // of those, who accepted the agreement
	joined    uint32 // members who accepted for themselves what stands
	ruled     uint32 // roles, by their place in narthex.Roles, for whose approval of the present text a rule stands in
	dispute   dispute
}

// duty is what became of the one thing that the agreement asks for, where it asks for it.
type duty struct {
	owed, met, rejected bool
	used                uint8  // evidence that was handed in: of deal 1, of stale 2
	waived              uint32 // people who waived it
}

// given says whether nobody owes it any more.
func (d duty) given() bool { return !d.owed || d.met || bits.OnesCount32(d.waived) >= 2 }

// handed holds what is handed in, sent back and waived to who may, and to its order.
func (w watch) handed(people []narthex.Person, by int, before narthex.Engagement, event workflow.Event) (watch, error) {
	if by < 0 || event.Obligation != narthex.FinalReport || !w.duty.owed {
		return w, fmt.Errorf("%s by no one, or of what is not owed", event.Command)
	}
	p, a := people[by], before.Application
	switch event.Command {
	case workflow.Meet:
		side := p.ID == a.Applicant || slices.Contains(a.Members, p.ID) || p.Official && p.Org == a.Org && w.ever&(1<<by) == 0
		one := uint8(1)
		if event.Evidence == stale {
			one = 2
		}
		if !side || w.duty.given() || event.Evidence == "" || w.duty.used&one != 0 {
			return w, fmt.Errorf("what nobody owes is met, by the wrong person, or with evidence that was there before")
		}
		w.duty.met, w.duty.used = true, w.duty.used|one
	case workflow.Reject:
		if !p.Has(narthex.Programme) || !w.duty.met || w.duty.rejected {
			return w, fmt.Errorf("a rejection by the wrong person, of nothing, or a second one")
		}
		w.duty.met, w.duty.rejected = false, true
	case workflow.Waive:
		if !p.Has(narthex.Programme) && !p.Has(narthex.Security) && !p.Has(narthex.Custodian) || w.duty.given() || w.duty.waived&(1<<by) != 0 {
			return w, fmt.Errorf("a waiver by the wrong person, twice by one, or of what is not owed")
		}
		w.duty.waived |= 1 << by
	}
	return w, w.settled(before)
}

// offer is a counter-offer: 1 + whose, in what role, and the text that it would make.
type offer struct {
	by   int8
	as   narthex.Role
	text narthex.Digest
}

// vote is one person's, on the present text: the role it was cast in and whether it stands.
type vote struct {
	as       narthex.Role
	standing bool
}

// judges are the commands that decide on an engagement.
var judges = []workflow.Command{workflow.Assign, workflow.Return, workflow.Approve, workflow.Decline, workflow.Counter, workflow.Lock, workflow.Unlock, workflow.Close, workflow.Reject, workflow.Waive, workflow.ResolveIncident, workflow.Claim, workflow.Unclaim, workflow.Entrust, workflow.Invite, workflow.Uninvite, workflow.Object, workflow.Uphold, workflow.Dismiss}

// step checks one event that happened and gives the account after it. People are as they were when it happened.
func (w watch) step(people []narthex.Person, before, after narthex.Engagement, event workflow.Event) (watch, error) {
	by := slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == event.By })
	if by >= 0 && people[by].State != narthex.PersonActive {
		return w, fmt.Errorf("a person who is %s gave a command", people[by].State)
	}
	if slices.Contains(judges, event.Command) && by >= 0 && w.ever&(1<<by) != 0 {
		return w, fmt.Errorf("someone decides by %s on what they have a part in", event.Command)
	}
	if err := w.manuscripts(people, by, before, after, event); err != nil {
		return w, err
	}
	if slices.Contains(disputing, event.Command) {
		return w.disputes(people, by, before, after, event)
	}
	switch event.Command {
	case workflow.Remind, workflow.Escalate:
		if by >= 0 || event.By != "" || !onlyReminded(before, after) {
			return w, fmt.Errorf("a clock did more than to speak, or a person spoke for it")
		}
	case workflow.Draft, workflow.Edit, workflow.Revise:
		return w.wrote(people, by, before, after, event)
	case workflow.Return:
		w.votes = [16]vote{}
	case workflow.Counter:
		if err := w.castable(people, by, before, event); err != nil {
			return w, err
		}
		w.votes, w.offer = [16]vote{}, offer{int8(by + 1), event.As, textOf(event.Application)}
	case workflow.Accept:
		return w.accepted(people, by, before, after, event)
	case workflow.Nudge:
		if by < 0 || people[by].ID != before.Application.Applicant || !before.Nudged.IsZero() {
			return w, fmt.Errorf("a nudge by someone else than the applicant, or a second one")
		}
	case workflow.Approve, workflow.Decline:
		if event.Command == workflow.Decline {
			w.dispute.talk = talk{on: event.Refusal != nil}
		}
		return w.voted(people, by, before, after, event)
	case workflow.Offer:
		if by >= 0 || !w.quorum(before.Application.Reviews) {
			return w, fmt.Errorf("an offer without every approval on the present text")
		}
		if w.people() < 2 {
			return w, fmt.Errorf("an offer on the approval of %d people", w.people())
		}
		w.approved, w.agreement = true, event.Agreement
		if event.Authorised != nil {
			return w.authorised(people, before, event)
		}
	case workflow.Sign:
		return w.signed(people, by, before, event)
	case workflow.Activate:
		if by >= 0 || !w.approved || slices.Contains(w.signers[:], 0) {
			return w, fmt.Errorf("an activation without every approval and signature")
		}
		w.active, w.duty = true, duty{owed: len(event.Owed) > 0}
	case workflow.Meet, workflow.Reject, workflow.Waive:
		return w.handed(people, by, before, event)
	case workflow.Close:
		if !w.duty.given() {
			return w, fmt.Errorf("it closes while something is owed")
		}
	case workflow.Transfer:
		heir := slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == event.Person })
		if by < 0 || heir < 0 || heir == by || w.ever&(1<<by) == 0 || w.votes[heir].standing || slices.Contains(w.signers[:], int8(heir+1)) || !w.active {
			return w, fmt.Errorf("a sponsor was asked by someone with no part in it, to themselves, or of one who decided on it")
		}
		w.heir = int8(heir + 1)
	case workflow.Take:
		if by < 0 || int(w.heir) != by+1 || w.votes[by].standing || slices.Contains(w.signers[:], int8(by+1)) || !people[by].Has(narthex.Sponsor) || after.Sponsor != event.By {
			return w, fmt.Errorf("a sponsor whom nobody asked, without the role, or who decided on it")
		}
		w.ever, w.heir = w.ever|1<<by, 0
	case workflow.Join:
		wants := w.text
		if w.agreement != "" {
			wants = w.agreement
		}
		if by < 0 || !slices.Contains(before.Application.Members, event.By) || event.By == before.Application.Applicant || slices.Contains(before.Left, event.By) || w.joined&(1<<by) != 0 || event.Saw != wants {
			return w, fmt.Errorf("someone accepted who is no member, for another, twice, or another text than the one that stands")
		}
		w.joined |= 1 << by
		if w.agreement != "" {
			w.agreed |= 1 << by
		}
	case workflow.Recuse:
		if by < 0 || !w.votes[by].standing || !slices.Contains([]narthex.State{narthex.InReview, narthex.Offered}, before.State) || after.State != narthex.InReview || after.Agreement != "" || len(after.Signatures) > 0 {
			return w, fmt.Errorf("a vote fell that there was not, or what rests on it stands")
		}
		if before.State == narthex.Offered {
			w.dispute.forget()
		}
		w.votes[by], w.agreement, w.approved, w.signers = vote{}, "", false, [3]int8{}
		w.joined, w.agreed = w.joined&^w.agreed, 0
	case workflow.Leave:
		if by < 0 || !slices.Contains(before.Application.Members, event.By) || slices.Contains(before.Left, event.By) {
			return w, fmt.Errorf("someone left who was no member, or had left")
		}
	case workflow.Claim, workflow.Entrust:
		id := event.By
		if event.Command == workflow.Entrust {
			id = event.Person
		}
		claimant := slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == id })
		if before.State != narthex.InReview || claimant < 0 || w.ever&(1<<claimant) != 0 || !people[claimant].Has(event.As) || event.Command == workflow.Entrust && !people[by].Has(narthex.Programme) {
			return w, fmt.Errorf("a review is claimed by someone who may not do it, or given by someone else than the programme")
		}
	case workflow.Triage:
		if by >= 0 || len(after.Votes) != len(before.Votes) || after.Digest != before.Digest || len(after.Application.Reviews) != len(before.Application.Reviews) {
			return w, fmt.Errorf("a rule was applied by a person, or changed the text, the votes or who must approve")
		}
		if as := event.Triaged.Approve; as != "" {
			if event.Triaged.Saw != w.text || as == narthex.AssetOwner || before.State != narthex.InReview {
				return w, fmt.Errorf("a rule approves another text, what is an owner's, or out of review")
			}
			w.ruled |= 1 << slices.Index(narthex.Roles(), as)
		}
	case workflow.Invite, workflow.Uninvite, workflow.Redeem, workflow.Declare, workflow.Opine:
		if !onlyAdvised(before, after) || slices.Contains([]workflow.Command{workflow.Redeem, workflow.Declare, workflow.Opine}, event.Command) != (event.By == "") {
			return w, fmt.Errorf("what a specialist is asked or says changed more than that, or a person spoke for one")
		}
	case workflow.Unclaim:
		for _, c := range before.Claims {
			if gone := !slices.Contains(after.Claims, c); gone && c.By != event.By && !people[by].Has(narthex.Programme) {
				return w, fmt.Errorf("another's claim was taken by someone else than the programme")
			}
		}
	case workflow.Lock:
		w.locker = int8(by + 1)
	case workflow.Unlock:
		if int(w.locker) == by+1 {
			return w, fmt.Errorf("whoever locked unlocked")
		}
		w.locker = 0
	}
	return w, w.settled(after)
}

// onlyAdvised says whether nothing of an engagement changed but what specialists are asked and say.
func onlyAdvised(before, after narthex.Engagement) bool {
	before.Opinions, before.Events, before.ChangedAt, before.BesideAt = after.Opinions, after.Events, after.ChangedAt, after.BesideAt
	return textOf(before) == textOf(after)
}

// onlyReminded says whether nothing of an engagement changed but what its clock has said.
func onlyReminded(before, after narthex.Engagement) bool {
	before.Reminded, before.Events, before.ChangedAt, before.BesideAt = after.Reminded, after.Events, after.ChangedAt, after.BesideAt
	return textOf(before) == textOf(after)
}

// settled holds what must be true after every step.
func (w watch) settled(after narthex.Engagement) error {
	granted := slices.Contains([]narthex.State{narthex.Active, narthex.Ending, narthex.Closed}, after.State)
	if granted != w.active || granted != (after.Grant != "") {
		return fmt.Errorf("state %s, where activation is %t", after.State, w.active)
	}
	if len(after.Joined) != bits.OnesCount32(w.joined) || len(workflow.Holders(after)) != 1+bits.OnesCount32(w.joined) {
		return fmt.Errorf("the grant is %d people's where %d accepted", len(workflow.Holders(after)), bits.OnesCount32(w.joined))
	}
	for _, c := range after.Claims {
		if slices.Contains(after.Authors, c.By) || !slices.ContainsFunc(after.Application.Reviews, func(r narthex.ReviewRule) bool { return r.Role == c.As }) {
			return fmt.Errorf("a claim stands of an author, or in a role that is not asked")
		}
	}
	standing := 0
	for _, v := range w.votes {
		if v.standing {
			standing++
		}
	}
	if standing != len(after.Votes) {
		return fmt.Errorf("%d votes are kept where %d stand on the present text", len(after.Votes), standing)
	}
	for _, v := range after.Votes {
		if v.Saw != w.text || after.Digest != w.text {
			return fmt.Errorf("a vote is kept that is not on the present text")
		}
	}
	return nil
}

func (w watch) wrote(people []narthex.Person, by int, before, after narthex.Engagement, event workflow.Event) (watch, error) {
	a := before.Application
	if by < 0 || before.ID != "" && people[by].ID != a.Applicant && people[by].ID != a.Sponsor && !slices.Contains(a.Members, people[by].ID) {
		return w, fmt.Errorf("someone who is not named in it wrote in it")
	}
	if !slices.Contains([]narthex.State{"", narthex.Draft, narthex.Returned}, before.State) {
		return w, fmt.Errorf("the text changed in state %s", before.State)
	}
	written := event.Application
	for i, p := range people {
		if i == by || p.ID == written.Applicant || p.ID == written.Sponsor || slices.Contains(written.Members, p.ID) {
			w.ever |= 1 << i
		}
	}
	if w.text != textOf(written) {
		w.joined = 0
	}
	w.votes, w.text, w.offer, w.ruled = [16]vote{}, textOf(written), offer{}, 0
	if event.Command == workflow.Revise {
		w.dispute.talk = talk{}
	}
	return w, w.settled(after)
}

// accepted holds an acceptance to the applicant's word on the very text that was offered; whoever offered it has approved that text
// and no other.
func (w watch) accepted(people []narthex.Person, by int, before, after narthex.Engagement, event workflow.Event) (watch, error) {
	if by < 0 || people[by].ID != before.Application.Applicant || w.offer.by == 0 || event.Saw != w.offer.text || textOf(&after.Application) != w.offer.text {
		return w, fmt.Errorf("an acceptance by someone else, or of another text than the one that was offered")
	}
	if w.ever&(1<<(w.offer.by-1)) != 0 {
		return w, fmt.Errorf("a counter-offer of someone who has a part in it")
	}
	if w.text != w.offer.text {
		w.joined = 0
	}
	w.votes, w.text, w.ruled = [16]vote{}, w.offer.text, 0
	if slices.ContainsFunc(after.Application.Reviews, func(r narthex.ReviewRule) bool { return r.Role == w.offer.as }) {
		w.votes[w.offer.by-1] = vote{as: w.offer.as, standing: true}
	}
	w.offer = offer{}
	return w, w.settled(after)
}

func (w watch) voted(people []narthex.Person, by int, before, after narthex.Engagement, event workflow.Event) (watch, error) {
	if err := w.castable(people, by, before, event); err != nil {
		return w, err
	}
	w.votes[by] = vote{as: event.As, standing: true}
	return w, w.settled(after)
}

// castable says why a vote, or a counter-offer, which stands where a vote could, was not theirs to give.
func (w watch) castable(people []narthex.Person, by int, before narthex.Engagement, event workflow.Event) error {
	switch {
	case before.State != narthex.InReview || by < 0 || event.Saw != w.text:
		return fmt.Errorf("a vote out of review, by no one, or on another text than the present")
	case w.votes[by].standing:
		return fmt.Errorf("a second vote by one person")
	case !people[by].Has(event.As) || !slices.ContainsFunc(before.Application.Reviews, func(r narthex.ReviewRule) bool { return r.Role == event.As }):
		return fmt.Errorf("a vote in a role that is not held or not asked")
	case people[by].Org != "":
		return fmt.Errorf("a vote from outside the lab")
	}
	return nil
}

// authorised holds a word of before to the applicant, their organisation and pathway, and the time, as the test's own words are
// written; it counts as the institution's signature.
func (w watch) authorised(people []narthex.Person, before narthex.Engagement, event workflow.Event) (watch, error) {
	a, by := event.Authorised.Authorisation, slices.IndexFunc(people, func(p narthex.Person) bool { return p.ID == event.Authorised.Signature.By })
	if by < 0 || w.ever&(1<<by) != 0 || a.Person != before.Application.Applicant || a.Org != before.Application.Org || len(a.Pathways) != 2 || !event.At.Before(a.NotAfter) || textOf(a) != event.Authorised.Signature.Digest {
		return w, fmt.Errorf("an offer on a word of before that is an author's, somebody else's, for another pathway, over, or forged")
	}
	w.signers[1] = int8(by + 1)
	return w, nil
}

func (w watch) signed(people []narthex.Person, by int, before narthex.Engagement, event workflow.Event) (watch, error) {
	s := event.Signature
	party := slices.Index([]narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab}, s.Party)
	if by < 0 || party < 0 || s.Digest != w.agreement || s.By != event.By || !w.approved {
		return w, fmt.Errorf("a signature by no one, for no party, on another agreement, or before approval")
	}
	p, author := people[by], w.ever&(1<<by) != 0
	fits := []bool{p.ID == before.Application.Applicant, p.Official && p.Org == before.Application.Org && !author, p.Has(narthex.Signatory) && !author && !w.votes[by].standing}
	if w.signers[party] != 0 || slices.Contains(w.signers[:], int8(by+1)) || !fits[party] {
		return w, fmt.Errorf("a second signature of a party, or one by the wrong person")
	}
	w.signers[party] = int8(by + 1)
	return w, nil
}

// quorum says whether different people can be found for every seat of every rule, by trying them all.
func (w watch) quorum(rules []narthex.ReviewRule) bool {
	var seats []narthex.Role
	for _, rule := range rules {
		if w.ruled&(1<<slices.Index(narthex.Roles(), rule.Role)) != 0 {
			continue
		}
		seats = append(seats, slices.Repeat([]narthex.Role{rule.Role}, rule.Quorum)...)
	}
	return len(seats) >= 2 && w.seat(seats, 0)
}

// people counts who approved the present text in a role for which no rule stands in.
func (w watch) people() int {
	n := 0
	for _, v := range w.votes {
		if v.standing && w.ruled&(1<<slices.Index(narthex.Roles(), v.as)) == 0 {
			n++
		}
	}
	return n
}

func (w watch) seat(seats []narthex.Role, taken uint32) bool {
	if len(seats) == 0 {
		return true
	}
	for i, v := range w.votes {
		if v.standing && v.as == seats[0] && taken&(1<<i) == 0 && w.seat(seats[1:], taken|1<<i) {
			return true
		}
	}
	return false
}
