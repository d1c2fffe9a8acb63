package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
)

const aRule = `says: the same value for every checkpoint that is trained
files:
  - name: table.csv
    kind: csv
    context: one value of the weights, from 0 to 9
    columns:
      - {name: v, number: {min: 0, max: 9, digits: 1}}
    rows: 1
    bytes: 20
rows_a_day: 1000
days: 9
looks: sam
stands_in: paul
`

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rule.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAStandingRuleFromTheCommandLine: from a file to what leaves by it and is checked, and to the second look, by people who type.
func TestAStandingRuleFromTheCommandLine(t *testing.T) {
	e, ada := leaving(t, map[string]string{"table.csv": "v\n1\n"})
	job := ran(t, ada)
	ada.good("job", "show", job, "--wait")
	ada.bad("--example prints one", "release", "rule", "new", job)
	ada.bad("columns", "release", "rule", "new", job, "--file", written(t, strings.Replace(aRule, "number: {min: 0, max: 9, digits: 1}", "free: true", 1)))
	if _, _, err := ada.run("release", "rule", "new", job, "--file", written(t, strings.Replace(aRule, "digits: 1", "digits: 9", 1))); !strings.Contains(err, "1 to 6 digits") {
		t.Errorf("it says %s", err)
	}
	example := ada.good("release", "rule", "new", job, "--example")
	ada.bad("declares", "release", "rule", "new", job, "--file", written(t, example)) // it reads, and names another study's files
	asked := ada.good("release", "rule", "new", job, "--file", written(t, aRule))
	rule := strings.SplitN(asked, "\n", 2)[0]
	if !strings.Contains(asked, "waits for 2 people") || !strings.Contains(asked, "4 bits a row") {
		t.Errorf("it says\n%s", asked)
	}
	olga, sam := seat(t, e, "olga"), seat(t, e, "sam")
	if out := olga.good("work"); !strings.Contains(out, "review rule") || !strings.Contains(out, "narthex release rule show "+rule) {
		t.Errorf("what waits is\n%s", out)
	}
	olga.bad("have not been shown", "release", "rule", "approve", rule)
	shown := olga.good("release", "rule", "show", rule)
	for _, line := range []string{"a number from 0 to 9, of 1 digit", "the same value for every checkpoint", "4 bits a row, 2500 bytes a day", "narthex release rule approve " + rule, "every checkpoint"} {
		if !strings.Contains(shown, line) {
			t.Errorf("%q does not stand in\n%s", line, shown)
		}
	}
	olga.good("release", "rule", "approve", rule)
	if out := sam.good("release", "rule", "show", rule); strings.Contains(out, "approved as") {
		t.Errorf("the second is shown\n%s", out)
	}
	if out := sam.good("release", "rule", "approve", rule); !strings.Contains(out, rule+" is in force") {
		t.Errorf("it says\n%s", out)
	}
	if out := ada.good("release", "rule", "list"); !strings.Contains(out, "in force") {
		t.Errorf("the rules are\n%s", out)
	}
	out := ada.good("release", "new", job, "--rule", rule)
	release := strings.SplitN(out, "\n", 2)[0]
	if !strings.Contains(out, "left by the standing rule "+rule) {
		t.Errorf("it says\n%s", out)
	}
	if out := ada.good("release", "show", release); !strings.Contains(out, "the standing rule "+rule) {
		t.Errorf("its author is shown\n%s", out)
	}
	results := filepath.Join(t.TempDir(), "results")
	if out := ada.good("release", "fetch", release, "--out", results, "--key", e.Node.LogKey()); !strings.Contains(out, "fit the standing rule "+rule+", which 2 people approved") {
		t.Errorf("it says\n%s", out)
	}
	if out := at(t).good("release", "verify", filepath.Join(results, "table.csv"), "--record", filepath.Join(results, "record.json"), "--key", e.Node.LogKey()); !strings.Contains(out, "approved as asset owner, security") {
		t.Errorf("it says\n%s", out)
	}
	drawn := draw(t, e, ada, job, rule)
	if out := sam.good("work"); !strings.Contains(out, "look again") || !strings.Contains(out, "narthex release view "+drawn) {
		t.Errorf("what waits is\n%s", out)
	}
	sam.bad("finds one thing", "release", "rule", "look", drawn)
	sam.bad("finds one thing", "release", "rule", "look", drawn, "--fine", "--not-fine", "carries")
	sam.bad("have not been shown", "release", "rule", "look", drawn, "--fine")
	if out := sam.good("release", "view", drawn); !strings.Contains(out, "narthex release rule look "+drawn) {
		t.Errorf("he is shown\n%s", out)
	}
	if out := sam.good("release", "rule", "look", drawn, "--not-fine", "carries"); !strings.Contains(out, rule+" is ended") {
		t.Errorf("it says\n%s", out)
	}
	sam.bad("does not wait for a second look", "release", "rule", "look", drawn, "--fine")
	if out := ada.good("release", "rule", "show", rule); !strings.Contains(out, "a second look at what left was not fine") || strings.Contains(out, string(e.People["sam"].ID)) {
		t.Errorf("its author is shown\n%s", out)
	}
	out = ada.good("release", "new", job, "--rule", rule)
	if !strings.Contains(out, "it does not leave by the standing rule "+rule+": the rule is not in force") || !strings.Contains(out, "wait for 2 people") {
		t.Errorf("it says\n%s", out)
	}
}

// draw has tables leave until one is drawn.
func draw(t *testing.T, e *testenv.Env, ada *typist, job, rule string) string {
	t.Helper()
	c := e.Client.With(ada.env["NARTHEX_KEY"])
	for range 180 {
		r, err := c.SubmitRelease(t.Context(), client.SubmitRelease{Job: narthex.JobID(job), Rule: narthex.RuleID(rule)})
		if err != nil || r.Rule == nil {
			t.Fatalf("it does not leave: %+v, %v", r, err)
		}
		view, err := e.People["sam"].Rule(t.Context(), narthex.RuleID(rule))
		if err != nil {
			t.Fatal(err)
		}
		if len(view.Open) > 0 {
			return string(view.Open[0].Release)
		}
	}
	t.Fatal("none was drawn")
	return ""
}
