package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/client"
	"narthex/internal/testenv"
)

// TestEvidenceByPeopleWhoType: an auditor gets a folder, a stranger checks it offline, and what was changed in it is named.
func TestEvidenceByPeopleWhoType(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	id := string(grant.Engagement)
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "Eve", Email: "eve@y.test", OrgName: "Elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	lea, stranger, eve := seat(t, e, "lea"), at(t), at(t)
	eve.good("login", "--url", e.Client.Base(), "--code", invited.Code)
	folder := filepath.Join(t.TempDir(), "evidence")
	if code, _, err := lea.run("evidence", id); code != 2 || !strings.Contains(err, "--to") {
		t.Errorf("evidence to nowhere: %d %s", code, err)
	}
	if out := lea.good("evidence", id, "--to", folder); strings.TrimSpace(out) != folder {
		t.Errorf("it prints %s", out)
	}
	if code, _, err := lea.run("evidence", id, "--to", folder); code == 0 || !strings.Contains(err, "file exists") {
		t.Errorf("a folder that is there is written again: %d %s", code, err)
	}
	if code, _, err := stranger.run("evidence", "verify", folder); code != 2 || !strings.Contains(err, "--key") {
		t.Errorf("checked without a key: %d %s", code, err)
	}
	out := stranger.good("evidence", "verify", folder, "--key", e.Node.LogKey())
	if !strings.Contains(out, "the lab handed out exactly this folder") || !strings.Contains(out, "signed for the researcher by ") || !strings.Contains(out, string(grant.ID)) {
		t.Errorf("verify prints\n%s", out)
	}
	if code, _, err := eve.run("evidence", id, "--to", filepath.Join(t.TempDir(), "other")); code != 4 {
		t.Errorf("someone who has no part in it gets evidence: %d %s", code, err)
	}
	names, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(folder, name.Name())
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(was)
		changed[len(changed)/2] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, err := stranger.run("evidence", "verify", folder, "--key", e.Node.LogKey()); code == 0 {
			t.Errorf("a changed %s is taken: %s", name.Name(), err)
		}
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stranger.good("evidence", "verify", folder, "--key", e.Node.LogKey())
}
