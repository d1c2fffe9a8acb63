package twin_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"narthex/internal/twin"
)

// corpus gives records of prose, numbers, lists and objects, some fields of which few records have.
func corpus(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		record := map[string]any{"id": i * 12345, "source": fmt.Sprintf("library-%d", i%7), "text": strings.Repeat(fmt.Sprintf("the %d. record tells of harbours, kettles and trees; ", i), 8), "score": float64(i) / 7,
			"kept": i%2 == 0, "tags": []string{"harbour-tag", "kettle-tag"}, "about": map[string]any{"author": fmt.Sprintf("person number %d", i), "by-" + fmt.Sprint(i): "once"}}
		if i%10 == 0 {
			record["seldom"] = "a field of few"
		}
		line, _ := json.Marshal(record)
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

// TestTheTwinOfRecordsHasTheirFieldsAndNothingElse: names, kinds and the order of lengths are theirs; no eight letters in a row of what it
// says are the corpus's, nor is how many records there are, nor a field that few have.
func TestTheTwinOfRecordsHasTheirFieldsAndNothingElse(t *testing.T) {
	original := corpus(500)
	made, err := twin.Records("a.jsonl", original, 7)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(made, []byte("\n")), []byte("\n"))
	for _, line := range lines {
		var r struct {
			ID     *int
			Source string
			Text   string
			Score  *float64
			Kept   *bool
			Tags   []string
			About  struct{ Author string }
		}
		in := json.NewDecoder(bytes.NewReader(line))
		in.DisallowUnknownFields()
		if err := in.Decode(&r); err != nil || r.ID == nil || r.Score == nil || r.Kept == nil || len(r.Tags) == 0 || r.About.Author == "" {
			t.Fatalf("%s: %v", line, err)
		}
		if len(r.Text) < 200 || len(r.Text) > 1000 || len(r.Source) < 4 || len(r.Source) > 32 {
			t.Errorf("texts of %d and %d letters, for those of 400 and 9", len(r.Text), len(r.Source))
		}
	}
	said, known := twin.Said(made), grams(twin.Said(original))
	for gram := range grams(said) {
		if known[gram] && strings.Trim(gram, "\n0123456789.") != "" {
			t.Errorf("%q is the corpus's", gram)
		}
	}
	if more, err := twin.Records("a.jsonl", corpus(501), 7); err != nil || len(bytes.Split(more, []byte("\n"))) != len(lines)+1 {
		t.Errorf("it tells how many records there are: %v", err)
	}
	if again, err := twin.Records("a.jsonl", original, 7); err != nil || !bytes.Equal(again, made) {
		t.Errorf("it is another each time: %v", err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, failed := w.Write(original)
	if failed = w.Close(); failed != nil {
		t.Fatal(failed)
	}
	again, err := twin.Records("a.jsonl.gz", packed.Bytes(), 7)
	if err == nil {
		again, err = twin.Unpacked("a.jsonl.gz", again, 1<<20)
	}
	if err != nil || !bytes.Equal(again, made) {
		t.Errorf("packed it is another: %v", err)
	}
	if few, err := twin.Records("a.jsonl", corpus(7), 7); err != nil || len(few) != 0 {
		t.Errorf("of seven records it tells %s: %v", few, err)
	}
}

// grams gives all eight letters in a row.
func grams(text []byte) map[string]bool {
	all := map[string]bool{}
	for i := 0; i+8 <= len(text); i++ {
		all[string(text[i:i+8])] = true
	}
	return all
}

// TestWhatRecordsSay is their values as a reader has them, and a line that does not read as it is.
func TestWhatRecordsSay(t *testing.T) {
	for line, want := range map[string]string{
		`{"text":"one\ntwo","n":[1,{"deep":"three\u0021"}],"b":true}`: "one\ntwo\n1\nthree!\n",
		`"alone"`:                "alone\n",
		`{"text":"cut`:           `{"text":"cut`,
		`no JSON`:                `no JSON`,
		`{"a":"x","a":"y"}`:      "x\ny\n",
		`{"a":"x"} {"a":"y"}`:    "x\ny\n",
		`{"name only":{"k":{}}}`: "",
	} {
		if got := string(twin.Said([]byte(line))); got != want {
			t.Errorf("%s says %q", line, got)
		}
	}
}
