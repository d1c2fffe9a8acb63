package narthex

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

// PublicationClause is what an agreement says of the review of manuscripts, as it was signed. The zero PublicationClause has no
// ground on which anything could be asked.
type PublicationClause struct {
	Number        string   `json:"number"`         // of the clause in the agreement
	ReviewDays    int      `json:"review_days"`    // business days
	ExtensionDays int      `json:"extension_days"` // days of the one extension
	EmbargoDays   int      `json:"embargo_days"`   // days from the last signature
	AnswerDays    int      `json:"answer_days"`    // business days to answer a contested redaction
	Grounds       []string `json:"grounds"`
	Mediator      bool     `json:"mediator"`
}

// ExtensionReason is why a review of a manuscript may be extended.
type ExtensionReason string

// ExtensionReasons lists them all.
func ExtensionReasons() []ExtensionReason { return []ExtensionReason{"patent", "safety"} }

// PauseCause is an event that stops the clock of a manuscript.
type PauseCause string

const (
	// MaterialMissing says that the lab cannot read what it was told to read. It stops a clock once.
	MaterialMissing PauseCause = "material_missing"
	// AuthorAsked says that an author wants the clock to stand.
	AuthorAsked PauseCause = "author_asked"
)

// Manuscript is a text that its authors mean to publish. The bytes stay with them; the digest says which bytes are meant.
type Manuscript struct {
	Number     int                `json:"number"` // in the engagement, from 1
	Title      string             `json:"title,omitempty"`
	Digest     Digest             `json:"digest,omitempty"`
	Size       int64              `json:"size,omitempty"`
	Where      string             `json:"where,omitempty"` // where the lab's people can read it, in the author's words
	By         PersonID           `json:"by,omitempty"`
	At         time.Time          `json:"at"`
	Replaces   int                `json:"replaces,omitempty"`
	Applies    []int              `json:"applies,omitempty"` // the redactions that are all in which it differs from the one it replaces
	ReplacedBy int                `json:"replaced_by,omitempty"`
	Clause     *PublicationClause `json:"clause,omitempty"` // nil where the agreement has none
	Due        time.Time          `json:"due,omitzero"`     // when silence clears it
	Embargo    time.Time          `json:"embargo,omitzero"` // until when publication waits in any case
	Extension  *ReviewExtension   `json:"extension,omitempty"`
	Pauses     []ClockPause       `json:"pauses,omitempty"`
	Cleared    *Said              `json:"cleared,omitempty"`
	Redactions []Redaction        `json:"redactions,omitempty"`
	Published  *Published         `json:"published,omitempty"`
}

// Paused says whether the clock stands.
func (m Manuscript) Paused() bool {
	return m.Cleared == nil && len(m.Pauses) > 0 && m.Pauses[len(m.Pauses)-1].Resumed == nil
}

// Said is what somebody did with a manuscript, and their words. A role stands where it was done for the lab.
type Said struct {
	By   PersonID  `json:"by,omitempty"`
	As   Role      `json:"as,omitempty"`
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"`
}

// ReviewExtension is more time for a review.
type ReviewExtension struct {
	Said   Said            `json:"said"`
	Reason ExtensionReason `json:"reason"`
	Days   int             `json:"days"`
}

// ClockPause is a time in which the clock of a manuscript stood.
type ClockPause struct {
	Said    Said       `json:"said"`
	Cause   PauseCause `json:"cause"`
	Resumed *Said      `json:"resumed,omitempty"`
}

// Redaction is one passage that the lab asks to be taken out, and what became of the asking.
type Redaction struct {
	Number    int        `json:"number"` // in the manuscript, from 1
	Asked     Said       `json:"asked"`  // its text is why
	Ground    string     `json:"ground"`
	Passage   string     `json:"passage"` // which
	Instead   string     `json:"instead"` // what could stand there
	Accepted  *Said      `json:"accepted,omitempty"`
	Contested *Said      `json:"contested,omitempty"`
	Due       time.Time  `json:"due,omitzero"` // when silence drops what was contested
	Upheld    *Said      `json:"upheld,omitempty"`
	Dropped   *Said      `json:"dropped,omitempty"`
	Mediation *Mediation `json:"mediation,omitempty"`
	AppliedIn int        `json:"applied_in,omitempty"` // the manuscript that applies it
	AppliedAt time.Time  `json:"applied_at,omitzero"`
}

// Mediation is a mediator's part in one redaction, and what each side says that the mediator decided.
type Mediation struct {
	Asked    Said             `json:"asked"`
	Mediator string           `json:"mediator"`
	Authors  *MediatorOutcome `json:"authors,omitempty"`
	Lab      *MediatorOutcome `json:"lab,omitempty"`
}

// MediatorOutcome is what one side says that a mediator decided.
type MediatorOutcome struct {
	Said     Said   `json:"said"`
	Stands   bool   `json:"stands"`   // whether the redaction does
	Decision Digest `json:"decision"` // of the mediator's written decision
}

// Bound says whether a mediator's decision binds, since when, and whether the redaction stands by it: a side binds itself by what
// is against it, and what serves it binds when the other side says the same.
func (m Mediation) Bound() (stands, bound bool, since time.Time) {
	a, l := m.Authors, m.Lab
	switch {
	case a != nil && a.Stands:
		return true, true, a.Said.At
	case l != nil && !l.Stands:
		return false, true, l.Said.At
	}
	return false, false, time.Time{}
}

// Published is where a manuscript came out.
type Published struct {
	Said      Said   `json:"said"`
	Reference string `json:"reference"` // a DOI or an address
	Digest    Digest `json:"digest"`
}

// ManuscriptStanding is where a manuscript stands at one moment.
type ManuscriptStanding struct {
	State       ManuscriptState     `json:"state"`
	How         string              `json:"how,omitempty"`         // how the review ended: no_clause, cleared or silence
	ReviewEnded time.Time           `json:"review_ended,omitzero"` // since when nothing more can be asked
	ClearSince  time.Time           `json:"clear_since,omitzero"`  // and nothing stands in the way
	PublishFrom time.Time           `json:"publish_from,omitzero"` // from when it may be published
	Redactions  []RedactionStanding `json:"redactions,omitempty"`  // how each stands
	InTheWay    int                 `json:"in_the_way,omitempty"`  // how many of them are neither applied nor dropped
	Lapsed      int                 `json:"lapsed,omitempty"`      // how many the lab's silence dropped
}

// RedactionStanding is where one redaction stands.
type RedactionStanding struct {
	Number  int            `json:"number"`
	State   RedactionState `json:"state"`
	Settled time.Time      `json:"settled,omitzero"` // since when it is in nobody's way
}

// ManuscriptState is a word for where a manuscript stands.
type ManuscriptState string

const (
	ManuscriptInReview  ManuscriptState = "in_review"
	ManuscriptPaused    ManuscriptState = "paused"
	ManuscriptRedacting ManuscriptState = "redactions" // the review is over, and redactions are in the way
	ManuscriptEmbargoed ManuscriptState = "embargoed"
	ManuscriptClear     ManuscriptState = "clear"
	ManuscriptPublished ManuscriptState = "published"
	ManuscriptReplaced  ManuscriptState = "replaced"
)

// RedactionState is a word for where a redaction stands.
type RedactionState string

const (
	RedactionAsked     RedactionState = "asked"
	RedactionAccepted  RedactionState = "accepted"
	RedactionContested RedactionState = "contested"
	RedactionUpheld    RedactionState = "upheld"
	RedactionMediation RedactionState = "in_mediation"
	RedactionStands    RedactionState = "stands"  // by the mediator's decision
	RedactionFell      RedactionState = "fell"    // by the mediator's decision
	RedactionDropped   RedactionState = "dropped" // by the lab
	RedactionLapsed    RedactionState = "lapsed"  // by the lab's silence
	RedactionApplied   RedactionState = "applied"
)

// Settled says whether a redaction in that state is in nobody's way.
func (s RedactionState) Settled() bool {
	return s == RedactionFell || s == RedactionDropped || s == RedactionLapsed || s == RedactionApplied
}

// ParseReference takes a DOI, such as 10.1234/abc.5, or an https address in their one form, and refuses all else.
func ParseReference(text string) (string, error) {
	doi := regexp.MustCompile(`^10\.[1-9][0-9]{3,8}/[A-Za-z0-9][-A-Za-z0-9._;()/:]{0,199}$`)
	host := regexp.MustCompile(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	if doi.MatchString(text) {
		return text, nil
	}
	read, err := url.Parse(text)
	visible := !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) })
	if err == nil && visible && len(text) <= 500 && strings.HasPrefix(text, "https://") && read.User == nil && read.Fragment == "" && !strings.Contains(text, "#") &&
		len(read.Host) <= 253 && host.MatchString(read.Host) && read.String() == text {
		return text, nil
	}
	return "", Invalidf("That is neither a DOI such as 10.1234/abc.5 nor an address such as https://example.org/paper, in its plain form.").For("reference")
}
