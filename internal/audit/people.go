package audit

import (
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/store"
)

const directoryRow = "directory"

func (s *step) inception() error {
	digest := narthex.Digest(s.text("directory"))
	if s.index != 0 {
		s.impossible("", "", "a second inception")
		return nil
	}
	s.Began, s.Origin, s.LogKey = s.at, s.text("origin"), s.text("log_key")
	s.Directory.InForce, s.Directory.Single = digest, s.o.Field("single_custodian") == "true"
	s.Files[digest] = true
	return s.takeIn(digest)
}

// takeIn brings the people in line with a directory that comes into force.
func (s *step) takeIn(digest narthex.Digest) error {
	s.Turned = s.index
	d, err := s.docs.directory(digest)
	if err != nil {
		return err
	}
	if d == nil && s.rows == nil {
		return nil // each call that was decided by it is told of
	}
	if d == nil {
		s.differ(client.Difference{What: "row_differs", Table: string(store.Files), Key: string(digest), Expected: "the lab directory of that digest", Found: "none, or another"})
		return nil
	}
	if guardrails := s.text("guardrails"); string(d.GuardrailsDigest()) != guardrails || s.Directory.Single != d.SingleCustodian {
		s.impossible(store.Files, string(digest), "guardrails or custodians that are not the directory's")
	}
	for handle := range s.Known {
		if _, named := d.Person(handle); !named {
			s.Gone[handle] = true
		}
	}
	for _, named := range d.People {
		s.Known[named.Handle] = digest
	}
	return nil
}

func (s *step) proposed() error {
	digest := narthex.Digest(s.text("directory"))
	s.Files[digest] = true
	s.Directory.Proposed, s.Directory.Proposer, s.Directory.Approvals = digest, narthex.PersonID(s.text("by")), nil
	return nil
}

func (s *step) approved() error {
	digest, by := narthex.Digest(s.text("directory")), narthex.PersonID(s.text("by"))
	if s.at.Equal(s.Began) && digest == s.Directory.InForce && s.Directory.Proposed == "" {
		return nil // the approvals of the inception
	}
	counted, err := s.counted()
	if err != nil {
		return err
	}
	twice := slices.ContainsFunc(counted, func(a client.LabApproval) bool { return a.Person == by })
	if digest != s.Directory.Proposed || twice {
		s.impossible(store.Meta, directoryRow, "an approval of a directory that is not proposed, or a second one")
		return nil
	}
	s.Directory.Approvals = append(counted, client.LabApproval{Person: by, At: s.at})
	return nil
}

// counted gives the approvals that count beside another: of custodians who are active and not locked.
func (f *Fold) counted() ([]client.LabApproval, error) {
	var list []client.LabApproval
	for _, a := range f.Directory.Approvals {
		is, err := f.isCustodian(a.Person)
		if err != nil {
			return nil, err
		}
		locked := slices.ContainsFunc(f.Locks, func(l narthex.Lock) bool { return !l.Lifted() && l.Subject == "person" && l.Target == string(a.Person) })
		if is && !locked && f.People[a.Person].State == narthex.PersonActive {
			list = append(list, a)
		}
	}
	return list, nil
}

// isCustodian says whether the directory in force gives someone who has had a log-in that role.
func (f *Fold) isCustodian(id narthex.PersonID) (bool, error) {
	d, err := f.docs.directory(f.Directory.InForce)
	if err != nil || d == nil {
		return false, err
	}
	named, is := d.Person(f.People[id].Handle)
	return is && slices.Contains(named.Roles, narthex.Custodian), nil
}

func (s *step) inForce() error {
	digest := narthex.Digest(s.text("directory"))
	needed := 2
	if s.Directory.Single {
		needed = 1
	}
	if digest != s.Directory.Proposed || len(s.Directory.Approvals) < needed || narthex.Digest(s.text("replaces")) != s.Directory.InForce {
		if !s.absentSince(s.Turned) {
			s.impossible(store.Meta, directoryRow, "a directory in force that was not proposed or not approved by enough people")
			return nil
		}
		s.untold++
		s.Files[digest] = true
	}
	d, err := s.docs.directory(digest)
	if err != nil {
		return err
	}
	s.Directory.InForce, s.Directory.Proposed, s.Directory.Proposer, s.Directory.Approvals = digest, "", "", nil
	if d != nil {
		s.Directory.Single = d.SingleCustodian
	}
	return s.takeIn(digest)
}

// invited makes an outsider, or gives someone another code.
func (s *step) invited() error {
	id, org := narthex.PersonID(s.text("person")), narthex.OrgID(s.text("org"))
	p, known := s.People[id]
	if !known {
		p = person{Org: org, Official: s.o.Field("official") == "true", Region: s.text("region"), State: narthex.PersonInvited}
	}
	s.People[id] = p
	if org != "" {
		s.Orgs[org] = true
	}
	s.Invites[s.text("code")] = proof{Person: id, At: s.at}
	h := hand{Code: s.text("code"), By: narthex.PersonID(s.text("by")), Alone: true, Directory: s.Directory.InForce}
	for other, p := range s.People {
		is, err := s.isCustodian(other)
		if err != nil {
			return err
		}
		h.Alone = h.Alone && (other == h.By || p.State == narthex.PersonInvited || !is)
	}
	s.Hands[id] = h
	return nil
}

func (s *step) enrolled() error {
	id := narthex.PersonID(s.text("person"))
	p := s.People[id]
	p.State, p.Handle = narthex.PersonActive, s.text("handle")
	if !s.at.Equal(s.Began) {
		p.Redeemed++ // at the inception the codes were the node's own
	}
	s.People[id] = p
	s.Logins[s.text("login_key")] = proof{Person: id, At: s.at}
	return nil
}

func (s *step) personChanged() error {
	id := narthex.PersonID(s.text("person"))
	p := s.People[id]
	p.State = narthex.PersonState(s.text("state"))
	s.People[id] = p
	return nil
}

func (s *step) signerEnrolled() error {
	print := s.text("fingerprint")
	if _, taken := s.Signers[print]; taken {
		s.impossible(store.Signers, print, "a signing key that is enrolled already")
		return nil
	}
	s.Signers[print] = proof{Person: narthex.PersonID(s.text("person")), At: s.at}
	return nil
}

func (s *step) signerRevoked() error {
	print := s.text("fingerprint")
	signer, known := s.Signers[print]
	if !known || !signer.Ended.IsZero() || string(signer.Person) != s.text("person") {
		s.impossible(store.Signers, print, "the end of a signing key that is not in force, or another's")
		return nil
	}
	signer.Ended = s.at
	s.Signers[print] = signer
	return nil
}

func (s *step) sessionOpened() error {
	id, token := s.text("session"), s.text("token")
	s.Tokens[id] = token
	s.Sessions[token] = proof{ID: id, Person: narthex.PersonID(s.text("person")), At: s.at}
	return nil
}

func (s *step) sessionEnded() error {
	token := s.Tokens[s.text("session")]
	session, known := s.Sessions[token]
	if !known || !session.Ended.IsZero() {
		s.impossible(store.People, s.text("person"), "the end of a session that is not open")
		return nil
	}
	session.Ended = s.at
	s.Sessions[token] = session
	return nil
}
