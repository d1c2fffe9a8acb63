package identity

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/wire"
)

// Inception is the time before a lab's first directory is in force: its custodians log in with codes that the node printed
// and approve the directory's digest. Nothing of it is stored until the last of them has; then all of it is, as one commit
// whose first entry is the inception. A node that stops before begins again, with new codes.
type Inception struct {
	Directory *lab.Directory
	Origin    string
	LogKey    string // the ledger's verifier key
	Random    io.Reader
	Clock     func() time.Time
	// Open stores the first commit. It is called once.
	Open func(ctx context.Context, first func(*journal.Tx) error) error

	mu         sync.Mutex                  // guards all below
	challenges *Challenges                 // to those who have redeemed
	codes      map[string]string           // handle by digest of the code
	keys       map[string]string           // handle by public key
	sessions   map[string]inceptionSession // by digest of the token
	approvals  []string                    // handles
	ids        map[string]narthex.PersonID // of everyone in the directory, by handle
	opened     bool
}

type inceptionSession struct {
	handle  string
	id      narthex.SessionID
	expires time.Time
}

// Begin draws a one-time code for each custodian.
func (i *Inception) Begin() (map[string]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	challenges, err := NewChallenges(i.Random)
	if err != nil {
		return nil, err
	}
	i.challenges, i.codes, i.keys, i.sessions = challenges, map[string]string{}, map[string]string{}, map[string]inceptionSession{}
	i.ids = map[string]narthex.PersonID{}
	for _, named := range i.Directory.People {
		id, err := NewID[narthex.PersonID](i.Random)
		if err != nil {
			return nil, err
		}
		i.ids[named.Handle] = id
	}
	shown := map[string]string{}
	for _, custodian := range i.Directory.Custodians() {
		code, err := wire.NewToken(wire.CodeToken, i.Random)
		if err != nil {
			return nil, err
		}
		i.codes[wire.HashToken(code)] = custodian.Handle
		shown[custodian.Handle] = code.Reveal()
	}
	return shown, nil
}

// Redeem turns a custodian's code into a log-in key and a session.
func (i *Inception) Redeem(in client.Redeem) (client.Session, error) {
	hash, err := wire.ParseToken(wire.CodeToken, narthex.NewSecret(in.Code))
	if err != nil {
		return client.Session{}, err
	}
	if err := Proves(in.PublicKey, in.Proof, "redeem", i.Origin, hash, in.Nonce); err != nil {
		return client.Session{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	handle, known := i.codes[hash]
	if _, taken := i.keys[in.PublicKey]; !known || taken {
		return client.Session{}, narthex.UnauthenticatedError()
	}
	delete(i.codes, hash)
	i.keys[in.PublicKey] = handle
	return i.open(handle)
}

// Challenge asks the holder of a key to prove it.
func (i *Inception) Challenge(in client.ChallengeRequest) (client.Challenge, error) {
	return i.challenges.ask(i.Random, i.Origin, in.PublicKey, i.Clock())
}

// Login answers a challenge with a session.
func (i *Inception) Login(in client.Login) (client.Session, error) {
	if _, ours := i.challenges.askedAt(in.Nonce, in.PublicKey); !ours {
		return client.Session{}, narthex.UnauthenticatedError()
	}
	if err := Proves(in.PublicKey, in.Proof, "login", i.Origin, in.Nonce, in.PublicKey); err != nil {
		return client.Session{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	handle, known := i.keys[in.PublicKey]
	if !known || !i.challenges.take(in.Nonce, in.PublicKey, i.Clock()) {
		return client.Session{}, narthex.UnauthenticatedError()
	}
	return i.open(handle)
}

// open makes a session; i.mu is held.
func (i *Inception) open(handle string) (client.Session, error) {
	token, err := wire.NewToken(wire.SessionToken, i.Random)
	if err != nil {
		return client.Session{}, err
	}
	id, err := NewID[narthex.SessionID](i.Random)
	if err != nil {
		return client.Session{}, err
	}
	session := inceptionSession{handle, id, i.Clock().UTC().Add(book.SessionLife)}
	i.sessions[wire.HashToken(token)] = session
	named, _ := i.Directory.Person(handle)
	return client.Session{Token: token.Reveal(), ExpiresAt: session.expires,
		Person: narthex.Person{ID: i.ids[handle], Name: named.Name, Handle: handle, Roles: named.Roles, State: narthex.PersonActive}}, nil
}

// who gives the custodian behind a token; i.mu is held.
func (i *Inception) who(token narthex.Secret) (string, error) {
	hash, err := wire.ParseToken(wire.SessionToken, token)
	if err != nil {
		return "", err
	}
	session, known := i.sessions[hash]
	if !known || !i.Clock().Before(session.expires) {
		return "", narthex.UnauthenticatedError()
	}
	return session.handle, nil
}

// State gives the directory that waits, to a custodian.
func (i *Inception) State(token narthex.Secret) (client.LabState, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, err := i.who(token); err != nil {
		return client.LabState{}, err
	}
	return i.state(), nil
}

func (i *Inception) state() client.LabState {
	state := client.LabState{Proposed: i.Directory.Digest, Needed: len(i.Directory.Custodians()), Single: i.Directory.SingleCustodian, Approvals: []client.LabApproval{}, Guards: i.Directory.GuardrailFiles}
	state.Needed = min(state.Needed, 2)
	for _, handle := range i.approvals {
		named, _ := i.Directory.Person(handle)
		state.Approvals = append(state.Approvals, client.LabApproval{Person: i.ids[handle], Name: named.Name, At: i.Clock().UTC()})
	}
	if i.opened {
		state.InForce, state.Proposed = i.Directory.Digest, ""
	}
	state.Diff = lab.Diff(nil, i.Directory.Files)
	return state
}

// Approve approves the directory by its digest. The last approval needed opens the lab.
func (i *Inception) Approve(ctx context.Context, token narthex.Secret, in client.LabApprove) (client.LabState, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	handle, err := i.who(token)
	if err != nil {
		return client.LabState{}, err
	}
	switch {
	case i.opened:
		return client.LabState{}, narthex.Conflictf("The directory is in force already.")
	case in.Digest != i.Directory.Digest:
		return client.LabState{}, narthex.Conflictf("That is not the digest of the directory that waits. Look again: `narthex lab diff`.").For("digest")
	case slices.Contains(i.approvals, handle):
		return client.LabState{}, narthex.Conflictf("You have approved it; a second custodian must.")
	}
	approvals := append(slices.Clone(i.approvals), handle)
	if len(approvals) < min(2, len(i.Directory.Custodians())) {
		i.approvals = approvals
		return i.state(), nil
	}
	if err := i.Open(ctx, func(tx *journal.Tx) error { return i.first(tx, approvals) }); err != nil {
		return client.LabState{}, err
	}
	i.approvals, i.opened = approvals, true
	return i.state(), nil
}

// first is the first commit: the inception, the directory, the lab's people, and the log-ins and sessions of its custodians.
func (i *Inception) first(tx *journal.Tx, approvals []string) error {
	ids := i.ids
	for _, named := range i.Directory.People {
		id := ids[named.Handle]
		person := narthex.Person{ID: id, Name: named.Name, Email: named.Email, Handle: named.Handle, Roles: named.Roles, Region: named.Region, State: narthex.PersonInvited}
		if err := journal.Put(tx, store.People, string(id), &person); err != nil {
			return err
		}
	}
	row := book.Directory{InForce: i.Directory.Digest, Single: i.Directory.SingleCustodian, VisaKeys: i.Directory.VisaKeys()}
	if _, err := tx.Append(narthex.EntryInception, narthex.TextField("lab", i.Directory.Name), narthex.TextField("origin", i.Origin), narthex.TextField("directory", i.Directory.Digest),
		narthex.TextField("guardrails", i.Directory.GuardrailsDigest()), narthex.NumberField("custodians", int64(len(approvals))),
		narthex.FlagField("single_custodian", i.Directory.SingleCustodian), narthex.TextField("log_key", i.LogKey)); err != nil {
		return err
	}
	for _, handle := range approvals {
		if _, err := tx.Append(narthex.EntryDirectoryApproved, narthex.TextField("directory", i.Directory.Digest), narthex.TextField("by", ids[handle])); err != nil {
			return err
		}
	}
	if err := journal.Put(tx, store.Files, string(i.Directory.Digest), &book.Files{Files: i.Directory.Files}); err != nil {
		return err
	}
	if err := book.WriteDirectory(tx, &row); err != nil {
		return err
	}
	for public, handle := range i.keys {
		person, err := journal.Get[narthex.Person](tx, store.People, string(ids[handle]))
		if err != nil || person == nil {
			return fmt.Errorf("enrol a custodian: %w", err)
		}
		if err := Enroll(tx, *person, public); err != nil {
			return err
		}
	}
	for hash, session := range i.sessions {
		row := book.Session{ID: session.id, Person: ids[session.handle], ExpiresAt: session.expires}
		if err := journal.Put(tx, store.Sessions, hash, &row); err != nil {
			return err
		}
		if _, err := tx.Append(narthex.EntrySessionOpened, narthex.TextField("person", row.Person), narthex.TextField("session", session.id), narthex.TextField("token", hash)); err != nil {
			return err
		}
	}
	return nil
}
