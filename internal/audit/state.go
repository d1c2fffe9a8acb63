package audit

import (
	"encoding/json"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/policy"
)

// state is what a fold knows: identifiers, digests, numbers and times, and nobody's words. It is what a snapshot holds.
type state struct {
	Size   uint64 `json:"size"`
	Time   int64  `json:"time"` // of the last entry, in Unix milliseconds
	Opened uint64 `json:"opened"`

	Began     time.Time                     `json:"began"` // the inception's time
	Origin    string                        `json:"origin"`
	LogKey    string                        `json:"log_key"`
	Program   book.Program                  `json:"program"` // the last that an entry named
	Directory book.Directory                `json:"directory"`
	Known     map[string]narthex.Digest     `json:"known"` // by handle, the last directory in force that named it
	Gone      map[string]bool               `json:"gone"`  // handles that a directory in force left out
	Files     map[narthex.Digest]bool       `json:"files"`
	Turned    uint64                        `json:"turned"` // the entry that put the directory in force
	People    map[narthex.PersonID]person   `json:"people"`
	Orgs      map[narthex.OrgID]bool        `json:"orgs"`
	Logins    map[string]proof              `json:"logins"`  // by fingerprint
	Invites   map[string]proof              `json:"invites"` // by digest of the code
	Hands     map[narthex.PersonID]hand     `json:"hands"`
	Told      map[narthex.PersonID][]notice `json:"told"`     // the latest of each
	Lists     map[string][]string           `json:"lists"`    // what bounds a person's sessions and drafts, by its key
	Sessions  map[string]proof              `json:"sessions"` // by digest of the token
	Signers   map[string]proof              `json:"signers"`  // by fingerprint
	Tokens    map[string]string             `json:"tokens"`   // digests of tokens, by session and by key

	Authorised map[narthex.PersonID]narthex.SignedAuthorisation `json:"authorised"` // the latest of each that was not taken back, without keys

	Standings map[narthex.PersonID][]narthex.Standing `json:"standings"`
	Nations   map[narthex.PersonID]narthex.Digest     `json:"nations"` // digests of the records of nationalities

	Visas map[narthex.PersonID]narthex.Visas `json:"visas"`

	Away []narthex.Absence `json:"away,omitempty"` // nil where nobody ever was

	Cases      map[narthex.EngagementID]history `json:"cases"`
	Reads      uint64                           `json:"reads"`              // entries that tell who read what of an engagement
	Waiting    []narthex.EngagementID           `json:"waiting,omitempty"`  // approved by all, and not offered
	Waited     bool                             `json:"waited,omitempty"`   // whether any ever did
	Approved   narthex.EngagementID             `json:"approved,omitempty"` // by all with the last entry; the next may offer it
	Agreements map[narthex.Digest]rendering     `json:"agreements"`
	Grants     map[narthex.GrantID]grant        `json:"grants"`
	Holdings   map[string][]narthex.GrantID     `json:"holdings"`
	Keys       map[narthex.KeyID]narthex.Key    `json:"keys"`  // without labels
	Locks      []narthex.Lock                   `json:"locks"` // of appeals and reviews, the digests of what they say
	Silences   map[narthex.LockID]time.Time     `json:"silences"`

	Accounts map[string]policy.Account    `json:"accounts"`
	Lost     map[string]bool              `json:"lost"` // holders whose account cannot be told
	Kept     map[string]bool              `json:"kept"` // assets of whose account an entry tells, by its holder
	Open     map[uint64]openCall          `json:"open"`
	Public   map[uint64]narthex.EntryType `json:"public"`

	Jobs     map[narthex.JobID]book.Job         `json:"jobs,omitempty"`
	Releases map[narthex.ReleaseID]book.Release `json:"releases,omitempty"` // as the ledger has them
	Rules    map[narthex.RuleID]narthex.Rule    `json:"rules,omitempty"`    // as the ledger has them

	Absent         map[uint64]bool           `json:"absent"` // openings that are absent; false once an entry says that they were erased
	Erased         map[narthex.PersonID]bool `json:"erased"` // people for whom openings were erased
	ErasedOpenings uint64                    `json:"erased_openings"`
	broken         bool                      // whether the entries could not be read to their end
}

// person is someone with an entry.
type person struct {
	Handle   string              `json:"handle,omitempty"`
	Org      narthex.OrgID       `json:"org,omitempty"`
	Official bool                `json:"official,omitempty"`
	Region   string              `json:"region,omitempty"`
	State    narthex.PersonState `json:"state"`
	Redeemed int                 `json:"redeemed,omitempty"` // codes
}

// hand is the latest invitation of a person.
type hand struct {
	Code      string           `json:"code"`
	By        narthex.PersonID `json:"by"`
	Alone     bool             `json:"alone,omitempty"` // no other custodian had ever had a log-in
	Unsure    bool             `json:"unsure,omitempty"`
	Directory narthex.Digest   `json:"directory"` // in force then
}

// proof is what a person proves themselves by: a log-in key, a code, a session, a signing key.
type proof struct {
	ID     string           `json:"id,omitempty"`
	Person narthex.PersonID `json:"person"`
	At     time.Time        `json:"at"`
	Ended  time.Time        `json:"ended,omitzero"`

	Kind client.SignerKind `json:"kind,omitempty"` // of a signer
}

// notice is what a person was told; of somebody's reason, its digest alone.
type notice struct {
	Text   string         `json:"text"`
	Reason narthex.Digest `json:"reason,omitempty"`
}

// history is an engagement: how many events it has, and the digest of the row that they make.
type history struct {
	Events int               `json:"events"`
	State  narthex.State     `json:"state"`
	Row    narthex.Digest    `json:"row"`
	Waits  *narthex.SignedBy `json:"waits,omitempty"` // a signature whose entry is still to come
	// Approvers is who approved since the last edit.
	Approvers []narthex.PersonID `json:"approvers,omitempty"`
	// Countered is who made the counter-offer that stands; with its acceptance they have approved.
	Countered narthex.PersonID `json:"countered,omitempty"`
	Broken    bool             `json:"broken,omitempty"`
}

// rendering is an agreement that was made.
type rendering struct {
	Engagement  narthex.EngagementID `json:"engagement"`
	Application narthex.Digest       `json:"application"`
}

// grant is a grant as its entries tell of it; the rest stands in the agreement.
type grant struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Agreement  narthex.Digest       `json:"agreement"`
	Persons    []narthex.PersonID   `json:"persons"`
	Org        narthex.OrgID        `json:"org,omitempty"`
	Ended      bool                 `json:"ended,omitempty"`
}

// openCall is a call without an outcome.
type openCall struct {
	Grant narthex.GrantID `json:"grant"`
	Holds []policy.Hold   `json:"holds"`

	Earlier *earlier `json:"earlier,omitempty"` // what it carried of an asset of which no account was kept
}

func newState() state {
	s := state{}
	s.fill()
	return s
}

// fill makes the maps that are missing.
func (s *state) fill() {
	fill(&s.Known)
	fill(&s.Gone)
	fill(&s.Files)
	fill(&s.People)
	fill(&s.Orgs)
	fill(&s.Logins)
	fill(&s.Invites)
	fill(&s.Hands)
	fill(&s.Told)
	fill(&s.Lists)
	fill(&s.Sessions)
	fill(&s.Signers)
	fill(&s.Tokens)
	fill(&s.Authorised)
	fill(&s.Standings)
	fill(&s.Nations)
	fill(&s.Silences)
	fill(&s.Visas)
	fill(&s.Cases)
	fill(&s.Agreements)
	fill(&s.Grants)
	fill(&s.Holdings)
	fill(&s.Keys)
	fill(&s.Jobs)
	fill(&s.Releases)
	fill(&s.Rules)
	fill(&s.Accounts)
	fill(&s.Lost)
	fill(&s.Kept)
	fill(&s.Open)
	fill(&s.Public)
	fill(&s.Absent)
	fill(&s.Erased)
}

func fill[K comparable, V any](m *map[K]V) {
	if *m == nil {
		*m = map[K]V{}
	}
}

// decode reads a field's value, which is our own canonical JSON.
func decode(value string, into any) error { return json.Unmarshal([]byte(value), into) }
