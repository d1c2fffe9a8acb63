package office

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/wire"
)

// Invite makes a one-time code for a person: a lab person of the directory by handle, or an outsider, with their organisation.
// It is for a first log-in alone, and makes the person's earlier codes void.
// The programme invites outsiders, custodians invite the lab's people, and an official invites people of their organisation.
func (o *Office) Invite(ctx context.Context, by narthex.PersonID, in client.Invite) (client.Invited, error) {
	var out client.Invited
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		out = client.Invited{}
		var person narthex.Person
		var err error
		if in.Handle != "" {
			person, err = labInvitee(tx, p, in)
		} else {
			person, out.Org, err = o.outsider(tx, p, in)
		}
		if err != nil {
			return err
		}
		if err := invitable(tx, person); err != nil {
			return err
		}
		code, err := wire.NewToken(wire.CodeToken, o.Journal.Random())
		if err != nil {
			return err
		}
		id, err := identity.NewID[narthex.InviteID](o.Journal.Random())
		if err != nil {
			return err
		}
		invite := book.Invite{ID: id, Person: person.ID, ExpiresAt: tx.Now().Add(book.InviteLife)}
		hand, err := handFor(tx, p, person)
		if err != nil {
			return err
		}
		hand.Code = wire.HashToken(code)
		if err := book.SetHand(tx, person.ID, hand); err != nil {
			return err
		}
		if err := journal.Put(tx, store.Invites, wire.HashToken(code), &invite); err != nil {
			return err
		}
		out.Person, out.Code, out.ExpiresAt = person, code.Reveal(), invite.ExpiresAt
		_, err = tx.Append(narthex.EntryPersonInvited, narthex.TextField("person", person.ID), narthex.TextField("org", person.Org),
			narthex.FlagField("official", person.Official), narthex.TextField("region", person.Region), narthex.TextField("code", wire.HashToken(code)), narthex.TextField("by", p.ID))
		return err
	})
	return out, err
}

// invitable refuses an invitation of someone whom a lock bars: on them, their organisation, or the class of people that they are of. Of a
// lock of which nobody may tell it says nothing: the store seems to have failed.
func invitable(tx *journal.Tx, person narthex.Person) error {
	if err := unhushed(tx, person); err != nil {
		return err
	}
	locks, err := book.LocksOnPerson(tx, person)
	if err != nil || len(locks) == 0 {
		return err
	}
	told, _ := book.FirstTold(locks, tx.Now())
	return narthex.Refusedf("This person cannot be invited: a lock on the %s bars them, %s. Ask again when it is lifted.", told.Subject, book.ReasonInWords(told.Reason))
}

// unsheltered refuses to suspend or remove someone at will whose access is under a safe harbour: that would be a stop without a reason of
// its list, a notice and an appeal.
func unsheltered(tx *journal.Tx, person narthex.PersonID) error {
	grants, err := grantsUnder(tx, "person", string(person))
	if err != nil {
		return err
	}
	for _, grant := range grants {
		if shelters(&grant, "", tx.Now()) {
			err := narthex.Refusedf("They have access under a safe harbour, in the engagement %s, which is stopped for the reasons that its agreement lists and by a lock alone: `narthex lock person`. End the engagement first where it has to end.", grant.Engagement)
			err.Code = "safe_harbour"
			return err
		}
	}
	return nil
}

// labInvitee finds the person of a handle. Their roles stand in the directory and cannot be asked for here.
func labInvitee(tx *journal.Tx, by narthex.Person, in client.Invite) (narthex.Person, error) {
	if err := need(by, narthex.Custodian); err != nil {
		return narthex.Person{}, err
	}
	people, err := book.PeopleOf(tx, "")
	if err != nil {
		return narthex.Person{}, err
	}
	at := slices.IndexFunc(people, func(p narthex.Person) bool { return p.Handle == in.Handle })
	if at < 0 {
		return narthex.Person{}, narthex.Invalidf("Nobody of that handle is in the directory in force. Add them to lab.yaml and propose it.").For("handle")
	}
	if people[at].ID == by.ID {
		return narthex.Person{}, narthex.Refusedf("You cannot invite yourself; another custodian can.")
	}
	switch people[at].State {
	case narthex.PersonInvited:
		return people[at], nil
	case narthex.PersonActive:
		return narthex.Person{}, narthex.Refusedf("That person has a log-in, and nobody makes another for them. Who has lost their key comes back under a new handle: name it in lab.yaml in place of the old one, and let two custodians approve it.").For("handle")
	}
	return narthex.Person{}, narthex.Refusedf("That person was suspended or removed; a directory proposal brings them back.")
}

// outsider makes a person who is not of the lab, and their organisation where it is new.
func (o *Office) outsider(tx *journal.Tx, by narthex.Person, in client.Invite) (narthex.Person, *narthex.Org, error) {
	official := by.Official && by.State == narthex.PersonActive && in.Org == by.Org && !in.Official
	if !official {
		if err := need(by, narthex.Programme); err != nil {
			return narthex.Person{}, nil, err
		}
	}
	if err := checkOutsider(in); err != nil {
		return narthex.Person{}, nil, err
	}
	staff, err := book.PeopleOf(tx, "")
	if err != nil {
		return narthex.Person{}, nil, err
	}
	if slices.ContainsFunc(staff, func(p narthex.Person) bool { return sameAddress(p.Email, in.Email) }) {
		return narthex.Person{}, nil, narthex.Refusedf("That is the address of someone of the lab, who has a log-in of their own. Nobody is on both sides; invite someone else.").For("email")
	}
	org, err := o.orgOf(tx, in)
	if err != nil {
		return narthex.Person{}, nil, err
	}
	id, err := identity.NewID[narthex.PersonID](o.Journal.Random())
	if err != nil {
		return narthex.Person{}, nil, err
	}
	person := narthex.Person{ID: id, Name: in.Name, Email: in.Email, Org: org.ID, Official: in.Official, Region: in.Region, State: narthex.PersonInvited}
	return person, org, journal.Put(tx, store.People, string(id), &person)
}

func checkOutsider(in client.Invite) error {
	if err := checkContact(in.Name, in.Email); err != nil {
		return err
	}
	switch {
	case (in.Org == "") == (in.OrgName == ""):
		return narthex.Invalidf("Give either the organisation's identifier or the name of a new one.").For("org")
	case in.OrgName != "" && !onOneLine(in.OrgName):
		return narthex.Invalidf("An organisation's name has 1 to 100 characters on one line, without spaces around it.").For("org_name")
	case mixed(in.OrgName):
		return narthex.Invalidf("A word of an organisation's name is written in one script, all of it seen, so that it looks like no other.").For("org_name")
	case !isRegion(in.Region) || !isRegion(in.OrgRegion):
		return narthex.Invalidf("A region is a country's two letters, lower case, such as de.").For("region")
	}
	return nil
}

// checkContact holds the name and the address of someone from outside to their form.
func checkContact(name, email string) error {
	switch {
	case !onOneLine(name):
		return narthex.Invalidf("A name has 1 to 100 characters on one line, without spaces around it.").For("name")
	case mixed(name):
		return narthex.Invalidf("A word of a name is written in one script, all of it seen, so that it looks like no other. Write it in Latin letters, or in those of its language.").For("name")
	case len(email) > 200 || !plainAddress(email):
		return narthex.Invalidf("An address has one @, no spaces and no quotes, and is written in plain letters, digits and marks; a domain in other letters has a form that begins with xn--.").For("email")
	}
	return nil
}

// onOneLine says whether a name has 1 to 100 characters, all on one line.
func onOneLine(name string) bool {
	return strings.TrimSpace(name) == name && name != "" && utf8.RuneCountInString(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp)
	})
}

// plainAddress says whether a mailbox is spelt in the one way in which it can be compared: a quote, a comment, or a letter or mark that
// mail takes for another would spell the same one differently.
func plainAddress(email string) bool {
	box, host, _ := strings.Cut(email, "@")
	letter := func(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	spelt := func(text, marks string) bool {
		return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !letter(r) && !strings.ContainsRune(marks, r) })
	}
	return spelt(box, "!#$%&'*+-/=?^_`{|}~.") && !slices.ContainsFunc(strings.Split(strings.TrimSuffix(host, "."), "."), func(label string) bool { return !spelt(label, "-") })
}

// mixed says whether a word of a name looks like another: it mixes scripts whose letters look alike, or has letters of formulas, or
// characters that are not seen. Those that join letters stand where none of these scripts does.
func mixed(name string) bool {
	alike := []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic}
	return slices.ContainsFunc(strings.Fields(name), func(word string) bool {
		scripts := 0
		for _, script := range alike {
			if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(script, r) }) {
				scripts++
			}
		}
		return scripts > 1 || strings.ContainsFunc(word, func(r rune) bool {
			joins := unicode.Is(unicode.Join_Control, r) && scripts == 0
			return unicode.Is(unicode.Cf, r) && !joins || unicode.In(r, unicode.Lu, unicode.Ll) && unicode.Is(unicode.Common, r)
		})
	})
}

func isRegion(text string) bool {
	return text == "" || len(text) == 2 && text[0] >= 'a' && text[0] <= 'z' && text[1] >= 'a' && text[1] <= 'z'
}

func (o *Office) orgOf(tx *journal.Tx, in client.Invite) (*narthex.Org, error) {
	if in.Org != "" {
		org, err := journal.Get[narthex.Org](tx, store.Orgs, string(in.Org))
		if err == nil && org == nil {
			err = narthex.WithheldError().For("org")
		}
		return org, err
	}
	id, err := identity.NewID[narthex.OrgID](o.Journal.Random())
	if err != nil {
		return nil, err
	}
	org := &narthex.Org{ID: id, Name: in.OrgName, Region: in.OrgRegion}
	return org, journal.Put(tx, store.Orgs, string(id), org)
}

// WhoAmI gives the person behind a session, with their signing keys and what they are told.
func (o *Office) WhoAmI(ctx context.Context, by narthex.PersonID) (client.WhoAmI, error) {
	var who client.WhoAmI
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		who = client.WhoAmI{Person: p}
		var err error
		if who.Signers, err = signersOf(tx, p.ID); err != nil {
			return err
		}
		if who.Nationalities, err = book.NationsOf(tx, p.ID); err != nil {
			return err
		}
		if who.Told, err = book.ToldTo(tx, p.ID); err != nil || p.Org == "" {
			return err
		}
		who.Org, err = journal.Get[narthex.Org](tx, store.Orgs, string(p.Org))
		return err
	})
	return who, err
}

// ChangePerson suspends or removes a person at once: taking away needs one. Their live calls end before it returns.
func (o *Office) ChangePerson(ctx context.Context, by, target narthex.PersonID, state narthex.PersonState, reason string) (narthex.Person, error) {
	var changed narthex.Person
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, narthex.Security, narthex.Custodian, narthex.Programme); err != nil {
			return err
		}
		if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > 1000 {
			return narthex.Invalidf("Say why, in at most 1000 characters; the person is told.").For("reason")
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(target))
		if err != nil {
			return err
		}
		if person == nil {
			return narthex.WithheldError()
		}
		if person.ID == p.ID {
			return narthex.Refusedf("You cannot do this to yourself; ask a custodian.")
		}
		if person.State == narthex.PersonRemoved {
			return narthex.Conflictf("That person is removed already.")
		}
		if err := unsheltered(tx, target); err != nil {
			return err
		}
		changed = *person
		changed.State = state
		if err := journal.Put(tx, store.People, string(target), &changed); err != nil {
			return err
		}
		if err := book.Tell(tx, target, book.ToldChanged(state)+reason); err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntryPersonChanged, narthex.TextField("person", target), narthex.TextField("state", state),
			narthex.TextField("by", p.ID), narthex.TextField("reason", narthex.MakeDigest(sha256.Sum256([]byte(reason)))))
		return err
	})
	if err == nil {
		o.Live.Cut(book.Subject("person", target), live.End{Code: string(state), At: o.Journal.Now()})
	}
	return changed, err
}
