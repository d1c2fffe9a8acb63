package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
)

// form asks a person what an application says, one thing at a time. What is not good is said at once and asked again; what was
// said already is never asked twice.
type form struct {
	in  *bufio.Reader
	out *page
}

// fill asks for everything that an application on a pathway holds.
func (f form) fill(view client.PathwayView, attached []narthex.Attachment) (client.Draft, error) {
	way := view.Pathway
	draft := client.Draft{Pathway: way.Name, Answers: map[string]string{}, Attachments: attached}
	f.out.heading(way.Title)
	f.out.line("%s", way.Summary)
	f.out.line("An empty line takes what stands in brackets. Nothing is sent before the end; Ctrl-C leaves.")
	var err error
	if draft.Title, err = f.ask("title of your project", "", func(text string) error { return within(text, true, 200) }); err != nil {
		return draft, err
	}
	days := fmt.Sprintf("for how many days, at most %d", way.MostDays)
	if view.LeastDays > 0 {
		days = fmt.Sprintf("for how many days, %d to %d", view.LeastDays, way.MostDays)
	}
	_, err = f.ask(days, strconv.Itoa(way.GrantDays), func(text string) error {
		draft.Days, err = strconv.Atoi(text)
		if err != nil || draft.Days < max(1, view.LeastDays) || draft.Days > way.MostDays {
			return fmt.Errorf("a whole number of days, %d to %d", max(1, view.LeastDays), way.MostDays)
		}
		return nil
	})
	if err != nil {
		return draft, err
	}
	if err = f.people(way, &draft); err != nil {
		return draft, err
	}
	if err = f.declared(&draft); err != nil {
		return draft, err
	}
	if err = f.answers(way, draft.Answers); err != nil {
		return draft, err
	}
	if err = f.attached(&draft); err != nil {
		return draft, err
	}
	if err = f.codes(way, &draft); err != nil {
		return draft, err
	}
	draft.Terms, err = f.terms(view)
	return draft, err
}

// people asks who works on it beside the applicant.
func (f form) people(way narthex.Pathway, draft *client.Draft) error {
	sponsor, given := "someone of the lab who works with you and sponsors it, per_…", "nobody"
	if way.Sponsor == narthex.SponsorRequired {
		sponsor, given = "the one of the lab who works with you and sponsors it, per_…", ""
	}
	_, err := f.ask(sponsor, given, func(text string) (err error) {
		switch text {
		case given: // nobody, where that may be
			if given == "" {
				err = errors.New("this pathway takes no application without a sponsor")
			}
		default:
			draft.Sponsor, err = parseID[narthex.PersonID](text, "")
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = f.ask("people of your organisation who use it with you, per_… with spaces between", "nobody", func(text string) error {
		draft.Members = nil
		if text == "nobody" {
			return nil
		}
		for _, word := range strings.Fields(text) {
			member, err := parseID[narthex.PersonID](word, "")
			if err != nil {
				return err
			}
			draft.Members = append(draft.Members, member)
		}
		return nil
	})
	return err
}

// declared asks for what ties the applicant's side to the lab or its people, a kind at a time.
func (f form) declared(draft *client.Draft) error {
	f.out.heading("What ties you or a member to the lab or its people")
	for _, kind := range narthex.InterestKinds() {
		with, err := f.ask("  "+strings.ReplaceAll(string(kind), "_", " ")+": with whom", narthex.NoInterest, func(text string) error { return within(text, true, 200) })
		if err != nil {
			return err
		}
		draft.Interests = append(draft.Interests, narthex.DeclaredInterest{Kind: kind, With: with})
	}
	return nil
}

// attached asks for files that go with it, until none is named.
func (f form) attached(draft *client.Draft) error {
	for {
		var made client.Draft
		file, err := f.ask("a file to attach, which stays with you", "nothing", func(file string) error {
			if made = (client.Draft{}); file == "nothing" {
				return nil
			}
			return attach(&made, []string{file}, "so")
		})
		if err != nil || file == "nothing" {
			return err
		}
		made.Attachments[0].Where, err = f.ask("  where the lab's people can read it", "", func(text string) error { return within(text, true, 500) })
		if err != nil {
			return err
		}
		draft.Attachments = append(draft.Attachments, made.Attachments...)
	}
}

// codes asks by which codes the applicant's side binds itself to less than the pathway gives.
func (f form) codes(way narthex.Pathway, draft *client.Draft) error {
	can := lab.Narrowing(way)
	if len(can) == 0 {
		return nil
	}
	f.out.line("You can bind yourselves to less than the pathway gives: %s.", codesInWords(can))
	_, err := f.ask("codes, with spaces between", "nothing", func(text string) error {
		if draft.Codes = nil; text == "nothing" {
			return nil
		}
		for _, word := range strings.Fields(text) {
			draft.Codes = append(draft.Codes, narthex.UseCode(word))
		}
		if refused := lab.CheckAdded(way, draft.Codes, len(draft.Attachments) > 0); refused != nil {
			return errors.New(refused.Public)
		}
		return nil
	})
	return err
}

// answers asks the questions of a pathway that are asked of who answers as they did.
func (f form) answers(way narthex.Pathway, answers map[string]string) error {
	f.out.heading("Questions")
	for _, q := range way.Questions {
		if !way.Asked(q.Name, answers) {
			continue
		}
		f.out.line("%s", q.Ask+questionNote(narthex.Question{Required: q.Required, Choices: q.Choices, MaxChars: q.MaxChars}))
		if q.Help != "" {
			f.out.line("%s", q.Help)
		}
		check := func(text string) error {
			if len(q.Choices) > 0 && (text != "" || q.Required) && !slices.Contains(q.Choices, text) {
				return errors.New("one of: " + strings.Join(q.Choices, ", "))
			}
			return within(text, q.Required, q.MaxChars)
		}
		answer, err := f.text(q.Name, len(q.Choices) == 0 && q.MaxChars > 200, check)
		if err != nil {
			return err
		}
		if answer != "" {
			answers[q.Name] = answer
		}
	}
	return nil
}

// terms asks which of what a pathway offers is asked for, and how much of it.
func (f form) terms(view client.PathwayView) ([]narthex.Term, error) {
	f.out.heading("What you ask for")
	for {
		terms := []narthex.Term{}
		for _, offer := range view.Pathway.Offers {
			for _, asset := range offer.Assets {
				says := fmt.Sprintf("%s on %s: %s", offer.Attribute, asset, view.Attributes[offer.Attribute].Says)
				answer, err := f.ask(says, "no", func(text string) error {
					if text != "yes" && text != "no" && text != "y" && text != "n" {
						return errors.New("yes or no")
					}
					return nil
				})
				if err != nil {
					return nil, err
				}
				if answer == "no" || answer == "n" {
					continue
				}
				term := narthex.Term{Attribute: offer.Attribute, Asset: asset, Limits: map[narthex.LimitName]narthex.Value{}}
				if err := f.limits(offer, term.Limits); err != nil {
					return nil, err
				}
				terms = append(terms, term)
			}
		}
		if len(terms) > 0 {
			return terms, nil
		}
		f.out.mark("not yet:", yellow, "an application asks for something; say yes to at least one.")
	}
}

// limits asks how much of an offer is asked for. A value out of its range can be typed: the lab then says what that means.
func (f form) limits(offer narthex.Offer, into map[narthex.LimitName]narthex.Value) error {
	for _, name := range slices.Sorted(maps.Keys(offer.Limits)) {
		r := offer.Limits[name]
		_, err := f.ask(fmt.Sprintf("  %s, %s", name, lab.RangeInWords(r)), asTyped(r.Default), func(text string) (err error) {
			into[name], err = typed(r.Default.Form, text)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// asTyped writes a value as a person types it.
func asTyped(v narthex.Value) string {
	switch v.Form {
	case narthex.FormNames:
		return strings.Join(v.Names, " ")
	case narthex.FormTime:
		return v.Time.Format(time.RFC3339)
	}
	return v.String()
}

// typed reads a value of a form as a person types it.
func typed(form narthex.Form, text string) (narthex.Value, error) {
	switch form {
	case narthex.FormNumber:
		if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n <= narthex.LargestNumber {
			return narthex.NumberValue(n), nil
		}
		return narthex.Value{}, errors.New("a number from 0")
	case narthex.FormNames:
		return narthex.NamesValue(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })...), nil
	case narthex.FormFlag:
		if text == "true" || text == "false" {
			return narthex.FlagValue(text == "true"), nil
		}
		return narthex.Value{}, errors.New("true or false")
	case narthex.FormTime:
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return narthex.TimeValue(at), nil
		}
		return narthex.Value{}, errors.New("a time such as 2030-01-31T12:00:00Z")
	}
	return narthex.Value{}, errors.New("this limit cannot be typed; use --example and --from")
}

// within holds a text to its length.
func within(text string, required bool, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case required && strings.TrimSpace(text) == "":
		return errors.New("this needs an answer")
	case n > most:
		return fmt.Errorf("at most %d characters, and this has %d", most, n)
	}
	return nil
}

// ask asks for one line until it is good; an empty one is what stands in brackets.
func (f form) ask(question, given string, check func(string) error) (string, error) {
	if given != "" {
		question += " [" + given + "]"
	}
	for {
		f.out.write(printable(question) + ": ")
		text, err := f.line()
		if err != nil {
			return "", err
		}
		if text == "" {
			text = given
		}
		if err := check(text); err != nil {
			f.out.mark("not yet:", yellow, err.Error())
			continue
		}
		return text, nil
	}
}

// text asks for an answer until it is good: of one line, or of several that an empty one ends.
func (f form) text(name string, several bool, check func(string) error) (string, error) {
	if !several {
		return f.ask(name, "", check)
	}
	f.out.line("%s, as many lines as you like; an empty one ends it:", name)
	for {
		var lines []string
		for {
			text, err := f.line()
			if err != nil {
				return "", err
			}
			if text == "" {
				break
			}
			lines = append(lines, text)
		}
		answer := strings.Join(lines, "\n")
		if err := check(answer); err != nil {
			f.out.mark("not yet:", yellow, err.Error())
			continue
		}
		return answer, nil
	}
}

// line reads what a person typed, without the space around it.
func (f form) line() (string, error) {
	text, err := f.in.ReadString('\n')
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		f.out.blank() // the question's line stands open
		return "", narthex.Invalidf("The form was left before its end, so nothing was sent. `narthex apply PATHWAY --example` prints it as a file.").Because(err)
	}
	return strings.TrimSpace(text), nil
}

// keepDraft writes what was typed and could not be sent into a new file of the person's own, and gives its name.
func keepDraft(draft client.Draft, at time.Time) (string, error) {
	text, err := json.MarshalIndent(draft, "", "  ")
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("application-%s-%s.yaml", draft.Pathway, at.UTC().Format("20060102-150405"))
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fileError("written", name, err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fileError("written", name, err)
	}
	return name, nil
}
