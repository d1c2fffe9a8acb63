package notice

import (
	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/workflow"
)

// Ruling is something that was done with a standing rule, with what was before and is after it.
type Ruling struct {
	Act        airlock.RuleAct // empty where it was asked for
	By         narthex.PersonID
	Before     narthex.Rule
	Rule       narthex.Rule
	Release    narthex.ReleaseID // that left by it, or was looked at again
	Engagement narthex.Engagement
}

// Tells gives what is told of it. Who asked for it is never told what was drawn for a second look.
func (l Ruling) Tells() []Told {
	switch l.Act {
	case "":
		return []Told{{Releasers, "rule_asked"}}
	case airlock.Approve, airlock.Refuse:
		if l.Rule.State != narthex.RuleProposed { // how anybody voted before that is told to nobody
			return []Told{{Holder, "rule_decided"}}
		}
	case airlock.End:
		return []Told{{Holder, "rule_ended"}, {Programme, "rule_ended"}}
	case airlock.Use:
		if len(l.Rule.Open) > len(l.Before.Open) {
			return []Told{{Looker, "look_asked"}}
		}
	case airlock.Look:
		if l.Rule.State != l.Before.State {
			return []Told{{Holder, "rule_ended"}, {Programme, "look_unfit"}, {Releasers, "look_unfit"}}
		}
	case airlock.Late:
		return []Told{{Looker, "look_late"}, {Programme, "look_late"}}
	}
	return nil
}

// Of is what it is about: the rule, or what was drawn of what left by it.
func (l Ruling) Of() string {
	if l.Release != "" && l.Act != airlock.Look {
		return string(l.Release)
	}
	return string(l.Rule.ID)
}

// What is what became of a rule that is decided.
func (l Ruling) What() string {
	if l.Act == airlock.Approve || l.Act == airlock.Refuse {
		return string(l.Rule.State)
	}
	return ""
}

// Concerns says whether a person is told in that part. Owns says that they own the rule's asset.
func (l Ruling) Concerns(to To, p narthex.Person, owns bool) bool {
	if p.ID == l.By {
		return false
	}
	switch to {
	case Releasers:
		_, may := airlock.MayJudge(l.Rule, l.Engagement, p, owns)
		return may
	case Looker:
		_, may := airlock.MayJudge(l.Rule, l.Engagement, p, owns)
		return may && (p.ID == l.Rule.Looks || p.ID == l.Rule.StandsIn)
	case Programme:
		return runs(l.Engagement, p)
	case Holder:
		return p.ID == l.Rule.By && workflow.MayRead(l.Engagement, p)
	}
	return false
}
