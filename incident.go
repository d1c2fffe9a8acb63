package narthex

import "time"

// IncidentKind is one of the closed set of what can have gone wrong.
type IncidentKind string

// IncidentKinds lists them all.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{"credential_exposed", "content_leaked", "personal_data", "misuse", "flaw_found", "service_disturbed", "legal_demand", "other"}
}

// Severity is how bad an incident is, in the words of who opened it.
type Severity string

// Severities lists them all, the least first.
func Severities() []Severity { return []Severity{"low", "moderate", "high", "critical"} }

// IncidentOutcome is what became of an incident.
type IncidentOutcome string

// IncidentOutcomes lists them all.
func IncidentOutcomes() []IncidentOutcome {
	return []IncidentOutcome{"no_harm", "contained", "harm_done", "false_alarm"}
}

// Incident is something that went wrong in an engagement. It is open until someone else than who opened it says what became of it.
type Incident struct {
	Number   int          `json:"number"` // from 1
	Kind     IncidentKind `json:"kind"`
	Severity Severity     `json:"severity"`
	At       time.Time    `json:"at"`               // when it happened
	Assets   []AssetName  `json:"assets,omitempty"` // of the engagement's
	Told     []string     `json:"told,omitempty"`   // who was told, in words
	Text     string       `json:"text"`
	By       PersonID     `json:"by"`
	OpenedAt time.Time    `json:"opened_at"`
	Lock     LockID       `json:"lock,omitempty"` // that was set with it
	Owed     *Owed        `json:"owed,omitempty"` // a report that one side gives by a date

	Outcome    IncidentOutcome `json:"outcome,omitempty"`
	Findings   string          `json:"findings,omitempty"`
	ResolvedBy PersonID        `json:"resolved_by,omitempty"`
	ResolvedAt time.Time       `json:"resolved_at,omitzero"`
}

// Open says whether nobody has said what became of it.
func (i Incident) Open() bool { return i.ResolvedAt.IsZero() }
