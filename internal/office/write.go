package office

import (
	"slices"
	"strings"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

const (
	mostTerms   = 64
	mostMembers = 32
	mostDrafts  = 20
)

// written is an application that was checked by rules, before it is known whose it is. It is made outside the writer, who
// serves everyone: how long it takes is the applicant's doing.
type written struct {
	rules       *book.Rules
	application narthex.Application
}

// text checks by the rules in force what an applicant wrote.
func (o *Office) text(in client.Draft) (*written, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return nil, err
	}
	return write(rules, in)
}

// rewrite does it for a command that brings a text; others bring none.
func (o *Office) rewrite(command workflow.Command, in *client.Draft) (*written, error) {
	if in == nil || command != workflow.Edit && command != workflow.Revise {
		return nil, nil
	}
	return o.text(*in)
}

// write checks what an applicant wrote and puts it in its one form.
func write(rules *book.Rules, in client.Draft) (*written, error) {
	switch {
	case len(in.Terms) > mostTerms:
		return nil, narthex.Invalidf("An application has at most %d terms.", mostTerms).For("terms")
	case len(in.Members) > mostMembers:
		return nil, narthex.Invalidf("An application names at most %d members.", mostMembers).For("members")
	}
	pathway, known := rules.Directory.Pathways[in.Pathway]
	if !known {
		return nil, narthex.WithheldError().For("pathway")
	}
	if strings.TrimSpace(in.Title) == "" || utf8.RuneCountInString(in.Title) > 200 {
		return nil, narthex.Invalidf("A title has 1 to 200 characters.").For("title")
	}
	if in.Days == 0 {
		in.Days = pathway.GrantDays
	}
	if err := checkDays(rules.Directory, pathway, in.Days); err != nil {
		return nil, err
	}
	if err := checkAnswers(pathway, in.Answers); err != nil {
		return nil, err
	}
	if err := checkAttachments(in.Attachments); err != nil {
		return nil, err
	}
	if err := checkDeclared(in.Interests); err != nil {
		return nil, err
	}
	if err := lab.CheckAdded(pathway, in.Codes, len(in.Attachments) > 0); err != nil {
		return nil, err
	}
	terms := completeTerms(pathway, in.Terms)
	if err := narthex.CheckTerms(rules.Directory.Taxonomy, terms); err != nil {
		return nil, err
	}
	_, added := notices(rules.Directory, pathway, terms)
	_, sooner, err := sized(rules.Directory, askedAssets(rules.Directory, pathway, terms), terms, in.Days, nil)
	if err != nil {
		return nil, err
	}
	answers := in.Answers
	if answers == nil {
		answers = map[string]string{}
	}
	made := narthex.Application{Pathway: in.Pathway, Directory: rules.Directory.Digest, Title: in.Title, Members: in.Members, Sponsor: in.Sponsor,
		Answers: answers, Terms: terms, Days: in.Days,
		Attachments: in.Attachments, Interests: in.Interests, Codes: in.Codes, Reviews: reviewsOf(rules.Directory, pathway, terms, append(added, sooner...)), SigningOrder: pathway.SigningOrder, RestsOn: pathway.RestsOn, Refusals: rules.Directory.RefusalsOf(pathway)}
	if err := rules.Directory.CheckApplication(pathway, made); err != nil {
		return nil, err
	}
	return &written{rules, made}, nil
}

// checkDays holds the days of a grant to the pathway's most and least.
func checkDays(d *lab.Directory, pathway narthex.Pathway, days int) error {
	if days < 0 || days > pathway.MostDays {
		return narthex.Invalidf("The pathway gives at most %d days.", pathway.MostDays).For("days")
	}
	if least := d.LeastDays(pathway); days < least {
		return narthex.Invalidf("The pathway gives at least %d business days, which can take %d days. Ask for that many or more.", pathway.LeastDays, least).For("days")
	}
	return nil
}

// of gives the application by the same rules as it was written by; whose it is, and what it amends, another one says.
func (w *written) of(tx *journal.Tx, rules *book.Rules, whose narthex.Application) (narthex.Application, error) {
	if w.rules != rules {
		return narthex.Application{}, narthex.Unavailablef("A new lab directory has come into force since you asked; look at the pathway and try again.")
	}
	a := w.application
	a.Engagement, a.Applicant, a.Org, a.Amends = whose.Engagement, whose.Applicant, whose.Org, whose.Amends
	return a, checkNamed(tx, a)
}

// addDraft puts a new draft on its applicant's list, which holds so many that are still being written.
func addDraft(tx *journal.Tx, applicant narthex.PersonID, id narthex.EngagementID) error {
	keys, err := book.OwnOf(tx, "drafts", applicant)
	if err != nil {
		return err
	}
	open := []string{string(id)}
	for _, key := range keys {
		e, err := engagementOf(tx, narthex.EngagementID(key))
		if err != nil {
			return err
		}
		if e.State == narthex.Draft {
			open = append(open, key)
		}
	}
	if len(open) > mostDrafts {
		return narthex.Conflictf("You are writing %d applications already. Submit or withdraw one first.", mostDrafts)
	}
	return book.SetOwn(tx, "drafts", applicant, open)
}

// ofToday renews a draft that is handed in where the directory, or who must approve it, is not that of today.
func (o *Office) ofToday(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) (narthex.Engagement, error) {
	if outdated(rules, e) {
		return o.renew(tx, rules, e, p)
	}
	reviews, err := overAll(tx, rules.Directory, e.Application)
	if err != nil || slices.Equal(reviews, e.Application.Reviews) {
		return e, err
	}
	return o.renew(tx, rules, e, p)
}

// renew writes a draft anew by the directory in force, as the one who submits it: its reviewers are those of today, with all
// grants that run beside it.
func (o *Office) renew(tx *journal.Tx, rules *book.Rules, e narthex.Engagement, p narthex.Person) (narthex.Engagement, error) {
	text, err := write(rules, draftOf(e.Application))
	var made narthex.Application
	if err == nil {
		made, err = text.of(tx, rules, e.Application)
	}
	if err == nil {
		made.Reviews, err = overAll(tx, rules.Directory, made)
	}
	if err != nil {
		return e, narthex.Conflictf("The lab's directory changed since this was written, and the pathway no longer takes it as it is. Edit it and submit again. %s", narthex.AsError(err).Public).Because(err)
	}
	return o.apply(tx, e, workflow.Event{Command: workflow.Edit, Application: &made}, p, workflow.Facts{})
}

func checkAnswers(pathway narthex.Pathway, answers map[string]string) error {
	for name, answer := range answers {
		at := slices.IndexFunc(pathway.Questions, func(q narthex.Question) bool { return q.Name == name })
		if at < 0 {
			return narthex.Invalidf("An answer is to a question that the pathway does not ask.").For("answers")
		}
		q := pathway.Questions[at]
		if answer != "" && !pathway.Asked(name, answers) {
			return narthex.Invalidf("%s is asked only when %s is: %s. Leave its answer out, or change that one.", name, q.When.Question, strings.Join(q.When.Is, ", ")).For("answers." + name)
		}
		if utf8.RuneCountInString(answer) > q.MaxChars {
			return narthex.Invalidf("The answer to %s is longer than %d characters.", name, q.MaxChars).For("answers." + name)
		}
		if len(q.Choices) > 0 && answer != "" && !slices.Contains(q.Choices, answer) {
			return narthex.Invalidf("The answer to %s is one of: %s.", name, strings.Join(q.Choices, ", ")).For("answers." + name)
		}
	}
	return nil
}

// unanswered lists the questions that a pathway asks of an application and that it must answer and does not.
func unanswered(pathway narthex.Pathway, a narthex.Application) []string {
	var missing []string
	for _, q := range pathway.Questions {
		if q.Required && pathway.Asked(q.Name, a.Answers) && strings.TrimSpace(a.Answers[q.Name]) == "" {
			missing = append(missing, q.Name)
		}
	}
	return missing
}

// checkNamed holds the people named to what they can be: a sponsor of the lab, members of the applicant's organisation.
func checkNamed(tx *journal.Tx, in narthex.Application) error {
	if in.Sponsor != "" {
		sponsor, err := journal.Get[narthex.Person](tx, store.People, string(in.Sponsor))
		if err != nil {
			return err
		}
		if sponsor == nil || !sponsor.Has(narthex.Sponsor) {
			return narthex.Invalidf("The sponsor must be an active person of the lab with the role sponsor.").For("sponsor")
		}
	}
	for i, member := range in.Members {
		person, err := journal.Get[narthex.Person](tx, store.People, string(member))
		if err != nil {
			return err
		}
		if person == nil || person.Org != in.Org || member == in.Applicant || slices.Contains(in.Members[:i], member) {
			return narthex.Invalidf("Members are people of your organisation other than you, each named once.").For("members")
		}
	}
	return nil
}
