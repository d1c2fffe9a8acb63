package narthex

import (
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
)

// ID is an identifier whose text form carries its kind: a prefix and 26 letters and digits of base32, lower case.
// The zero ID names nothing and does not marshal.
type ID[K idKind] string

type idKind interface{ prefix() string }

type (
	personKind     struct{}
	orgKind        struct{}
	engagementKind struct{}
	grantKind      struct{}
	keyKind        struct{}
	lockKind       struct{}
	sessionKind    struct{}
	inviteKind     struct{}
)

func (personKind) prefix() string     { return "per_" }
func (orgKind) prefix() string        { return "org_" }
func (engagementKind) prefix() string { return "eng_" }
func (grantKind) prefix() string      { return "grt_" }
func (keyKind) prefix() string        { return "key_" }
func (lockKind) prefix() string       { return "lck_" }
func (sessionKind) prefix() string    { return "ses_" }
func (inviteKind) prefix() string     { return "inv_" }

type (
	// PersonID names a person.
	PersonID = ID[personKind]
	// OrgID names an organisation.
	OrgID = ID[orgKind]
	// EngagementID names an engagement.
	EngagementID = ID[engagementKind]
	// GrantID names a grant.
	GrantID = ID[grantKind]
	// KeyID names a key; it is not the key.
	KeyID = ID[keyKind]
	// LockID names a lock.
	LockID = ID[lockKind]
	// SessionID names a session; it is not the session's token.
	SessionID = ID[sessionKind]
	// InviteID names an invitation; it is not its code.
	InviteID = ID[inviteKind]
)

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID gives the identifier of type I that 16 bytes of entropy make; I must be one of the kinds of ID.
func NewID[I ~string](entropy [16]byte) (I, error) {
	kind, is := any(I("")).(interface{ kindPrefix() string })
	if !is {
		return "", fmt.Errorf("make identifier: %T is no kind of identifier", I(""))
	}
	return I(kind.kindPrefix() + idText.EncodeToString(entropy[:])), nil
}

func (id ID[K]) kindPrefix() string {
	var kind K
	return kind.prefix()
}

// ParseID reads an identifier of kind K and refuses every other text, other kinds' identifiers included.
func ParseID[K idKind](text string) (ID[K], error) {
	var kind K
	rest, found := strings.CutPrefix(text, kind.prefix())
	if !found || len(rest) != 26 {
		return "", Invalidf("that is not an identifier of the form %s… with 26 letters and digits after it", kind.prefix())
	}
	raw, err := idText.DecodeString(rest)
	if err != nil || idText.EncodeToString(raw) != rest {
		return "", Invalidf("that is not an identifier of the form %s… in its one canonical spelling", kind.prefix())
	}
	return ID[K](text), nil
}

// MarshalText gives the text form; a zero identifier is an error.
func (id ID[K]) MarshalText() ([]byte, error) {
	if id == "" {
		return nil, fmt.Errorf("marshal identifier: it is empty")
	}
	return []byte(id), nil
}

// UnmarshalText reads the text form as [ParseID] does.
func (id *ID[K]) UnmarshalText(text []byte) error {
	parsed, err := ParseID[K](string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// CallID names one use of the door. It holds the index of the call's intent in the ledger, so that it needs no index.
type CallID string

// MakeCallID gives the identifier of the call whose intent stands at index.
func MakeCallID(index uint64) CallID { return CallID("call_" + strconv.FormatUint(index, 10)) }

// Index gives the place of the call's intent in the ledger, or an error where the text is not canonical.
func (id CallID) Index() (uint64, error) {
	digits, found := strings.CutPrefix(string(id), "call_")
	index, err := strconv.ParseUint(digits, 10, 63)
	if !found || err != nil || MakeCallID(index) != id {
		return 0, Invalidf("that is not a call's identifier of the form call_123")
	}
	return index, nil
}

// JobID names a job. It holds the index of the entry that took it in.
type JobID string

// MakeJobID gives the identifier of the job whose entry stands at index.
func MakeJobID(index uint64) JobID { return JobID("job_" + strconv.FormatUint(index, 10)) }

// Index gives the place of the job's entry in the ledger, or an error where the text is not canonical.
func (id JobID) Index() (uint64, error) {
	digits, found := strings.CutPrefix(string(id), "job_")
	index, err := strconv.ParseUint(digits, 10, 63)
	if !found || err != nil || MakeJobID(index) != id {
		return 0, Invalidf("that is not a job's identifier of the form job_123")
	}
	return index, nil
}

// ReleaseID names a release. It holds the index of the entry that took it in.
type ReleaseID string

// MakeReleaseID gives the identifier of the release whose entry stands at index.
func MakeReleaseID(index uint64) ReleaseID {
	return ReleaseID("rel_" + strconv.FormatUint(index, 10))
}

// Index gives the place of the release's entry in the ledger, or an error where the text is not canonical.
func (id ReleaseID) Index() (uint64, error) {
	digits, found := strings.CutPrefix(string(id), "rel_")
	index, err := strconv.ParseUint(digits, 10, 63)
	if !found || err != nil || MakeReleaseID(index) != id {
		return 0, Invalidf("that is not a release's identifier of the form rel_123")
	}
	return index, nil
}
