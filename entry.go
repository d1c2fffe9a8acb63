package narthex

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// EntryType is the closed set of what the ledger remembers.
type EntryType string

// EntryClass tells governance (people deciding) from use (calls).
type EntryClass uint8

const (
	// GovernanceEntry is a change that people made.
	GovernanceEntry EntryClass = 1
	// UseEntry is a call, its outcome, or refusals.
	UseEntry EntryClass = 2
)

const (
	EntryInception          EntryType = "inception"
	EntryDirectoryProposed  EntryType = "directory.proposed"
	EntryDirectoryApproved  EntryType = "directory.approved"
	EntryDirectoryInForce   EntryType = "directory.in_force"
	EntryPersonInvited      EntryType = "person.invited"
	EntryPersonEnrolled     EntryType = "person.enrolled"
	EntryPersonChanged      EntryType = "person.changed"
	EntryPersonAuthorised   EntryType = "person.authorised"
	EntryPersonUnauthorised EntryType = "person.unauthorised"
	EntryPersonStanding     EntryType = "person.standing"
	EntryPersonNationality  EntryType = "person.nationality"
	EntryPersonVisa         EntryType = "person.visa"
	EntryPersonAway         EntryType = "person.away"
	EntrySignerEnrolled     EntryType = "signer.enrolled"
	EntrySignerRevoked      EntryType = "signer.revoked"
	EntrySessionOpened      EntryType = "session.opened"
	EntrySessionEnded       EntryType = "session.ended"
	EntryEngagementChanged  EntryType = "engagement.changed"
	EntryEngagementRead     EntryType = "engagement.read"
	EntryAgreementRendered  EntryType = "agreement.rendered"
	EntryAgreementSigned    EntryType = "agreement.signed"
	EntryGrantActive        EntryType = "grant.active"
	EntryGrantEnded         EntryType = "grant.ended"
	EntryKeyMinted          EntryType = "key.minted"
	EntryKeyRevoked         EntryType = "key.revoked"
	EntryLockSet            EntryType = "lock.set"
	EntryLockLifted         EntryType = "lock.lifted"
	EntryLockSilenced       EntryType = "lock.silenced"
	EntryLockAppealed       EntryType = "lock.appealed"
	EntryLockReviewed       EntryType = "lock.reviewed"
	EntryLedgerRead         EntryType = "ledger.read"
	EntryCallIntent         EntryType = "call.intent"
	EntryCallOutcome        EntryType = "call.outcome"
	EntryCallDenied         EntryType = "call.denied"
	EntryCallRead           EntryType = "call.read"
	EntryJobTaken           EntryType = "job.taken"
	EntryJobChanged         EntryType = "job.changed"
	EntryReleaseTaken       EntryType = "release.taken"
	EntryReleaseChanged     EntryType = "release.changed"
	EntryRuleProposed       EntryType = "rule.proposed"
	EntryRuleChanged        EntryType = "rule.changed"
	EntryRefusalsCounted    EntryType = "refusals.counted"
	EntryRecovered          EntryType = "node.recovered"
	EntryProgramChanged     EntryType = "program.changed"
	EntryLogKeyRotated      EntryType = "log_key.rotated"
	EntryLedgerRestored     EntryType = "ledger.restored"
	EntryOpeningsErased     EntryType = "openings.erased"
)

// entryFields is the closed list of entry types, with the class of each, whether it is public, and the fields it has, in order.
var entryFields = map[EntryType]struct {
	class  EntryClass
	public bool // it concerns no person, and its opening is published
	fields []string
}{
	EntryInception:          {GovernanceEntry, true, []string{"lab", "origin", "directory", "guardrails", "custodians", "single_custodian", "log_key"}},
	EntryDirectoryProposed:  {GovernanceEntry, false, []string{"directory", "by"}},
	EntryDirectoryApproved:  {GovernanceEntry, false, []string{"directory", "by"}},
	EntryDirectoryInForce:   {GovernanceEntry, true, []string{"directory", "guardrails", "replaces"}},
	EntryPersonInvited:      {GovernanceEntry, false, []string{"person", "org", "official", "region", "code", "by"}},
	EntryPersonEnrolled:     {GovernanceEntry, false, []string{"person", "handle", "login_key"}},
	EntryPersonChanged:      {GovernanceEntry, false, []string{"person", "state", "by", "reason"}},
	EntryPersonAuthorised:   {GovernanceEntry, false, []string{"person", "org", "pathways", "not_before", "not_after", "authorisation", "by", "signer", "envelope"}},
	EntryPersonUnauthorised: {GovernanceEntry, false, []string{"person", "authorisation", "by"}},
	EntryPersonStanding:     {GovernanceEntry, false, []string{"person", "kind", "name", "act", "from", "until", "saw", "by"}},
	EntryPersonNationality:  {GovernanceEntry, false, []string{"person", "record", "by"}},
	EntryPersonVisa:         {GovernanceEntry, false, []string{"person", "act", "deed", "by"}},
	EntryPersonAway:         {GovernanceEntry, false, []string{"person", "from", "until", "stand_in"}},
	EntrySignerEnrolled:     {GovernanceEntry, false, []string{"person", "fingerprint", "kind", "credential", "by"}},
	EntrySignerRevoked:      {GovernanceEntry, false, []string{"person", "fingerprint", "by"}},
	EntrySessionOpened:      {GovernanceEntry, false, []string{"person", "session", "token"}},
	EntrySessionEnded:       {GovernanceEntry, false, []string{"person", "session"}},
	EntryEngagementChanged:  {GovernanceEntry, false, []string{"engagement", "command", "by", "as", "state", "saw", "event"}},
	EntryEngagementRead:     {GovernanceEntry, false, []string{"engagement", "by", "what"}},
	EntryAgreementRendered:  {GovernanceEntry, false, []string{"engagement", "agreement", "application", "directory"}},
	EntryAgreementSigned:    {GovernanceEntry, false, []string{"engagement", "agreement", "party", "by", "signer", "envelope"}},
	EntryGrantActive:        {GovernanceEntry, false, []string{"grant", "engagement", "agreement", "persons", "org", "not_before", "not_after"}},
	EntryGrantEnded:         {GovernanceEntry, false, []string{"grant", "engagement", "by", "reason"}},
	EntryKeyMinted:          {GovernanceEntry, false, []string{"key", "grant", "person", "actor", "token", "terms", "not_after", "by"}},
	EntryKeyRevoked:         {GovernanceEntry, false, []string{"key", "grant", "by"}},
	EntryLockSet:            {GovernanceEntry, false, []string{"lock", "subject", "target", "reason", "review_by", "by"}},
	EntryLockLifted:         {GovernanceEntry, false, []string{"lock", "subject", "target", "by"}},
	EntryLockSilenced:       {GovernanceEntry, false, []string{"lock", "until", "by"}},
	EntryLockAppealed:       {GovernanceEntry, false, []string{"lock", "by", "org", "taken", "review_by", "said"}},
	EntryLockReviewed:       {GovernanceEntry, false, []string{"lock", "outcome", "by", "said"}},
	EntryLedgerRead:         {GovernanceEntry, false, []string{"by", "what"}},
	EntryCallIntent:         {UseEntry, false, []string{"grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "clauses", "reserved", "nonce", "request"}},
	EntryCallOutcome:        {UseEntry, false, []string{"call", "grant", "status", "used", "answer"}},
	EntryCallDenied:         {UseEntry, false, []string{"grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "reasons"}},
	EntryCallRead:           {UseEntry, false, []string{"grant", "key", "what"}},
	EntryJobTaken:           {UseEntry, false, []string{"grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "clauses", "reserved", "job"}},
	EntryJobChanged:         {UseEntry, false, []string{"job", "grant", "event"}},
	EntryReleaseTaken:       {UseEntry, false, []string{"grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "clauses", "reserved", "release"}},
	EntryReleaseChanged:     {GovernanceEntry, false, []string{"release", "grant", "event"}},
	EntryRuleProposed:       {GovernanceEntry, false, []string{"grant", "by", "terms"}},
	EntryRuleChanged:        {GovernanceEntry, false, []string{"rule", "event"}},
	EntryRefusalsCounted:    {UseEntry, false, []string{"kind", "count", "since"}},
	EntryRecovered:          {GovernanceEntry, true, []string{"closed", "size"}},
	EntryProgramChanged:     {GovernanceEntry, true, []string{"version", "program", "replaces", "reason"}},
	EntryLogKeyRotated:      {GovernanceEntry, true, []string{"old_key", "new_key", "old_signature", "new_signature"}},
	EntryLedgerRestored:     {GovernanceEntry, true, []string{"anchor_size", "anchor_root", "size", "reason"}},
	EntryOpeningsErased:     {GovernanceEntry, false, []string{"person", "by", "reason", "entries"}},
}

// EntryTypes lists every type, sorted.
func EntryTypes() []EntryType {
	types := make([]EntryType, 0, len(entryFields))
	for t := range entryFields {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// Class gives the class of the type; an unknown type has class 0, which no entry may have.
func (t EntryType) Class() EntryClass { return entryFields[t].class }

// Public says whether entries of the type concern no person, so that their openings are published.
func (t EntryType) Public() bool { return entryFields[t].public }

// Fields gives the names of the fields that an entry of the type has, in order.
func (t EntryType) Fields() []string { return slices.Clone(entryFields[t].fields) }

// Field is one field of an entry: a name and a value in canonical JSON (RFC 8785).
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Entry is what happened, before it is sealed for the ledger.
type Entry struct {
	Type   EntryType
	At     time.Time // UTC; the ledger keeps milliseconds and never lets it decrease
	Fields []Field
}

// Check says whether the entry has exactly its type's fields, in order, each with a value.
func (e Entry) Check() error {
	want, known := entryFields[e.Type]
	if !known || len(want.fields) != len(e.Fields) {
		return fmt.Errorf("check entry: type %q is unknown or has not %d fields", e.Type, len(e.Fields))
	}
	for i, field := range e.Fields {
		if field.Name != want.fields[i] || field.Value == "" {
			return fmt.Errorf("check entry: field %d of %s must be %s with a value", i, e.Type, want.fields[i])
		}
	}
	return nil
}

// TextField makes a field that holds a string of ours: an identifier, a name, a digest. Text that needs escaping in JSON is
// escaped as RFC 8785 asks.
func TextField[S ~string](name string, text S) Field {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			return Field{name, escapeJSON(string(text))}
		}
	}
	return Field{name, `"` + string(text) + `"`}
}

// NumberField makes a field that holds a whole number.
func NumberField(name string, n int64) Field { return Field{name, strconv.FormatInt(n, 10)} }

// FlagField makes a field that holds true or false.
func FlagField(name string, on bool) Field { return Field{name, strconv.FormatBool(on)} }

// TimeField makes a field that holds an instant in RFC 3339, UTC, to the second.
func TimeField(name string, t time.Time) Field {
	return Field{name, `"` + t.UTC().Format(time.RFC3339) + `"`}
}

// CanonicalField makes a field of a value that is canonical JSON already.
func CanonicalField(name, canonical string) Field { return Field{name, canonical} }

// escapeJSON writes a string as RFC 8785 does: shortest escapes, everything else literal.
func escapeJSON(text string) string {
	out := []byte{'"'}
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\b':
			out = append(out, `\b`...)
		case r == '\f':
			out = append(out, `\f`...)
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r < 0x20:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, string(r)...)
		}
	}
	return string(append(out, '"'))
}

// ReadText gives the string that a field's value holds, or an error where it holds none.
func (f Field) ReadText() (string, error) {
	if n := len(f.Value); n >= 2 && f.Value[0] == '"' && f.Value[n-1] == '"' && isPlain(f.Value[1:n-1]) {
		return f.Value[1 : n-1], nil
	}
	var text string
	if err := json.Unmarshal([]byte(f.Value), &text); err != nil {
		return "", fmt.Errorf("read field %s: %w", f.Name, err)
	}
	return text, nil
}

// isPlain says whether text stands in JSON as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}
