package server_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"narthex"
	"narthex/internal/lab"
	"narthex/internal/passkey"
	"narthex/internal/server"
	"narthex/internal/stamp"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// setting is one way to leave a field of the configuration out, or to set it so that it would be unsafe, and a word of what the
// node says.
type setting struct {
	name string
	set  func(*server.Config)
	says string
}

// settings has a row for every field of the configuration. One that may be empty says why that is safe.
func settings(bad string) (refused map[string][]setting, safe map[string]string) {
	unset := func(name string, set func(*server.Config), says string) setting { return setting{name, set, says} }
	return map[string][]setting{
			"Data":     {unset("empty", func(c *server.Config) { c.Data = "" }, "data")},
			"Store":    {unset("of an unknown kind", func(c *server.Config) { c.Store = "mysql://x/y" }, "postgres"), unset("that nobody answers at", func(c *server.Config) { c.Store = "postgres://x@127.0.0.1:1/x" }, "store")},
			"Handover": {unset("negative", func(c *server.Config) { c.Handover = -1 }, "handover")},
			"Anchor":   {unset("another file than the store's", func(c *server.Config) { c.Anchor = filepath.Join(filepath.Dir(c.Data), "no.anchor") }, "anchor")},
			"Listen":   {unset("empty", func(c *server.Config) { c.Listen = "" }, "listen"), unset("open", func(c *server.Config) { c.Listen = "0.0.0.0:0" }, "tls_cert"), unset("a name", func(c *server.Config) { c.Listen = "localhost:0" }, "tls_cert"), unset("without a port", func(c *server.Config) { c.Listen = "127.0.0.1" }, "")},
			"Ops":      {unset("open", func(c *server.Config) { c.Ops = "0.0.0.0:0" }, "loopback"), unset("a name", func(c *server.Config) { c.Ops = "localhost:0" }, "loopback")},
			"Notices":  {unset("a file that is not there", func(c *server.Config) { c.Notices = bad + ".absent" }, "notices"), unset("a file that is no settings", func(c *server.Config) { c.Notices = bad }, "notices")},
			"Devices":  {unset("a file that is not there", func(c *server.Config) { c.Devices = bad + ".absent" }, "devices"), unset("a file that is no devices", func(c *server.Config) { c.Devices = bad }, "devices")},
			"TLSCert":  {unset("alone", func(c *server.Config) { c.TLSCert = bad }, "tls_cert and tls_key"), unset("no certificate", func(c *server.Config) { c.TLSCert, c.TLSKey = bad, bad }, "pair"), unset("beside a proxy", func(c *server.Config) { c.TLSCert, c.TLSKey, c.BehindTLSProxy = bad, bad, true }, "behind_tls_proxy")},
			"TLSKey":   {unset("alone", func(c *server.Config) { c.TLSKey = bad }, "tls_cert and tls_key"), unset("absent", func(c *server.Config) { c.TLSCert, c.TLSKey = bad, bad+".absent" }, "pair")},
			"Passkeys": {unset("without origins", func(c *server.Config) { c.Passkeys.Party = "narthex.lab.example" }, "origins"), unset("of another site", func(c *server.Config) {
				c.Passkeys = passkey.Site{Party: "narthex.lab.example", Origins: []string{"https://evil.example"}}
			}, "origin")},
			"Timestamp": {unset("without certificates", func(c *server.Config) { c.Timestamp.URL = "https://tsa.example" }, "certificates"), unset("required and named nowhere", func(c *server.Config) { c.Timestamp.Require = true }, "timestamp"),
				unset("without TLS", func(c *server.Config) { c.Timestamp = stamp.Settings{URL: "http://tsa.example", CA: bad} }, "https"), unset("with no certificate", func(c *server.Config) { c.Timestamp = stamp.Settings{URL: "https://tsa.example", CA: bad} }, "PEM")},
			"Demo":         {unset("set for a lab's store", func(c *server.Config) { c.Demo = true }, "demonstration"), unset("set off loopback", func(c *server.Config) { c.Demo, c.Listen, c.BehindTLSProxy = true, "0.0.0.0:0", true }, "loopback")},
			"Version":      {unset("empty", func(c *server.Config) { c.Version = "" }, "version")},
			"OlderVersion": {unset("set where nothing is older", func(c *server.Config) { c.OlderVersion = "just in case" }, "older_version")},
			"Getenv":       {unset("nil", func(c *server.Config) { c.Getenv = nil }, "environment"), unset("without the credential", func(c *server.Config) { c.Getenv = func(string) string { return "" } }, "MODEL_KEY")},
			"Clock":        {unset("nil", func(c *server.Config) { c.Clock = nil }, "clock")},
			"Random":       {unset("nil", func(c *server.Config) { c.Random = nil }, "randomness")},
			"Log":          {unset("nil", func(c *server.Config) { c.Log = nil }, "log")},
			"Inception":    {unset("nil", func(c *server.Config) { c.Inception = nil }, "surroundings")},
		}, map[string]string{
			"Lab":            "the approved copy is in force; on an empty store it is refused, as below",
			"BehindTLSProxy": "false is the safe value: without TLS the node then stays on loopback",
			"Program":        "a test is the program; that it is empty stands in the ledger",
			"Self":           "a test is the program; without it nothing that a job left is looked into, and so nothing leaves",
			"Host":           "a test's",
			"Wrap":           "a test's",
			"Sign":           "a test's",
			"Front":          "a test's",
		}
}

func TestANodeWithAMissingOrUnsafeSettingDoesNotStart(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Grant(t, "", testenv.Tokens(10, nil))
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(e.Dir, "no-certificate")
	if err := os.WriteFile(bad, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused, safe := settings(bad)
	for i := range reflect.TypeFor[server.Config]().NumField() {
		field := reflect.TypeFor[server.Config]().Field(i).Name
		if safe[field] == "" && len(refused[field]) == 0 {
			t.Errorf("the setting %s has no row here", field)
		}
		for _, row := range refused[field] {
			config := e.Config()
			row.set(&config)
			startRefused(t, config, field+" "+row.name, row.says)
		}
	}
	for name, lose := range map[string]func(path string) error{"no": os.Remove, "an empty": func(path string) error { return os.Truncate(path, 0) }} {
		for file, says := range map[string]string{"data/ledger.key": "key", "data/ledger.pub": "key", "data.anchor": "anchor"} {
			path := filepath.Join(e.Dir, file)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			startRefused(t, e.Config(), name+" "+file, says)
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := filepath.Join(e.Dir, "data")
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	e.Start(t)
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory is open to others while a node runs: %v %v", info.Mode(), err)
	}
	startRefused(t, e.Config(), "the data of a running node", "Another narthex node")
	if _, _, err := server.VerifyDir(t.Context(), data, ""); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("the data of a running node is copied under it: %v", err)
	}
}

// startRefused starts a node that must not, and looks for a word in why.
func startRefused(t *testing.T, config server.Config, name, says string) {
	t.Helper()
	node, err := server.Start(t.Context(), config)
	if err == nil {
		node.Close()
		t.Errorf("it started with %s", name)
	} else if !strings.Contains(err.Error(), says) {
		t.Errorf("with %s it says: %v", name, err)
	}
}

// mayBeLeft are the lines of a lab directory that may be left out, and what that means.
var mayBeLeft = map[string]string{
	"lab.yaml region":                  "a person of unknown region is refused where a term asks for one",
	"lab.yaml roles":                   "a person without a role may do nothing; fewer than two custodians, or reviewers than a quorum, are refused",
	"assets/model.yaml lifetime_bytes": "none of the asset's bytes may leave",
	"pathways/test.yaml limits":        "the taxonomy's defaults stand and nothing is negotiable",
	"pathways/test.yaml names":         "the default alone stands",
	"pathways/test.yaml questions":     "a pathway may ask nothing",
	"pathways/test.yaml required":      "a question need not be answered",
}

// TestALabWithAMissingOrEmptyLineDoesNotStart leaves out, and empties, each line of each file in turn, on an empty store.
func TestALabWithAMissingOrEmptyLineDoesNotStart(t *testing.T) {
	files, err := testenv.Files("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, name := range []string{"lab.yaml", "assets/model.yaml", "pathways/test.yaml"} {
		for _, line := range linesOf(t, files[name]) {
			for _, how := range []string{"without", "with an empty"} {
				changed := maps.Clone(files)
				changed[name] = lacking(t, files[name], line, how == "with an empty")
				what := fmt.Sprintf("%s %s %s", name, how, strings.Join(line, "."))
				if mayBeLeft[name+" "+leaf(line)] != "" || len(line) > 1 && line[len(line)-2] == "limits" && how == "without" || leaf(line) == "default" && how != "without" {
					continue // the limits' own defaults stand; an empty list of names allows nothing
				}
				tried++
				startRefused(t, emptyNode(t, changed), what, "lab directory has")
			}
		}
	}
	for name := range files {
		if strings.HasPrefix(name, "guardrails/") || strings.HasPrefix(name, "assets/hidden") || strings.HasPrefix(name, "clauses/") && !strings.Contains(string(files["pathways/test.yaml"]), strings.TrimSuffix(filepath.Base(name), ".md")) {
			continue // a lab may have no guardrail, one model, and clauses of its own choice
		}
		changed := maps.Clone(files)
		delete(changed, name)
		if name != "pathways/test.yaml" { // a lab may have no pathway yet
			startRefused(t, emptyNode(t, changed), "no "+name, "lab directory has")
		}
		changed[name] = nil
		startRefused(t, emptyNode(t, changed), "an empty "+name, "lab directory has")
		tried++
	}
	if tried < 100 {
		t.Errorf("%d starts were tried", tried)
	}
	none := emptyNode(t, files)
	none.Lab = ""
	startRefused(t, none, "no lab directory on an empty store", "narthex init")
}

func leaf(line []string) string { return line[len(line)-1] }

// emptyNode is the configuration of a node on an empty store.
func emptyNode(t *testing.T, files lab.Files) server.Config {
	t.Helper()
	dir := t.TempDir()
	if err := files.Write(filepath.Join(dir, "lab")); err != nil {
		t.Fatal(err)
	}
	return server.Config{Lab: filepath.Join(dir, "lab"), Data: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", Version: "test", Clock: time.Now, Random: rand.Reader,
		Getenv: func(string) string { return "x" }, Log: slog.New(slog.DiscardHandler), Inception: func(narthex.Digest, map[string]string) {},
		Wrap: func(s store.Store) store.Store { return s }, Front: func(h http.Handler) http.Handler { return h }}
}

// linesOf lists the paths of all named values of a YAML document.
func linesOf(t *testing.T, data []byte) [][]string {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	var walk func(path []string, value any)
	walk = func(path []string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				line := append(slices.Clone(path), key)
				lines = append(lines, line)
				walk(line, v[key])
			}
		case []any:
			for i := range v {
				walk(append(slices.Clone(path), fmt.Sprint(i)), v[i])
			}
		}
	}
	walk(nil, document)
	return lines
}

// lacking writes the document without one named value, or with an empty one of its kind.
func lacking(t *testing.T, data []byte, line []string, empty bool) []byte {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	at := document
	for _, key := range line[:len(line)-1] {
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			var i int
			fmt.Sscan(key, &i)
			at = v[i]
		}
	}
	parent := at.(map[string]any)
	old := parent[leaf(line)]
	delete(parent, leaf(line))
	if empty {
		parent[leaf(line)] = map[bool]any{true: []any{}, false: ""}[reflect.ValueOf(old).Kind() == reflect.Slice]
	}
	out, err := yaml.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
