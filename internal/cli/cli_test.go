package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"narthex/client"
	"narthex/internal/cli"
	"narthex/internal/server"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// terminal is somebody at a command line, with a home of their own.
type terminal struct {
	t    *testing.T
	home string
	env  map[string]string
}

func at(t *testing.T) *terminal { return &terminal{t, t.TempDir(), map[string]string{}} }

// run runs a command line and gives the exit code and what was printed.
func (p *terminal) run(args ...string) (code int, out, err string) {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Run(p.t.Context(), args, cli.Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Version: "test",
		Getenv: func(name string) string {
			if name == "NARTHEX_HOME" {
				return p.home
			}
			return p.env[name]
		},
		VerifyDir: func(ctx context.Context, dir, key string) (ledger.Report, string, error) {
			return server.VerifyDir(ctx, dir, key)
		}})
	return code, stdout.String(), stderr.String()
}

// good runs a command line that must succeed.
func (p *terminal) good(args ...string) string {
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

func TestErrorsSayWhatHappenedAndWhatToDo(t *testing.T) {
	p := at(t)
	lab := filepath.Join(t.TempDir(), "lab")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"an unknown command":       {[]string{"frobnicate"}, 2, "--help"},
		"an unknown flag":          {[]string{"serve", "--frob"}, 2, "--help"},
		"an argument missing":      {[]string{"init"}, 2, "--help"},
		"no node":                  {[]string{"pathways"}, 2, "--url"},
		"no session":               {[]string{"whoami"}, 3, "narthex login"},
		"a node that is not there": {[]string{"pathways", "--url", "http://127.0.0.1:1"}, 8, "does not answer"},
		"http off loopback":        {[]string{"pathways", "--url", "http://lab.example"}, 2, "https"},
		"a file that is not there": {[]string{"check", lab}, 2, "narthex init"},
		"an identifier of another": {[]string{"grant", "show", "eng_x", "--url", "http://127.0.0.1:1"}, 2, "grt_"},
		"a profile with a path":    {[]string{"whoami", "--profile", "../x"}, 2, "profile"},
		"verify without a key":     {[]string{"ledger", "verify", "x"}, 2, "--key"},
		"verify nothing":           {[]string{"ledger", "verify"}, 2, "--dir"},
	} {
		code, out, err := p.run(c.args...)
		if code != c.code || !strings.Contains(err, c.says) || out != "" {
			t.Errorf("%s: exits %d, prints %q and %q", name, code, out, err)
		}
	}
}

func TestInitAndCheck(t *testing.T) {
	p := at(t)
	dir := filepath.Join(t.TempDir(), "lab")
	p.good("init", dir)
	if code, _, err := p.run("init", dir); code != 6 || !strings.Contains(err, "not empty") {
		t.Errorf("a second init exits %d: %s", code, err)
	}
	out := p.good("check", dir)
	if !strings.Contains(out, "model.logprobs") || !strings.Contains(out, "sha256:") {
		t.Errorf("check prints %s", out)
	}
	path := filepath.Join(dir, "lab.yaml")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(good, []byte("roles: [sponsor]"), []byte("roles: [king]")), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, problems := p.run("check", dir)
	if code != 2 || !regexp.MustCompile(`lab.yaml:\d+:\d+: .*king`).MatchString(problems) || !strings.Contains(problems, "^") {
		t.Errorf("check exits %d and prints\n%s", code, problems)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	p := at(t)
	var visit func(path []string)
	visit = func(path []string) {
		out := p.good(append(path, "--help")...)
		_, below, has := strings.Cut(out, "Available Commands:\n")
		if !has {
			if !strings.Contains(out, "Examples:") && path[0] != "completion" {
				t.Errorf("narthex %s has no example", strings.Join(path, " "))
			}
			return
		}
		for line := range strings.Lines(below) {
			fields := strings.Fields(line)
			if len(fields) == 0 {
				break
			}
			if fields[0] != "help" {
				visit(append(append([]string{}, path...), fields[0]))
			}
		}
	}
	visit(nil)
	if out := p.good("completion", "bash"); !strings.Contains(out, "narthex") {
		t.Error("there is no completion")
	}
}

// TestAWholeEngagementFromTheCommandLine: from an invitation to a ledger verified offline, by people who type.
func TestAWholeEngagementFromTheCommandLine(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	join := func(in client.Invite) *terminal {
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
	id, digest := find(t, out, `eng_[a-z2-7]{26}`), find(t, out, `sha256:[0-9a-f]{64}`)
	ctx := t.Context()
	for name, role := range map[string]string{"olga": "asset_owner", "sam": "security"} {
		view, err := e.People[name].Engagements(ctx)
		if err != nil || len(view.Engagements) == 0 {
			t.Fatal(err)
		}
		reviewer := e.Terminal(t, name)
		p := &terminal{t, reviewer, map[string]string{}}
		p.good("review", "show", id)
		p.good("review", "approve", id, "--as", role, "--digest", digest)
	}
	if text := ada.good("agreement", "show", id); !strings.Contains(text, "## 2. What is given") {
		t.Errorf("the agreement is %s", text)
	}
	ada.good("agreement", "sign", id, "--as", "researcher")
	otto.good("agreement", "sign", id, "--as", "institution")
	dan := &terminal{t, e.Terminal(t, "dan"), map[string]string{}}
	out = dan.good("agreement", "sign", id, "--as", "lab")
	grant := find(t, out, `grt_[a-z2-7]{26}`)
	bundle := filepath.Join(t.TempDir(), "agreement.json")
	ada.good("agreement", "show", id, "--format", "json", "--out", bundle)
	if out := ada.good("agreement", "verify", bundle); !strings.Contains(out, "as stated by the lab") {
		t.Errorf("verify prints %s", out)
	}
	key := find(t, ada.good("key", "mint", grant, "--label", "laptop"), `nx_[a-z2-7]{58}`)
	if status, body, err := e.Chat(ctx, key, testenv.Hello); err != nil || status != 200 {
		t.Fatalf("the key does not work: %d %s %v", status, body, err)
	}
	if out := ada.good("grant", "show", grant); !regexp.MustCompile(`tokens on model +500 +12 +0 +488`).MatchString(out) {
		t.Errorf("grant show prints\n%s", out)
	}
	sam := &terminal{t, e.Terminal(t, "sam"), map[string]string{}}
	lock := find(t, sam.good("lock", "grant", grant, "--reason", "incident"), `lck_[a-z2-7]{26}`)
	ada.env["NARTHEX_KEY"] = key
	if out := ada.good("grant", "show"); !strings.Contains(out, "incident") || !strings.Contains(out, "appeal") {
		t.Errorf("a locked grant shows\n%s", out)
	}
	if code, _, err := sam.run("unlock", lock); code != 5 || !strings.Contains(err, "second person") {
		t.Errorf("the one who locked unlocks: %d %s", code, err)
	}
	carol := &terminal{t, e.Terminal(t, "carol"), map[string]string{}}
	carol.good("unlock", lock)
	lea := &terminal{t, e.Terminal(t, "lea"), map[string]string{}}
	export := filepath.Join(t.TempDir(), "ledger.jsonl")
	lea.good("ledger", "export", export)
	if out := lea.good("ledger", "verify", export, "--key", e.Node.LogKey()); !strings.Contains(out, "verified") {
		t.Errorf("verify prints %s", out)
	}
	lea.good("ledger", "prove", "3")
	data, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(export, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, text := lea.run("ledger", "verify", export, "--key", e.Node.LogKey()); code != 5 || !regexp.MustCompile(`entry \d+`).MatchString(text) {
		t.Errorf("a flipped byte: exits %d, %s", code, text)
	}
	if out := lea.good("ledger", "verify", "--dir", filepath.Join(e.Dir, "data")); !strings.Contains(out, "the key found in that directory") {
		t.Errorf("verify --dir prints %s", out)
	}
	ada.good("logout")
	if code, _, _ := ada.run("engagements", "list"); code != 3 {
		t.Errorf("after logout it exits %d", code)
	}
}
