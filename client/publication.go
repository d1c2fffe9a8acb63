package client

import (
	"context"
	"strconv"
	"time"

	"narthex"
)

// ManuscriptSubmit hands a manuscript in: POST /api/engagements/{engagement}/publications. The text itself stays with its author.
type ManuscriptSubmit struct {
	Title    string         `json:"title"`
	Digest   narthex.Digest `json:"digest"` // SHA-256 of the file
	Size     int64          `json:"size"`   // in bytes
	Where    string         `json:"where,omitempty"`
	Replaces int            `json:"replaces,omitempty"` // the version before it
	Applies  []int          `json:"applies,omitempty"`  // redactions of that one, where nothing else is changed
}

// ManuscriptCommand is what someone does with a manuscript: POST /api/engagements/{engagement}/publications/{manuscript}/{verb},
// where verb is one of clear, redact, extend, pause, resume, accept, contest, uphold, drop, mediate, outcome, publish.
type ManuscriptCommand struct {
	Text       string                  `json:"text,omitempty"`       // why, or a remark
	Redaction  int                     `json:"redaction,omitempty"`  // with accept, contest, uphold, drop, mediate, outcome
	Redactions []RedactionAsk          `json:"redactions,omitempty"` // with redact
	Reason     narthex.ExtensionReason `json:"reason,omitempty"`     // with extend
	Days       int                     `json:"days,omitempty"`       // with extend
	Mediator   string                  `json:"mediator,omitempty"`   // with mediate: who is asked
	Outcome    string                  `json:"outcome,omitempty"`    // with outcome: stands or falls
	Decision   narthex.Digest          `json:"decision,omitempty"`   // with outcome: SHA-256 of the mediator's written decision
	Reference  string                  `json:"reference,omitempty"`  // with publish: a DOI or an https address
	Saw        narthex.Digest          `json:"saw,omitempty"`        // with publish: SHA-256 of what was published
}

// RedactionAsk asks for one passage to be taken out.
type RedactionAsk struct {
	Ground  string `json:"ground"`  // one that the agreement's clause lists
	Passage string `json:"passage"` // which
	Why     string `json:"why"`
	Instead string `json:"instead"` // what could stand there
}

// PublicationView is a manuscript and where it stands: GET /api/engagements/{engagement}/publications/{manuscript}.
type PublicationView struct {
	Engagement narthex.EngagementID       `json:"engagement"`
	Manuscript narthex.Manuscript         `json:"manuscript"`
	Standing   narthex.ManuscriptStanding `json:"standing"`
	Allowed    []string                   `json:"allowed"` // verbs that the reader may give now
	People     map[string]string          `json:"people,omitempty"`
}

// PublicationList is GET /api/engagements/{engagement}/publications.
type PublicationList struct {
	Publications []PublicationView `json:"publications"`
}

// PublicationStatement is GET /api/engagements/{engagement}/publications/{manuscript}/statement: what the published work says of
// who paid, what was given, and what the review was.
type PublicationStatement struct {
	Engagement narthex.EngagementID `json:"engagement"`
	Manuscript int                  `json:"manuscript"`
	Digest     narthex.Digest       `json:"digest"` // of the manuscript
	Text       string               `json:"text"`
}

// PublicationReport counts manuscripts, over all time.
type PublicationReport struct {
	Manuscripts      int `json:"manuscripts"` // that no later version replaced
	Open             int `json:"open"`        // in review, or with their clock stopped
	Overdue          int `json:"overdue"`     // the time of review is over, and redactions stand in the way
	Cleared          int `json:"cleared"`     // by whatever way
	ClearedBySilence int `json:"cleared_by_silence"`
	Published        int `json:"published"`
	Extended         int `json:"extended"`
	Redactions       int `json:"redactions"` // that were asked
	Applied          int `json:"applied"`
	Dropped          int `json:"dropped"` // by the lab, its silence, or a mediator
	Lapsed           int `json:"lapsed"`  // of those, by the lab's silence
}

// Publications lists the manuscripts of an engagement.
func (c *Client) Publications(ctx context.Context, id narthex.EngagementID) (PublicationList, error) {
	return call[PublicationList](ctx, c, "GET", route("api", "engagements", string(id), "publications"), nil)
}

// SubmitManuscript hands a manuscript in.
func (c *Client) SubmitManuscript(ctx context.Context, id narthex.EngagementID, in ManuscriptSubmit) (PublicationView, error) {
	return call[PublicationView](ctx, c, "POST", route("api", "engagements", string(id), "publications"), in)
}

// Publication gives one manuscript.
func (c *Client) Publication(ctx context.Context, id narthex.EngagementID, manuscript int) (PublicationView, error) {
	return call[PublicationView](ctx, c, "GET", route("api", "engagements", string(id), "publications", strconv.Itoa(manuscript)), nil)
}

// OnManuscript does something with a manuscript.
func (c *Client) OnManuscript(ctx context.Context, id narthex.EngagementID, manuscript int, verb string, in ManuscriptCommand) (PublicationView, error) {
	return call[PublicationView](ctx, c, "POST", route("api", "engagements", string(id), "publications", strconv.Itoa(manuscript), verb), in)
}

// PublicationStatement gives the statement that a published work carries.
func (c *Client) PublicationStatement(ctx context.Context, id narthex.EngagementID, manuscript int) (PublicationStatement, error) {
	return call[PublicationStatement](ctx, c, "GET", route("api", "engagements", string(id), "publications", strconv.Itoa(manuscript), "statement"), nil)
}

// Ends gives when the review of a manuscript ends by silence; zero where its clock stands or it is over.
func (v PublicationView) Ends() time.Time {
	if v.Standing.State == narthex.ManuscriptInReview {
		return v.Manuscript.Due
	}
	return time.Time{}
}
