package demo_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/demo"
	"narthex/demo/minilab"
	"narthex/internal/airlock"
	"narthex/internal/environment"
	"narthex/internal/lab"
	"narthex/internal/measure"
	"narthex/internal/server"
	"narthex/internal/testenv"
)

const corpusCanary = "narthex-corpus-canary-7f3a9c"

// minim is a lab with the miniature lab's three checkpoints and its corpus, on which jobs run in real sandboxes, and ada with a key.
type minim struct {
	*testenv.Env
	ada *client.Client
}

func openMinim(t *testing.T) minim {
	t.Helper()
	folders := map[string]string{} // by version: how it stands in the directory
	lay := func(name string, files map[string][]byte) {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, data := range files {
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		read, err := environment.ReadFolder(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		folders[name] = fmt.Sprintf("folder: %s, digest: %q", dir, read.Digest)
	}
	for _, name := range minilab.Checkpoints() {
		files, err := minilab.Checkpoint(name)
		if err != nil {
			t.Fatal(err)
		}
		lay(name, files)
	}
	packed, err := minilab.Corpus()
	if err != nil {
		t.Fatal(err)
	}
	lay("corpus", map[string][]byte{"pretrain.jsonl.gz": packed})
	template, err := lab.Template()
	if err != nil {
		t.Fatal(err)
	}
	e := testenv.New(t, testenv.Options{Config: func(c *server.Config) { c.Self = self() }, Files: func(files lab.Files) {
		model := strings.Replace(string(files["assets/model.yaml"]), "lifetime_bytes: 0", "lifetime_bytes: 100000", 1)
		for _, name := range minilab.Checkpoints() {
			model = strings.Replace(model, "upstream: upstream-"+name+"}", "upstream: upstream-"+name+", "+folders[name]+"}", 1)
		}
		files["assets/model.yaml"] = []byte(strings.Replace(model, "leak: [behav, small]", "leak: [bulk, small]", 1))
		files["assets/corpus.yaml"] = []byte("name: corpus\ntitle: the corpus\nkind: dataset\nowner: olga\nbytes: 9796935\nlifetime_bytes: 100000\nleak: [bulk, stat, pers]\nlabel: internal\ndefault: current\ncanaries: [" + corpusCanary + "]\nversions:\n  - {name: current, " + folders["corpus"] + "}\n")
		for _, name := range []string{"python-numpy", "weights-diff"} {
			files["environments/"+name+".yaml"] = template["environments/"+name+".yaml"]
		}
		files["guardrails/test.cedar"] = []byte("@id(\"no-seven\")\nforbid (principal, action, resource) when { context has max_tokens && context.max_tokens == 7 };\n")
		pathway := strings.Replace(string(files["pathways/test.yaml"]), "not_offered:", `  - {attribute: data.job, assets: [corpus], limits: {cpu_hours: {default: 1, least: 0, most: 10}, bytes_out: {default: 20000, least: 0, most: 50000}}}
  - {attribute: weights.diff, assets: [model], limits: {statistics: {default: [l2], names: [shape, mean, std, max_abs, l2, spectral_norm, stable_rank, singular_values, distance, cosine, changed]}, digits: {default: 3, least: 1, most: 4}, bytes_out: {default: 20000, least: 0, most: 50000}}}
  - {attribute: output.release, assets: [corpus, model], limits: {artefacts: {default: [table, text], names: [table, text, figure, data]}, bytes_out: {default: 20000, least: 0, most: 50000}}}
not_offered:`, 1)
		files["pathways/test.yaml"] = []byte(strings.Replace(pathway, "review_days:", "  - {clause: data-protection, values: {basis: legitimate interest}}\nreview_days:", 1))
	}})
	n, names := narthex.NumberValue, narthex.NamesValue
	out := map[narthex.LimitName]narthex.Value{"artefacts": names("table", "text"), "bytes_out": n(20000)}
	onCorpus := testenv.Term("output.release", out)
	onCorpus.Asset = "corpus"
	job := testenv.Term("data.job", map[narthex.LimitName]narthex.Value{"cpu_hours": n(1), "bytes_out": n(20000)})
	job.Asset = "corpus"
	_, key := e.Grant(t, "", testenv.Tokens(10, nil), job, onCorpus, testenv.Term("output.release", out),
		testenv.Term("model.checkpoints", map[narthex.LimitName]narthex.Value{"checkpoints": names("early")}),
		testenv.Term("weights.diff", map[narthex.LimitName]narthex.Value{"statistics": names("shape", "l2", "max_abs", "stable_rank", "singular_values", "distance", "cosine", "changed"), "digits": n(3), "bytes_out": n(20000)}))
	return minim{e, e.Client.With(key)}
}

// over hands a job in and waits for its end.
func (m minim) over(t *testing.T, in client.SubmitJob) client.JobView {
	t.Helper()
	job, err := m.ada.SubmitJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		view, err := m.ada.Job(t.Context(), job.ID)
		if err == nil && view.State.Over() {
			if view.State != narthex.JobDone || view.Package == nil {
				t.Fatalf("it ended as %s %+v, %+v", view.State, view.End, view.Package)
			}
			return view
		}
		if err != nil && !narthex.IsKind(err, narthex.Exhausted) {
			t.Fatal(err)
		}
	}
	t.Fatal("the job does not end")
	return client.JobView{}
}

// ask asks for everything that a job left.
func (m minim) ask(t *testing.T, view client.JobView) narthex.Release {
	t.Helper()
	in := client.SubmitRelease{Job: view.ID}
	for _, f := range view.Package.Files {
		in.Files = append(in.Files, client.WantedFile{Name: f.Name, Context: "what the study says that the file holds"})
	}
	release, err := m.ada.SubmitRelease(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// released has a release reviewed and fetched, and holds it to its record.
func (m minim) released(t *testing.T, release narthex.Release) (map[string][]byte, airlock.Statement) {
	t.Helper()
	for _, reviewer := range []string{"olga", "sam"} {
		seen, err := m.People[reviewer].Release(t.Context(), release.ID)
		if err != nil {
			t.Fatal(err)
		}
		in := client.VoteRelease{Saw: seen.Release.Package}
		for _, f := range seen.Release.Files {
			in.Verdicts = append(in.Verdicts, narthex.FileVerdict{File: f.Name, Verdict: narthex.VerdictRelease})
		}
		if _, err := m.People[reviewer].VoteRelease(t.Context(), release.ID, in); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.ada.FetchRelease(t.Context(), release.ID)
	if err != nil {
		t.Fatal(err)
	}
	statement, err := airlock.OpenRecord(got.Record, m.Node.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range got.Files {
		if name, holds := statement.Holds(f.Data); !holds || name != f.Path {
			t.Errorf("the record does not hold %s", f.Path)
		}
		files[f.Path] = f.Data
	}
	return files, statement
}

// document is a record of the corpus.
type document struct{ Source, Text string }

func documents(t *testing.T) (all []document) {
	t.Helper()
	packed, err := minilab.Corpus()
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for in := json.NewDecoder(unpacked); ; {
		var d document
		if err := in.Decode(&d); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
}

// TestAStudyRunsBesideTheCorpus from its folder to its release: its counts are those of an own count, no finding keeps them, and what takes
// texts along, plain, over the end of a line or encoded, is found where it stands, as are a mark, a person and a count of few.
func TestAStudyRunsBesideTheCorpus(t *testing.T) {
	m := openMinim(t)
	files, err := filesOf(t, demo.WriteCorpusStudy)
	if err != nil {
		t.Fatal(err)
	}
	view := m.over(t, client.SubmitJob{Asset: "corpus", Environment: "python-numpy", Files: files, WallMinutes: 5, MemoryMB: 512})
	if view.Plan.Attribute != "data.job" || view.Plan.Version != "current" || len(view.Package.Files) != 2 {
		t.Fatalf("it ran as %+v and left %+v", view.Plan, view.Package)
	}
	release := m.ask(t, view)
	if len(release.Findings) > 0 {
		t.Errorf("the honest study carries findings: %v", release.Findings)
	}
	got, _ := m.released(t, release)
	rows, err := csv.NewReader(bytes.NewReader(got["phrases.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string][2]int{} // documents, and those that hold a phrase
	all := documents(t)
	for _, d := range all {
		source, _, _ := strings.Cut(d.Source, "/")
		c := counts[source]
		if c[0]++; strings.Contains(strings.ToLower(d.Text), "for example") {
			c[1]++
		}
		counts[source] = c
	}
	if len(rows) < 8 || rows[0][3] != "for_example_count" {
		t.Fatalf("it says %v", rows)
	}
	for _, row := range rows[1:] {
		if row[0] == "others" {
			continue
		}
		for i, cell := range []string{row[1], row[3]} {
			want := ""
			if n := counts[row[0]][i]; n >= 10 {
				want = strconv.Itoa(5 * int(math.RoundToEven(float64(n)/5)))
			}
			if cell != want {
				t.Errorf("of %s it says %s, and %s is true", row[0], cell, want)
			}
		}
	}

	m.holdsNothing(t, files)

	long := all[slices.IndexFunc(all, func(d document) bool { return len(d.Text) > 400 && strings.Count(d.Text[100:300], "\n") > 2 })].Text[100:300]
	script := fmt.Sprintf("import base64\ntext = base64.b64decode(%q).decode()\n", base64.StdEncoding.EncodeToString([]byte(long))) + `
def put(name, said):
    with open('/out/' + name, 'w') as file:
        file.write(said)
put('plain.txt', text)
put('one-line.txt', ' '.join(text.split()))
put('packed.txt', base64.b64encode(text.encode()).decode() + '\n')
put('mark.txt', 'It begins with ` + corpusCanary + ` and goes on.\n')
put('person.txt', 'Write to jane.doe.1971@gmail.com about it.\n')
put('few.csv', 'source,documents_count\nnet,3\ncrypto,40\n')
put('honest.txt', 'Nine sources were compared and none stands out.\n')
`
	study := "name: takes-along\ncommand: [/usr/bin/python3, /study/main.py]\noutputs:\n"
	want := map[string]string{"plain.txt": "protected", "one-line.txt": "protected", "packed.txt": "protected", "mark.txt": "canary", "person.txt": "personal", "few.csv": "small", "honest.txt": ""}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range want {
			if !yield(name) {
				return
			}
		}
	}) {
		kind := map[string]string{".txt": "text", ".csv": "csv"}[filepath.Ext(name)]
		study += "  - {name: " + name + ", kind: " + kind + ", says: a file}\n"
	}
	view = m.over(t, client.SubmitJob{Asset: "corpus", Environment: "python-numpy", Files: []client.StudyFile{{Path: "main.py", Data: []byte(script)}, {Path: "study.yaml", Data: []byte(study)}}, WallMinutes: 5, MemoryMB: 512})
	found := map[string][]string{}
	for _, f := range m.ask(t, view).Findings {
		found[f.File] = append(found[f.File], f.Kind)
	}
	for name, kind := range want {
		if kind == "" && len(found[name]) > 0 || kind != "" && !slices.Contains(found[name], kind) {
			t.Errorf("in %s is found %v, and not %q", name, found[name], kind)
		}
	}
}

// holdsNothing holds the corpus's twin to telling of it the fields alone: no eight letters in a row of what its records say stand in the
// corpus. The study runs beside it.
func (m minim) holdsNothing(t *testing.T, study []client.StudyFile) {
	t.Helper()
	made, err := m.ada.Twin(t.Context(), "corpus")
	if err != nil || len(made.Files) != 1 || made.Files[0].Path != "pretrain.jsonl.gz" {
		t.Fatalf("its twin has %d files: %v", len(made.Files), err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(made.Files[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	mine, records := map[string]bool{}, 0
	for in := json.NewDecoder(unpacked); ; records++ {
		var d struct {
			ID     *int
			Source string
			Split  string
			Text   string
		}
		in.DisallowUnknownFields()
		if err := in.Decode(&d); err == io.EOF {
			break
		} else if err != nil || d.ID == nil || d.Source == "" || d.Split == "" || len(d.Text) < 200 {
			t.Fatalf("a record of the twin is %+v: %v", d, err)
		}
		for _, said := range []string{d.Source, d.Split, d.Text} {
			for i := 0; i+8 <= len(said); i++ {
				mine[said[i:i+8]] = true
			}
		}
	}
	if records < 50 || len(mine) < 10_000 {
		t.Errorf("the twin has %d records of %d pieces", records, len(mine))
	}
	for _, d := range documents(t) {
		for _, said := range []string{d.Source, d.Text} {
			for i := 0; i+8 <= len(said); i++ {
				if mine[said[i:i+8]] {
					t.Errorf("%q stands in both", said[i:i+8])
				}
			}
		}
	}
	asset, code, out := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(asset, made.Files[0].Path), made.Files[0].Data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, f := range study {
		if err := os.WriteFile(filepath.Join(code, f.Path), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), "/usr/bin/python3", filepath.Join(code, "main.py"), asset, out)
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if table, err := os.ReadFile(filepath.Join(out, "phrases.csv")); err != nil || bytes.Count(table, []byte("\n")) < 2 {
		t.Errorf("beside the twin it counts %s: %v", table, err)
	}
}

// filesOf gives the files that write writes.
func filesOf(t *testing.T, write func(string) error) (files []client.StudyFile, err error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "study")
	if err := write(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		data, failed := os.ReadFile(filepath.Join(dir, entry.Name()))
		if failed != nil {
			return nil, failed
		}
		files = append(files, client.StudyFile{Path: entry.Name(), Data: data})
	}
	return files, err
}

// TestWhatTrainingChangedIsMeasured in a real sandbox beside two checkpoints: each number is that of an own computation, to the digits of
// the grant; a statistic, a digit or a version that is not granted is refused, the version as if absent.
func TestWhatTrainingChangedIsMeasured(t *testing.T) {
	m := openMinim(t)
	ask := func(request string) client.SubmitJob {
		return client.SubmitJob{Asset: "model@final", Against: "model@early", Environment: "weights-diff", Files: []client.StudyFile{{Path: measure.File, Data: []byte(request)}}}
	}
	const good = "name: what-changed\nstatistics: [shape, l2, max_abs, stable_rank, singular_values, distance, cosine, changed]\ntop: 3\ndigits: 3\n"
	view := m.over(t, ask(good))
	if view.Plan.Attribute != "weights.diff" || view.Plan.Against != "early" || view.Plan.AgainstDigest == "" || view.Plan.AgainstDigest == view.Plan.AssetDigest {
		t.Errorf("its plan is %+v", view.Plan)
	}
	release := m.ask(t, view)
	if len(release.Findings) > 0 {
		t.Errorf("it carries findings: %v", release.Findings)
	}
	got, statement := m.released(t, release)
	if p := statement.Predicate; p.Against != "early" || p.AgainstDigest != view.Plan.AgainstDigest {
		t.Errorf("the record does not name the second version: %+v", p)
	}
	rows, err := csv.NewReader(bytes.NewReader(got[measure.Output])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"tensor", "shape", "max_abs", "l2", "stable_rank", "singular_1", "singular_2", "singular_3", "distance", "cosine", "changed", "note"}; !slices.Equal(rows[0], want) {
		t.Fatalf("its columns are %v", rows[0])
	}
	final, early := checkpoint(t, "final"), checkpoint(t, "early")
	told := 0
	for _, row := range rows[1:] {
		a, b := rowsOf(t, final, row[0]), rowsOf(t, early, row[0])
		if len(a) < measure.Fewest {
			if strings.Join(row[2:11], "") != "" || !strings.Contains(row[11], "fewer than 1024") {
				t.Errorf("of %s with %d values it tells %v", row[0], len(a), row)
			}
			continue
		}
		told++
		for i, want := range expected(t, a, b, row[1]) {
			cell := row[2+i]
			value, err := strconv.ParseFloat(cell, 64)
			if err != nil || math.Abs(value-want) > math.Abs(want)*0.0051 {
				t.Errorf("%s of %s is told as %s, and is %v", rows[0][2+i], row[0], cell, want)
			}
			if digits := strings.Trim(strings.ReplaceAll(strings.SplitN(cell, "e", 2)[0], ".", ""), "0"); len(digits) > 3 {
				t.Errorf("%s of %s has more digits than three: %s", rows[0][2+i], row[0], cell)
			}
		}
	}
	if told < 20 || told == len(rows)-1 {
		t.Errorf("%d tensors of %d are told of", told, len(rows)-1)
	}

	_, err = m.ada.SubmitJob(t.Context(), ask("name: more\nstatistics: [l2, mean]\ndigits: 3\n"))
	if e := narthex.AsError(err); err == nil || e.Reason == nil || e.Reason.Limit != "statistics" || !strings.HasPrefix(e.Reason.Clause, "2.") || e.Kind != narthex.Refused {
		t.Errorf("a statistic that is not granted: %v", err)
	}
	_, err = m.ada.SubmitJob(t.Context(), ask("name: more\nstatistics: [l2]\ndigits: 4\n"))
	if e := narthex.AsError(err); err == nil || e.Reason == nil || e.Reason.Limit != "digits" {
		t.Errorf("a digit that is not granted: %v", err)
	}
	var said []string
	for _, other := range []string{"model@middle", "model@none"} {
		for _, turned := range []bool{false, true} {
			in := ask(good)
			if in.Against = other; turned {
				in.Asset, in.Against = other, "model@final"
			}
			_, err := m.ada.SubmitJob(t.Context(), in)
			if !narthex.IsKind(err, narthex.Withheld) {
				t.Errorf("%s: %v", other, err)
			}
			said = append(said, fmt.Sprint(narthex.AsError(err).Public, narthex.AsError(err).Param))
		}
	}
	if len(slices.Compact(said)) != 1 {
		t.Errorf("a version that is not granted is told from one that is not there: %q", said)
	}
}

// expected computes max_abs, l2, stable rank and three singular values of a difference, and distance, cosine and the share that changed.
func expected(t *testing.T, a, b []float32, shape string) []float64 {
	t.Helper()
	rows, err := strconv.Atoi(strings.Split(shape, "x")[0])
	if err != nil {
		t.Fatal(err)
	}
	cols := len(a) / rows
	matrix := make([][]float64, cols) // by columns
	for j := range matrix {
		matrix[j] = make([]float64, rows)
	}
	var most, square, second, first, product, changed float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		matrix[i%cols][i/cols] = x - y
		most, square = max(most, math.Abs(x-y)), square+(x-y)*(x-y)
		first, second, product = first+x*x, second+y*y, product+x*y
		if x != y {
			changed++
		}
	}
	if cols > rows { // the same singular values by fewer columns
		turned := make([][]float64, rows)
		for i := range turned {
			for j := range cols {
				turned[i] = append(turned[i], matrix[j][i])
			}
		}
		matrix = turned
	}
	singular := jacobi(matrix)
	return []float64{most, math.Sqrt(square), square / (singular[0] * singular[0]), singular[0], singular[1], singular[2], math.Sqrt(square / second), product / math.Sqrt(first*second), changed / float64(len(a))}
}

// jacobi gives the singular values of a matrix by its columns, which it turns until they stand at right angles.
func jacobi(columns [][]float64) []float64 {
	dot := func(a, b []float64) (sum float64) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	for range 30 {
		largest := 0.0
		for p := range columns {
			for q := p + 1; q < len(columns); q++ {
				alpha, beta, gamma := dot(columns[p], columns[p]), dot(columns[q], columns[q]), dot(columns[p], columns[q])
				if gamma == 0 {
					continue
				}
				largest = max(largest, math.Abs(gamma)/math.Sqrt(alpha*beta))
				zeta := (beta - alpha) / (2 * gamma)
				tangent := math.Copysign(1, zeta) / (math.Abs(zeta) + math.Sqrt(1+zeta*zeta))
				cosine := 1 / math.Sqrt(1+tangent*tangent)
				for i := range columns[p] {
					x, y := columns[p][i], columns[q][i]
					columns[p][i], columns[q][i] = cosine*x-cosine*tangent*y, cosine*tangent*x+cosine*y
				}
			}
		}
		if largest < 1e-6 {
			break
		}
	}
	values := make([]float64, len(columns))
	for i, c := range columns {
		values[i] = math.Sqrt(dot(c, c))
	}
	slices.Sort(values)
	slices.Reverse(values)
	return values
}
