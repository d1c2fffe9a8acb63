// Package book says what is stored under which key: the rows that more than one part of Narthex reads.
//
// It promises one type a table, and one place where the key of a lock or a holding is made. It does no deciding but this:
// a lock that cannot be read is an error, never the absence of one.
//
// It trusts the journal to give what was committed. Read next: journal, office, gateway.
package book

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
)

// Login is a log-in key, under its fingerprint.
type Login struct {
	PublicKey string           `json:"public_key"` // base64
	Person    narthex.PersonID `json:"person"`
	At        time.Time        `json:"at"`
}

const (
	// SessionLife is how long a session lasts.
	SessionLife = 12 * time.Hour
	// InviteLife is how long a one-time code waits.
	InviteLife = 7 * 24 * time.Hour
)

// LoginPrint is the key under which a log-in key stands.
func LoginPrint(public string) string {
	sum := sha256.Sum256([]byte(public))
	return hex.EncodeToString(sum[:])
}

// Passkey is how far a passkey has counted, under [CredentialPrint].
type Passkey struct {
	Signer  string           `json:"signer"` // fingerprint
	Person  narthex.PersonID `json:"person"`
	Counter uint32           `json:"counter"`
}

// CredentialPrint is the key under which a credential stands, by its id in base64url.
func CredentialPrint(credential string) string { return LoginPrint(credential) }

// Invite is an invitation, under the digest of its code.
type Invite struct {
	ID        narthex.InviteID `json:"id"`
	Person    narthex.PersonID `json:"person"`
	ExpiresAt time.Time        `json:"expires_at"`
	Used      bool             `json:"used,omitempty"`
}

// Hand is the invitation of a person that counts: of several codes the latest, and who made it. It stands under "invited/" and
// the person in Meta, and stays when the code was used.
type Hand struct {
	Code string           `json:"code"` // digest
	By   narthex.PersonID `json:"by,omitempty"`
}

// SetHand makes a code the only one of a person.
func SetHand(tx *journal.Tx, person narthex.PersonID, hand Hand) error {
	return journal.Put(tx, store.Meta, "invited/"+string(person), &hand)
}

// HandOf gives the invitation of a person that counts; the zero Hand where there was none, as for those of inception.
func HandOf(tx *journal.Tx, person narthex.PersonID) (Hand, error) {
	hand, err := journal.Get[Hand](tx, store.Meta, "invited/"+string(person))
	if err != nil || hand == nil {
		return Hand{}, err
	}
	return *hand, nil
}

// Program is which program the ledger last said that it runs, under [ProgramKey] in Meta.
type Program struct {
	Version string         `json:"version"`
	Digest  narthex.Digest `json:"digest"`
}

// ProgramKey is the key of the one Program in Meta.
const ProgramKey = "program"

// Session is a log-in that was made, under the digest of its token.
type Session struct {
	ID        narthex.SessionID `json:"id"`
	Person    narthex.PersonID  `json:"person"`
	ExpiresAt time.Time         `json:"expires_at"`
	Ended     bool              `json:"ended,omitempty"`
}

// What people are told, each before the thing that it is about.
const (
	ToldLogin         = "a log-in key was enrolled: "
	ToldSigner        = "a signing key was enrolled: "
	ToldSignerRevoked = "a signing key was revoked: "
	ToldMinted        = "a key was minted: "
	ToldKeyRevoked    = "a key was revoked: "
	ToldAuthorised    = "your institution authorised you: "
	ToldUnauthorised  = "your institution took its authorisation back: "
	ToldLocked        = "a lock stops what is yours: "
	ToldUpheld        = "a lock was looked at again and stays: "
	ToldLifted        = "a lock was lifted: "
)

// ToldChanged is what a person is told of their new state, before the reason.
func ToldChanged(state narthex.PersonState) string { return "you were " + string(state) + ": " }

// MostTold is how many notes of a person are kept.
const MostTold = 20

// Told is what a person is told of their keys and log-ins, under their identifier in Meta.
type Told struct {
	Notes []string `json:"notes"`
}

// Tell adds a note to what a person is told; the latest [MostTold] are kept.
func Tell(tx *journal.Tx, person narthex.PersonID, note string) error {
	key := "told/" + string(person)
	told, err := journal.Get[Told](tx, store.Meta, key)
	if err != nil {
		return err
	}
	next := Told{}
	if told != nil {
		next.Notes = slices.Clone(told.Notes[max(0, len(told.Notes)-MostTold+1):])
	}
	next.Notes = append(next.Notes, tx.Now().Format(time.RFC3339)+" "+note)
	return journal.Put(tx, store.Meta, key, &next)
}

// ToldTo gives what a person is told, the latest first.
func ToldTo(tx *journal.Tx, person narthex.PersonID) ([]string, error) {
	told, err := journal.Get[Told](tx, store.Meta, "told/"+string(person))
	if err != nil || told == nil {
		return []string{}, err
	}
	notes := slices.Clone(told.Notes)
	slices.Reverse(notes)
	return notes, nil
}

// Directory is which lab directory is in force and which is proposed.
type Directory struct {
	InForce   narthex.Digest       `json:"in_force"`
	Proposed  narthex.Digest       `json:"proposed,omitempty"`
	Proposer  narthex.PersonID     `json:"proposer,omitempty"`
	Approvals []client.LabApproval `json:"approvals,omitempty"` // of Proposed
	Single    bool                 `json:"single,omitempty"`    // whether the lab still has one custodian
	VisaKeys  []string             `json:"visa_keys,omitempty"` // of the directory in force, as [narthex.VisaKey] names them
}

const directoryKey = "directory"

// ReadDirectory gives the directory row; its absence is an error outside inception.
func ReadDirectory(tx *journal.Tx) (*Directory, error) {
	row, err := journal.Get[Directory](tx, store.Meta, directoryKey)
	if err == nil && row == nil {
		err = narthex.Unavailablef("No lab directory is in force yet; two custodians must approve it first.")
	}
	return row, err
}

// WriteDirectory sets the directory row.
func WriteDirectory(tx *journal.Tx, row *Directory) error {
	return journal.Put(tx, store.Meta, directoryKey, row)
}

// Files is an approved or proposed lab directory, under its digest.
type Files struct {
	Files map[string][]byte `json:"files"`
}

// Agreement is a rendered agreement, under its digest.
type Agreement struct {
	Agreement narthex.Agreement `json:"agreement"`
}

// Own is keys of rows that a person has, the oldest first: what bounds them. It stands in Meta under what they are and the person.
type Own struct {
	Keys []string `json:"keys"`
}

// OwnOf gives the keys of a person's sessions or drafts.
func OwnOf(tx *journal.Tx, what string, person narthex.PersonID) ([]string, error) {
	row, err := journal.Get[Own](tx, store.Meta, what+"/"+string(person))
	if err != nil || row == nil {
		return nil, err
	}
	return slices.Clone(row.Keys), nil
}

// SetOwn sets them.
func SetOwn(tx *journal.Tx, what string, person narthex.PersonID, keys []string) error {
	return journal.Put(tx, store.Meta, what+"/"+string(person), &Own{keys})
}

// Waiting is the engagements that everyone has approved and that could not be offered yet, under "waiting" in Meta.
type Waiting struct {
	Engagements []narthex.EngagementID `json:"engagements"`
}

// WaitingFor gives the engagements that wait to be offered.
func WaitingFor(tx *journal.Tx) ([]narthex.EngagementID, error) {
	row, err := journal.Get[Waiting](tx, store.Meta, "waiting")
	if err != nil || row == nil {
		return nil, err
	}
	return row.Engagements, nil
}

// SetWaiting says which engagements wait to be offered.
func SetWaiting(tx *journal.Tx, engagements []narthex.EngagementID) error {
	return journal.Put(tx, store.Meta, "waiting", &Waiting{engagements})
}

// AddWaiting adds one, where it does not wait already.
func AddWaiting(tx *journal.Tx, engagement narthex.EngagementID) error {
	waiting, err := WaitingFor(tx)
	if err != nil || slices.Contains(waiting, engagement) {
		return err
	}
	return SetWaiting(tx, append(slices.Clone(waiting), engagement))
}

// KeyName is where a key's row stands, under "grant/key".
type KeyName struct {
	Token string `json:"token"` // digest of the token, in hexadecimal
}

// Cuts is the live calls of a grant that were cut, under "cuts/" and the grant in Meta; the latest last.
type Cuts struct {
	Cuts []client.CutView `json:"cuts"`
}

// AddCut remembers that a call was cut; the latest twenty are kept.
func AddCut(tx *journal.Tx, grant narthex.GrantID, cut client.CutView) error {
	cuts, err := journal.Get[Cuts](tx, store.Meta, "cuts/"+string(grant))
	if err != nil {
		return err
	}
	next := Cuts{}
	if cuts != nil {
		next.Cuts = slices.Clone(cuts.Cuts[max(0, len(cuts.Cuts)-19):])
	}
	next.Cuts = append(next.Cuts, cut)
	return journal.Put(tx, store.Meta, "cuts/"+string(grant), &next)
}

// CutsOf gives the cut calls of a grant, the latest first.
func CutsOf(tx *journal.Tx, grant narthex.GrantID) ([]client.CutView, error) {
	cuts, err := journal.Get[Cuts](tx, store.Meta, "cuts/"+string(grant))
	if err != nil || cuts == nil {
		return nil, err
	}
	list := slices.Clone(cuts.Cuts)
	slices.Reverse(list)
	return list, nil
}

// Holdings is the grants that a person or an organisation has or had, under the subject.
type Holdings struct {
	Grants []narthex.GrantID `json:"grants"`
}

// AddHolding adds a grant to a subject's holdings.
func AddHolding(tx *journal.Tx, subject string, grant narthex.GrantID) error {
	row, err := journal.Get[Holdings](tx, store.Holdings, subject)
	if err != nil {
		return err
	}
	next := Holdings{}
	if row != nil {
		next.Grants = slices.Clone(row.Grants)
	}
	next.Grants = append(next.Grants, grant)
	return journal.Put(tx, store.Holdings, subject, &next)
}

// Held gives what people and organisations hold.
type Held interface {
	// Held gives the grants that a person has or had.
	Held(person narthex.PersonID) ([]narthex.GrantID, error)
	// HeldBy gives at least the grants of an organisation that have not ended and give an attribute on an asset.
	HeldBy(org narthex.OrgID, asset narthex.AssetName, attribute narthex.AttributeName) ([]narthex.GrantID, error)
	// Grant gives a grant, or nil where there is none of that identifier.
	Grant(id narthex.GrantID) (*narthex.Grant, error)
}

// Others gives the terms on an asset, of some attributes, of all other grants in force of the person, or of the grant's organisation,
// by grant. No attributes are no question, and nothing is read.
func Others(h Held, but *narthex.Grant, person narthex.PersonID, asset narthex.AssetName, of []narthex.AttributeName, now time.Time) ([]narthex.Term, error) {
	if len(of) == 0 {
		return nil, nil
	}
	ids, err := h.Held(person)
	if err != nil {
		return nil, err
	}
	ids = slices.Clone(ids)
	for _, attribute := range of {
		more, err := h.HeldBy(but.Org, asset, attribute)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	slices.Sort(ids)
	var terms []narthex.Term
	for _, id := range slices.Compact(ids) {
		if id == but.ID {
			continue
		}
		grant, err := h.Grant(id)
		if err != nil {
			return nil, err
		}
		if grant == nil || !grant.InForce(now) {
			continue
		}
		for _, term := range grant.Terms {
			if term.Asset == asset && slices.Contains(of, term.Attribute) {
				terms = append(terms, term)
			}
		}
	}
	return terms, nil
}

// OtherTerms gives the same of what is stored. Of the organisation's grants it reads those alone that give one of the attributes.
func OtherTerms(tx *journal.Tx, but *narthex.Grant, person narthex.PersonID, asset narthex.AssetName, of []narthex.AttributeName) ([]narthex.Term, error) {
	return Others(stored{tx}, but, person, asset, of, tx.Now())
}

type stored struct{ tx *journal.Tx }

func (s stored) Held(person narthex.PersonID) ([]narthex.GrantID, error) {
	row, err := journal.Get[Holdings](s.tx, store.Holdings, Subject("person", person))
	if err != nil || row == nil {
		return nil, err
	}
	return row.Grants, nil
}

func (s stored) HeldBy(org narthex.OrgID, asset narthex.AssetName, attribute narthex.AttributeName) ([]narthex.GrantID, error) {
	rows, err := journal.Scan[Placed](s.tx, store.Listings, store.Prefix(listing.HeldOf(org, asset, attribute), mostRows))
	ids := make([]narthex.GrantID, len(rows))
	for i, row := range rows {
		ids[i] = narthex.GrantID(listing.Identifier(row.Key))
	}
	return ids, err
}

func (s stored) Grant(id narthex.GrantID) (*narthex.Grant, error) {
	return journal.Get[narthex.Grant](s.tx, store.Grants, string(id))
}
