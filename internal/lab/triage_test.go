package lab_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"narthex/internal/lab"
)

// A rule states what can be told and does one thing: everything else is refused by name.
func TestARuleOfTriageIsOneThatCanHoldAndDoesOneThing(t *testing.T) {
	for rule, good := range map[string]bool{
		`{name: long, when: {days_above: 90}, then: {flag: "It is for long."}}`:                                            true,
		`{name: long, when: {days_above: 90, standard: false}, then: {route: security}}`:                                   true,
		`{name: long, when: {amendment: within}, then: {flag: "It renews."}}`:                                              true,
		`{name: long, when: {days_above: 90}, then: {approve: security}}`:                                                  false,
		`{name: long, when: {standard: true}, then: {flag: x, approve: security}}`:                                         false,
		`{name: long, when: {}, then: {flag: x}}`:                                                                          false,
		`{name: long, when: {weekday: monday}, then: {flag: x}}`:                                                           false,
		`{name: long, when: {standard: true}, then: {}}`:                                                                   false,
		`{name: long, when: {standard: true}, then: {flag: x, route: security}}`:                                           false,
		`{name: long, when: {standard: true}, then: {route: admin}}`:                                                       false,
		`{name: long, when: {standard: true}, then: {assign: nobody, as: security}}`:                                       false,
		`{name: long, when: {standard: true}, then: {flag: x, as: security}}`:                                              false,
		`{name: Long, when: {standard: true}, then: {flag: x}}`:                                                            false,
		`{name: long, when: {days_above: -1}, then: {flag: x}}`:                                                            false,
		`{name: long, when: {amendment: smaller}, then: {flag: x}}`:                                                        false,
		`{name: long, when: {answers: {unasked: [x]}}, then: {flag: x}}`:                                                   false,
		"{name: long, when: {standard: true}, then: {flag: x}}\n  - {name: long, when: {standard: true}, then: {flag: x}}": false,
	} {
		files := template(t)
		files["pathways/api-credits.yaml"] = append(bytes.TrimRight(files["pathways/api-credits.yaml"], "\n"), "\ntriage:\n  - "+rule+"\n"...)
		_, problems := lab.Load(files)
		if (len(problems) == 0) != good {
			t.Errorf("%s: %v", rule, problems)
		}
		if !good && !slices.ContainsFunc(problems, func(p lab.Problem) bool { return strings.Contains(p.File, "api-credits") }) {
			t.Errorf("%s: the problem is not in its file: %v", rule, problems)
		}
	}
}

// A rule stands in for a role that no size, owner or amount asks for, where it states what is usual and leaves two people.
func TestARuleThatApprovesLeavesTwoPeople(t *testing.T) {
	const three, usual = "[{role: security, quorum: 1}, {role: legal, quorum: 1}, {role: programme, quorum: 1}, {role: asset_owner, quorum: 1}]", "when: {standard: true, horizon_held: true}"
	for _, c := range []struct {
		name, reviews, rules string
		good                 bool
	}{
		{"one of four", three, "[{name: a, " + usual + ", then: {approve: security}}]", true},
		{"two of four", three, "[{name: a, " + usual + ", then: {approve: security}}, {name: b, " + usual + ", then: {approve: programme}}]", true},
		{"one role by two rules", three, "[{name: a, " + usual + ", then: {approve: security}}, {name: b, when: {standard: true, horizon_held: true, known_org: true}, then: {approve: security}}]", true},
		{"three of four", three, "[{name: a, " + usual + ", then: {approve: security}}, {name: b, " + usual + ", then: {approve: programme}}, {name: c, " + usual + ", then: {approve: legal}}]", false},
		{"one of two", "[{role: security, quorum: 1}, {role: asset_owner, quorum: 1}]", "[{name: a, " + usual + ", then: {approve: security}}]", false},
		{"whose quorum was the second person", "[{role: security, quorum: 2}, {role: asset_owner, quorum: 1}]", "[{name: a, " + usual + ", then: {approve: security}}]", false},
		{"without a word of the terms", three, "[{name: a, when: {horizon_held: true}, then: {approve: security}}]", false},
		{"without a word of the size", three, "[{name: a, when: {standard: true}, then: {approve: security}}]", false},
		{"where the size is not held", three, "[{name: a, when: {standard: true, horizon_held: false}, then: {approve: security}}]", false},
		{"where the terms are not the usual", three, "[{name: a, when: {standard: false, horizon_held: true}, then: {approve: security}}]", false},
		{"in an owner's place", three, "[{name: a, " + usual + ", then: {approve: asset_owner}}]", false},
		{"in a role that is not asked", three, "[{name: a, " + usual + ", then: {approve: signatory}}]", false},
		{"in a role that another rule asks for", three, "[{name: a, " + usual + ", then: {approve: security}}, {name: b, when: {days_above: 9}, then: {route: security}}]", false},
		{"and a flag", three, "[{name: a, " + usual + ", then: {approve: security, flag: x}}]", false},
		{"in legal's place, where there is an amount", three, "[{name: a, " + usual + ", then: {approve: legal}}]", false},
	} {
		if got := triageProblems(t, c.reviews, c.rules, nil); (len(got) == 0) != c.good {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	free := func(text []byte) []byte {
		return regexp.MustCompile(`(?m)^  - {clause: liability.*\n`).ReplaceAll(text, nil)
	}
	if got := triageProblems(t, three, "[{name: a, "+usual+", then: {approve: legal}}]", free); len(got) != 0 {
		t.Errorf("in legal's place, where there is none: %v", got)
	}
}

// triageProblems is what is wrong with the template's lab where a pathway has those reviews and rules.
func triageProblems(t *testing.T, reviews, rules string, change func([]byte) []byte) []lab.Problem {
	t.Helper()
	const name = "pathways/api-credits.yaml"
	files := template(t)
	text := regexp.MustCompile(`(?m)^reviews:\n(  .*\n)+`).ReplaceAll(files[name], nil)
	if len(text) == len(files[name]) {
		t.Fatal("the pathway's reviews are written otherwise")
	}
	if change != nil {
		text = change(text)
	}
	files[name] = append(text, "\nreviews: "+reviews+"\ntriage: "+rules+"\n"...)
	_, problems := lab.Load(files)
	return problems
}

func TestADeputyIsAnotherOwner(t *testing.T) {
	for deputy, good := range map[string]bool{"nobody": false, "": true} {
		files := template(t)
		for name, text := range files {
			if strings.HasPrefix(name, "assets/") && deputy != "" {
				files[name] = append(bytes.TrimRight(text, "\n"), "\ndeputy: "+deputy+"\n"...)
			}
		}
		if _, problems := lab.Load(files); (len(problems) == 0) != good {
			t.Errorf("deputy %q: %v", deputy, problems)
		}
	}
}
