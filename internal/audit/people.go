package audit

import (
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
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
	s.Directory.VisaKeys = d.VisaKeys()
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
	twice := slices.ContainsFunc(s.Directory.Approvals, func(a client.LabApproval) bool { return a.Person == by })
	if digest != s.Directory.Proposed || twice {
		s.impossible(store.Meta, directoryRow, "an approval of a directory that is not proposed, or a second one")
		return nil
	}
	s.Directory.Approvals = append(slices.Clone(s.Directory.Approvals), client.LabApproval{Person: by, At: s.at})
	return nil
}

// counted is how many approvals of the proposed directory count: of custodians who are active and not locked.
func (f *Fold) counted() (int, error) {
	n := 0
	for _, a := range f.Directory.Approvals {
		p := f.People[a.Person]
		is, err := f.isCustodian(p.Handle)
		if err != nil {
			return 0, err
		}
		locked := slices.ContainsFunc(f.Locks, func(l narthex.Lock) bool {
			return !l.Lifted() && l.Subject == "person" && l.Target == string(a.Person)
		})
		if is && !locked && p.State == narthex.PersonActive && !f.Gone[p.Handle] {
			n++
		}
	}
	return n, nil
}

// isCustodian says whether the directory in force gives that handle the role.
func (f *Fold) isCustodian(handle string) (bool, error) {
	d, err := f.docs.directory(f.Directory.InForce)
	if err != nil || d == nil {
		return false, err
	}
	named, is := d.Person(handle)
	return is && slices.Contains(named.Roles, narthex.Custodian), nil
}

func (s *step) inForce() error {
	digest := narthex.Digest(s.text("directory"))
	needed := 2
	if s.Directory.Single {
		needed = 1
	}
	counted := len(s.Directory.Approvals)
	if s.rows != nil {
		var err error
		if counted, err = s.counted(); err != nil {
			return err
		}
	}
	if digest != s.Directory.Proposed || counted < needed || narthex.Digest(s.text("replaces")) != s.Directory.InForce {
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
	h := hand{Code: s.text("code"), By: narthex.PersonID(s.text("by")), Directory: s.Directory.InForce}
	var err error
	h.Alone, h.Unsure, err = s.alone(h.By)
	s.Hands[id] = h
	return err
}

// alone says whether no custodian of the directory in force but that one ever had a log-in. It is unsure where someone was
// suspended before their handle stood in an entry.
func (f *Fold) alone(by narthex.PersonID) (alone, unsure bool, err error) {
	d, err := f.docs.directory(f.Directory.InForce)
	if err != nil || d == nil {
		return false, true, err
	}
	had := map[string]bool{}
	for id, p := range f.People {
		if id == by || p.State == narthex.PersonInvited {
			continue
		}
		had[p.Handle] = true
		unsure = unsure || p.Handle == "" && p.Org == ""
	}
	for _, named := range d.Custodians() {
		if handle := named.Handle; handle != f.People[by].Handle && (had[handle] || f.Gone[handle]) {
			return false, unsure, nil
		}
	}
	return true, unsure, nil
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
	s.tell(id, book.ToldLogin+s.text("login_key")[:min(16, len(s.text("login_key")))], "")
	return nil
}

func (s *step) personChanged() error {
	id := narthex.PersonID(s.text("person"))
	p := s.People[id]
	p.State = narthex.PersonState(s.text("state"))
	s.People[id] = p
	s.tell(id, book.ToldChanged(p.State), narthex.Digest(s.text("reason")))
	return nil
}

func (s *step) signerEnrolled() error {
	print := s.text("fingerprint")
	if _, taken := s.Signers[print]; taken {
		s.impossible(store.Signers, print, "a signing key that is enrolled already")
		return nil
	}
	kind, credential := client.SignerKind(s.text("kind")), s.text("credential")
	if kind != client.SignerKey && kind != client.SignerPasskey || (kind == client.SignerPasskey) != (credential != "") {
		s.impossible(store.Signers, print, "a signer of a kind that there is not")
		return nil
	}
	s.Signers[print] = proof{Person: narthex.PersonID(s.text("person")), At: s.at, Kind: kind, ID: credential}
	s.tell(narthex.PersonID(s.text("person")), book.ToldSigner+print, "")
	s.offerWaiting()
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
	s.tell(signer.Person, book.ToldSignerRevoked+print, "")
	return nil
}

func (s *step) sessionOpened() error {
	id, token := s.text("session"), s.text("token")
	s.Tokens[id] = token
	s.Sessions[token] = proof{ID: id, Person: narthex.PersonID(s.text("person")), At: s.at}
	if !s.at.Equal(s.Began) { // those of the inception are on no list
		s.listed(token)
	}
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
