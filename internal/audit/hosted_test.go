package audit_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/environment"
	"narthex/internal/examine"
	"narthex/internal/inspect"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

// here looks into files in the test's own process.
type here struct{ testenv.Here }

func (here) Examine(_ context.Context, task airlock.Task, _ ...string) (airlock.Answer, error) {
	answer, err := examine.Do(task, inspect.Held{})
	if task.Look {
		answer.Findings = append(answer.Findings, narthex.Finding{Kind: "secret", Rule: "a-rule", File: task.Files[0].Name, Line: 1, Says: "what it looks like"})
	}
	return answer, err
}

// hosted lets jobs run beside the model, as functions that leave a table.
func hosted(t testing.TB, o testenv.Options) testenv.Options {
	t.Helper()
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "weights.bin"), []byte("the weights"), 0o644))
	read, err := environment.ReadFolder(t.Context(), folder)
	must(t, err)
	second := t.TempDir()
	must(t, os.WriteFile(filepath.Join(second, "weights.bin"), []byte("earlier ones"), 0o644))
	early, err := environment.ReadFolder(t.Context(), second)
	must(t, err)
	before, config, jobs := o.Files, o.Config, t.TempDir()
	o.Files = func(f lab.Files) {
		if before != nil {
			before(f)
		}
		model := bytes.Replace(f["assets/model.yaml"], []byte("lifetime_bytes: 0"), []byte("lifetime_bytes: 9000"), 1)
		model = bytes.Replace(model, []byte("{name: final, upstream: upstream-final}"), []byte("{name: final, upstream: upstream-final, folder: "+folder+", digest: "+string(read.Digest)+"}"), 1)
		model = bytes.Replace(model, []byte("upstream: upstream-early}"), []byte("upstream: upstream-early, folder: "+second+", digest: "+string(early.Digest)+"}"), 1)
		f["environments/measures.yaml"] = []byte("name: measures\ntitle: statistics\ncomputes: weights.diff\nroot: /\nlimits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [any]\n")
		f["assets/model.yaml"] = bytes.Replace(model, []byte("leak: [behav, small]"), []byte("leak: [behav, small, bulk]"), 1)
		f["guardrails/test.cedar"] = []byte("@id(\"no-seven\")\nforbid (principal, action, resource) when { context has max_tokens && context.max_tokens == 7 };\n")
		f["environments/box.yaml"] = []byte("name: box\ntitle: a box\nroot: /\nlimits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [any]\n")
		f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("not_offered:"), []byte(`  - {attribute: weights.compute, assets: [model], limits: {cpu_hours: {default: 1, least: 0, most: 100}, wall_minutes: {default: 20, least: 1, most: 60}, memory_mb: {default: 64, least: 1, most: 4096}, bytes_out: {default: 4000, least: 0, most: 9000}}}
  - {attribute: weights.diff, assets: [model], limits: {statistics: {default: [l2], names: [l2, cosine]}, digits: {default: 3, least: 1, most: 4}, bytes_out: {default: 400, least: 0, most: 9000}}}
  - {attribute: output.release, assets: [model], limits: {artefacts: {default: [table, text], names: [table, text, figure, data]}, bytes_out: {default: 4000, least: 0, most: 9000}}}
not_offered:`), 1)
		f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("review_days:"), []byte("  - {clause: data-protection, values: {basis: legitimate interest}}\nreview_days:"), 1)
	}
	o.Config = func(c *server.Config) {
		if config != nil {
			config(c)
		}
		c.Host = &server.Host{Examiner: here{}, Driver: fake.New(jobs, func(_ context.Context, _ sandbox.Job, out string, _, _ io.Writer) sandbox.Ended {
			if os.WriteFile(filepath.Join(out, "table.csv"), []byte("layer,value\n0,1.5\n"), 0o600) != nil {
				return sandbox.Ended{Class: sandbox.Failed}
			}
			return sandbox.Ended{Class: sandbox.Failed, File: "run", Line: 1, CPU: time.Second}
		})}
	}
	return o
}

// studied runs a study, and has what it left released, returned, edited and withdrawn.
func studied(t testing.TB, e *testenv.Env) {
	t.Helper()
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil),
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(2000)}),
		testenv.Term("weights.diff", map[narthex.LimitName]narthex.Value{"statistics": narthex.NamesValue("l2", "cosine"), "digits": narthex.NumberValue(3), "bytes_out": narthex.NumberValue(1000)}),
		testenv.Term("model.checkpoints", map[narthex.LimitName]narthex.Value{"checkpoints": narthex.NamesValue("early")}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": narthex.NumberValue(2000)}))
	ada := e.Client.With(key)
	files := []client.StudyFile{{Path: "run", Data: []byte("#!\nrun\n")}, {Path: "study.yaml", Data: []byte("name: a-study\ncommand: [/study/run]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n  - {name: words.txt, kind: text, says: words}\n")}}
	ask := func(withdraw bool) {
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
		said := client.WantedFile{Name: "table.csv", Context: "one value of one layer, as it was computed"}
		r, err := ada.SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{said}})
		must(t, err)
		seen, err := e.People["olga"].Release(t.Context(), r.ID)
		must(t, err)
		if withdraw {
			_, err = e.People["olga"].ReturnRelease(t.Context(), r.ID, client.VoteRelease{Saw: seen.Release.Package, Comment: "of which layer?", Note: "odd"})
			must(t, err)
			said.Context += ", of the first layer"
			_, err = ada.EditRelease(t.Context(), r.ID, client.EditRelease{Files: []client.WantedFile{said}})
			must(t, err)
			_, err = ada.WithdrawRelease(t.Context(), r.ID)
			must(t, err)
			return
		}
		for _, name := range []string{"olga", "sam"} {
			_, err = e.People[name].VoteRelease(t.Context(), r.ID, client.VoteRelease{Saw: seen.Release.Package, Verdicts: []narthex.FileVerdict{{File: "table.csv", Verdict: narthex.VerdictRelease}}, Comment: "a comment", Note: "a note"})
			must(t, err)
		}
		_, err = ada.FetchRelease(t.Context(), r.ID)
		must(t, err)
	}
	ask(false)
	ask(true)
	for statistics, kind := range map[string]narthex.Kind{"cosine": 0, "cosine, mean": narthex.Refused} { // beside two versions
		_, err := ada.SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Against: "model@early", Environment: "measures", Files: []client.StudyFile{{Path: "request.yaml", Data: []byte("name: a\nstatistics: [" + statistics + "]\ndigits: 3\n")}}})
		if kind == 0 && err != nil || kind != 0 && !narthex.IsKind(err, kind) {
			t.Fatalf("%s: %v", statistics, err)
		}
	}
	if _, err := ada.SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Against: "model@middle", Environment: "measures", Files: []client.StudyFile{{Path: "request.yaml", Data: []byte("name: a\nstatistics: [l2]\ndigits: 3\n")}}}); !narthex.IsKind(err, narthex.Withheld) {
		t.Fatal(err)
	}
	ruled(t, e, ada)
}

// ruled has a standing rule asked for, approved and ended, with a release that something was found in and that so did not leave by it.
func ruled(t testing.TB, e *testenv.Env, ada *client.Client) {
	t.Helper()
	jobs, err := ada.Jobs(t.Context())
	must(t, err)
	job := jobs.Jobs[0].ID
	r, err := ada.ProposeRule(t.Context(), client.ProposeRule{Job: job, Says: "one value of one layer, for every checkpoint", RowsADay: 5, Days: 9, Files: []narthex.RuleFile{{Name: "table.csv", Kind: "csv", Context: "one value of one layer, as it was computed", Rows: 2, Bytes: 99,
		Columns: []narthex.RuleColumn{{Name: "layer", Number: &narthex.RuleNumber{Min: 0, Max: 9, Digits: 1}}, {Name: "value", Number: &narthex.RuleNumber{Min: 0, Max: 9, Digits: 3}}}}}})
	must(t, err)
	for _, name := range []string{"olga", "sam"} {
		_, err = e.People[name].ApproveRule(t.Context(), r.ID, client.JudgeRule{Saw: r.Digest})
		must(t, err)
	}
	out, err := ada.SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Rule: r.ID})
	must(t, err)
	if out.Unfit == nil {
		t.Fatal("something was found in it, and it left by a rule")
	}
	_, err = ada.WithdrawRelease(t.Context(), out.ID)
	must(t, err)
	_, err = e.People["olga"].EndRule(t.Context(), r.ID)
	must(t, err)
}
