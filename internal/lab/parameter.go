package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"narthex"
)

// mostText bounds a text of a clause, in characters, where its parameter sets no bound.
const mostText = 4000

// mostAmount bounds an amount of money, in units of its currency.
const mostAmount = 1 << 50

// parameterKind is what one kind of parameter may state, and when a value is one of it.
type parameterKind struct {
	ranged  bool // it has least and most
	needed  bool // and states both
	choices int  // how many choices it states at least; -1 where it has none
	rule    func(narthex.Parameter) string
	holds   func(narthex.Parameter, string) bool
}

// kindOf gives a kind; the second value is false for one that is unknown.
func kindOf(name string) (parameterKind, bool) {
	switch name {
	case "text":
		return parameterKind{ranged: true, choices: -1, rule: textRule, holds: isText}, true
	case "number", "days", "business_days":
		return parameterKind{ranged: true, needed: true, choices: -1, rule: numberRule, holds: isNumber}, true
	case "money":
		return parameterKind{ranged: true, rule: moneyRule, holds: isMoney}, true
	case "choice":
		return parameterKind{choices: 2, rule: func(p narthex.Parameter) string { return "one of: " + strings.Join(p.Choices, ", ") },
			holds: func(p narthex.Parameter, value string) bool { return slices.Contains(p.Choices, value) }}, true
	case "choices":
		return parameterKind{choices: 2, rule: func(p narthex.Parameter) string {
			return "a list, in this order, of one or more of: " + strings.Join(p.Choices, ", ")
		}, holds: areChoices}, true
	case "regions":
		return parameterKind{rule: func(p narthex.Parameter) string {
			return orWords("a list of countries by their two small letters, in order, such as at, de, fr", p.Choices)
		}, holds: areRegions}, true
	case "flag":
		return parameterKind{choices: -1, rule: func(narthex.Parameter) string { return "yes or no" },
			holds: func(_ narthex.Parameter, value string) bool { return value == "yes" || value == "no" }}, true
	}
	return parameterKind{}, false
}

// ParameterRule says in words what values a parameter may have.
func ParameterRule(p narthex.Parameter) string {
	kind, known := kindOf(p.Kind)
	if !known {
		return "nothing"
	}
	return kind.rule(p)
}

// isValue says whether the value is one that the parameter may have.
func isValue(p narthex.Parameter, value string) bool {
	kind, known := kindOf(p.Kind)
	return known && kind.holds(p, value)
}

// parameter checks what a clause states of one of its parameters.
func (l *loader) parameter(file string, clause narthex.ClauseName, name string, p narthex.Parameter) {
	bad := func(field, format string, args ...any) {
		l.at(file, []string{"parameters", name, field}, "parameter "+name+" "+format, args...)
	}
	kind, known := kindOf(p.Kind)
	if !known {
		bad("kind", "is of the kind text, number, days, business_days, money, choice, choices, regions or flag")
		return
	}
	if p.Says == "" {
		bad("says", "does not say what it is")
	}
	switch {
	case !kind.ranged && (p.Least != nil || p.Most != nil):
		bad("least", "has no least and most; a %s is %s", p.Kind, kind.rule(p))
	case kind.needed && (p.Least == nil || p.Most == nil):
		bad("kind", "states its range: least and most")
	case p.Least != nil && *p.Least < 0, p.Least != nil && p.Most != nil && *p.Least > *p.Most:
		bad("least", "has a range from zero up, with least not above most")
	}
	for i, choice := range p.Choices {
		if strings.TrimSpace(choice) != choice || choice == "" || strings.Contains(choice, ",") || slices.Contains(p.Choices[:i], choice) {
			bad("choices", "has choices that are distinct words without commas")
		}
	}
	if kind.choices < 0 && len(p.Choices) > 0 || len(p.Choices) < kind.choices {
		bad("choices", "has the wrong number of choices for a %s", p.Kind)
	}
	if p.Default != "" && !isValue(p, p.Default) {
		bad("default", "has a default that is not %s", kind.rule(p))
	}
	l.held(file, clause, name, p)
}

func textRule(p narthex.Parameter) string {
	least, most := bounds(p, 1, mostText)
	return fmt.Sprintf("a text of %d to %d characters", least, most)
}

func isText(p narthex.Parameter, value string) bool {
	least, most := bounds(p, 1, mostText)
	n := int64(utf8.RuneCountInString(value))
	return strings.TrimSpace(value) == value && value != "" && n >= least && n <= most
}

func numberRule(p narthex.Parameter) string {
	least, most := bounds(p, 0, 0)
	return fmt.Sprintf("a whole number in the range %d to %d", least, most)
}

func isNumber(p narthex.Parameter, value string) bool {
	least, most := bounds(p, 0, 0)
	n, ok := whole(value)
	return ok && n >= least && n <= most
}

func moneyRule(p narthex.Parameter) string {
	least, most := bounds(p, 1, mostAmount)
	rule := "an amount above zero and a currency, such as 250000 EUR"
	if p.Least != nil || p.Most != nil {
		rule = fmt.Sprintf("an amount in the range %d to %d and a currency, such as %d EUR", least, most, least)
	}
	return orWords(rule, p.Choices)
}

func isMoney(p narthex.Parameter, value string) bool {
	if slices.Contains(p.Choices, value) {
		return true
	}
	least, most := bounds(p, 1, mostAmount)
	amount, currency, found := strings.Cut(value, " ")
	n, ok := whole(amount)
	return found && ok && n > 0 && n >= least && n <= most && len(currency) == 3 && strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func areChoices(p narthex.Parameter, value string) bool {
	next := 0
	for name := range strings.SplitSeq(value, ", ") {
		at := slices.Index(p.Choices[next:], name)
		if at < 0 {
			return false
		}
		next += at + 1
	}
	return true
}

func areRegions(p narthex.Parameter, value string) bool {
	if slices.Contains(p.Choices, value) {
		return true
	}
	before := ""
	for name := range strings.SplitSeq(value, ", ") {
		if len(name) != 2 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" || name <= before {
			return false
		}
		before = name
	}
	return true
}

func orWords(rule string, words []string) string {
	if len(words) == 0 {
		return rule
	}
	return rule + ", or: " + strings.Join(words, ", ")
}

// bounds gives a parameter's range, or what stands where it sets none.
func bounds(p narthex.Parameter, least, most int64) (int64, int64) {
	if p.Least != nil {
		least = *p.Least
	}
	if p.Most != nil {
		most = *p.Most
	}
	return least, most
}

// whole reads a whole number in its one form: digits, without a sign or a zero before them.
func whole(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && n <= mostAmount && strconv.FormatInt(n, 10) == text
}
