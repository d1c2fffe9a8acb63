package server_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
	"narthex/internal/testenv"
)

// places are words that a name of a file, of a socket, of an address or of a form of writing is made of.
var places = []string{"path", "file", "files", "filename", "dir", "directory", "folder", "volume", "mount", "socket", "pipe", "device", "host", "port", "url", "uri", "address", "endpoint", "server", "proxy", "webhook", "callback",
	"format", "encoding", "template", "log", "logs", "logging", "logger", "ledger", "audit", "anchor", "sink", "output", "destination", "target", "syslog", "stdout", "command", "exec", "plugin", "module", "mode", "level", "rotate", "store", "dsn", "database"}

// namesOf gives the names that a caller can set in a body of that type; seen are the types that were looked at.
func namesOf(form reflect.Type, into map[string]bool, seen map[reflect.Type]bool) {
	switch form.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		namesOf(form.Elem(), into, seen)
	case reflect.Struct:
		if seen[form] {
			return
		}
		seen[form] = true
		for _, field := range reflect.VisibleFields(form) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" || field.Anonymous {
				continue
			}
			into[name] = true
			namesOf(field.Type, into, seen)
		}
	}
}

// documented gives the names that the OpenAPI document says a caller can set: parameters, and what bodies have.
func documented(t *testing.T, text string) map[string]bool {
	t.Helper()
	type schema struct {
		Ref        string `json:"$ref"`
		Properties map[string]json.RawMessage
		Items      json.RawMessage
		More       json.RawMessage `json:"additionalProperties"`
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters  []struct{ Name string }
			RequestBody struct {
				Content map[string]struct{ Schema json.RawMessage }
			}
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	names, seen := map[string]bool{}, map[string]bool{}
	var walk func(json.RawMessage)
	walk = func(raw json.RawMessage) {
		var s schema
		if len(raw) == 0 || raw[0] != '{' || seen[string(raw)] {
			return
		}
		seen[string(raw)] = true
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		walk(document.Components.Schemas[path.Base(s.Ref)])
		walk(s.Items)
		walk(s.More)
		for name, property := range s.Properties {
			names[name] = true
			walk(property)
		}
	}
	for _, methods := range document.Paths {
		for _, operation := range methods {
			for _, p := range operation.Parameters {
				names[p.Name] = true
			}
			for _, body := range operation.RequestBody.Content {
				walk(body.Schema)
			}
		}
	}
	return names
}

// TestNoRequestNamesAPlace: nothing that a caller can set, by the table of routes and by the document of the API, is the path,
// the socket or the form of what the node writes; names that look so say what else they are.
func TestNoRequestNamesAPlace(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, document := get(t, e.Client.Base()+"/openapi.json")
	names, seen := map[string]bool{}, map[reflect.Type]bool{}
	for _, route := range e.Node.Routes() {
		for _, name := range route.Query {
			names[name] = true
		}
		for segment := range strings.SplitSeq(route.Path, "/") {
			if strings.HasPrefix(segment, "{") {
				names[strings.Trim(segment, "{.}")] = true
			}
		}
		if route.In != nil {
			namesOf(route.In, names, seen)
		}
	}
	if said := documented(t, document); !maps.Equal(said, names) || len(names) < 40 {
		t.Errorf("the table has the names\n%q and the document\n%q", slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(said)))
	}
	for _, surface := range []model.Surface{model.Chat, model.Completions} {
		for _, field := range model.Fields(surface) {
			names[field.Name] = true
		}
	}
	harmless := map[string]string{
		"file":            "of a verdict: a name in a package that is frozen, looked for there and nowhere else",
		"path":            "of a study's file: plain names below a folder of the job's own",
		"files":           "of a proposed lab directory: rows of the store, by names that the loader knows",
		"target":          "the id of what a lock is on",
		"format":          "of an institution's signed word: the one that is known, or it is refused",
		"response_format": "of the model's answer",
		"store":           "whether OpenAI would keep an answer; it never reaches an upstream",
	}
	for name := range names {
		for word := range strings.SplitSeq(name, "_") {
			if slices.Contains(places, word) && harmless[name] == "" {
				t.Errorf("a caller can set %s", name)
			}
		}
	}
	for name := range harmless {
		if !names[name] {
			t.Errorf("%s is nowhere", name)
		}
	}
}

// TestAProposedDirectoryWritesNoFile: the names in it are no paths of the node's machine.
func TestAProposedDirectoryWritesNoFile(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	outside := filepath.Join(t.TempDir(), "narthex-was-here")
	before := tree(t, e.Dir)
	for _, name := range []string{"../was-here", "../../was-here", outside, "assets/../../was-here", "assets/was-here.yaml/../../../x", "./was-here", "was-here", "data/was-here", "assets//was-here.yaml", "assets/was-here.yaml\x00", "log/audit.so", "assets\\was-here.yaml"} {
		files, err := testenv.Files(e.Model.URL)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = []byte("x")
		if _, err := e.People["olga"].Propose(t.Context(), files); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("a file %q was proposed: %v", name, err)
		}
	}
	if after := tree(t, e.Dir); !slices.Equal(before, after) || len(tree(t, filepath.Dir(outside))) > 1 {
		t.Errorf("there are files that were not there: %q, %q", before, after)
	}
}

// tree lists what is in a folder but for the database's own files.
func tree(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if !strings.Contains(name, "narthex.db") {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
