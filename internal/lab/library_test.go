package lab_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/lab"
)

// load reads a directory that must have no problems.
func load(t *testing.T, files lab.Files) *lab.Directory {
	t.Helper()
	d, problems := lab.Load(files)
	if len(problems) > 0 {
		t.Fatalf("\n%s", problems.Render(files))
	}
	return d
}

// TestThePathwaysThatShipAreWhole holds each to what it publishes and to what its kind promises.
func TestThePathwaysThatShipAreWhole(t *testing.T) {
	d := load(t, template(t))
	var names []string
	for _, p := range d.PathwayList() {
		names = append(names, string(p.Name))
		if len(p.Questions) == 0 || len(p.Criteria) == 0 || len(p.Later) == 0 || len(p.Codes) == 0 || p.ExpectedDays >= p.ReviewDays || p.AppealDays != 10 {
			t.Errorf("%s does not publish what it asks, its criteria, what is to come, its codes and its times", p.Name)
		}
		for _, name := range []narthex.ClauseName{"purpose", "results-and-ip", "liability", "export-control", "data-and-monitoring", "publication-review", "termination-and-return"} {
			if !slices.ContainsFunc(p.Clauses, func(u narthex.ClauseUse) bool { return u.Clause == name }) {
				t.Errorf("%s has not the clause %s", p.Name, name)
			}
		}
	}
	if want := "api-credits data-audit evaluation fellowship interpretability red-team risk-review vetted-researcher"; strings.Join(names, " ") != want {
		t.Errorf("the pathways are %v", names)
	}
	evaluation, vetted, fellow := d.Pathways["evaluation"], d.Pathways["vetted-researcher"], d.Pathways["fellowship"]
	if evaluation.LeastDays != 20 || d.LeastDays(evaluation) < 28 || evaluation.ContentLog != "none" || setTo(d, evaluation, "publication-review", "review_days") != "30" || setTo(d, evaluation, "compensation", "fee") != "none" || !has(evaluation, "safe-harbour") {
		t.Error("evaluation does not give 20 business days, a safe harbour, 30 business days to publish and no content log, free of charge")
	}
	if vetted.ReviewDays != 80 || vetted.ExpectedDays != 26 || setTo(d, vetted, "objection-and-mediation", "objection_days") != "15" || setTo(d, vetted, "objection-and-mediation", "mediation_days") != "5" ||
		strings.Count(setTo(d, vetted, "objection-and-mediation", "grounds"), ",") != 1 || !has(vetted, "public-register") {
		t.Error("vetted-researcher has not the clocks, two grounds, mediation and register of the regulation")
	}
	if fellow.Sponsor != narthex.SponsorRequired || d.Pathways["evaluation"].Sponsor != narthex.SponsorAllowed {
		t.Error("a fellowship needs a sponsor, and an evaluation does not")
	}
}

// TestEveryClauseIsInAnAgreement: none of the library is dead text.
func TestEveryClauseIsInAnAgreement(t *testing.T) {
	d := load(t, template(t))
	for name, clause := range d.Clauses {
		used := slices.ContainsFunc(d.PathwayList(), func(p narthex.Pathway) bool {
			return slices.ContainsFunc(d.Agreed(p), func(u narthex.ClauseUse) bool { return u.Clause == name })
		})
		if !used || !strings.HasPrefix(clause.Text, "This is a sample text for a lawyer to review.\n") {
			t.Errorf("%s stands in no agreement, or does not say that it is a sample", name)
		}
	}
}

func has(p narthex.Pathway, name narthex.ClauseName) bool {
	return slices.ContainsFunc(p.Clauses, func(u narthex.ClauseUse) bool { return u.Clause == name })
}

// setTo gives the value of a parameter in a pathway's agreement.
func setTo(d *lab.Directory, p narthex.Pathway, clause narthex.ClauseName, parameter string) string {
	for _, use := range d.Agreed(p) {
		if use.Clause == clause {
			return use.Values[parameter]
		}
	}
	return ""
}

// with gives a small directory: the template's pathway interpretability with one clause, one of whose parameters is set, and
// without codes, jobs and offers to agents.
func with(t *testing.T, clause narthex.ClauseName, parameter, value string) lab.Files {
	t.Helper()
	files := lab.Files{}
	for name, text := range template(t) {
		if !strings.HasPrefix(name, "clauses/") && !strings.HasPrefix(name, "pathways/") || strings.Contains(name, "notice") || name == "clauses/liability.md" || name == "clauses/public-register.md" || name == "clauses/"+string(clause)+".md" {
			files[name] = text
		}
	}
	before, rest, _ := bytes.Cut(template(t)[way], []byte("clauses:\n"))
	before = regexp.MustCompile(`(?s)  # Jobs beside.*?(# These have no door)`).ReplaceAll(before, []byte("$1")) // they need clauses of their own
	_, after, _ := bytes.Cut(rest, []byte("# Business days"))
	line := fmt.Sprintf("clauses:\n  - {clause: %s, values: {%s: %q%s}}\n#", clause, parameter, value, map[bool]string{true: ", cap: 5 EUR"}[clause == "liability" && parameter != "cap"])
	files[way] = regexp.MustCompile(`(?m)^codes: .*\n|, agent\b`).ReplaceAll(slices.Concat(before, []byte(line), after), nil)
	return files
}

const way = "pathways/interpretability.yaml"

// values gives what a parameter may be at its ends, and what lies beyond.
func values(p narthex.Parameter) (inside, beyond []string) {
	number := func(n *int64) int64 {
		if n == nil {
			return 4000
		}
		return *n
	}
	switch p.Kind {
	case "number", "days", "business_days":
		inside = []string{fmt.Sprint(*p.Least), fmt.Sprint(*p.Most)}
		beyond = []string{fmt.Sprint(*p.Least - 1), fmt.Sprint(*p.Most + 1), "0" + fmt.Sprint(*p.Most), " 1", "1.0", "", "one"}
	case "money":
		inside = append([]string{"1 EUR", "1125899906842624 USD"}, p.Choices...)
		beyond = []string{"0 EUR", "-1 EUR", "1 eur", "1125899906842625 USD", "1 EURO", "EUR 1", "1EUR", "nothing at all", ""}
	case "choice":
		inside = p.Choices
		beyond = []string{strings.ToUpper(p.Choices[0]), p.Choices[0] + ", " + p.Choices[1], ""}
	case "choices":
		inside = []string{p.Choices[0], strings.Join(p.Choices, ", "), p.Choices[len(p.Choices)-1]}
		beyond = []string{p.Choices[1] + ", " + p.Choices[0], p.Choices[0] + ", " + p.Choices[0], "none of them", strings.Join(p.Choices, ","), ""}
	case "regions":
		inside = append([]string{"de", "at, de, fr"}, p.Choices...)
		beyond = []string{"DE", "fr, de", "de, de", "germany", "de,fr", ""}
	case "flag":
		inside, beyond = []string{"yes", "no"}, []string{"true", "YES", ""}
	case "text":
		inside = []string{strings.Repeat("x", int(*p.Least)), strings.Repeat("x", int(number(p.Most)))}
		beyond = []string{strings.Repeat("x", int(number(p.Most))+1), strings.Repeat("x", int(*p.Least)-1), " x y ", ""}
	}
	return inside, beyond
}

// TestEveryParameterTakesItsRangeAndNothingBeyond sets each parameter of each clause in a pathway to its least, its most and
// beyond. What code reads may refuse an end of the range for its own reason, and says so.
func TestEveryParameterTakesItsRangeAndNothingBeyond(t *testing.T) {
	d := load(t, template(t))
	tried := 0
	for _, clause := range slices.Sorted(maps.Keys(d.Clauses)) {
		for _, name := range slices.Sorted(maps.Keys(d.Clauses[clause].Parameters)) {
			p := d.Clauses[clause].Parameters[name]
			refused := fmt.Sprintf("%s of clause %s is not ", name, clause)
			inside, beyond := values(p)
			for i, value := range append(slices.Clone(inside), beyond...) {
				files := with(t, clause, name, value)
				loaded, problems := lab.Load(files)
				found := slices.ContainsFunc(problems, func(p lab.Problem) bool { return p.File == way && p.Line > 1 && strings.HasPrefix(p.Message, refused) })
				switch out := i >= len(inside); {
				case found != out:
					t.Errorf("%s.%s: %.60q is refused: %v\n%.600s", clause, name, value, found, problems.Render(files))
				case !out && p.Held == narthex.Recorded && len(problems) > 0:
					t.Errorf("%s.%s: %.60q is recorded only, and refused\n%.600s", clause, name, value, problems.Render(files))
				case !out && setTo(loaded, loaded.Pathways["interpretability"], clause, name) != value:
					t.Errorf("%s.%s: %.60q is not what the agreement would say", clause, name, value)
				}
				tried++
			}
		}
	}
	if tried < 500 {
		t.Errorf("%d values were tried", tried)
	}
}

// TestAParameterThatIsHeldIsReadByCode breaks what each parameter that says it is held promises, and nothing else. A parameter
// that says so without a row here, or that nothing acts on, fails.
func TestAParameterThatIsHeldIsReadByCode(t *testing.T) {
	type row struct {
		value string // set in a pathway with the clause
		edit  [2]string
		says  string
		app   *narthex.Application // of that pathway with the value; refused where says is empty of a load

		signed func(narthex.PublicationClause) bool // of the agreement with the value: whether what is read there is that
		shown  func(lab.Registered) bool            // the same of the public register
		refuse func(narthex.RefusalRule) bool       // of the pathway with the value: whether what is read of refusals is that
		study  func(narthex.StudyApproval) bool     // of the agreement with the value: whether what is read of studies is that
		days   int                                  // of the agreement with the value: after how many reviewers of a release are reminded
		asks   narthex.Signing                      // of the agreement with the value: how it is to be signed
	}
	sample := func(limit narthex.LimitName, v narthex.Value) *narthex.Application {
		return &narthex.Application{Terms: []narthex.Term{{Attribute: "model.sample", Asset: "example-model", Limits: map[narthex.LimitName]narthex.Value{limit: v}}}}
	}
	rows := map[string]row{
		"agents.kinds":                            {value: "people only", app: sample("actor_kinds", narthex.NamesValue("human", "agent"))},
		"export-control.regions":                  {value: "de", app: sample("regions", narthex.NamesValue("de", "us"))},
		"data-protection.regions":                 {value: "de", app: sample("regions", narthex.NamesValue("us"))},
		"data-protection.basis":                   {value: "none", edit: [2]string{"leak: [behav, small]", "leak: [behav, pers]"}, says: "personal data"},
		"data-and-monitoring.content":             {value: "sealed", says: "content_log is none"},
		"egress.bytes":                            {value: "1000", app: sample("bytes_out", narthex.NumberValue(1001))},
		"results-and-ip.derivatives":              {value: "stay at the lab", app: &narthex.Application{Terms: []narthex.Term{{Attribute: "output.artefact.model", Asset: "example-model"}}}},
		"publication-review.review_days":          {value: "7", signed: func(c narthex.PublicationClause) bool { return c.ReviewDays == 7 }},
		"publication-review.extension_days":       {value: "8", signed: func(c narthex.PublicationClause) bool { return c.ExtensionDays == 8 }},
		"publication-review.embargo_days":         {value: "9", signed: func(c narthex.PublicationClause) bool { return c.EmbargoDays == 9 }},
		"publication-review.answer_days":          {value: "6", signed: func(c narthex.PublicationClause) bool { return c.AnswerDays == 6 }},
		"publication-review.grounds":              {value: "personal data", signed: func(c narthex.PublicationClause) bool { return slices.Equal(c.Grounds, []string{"personal data"}) }},
		"publication-review.mediator":             {value: "no", signed: func(c narthex.PublicationClause) bool { return !c.Mediator }},
		"egress.review_days":                      {value: "7", days: 7},
		"study-approval.reviewers":                {value: "3", study: func(s narthex.StudyApproval) bool { return s.Reviewers == 3 }},
		"study-approval.review_days":              {value: "7", study: func(s narthex.StudyApproval) bool { return s.Days == 7 }},
		"public-register.shown":                   {value: "after an embargo", shown: func(r lab.Registered) bool { return r.Shown }},
		"public-register.embargo_days":            {value: "9", shown: func(r lab.Registered) bool { return r.EmbargoDays == 9 }},
		"public-register.organisation":            {value: "no", shown: func(r lab.Registered) bool { return !r.Organisation }},
		"public-register.names":                   {value: "yes", shown: func(r lab.Registered) bool { return r.Names }},
		"confidentiality.existence":               {value: "yes", edit: [2]string{"clauses:\n", "clauses:\n  - {clause: public-register}\n"}, says: "itself secret does not stand in a public register"},
		"liability.cap":                           {value: "fees paid", says: "fees paid are no amount where access is free"},
		"compensation.fee":                        {value: "none", edit: [2]string{"clauses:\n", "clauses:\n  - {clause: liability, values: {cap: fees paid}}\n"}, says: "fees paid are no amount where access is free"},
		"insurance.cover":                         {value: "5 EUR", says: "required question insurance"},
		"conflict-of-interest.declared":           {value: "yes", edit: [2]string{"name: interests,", "name: other,"}, says: "required question interests"},
		"recipients.people":                       {value: "2", app: &narthex.Application{Members: []narthex.PersonID{"per_a", "per_b"}}},
		"safe-harbour.lock_reasons":               {value: "compromised_credential, suspected_exfiltration", says: "leaves out legal_order"},
		"safe-harbour.appeal_days":                {value: "9", says: "appeal_days, 10, is above it"},
		"objection-and-mediation.grounds":         {value: "it does not hold it", refuse: func(r narthex.RefusalRule) bool { return slices.Equal(r.Grounds, []string{"it does not hold it"}) }},
		"objection-and-mediation.alternative":     {value: "no", refuse: func(r narthex.RefusalRule) bool { return !r.Alternative }},
		"objection-and-mediation.mediation_days":  {value: "7", refuse: func(r narthex.RefusalRule) bool { return r.MediationDays == 7 }},
		"objection-and-mediation.mediation_lasts": {value: "40", refuse: func(r narthex.RefusalRule) bool { return r.MediationLasts == 40 }},
		"objection-and-mediation.objection_days":  {value: "9", refuse: func(r narthex.RefusalRule) bool { return r.ObjectionDays == 9 }},
		"signature.order":                         {value: "the lab signs last", asks: narthex.Signing{LabLast: true}},
		"signature.method":                        {value: "with signing keys and a time stamp", asks: narthex.Signing{Stamped: true}},
		"signature.outside":                       {value: "required", asks: narthex.Signing{Outside: narthex.OutsideRequired}},
		"term-and-survival.term_days":             {value: "364", says: "most_days, "},
	}
	d := load(t, template(t))
	for name, clause := range d.Clauses {
		for parameter, p := range clause.Parameters {
			if p.Held == narthex.HeldObligation {
				continue // TestAnObligationFollowsFromTheValuesThatAreSigned holds those
			}
			if _, tried := rows[string(name)+"."+parameter]; tried == (p.Held == narthex.Recorded) {
				t.Errorf("%s.%s says held: %s, and there is a test that it is: %v", name, parameter, p.Held, tried)
			}
		}
	}
	for key, r := range rows {
		clause, parameter, _ := strings.Cut(key, ".")
		files := with(t, narthex.ClauseName(clause), parameter, r.value)
		if r.edit[0] != "" {
			for file, text := range files {
				files[file] = bytes.ReplaceAll(text, []byte(r.edit[0]), []byte(r.edit[1]))
			}
		}
		loaded, problems := lab.Load(files)
		if r.signed != nil {
			read, err := lab.PublicationOf(narthex.Agreement{Clauses: agreedOf(loaded, "interpretability")})
			standard, errStandard := lab.PublicationOf(narthex.Agreement{Clauses: agreedOf(load(t, template(t)), "interpretability")})
			if err != nil || errStandard != nil || read == nil || standard == nil || !r.signed(*read) || r.signed(*standard) {
				t.Errorf("%s: signed as %s it is read as %+v, and the standard as %+v (%v, %v)", key, r.value, read, standard, err, errStandard)
			}
			continue
		}
		if r.study != nil {
			read, err := lab.StudyOf(narthex.Agreement{Clauses: agreedOf(loaded, "interpretability")})
			standard, errStandard := lab.StudyOf(narthex.Agreement{Clauses: agreedOf(load(t, template(t)), "interpretability")})
			if err != nil || errStandard != nil || read == nil || standard == nil || !r.study(*read) || r.study(*standard) {
				t.Errorf("%s: signed as %s it is read as %+v, and the standard as %+v (%v, %v)", key, r.value, read, standard, err, errStandard)
			}
			continue
		}
		if r.days != 0 {
			read, err := lab.ReleaseDaysOf(narthex.Agreement{Clauses: agreedOf(loaded, "interpretability")})
			standard, errStandard := lab.ReleaseDaysOf(narthex.Agreement{Clauses: agreedOf(load(t, template(t)), "interpretability")})
			if err != nil || errStandard != nil || read != r.days || standard != 5 {
				t.Errorf("%s: signed as %s it is read as %d, and the standard as %d (%v, %v)", key, r.value, read, standard, err, errStandard)
			}
			continue
		}
		if r.shown != nil {
			read, err := lab.RegisterOf(narthex.Agreement{Clauses: agreedOf(loaded, "interpretability")})
			if standard := (lab.Registered{Shown: true, Organisation: true}); err != nil || !r.shown(read) || parameter != "shown" && r.shown(standard) {
				t.Errorf("%s: signed as %s it is read as %+v (%v)", key, r.value, read, err)
			}
			continue
		}
		if r.refuse != nil {
			read, standard := loaded.RefusalsOf(loaded.Pathways["interpretability"]), load(t, template(t)).RefusalsOf(load(t, template(t)).Pathways["vetted-researcher"])
			if read == nil || standard == nil || !r.refuse(*read) || r.refuse(*standard) {
				t.Errorf("%s: as %s it is read as %+v, and the standard as %+v", key, r.value, read, standard)
			}
			continue
		}
		if r.asks != (narthex.Signing{}) {
			signed, standard := narthex.Agreement{Clauses: agreedOf(loaded, "interpretability")}, narthex.Agreement{Clauses: agreedOf(load(t, template(t)), "interpretability")}
			if signed.Signing() != r.asks || loaded.SigningOf(loaded.Pathways["interpretability"]) != r.asks || standard.Signing() != (narthex.Signing{}) {
				t.Errorf("%s: signed as %s it asks for %+v, and the standard for %+v", key, r.value, signed.Signing(), standard.Signing())
			}
			continue
		}
		if r.app == nil {
			if !strings.Contains(problems.Error(), r.says) {
				t.Errorf("%s: it is not held: %s", key, problems.Error())
			}
			continue
		}
		err := loaded.CheckApplication(loaded.Pathways["interpretability"], *r.app)
		if err == nil || !strings.Contains(err.Error(), clause) || !strings.Contains(err.Error(), parameter) || narthex.AsError(err).Param == "" {
			t.Errorf("%s: an application that breaks it: %v", key, err)
		}
	}
}

// TestAPaidAgreementMayBeCappedByItsFees is the other half of the refusal: with a fee, the fees are an amount.
func TestAPaidAgreementMayBeCappedByItsFees(t *testing.T) {
	files := with(t, "compensation", "fee", "5000 EUR")
	files[way] = bytes.Replace(files[way], []byte("clauses:\n"), []byte("clauses:\n  - {clause: liability, values: {cap: fees paid}}\n"), 1)
	load(t, files)
}

// TestNoDirectoryLeavesANoticeOut: not the file, not its text, not that it stands in every agreement.
func TestNoDirectoryLeavesANoticeOut(t *testing.T) {
	for _, name := range []string{"whistleblower-notices", "notice-dtsa", "notice-sb-53", "notice-eu-2019-1937"} {
		file := "clauses/" + name + ".md"
		shipped := string(template(t)[file])
		for how, text := range map[string]string{
			"gone": "", "emptied": "---\ntitle: X\nnotice: true\n---\nThis is a sample text for a lawyer to review.\n", "not in every agreement": strings.Replace(shipped, "notice: true\n", "", 1),
			"shortened": strings.TrimSuffix(shipped, shipped[len(shipped)-40:]) + "\n", "with a word more inside": strings.Replace(shipped, "nobody", "almost nobody", 1) + "x",
			"with a parameter": strings.Replace(shipped, "notice: true\n", "notice: true\nparameters:\n  x: {kind: flag, says: x, default: \"no\", held: recorded}\n", 1) + "{{x}}\n",
		} {
			if how == "with a word more inside" && !strings.Contains(shipped, "nobody") {
				continue
			}
			files := maps.Clone(template(t))
			files[file] = []byte(text)
			if how == "gone" {
				delete(files, file)
			}
			if _, problems := lab.Load(files); !slices.ContainsFunc(problems, func(p lab.Problem) bool { return p.File == file && strings.Contains(p.Message, "notice") }) {
				t.Errorf("%s %s: %s", name, how, problems.Error())
			}
		}
		files := maps.Clone(template(t))
		files[file] = append(slices.Clone(files[file]), "\nDies gilt auch auf Deutsch.\n"...)
		load(t, files)
	}
}

// TestACodeIsBorneByWhatIsSigned takes away what each code of each pathway rests on.
func TestACodeIsBorneByWhatIsSigned(t *testing.T) {
	breaks := map[narthex.UseCode][2]string{
		"PUB": {"  - {clause: publication-review, values: {review_days: \"30\"}}\n", ""}, "TS": {"  - {clause: term-and-survival}\n", ""}, "US": {"  - {clause: recipients}\n", ""},
		"PS": {"  - {clause: purpose, values: {kind: evaluation}}\n", ""}, "IS": {"institution: true", "institution: false"}, "GS": {"clause: export-control, values: {regions:", "clause: export-control, values: {licence:"},
		"IRB": {"name: ethics,", "name: other,"}, "COL": {"sponsor: required\n", ""}, "NCU": {"commercial: \"no\"", "commercial: \"yes\""}, "NTRAIN": {"clause: use-limits}", "clause: use-limits, values: {train: \"yes\"}}"},
		"NDIST": {"clause: use-limits}", "clause: use-limits, values: {distil: \"yes\"}}"}, "NOMERGE": {"clause: use-limits}", "clause: use-limits, values: {merge: \"yes\"}}"},
		"SAFETY": {"  - {clause: purpose}\n", "  - {clause: purpose, values: {kind: research}}\n"}, "NOAGENT": {"  - {clause: agents}\n", ""}, "DISC": {"  - {clause: flaw-disclosure, values: {window_days: \"30\"}}\n", ""},
	}
	seen := map[narthex.UseCode]bool{"GRU": true} // it takes nothing away
	for _, p := range load(t, template(t)).PathwayList() {
		for _, code := range p.Codes {
			files := maps.Clone(template(t))
			file := "pathways/" + string(p.Name) + ".yaml"
			change := breaks[code]
			if lab.CodeInWords(code) == "" {
				t.Errorf("code %s says nothing", code)
			}
			if change[0] == "" || !bytes.Contains(files[file], []byte(change[0])) {
				continue
			}
			files[file] = bytes.ReplaceAll(files[file], []byte(change[0]), []byte(change[1]))
			if _, problems := lab.Load(files); !strings.Contains(problems.Error(), "code "+string(code)+" (") {
				t.Errorf("%s is a promise of %s that nothing bears: %s", code, p.Name, problems.Error())
			}
			seen[code] = true
		}
	}
	for code := range breaks {
		if !seen[code] {
			t.Errorf("no pathway was tried with the code %s", code)
		}
	}
}

// TestBusinessDaysTakeTheirLongest tries every start around a year's end.
func TestBusinessDaysTakeTheirLongest(t *testing.T) {
	for _, c := range []lab.Calendar{{}, {Holidays: []string{"2026-12-24", "2026-12-25", "2027-01-01"}}, {Holidays: []string{"2026-12-25", "nonsense"}}} {
		for _, n := range []int{1, 5, 20, 60} {
			longest := 0
			for day := time.Date(2026, 8, 1, 15, 0, 0, 0, time.UTC); day.Year() < 2028; day = day.AddDate(0, 0, 1) {
				longest = max(longest, int(c.Add(day, n).Sub(day)/(24*time.Hour)))
			}
			if got := c.Longest(n); got != longest {
				t.Errorf("%d business days take %d days at most by %v, and Longest says %d", n, longest, c.Holidays, got)
			}
		}
	}
}

// TestTheListOfClausesIsTheLibrary holds docs/clauses.md to the template; NARTHEX_UPDATE=1 writes it anew.
func TestTheListOfClausesIsTheLibrary(t *testing.T) {
	d := load(t, template(t))
	var out strings.Builder
	out.WriteString("# The clause library\n\nWhat `narthex init` writes into `clauses/`: every clause with its parameters, what each may be, and what makes it true. The texts are samples for a lawyer to review.\n\n" +
		"`gateway` is held at every call, as a limit of the terms; `agreement` before an agreement is in force, for a pathway, application or signature that breaks it is refused; `clock` by a time that runs, and by what may be done in it; `obligation` by an obligation with a date ([closeout.md](closeout.md)); `recorded` is printed and signed, and nothing of the software acts on it. The name after it is the one under which `internal/lab/held.go` reads it. This list is held to the files by a test.\n\n" +
		"| clause | parameter | says | may be | standard | held |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(d.Clauses)) {
		c := d.Clauses[name]
		label := string(name)
		if c.Notice {
			label += " (in every agreement)"
		}
		if len(c.Parameters) == 0 {
			fmt.Fprintf(&out, "| %s | | | | | |\n", label)
		}
		for _, parameter := range slices.Sorted(maps.Keys(c.Parameters)) {
			p := c.Parameters[parameter]
			held := string(p.Held)
			if p.By != "" {
				held += ": `" + p.By + "`"
			}
			fmt.Fprintf(&out, "| %s | `%s` | %s | %s | %s | %s |\n", label, parameter, p.Says, lab.ParameterRule(p), p.Default, held)
			label = ""
		}
	}
	if os.Getenv("NARTHEX_UPDATE") != "" {
		if err := os.WriteFile("../../docs/clauses.md", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("../../docs/clauses.md"); err != nil || string(got) != out.String() {
		t.Errorf("docs/clauses.md is not the library; NARTHEX_UPDATE=1 go test ./internal/lab writes it: %v", err)
	}
}
