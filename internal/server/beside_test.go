package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/environment"
	"narthex/internal/examine"
	"narthex/internal/lab"
	"narthex/internal/measure"
	"narthex/internal/sandbox"
	"narthex/internal/server"
	"narthex/internal/testenv"
	weights "narthex/internal/twin"
)

// corpusLines are the records of the corpus.
func corpusLines() []byte {
	var out bytes.Buffer
	for i := range 60 {
		fmt.Fprintf(&out, "{\"source\":\"harbour\",\"text\":\"record %d tells of kettles on the second floor,\\nof trees that keep their leaves, and of boats\"}\n", i)
	}
	return out.Bytes()
}

// beside is a lab of a model with two versions that have bytes, and of a corpus; folders are theirs by the version's name.
type besides struct {
	*hall
	folders map[string]string
	looked  *saw
}

// saw keeps beside which folders it looked.
type saw struct {
	testenv.Here
	folders [][]string
	people  []bool
}

func (s *saw) Examine(ctx context.Context, task airlock.Task, versions ...string) (airlock.Answer, error) {
	if task.Look {
		s.folders, s.people = append(s.folders, versions), append(s.people, task.People)
	}
	return s.Here.Examine(ctx, task, versions...)
}

// measuring plays a request as the program of ours does it in a sandbox, and a study as one that leaves two files.
func measuring(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
	if job.Command[0] != "/program" {
		return leaves(results)(ctx, job, out, stdout, stderr)
	}
	versions := []string{job.Asset}
	if job.Against != "" {
		versions = append(versions, job.Against)
	}
	if slices.Compare(job.Command[5:], map[int][]string{1: {"/asset"}, 2: {"/asset/A", "/asset/B"}}[len(versions)]) != 0 || examine.Measure(job.Study, out, versions...) != nil {
		return sandbox.Ended{Class: sandbox.Failed}
	}
	return sandbox.Ended{Class: sandbox.Done}
}

func openBeside(t *testing.T) besides {
	t.Helper()
	b := besides{folders: map[string]string{}, looked: &saw{}}
	lay := func(version, file string, data []byte) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
		b.folders[version] = dir
		return "folder: " + dir + ", digest: " + string(must(environment.ReadFolder(t.Context(), dir)).Digest)
	}
	tensors := must(weights.Read(testenv.Weights()))
	for i := range tensors[0].Data {
		tensors[0].Data[i] ^= byte(i & 1)
	}
	early, corpus := lay("early", "model.safetensors", weights.Write(tensors)), lay("corpus", "records.jsonl", corpusLines())
	options, asset := testenv.Beside(t, testenv.Options{Config: func(c *server.Config) { c.Host.Examiner = b.looked }, Files: func(files lab.Files) {
		files["assets/model.yaml"] = bytes.Replace(files["assets/model.yaml"], []byte("upstream: upstream-early}"), []byte("upstream: upstream-early, "+early+"}"), 1)
		files["assets/corpus.yaml"] = []byte("name: corpus\ntitle: a corpus\nkind: dataset\nowner: olga\nbytes: 100000\nlifetime_bytes: 9000\nleak: [bulk]\nlabel: internal\ndefault: current\nversions:\n  - {name: current, " + corpus + "}\n")
		files["environments/measures.yaml"] = []byte("name: measures\ntitle: statistics\ncomputes: weights.diff\nroot: /\nlimits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [any]\n")
		files["guardrails/early.cedar"] = []byte("@id(\"no-early-for-two-digits\")\nforbid (principal, action == Attribute::\"weights.diff\", resource) when { resource.version == \"early\" && context has digits && context.digits == 2 };\n")
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "not_offered:", `  - {attribute: data.job, assets: [corpus], limits: {cpu_hours: {default: 1, least: 0, most: 100}, bytes_out: {default: 400, least: 0, most: 9000}}}
  - {attribute: weights.diff, assets: [model], limits: {statistics: {default: [l2], names: [shape, mean, std, max_abs, l2, spectral_norm, stable_rank, singular_values, distance, cosine, changed]}, digits: {default: 3, least: 1, most: 4}, versions: {default: [early, final], names: [early, middle, final]}, bytes_out: {default: 400, least: 0, most: 9000}}}
  - {attribute: output.release, assets: [corpus], limits: {artefacts: {default: [table, text], names: [table, text]}, bytes_out: {default: 400, least: 0, most: 9000}}}
not_offered:`, 1))
	}}, measuring)
	b.hall = &hall{Env: testenv.New(t, options), asset: asset}
	b.folders["final"] = asset
	return b
}

// with gives somebody a grant of an attribute on an asset, with what leaves.
func (b besides) with(t *testing.T, name string, attribute narthex.AttributeName, asset narthex.AssetName, given limits, more ...narthex.Term) *client.Client {
	t.Helper()
	b.Outsiders(t, name, "Institute of "+name)
	job, out := testenv.Term(attribute, given), testenv.Term("output.release", limits{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": narthex.NumberValue(400)})
	job.Asset, out.Asset = asset, asset
	_, key := b.Grant(t, name, append(more, testenv.Tokens(10, nil), job, out)...)
	return b.Client.With(key)
}

func diffLimits(statistics ...string) limits {
	return limits{"statistics": narthex.NamesValue(statistics...), "digits": narthex.NumberValue(3), "bytes_out": narthex.NumberValue(400)}
}

var withEarly = testenv.Term("model.checkpoints", limits{"checkpoints": narthex.NamesValue("early")})

// requesting is a request beside the model.
func requesting(text, against string) client.SubmitJob {
	return client.SubmitJob{Asset: "model", Against: against, Environment: "measures", WallMinutes: 1, MemoryMB: 32, Files: []client.StudyFile{{Path: measure.File, Data: []byte("name: a\n" + text)}}}
}

// TestEachLimitOfWhatRunsBesideOtherAssets drives each limit of data.job and weights.diff through one that is admitted and one that is refused,
// with its clause.
func TestEachLimitOfWhatRunsBesideOtherAssets(t *testing.T) {
	b := openBeside(t)
	n := narthex.NumberValue
	study := client.SubmitJob{Asset: "corpus", Environment: "box", WallMinutes: 5, MemoryMB: 32, Files: studyFiles()}
	data := func(more limits) limits {
		all := limits{"cpu_hours": n(1), "bytes_out": n(400)}
		maps.Copy(all, more)
		return all
	}
	diff := func(more limits) limits {
		all := diffLimits("l2", "cosine")
		maps.Copy(all, more)
		return all
	}
	for name, c := range map[string]struct {
		attribute narthex.AttributeName
		given     limits
		in        client.SubmitJob
		limit     narthex.LimitName // by which it is refused; "" where it is admitted
		code      string
	}{
		"a study":               {"data.job", data(nil), study, "", ""},
		"no time":               {"data.job", data(limits{"cpu_hours": n(0)}), study, "cpu_hours", "budget_exhausted"},
		"no bytes":              {"data.job", data(limits{"bytes_out": n(1)}), study, "bytes_out", "budget_exhausted"},
		"a request":             {"weights.diff", diff(nil), requesting("statistics: [l2, cosine]\ndigits: 3\n", "model@early"), "", ""},
		"another statistic":     {"weights.diff", diff(nil), requesting("statistics: [l2, mean]\ndigits: 3\n", "model@early"), "statistics", "limit_exceeded"},
		"more digits":           {"weights.diff", diff(nil), requesting("statistics: [l2]\n", ""), "digits", "limit_exceeded"},
		"a request for no byte": {"weights.diff", diff(limits{"bytes_out": n(1)}), requesting("statistics: [l2]\ndigits: 3\n", ""), "bytes_out", "budget_exhausted"},
		"the other's version":   {"weights.diff", diff(limits{"versions": narthex.NamesValue("final")}), requesting("statistics: [l2]\ndigits: 3\n", "model@early"), "versions", "limit_exceeded"},
		"its own version":       {"weights.diff", diff(limits{"versions": narthex.NamesValue("final")}), requesting("statistics: [l2]\ndigits: 3\n", ""), "", ""},
	} {
		asset, more := narthex.AssetName("model"), []narthex.Term{withEarly}
		if c.attribute == "data.job" {
			asset, more = "corpus", nil
		}
		_, err := b.with(t, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""), c.attribute, asset, c.given, more...).SubmitJob(t.Context(), c.in)
		switch e := narthex.AsError(err); {
		case c.limit == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.limit != "" && (err == nil || e.Code != c.code || e.Reason == nil || e.Reason.Limit != c.limit || e.Reason.Clause == ""):
			t.Errorf("%s: %v %+v", name, err, e.Reason)
		}
	}
}

// TestWhatRunsBesideAnAssetIsByItsKind: a study beside a corpus by data.job, with what the environment limits; one attribute does not do for
// another, code is no request, and a corpus is no model at any door.
func TestWhatRunsBesideAnAssetIsByItsKind(t *testing.T) {
	b := openBeside(t)
	auditor := b.with(t, "auditor", "data.job", "corpus", limits{"cpu_hours": narthex.NumberValue(1), "bytes_out": narthex.NumberValue(400)})
	study := func(asset string) client.SubmitJob {
		return client.SubmitJob{Asset: asset, Environment: "box", Files: studyFiles(), WallMinutes: 5, MemoryMB: 32}
	}
	job := b.overAs(t, auditor, must(auditor.SubmitJob(t.Context(), study("corpus"))).ID)
	if job.State != narthex.JobDone || job.Plan.Attribute != "data.job" || job.Plan.Asset != "corpus" || job.Plan.Version != "current" {
		t.Fatalf("it ended as %s %+v", job.State, job.Plan)
	}
	in := client.SubmitRelease{Job: job.ID}
	for _, f := range job.Package.Files {
		in.Files = append(in.Files, client.WantedFile{Name: f.Name, Context: context20})
	}
	must(auditor.SubmitRelease(t.Context(), in))
	if len(b.looked.folders) != 1 || !slices.Equal(b.looked.folders[0], []string{b.folders["corpus"]}) || !b.looked.people[0] {
		t.Errorf("it was looked into beside %v, with an eye on people: %v", b.looked.folders, b.looked.people)
	}
	made := must(auditor.Twin(t.Context(), "corpus"))
	if len(made.Files) != 1 || made.Files[0].Path != "records.jsonl" || !bytes.Contains(made.Files[0].Data, []byte(`"source":"`)) || bytes.Contains(made.Files[0].Data, []byte("kettle")) {
		t.Errorf("its twin is %+v", made)
	}

	student := b.with(t, "student", "weights.diff", "model", diffLimits("l2"))
	if _, err := student.SubmitJob(t.Context(), study("model")); narthex.AsError(err).Code != "not_granted" {
		t.Errorf("a study by weights.diff: %v", err)
	}
	if _, err := student.Twin(t.Context(), "model"); narthex.AsError(err).Code != "not_granted" {
		t.Errorf("a twin by weights.diff: %v", err)
	}
	code := requesting("statistics: [l2]\ndigits: 3\n", "")
	code.Files = append(code.Files, client.StudyFile{Path: "run", Data: []byte("x")})
	two := study("model")
	two.Against = "model@early"
	other := requesting("statistics: [l2]\ndigits: 3\n", "corpus@current")
	same := requesting("statistics: [l2]\ndigits: 3\n", "model@final")
	of := requesting("statistics: [l2]\ndigits: 3\n", "")
	of.Asset = "corpus"
	for what, c := range map[string]struct {
		by *client.Client
		in client.SubmitJob
	}{"code beside a request": {student, code}, "a study of two versions": {student, two}, "a version of another asset": {student, other}, "a version with itself": {student, same}, "a study in its environment": {student, client.SubmitJob{Asset: "model", Environment: "measures", Files: studyFiles()}}} {
		if _, err := c.by.SubmitJob(t.Context(), c.in); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := auditor.SubmitJob(t.Context(), of); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("statistics of a corpus: %v", err)
	}
	said := []string{}
	for _, model := range []string{"corpus", "none", "corpus@current"} {
		answer, err := auditor.Do(t.Context(), "POST", "/v1/chat/completions", map[string]any{"model": model, "max_tokens": 1, "messages": []map[string]string{{"role": "user", "content": "Hello"}}})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 404 {
			t.Errorf("%s as a model is answered %d %s", model, answer.StatusCode, body)
		}
		told, _, _ := strings.Cut(string(body), `"request_id"`)
		said = append(said, told)
	}
	if said[0] != said[1] || said[1] != said[2] {
		t.Errorf("a corpus is told from what is not there: %q", said)
	}
}

// TestTwoVersionsAreBothHeld: each is shown by the grant, is what was frozen when the job begins, is looked at before anything leaves, and
// what the lab forbids of one it forbids of both.
func TestTwoVersionsAreBothHeld(t *testing.T) {
	b := openBeside(t)
	const text = "statistics: [l2, changed]\ndigits: 3\n"
	given := diffLimits("l2", "changed")
	holds := b.with(t, "holds", "weights.diff", "model", given, withEarly)
	job := b.overAs(t, holds, must(holds.SubmitJob(t.Context(), requesting(text, "model@early"))).ID)
	if job.State != narthex.JobDone || job.Plan.Against != "early" || job.Plan.AgainstDigest == job.Plan.AssetDigest || len(job.Package.Files) != 1 {
		t.Fatalf("it ended as %s %+v %+v", job.State, job.Plan, job.Package)
	}
	asked := must(holds.SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: measure.Output, Context: context20}}}))
	if len(b.looked.folders) != 1 || !slices.Equal(b.looked.folders[0], []string{b.folders["final"], b.folders["early"]}) {
		t.Errorf("it was looked into beside %v", b.looked.folders)
	}
	if seen := b.review(t, "olga", asked.ID); !bytes.Contains(seen.Files[0].Data, []byte("\na,")) || !bytes.Contains(seen.Files[0].Data, []byte("fewer than 1024 values")) {
		t.Errorf("the reviewer sees %s", seen.Files[0].Data)
	}

	lacks := b.with(t, "lacks", "weights.diff", "model", given)
	var said []string
	for _, against := range []string{"model@early", "model@middle", "model@none"} {
		_, err := lacks.SubmitJob(t.Context(), requesting(text, against))
		if !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s: %v", against, err)
		}
		said = append(said, narthex.AsError(err).Public+narthex.AsError(err).Param)
	}
	if len(slices.Compact(said)) != 1 {
		t.Errorf("what is not shown is told from what is not there: %q", said)
	}
	if _, err := holds.SubmitJob(t.Context(), requesting("statistics: [l2]\ndigits: 2\n", "model@early")); narthex.AsError(err).Code != "guardrail" {
		t.Errorf("what is forbidden of the second version: %v", err)
	}
	must(holds.SubmitJob(t.Context(), requesting("statistics: [l2]\ndigits: 2\n", "")))

	if err := os.WriteFile(filepath.Join(b.folders["early"], "more"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed := b.overAs(t, holds, must(holds.SubmitJob(t.Context(), requesting(text, "model@early"))).ID)
	if changed.State != narthex.JobCancelled || !changed.StartedAt.IsZero() {
		t.Errorf("with other bytes it ended as %s", changed.State)
	}
	list := must(holds.Environments(t.Context()))
	at := slices.IndexFunc(list.Environments, func(e client.EnvironmentView) bool { return e.Name == "measures" })
	if at < 0 || list.Environments[at].Computes != "weights.diff" || !slices.Equal(list.Environments[at].Statistics, measure.Statistics()) {
		t.Errorf("the environments are %+v", list.Environments)
	}
	for _, e := range entries(t, b.Env) {
		if e.Type == narthex.EntryJobTaken && strings.Contains(e.Field("job"), `"against":"early"`) && strings.Contains(e.Field("facts"), `"against":"early"`) {
			return
		}
	}
	t.Error("no entry names the second version")
}
