package audit_test

import (
	"fmt"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

// affair does one random thing that people do: they apply, review, come, go, and change the lab's directory.
func (w *world) affair() {
	switch w.draw.IntN(12) {
	case 0, 1:
		w.apply()
	case 2:
		w.command()
	case 3:
		w.review()
	case 4:
		w.withoutSigner()
	case 5:
		w.propose()
	case 6:
		w.invite()
	case 7:
		w.takeAway()
	case 8:
		w.authorise()
	case 9:
		w.stand()
	case 10:
		w.amend()
	default:
		w.sessions()
	}
}

// suffix draws one of the two institutes.
func (w *world) suffix() string { return pick(w, []string{"", "2"}) }

func (w *world) draftOf() client.Draft {
	return client.Draft{Pathway: "test", Title: "another", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(float64(1+w.draw.IntN(100)), nil)}}
}

// apply begins an application, and submits most of them.
func (w *world) apply() {
	ada := w.e.People["ada"+w.suffix()]
	view, err := ada.Draft(w.Context(), w.draftOf())
	w.mayBeRefused(err)
	if err != nil {
		return
	}
	w.cases = append(w.cases, view.Engagement.ID)
	if w.draw.IntN(3) > 0 {
		_, err = ada.Command(w.Context(), view.Engagement.ID, "submit", client.Command{})
		w.mayBeRefused(err)
	}
}

// command gives any command on any application, by anybody.
func (w *world) command() {
	if len(w.cases) == 0 {
		return
	}
	id, p := pick(w, w.cases), w.e.People[pick(w, []string{"ada", "ada2", "sam", "olga", "carol"})]
	in := client.Command{Text: "because", As: pick(w, []narthex.Role{narthex.Security, narthex.AssetOwner, ""})}
	command := pick(w, []string{"submit", "return", "revise", "withdraw", "decline", "edit"})
	if command == "edit" || command == "revise" && w.draw.IntN(2) == 0 {
		draft := w.draftOf()
		in.Draft = &draft
	}
	_, err := p.Command(w.Context(), id, command, in)
	w.mayBeRefused(err)
}

// review lets everyone who must approve what is in review, and sometimes not everyone.
func (w *world) review() {
	for _, id := range w.cases {
		if w.draw.IntN(3) == 0 {
			continue
		}
		for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
			view, err := w.e.People[name].Engagement(w.Context(), id)
			w.mayBeRefused(err)
			if err == nil && view.Engagement.State == narthex.InReview && w.draw.IntN(5) > 0 {
				_, err = w.e.People[name].Command(w.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest})
				w.mayBeRefused(err)
			}
		}
	}
}

// withoutSigner lets things be approved while a party has no signing key, so that they wait, and then gives it one.
func (w *world) withoutSigner() {
	w.unlock() // a person of a locked institute has no session
	otto := w.e.People["otto"+w.suffix()]
	keys, err := otto.Signers(w.Context())
	w.mayBeRefused(err)
	for _, key := range keys.Signers {
		_, err := otto.RevokeSigner(w.Context(), key.Fingerprint)
		w.mayBeRefused(err)
	}
	for range 1 + w.draw.IntN(3) {
		w.apply()
		w.review()
		w.command()
	}
	if w.draw.IntN(2) == 0 {
		w.lock()
		w.unlock()
	}
	key, err := client.NewKey()
	must(w, err)
	_, err = otto.EnrollSigner(w.Context(), key)
	must(w, err)
	otto.Signer = key
}

// propose puts another directory forward, lets some approve it, and locks one of them sometimes in between.
func (w *world) propose() {
	files, err := testenv.Files(w.e.Model.URL)
	must(w, err)
	lines := string(files["lab.yaml"])
	for i := range w.draw.IntN(3) {
		lines += fmt.Sprintf("  - {handle: more%d, name: More%d, email: more@lab.test, roles: [%s], region: de}\n", i, w.draw.IntN(3), pick(w, []string{"legal", "custodian", "custodian, legal"}))
	}
	files["lab.yaml"] = []byte(lines)
	state, err := w.e.People[pick(w, []string{"olga", "carol", "sam"})].Propose(w.Context(), files)
	w.mayBeRefused(err)
	if err != nil {
		return
	}
	lock := client.Locked{}
	for _, name := range []string{"carol", "dan", "more0", "carol", "dan"} {
		if p := w.e.People[name]; p != nil && w.draw.IntN(4) > 0 {
			_, err := p.ApproveLab(w.Context(), state.Proposed)
			w.mayBeRefused(err)
		}
		switch {
		case lock.Lock.ID == "" && w.draw.IntN(4) == 0:
			lock, err = w.e.People["sam"].Lock(w.Context(), client.LockRequest{Subject: "person", Target: string(w.e.People["dan"].ID), Reason: "incident"})
			w.mayBeRefused(err)
		case lock.Lock.ID != "" && w.draw.IntN(2) == 0:
			w.lift(&lock)
		}
	}
	w.lift(&lock)
	w.login()
}

func (w *world) lift(lock *client.Locked) {
	if lock.Lock.ID != "" {
		_, err := w.e.People["paul"].Unlock(w.Context(), lock.Lock.ID)
		must(w, err)
		*lock = client.Locked{}
	}
}

// invite makes codes, of which some are redeemed, not always the latest.
func (w *world) invite() {
	in := pick(w, []client.Invite{{Handle: "more0"}, {Handle: "more1"}, {Name: "Otto", Email: "o@x.test", OrgName: "Another", Official: true, Region: "de"}})
	by := w.e.People[pick(w, []string{"carol", "dan"})]
	var codes []string
	for range 1 + w.draw.IntN(2) {
		invited, err := by.Invite(w.Context(), in)
		w.mayBeRefused(err)
		if err == nil {
			codes = append(codes, invited.Code)
		}
	}
	if len(codes) == 0 || w.draw.IntN(2) == 0 {
		return
	}
	key, err := client.NewKey()
	must(w, err)
	session, err := w.e.Client.Redeem(w.Context(), pick(w, codes), key)
	w.mayBeRefused(err)
	if err == nil && in.Handle != "" {
		w.e.People[in.Handle] = &testenv.Person{Client: w.e.Client.With(session.Token), ID: session.Person.ID, Login: key}
	}
}

// authorise lets an official authorise their researcher, or take that back.
func (w *world) authorise() {
	suffix := w.suffix()
	otto, ada := w.e.People["otto"+suffix], w.e.People["ada"+suffix]
	if _, err := otto.WhoAmI(w.Context()); err != nil {
		w.mayBeRefused(err)
		return
	}
	var err error
	if w.draw.IntN(3) == 0 {
		_, err = otto.Unauthorise(w.Context(), ada.ID)
	} else {
		_, err = otto.Client.Authorise(w.Context(), ada.ID, w.e.Word(w, "otto"+suffix, "ada"+suffix, 1+w.draw.IntN(30), "test"))
	}
	w.mayBeRefused(err)
}

// stand lets somebody record a standing of a researcher, or take it back, whosever word it is.
func (w *world) stand() {
	ada, by := w.e.People["ada"+w.suffix()].ID, w.e.People[pick(w, []string{"otto", "otto2", "sam", "carol", "ada"})]
	kind, name := pick(w, narthex.StandingKinds()), ""
	if kind.Named() {
		name = pick(w, []string{"basics", "more"})
	}
	var err error
	if w.draw.IntN(3) == 0 {
		_, err = by.TakeBackStanding(w.Context(), ada, client.TakeBackStanding{Kind: kind, Name: name})
	} else {
		_, err = by.RecordStanding(w.Context(), ada, client.RecordStanding{Kind: kind, Name: name})
	}
	w.mayBeRefused(err)
}

// amend begins an amendment of what is in force, states a recertification of it, or confirms one.
func (w *world) amend() {
	suffix := w.suffix()
	ada, otto := w.e.People["ada"+suffix], w.e.People["otto"+suffix]
	list, err := ada.Engagements(w.Context(), client.Page{})
	w.mayBeRefused(err)
	for _, row := range list.Engagements {
		if row.State != narthex.Active {
			continue
		}
		view, err := ada.Engagement(w.Context(), row.ID)
		w.mayBeRefused(err)
		saw := client.Recertify{Saw: view.Engagement.Digest}
		switch w.draw.IntN(3) {
		case 0:
			_, err = ada.State(w.Context(), row.ID, saw)
		case 1:
			_, err = otto.Confirm(w.Context(), row.ID, saw)
		default:
			view, err = ada.Amend(w.Context(), row.ID, client.Amend{Days: 1 + w.draw.IntN(90)})
			if err == nil {
				w.cases = append(w.cases, view.Engagement.ID)
				_, err = ada.Command(w.Context(), view.Engagement.ID, "submit", client.Command{})
			}
		}
		w.mayBeRefused(err)
		return
	}
}

// takeAway suspends or removes somebody whom nothing else here needs.
func (w *world) takeAway() {
	list, err := w.e.People["sam"].People(w.Context(), client.Page{})
	w.mayBeRefused(err)
	for _, p := range list.People {
		needed := false
		for name, other := range w.e.People {
			needed = needed || other.ID == p.ID && name != "more0" && name != "more1"
		}
		if needed || w.draw.IntN(4) > 0 {
			continue
		}
		change := w.e.People["sam"].Suspend
		if w.draw.IntN(2) == 0 {
			change = w.e.People["sam"].Remove
		}
		_, err := change(w.Context(), p.ID, "a reason")
		w.mayBeRefused(err)
	}
}

// sessions opens many and ends some; so many of one person that the oldest give way, and some that are over.
func (w *world) sessions() {
	p := w.e.People[pick(w, []string{"lea", "ada", "more0"})]
	if p == nil {
		return
	}
	for range w.draw.IntN(25) {
		session, err := w.e.Client.Login(w.Context(), p.Login)
		w.mayBeRefused(err)
		if err == nil && w.draw.IntN(5) == 0 {
			w.mayBeRefused(w.e.Client.With(session.Token).Logout(w.Context()))
		}
	}
	if w.draw.IntN(4) == 0 {
		w.e.Clock.Move(13 * time.Hour)
	}
	w.login()
}
