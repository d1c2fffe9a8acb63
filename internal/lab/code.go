package lab

import (
	"slices"
	"strings"

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
	narrows   bool   // whether an application may add it: it takes something away, and is held by who signs it
}

// codes lists every code: those of the Data Use Ontology first, then those for models.
func codes() []code {
	return []code{
		{name: "GRU", says: "for research of any kind"},
		{name: "PUB", says: "results are published", narrows: true, clause: "publication-review"},
		{name: "TS", says: "for a limited time", clause: "term-and-survival"},
		{name: "US", says: "for the people named", clause: "recipients"},
		{name: "PS", says: "for the project described", clause: "purpose"},
		{name: "IS", says: "for people of an institution that signs", field: func(p narthex.Pathway) bool { return p.Institution }, needs: "institution: true"},
		{name: "GS", says: "from named countries", clause: "export-control", parameter: "regions", not: "any"},
		{name: "IRB", says: "with an ethics approval", field: func(p narthex.Pathway) bool { return alwaysAsks(p, "ethics") }, needs: "a required question ethics", narrows: true},
		{name: "COL", says: "together with someone of the lab", field: func(p narthex.Pathway) bool { return p.Sponsor == narthex.SponsorRequired }, needs: "sponsor: required"},
		{name: "NCU", says: "not for commercial use", clause: "purpose", parameter: "commercial", value: "no", narrows: true},
		{name: "NPU", says: "by organisations not for profit only", clause: "purpose", parameter: "commercial", value: "no", narrows: true},
		{name: "NTRAIN", says: "no training on outputs", clause: "use-limits", parameter: "train", value: "no", narrows: true},
		{name: "NDIST", says: "no distillation", clause: "use-limits", parameter: "distil", value: "no", narrows: true},
		{name: "NOMERGE", says: "no joining with other assets", clause: "use-limits", parameter: "merge", value: "no", narrows: true},
		{name: "SAFETY", says: "for safety research only", clause: "purpose", parameter: "kind", value: "safety research", narrows: true},
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

// CheckAdded holds the codes that an application adds to those that narrow, each once and none that the pathway has. It takes none
// away: what the pathway's codes ask stays asked. Evidence says whether anything is attached, which the ethics approval must be.
func CheckAdded(p narthex.Pathway, added []narthex.UseCode, evidence bool) *narthex.Error {
	for i, name := range added {
		at := slices.IndexFunc(codes(), func(c code) bool { return c.name == name })
		switch {
		case at < 0 || !codes()[at].narrows:
			return narthex.Invalidf("An application can only narrow what the pathway gives, by: %s.", strings.Join(narrowing(), ", ")).For("codes")
		case slices.Contains(p.Codes, name):
			return narthex.Invalidf("The pathway has the code %s already, for everyone; leave it out.", name).For("codes")
		case slices.Contains(added[:i], name):
			return narthex.Invalidf("Each code stands once.").For("codes")
		case name == "IRB" && !evidence:
			return narthex.Invalidf("The code IRB says that there is an ethics approval: attach it.").For("attachments")
		}
	}
	return nil
}

// Narrowing lists the codes that an application may add on a pathway.
func Narrowing(p narthex.Pathway) []narthex.UseCode {
	var list []narthex.UseCode
	for _, c := range codes() {
		if c.narrows && !slices.Contains(p.Codes, c.name) {
			list = append(list, c.name)
		}
	}
	return list
}

// UsesOf gives what is signed of the codes of a pathway and of an application on it.
func UsesOf(p narthex.Pathway, added []narthex.UseCode) []narthex.AgreedUse {
	var uses []narthex.AgreedUse
	for _, name := range p.Codes {
		uses = append(uses, narthex.AgreedUse{Code: name, Says: CodeInWords(name)})
	}
	for _, name := range added {
		uses = append(uses, narthex.AgreedUse{Code: name, Says: CodeInWords(name), Added: true})
	}
	return uses
}

func narrowing() []string {
	var words []string
	for _, c := range codes() {
		if c.narrows {
			words = append(words, string(c.name)+" ("+c.says+")")
		}
	}
	return words
}
