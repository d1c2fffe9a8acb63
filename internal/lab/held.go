package lab

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"narthex"
)

// reader is code that reads one parameter of a clause. What it finds wrong is a rule in words, or "".
type reader struct {
	clause    narthex.ClauseName
	parameter string
	kind      string // of the parameter, for the code understands no other
	held      narthex.Held
	by        string // as the clause's front matter names it
	absent    bool   // asked of a pathway without the clause too, with an empty value

	pathway     func(u use) string                                     // of a pathway as it is published
	term        func(value string, t narthex.Term, leaks leaks) string // of each offer at its widest, and of each term applied for
	application func(value string, a narthex.Application) (field, wrong string)
}

// use is a parameter's value in a pathway.
type use struct {
	directory *Directory
	pathway   narthex.Pathway
	value     string
}

// leaks says how what a term gives can leak: by its attribute and by its asset.
type leaks []narthex.LeakClass

// readers is the closed list of the parameters that code reads. A clause may say of these that they are held, as they stand here,
// and of no others.
func readers() []reader {
	return []reader{
		{clause: "agents", parameter: "kinds", kind: "choice", held: narthex.HeldGateway, by: "actor_kinds", term: actorsWithin},
		{clause: "export-control", parameter: "regions", kind: "regions", held: narthex.HeldGateway, by: "regions", term: regionsWithin},
		{clause: "data-protection", parameter: "regions", kind: "regions", held: narthex.HeldGateway, by: "regions", term: regionsWithin},
		{clause: "data-protection", parameter: "basis", kind: "choice", held: narthex.HeldAgreement, by: "personal_data", absent: true, pathway: personalNeedsBasis},
		{clause: "data-and-monitoring", parameter: "content", kind: "choice", held: narthex.HeldAgreement, by: "content_log", pathway: contentAsLogged},
		{clause: egress, parameter: "bytes", kind: "number", held: narthex.HeldAgreement, by: "bytes_out", term: bytesWithin},
		{clause: "results-and-ip", parameter: "derivatives", kind: "choice", held: narthex.HeldAgreement, by: "output.artefact.model", term: derivativesStay},
		{clause: "liability", parameter: "cap", kind: "money", held: narthex.HeldAgreement, by: "cap", pathway: capIsAnAmount},
		{clause: "compensation", parameter: "fee", kind: "money", held: narthex.HeldAgreement, by: "cap"}, // read with the cap
		{clause: "insurance", parameter: "cover", kind: "money", held: narthex.HeldAgreement, by: "insurance", pathway: coverIsAsked},
		{clause: "conflict-of-interest", parameter: "declared", kind: "flag", held: narthex.HeldAgreement, by: "interests", pathway: interestsAreAsked},
		{clause: "recipients", parameter: "people", kind: "number", held: narthex.HeldAgreement, by: "members", application: peopleWithin},
		{clause: "safe-harbour", parameter: "appeal_days", kind: "business_days", held: narthex.HeldAgreement, by: "appeal_days", pathway: appealWithin},
		{clause: narthex.SafeHarbour, parameter: narthex.SafeHarbourReasons, kind: "choices", held: narthex.HeldLock, by: "lock_reasons", pathway: alwaysLocks},
		// What stands below is read by RefusalsOf, and held by a decline, by an objection and by the mediation of either.
		{clause: objection, parameter: "grounds", kind: "choices", held: narthex.HeldAgreement, by: "refusals"},
		{clause: objection, parameter: "alternative", kind: "flag", held: narthex.HeldAgreement, by: "refusals"},
		{clause: objection, parameter: "mediation_days", kind: "business_days", held: narthex.HeldClock, by: "refusals"},
		{clause: objection, parameter: "mediation_lasts", kind: "business_days", held: narthex.HeldClock, by: "refusals"},
		{clause: objection, parameter: "objection_days", kind: "days", held: narthex.HeldClock, by: "refusals"},
		{clause: narthex.SignatureClause, parameter: narthex.SignatureOrder, kind: "choice", held: narthex.HeldAgreement, by: "signing", pathway: orderIsKnown},
		{clause: narthex.SignatureClause, parameter: narthex.SignatureMethod, kind: "choice", held: narthex.HeldAgreement, by: "signing", pathway: methodIsKnown},
		{clause: narthex.SignatureClause, parameter: narthex.SignatureOutside, kind: "choice", held: narthex.HeldAgreement, by: "signing", pathway: legalBringsOutside},
		{clause: "term-and-survival", parameter: "term_days", kind: "days", held: narthex.HeldClock, by: "most_days", pathway: termWithin},
		// What follows is read of a signed agreement, by workflow.OwedUnder.
		{clause: "termination-and-return", parameter: "certificate", kind: "flag", held: narthex.HeldObligation, by: string(narthex.DestructionCertificate)},
		{clause: "termination-and-return", parameter: "return_days", kind: "business_days", held: narthex.HeldObligation, by: string(narthex.DestructionCertificate)},
		{clause: "termination-and-return", parameter: "backups", kind: "flag", held: narthex.HeldObligation, by: string(narthex.DestructionCertificate)},
		{clause: "termination-and-return", parameter: "report", kind: "flag", held: narthex.HeldObligation, by: string(narthex.FinalReport)},
		{clause: "termination-and-return", parameter: "report_days", kind: "days", held: narthex.HeldObligation, by: string(narthex.FinalReport)},
		{clause: "data-protection", parameter: "retention_days", kind: "days", held: narthex.HeldObligation, by: string(narthex.PersonalDataDeleted)},
		{clause: "insurance", parameter: "proof_days", kind: "days", held: narthex.HeldObligation, by: string(narthex.InsuranceProof)},
		{clause: "results-and-ip", parameter: "patent_days", kind: "days", held: narthex.HeldObligation, by: string(narthex.PatentWindow)},
		{clause: confidentiality, parameter: "existence", kind: "flag", held: narthex.HeldAgreement, by: "register", pathway: existenceOrRegister},
		// What stands below is read in the signed agreement, by RegisterOf, and held by the public register.
		{clause: publicRegister, parameter: "shown", kind: "choice", held: narthex.HeldClock, by: "register"},
		{clause: publicRegister, parameter: "embargo_days", kind: "days", held: narthex.HeldClock, by: "register"},
		{clause: publicRegister, parameter: "organisation", kind: "flag", held: narthex.HeldClock, by: "register"},
		{clause: publicRegister, parameter: "names", kind: "flag", held: narthex.HeldClock, by: "register"},
		// What stands below is read in the signed agreement, by StudyOf, and held where a job is handed in, and by the clock of its review.
		{clause: studyApproval, parameter: "reviewers", kind: "number", held: narthex.HeldGateway, by: "study", pathway: studiesRun},
		{clause: studyApproval, parameter: "review_days", kind: "business_days", held: narthex.HeldClock, by: "study"},
		{clause: egress, parameter: "review_days", kind: "business_days", held: narthex.HeldClock, by: "release"}, // read in the signed agreement, by ReleaseDaysOf
		// What stands below is read in the signed agreement, by PublicationOf, and held by the review of manuscripts.
		{clause: publicationReview, parameter: "review_days", kind: "business_days", held: narthex.HeldClock, by: "review_days"},
		{clause: publicationReview, parameter: "extension_days", kind: "days", held: narthex.HeldClock, by: "extension_days"},
		{clause: publicationReview, parameter: "embargo_days", kind: "days", held: narthex.HeldClock, by: "embargo_days"},
		{clause: publicationReview, parameter: "answer_days", kind: "business_days", held: narthex.HeldClock, by: "answer_days"},
		{clause: publicationReview, parameter: "grounds", kind: "choices", held: narthex.HeldClock, by: "grounds"},
		{clause: publicationReview, parameter: "mediator", kind: "flag", held: narthex.HeldClock, by: "mediator"},
	}
}

// held checks what a parameter says of who holds it.
func (l *loader) held(file string, clause narthex.ClauseName, name string, p narthex.Parameter) {
	all := []narthex.Held{narthex.HeldGateway, narthex.HeldAgreement, narthex.HeldClock, narthex.HeldObligation, narthex.HeldLock, narthex.Recorded}
	at := []string{"parameters", name, "held"}
	if !slices.Contains(all, p.Held) {
		l.at(file, at, "parameter %s says by what it is held: one of %v", name, all)
		return
	}
	for _, h := range readers() {
		if h.clause == clause && h.parameter == name {
			if p.Held != h.held || p.By != h.by || p.Kind != h.kind {
				l.at(file, at, "parameter %s is read by code: it is of the kind %s, with held: %s and by: %s", name, h.kind, h.held, h.by)
			}
			return
		}
	}
	if p.Held != narthex.Recorded || p.By != "" {
		l.at(file, at, "no code reads parameter %s of clause %s; it says held: recorded, and no by", name, clause)
	}
}

// value gives what a pathway sets a parameter to: its own value, or the clause's default. The second value is false where the
// pathway's agreement has not the clause.
func (d *Directory) value(p narthex.Pathway, clause narthex.ClauseName, parameter string) (string, bool) {
	library, known := d.Clauses[clause]
	at := slices.IndexFunc(p.Clauses, func(u narthex.ClauseUse) bool { return u.Clause == clause })
	if !known || at < 0 && !library.Notice {
		return "", false
	}
	if at >= 0 {
		if value, set := p.Clauses[at].Values[parameter]; set {
			return value, true
		}
	}
	stated, has := library.Parameters[parameter]
	return stated.Default, has
}

// Agreed gives the clauses of a pathway's agreement with all their values: its own, then the notices that it does not name.
func (d *Directory) Agreed(p narthex.Pathway) []narthex.ClauseUse {
	uses := slices.Clone(p.Clauses)
	for _, name := range slices.Sorted(maps.Keys(d.Clauses)) {
		if d.Clauses[name].Notice && !slices.ContainsFunc(uses, func(u narthex.ClauseUse) bool { return u.Clause == name }) {
			uses = append(uses, narthex.ClauseUse{Clause: name})
		}
	}
	for i, use := range uses {
		uses[i].Values = map[string]string{}
		for name := range d.Clauses[use.Clause].Parameters {
			uses[i].Values[name], _ = d.value(p, use.Clause, name)
		}
	}
	return uses
}

// checkHolds holds a pathway to the parameters of its own clauses.
func (l *loader) checkHolds(file string, p narthex.Pathway) {
	for _, h := range readers() {
		value, has := l.d.value(p, h.clause, h.parameter)
		if !has && !h.absent {
			continue
		}
		if h.pathway != nil {
			if wrong := h.pathway(use{l.d, p, value}); wrong != "" {
				l.at(file, valuePlace(p, h), "%s of clause %s: %s", h.parameter, h.clause, wrong)
			}
		}
		for i, offer := range p.Offers {
			for _, asset := range offer.Assets {
				if h.term == nil {
					continue
				}
				if wrong := h.term(value, widest(offer, asset), l.d.leaks(offer.Attribute, asset)); wrong != "" {
					l.at(file, []string{"offers", itoa(i)}, "the offer of %s breaks %s of clause %s: %s", offer.Attribute, h.parameter, h.clause, wrong)
				}
			}
		}
	}
}

// valuePlace is where a pathway states the parameter, or its clauses.
func valuePlace(p narthex.Pathway, h reader) []string {
	at := slices.IndexFunc(p.Clauses, func(u narthex.ClauseUse) bool { return u.Clause == h.clause })
	if at < 0 {
		return []string{"clauses"}
	}
	return []string{"clauses", itoa(at), "values", h.parameter}
}

// CheckApplication holds an application to the parameters of the clauses that its agreement would have. The error names the
// field of the application, the clause and the parameter.
func (d *Directory) CheckApplication(p narthex.Pathway, a narthex.Application) error {
	for _, h := range readers() {
		value, has := d.value(p, h.clause, h.parameter)
		if !has && !h.absent {
			continue
		}
		if h.application != nil {
			if field, wrong := h.application(value, a); wrong != "" {
				return narthex.Invalidf("The clause %s of this pathway (%s: %s) does not allow it: %s.", h.clause, h.parameter, value, wrong).For(field)
			}
		}
		if h.term == nil {
			continue
		}
		for _, term := range a.Terms {
			if wrong := h.term(value, term, d.leaks(term.Attribute, term.Asset)); wrong != "" {
				return narthex.Invalidf("The clause %s of this pathway (%s: %s) does not allow the term on %s: %s.", h.clause, h.parameter, value, term.Attribute, wrong).For("terms")
			}
		}
	}
	return nil
}

// leaks gives how an attribute of an asset can leak.
func (d *Directory) leaks(attribute narthex.AttributeName, asset narthex.AssetName) leaks {
	found, _ := d.Taxonomy.Attribute(attribute)
	return slices.Concat(found.Leak, d.Assets[asset].Leak)
}

// widest is the term with each limit of an offer as wide as its range allows.
func widest(offer narthex.Offer, asset narthex.AssetName) narthex.Term {
	term := narthex.Term{Attribute: offer.Attribute, Asset: asset, Limits: map[narthex.LimitName]narthex.Value{}}
	for name, r := range offer.Limits {
		value := r.Default
		switch {
		case value.Form == narthex.FormNumber && r.Most != nil:
			value = narthex.NumberValue(max(value.Number, *r.Most))
		case value.Form == narthex.FormNames:
			value = narthex.NamesValue(append(slices.Clone(value.Names), r.Names...)...)
		}
		term.Limits[name] = value
	}
	return term
}

func actorsWithin(value string, t narthex.Term, _ leaks) string {
	if value != "people and agents" && slices.Contains(t.Limits["actor_kinds"].Names, "agent") {
		return "it is for people only, and actor_kinds names agent"
	}
	return ""
}

func regionsWithin(value string, t narthex.Term, _ leaks) string {
	if value == "any" {
		return ""
	}
	limit, bounded := t.Limits["regions"]
	if !bounded {
		return "access is from " + value + " only, so the limit regions must say so"
	}
	allowed := strings.Split(value, ", ")
	if slices.ContainsFunc(limit.Names, func(r string) bool { return !slices.Contains(allowed, r) }) {
		return "access is from " + value + " only, and the limit regions names others"
	}
	return ""
}

func bytesWithin(value string, t narthex.Term, by leaks) string {
	most, ok := whole(value)
	limit, bounded := t.Limits["bytes_out"]
	switch {
	case !ok, bounded && limit.Number > float64(most):
		return fmt.Sprintf("at most %s bytes leave, and bytes_out is above it", value)
	case !bounded && slices.Contains(by, "bulk"):
		return "what can leak in bulk states its bytes_out"
	}
	return ""
}

func derivativesStay(value string, t narthex.Term, _ leaks) string {
	if value != "leave through the airlock" && t.Attribute == "output.artefact.model" {
		return "what is derived from weights stays at the lab"
	}
	return ""
}

func personalNeedsBasis(u use) string {
	if u.value != "" && u.value != "none" {
		return ""
	}
	for _, offer := range u.pathway.Offers {
		for _, asset := range offer.Assets {
			if slices.Contains(u.directory.leaks(offer.Attribute, asset), "pers") {
				return fmt.Sprintf("%s on %s can show personal data, so the pathway has this clause and states a legal basis other than none", offer.Attribute, asset)
			}
		}
	}
	return ""
}

func contentAsLogged(u use) string {
	if u.value != u.pathway.ContentLog {
		return fmt.Sprintf("it says that content is kept: %s, and the pathway's content_log is %s", u.value, u.pathway.ContentLog)
	}
	return ""
}

// capIsAnAmount refuses a bound that is nothing: what was paid for access that costs nothing.
func capIsAnAmount(u use) string {
	fee, charged := u.directory.value(u.pathway, "compensation", "fee")
	if u.value == "fees paid" && (!charged || fee == "none") {
		return "fees paid are no amount where access is free: nobody could recover anything, so state an amount, such as 250000 EUR"
	}
	return ""
}

func existenceOrRegister(u use) string {
	if _, has := u.directory.value(u.pathway, publicRegister, "shown"); has && u.value != "no" {
		return "what is itself secret does not stand in a public register: take one of the two clauses out"
	}
	return ""
}

func coverIsAsked(u use) string {
	if u.value != "none" && !alwaysAsks(u.pathway, "insurance") {
		return "a cover is asked for, so the pathway has a required question insurance, for the policy and its end"
	}
	return ""
}

func interestsAreAsked(u use) string {
	if u.value != "no" && !alwaysAsks(u.pathway, "interests") {
		return "interests are declared, so the pathway has a required question interests"
	}
	return ""
}

// alwaysAsks says whether no application comes in without an answer to that question.
func alwaysAsks(p narthex.Pathway, name string) bool {
	return slices.ContainsFunc(p.Questions, func(q narthex.Question) bool { return q.Name == name && q.Required && q.When == nil })
}

func peopleWithin(value string, a narthex.Application) (field, wrong string) {
	most, ok := whole(value)
	if !ok || int64(len(a.Members))+1 > most {
		return "members", fmt.Sprintf("the applicant and %d members are more people than that", len(a.Members))
	}
	return "", ""
}

func appealWithin(u use) string {
	if most, ok := whole(u.value); !ok || int64(u.pathway.AppealDays) > most {
		return "the pathway's appeal_days, " + strconv.Itoa(u.pathway.AppealDays) + ", is above it"
	}
	return ""
}

// alwaysLocks holds the list of a safe harbour to reasons that there are, and to those that every list has.
func alwaysLocks(u use) string {
	var listed []narthex.LockReason
	for name := range strings.SplitSeq(u.value, ", ") {
		if !slices.Contains(narthex.LockReasons(), narthex.LockReason(name)) {
			return fmt.Sprintf("%s is no reason for a lock; those are %v", name, narthex.LockReasons())
		}
		listed = append(listed, narthex.LockReason(name))
	}
	for _, reason := range narthex.AlwaysLocks() {
		if !slices.Contains(listed, reason) {
			return fmt.Sprintf("it leaves out %s, for which a lock is always possible", reason)
		}
	}
	return ""
}

func termWithin(u use) string {
	if most, ok := whole(u.value); !ok || int64(u.pathway.MostDays) > most {
		return "the pathway's most_days, " + strconv.Itoa(u.pathway.MostDays) + ", is above it"
	}
	return ""
}
