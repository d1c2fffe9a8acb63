package audit_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestAStudyRunsByThoseWhoMayApproveIt: a lab with the ledger's key writes otherwise who approved a study, as what and on what; none of it follows.
func TestAStudyRunsByThoseWhoMayApproveIt(t *testing.T) {
	options, _ := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "clauses:\n", "clauses:\n  - {clause: study-approval}\n", 1))
	}}, writesTable)
	e := testenv.New(t, options)
	_, key := e.Grant(t, "", append([]narthex.Term{testenv.Tokens(10, nil)}, testenv.JobTerms()...)...)
	files := []client.StudyFile{{Path: "run", Data: []byte("#!\nrun\n")}, {Path: "study.yaml", Data: []byte("name: a-study\ncommand: [/study/run]\noutputs:\n  - {name: table.csv, kind: csv, says: a table}\n")}}
	job, err := e.Client.With(key).SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: files})
	must(t, err)
	for _, name := range []string{"olga", "sam"} {
		seen, err := e.People[name].Study(t.Context(), job.ID)
		must(t, err)
		_, err = e.People[name].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: seen.Plan})
		must(t, err)
	}
	honest := takeHome(t, e)
	if report := honest.replay(t); len(report.Impossible)+len(report.Differences) > 0 {
		t.Fatalf("what was is impossible: %+v %+v", report.Impossible, report.Differences)
	}
	olga, sam, carol := string(e.People["olga"].ID), string(e.People["sam"].ID), string(e.People["carol"].ID)
	vote := `"approves":true,"as":"security"`
	for name, c := range map[string]struct{ old, new string }{
		"in another role":         {vote, `"approves":true,"as":"programme"`},
		"as owner of the asset":   {vote, `"approves":true,"as":"asset_owner"`},
		"by who may not":          {sam, carol},
		"by one who approved it":  {sam, olga},
		"by its author":           {sam, string(e.People["ada"].ID)},
		"of another plan":         {`"saw":"sha256:`, `"saw":"sha256:0`},
		"that was none":           {`"approves":true`, `"approves":false`},
		"by who is not of anyone": {sam, "per_" + strings.Repeat("a", len(sam)-4)},
	} {
		t.Run(name, func(t *testing.T) {
			forged := *honest
			forged.records, forged.openings = append(forged.records[:0:0], forged.records...), append(forged.openings[:0:0], forged.openings...)
			at := forged.find(t, narthex.EntryJobChanged, "event", vote)
			was := forged.openings[at].Field("event")
			now := strings.ReplaceAll(was, c.old, c.new)
			if now == was {
				t.Fatalf("it does not hold %s: %s", c.old, was)
			}
			forged.set(t, at, "event", now)
			if report := forged.replay(t); len(report.Impossible) == 0 {
				t.Error("it follows")
			}
		})
	}
}
