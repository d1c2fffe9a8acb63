package audit_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
)

// TestAReleaseByARuleFollowsFromTheRule: a lab with the ledger's key writes otherwise what lets a release leave without people; each of it is an entry
// that does not follow.
func TestAReleaseByARuleFollowsFromTheRule(t *testing.T) {
	e, rule, out := letByRule(t)
	honest := takeHome(t, e)
	if report := honest.replay(t); len(report.Impossible)+len(report.Differences) > 0 {
		t.Fatalf("what was is impossible: %+v %+v", report.Impossible, report.Differences)
	}
	swap := func(kind narthex.EntryType, holds, field, old, new string) func(*testing.T, *copyOf) {
		return func(t *testing.T, c *copyOf) {
			at := c.find(t, kind, field, holds)
			was := c.openings[at].Field(field)
			now := strings.Replace(was, old, new, 1)
			if now == was {
				t.Fatalf("%s of entry %d does not hold %s: %s", field, at, old, was)
			}
			c.set(t, at, field, now)
		}
	}
	olga, sam := string(e.People["olga"].ID), string(e.People["sam"].ID)
	for name, forge := range map[string]func(*testing.T, *copyOf){
		"a rule that allows more":                          swap(narthex.EntryRuleProposed, `"max":10`, "terms", `"max":10`, `"max":99`),
		"a rule of free text":                              swap(narthex.EntryRuleProposed, `"kind":"csv"`, "terms", `"kind":"csv"`, `"kind":"text"`),
		"a rule for another study":                         swap(narthex.EntryJobTaken, `"study"`, "job", `"study":"sha256:`, `"study":"sha256:0`),
		"one who approves twice":                           swap(narthex.EntryRuleChanged, sam, "event", sam, olga),
		"an approval by who asked":                         swap(narthex.EntryRuleChanged, sam, "event", sam, string(e.People["ada"].ID)),
		"an approval of another text":                      swap(narthex.EntryRuleChanged, sam, "event", `"saw":"sha256:`, `"saw":"sha256:0`),
		"an approval in another role":                      swap(narthex.EntryRuleChanged, sam, "event", `"as":"security"`, `"as":"programme"`),
		"an approval by who does not review":               swap(narthex.EntryRuleChanged, sam, "event", sam, string(e.People["carol"].ID)),
		"an approval by who owns nothing":                  swap(narthex.EntryRuleChanged, olga, "event", olga, string(e.People["paul"].ID)),
		"a rule that fewer must approve than was signed":   swap(narthex.EntryRuleProposed, `"reviewers":2`, "terms", `"reviewers":2`, `"reviewers":1`),
		"a second look in a hundred years":                 swap(narthex.EntryRuleChanged, `"act":"use"`, "event", `"due":"2`, `"due":"3`),
		"a release that fewer must say of than was signed": swap(narthex.EntryReleaseTaken, `"reviewers":2`, "release", `"reviewers":2`, `"reviewers":0`),
		"a refusal":                         swap(narthex.EntryRuleChanged, sam, "event", `"act":"approve","as":"security","by":"`+sam+`"`, `"act":"refuse","as":"security","by":"`+sam+`","comment":"no"`),
		"more rows than a day has":          swap(narthex.EntryRuleChanged, `"act":"use"`, "event", `"rows":2`, `"rows":11`),
		"fewer rows":                        swap(narthex.EntryRuleChanged, `"act":"use"`, "event", `"rows":2`, `"rows":1`),
		"no draw":                           swap(narthex.EntryRuleChanged, `"act":"use"`, "event", `"draw":"`, `"draw":"x`),
		"a use by another release":          swap(narthex.EntryRuleChanged, `"act":"use"`, "event", string(out), "rel_1"),
		"a finding that nobody saw":         swap(narthex.EntryReleaseTaken, `"findings":[]`, "release", `"findings":[]`, `"findings":[{"file":"table.csv","kind":"weights"}]`),
		"a release that more must say of":   swap(narthex.EntryReleaseTaken, `"reviewers":2`, "release", `"reviewers":2`, `"reviewers":3`),
		"a release by another rule":         swap(narthex.EntryReleaseChanged, `"act":"by_rule"`, "event", string(rule), "rul_1"),
		"a release by a rule that one made": swap(narthex.EntryReleaseChanged, `"act":"by_rule"`, "event", `"approved":["asset_owner","security"]`, `"approved":["asset_owner"]`),
		"other roles":                       swap(narthex.EntryReleaseChanged, `"act":"by_rule"`, "event", `"approved":["asset_owner","security"]`, `"approved":["security","security"]`),
		"other rows":                        swap(narthex.EntryReleaseChanged, `"act":"by_rule"`, "event", `"rows":2`, `"rows":1`),
		"a rule that had ended": func(t *testing.T, c *copyOf) {
			at := c.find(t, narthex.EntryRuleChanged, "event", `"act":"use"`)
			c.set(t, at, "event", `{"act":"end","code":"time"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := *honest
			c.records, c.openings = append(c.records[:0:0], c.records...), append(c.openings[:0:0], c.openings...)
			forge(t, &c)
			if report := c.replay(t); len(report.Impossible) == 0 {
				t.Error("it follows")
			}
		})
	}
}

func writesTable(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
	if os.WriteFile(filepath.Join(out, "table.csv"), []byte("layer,value\n0,1.5\n1,2.5\n"), 0o600) != nil {
		return sandbox.Ended{Class: sandbox.Failed}
	}
	return sandbox.Ended{Class: sandbox.Done}
}

// letByRule gives a lab in which something left by a standing rule.
func letByRule(t *testing.T) (*testenv.Env, narthex.RuleID, narthex.ReleaseID) {
	t.Helper()
	options, _ := testenv.Beside(t, testenv.Options{}, writesTable)
	e := testenv.New(t, options)
	_, key := e.Grant(t, "", append([]narthex.Term{testenv.Tokens(10, nil)}, testenv.JobTerms()...)...)
	ada := e.Client.With(key)
	files := []client.StudyFile{{Path: "run", Data: []byte("#!\nrun\n")}, {Path: "study.yaml", Data: []byte("name: a-study\ncommand: [/study/run]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n")}}
	job, err := ada.SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: files})
	must(t, err)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		view, err := ada.Job(t.Context(), job.ID)
		must(t, err)
		if view.State.Over() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the job does not end")
		}
	}
	r, err := ada.ProposeRule(t.Context(), client.ProposeRule{Job: job.ID, Says: "one value of each layer, for every checkpoint", RowsADay: 10, Days: 9, Files: []narthex.RuleFile{{Name: "table.csv", Kind: "csv", Context: "one value of each layer, as it was computed", Rows: 4, Bytes: 99,
		Columns: []narthex.RuleColumn{{Name: "layer", Number: &narthex.RuleNumber{Min: 0, Max: 9, Digits: 1}}, {Name: "value", Number: &narthex.RuleNumber{Min: 0, Max: 10, Digits: 3}}}}}})
	must(t, err)
	for _, name := range []string{"olga", "sam"} {
		_, err = e.People[name].ApproveRule(t.Context(), r.ID, client.JudgeRule{Saw: r.Digest})
		must(t, err)
	}
	out, err := ada.SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Rule: r.ID})
	must(t, err)
	if out.State != narthex.ReleaseReleased {
		t.Fatalf("what fits is %s: %+v", out.State, out.Unfit)
	}
	return e, r.ID, out.ID
}
