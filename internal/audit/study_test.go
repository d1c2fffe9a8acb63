package audit_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
)

// TestAnApprovalOfAStudyIsOfWhoHadTheRole: a lab with the ledger's key has somebody approve a study who reviews nothing, or owns nothing.
func TestAnApprovalOfAStudyIsOfWhoHadTheRole(t *testing.T) {
	options, _ := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) {
		text := strings.Replace(string(files["pathways/test.yaml"]), "name: test\n", "name: read\n", 1)
		files["pathways/read.yaml"] = []byte(strings.Replace(text, "clauses:\n", "clauses:\n  - {clause: study-approval}\n", 1))
	}}, func(context.Context, sandbox.Job, string, io.Writer, io.Writer) sandbox.Ended { return sandbox.Ended{Class: sandbox.Done} })
	e := testenv.New(t, options)
	e.Pathway = "read"
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
	for who, instead := range map[string]string{"sam": "carol", "olga": "paul"} {
		c := *honest
		c.records, c.openings = append(c.records[:0:0], c.records...), append(c.openings[:0:0], c.openings...)
		was := string(e.People[who].ID)
		at := c.find(t, narthex.EntryJobChanged, "event", `"act":"approve","by":"`+was)
		c.set(t, at, "event", strings.ReplaceAll(c.openings[at].Field("event"), was, string(e.People[instead].ID)))
		if report := c.replay(t); len(report.Impossible) == 0 {
			t.Errorf("that %s approved in the place of %s follows", instead, who)
		}
	}
}
