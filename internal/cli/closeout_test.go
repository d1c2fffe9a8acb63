package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestFromTheEndToTheCloseByPeopleWhoType: what is owed is listed, met and closed, and the statement of it is checked offline.
func TestFromTheEndToTheCloseByPeopleWhoType(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/test.yaml"] = bytes.Replace(files["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: termination-and-return, values: {report: \"yes\"}}\n"), 1)
	}})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	id := string(grant.Engagement)
	ada, carol, lea := seat(t, e, "ada"), seat(t, e, "carol"), seat(t, e, "lea")
	dir := t.TempDir()
	received := filepath.Join(dir, "received.txt")
	if err := os.WriteFile(received, []byte(strings.Repeat("ab", 32)+"  answers.jsonl\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	certify := []string{"engagements", "certify", id, "--list", received, "--method", "deleted"}
	if code, _, err := ada.run(certify...); code == 0 || !strings.Contains(err, "narthex engagements end "+id) {
		t.Errorf("certified while access lasts: %d %s", code, err)
	}
	ada.good("engagements", "end", id, "--reason", "done")
	if out := ada.good("obligations", id); !strings.Contains(out, "narthex engagements certify "+id) {
		t.Errorf("obligations prints\n%s", out)
	}
	if code, _, err := carol.run("engagements", "close", id); code != 6 || !strings.Contains(err, "a final report by the researcher, clause 1. End and return") {
		t.Errorf("closed with two things owed: %d %s", code, err)
	}
	ada.good(certify...)
	ada.good("engagements", "meet", id, "--obligation", "final_report", "--evidence", received)
	carol.good("engagements", "close", id)
	file, pdf, again := filepath.Join(dir, "statement.json"), filepath.Join(dir, "statement.pdf"), filepath.Join(dir, "again.pdf")
	ada.good("statement", id, "--out", file, "--pdf", pdf)
	if out := lea.good("statement", id); !strings.Contains(out, "cite it as: Test Lab, access statement of "+id) || !strings.Contains(out, "closed on ") {
		t.Errorf("in words it is\n%s", out)
	}
	stranger := at(t)
	if out := stranger.good("statement", "verify", file, "--key", e.Node.LogKey(), "--pdf", again); !strings.Contains(out, "the lab issued exactly this statement") {
		t.Errorf("verify prints\n%s", out)
	}
	one, err := os.ReadFile(pdf)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(again); err != nil || !bytes.Equal(one, two) || !bytes.HasPrefix(one, []byte("%PDF-1")) {
		t.Errorf("the two PDFs differ, or are none: %v", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(data, []byte(`"calls":0`), []byte(`"calls":9`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, err := stranger.run("statement", "verify", file, "--key", e.Node.LogKey()); code != 5 || !strings.Contains(err, "it was changed") {
		t.Errorf("a changed statement: %d %s", code, err)
	}
	if out := ada.good("statement", id, "--json"); out != string(data) {
		t.Error("--json gives another file than --out")
	}
}
