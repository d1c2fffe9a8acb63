package lab_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/lab"
	"narthex/ledger"
)

// someDigest is of the form that digests have.
const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func template(t *testing.T) lab.Files {
	t.Helper()
	files, err := lab.Template()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTheTemplateLoadsWithoutProblems(t *testing.T) {
	files := template(t)
	d, problems := lab.Load(files)
	if len(problems) > 0 {
		t.Fatalf("\n%s", problems.Render(files))
	}
	if len(d.Clauses) < 8 || len(d.Pathways) < 2 || !strings.Contains(d.Table(), "model.logprobs") {
		t.Errorf("the template is poorer than it should be")
	}
	if len(d.Unready(func(string) string { return "" })) < 3 {
		t.Errorf("placeholders are not named: %v", d.Unready(func(string) string { return "" }))
	}
}

// TestEnvironmentsStandInOrder: they are read whole, shown, found by exact names, and part of what is approved.
func TestEnvironmentsStandInOrder(t *testing.T) {
	files := template(t)
	asset := string(files["assets/example-model.yaml"])
	files["assets/example-model.yaml"] = []byte(strings.Replace(asset, "upstream: example-model}", "upstream: example-model, folder: /srv/final, digest: \""+someDigest+"\"}", 1))
	d, problems := lab.Load(files)
	if len(problems) > 0 {
		t.Fatalf("\n%s", problems.Render(files))
	}
	if len(d.Environments) != 3 || d.Environments[0].Name != "go-static" || d.Environments[1].Name != "python-numpy" || d.Environments[2].Computes != "weights.diff" {
		t.Fatalf("there are %+v", d.Environments)
	}
	python, known := d.Environment("python-numpy")
	if _, empty := d.Environment(""); !known || empty || python.Limits != (narthex.JobLimits{MemoryMB: 2048, WallMinutes: 60, CPUs: 1, Processes: 64, ScratchMB: 512, OutMB: 64}) ||
		python.Root != "/" || !python.Allows("interpretability") || len(python.Packages) != 2 {
		t.Errorf("it is read as %+v", python)
	}
	if table := d.Table(); !strings.Contains(table, "python-numpy") || !strings.Contains(table, "from the study") || !strings.Contains(table, "2048 MiB") || !strings.Contains(table, "weights.diff, by a program of ours") {
		t.Errorf("the environments are not shown:\n%s", table)
	}
	if v, _ := d.Assets["example-model"].Version("final"); v.Folder != "/srv/final" || v.Digest != someDigest {
		t.Errorf("the version is read as %+v", v)
	}
	changed := maps.Clone(files)
	changed["environments/go-static.yaml"] = []byte(strings.Replace(string(files["environments/go-static.yaml"]), "memory_mb: 2048", "memory_mb: 4096", 1))
	if diff := lab.Diff(files, changed); changed.Digest() == files.Digest() || !strings.Contains(diff, "*** environments/go-static.yaml\n- limits: {memory_mb: 2048") {
		t.Errorf("a change of a limit is not shown:\n%s", diff)
	}
}

// TestEveryProblemIsFoundAtItsPlace changes one thing at a time.
func TestEveryProblemIsFoundAtItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ file, old, new, at, says string }{
		"an unknown field":                {"lab.yaml", "name: Example Lab", "name: Example Lab\nnick: x", "lab.yaml:4:", `"nick" is not a field here`},
		"a field twice":                   {"lab.yaml", "name: Example Lab", "name: Example Lab\nname: y", "lab.yaml:4:1:", "already"},
		"no YAML":                         {"lab.yaml", "holidays: [", "holidays: [[", "lab.yaml:", ""},
		"an anchor":                       {"lab.yaml", "name: Example Lab", "name: &x Example Lab", "lab.yaml:3:", "anchors"},
		"one custodian":                   {"lab.yaml", "roles: [custodian, signatory]", "roles: [signatory]", "lab.yaml:", "two people"},
		"single custodian with two":       {"lab.yaml", "people:", "single_custodian: true\npeople:", "lab.yaml:", "exactly one"},
		"an unknown role":                 {"lab.yaml", "roles: [sponsor]", "roles: [king]", "lab.yaml:", `role "king"`},
		"a handle twice":                  {"lab.yaml", "handle: paul", "handle: sam", "lab.yaml:", "handle"},
		"a name of two scripts":           {"lab.yaml", "Paul Placeholder", "P\u0430ul Placeholder", "lab.yaml:", "one script"},
		"an origin that is none":          {"lab.yaml", "origin: ledger.lab.example", "origin: Ledger", "lab.yaml:", "origin"},
		"a witness twice":                 {"lab.yaml", "witnesses: []", "witnesses:\n" + witness("a.example") + witness("a.example"), "lab.yaml:", "counts once"},
		"a witness by two names":          {"lab.yaml", "witnesses: []", "witnesses:\n" + witness("a.example") + witness("b.example"), "lab.yaml:", "counts once"},
		"a witness in two spellings":      {"lab.yaml", "witnesses: []", "witnesses:\n" + witness("a.example") + strings.Replace(witness("a.example"), "\"}", "\\n\"}", 1), "lab.yaml:", "name+hash+key"},
		"more witnesses than there are":   {"lab.yaml", "witnesses: []\nrequire_witnesses: 0", "require_witnesses: 2\nwitnesses:\n" + witness("a.example"), "lab.yaml:", "number of witnesses"},
		"a compression of none":           {"lab.yaml", "compression_factor: 100", "compression_factor: 0", "lab.yaml:", "from 1 to"},
		"a compression beyond belief":     {"lab.yaml", "compression_factor: 100", "compression_factor: 1000001", "lab.yaml:", "from 1 to"},
		"a fraction of nothing":           {"lab.yaml", "theft_fraction: 0.01", "theft_fraction: 0", "lab.yaml:", "theft_fraction is"},
		"a fraction above the whole":      {"lab.yaml", "theft_fraction: 0.01", "theft_fraction: 1.01", "lab.yaml:", "theft_fraction is"},
		"a fraction that is cut":          {"lab.yaml", "theft_fraction: 0.01", "theft_fraction: 0.00000123", "lab.yaml:", "six decimals"},
		"a label without a horizon":       {"lab.yaml", "  internal: {days", "  inner: {days", "assets/example-model.yaml:", "no least horizon for the label internal"},
		"no horizons at all":              {"lab.yaml", "\n  internal: {days: 30, reviewers: [security]}\n  restricted: {days: 365, reviewers: [security, asset_owner]}", " {}", "assets/example-model.yaml:", "no least horizon"},
		"a horizon of no days":            {"lab.yaml", "{days: 30, ", "{days: 0, ", "lab.yaml:", "least horizon of the label"},
		"a horizon without days":          {"lab.yaml", "{days: 30, ", "{", "lab.yaml:", "least horizon of the label"},
		"a horizon without reviewers":     {"lab.yaml", "{days: 30, reviewers: [security]}", "{days: 30}", "lab.yaml:", "at least one role"},
		"a horizon's unknown reviewer":    {"lab.yaml", "{days: 30, reviewers: [security]}", "{days: 30, reviewers: [king]}", "lab.yaml:", `role "king"`},
		"a horizon's reviewer twice":      {"lab.yaml", "{days: 30, reviewers: [security]}", "{days: 30, reviewers: [security, security]}", "lab.yaml:", "already"},
		"a horizon that none can review":  {"lab.yaml", "roles: [security]", "roles: []", "lab.yaml:", "nobody could approve"},
		"an unknown owner":                {"assets/example-model.yaml", "owner: olga", "owner: nobody", "assets/example-model.yaml:5:", "nobody of lab.yaml"},
		"an owner without the role":       {"assets/example-model.yaml", "owner: olga", "owner: sam", "assets/example-model.yaml:5:", "asset_owner"},
		"an unknown kind":                 {"assets/example-model.yaml", "kind: model", "kind: thing", "assets/example-model.yaml:4:", "kind"},
		"a negative size":                 {"assets/example-model.yaml", "bytes: 140000000000", "bytes: -1", "assets/example-model.yaml:6:", "above zero"},
		"an unknown leak class":           {"assets/example-model.yaml", "leak: [behav, small]", "leak: [behav, puddle]", "assets/example-model.yaml:9:", "puddle"},
		"a default that is no version":    {"assets/example-model.yaml", "default: final", "default: last", "assets/example-model.yaml:14:", "default version"},
		"a URL with a password":           {"assets/example-model.yaml", "https://models", "https://u:p@models", "assets/example-model.yaml:", "URL"},
		"two credentials":                 {"assets/example-model.yaml", "  credential_env:", "  credential_file: /x\n  credential_env:", "assets/example-model.yaml:", "exactly one"},
		"an unknown attribute":            {"pathways/interpretability.yaml", "attribute: model.seed", "attribute: model.soul", "pathways/interpretability.yaml:", "model.soul"},
		"an attribute without a door":     {"pathways/interpretability.yaml", "attribute: model.seed", "attribute: weights.read", "pathways/interpretability.yaml:", "no door"},
		"an unknown limit":                {"pathways/interpretability.yaml", "top_k:", "top_q:", "pathways/interpretability.yaml:", "no limit"},
		"a limit of the wrong form":       {"pathways/interpretability.yaml", "top_k: {default: 5, least: 0, most: 5}", "top_k: {default: [a]}", "pathways/interpretability.yaml:", "kind max"},
		"a default outside its range":     {"pathways/interpretability.yaml", "top_k: {default: 5, least: 0, most: 5}", "top_k: {default: 9, least: 0, most: 5}", "pathways/interpretability.yaml:", "outside"},
		"a budget that nothing counts":    {"pathways/interpretability.yaml", "top_k:", "usd: {default: 5}\n      top_k:", "pathways/interpretability.yaml:", "counts cents"},
		"an unknown asset":                {"pathways/interpretability.yaml", "assets: [example-model]", "assets: [other]", "pathways/interpretability.yaml:", "of which model.sample can be"},
		"an asset of another kind":        {"pathways/data-audit.yaml", "attribute: data.job\n    assets: [example-corpus]", "attribute: data.job\n    assets: [example-model]", "pathways/data-audit.yaml:43:", "of which data.job can be"},
		"a model's attribute on a corpus": {"pathways/data-audit.yaml", "attribute: model.seed\n    assets: [example-model]", "attribute: model.seed\n    assets: [example-corpus]", "pathways/data-audit.yaml:40:", "of which model.seed can be"},
		"a program that nobody has":       {"environments/weights-diff.yaml", "computes: weights.diff", "computes: weights.compute", "environments/weights-diff.yaml:5:", "requests to a program of ours"},
		"a command beside a program":      {"environments/weights-diff.yaml", "root: /", "root: /\ncommand: [/usr/bin/python3]", "environments/weights-diff.yaml:5:", "there is no command"},
		"one decider":                     {"pathways/interpretability.yaml", "  - {role: security, quorum: 1}\n", "", "pathways/interpretability.yaml:", "two different people"},
		"a quorum that nobody can meet":   {"pathways/interpretability.yaml", "role: security, quorum: 1", "role: security, quorum: 2", "pathways/interpretability.yaml:", "quorum is 2"},
		"an unknown clause":               {"pathways/interpretability.yaml", "clause: purpose", "clause: poetry", "pathways/interpretability.yaml:", "poetry"},
		"a cap of the fees paid":          {"pathways/interpretability.yaml", "cap: 50000 EUR", "cap: fees paid", "pathways/interpretability.yaml:", "fees paid are no amount"},
		"a value out of range":            {"pathways/interpretability.yaml", "clause: publication-review}", "clause: publication-review, values: {review_days: \"90\"}}", "pathways/interpretability.yaml:", "range"},
		"content that is kept":            {"pathways/interpretability.yaml", "content_log: none", "content_log: sealed", "pathways/interpretability.yaml:", "not built"},
		"content that the lab reads":      {"pathways/evaluation.yaml", "content_log: none", "content_log: lab_visible", "pathways/evaluation.yaml:", "lab_visible (the lab reads it) are not built"},
		"a clause twice":                  {"pathways/evaluation.yaml", "  - {clause: exit}\n", "  - {clause: exit}\n  - {clause: exit}\n", "pathways/evaluation.yaml:", "exit stands here already"},
		"agents against the clause":       {"pathways/evaluation.yaml", "{kinds: people and agents}", "{kinds: people only}", "pathways/evaluation.yaml:20:", "kinds of clause agents"},
		"a region beyond the clause":      {"pathways/vetted-researcher.yaml", "regions: {default: [at, ", "regions: {default: [us, ", "pathways/vetted-researcher.yaml:", "regions of clause export-control"},
		"no limit for the regions":        {"pathways/vetted-researcher.yaml", "  - attribute: model.seed\n    assets: [example-model]\n", "  - {attribute: model.logit_bias, assets: [example-model]}\n  - attribute: model.seed\n    assets: [example-model]\n", "pathways/vetted-researcher.yaml:", "regions must say so"},
		"what is to come and has a door":  {"pathways/data-audit.yaml", "attribute: data.query", "attribute: model.tools", "pathways/data-audit.yaml:", "a door enforces model.tools"},
		"what is to come and unknown":     {"pathways/data-audit.yaml", "attribute: data.query", "attribute: data.soul", "pathways/data-audit.yaml:", "data.soul"},
		"what is to come twice":           {"pathways/data-audit.yaml", "attribute: data.query", "attribute: data.search", "pathways/data-audit.yaml:", "under later already"},
		"what is to come without a word":  {"pathways/data-audit.yaml", "says: counts of documents that hold a phrase", "says: \"\"", "pathways/data-audit.yaml:", "in one line"},
		"no expected time":                {"pathways/data-audit.yaml", "expected_days: 12\n", "", "pathways/data-audit.yaml:", "expected_days"},
		"an expected time above the most": {"pathways/data-audit.yaml", "expected_days: 12", "expected_days: 21", "pathways/data-audit.yaml:95:", "from 1 to review_days, which is 20"},
		"a grant shorter than its least":  {"pathways/evaluation.yaml", "grant_days: 90", "grant_days: 29", "pathways/evaluation.yaml:", "can take 32 days"},
		"a least that is negative":        {"pathways/evaluation.yaml", "least_grant_days: 20", "least_grant_days: -1", "pathways/evaluation.yaml:", "from 0 to 250"},
		"an unknown rule for sponsors":    {"pathways/fellowship.yaml", "sponsor: required", "sponsor: forbidden", "pathways/fellowship.yaml:", "required or allowed"},
		"an unknown code":                 {"pathways/evaluation.yaml", "codes: [PS,", "codes: [XS,", "pathways/evaluation.yaml:11:9: ", `code "XS"`},
		"a code twice":                    {"pathways/evaluation.yaml", "codes: [PS,", "codes: [PS, PS,", "pathways/evaluation.yaml:11:", "stands here twice"},
		"a code against a field":          {"pathways/evaluation.yaml", "codes: [PS,", "codes: [COL, PS,", "pathways/evaluation.yaml:11:", "COL (together with someone of the lab) needs sponsor: required"},
		"a code without its clause":       {"pathways/api-credits.yaml", "codes: [GRU,", "codes: [DISC, GRU,", "pathways/api-credits.yaml:7:", "needs the clause flaw-disclosure"},
		"a code against its clause":       {"pathways/evaluation.yaml", "codes: [PS,", "codes: [SAFETY, PS,", "pathways/evaluation.yaml:11:", "needs the clause purpose with kind: safety research"},
		"a code of countries unnamed":     {"pathways/vetted-researcher.yaml", "clause: export-control, values: {", "clause: export-control, values: {regions: any, was_", "pathways/vetted-researcher.yaml:13:", "with regions other than any"},
		"a condition on no question":      {"pathways/evaluation.yaml", "when: {question: hazards,", "when: {question: hazard,", "pathways/evaluation.yaml:", `no question "hazard" stands before`},
		"a condition on itself":           {"pathways/evaluation.yaml", "when: {question: hazards,", "when: {question: hazard_handling,", "pathways/evaluation.yaml:", "stands before it"},
		"a condition on no choice":        {"pathways/evaluation.yaml", `is: ["yes"]`, `is: ["perhaps"]`, "pathways/evaluation.yaml:18:", "no choice of the question hazards"},
		"a condition never met":           {"pathways/evaluation.yaml", `is: ["yes"]`, "is: []", "pathways/evaluation.yaml:", "never be asked"},
		"a choice twice":                  {"pathways/evaluation.yaml", `choices: ["no", "yes"]`, `choices: ["no", "no", "yes"]`, "pathways/evaluation.yaml:", "stands once"},
		"a parameter held by nobody":      {"clauses/exit.md", "says: whether they may leave without it being told, default: \"yes\", held: recorded", "says: whether they may leave without it being told, default: \"yes\", held: gateway, by: silence", "clauses/exit.md:5:", "no code reads parameter silent"},
		"a parameter that hides its hold": {"clauses/liability.md", "held: agreement, by: cap", "held: recorded", "clauses/liability.md:4:", "is read by code"},
		"a parameter held by another":     {"clauses/liability.md", "by: cap", "by: cup", "clauses/liability.md:4:", "by: cap"},
		"a parameter of another kind":     {"clauses/agents.md", "kind: choice", "kind: choices", "clauses/agents.md:4:", "of the kind choice"},
		"a parameter without held":        {"clauses/exit.md", ", held: recorded", "", "clauses/exit.md:4:", "by what it is held"},
		"a number without a range":        {"clauses/agents.md", "least: 0, most: 100, ", "", "clauses/agents.md:5:", "states its range"},
		"a range upside down":             {"clauses/agents.md", "least: 0, most: 100", "least: 100, most: 10", "clauses/agents.md:5:", "least not above most"},
		"a range of a flag":               {"clauses/exit.md", "kind: flag,", "kind: flag, least: 1,", "clauses/exit.md:", "has no least and most"},
		"a choice of one":                 {"clauses/feedback.md", ", free use with attribution]", "]", "clauses/feedback.md:4:", "wrong number of choices"},
		"a default beyond":                {"clauses/agents.md", `default: "50"`, `default: "101"`, "clauses/agents.md:5:", "range 0 to 100"},
		"an unknown kind of parameter":    {"clauses/exit.md", "kind: flag", "kind: mood", "clauses/exit.md:4:", "is of the kind"},
		"a placeholder without parameter": {"clauses/purpose.md", "nothing else.", "nothing {{else}}.", "clauses/purpose.md:10:", "placeholder"},
		"a parameter without placeholder": {"clauses/liability.md", "{{cap}}", "much", "clauses/liability.md:4:", "stands nowhere"},
		"a standing of no kind":           {"pathways/data-audit.yaml", "{kind: affiliation}", "{kind: friendship}", "pathways/data-audit.yaml:", `"friendship" is none of them`},
		"a training without a name":       {"pathways/data-audit.yaml", "{kind: training, name: secure-handling}", "{kind: training}", "pathways/data-audit.yaml:", "has a name"},
		"an affiliation with a name":      {"pathways/data-audit.yaml", "{kind: affiliation}", "{kind: affiliation, name: home}", "pathways/data-audit.yaml:104:", "has no name"},
		"a standing of somebody else":     {"pathways/data-audit.yaml", "{kind: affiliation}", "{kind: affiliation, for: everyone}", "pathways/data-audit.yaml:104:", "for is team"},
		"a recertification of each":       {"pathways/data-audit.yaml", "{kind: recertification}", "{kind: recertification, for: team}", "pathways/data-audit.yaml:105:", "say for: applicant"},
		"a standing for ever":             {"pathways/data-audit.yaml", "{kind: affiliation}", "{kind: affiliation, days: 1097}", "pathways/data-audit.yaml:104:", "from 1 to 1096"},
		"a standing twice":                {"pathways/data-audit.yaml", "{kind: recertification}", "{kind: affiliation}", "pathways/data-audit.yaml:105:", "under rests_on already"},
		"an environment by another name":  {"environments/go-static.yaml", "name: go-static", "name: go", "environments/go-static.yaml:", "and the file's are the same"},
		"an environment's unknown field":  {"environments/go-static.yaml", "root: /", "root: /\nshared: all", "environments/go-static.yaml:5:", `"shared" is not a field here`},
		"devices of no kind":              {"environments/go-static.yaml", "root: /", "root: /\ndevices: 1", "environments/go-static.yaml:5:", "devices is how many"},
		"more devices than a job has":     {"environments/go-static.yaml", "root: /", "root: /\ndevice: gpu\ndevices: 65", "environments/go-static.yaml:6:", "from 0 to 64"},
		"fewer devices than none":         {"environments/go-static.yaml", "root: /", "root: /\ndevice: gpu\ndevices: -1", "environments/go-static.yaml:6:", "from 0 to 64"},
		"a kind of device that is none":   {"environments/go-static.yaml", "root: /", "root: /\ndevice: GPU 1", "environments/go-static.yaml:5:", "names a kind of device"},
		"studies approved where none run": {"pathways/api-credits.yaml", "clauses:\n", "clauses:\n  - {clause: study-approval}\n", "pathways/api-credits.yaml:", "no study to approve"},
		"an environment without a title":  {"environments/go-static.yaml", "title: one static binary of the researcher's own\n", "", "environments/go-static.yaml:", "title of one line"},
		"a title of two lines":            {"environments/go-static.yaml", "one static binary of the researcher's own", `"one\ntwo"`, "environments/go-static.yaml:3:", "title of one line"},
		"an environment without a root":   {"environments/go-static.yaml", "root: /\n", "", "environments/go-static.yaml:", "root is an absolute path"},
		"a root that is relative":         {"environments/go-static.yaml", "root: /", "root: images/go", "environments/go-static.yaml:4:", "root is an absolute path"},
		"a root that goes up":             {"environments/go-static.yaml", "root: /", "root: /srv/../etc", "environments/go-static.yaml:4:", "root is an absolute path"},
		"a command that is empty":         {"environments/python-numpy.yaml", "[/usr/bin/python3]", "[]", "environments/python-numpy.yaml:7:", "1 to 32 parts"},
		"a command that is relative":      {"environments/python-numpy.yaml", "[/usr/bin/python3]", "[python3]", "environments/python-numpy.yaml:7:", "the first an absolute path"},
		"an argument of two lines":        {"environments/python-numpy.yaml", "[/usr/bin/python3]", `[/usr/bin/python3, "a\nb"]`, "environments/python-numpy.yaml:7:", "one line"},
		"a package of another name":       {"environments/python-numpy.yaml", "[python3, ", "[../python3, ", "environments/python-numpy.yaml:9:", "Debian's names"},
		"a package twice":                 {"environments/python-numpy.yaml", "[python3, python3-numpy]", "[python3, python3]", "environments/python-numpy.yaml:9:", "each once"},
		"an environment for nobody":       {"environments/go-static.yaml", "pathways: [any]", "pathways: []", "environments/go-static.yaml:6:", "whose grants may use"},
		"an environment that is silent":   {"environments/go-static.yaml", "pathways: [any]\n", "", "environments/go-static.yaml:", "whose grants may use"},
		"an environment for no pathway":   {"environments/go-static.yaml", "pathways: [any]", "pathways: [poetry]", "environments/go-static.yaml:6:", `pathway "poetry"`},
		"an environment for any and one":  {"environments/go-static.yaml", "pathways: [any]", "pathways: [evaluation, any]", "environments/go-static.yaml:6:", "any stands alone"},
		"an environment for one twice":    {"environments/go-static.yaml", "pathways: [any]", "pathways: [evaluation, evaluation]", "environments/go-static.yaml:6:", "stands here twice"},
		"memory without a bound":          {"environments/go-static.yaml", "memory_mb: 2048, ", "", "environments/go-static.yaml:5:", "memory_mb, from 16 to"},
		"memory beyond belief":            {"environments/go-static.yaml", "memory_mb: 2048", "memory_mb: 1048577", "environments/go-static.yaml:5:", "memory_mb, from 16 to 1048576 MiB"},
		"no time":                         {"environments/go-static.yaml", "wall_minutes: 60", "wall_minutes: 0", "environments/go-static.yaml:5:", "wall_minutes, from 1 to 10080 minutes"},
		"time below nothing":              {"environments/go-static.yaml", "wall_minutes: 60", "wall_minutes: -1", "environments/go-static.yaml:5:", "wall_minutes, from 1"},
		"no processor":                    {"environments/go-static.yaml", "cpus: 1, ", "", "environments/go-static.yaml:5:", "cpus, from 1 to 256"},
		"processes without a bound":       {"environments/go-static.yaml", "processes: 64", "processes: 4097", "environments/go-static.yaml:5:", "processes, from 1 to 4096"},
		"no scratch":                      {"environments/go-static.yaml", "scratch_mb: 512", "scratch_mb: 0", "environments/go-static.yaml:5:", "scratch_mb, from 1"},
		"much that comes out":             {"environments/go-static.yaml", "out_mb: 64", "out_mb: 1025", "environments/go-static.yaml:5:", "out_mb, from 1 to 1024 MiB"},
		"more kept in memory than it is":  {"environments/go-static.yaml", "scratch_mb: 512", "scratch_mb: 2000", "environments/go-static.yaml:5:", "not above memory_mb"},
		"a folder without its digest":     {"assets/example-model.yaml", "upstream: example-model}", "upstream: example-model, folder: /srv/final}", "assets/example-model.yaml:", "a version with a folder states its digest"},
		"a digest without its folder":     {"assets/example-model.yaml", "upstream: example-model}", "upstream: example-model, digest: \"" + someDigest + "\"}", "assets/example-model.yaml:", "states its folder on the node"},
		"a folder that is relative":       {"assets/example-model.yaml", "upstream: example-model}", "upstream: example-model, folder: srv/final, digest: \"" + someDigest + "\"}", "assets/example-model.yaml:", "an absolute path"},
		"a folder that goes up":           {"assets/example-model.yaml", "upstream: example-model}", "upstream: example-model, folder: /srv/../etc, digest: \"" + someDigest + "\"}", "assets/example-model.yaml:", "an absolute path"},
		"a folder that is all":            {"assets/example-model.yaml", "upstream: example-model}", "upstream: example-model, folder: /, digest: \"" + someDigest + "\"}", "assets/example-model.yaml:", "an absolute path"},
		"a digest that is none":           {"assets/example-model.yaml", "upstream: example-model}", "upstream: example-model, folder: /srv/final, digest: \"sha256:00\"}", "assets/example-model.yaml:", "states its digest"},
		"a permit":                        {"guardrails/house.cedar", "forbid (principal, action, resource)\nwhen { resource", "permit (principal, action, resource)\nwhen { resource", "guardrails/house.cedar:4:", "only forbid"},
		"like":                            {"guardrails/house.cedar", `resource.label == "restricted"`, `resource.label like "r*"`, "guardrails/house.cedar:4:", "like"},
		"no Cedar":                        {"guardrails/house.cedar", "forbid (", "forbid [", "guardrails/house.cedar:", "not Cedar"},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(template(t))
			if !strings.Contains(string(files[c.file]), c.old) {
				t.Fatalf("%q does not stand in %s", c.old, c.file)
			}
			files[c.file] = []byte(strings.ReplaceAll(string(files[c.file]), c.old, c.new))
			_, problems := lab.Load(files)
			found := false
			for _, p := range problems {
				found = found || strings.HasPrefix(p.String(), c.at) && strings.Contains(p.Message, c.says)
			}
			if !found {
				t.Errorf("no problem at %s says %q; there are:\n%s", c.at, c.says, problems.Render(files))
			}
		})
	}
}

// witness gives the line of a witness whose key is always the same one.
func witness(name string) string {
	_, key, err := ledger.NewWitnessKey(strings.NewReader(strings.Repeat("w", 32)), name)
	if err != nil {
		panic(err)
	}
	return `  - {url: "https://witness.example", key: "` + key + "\"}\n"
}

// TestTheMeasureOfAHorizon: what lab.yaml leaves out is the standard, which the budget of weights without one follows.
func TestTheMeasureOfAHorizon(t *testing.T) {
	files := template(t)
	files["assets/example-model.yaml"] = []byte(strings.Replace(string(files["assets/example-model.yaml"]), "kind: model", "kind: weights", 1))
	files["assets/example-model.yaml"] = []byte(strings.Replace(string(files["assets/example-model.yaml"]), "lifetime_bytes: 14000000", "lifetime_bytes: 0", 1))
	for text, want := range map[string]int64{"compression_factor: 100\ntheft_fraction: 0.01\n": 14_000_000, "": 14_000_000, "compression_factor: 16\n": 87_500_000, "theft_fraction: 1\n": 1_400_000_000} {
		changed := maps.Clone(files)
		changed["lab.yaml"] = []byte(strings.Replace(string(files["lab.yaml"]), "compression_factor: 100\ntheft_fraction: 0.01\n", text, 1))
		d, _ := lab.Load(changed) // pathways offer models alone, which is a problem of their own
		if got := d.Assets["example-model"].LifetimeBytes; got != want || d.Horizons["internal"].Days != 30 {
			t.Errorf("%q: %d bytes for life, want %d", text, got, want)
		}
	}
}

func TestADigestCoversEveryByte(t *testing.T) {
	files := template(t)
	digest := files.Digest()
	for name := range files {
		changed := maps.Clone(files)
		changed[name] = append([]byte{' '}, changed[name]...)
		if changed.Digest() == digest {
			t.Errorf("a change in %s does not change the digest", name)
		}
		delete(changed, name)
		if changed.Digest() == digest {
			t.Errorf("the absence of %s does not change the digest", name)
		}
	}
}

func TestBusinessDaysSkipWeekendsAndHolidays(t *testing.T) {
	friday := time.Date(2026, 12, 18, 9, 0, 0, 0, time.UTC)
	got := lab.Calendar{Holidays: []string{"2026-12-25"}}.Add(friday, 6)
	if want := time.Date(2026, 12, 29, 9, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("six business days after %v are %v, want %v", friday, got, want)
	}
}

// TestWhatNestsTooDeepIsRefusedBeforeItIsParsed: a parser that calls itself for every level would take the node down.
func TestWhatNestsTooDeepIsRefusedBeforeItIsParsed(t *testing.T) {
	const rule = "forbid (principal, action, resource) when { "
	for name, c := range map[string]struct{ file, text string }{
		"brackets in Cedar":                 {"guardrails/a.cedar", rule + strings.Repeat("(", 100_000)},
		"sets in Cedar":                     {"guardrails/a.cedar", rule + strings.Repeat("[", 100_000)},
		"brackets after a string":           {"guardrails/a.cedar", rule + strings.Repeat(`")" == (`, 20_000)},
		"brackets after a comment":          {"guardrails/a.cedar", rule + strings.Repeat("( // )\n", 20_000)},
		"brackets after quotes in comments": {"guardrails/a.cedar", rule + strings.Repeat(`( /* " */ `, 20_000)},
		"negations in Cedar":                {"guardrails/a.cedar", rule + strings.Repeat("!", 100_000)},
		"conditions in Cedar":               {"guardrails/a.cedar", rule + strings.Repeat("if a then b else ", 5_000)},
		"a long conjunction":                {"guardrails/a.cedar", rule + strings.Repeat("a && ", 20_000)},
		"flow lists in YAML":                {"lab.yaml", strings.Repeat("[", 100_000)},
		"flow maps in YAML":                 {"lab.yaml", strings.Repeat("{a: ", 50_000)},
		"flow lists with strings":           {"lab.yaml", strings.Repeat(`["]", `, 20_000)},
		"lists on one line":                 {"lab.yaml", strings.Repeat("- ", 100_000)},
		"keys on one line":                  {"lab.yaml", strings.Repeat("? ", 100_000)},
		"tags on one line":                  {"lab.yaml", "a: " + strings.Repeat("!!x ", 50_000)},
		"anchors on one line":               {"lab.yaml", "a: " + strings.Repeat("&a ", 50_000)},
		"maps by indentation":               {"lab.yaml", indented("a:\n", 400)},
		"lists by indentation":              {"lab.yaml", indented("-\n", 400)},
		"front matter of a clause":          {"clauses/purpose.md", "---\n" + strings.Repeat("[", 100_000) + "\n---\ntext\n"},
		"a file larger than any":            {"clauses/purpose.md", strings.Repeat("x", 300_000)},
		"an indented list in a field":       {"pathways/interpretability.yaml", "name:\n" + strings.Repeat(" ", 100) + "- x: 1\n"},
	} {
		files := maps.Clone(template(t))
		files[c.file] = []byte(c.text)
		_, problems := lab.Load(files)
		if len(problems) == 0 || !strings.Contains(problems.Error(), c.file) ||
			!strings.Contains(problems.Error(), "nested too deep") && !strings.Contains(problems.Error(), "larger than") && !strings.Contains(problems.Error(), "refused") {
			t.Errorf("%s: %.300s", name, problems.Error())
		}
	}
}

// indented puts a line n times, each a space further right.
func indented(line string, n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(strings.Repeat(" ", i) + line)
	}
	return out.String()
}
