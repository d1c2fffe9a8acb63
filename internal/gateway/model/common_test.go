package model_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

var update = flag.Bool("update", false, "write the golden files anew")

var minim = narthex.Asset{
	Name: "minim-1", Kind: "model", Default: "final", Context: 256, TokenBytes: 1,
	Versions: []narthex.Version{{Name: "early", Upstream: "minim-1-00282"}, {Name: "final", Upstream: "minim-1-03122"}},
}

// golden holds got to a file, which -update writes.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs:\n got %s\nwant %s", path, got, want)
	}
}

func parse(surface model.Surface, body string) (*model.Call, error) {
	if surface == model.Completions {
		return model.ParseCompletion([]byte(body))
	}
	return model.ParseChat([]byte(body))
}

func mustParse(t *testing.T, surface model.Surface, body string) *model.Call {
	t.Helper()
	call, err := parse(surface, body)
	if err != nil {
		t.Fatalf("parse %s: %v", body, err)
	}
	return call
}

// plain gives a valid request of the surface with more fields; one that names a plain field takes its place.
func plain(surface model.Surface, fields string) string {
	body := ""
	for _, field := range [][2]string{{"model", `"minim-1"`}, {"messages", `[{"role":"user","content":"hi"}]`}, {"prompt", `"hi"`}} {
		if (field[0] == "messages") == (surface == model.Completions) && field[0] != "model" || strings.HasPrefix(fields, `"`+field[0]+`":`) {
			continue
		}
		body += `"` + field[0] + `":` + field[1] + ","
	}
	return "{" + strings.TrimSuffix(body+fields, ",") + "}"
}

// decoded reads JSON as anybody would.
func decoded(t testing.TB, data []byte) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	return value
}

func encoded(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantError holds an error to its kind, and its public face to our own words.
func wantError(t *testing.T, err error, kind narthex.Kind, secret string) *narthex.Error {
	t.Helper()
	var found *narthex.Error
	if !errors.As(err, &found) {
		t.Fatalf("the error is %v, want one with a public face", err)
	}
	if found.Kind != kind {
		t.Errorf("the error is %v (%s), want %v", found.Kind, found.Public, kind)
	}
	if secret != "" && (strings.Contains(found.Public, secret) || strings.Contains(found.Param, secret)) {
		t.Errorf("the error shows %q: %s (%s)", secret, found.Public, found.Param)
	}
	return found
}

func encodedText(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(data)
}
