package lab_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"narthex/internal/lab"
)

// A rule asks for more and gives nothing, and states what can be told: everything else is refused by name.
func TestARuleOfTriageIsOneThatCanHoldAndGivesNothing(t *testing.T) {
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
