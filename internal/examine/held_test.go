package examine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex/internal/airlock"
	"narthex/internal/examine"
)

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// look looks at one text beside folders, and gives the kinds that it finds.
func look(t *testing.T, text string, folders ...string) ([]string, error) {
	t.Helper()
	task, err := json.Marshal(airlock.Task{Look: true, Files: []airlock.Raw{{Name: "a.txt", Kind: "text", Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := examine.Run(folders, bytes.NewReader(task), &out); err != nil {
		return nil, err
	}
	var answer airlock.Answer
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	kinds := []string{}
	for _, f := range answer.Findings {
		kinds = append(kinds, f.Kind)
	}
	return kinds, nil
}

// TestACorpusIsHeldBackAsItsReadersHaveIt: what a record says is found though its file has it escaped and packed, in whichever of two
// versions it lies; and where there is more text than is compared, nothing is looked into.
func TestACorpusIsHeldBackAsItsReadersHaveIt(t *testing.T) {
	const said = "the kettle on\nthe second floor\nis slow and a\ntree keeps its\nleaves until\nthe first cold\nweek of winter"
	record, err := json.Marshal(map[string]string{"source": "a", "text": said})
	if err != nil {
		t.Fatal(err)
	}
	lines := append(record, '\n')
	put := func(name string, data []byte) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	other := put("a.jsonl", []byte(`{"text":"nothing of that"}`+"\n"))
	for name, folders := range map[string][]string{"plain": {put("a.jsonl", lines)}, "packed": {put("a.jsonl.gz", packed(t, lines))}, "first": {put("a.jsonl", lines), other}, "second": {other, put("a.jsonl", lines)}, "prose": {put("a.txt.gz", packed(t, []byte(said)))}} {
		if kinds, err := look(t, strings.ReplaceAll(said, "\n", " ")+"\n", folders...); err != nil || len(kinds) == 0 || kinds[0] != "protected" {
			t.Errorf("%s: it finds %v: %v", name, kinds, err)
		}
	}
	if kinds, err := look(t, "Nine sources were compared and none of them stands out.\n", put("a.jsonl", lines)); err != nil || len(kinds) > 0 {
		t.Errorf("honest words are found as %v: %v", kinds, err)
	}
	large := packed(t, bytes.Repeat([]byte("0123456789abcdef\n"), 8<<20))
	for name, data := range map[string][]byte{"a.jsonl.gz": large, "a.txt.gz": large, "b.jsonl.gz": []byte("no gzip")} {
		if kinds, err := look(t, "Nine sources were compared.\n", put(name, data)); err == nil {
			t.Errorf("%s that is not read is compared with: %v", name, kinds)
		}
	}
	two := put("a.txt", nil)
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := errors.Join(os.WriteFile(filepath.Join(two, name), nil, 0o644), os.Truncate(filepath.Join(two, name), 70<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := look(t, "Nine sources were compared.\n", two); err == nil {
		t.Error("two texts that are more together than is compared are looked at")
	}
	if _, err := look(t, "Nine sources were compared.\n", put("model.bin.gz", []byte("no gzip"))); err != nil {
		t.Errorf("what is no text by its name: %v", err)
	}
}
