package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/workflow"
)

// showEngagement prints an engagement and remembers the digest of what was shown.
func (a *app) showEngagement(p profile, view client.EngagementView) error {
	e := view.Engagement
	if err := a.show(view, func(page *page) { writeEngagement(page, view) }); err != nil {
		return err
	}
	if e.Counter != nil {
		if err := p.saw(counterOf(e.ID), e.Counter.Digest); err != nil {
			return err
		}
	}
	if e.Objection != nil {
		if err := p.saw(objectionOf(e.ID), e.Objection.Digest); err != nil {
			return err
		}
	}
	return p.saw(string(e.ID), e.Digest)
}

func writeEngagement(p *page, view client.EngagementView) {
	e, app := view.Engagement, view.Engagement.Application
	named := func(id narthex.PersonID) string {
		if name := view.People[string(id)]; name != "" {
			return name
		}
		return string(id)
	}
	state := strings.ReplaceAll(string(e.State), "_", " ")
	if e.Locked || len(view.Locks) > 0 {
		state += ", locked"
	}
	sponsor := ""
	if now := cmp.Or(e.Sponsor, app.Sponsor); now != "" {
		sponsor = named(now)
	}
	if e.Successor != "" {
		sponsor += ", and " + named(e.Successor) + " was asked to take it over"
	}
	members := make([]string, len(app.Members))
	for i, member := range app.Members {
		members[i] = named(member)
		if slices.Contains(e.Left, member) {
			members[i] += " (left)"
		} else if !workflow.HasJoined(e, member) {
			members[i] += " (has not accepted)"
		}
	}
	p.fields([2]string{"engagement", string(e.ID)}, [2]string{"state", state}, [2]string{"title", app.Title}, [2]string{"pathway", string(app.Pathway)}, [2]string{"amends", string(app.Amends)},
		[2]string{"applicant", named(app.Applicant)}, [2]string{"with", strings.Join(members, ", ")}, [2]string{"sponsor", sponsor}, [2]string{"for", fmt.Sprintf("%d days", app.Days)}, [2]string{"narrowed to", codesInWords(app.Codes)},
		[2]string{"must approve", reviewsInWords(app.Reviews)}, [2]string{"due", dueText(e)}, [2]string{"waits for", strings.Join(view.Waiting, ", ")},
		[2]string{"agreement", string(e.Agreement)}, [2]string{"grant", string(e.Grant)}, [2]string{"reason", e.Reason}, [2]string{"digest", string(e.Digest)})
	writeLocks(p, view.Locks)
	writeDeclared(p, app)
	p.heading("Asked for")
	p.table(termTable(app.Terms))
	level, took := "", ""
	if view.Level != nil {
		level = view.Level.Says
	}
	if view.Took != nil {
		took = fmt.Sprintf("%s, the median of %d decisions", hoursInWords(view.Took.MedianHours), view.Took.Count)
	}
	p.fields([2]string{"how deep", level}, [2]string{"decisions took", took})
	for _, horizon := range view.Horizons {
		writeHorizon(p, horizon)
	}
	writeNotices(p, view.Notices)
	for _, question := range slices.Sorted(maps.Keys(app.Answers)) {
		p.heading("Answer to " + question)
		p.block(app.Answers[question])
	}
	writeTriage(p, e, named)
	writeClaims(p, e, named)
	writeRefusal(p, view, named)
	writeObjection(p, view, named)
	writeVotes(p, e, named)
	writeOpinions(p, e, named)
	if e.Counter != nil {
		p.heading(named(e.Counter.By) + " offers as " + words([]narthex.Role{e.Counter.As}) + ", " + day(e.Counter.At))
		p.block(e.Counter.Text)
		for _, change := range view.Counter {
			p.line("  %s", change)
		}
	}
	for _, note := range e.Notes {
		heading := named(note.By) + " wrote, " + day(note.At)
		if note.Private {
			heading = named(note.By) + " wrote for the lab, " + day(note.At)
		}
		p.heading(heading)
		p.block(note.Text)
	}
	writeNext(p, view)
}

func dueText(e narthex.Engagement) string {
	if e.Due.IsZero() {
		return ""
	}
	return day(e.Due)
}

// termTable has a row a limit.
func termTable(terms []narthex.Term) *table {
	t := newTable("CLAUSE", "ATTRIBUTE", "ON", "LIMIT", "VALUE")
	for _, term := range terms {
		clause, attribute, asset := term.Clause, string(term.Attribute), string(term.Asset)
		if len(term.Limits) == 0 {
			t.row(clause, attribute, asset, "", "")
		}
		for _, name := range slices.Sorted(maps.Keys(term.Limits)) {
			t.row(clause, attribute, asset, string(name), term.Limits[name].String())
			clause, attribute, asset = "", "", ""
		}
	}
	return t
}

// writeTriage says what the pathway's rules did, and where each stands.
func writeTriage(p *page, e narthex.Engagement, named func(narthex.PersonID) string) {
	if len(e.Triage) == 0 {
		return
	}
	p.heading("Rules of the pathway")
	t := newTable("RULE", "SAYS", "DIRECTORY")
	for _, did := range e.Triage {
		says := did.Flag
		switch {
		case did.Route != "":
			says = words([]narthex.Role{did.Route}) + " must approve it too"
		case did.Approve != "":
			says = "it stands in for the approval of " + words([]narthex.Role{did.Approve})
		case did.Assign != "":
			says = "it is given to " + named(did.Assign) + " as " + words([]narthex.Role{did.As})
		}
		t.row(did.Rule, says, did.Directory.Short())
	}
	p.table(t)
}

// writeClaims says who looks at it; of whom the reader is not to know, that somebody does.
func writeClaims(p *page, e narthex.Engagement, named func(narthex.PersonID) string) {
	if len(e.Claims) == 0 {
		return
	}
	p.heading("Claimed by")
	t := newTable("WHO", "AS", "SINCE")
	for _, claim := range e.Claims {
		who := "a reviewer"
		if claim.By != "" {
			who = named(claim.By)
		}
		t.row(who, words([]narthex.Role{claim.As}), day(claim.At))
	}
	p.table(t)
}

func writeVotes(p *page, e narthex.Engagement, named func(narthex.PersonID) string) {
	if len(e.Votes) == 0 {
		return
	}
	p.heading("Votes on this text")
	t := newTable("WHO", "AS", "VOTE", "WHEN", "REASON")
	for _, vote := range e.Votes {
		verdict := "declined"
		if vote.Approve {
			verdict = "approved"
		}
		t.row(named(vote.By), words([]narthex.Role{vote.As}), verdict, day(vote.At), vote.Reason)
	}
	p.table(t)
}

// writeNext says what the reader may do now, as command lines.
func writeNext(p *page, view client.EngagementView) {
	id := string(view.Engagement.ID)
	lines := map[string]string{
		"edit":              "narthex engagements edit " + id + " --from FILE",
		"submit":            "narthex engagements submit " + id,
		"revise":            "narthex engagements revise " + id + " --answer TEXT --from FILE",
		"withdraw":          "narthex engagements withdraw " + id,
		"approve":           "narthex review approve " + id + " --as ROLE",
		"decline":           "narthex review decline " + id + " --as ROLE --reason WHY",
		"return":            "narthex review return " + id + " --as ROLE --reason QUESTION",
		"claim":             "narthex review claim " + id + " --as ROLE",
		"unclaim":           "narthex review unclaim " + id + " --as ROLE",
		"entrust":           "narthex review assign " + id + " --as ROLE --to PERSON",
		"invite":            "narthex review invite " + id + " --as ROLE --name NAME --email ADDRESS --question TEXT",
		"uninvite":          "narthex review uninvite " + id + " INVITATION",
		"counter":           "narthex review counter " + id + " --as ROLE --set ATTRIBUTE@ASSET:LIMIT=VALUE --reason WHY",
		"accept":            "narthex engagements accept " + id,
		"nudge":             "narthex engagements nudge " + id,
		"comment":           "narthex engagements comment " + id + " --text TEXT",
		"sign":              "narthex agreement show " + id + ", then narthex agreement sign " + id + " --as PARTY",
		"mediate":           "narthex engagements mediate " + id + " --text TEXT",
		"propose_mediator":  "narthex engagements mediation propose " + id + " --name NAME --email ADDRESS",
		"accept_mediator":   "narthex engagements mediation accept " + id + " --name NAME --email ADDRESS",
		"record_mediation":  "narthex engagements mediation record " + id + " --result RESULT --text TEXT",
		"object":            "narthex engagements object " + id + " --as ROLE --ground GROUND --alternative TEXT --reason WHY",
		"uphold":            "narthex review uphold " + id + " --as ROLE --reason WHY",
		"dismiss":           "narthex review dismiss " + id + " --as ROLE --reason WHY",
		"bind":              "narthex agreement outside " + id + " FILE",
		"end":               "narthex engagements end " + id + " --reason WHY",
		"transfer":          "narthex engagements transfer " + id + " --to PERSON",
		"take":              "narthex engagements take " + id,
		"join":              joinNext(view.Engagement.Agreement != "", id),
		"leave":             "narthex grant leave " + string(view.Engagement.Grant),
		"close":             "narthex engagements close " + id,
		"meet":              "narthex obligations " + id,
		"waive":             "narthex obligations " + id,
		"reject":            "narthex obligations " + id,
		"issue":             "narthex statement " + id,
		"manuscript_submit": "narthex publication submit " + id + " FILE --title TITLE",
		"open_incident":     "narthex incidents open " + id + " --kind KIND --severity SEVERITY --at WHEN --text '…'",
		"resolve_incident":  "narthex incidents resolve " + id + " NUMBER --outcome OUTCOME --text '…'",
		"lock":              "narthex lock engagement " + id + " --reason CODE",
	}
	var can []string
	for _, command := range view.Allowed {
		if line, known := lines[command]; known && !slices.Contains(can, line) {
			can = append(can, line)
		}
	}
	if len(view.Engagement.Manuscripts) > 0 {
		can = append(can, "narthex publication list "+id)
	}
	if view.Engagement.Grant != "" {
		can = append(can, "narthex grant show "+string(view.Engagement.Grant))
	}
	if len(can) == 0 {
		return
	}
	p.heading("You can")
	for _, line := range can {
		p.line("  %s", line)
	}
}
