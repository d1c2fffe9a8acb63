package workflow

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/order"
)

// mostIssued bounds the access statements of an engagement, each of which is an entry.
const mostIssued = 100

// Calendar counts business days.
type Calendar interface {
	// Add gives the instant n business days after t.
	Add(t time.Time, n int) time.Time
}

// Obligation is what is owed, as it stands at one moment.
type Obligation struct {
	narthex.Owed
	State narthex.ObligationState
	Due   time.Time
	Begun bool // whether it can be met: what is done after the end of access waits for that
	Asks  bool // whether it is time to meet it: the end from which its days are counted has come, or it waits for none
}

// Blocks says whether it holds the end of the engagement back.
func (o Obligation) Blocks() bool {
	return o.State == narthex.ObligationOpen && o.By != "" || o.State == narthex.ObligationLate
}

// OwedUnder gives what a signed agreement asks someone to do by a date. It reads the values that both sides signed, and nothing else.
func OwedUnder(a narthex.Agreement) []narthex.Owed {
	var list []narthex.Owed
	clause := func(name narthex.ClauseName) (string, map[string]string) {
		at := slices.IndexFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == name })
		if at < 0 {
			return "", nil
		}
		return a.Clauses[at].Number + ". " + a.Clauses[at].Title, a.Clauses[at].Values
	}
	number, values := clause("termination-and-return")
	if values["certificate"] == "yes" {
		list = append(list, narthex.Owed{Obligation: narthex.DestructionCertificate, By: narthex.PartyResearcher, Clause: number, Days: days(values["return_days"]), Business: true, Backups: values["backups"] == "yes"})
	}
	if values["report"] == "yes" {
		list = append(list, narthex.Owed{Obligation: narthex.FinalReport, By: narthex.PartyResearcher, Clause: number, Days: days(values["report_days"])})
	}
	number, values = clause("data-protection")
	if basis := values["basis"]; basis != "" && basis != "none" {
		list = append(list, narthex.Owed{Obligation: narthex.PersonalDataDeleted, By: narthex.PartyResearcher, Clause: number, Days: days(values["retention_days"])})
	}
	number, values = clause("insurance")
	if cover := values["cover"]; cover != "" && cover != "none" {
		list = append(list, narthex.Owed{Obligation: narthex.InsuranceProof, By: narthex.PartyInstitution, Clause: number, Days: days(values["proof_days"]), From: a.NotBefore, Cover: cover})
	}
	number, values = clause("results-and-ip")
	if n := days(values["patent_days"]); n > 0 {
		list = append(list, narthex.Owed{Obligation: narthex.PatentWindow, Clause: number, Days: n})
	}
	return list
}

// days reads a clause's number of days. One that does not read, which no loaded library has, is none: due at once.
func days(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// EndOf gives when access ended or will: on the agreement's date, or before where it was ended.
func EndOf(e narthex.Engagement) time.Time {
	if !e.EndedAt.IsZero() && (e.Until.IsZero() || e.EndedAt.Before(e.Until)) {
		return e.EndedAt
	}
	return e.Until
}

// over says whether access has ended at t.
func over(e narthex.Engagement, t time.Time) bool {
	return slices.Contains([]narthex.State{narthex.Ending, narthex.Closed}, e.State) || !e.Until.IsZero() && !t.Before(e.Until)
}

// Obligations gives what an engagement owes, as it stands at now, the soonest due first.
func Obligations(e narthex.Engagement, calendar Calendar, now time.Time) []Obligation {
	list := []Obligation{}
	for _, owed := range e.Owed {
		o := Obligation{Owed: owed, State: narthex.ObligationOpen, Due: dueOf(e, owed, calendar), Begun: begun(e, owed, now), Asks: !owed.From.IsZero() || over(e, now)}
		past := !now.Before(o.Due)
		switch {
		case owed.By == "" && past:
			o.State = narthex.ObligationOver
		case owed.By == "":
		case metBy(e, owed.Obligation) != nil:
			o.State = narthex.ObligationMet
		case waived(e, owed.Obligation):
			o.State = narthex.ObligationWaived
		case past:
			o.State = narthex.ObligationLate
		}
		list = append(list, o)
	}
	order.By(list, func(a, b Obligation) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Obligation, b.Obligation))
	})
	return list
}

func dueOf(e narthex.Engagement, owed narthex.Owed, calendar Calendar) time.Time {
	from := owed.From
	if from.IsZero() {
		from = EndOf(e)
	}
	if owed.Business {
		return calendar.Add(from, owed.Days)
	}
	return from.AddDate(0, 0, owed.Days)
}

// begun says whether an obligation can be met at t: what is received is destroyed, and personal data deleted, when access has ended.
func begun(e narthex.Engagement, owed narthex.Owed, t time.Time) bool {
	return owed.Obligation != narthex.DestructionCertificate && owed.Obligation != narthex.PersonalDataDeleted || over(e, t)
}

// metBy gives what met an obligation, where it was not rejected.
func metBy(e narthex.Engagement, name narthex.ObligationName) *narthex.Met {
	for i := range e.Met {
		if e.Met[i].Obligation == name && e.Met[i].Rejected == nil {
			return &e.Met[i]
		}
	}
	return nil
}

// waived says whether two different people waived an obligation.
func waived(e narthex.Engagement, name narthex.ObligationName) bool {
	return len(waivers(e, name)) >= 2
}

func waivers(e narthex.Engagement, name narthex.ObligationName) []narthex.PersonID {
	var people []narthex.PersonID
	for _, w := range e.Waivers {
		if w.Obligation == name && !slices.Contains(people, w.By) {
			people = append(people, w.By)
		}
	}
	return people
}

// owedOf gives what is owed under a name.
func owedOf(e narthex.Engagement, name narthex.ObligationName) (narthex.Owed, bool) {
	at := slices.IndexFunc(e.Owed, func(o narthex.Owed) bool { return o.Obligation == name && o.By != "" })
	if at < 0 {
		return narthex.Owed{}, false
	}
	return e.Owed[at], true
}

// unmet lists what is still owed.
func unmet(e narthex.Engagement) []narthex.Owed {
	return slices.DeleteFunc(slices.Clone(e.Owed), func(o narthex.Owed) bool {
		return o.By == "" || metBy(e, o.Obligation) != nil || waived(e, o.Obligation)
	})
}

// OwedInWords says what is to be done.
func OwedInWords(o narthex.Owed) string {
	switch o.Obligation {
	case narthex.DestructionCertificate:
		return "a signed certificate that what was received is destroyed"
	case narthex.PersonalDataDeleted:
		return "the deletion of personal data"
	case narthex.FinalReport:
		return "a final report"
	case narthex.InsuranceProof:
		return "proof of insurance with a cover of at least " + o.Cover
	case narthex.IncidentReport:
		return "a report on the incident"
	case narthex.PatentWindow:
		return "the time in which a patent can be filed"
	}
	return strings.ReplaceAll(string(o.Obligation), "_", " ")
}

// NextStep is the command line that meets an obligation.
func NextStep(id narthex.EngagementID, name narthex.ObligationName) string {
	if name == narthex.DestructionCertificate {
		return "narthex engagements certify " + string(id)
	}
	return "narthex engagements meet " + string(id) + " --obligation " + string(name) + " --evidence FILE"
}

// owing finds what a command names among what is owed.
func owing(e narthex.Engagement, name narthex.ObligationName) (narthex.Owed, *narthex.Error) {
	owed, is := owedOf(e, name)
	if !is {
		return owed, narthex.Invalidf("The agreement asks for no such thing. `narthex obligations %s` lists what it asks.", e.ID).For("obligation")
	}
	return owed, nil
}

// mayMeet says whether a person of the researcher's side can hand in what meets an obligation.
func mayMeet(e narthex.Engagement, draft Event, p narthex.Person, facts Facts) *narthex.Error {
	owed, err := owing(e, draft.Obligation)
	if err != nil {
		return err
	}
	switch {
	case metBy(e, owed.Obligation) != nil:
		return narthex.Conflictf("That is met already; nothing more is needed.").For("obligation")
	case waived(e, owed.Obligation):
		return narthex.Conflictf("The lab waived that; nothing more is needed.").For("obligation")
	case !begun(e, owed, facts.Now):
		return narthex.Conflictf("Access lasts until %s; this is done when it has ended. End it sooner with `narthex engagements end %s`.", EndOf(e).UTC().Format(time.RFC3339), e.ID).For("obligation")
	case used(e, draft.Evidence):
		return narthex.Conflictf("That very evidence was handed in before. Bring another, which answers why it was rejected.").For("evidence")
	case draft.Evidence == "":
		return narthex.Invalidf("Say with which evidence, by the digest of a file that you keep.").For("evidence")
	case (owed.Obligation == narthex.DestructionCertificate) != (draft.Certificate != nil):
		return narthex.Invalidf("A certificate of destruction, signed by a person of the researcher's side, meets the obligation of that name and no other. Use `%s`.", NextStep(e.ID, owed.Obligation)).For("certificate")
	case draft.Certificate != nil:
		return certifies(e, owed, draft, p, facts.Now)
	}
	return nil
}

// used says whether evidence of that digest stands in the engagement.
func used(e narthex.Engagement, digest narthex.Digest) bool {
	return digest != "" && slices.ContainsFunc(e.Met, func(m narthex.Met) bool { return m.Evidence == digest })
}

// certifies holds a certificate to the engagement, its agreement, its giver and the clause. That its signature verifies is the caller's to say.
func certifies(e narthex.Engagement, owed narthex.Owed, draft Event, p narthex.Person, now time.Time) *narthex.Error {
	c, s := draft.Certificate.Certificate, draft.Certificate.Signature
	party := narthex.PartyInstitution
	if slices.Contains(e.Authors, p.ID) {
		party = narthex.PartyResearcher
	}
	digest, err := canon.Digest(c)
	switch {
	case err != nil || digest != s.Digest || digest != draft.Evidence:
		return narthex.Conflictf("The signature is not on this certificate. Sign its digest again.").For("certificate").Because(err)
	case c.Engagement != e.ID:
		return narthex.Invalidf("The certificate is for another engagement. Make one for this.").For("engagement")
	case c.Agreement != e.Agreement:
		return narthex.Invalidf("The certificate is for another agreement than the one in force. Make one for %s.", e.Agreement.Short()).For("agreement")
	case c.Person != p.ID || s.By != p.ID:
		return narthex.Refusedf("The certificate is someone else's word. Whoever gives it signs it.").For("person")
	case s.Party != party:
		return narthex.Invalidf("You sign this for the %s.", party).For("party")
	case c.At.After(now):
		return narthex.Invalidf("The certificate tells of a time to come. Destroy first, and then certify.").For("at")
	case !c.BackupsUntil.IsZero() && !owed.Backups:
		return narthex.Refusedf("Clause %s leaves no copies in backups. Destroy those too, and certify that.", owed.Clause).For("backups_until")
	}
	return nil
}

// mayReject lets the lab send evidence back, once for each obligation.
func mayReject(e narthex.Engagement, draft Event, _ narthex.Person, _ Facts) *narthex.Error {
	if _, err := owing(e, draft.Obligation); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(draft.Text) == "":
		return narthex.Invalidf("A rejection needs a reason that the researcher can read.").For("text")
	case metBy(e, draft.Obligation) == nil:
		return narthex.Conflictf("There is no evidence of that to reject.").For("obligation")
	case rejected(e, draft.Obligation):
		return narthex.Conflictf("Evidence of that was rejected once, and once is all. Take it, or turn to whom the agreement names for a dispute.").For("obligation")
	}
	return nil
}

func rejected(e narthex.Engagement, name narthex.ObligationName) bool {
	return slices.ContainsFunc(e.Met, func(m narthex.Met) bool { return m.Obligation == name && m.Rejected != nil })
}

// mayWaive lets two different people of the lab give up an obligation.
func mayWaive(e narthex.Engagement, draft Event, p narthex.Person, _ Facts) *narthex.Error {
	if _, err := owing(e, draft.Obligation); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(draft.Text) == "":
		return narthex.Invalidf("A waiver needs a reason; it stays in the record.").For("text")
	case metBy(e, draft.Obligation) != nil || waived(e, draft.Obligation):
		return narthex.Conflictf("That is not owed any more; there is nothing to waive.").For("obligation")
	case slices.Contains(waivers(e, draft.Obligation), p.ID):
		return narthex.Conflictf("You have waived that already; it takes a second person.").For("obligation")
	}
	return nil
}

// mayIssue lets an access statement be issued that was not issued before.
func mayIssue(e narthex.Engagement, draft Event, _ narthex.Person, _ Facts) *narthex.Error {
	switch {
	case draft.Saw == "":
		return narthex.Invalidf("A statement is issued by its digest.").For("saw")
	case issued(e, draft.Saw):
		return narthex.Conflictf("That statement was issued; it can be read again as it is.").For("saw")
	case len(e.Issued) >= mostIssued:
		return narthex.Conflictf("%d statements of this engagement were issued already, and no more will be. Use the last file that you have.", mostIssued)
	}
	return nil
}

func issued(e narthex.Engagement, digest narthex.Digest) bool {
	return slices.ContainsFunc(e.Issued, func(i narthex.Issued) bool { return i.Statement == digest })
}

// mayClose holds the end of an engagement back while something is owed, and says what, by which clause, and how it is met.
func mayClose(e narthex.Engagement, _ Event, _ narthex.Person, _ Facts) *narthex.Error {
	if open := OpenIncidents(e); len(open) > 0 {
		return narthex.Conflictf("It cannot close while an incident is open, the first of them number %d: `narthex incidents resolve %s %d`.", open[0].Number, e.ID, open[0].Number)
	}
	var lines []string
	for _, owed := range unmet(e) {
		lines = append(lines, fmt.Sprintf("%s by the %s, clause %s, met with `%s`", OwedInWords(owed), owed.By, owed.Clause, NextStep(e.ID, owed.Obligation)))
	}
	if len(lines) == 0 {
		return nil
	}
	return narthex.Conflictf("It cannot close while something is owed: %s. Two of the lab can waive it: `narthex engagements waive %s`.", strings.Join(lines, "; "), e.ID)
}

// closeOut folds what is done about obligations, statements and the end.
func closeOut(e *narthex.Engagement, event Event) error {
	_, owes := owedOf(*e, event.Obligation)
	switch event.Command {
	case Meet:
		return meet(e, event)
	case Reject:
		met := metBy(*e, event.Obligation)
		if !owes || met == nil || rejected(*e, event.Obligation) || strings.TrimSpace(event.Text) == "" {
			return errors.New("there is no evidence to reject, it was rejected once, or no reason is given")
		}
		met.Rejected = &narthex.Rejection{By: event.By, At: event.At, Text: event.Text}
	case Waive:
		if !owes || metBy(*e, event.Obligation) != nil || waived(*e, event.Obligation) || slices.Contains(waivers(*e, event.Obligation), event.By) {
			return errors.New("it is not owed, or waived by the same person")
		}
		e.Waivers = append(e.Waivers, narthex.Waiver{Obligation: event.Obligation, By: event.By, At: event.At, Text: event.Text})
	case Issue:
		if event.Saw == "" || issued(*e, event.Saw) || len(e.Issued) >= mostIssued {
			return errors.New("the statement has no digest, was issued, or is one too many")
		}
		e.Issued = append(e.Issued, narthex.Issued{Statement: event.Saw, By: event.By, At: event.At})
	case Close:
		if len(unmet(*e)) > 0 || len(OpenIncidents(*e)) > 0 {
			return errors.New("something is owed, or an incident is open")
		}
	}
	return nil
}

func meet(e *narthex.Engagement, event Event) error {
	owed, owes := owedOf(*e, event.Obligation)
	if !owes || event.Evidence == "" || used(*e, event.Evidence) || metBy(*e, owed.Obligation) != nil || waived(*e, owed.Obligation) || !begun(*e, owed, event.At) {
		return errors.New("it is not owed, not to be met yet, or with no evidence or one that was there before")
	}
	if (owed.Obligation == narthex.DestructionCertificate) != (event.Certificate != nil) {
		return errors.New("a certificate meets the obligation of that name and no other")
	}
	if event.Certificate != nil {
		if refused := certifies(*e, owed, event, narthex.Person{ID: event.By}, event.At); refused != nil {
			return errors.New("the certificate is for something else, or another's")
		}
	}
	e.Met = append(e.Met, narthex.Met{Obligation: owed.Obligation, By: event.By, At: event.At, Evidence: event.Evidence, Note: event.Text, Certificate: event.Certificate})
	return nil
}

// What an obligation asks of a person.
const (
	ToMeet   Task = "meet"
	ToRemind Task = "remind" // of what is late, by the programme
)

// OwedBy says which obligation an engagement asks a person to meet, or to see to, first; nil where it asks nothing of them.
func OwedBy(e narthex.Engagement, p narthex.Person, list []Obligation) (Task, *Obligation) {
	parts := PartsOf(e, p)
	researcher := !p.InLab() && (slices.Contains(parts, Applicant) || slices.Contains(parts, Member))
	for i, o := range list {
		if !o.Blocks() || !o.Asks || !slices.Contains([]narthex.State{narthex.Active, narthex.Ending}, e.State) {
			continue
		}
		switch {
		case o.By == narthex.PartyResearcher && researcher, o.By == narthex.PartyInstitution && slices.Contains(parts, Institution):
			return ToMeet, &list[i]
		case o.State == narthex.ObligationLate && slices.Contains(parts, Programme):
			return ToRemind, &list[i]
		}
	}
	return "", nil
}

// waitsOwed lists for whom what is owed may wait: whoever owes it, from when it is to be met, and the programme, from when it may be late.
// Without a calendar that is the earliest that its days can end.
func waitsOwed(e narthex.Engagement) []Wait {
	var waits []Wait
	for _, owed := range unmet(e) {
		var from time.Time // it waits already
		base := owed.From
		if base.IsZero() {
			base = EndOf(e)
			if !slices.Contains([]narthex.State{narthex.Ending, narthex.Closed}, e.State) {
				from = base
			}
		}
		due := base.AddDate(0, 0, owed.Days)
		if owed.By == narthex.PartyInstitution {
			waits = append(waits, Wait{Official: true, Due: due, From: from})
		} else {
			for _, person := range append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...) {
				waits = append(waits, Wait{Person: person, Due: due, From: from})
			}
		}
		waits = append(waits, Wait{Role: narthex.Programme, Due: due, From: due})
	}
	return waits
}

// Unmet says whether anything holds the engagement's end back.
func Unmet(e narthex.Engagement) bool { return len(unmet(e)) > 0 }
