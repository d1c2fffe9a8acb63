package cli_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"narthex/client"
	"narthex/internal/cli"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// typist is somebody at a command line, with a home of their own.
type typist struct {
	t    *testing.T
	home string
	env  map[string]string
}

// seat is at(t) with the keys and the session of somebody of the platform.
func seat(t *testing.T, e *testenv.Env, name string) *typist {
	t.Helper()
	p, who := at(t), e.People[name]
	dir := filepath.Join(p.home, "profiles", name)
	files := map[string][]byte{"login.key": pemOf(t, who.Login)}
	if who.Signer != nil {
		files["signer.key"] = pemOf(t, who.Signer)
	}
	var err error
	if files["profile.json"], err = json.Marshal(map[string]any{"lab": "Test Lab", "name": name, "origin": "ledger.test-lab.test", "person": who.ID, "url": e.Client.Base()}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, data := range files {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.env["NARTHEX_PROFILE"] = name
	p.good("login")
	return p
}

func pemOf(t *testing.T, key ed25519.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func at(t *testing.T) *typist { return &typist{t, t.TempDir(), map[string]string{}} }

// run runs a command line and gives the exit code and what was printed.
func (p *typist) run(args ...string) (code int, out, err string) {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Run(p.t.Context(), args, cli.Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Version: "test", Now: time.Now,
		Getenv: func(name string) string {
			if name == "NARTHEX_HOME" {
				return p.home
			}
			return p.env[name]
		},
		VerifyDir: func(ctx context.Context, dir, key string, since ...string) (ledger.Report, string, error) {
			return server.VerifyDir(ctx, dir, key, since...)
		}})
	return code, stdout.String(), stderr.String()
}

// good runs a command line that must succeed.
func (p *typist) good(args ...string) string {
	p.t.Helper()
	code, out, err := p.run(args...)
	if code != 0 {
		p.t.Fatalf("narthex %s exits %d\n%s%s", strings.Join(args, " "), code, out, err)
	}
	return out
}

func find(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindString(text)
	if found == "" {
		t.Fatalf("%q does not stand in\n%s", pattern, text)
	}
	return found
}

// TestAWholeEngagementFromTheCommandLine: from an invitation to a ledger verified offline, by people who type.
func TestAWholeEngagementFromTheCommandLine(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	join := func(in client.Invite) *typist {
		invited, err := e.People["carol"].Invite(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		p := at(t)
		p.good("login", "--url", e.Client.Base(), "--code", invited.Code)
		return p
	}
	otto := join(client.Invite{Name: "Otto CLI", Email: "o@x.test", OrgName: "CLI Institute", Official: true})
	var who client.WhoAmI
	if err := json.Unmarshal([]byte(otto.good("whoami", "--json")), &who); err != nil {
		t.Fatal(err)
	}
	ada := join(client.Invite{Name: "Ada CLI", Email: "a@x.test", Org: who.Org.ID})
	ada.good("signer", "new")
	otto.good("signer", "new")
	if out := ada.good("engagements", "list"); !strings.Contains(out, "narthex pathways") {
		t.Errorf("an empty list does not say what to do: %s", out)
	}
	if out := ada.good("pathways", "test"); !strings.Contains(out, "model.logprobs") || !strings.Contains(out, "narthex apply test --example") {
		t.Errorf("pathways prints %s", out)
	}
	example := ada.good("apply", "test", "--example")
	form := filepath.Join(t.TempDir(), "application.yaml")
	if err := os.WriteFile(form, []byte("title: From the command line\nanswers: {why: to see}\nterms:\n  - {attribute: model.sample, asset: model, limits: {tokens: 500}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(example, "answers:") {
		t.Errorf("the example is %s", example)
	}
	out := ada.good("apply", "test", "--from", form, "--submit")
	id := find(t, out, `eng_[a-z2-7]{26}`)
	ctx := t.Context()
	for name, role := range map[string]string{"olga": "asset_owner", "sam": "security"} {
		view, err := e.People[name].Engagements(ctx, client.Page{})
		if err != nil || len(view.Engagements) == 0 {
			t.Fatal(err)
		}
		p := seat(t, e, name)
		p.good("review", "show", id)
		p.good("review", "approve", id, "--as", role)
	}
	if text := ada.good("agreement", "show", id); !strings.Contains(text, "\n2. What is given\n") {
		t.Errorf("the agreement is %s", text)
	}
	ada.good("agreement", "sign", id)
	otto.good("agreement", "show", id)
	otto.good("agreement", "sign", id)
	dan := seat(t, e, "dan")
	dan.good("agreement", "show", id)
	out = dan.good("agreement", "sign", id)
	grant := find(t, out, `grt_[a-z2-7]{26}`)
	bundle := filepath.Join(t.TempDir(), "agreement.json")
	ada.good("agreement", "export", id, "--out", bundle)
	if out := ada.good("agreement", "verify", bundle); !strings.Contains(out, "key as the file states it") || !regexp.MustCompile(`(?m)^  institution: signed by .* \(per_[a-z2-7]{26}\) at \d{4}-\d\d-\d\d .* UTC with SHA256:`).MatchString(out) {
		t.Errorf("verify prints %s", out)
	}
	file := filepath.Join(t.TempDir(), "agreement.pdf")
	ada.good("agreement", "show", id, "--format", "pdf", "--out", file)
	if data, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(data), "%PDF-1.") {
		t.Errorf("there is no PDF: %v", err)
	}
	if out := ada.good("agreement", "redline", id); !strings.Contains(out, "2.1: tokens of model.sample on model is 500; the standard is ") {
		t.Errorf("the redline is %s", out)
	}
	key := find(t, ada.good("key", "mint", grant, "--label", "laptop"), `nx_[a-z2-7]{58}`)
	if status, body, err := e.Chat(ctx, key, testenv.Hello); err != nil || status != 200 {
		t.Fatalf("the key does not work: %d %s %v", status, body, err)
	}
	if out := ada.good("grant", "show", grant); !regexp.MustCompile(`tokens +grt_\w+ +500 +12 +0 +488`).MatchString(out) {
		t.Errorf("grant show prints\n%s", out)
	}
	sam := seat(t, e, "sam")
	lock := find(t, sam.good("lock", "grant", grant, "--reason", "incident"), `lck_[a-z2-7]{26}`)
	ada.env["NARTHEX_KEY"] = key
	if out := ada.good("grant", "show"); !strings.Contains(out, "incident") || !strings.Contains(out, "appeal") {
		t.Errorf("a locked grant shows\n%s", out)
	}
	if code, _, err := sam.run("unlock", lock); code != 5 || !strings.Contains(err, "second person") {
		t.Errorf("the one who locked unlocks: %d %s", code, err)
	}
	carol := seat(t, e, "carol")
	carol.good("unlock", lock)
	lea := seat(t, e, "lea")
	export := filepath.Join(t.TempDir(), "ledger.jsonl")
	lea.good("ledger", "export", export)
	if out := lea.good("ledger", "verify", export, "--key", e.Node.LogKey()); !strings.Contains(out, "the ledger is whole") {
		t.Errorf("verify prints %s", out)
	}
	lea.good("ledger", "prove", "3")
	shown := filepath.Join(t.TempDir(), "entry.json")
	lea.good("ledger", "open", "0", "--field", "origin", "--out", shown)
	if out := ada.good("ledger", "verify", shown, "--key", e.Node.LogKey()); !regexp.MustCompile(`(?m)^type +inception$`).MatchString(out) || !strings.Contains(out, "more fields") {
		t.Errorf("a disclosure shows\n%s", out)
	}
	if code, _, text := ada.run("ledger", "verify", shown); code != 2 || !strings.Contains(text, "give the lab's key") {
		t.Errorf("a disclosure without a key: exits %d, %s", code, text)
	}
	if code, _, text := ada.run("ledger", "open", "1"); code != 5 || !strings.Contains(text, "not shown to you") {
		t.Errorf("an entry of others is opened: exits %d, %s", code, text)
	}
	if code, _, text := lea.run("ledger", "open", "0", "--field", "nothing"); code != 2 || !strings.Contains(text, "no such field") {
		t.Errorf("a field that is none: exits %d, %s", code, text)
	}
	whole, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(export, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, text := lea.run("ledger", "verify", export, "--key", e.Node.LogKey()); code != 5 || !regexp.MustCompile(`entry \d+`).MatchString(text) {
		t.Errorf("a flipped byte: exits %d, %s", code, text)
	}
	ada.good("logout")
	if code, _, _ := ada.run("engagements", "list"); code != 3 {
		t.Errorf("after logout it exits %d", code)
	}
	data := filepath.Join(e.Dir, "data")
	if code, _, text := lea.run("ledger", "verify", "--dir", data); code != 6 || !strings.Contains(text, "a node runs on that directory") {
		t.Errorf("verify --dir of a running node exits %d: %s", code, text)
	}
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	if out := lea.good("ledger", "verify", "--dir", data); !strings.Contains(out, "the key found in that directory") {
		t.Errorf("verify --dir prints %s", out)
	}
}
