package testenv

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/environment"
	"narthex/internal/examine"
	"narthex/internal/inspect"
	"narthex/internal/lab"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/twin"
)

// Beside gives options under which a model has bytes and jobs run beside it as functions, in the environment "box", and the folder of the
// bytes. What files hold is looked into in the test's own process; what find says is found too.
func Beside(t testing.TB, o Options, play fake.Play, find ...narthex.Finding) (with Options, asset string) {
	t.Helper()
	asset, jobs := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(asset, "weights.bin"), []byte("the weights"), 0o644))
	must(t, os.WriteFile(filepath.Join(asset, "model.safetensors"), Weights(), 0o644))
	folder, err := environment.ReadFolder(t.Context(), asset)
	must(t, err)
	with = o
	with.Files = func(files lab.Files) {
		model := string(files["assets/model.yaml"])
		model = strings.Replace(model, "lifetime_bytes: 0", "lifetime_bytes: 9000", 1)
		model = strings.Replace(model, "{name: final, upstream: upstream-final}", "{name: final, upstream: upstream-final, folder: "+asset+", digest: "+string(folder.Digest)+"}", 1)
		files["assets/model.yaml"] = []byte(strings.Replace(model, "leak: [behav, small]", "leak: [bulk]\ncanaries: [the-canary-of-the-model]", 1))
		files["guardrails/test.cedar"] = []byte("@id(\"no-seven\")\nforbid (principal, action, resource) when { context has max_tokens && context.max_tokens == 7 };\n")
		files["environments/box.yaml"] = []byte("name: box\ntitle: a box\nroot: /\nlimits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}\npathways: [any]\n")
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "not_offered:", `  - {attribute: weights.compute, assets: [model], limits: {cpu_hours: {default: 1, least: 0, most: 100}, wall_minutes: {default: 20, least: 1, most: 60}, memory_mb: {default: 64, least: 1, most: 4096}, bytes_out: {default: 4000, least: 0, most: 9000}}}
  - {attribute: output.release, assets: [model], limits: {artefacts: {default: [table, text], names: [table, text, figure, data]}, reviewers: {default: 2, least: 2, most: 5}, bytes_out: {default: 4000, least: 0, most: 9000}}}
not_offered:`, 1))
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "review_days:", "  - {clause: data-protection, values: {basis: legitimate interest}}\nreview_days:", 1))
		if o.Files != nil {
			o.Files(files)
		}
	}
	with.Config = func(c *server.Config) {
		c.Host = &server.Host{Driver: fake.New(jobs, play), Examiner: Here{find}}
		if o.Config != nil {
			o.Config(c)
		}
	}
	return with, asset
}

// JobTerms are the terms of a grant that lets jobs run beside the model, and their tables and words leave.
func JobTerms() []narthex.Term {
	return []narthex.Term{
		Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(4000)}),
		Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": narthex.NumberValue(4000)}),
	}
}

// Here looks into files, and makes twins, in the test's own process. It finds what Find says too.
type Here struct{ Find []narthex.Finding }

// Examine gives files their forms, or looks into them.
func (h Here) Examine(_ context.Context, task airlock.Task, _ ...string) (airlock.Answer, error) {
	answer, err := examine.Do(task, inspect.Held{})
	answer.Findings = append(answer.Findings, h.Find...)
	return answer, err
}

// Twin makes the twins of a folder.
func (Here) Twin(_ context.Context, asset string, digest narthex.Digest) (airlock.Twins, error) {
	return examine.Twins(asset, digest)
}

// Weights gives a file of weights: two matrices and a single value, of numbers that stand in no order.
func Weights() []byte {
	tensors := []twin.Tensor{{Name: "a", Shape: []int{64, 32}}, {Name: "b", Shape: []int{32, 64}}, {Name: "one", Shape: []int{}}}
	state := uint32(1)
	for i := range tensors {
		tensors[i].Type = twin.F32
		size := 1
		for _, n := range tensors[i].Shape {
			size *= n
		}
		for range size {
			state = state*1664525 + 1013904223
			tensors[i].Data = binary.LittleEndian.AppendUint32(tensors[i].Data, math.Float32bits(float32(state>>8)/(1<<24)-0.25))
		}
	}
	return twin.Write(tensors)
}
