package narthex

import "slices"

// When says under what answer a question is asked: to an earlier question with choices, one of those named.
type When struct {
	Question string   `json:"question"`
	Is       []string `json:"is"`
}

// Asked says whether a pathway asks that question of someone who gave these answers: always, or under its condition, which
// holds only where the question that it rests on is asked too. A question that the pathway does not have is not asked.
func (p Pathway) Asked(name string, answers map[string]string) bool {
	at := slices.IndexFunc(p.Questions, func(q Question) bool { return q.Name == name })
	if at < 0 {
		return false
	}
	when := p.Questions[at].When
	if when == nil {
		return true
	}
	return Pathway{Questions: p.Questions[:at]}.Asked(when.Question, answers) && slices.Contains(when.Is, answers[when.Question])
}

// Later is an attribute that a pathway is to offer once a door enforces it. It is shown, and cannot be applied for.
type Later struct {
	Attribute AttributeName `json:"attribute"`
	Says      string        `json:"says"` // what it will be for, or what it waits for; one line
}

// ToCome gives what stands in the pathway about an attribute that is to come.
func (p Pathway) ToCome(attribute AttributeName) (Later, bool) {
	at := slices.IndexFunc(p.Later, func(l Later) bool { return l.Attribute == attribute })
	if at < 0 {
		return Later{}, false
	}
	return p.Later[at], true
}

// SponsorRule says whether an application on a pathway names a sponsor. The zero SponsorRule is none, and no pathway has it
// once it is loaded.
type SponsorRule string

const (
	// SponsorAllowed lets an application name a sponsor.
	SponsorAllowed SponsorRule = "allowed"
	// SponsorRequired takes no application without one.
	SponsorRequired SponsorRule = "required"
)

// Escalations are the roles that can be told of a late review, or whose holder can: those who may read every engagement and act.
func Escalations() []Role { return []Role{Programme, Security, Custodian, Signatory} }

// UseCode says in one word for what, and for what not, the access of a pathway may be used: codes of the Data Use Ontology
// where they fit, and those of models beside them.
type UseCode string
