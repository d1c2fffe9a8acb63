package ledger_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"narthex"
	"narthex/ledger"
)

// vectors is web/verify/vectors.json: what verifiers in the world are held to. Docs/ledger.md says what its parts mean.
type vectors struct {
	Format  string                     `json:"format"`
	Bases   map[string]json.RawMessage `json:"bases"` // a text, or the files of a published log
	Vectors []vector                   `json:"vectors"`
}

type vector struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Base    string   `json:"base"`
	Edit    []edit   `json:"edit,omitempty"`
	Key     string   `json:"key,omitempty"`
	Since   []string `json:"since,omitempty"` // names of bases
	Record  []byte   `json:"record,omitempty"`
	Promise *string  `json:"promise,omitempty"`
	Request []byte   `json:"request,omitempty"`
	Answer  []byte   `json:"answer,omitempty"`
	verdict
}

// verdict is what a verifier says: where it is no, the index named; where it is yes, the size and root of a log.
type verdict struct {
	OK    bool   `json:"ok"`
	Index *int64 `json:"index,omitempty"`
	Size  *int   `json:"size,omitempty"`
	Root  string `json:"root,omitempty"`
}

func (v verdict) String() string {
	switch {
	case v.OK && v.Size != nil:
		return fmt.Sprintf("good, of size %d and root %s", *v.Size, v.Root)
	case v.OK:
		return "good"
	case v.Index == nil:
		return "bad, and nothing named"
	}
	return fmt.Sprintf("bad, and entry %d named", *v.Index)
}

// edit is [at, cut, put] in the base, or [path, at, cut, put] in a file of a log, where a cut of -1 takes the file away.
type edit struct {
	path    string
	at, cut int
	put     []byte
}

func (e edit) MarshalJSON() ([]byte, error) {
	list := []any{e.at, e.cut, e.put}
	if e.put == nil {
		list[2] = ""
	}
	if e.path != "" {
		list = append([]any{e.path}, list...)
	}
	return json.Marshal(list)
}

func (e *edit) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	into := []any{&e.at, &e.cut, &e.put}
	if len(list) == 4 {
		into = append([]any{&e.path}, into...)
	}
	if len(list) != len(into) {
		return errors.New("an edit has not 3 or 4 parts")
	}
	for i := range list {
		if err := json.Unmarshal(list[i], into[i]); err != nil {
			return err
		}
	}
	return nil
}

func edited(data []byte, path string, edits []edit) []byte {
	for _, e := range edits {
		if e.path == path {
			data = bytes.Join([][]byte{data[:e.at], e.put, data[e.at+e.cut:]}, nil)
		}
	}
	return data
}

// judge gives the verdict of this package's verifiers.
func (vs vectors) judge(t testing.TB, v vector) verdict {
	t.Helper()
	size, root, err := vs.verify(t, v)
	if err != nil {
		index := int64(-1)
		if tamper := new(ledger.TamperError); errors.As(err, &tamper) {
			index = tamper.Index
		}
		return verdict{Index: &index}
	}
	if v.Kind == "export" || v.Kind == "log" {
		return verdict{OK: true, Size: &size, Root: root}
	}
	return verdict{OK: true}
}

func (vs vectors) text(t testing.TB, name string) []byte {
	t.Helper()
	var text string
	if err := json.Unmarshal(vs.Bases[name], &text); err != nil {
		t.Fatalf("base %s: %v", name, err)
	}
	return []byte(text)
}

func (vs vectors) verify(t testing.TB, v vector) (size int, root string, err error) {
	t.Helper()
	var since []string
	for _, name := range v.Since {
		since = append(since, string(vs.text(t, name)))
	}
	var report ledger.Report
	if v.Kind == "log" {
		var base map[string][]byte
		if err := json.Unmarshal(vs.Bases[v.Base], &base); err != nil {
			t.Fatalf("base %s: %v", v.Base, err)
		}
		report, err = ledger.VerifyLog(spoiled(base, v.Edit), v.Key, since...)
		return int(report.Size), report.Root, err
	}
	data := edited(vs.text(t, v.Base), "", v.Edit)
	var record ledger.Record
	copy(record[:], v.Record)
	switch v.Kind {
	case "export":
		report, err = ledger.Verify(bytes.NewReader(data), v.Key, since...)
	case "opening":
		var opening ledger.Opening
		if err = opening.UnmarshalJSON(data); err == nil {
			err = opening.Opens(record)
		}
	case "field":
		_, err = ledger.VerifyField(data, record)
	case "checkpoint":
		_, err = ledger.OpenCheckpoint(string(data), v.Key)
	case "cosignature":
		var found []ledger.Cosignature
		if found, err = ledger.Cosignatures(string(data), v.Key); err == nil && len(found) == 0 {
			err = errors.New("the witness signed nothing")
		}
	case "promise":
		_, err = ledger.OpenPromise(string(data), v.Key)
	case "receipt":
		err = verifyReceipt(data, v)
	case "disclosure":
		_, err = ledger.VerifyDisclosure(data, v.Key)
	default:
		t.Fatalf("there is no kind %q", v.Kind)
	}
	return int(report.Size), report.Root, err
}

func spoiled(base map[string][]byte, edits []edit) ledger.Source {
	return func(path string) ([]byte, error) {
		data, here := base[path]
		for _, e := range edits {
			here = here && (e.path != path || e.cut != -1)
		}
		if !here {
			return nil, ledger.ErrAbsent
		}
		return edited(data, path, edits), nil
	}
}

func verifyReceipt(data []byte, v vector) error {
	evidence, err := ledger.VerifyReceipt(data, v.Key)
	if err != nil {
		return err
	}
	if v.Promise != nil {
		promise, err := ledger.OpenPromise(*v.Promise, v.Key)
		if err != nil {
			return err
		}
		if err := evidence.Keeps(promise); err != nil {
			return err
		}
	}
	if v.Request != nil {
		if err := evidence.Holds(ledger.RequestBody, v.Request); err != nil {
			return err
		}
	}
	if v.Answer != nil {
		return evidence.Holds(ledger.AnswerBody, v.Answer)
	}
	return nil
}

var vectorsFile = filepath.Join("..", "web", "verify", "vectors.json")

func readVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var vs vectors
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

// TestVectorsStay makes the published vectors anew and holds the published ones to them; -update publishes them.
func TestVectorsStay(t *testing.T) {
	got := makeVectors(t).encode(t)
	if *update {
		if err := os.WriteFile(vectorsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(vectorsFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the vectors changed, and verifiers in the world are held to those that were published; where that is meant, run this test with -update: %v", err)
	}
	if len(got) > 1_500_000 {
		t.Errorf("the vectors have %d bytes, which is too many to be carried about", len(got))
	}
}

// encode writes a line for each base and each vector.
func (vs vectors) encode(t testing.TB) []byte {
	t.Helper()
	line := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"format\":%s,\n\"bases\":{", line(vs.Format))
	separator := "\n"
	for _, name := range sortedKeys(vs.Bases) {
		fmt.Fprintf(&out, "%s%s:%s", separator, line(name), vs.Bases[name])
		separator = ",\n"
	}
	out.WriteString("},\n\"vectors\":[")
	separator = "\n"
	for _, v := range vs.Vectors {
		out.WriteString(separator + line(v))
		separator = ",\n"
	}
	out.WriteString("]}\n")
	return out.Bytes()
}

func TestVectorsAreJudgedAsPublished(t *testing.T) {
	vs := readVectors(t)
	kinds, bad := map[string][2]int{}, 0
	for _, v := range vs.Vectors {
		if got := vs.judge(t, v); got.String() != v.verdict.String() {
			t.Errorf("%s (%s): it is %s, and published as %s", v.Name, v.Kind, got, v.verdict)
		}
		counts := kinds[v.Kind]
		if v.OK {
			counts[0]++
		} else {
			counts[1]++
			bad++
		}
		kinds[v.Kind] = counts
	}
	t.Logf("good and bad, by kind: %v; %d bad in all", kinds, bad)
	if bad < 1000 {
		t.Errorf("there are %d bad vectors", bad)
	}
	for _, kind := range []string{"export", "log", "opening", "field", "checkpoint", "cosignature", "promise", "receipt", "disclosure"} {
		if kinds[kind][0] == 0 || kinds[kind][1] == 0 {
			t.Errorf("there is no good vector, or no bad one, of kind %s", kind)
		}
	}
	for _, kind := range narthex.EntryTypes() {
		if vs.Bases["entry "+string(kind)] == nil {
			t.Errorf("there is no vector of %s", kind)
		}
	}
}

// TestTheSecondVerifierAgrees runs the verifier in JavaScript over the vectors: it must say yes and no as this package does,
// and name the same entry, and find the same root.
func TestTheSecondVerifierAgrees(t *testing.T) {
	vs := readVectors(t)
	folder := filepath.Join("..", "web", "verify")
	for _, name := range []string{"verify.mjs", "vectors.mjs"} { // read here too, so that go test knows when they change
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "verify.mjs" && regexp.MustCompile(`(?m)^import|\bimport\(|\brequire\(`).Match(text) {
			t.Error("the second verifier has dependencies")
		}
	}
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "vectors.mjs"), vectorsFile).Output()
	if err != nil {
		t.Fatalf("node does not run the second verifier (`make setup` installs node): %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(vs.Vectors) {
		t.Fatalf("the second verifier judged %d vectors of %d", len(lines), len(vs.Vectors))
	}
	for i, v := range vs.Vectors {
		var got struct {
			verdict
			Says string `json:"says"`
		}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if want := vs.judge(t, v); got.verdict.String() != want.String() {
			t.Errorf("%s (%s): in JavaScript it is %s (%s), in Go %s", v.Name, v.Kind, got.verdict, got.Says, want)
		}
	}
}

// TestTheSecondVerifierKnowsEveryType holds the table of types in the verifier in JavaScript to the vocabulary.
func TestTheSecondVerifierKnowsEveryType(t *testing.T) {
	path := filepath.Join("..", "web", "verify", "verify.mjs")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "// types begin\n", "// types end\n"
	before, rest, _ := strings.Cut(string(data), begin)
	_, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatal("the verifier in JavaScript has no table of types")
	}
	var table strings.Builder
	for _, kind := range narthex.EntryTypes() {
		names, err := json.Marshal(kind.Fields())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&table, "  %q: [%d, %t, %s],\n", kind, kind.Class(), kind.Public(), strings.ReplaceAll(string(names), ",", ", "))
	}
	want := before + begin + "const TYPES = {\n" + table.String() + "};\n" + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Error("web/verify/verify.mjs knows other types than the vocabulary; run this test with -update")
	}
}

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
