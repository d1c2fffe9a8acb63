package lab

import (
	"slices"

	"narthex"
)

// code is one permitted-use code: what it says, and what of a pathway bears it, so that it is signed and not only shown. A
// clause with a value, a rule over the pathway's fields, or neither, where the code takes nothing away.
type code struct {
	name      narthex.UseCode
	says      string
	clause    narthex.ClauseName
	parameter string
	value     string // that the parameter has
	not       string // that it has not
	field     func(narthex.Pathway) bool
	needs     string // in words, of field
}

// codes lists every code: those of the Data Use Ontology first, then those for models.
func codes() []code {
	return []code{
		{name: "GRU", says: "for research of any kind"},
		{name: "PUB", says: "results are published", clause: "publication-review"},
		{name: "TS", says: "for a limited time", clause: "term-and-survival"},
		{name: "US", says: "for the people named", clause: "recipients"},
		{name: "PS", says: "for the project described", clause: "purpose"},
		{name: "IS", says: "for people of an institution that signs", field: func(p narthex.Pathway) bool { return p.Institution }, needs: "institution: true"},
		{name: "GS", says: "from named countries", clause: "export-control", parameter: "regions", not: "any"},
		{name: "IRB", says: "with an ethics approval", field: func(p narthex.Pathway) bool { return alwaysAsks(p, "ethics") }, needs: "a required question ethics"},
		{name: "COL", says: "together with someone of the lab", field: func(p narthex.Pathway) bool { return p.Sponsor == narthex.SponsorRequired }, needs: "sponsor: required"},
		{name: "NCU", says: "not for commercial use", clause: "purpose", parameter: "commercial", value: "no"},
		{name: "NTRAIN", says: "no training on outputs", clause: "use-limits", parameter: "train", value: "no"},
		{name: "NDIST", says: "no distillation", clause: "use-limits", parameter: "distil", value: "no"},
		{name: "NOMERGE", says: "no joining with other assets", clause: "use-limits", parameter: "merge", value: "no"},
		{name: "SAFETY", says: "for safety research only", clause: "purpose", parameter: "kind", value: "safety research"},
		{name: "NOAGENT", says: "people only, no agents", clause: "agents", parameter: "kinds", value: "people only"},
		{name: "DISC", says: "flaws that are found are disclosed as agreed", clause: "flaw-disclosure"},
	}
}

// CodeInWords says what a permitted-use code means; "" for one that is unknown.
func CodeInWords(name narthex.UseCode) string {
	at := slices.IndexFunc(codes(), func(c code) bool { return c.name == name })
	if at < 0 {
		return ""
	}
	return codes()[at].says
}

// checkCodes holds a pathway to what its codes promise.
func (l *loader) checkCodes(file string, p narthex.Pathway) {
	for i, name := range p.Codes {
		path := []string{"codes", itoa(i)}
		at := slices.IndexFunc(codes(), func(c code) bool { return c.name == name })
		if at < 0 || slices.Contains(p.Codes[:i], name) {
			l.at(file, path, "code %q is unknown, or stands here twice", name)
			continue
		}
		c := codes()[at]
		value, has := l.d.value(p, c.clause, c.parameter)
		uses := c.clause == "" || slices.ContainsFunc(p.Clauses, func(u narthex.ClauseUse) bool { return u.Clause == c.clause })
		switch {
		case c.field != nil && !c.field(p):
			l.at(file, path, "code %s (%s) needs %s", name, c.says, c.needs)
		case !uses:
			l.at(file, path, "code %s (%s) needs the clause %s", name, c.says, c.clause)
		case c.value != "" && value != c.value:
			l.at(file, path, "code %s (%s) needs the clause %s with %s: %s", name, c.says, c.clause, c.parameter, c.value)
		case c.not != "" && (!has || value == c.not):
			l.at(file, path, "code %s (%s) needs the clause %s with %s other than %s", name, c.says, c.clause, c.parameter, c.not)
		}
	}
}
