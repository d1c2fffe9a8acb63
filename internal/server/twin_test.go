package server_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/sandbox"
	"narthex/internal/testenv"
	weights "narthex/internal/twin"
)

// fewJobs are terms under which jobs run beside the model and little comes of them.
func fewJobs(more ...narthex.Term) []narthex.Term {
	return append(more, testenv.Tokens(10, nil),
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(500)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table"), "bytes_out": narthex.NumberValue(500)}))
}

// TestATwinIsGivenToWhoMayRunJobsBesideTheWeights: names, shapes and types of the weights under other values, the same for everyone, and
// nothing of any other file.
func TestATwinIsGivenToWhoMayRunJobsBesideTheWeights(t *testing.T) {
	h := openHall(t, leaves(nil))
	got, err := h.holder().Twin(t.Context(), "model@final")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 1 || got.Files[0].Path != "model.safetensors" || got.Others != 1 || got.Asset != "model" || got.Version != "final" {
		t.Fatalf("it is %s@%s with %d files and %d others", got.Asset, got.Version, len(got.Files), got.Others)
	}
	whole := []byte(strings.Join([]string{string(got.Files[0].Data), got.Files[0].Path}, ""))
	if bytes.Contains(whole, []byte("the weights")) || bytes.Contains(whole, []byte("weights.bin")) {
		t.Error("it tells of a file that has no twin")
	}
	original, err := weights.Read(testenv.Weights())
	if err != nil {
		t.Fatal(err)
	}
	mock, err := weights.Read(got.Files[0].Data)
	if err != nil || len(mock) != len(original) {
		t.Fatalf("%d tensors of %d: %v", len(mock), len(original), err)
	}
	for i, m := range mock {
		o := original[i]
		if m.Name != o.Name || m.Type != o.Type || !slices.Equal(m.Shape, o.Shape) {
			t.Errorf("%s is %s", o.Name, m.Name)
		}
		for j, value := range m.Values() {
			if value == o.Values()[j] {
				t.Errorf("value %d of %s is the weights'", j, o.Name)
			}
		}
	}
	if last, first := mock[2].Values()[0], original[2].Values()[0]; last-first < 0.05 && first-last < 0.05 {
		t.Errorf("the only value of a tensor is told: %g is near %g", last, first)
	}
	h.Outsiders(t, "2", "Second")
	_, other := h.Grant(t, "2", fewJobs()...)
	if again, err := h.Client.With(other).Twin(t.Context(), "model"); err != nil || !bytes.Equal(again.Files[0].Data, got.Files[0].Data) {
		t.Errorf("somebody else's twin is another, and together they tell more: %v", err)
	}
	if !slices.ContainsFunc(entries(t, h.Env), func(e entry) bool { return e.Type == narthex.EntryCallRead && e.Text("what") == "twin" }) {
		t.Error("the reading is no entry")
	}
}

// TestATwinIsRefusedAsAJobIs: who may run no job is told so, and what is hidden is as what is absent.
func TestATwinIsRefusedAsAJobIs(t *testing.T) {
	h := openHall(t, leaves(nil))
	_, talks := h.Grant(t, "", testenv.Tokens(10, nil))
	_, err := h.Client.With(talks).Twin(t.Context(), "model@final")
	if !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a grant without weights.compute: %v", err)
	}
	var told []string
	for _, name := range []string{"model@early", "model@none", "other", "none", "data@final"} {
		_, err := h.holder().Twin(t.Context(), name)
		if !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s: %v", name, err)
		}
		told = append(told, narthex.AsError(err).Public)
	}
	if len(slices.Compact(told)) != 1 {
		t.Errorf("what is hidden and what is absent are told apart: %q", told)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", h.Client.Base()+"/v1/assets/model@final/twin?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+h.key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a query is answered with %d", answer.StatusCode)
	}
	if _, err := h.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(h.grant.ID), Reason: "safety"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.holder().Twin(t.Context(), "model@final"); err == nil {
		t.Error("a locked grant is given a twin")
	}
}

// TestAFolderWithoutATwin: one that is large is not read, one that changed is not believed, one of other files has none.
func TestAFolderWithoutATwin(t *testing.T) {
	h := openHall(t, leaves(nil))
	weights := filepath.Join(h.asset, "model.safetensors")
	refused := func(what, says string, kind narthex.Kind) {
		t.Helper()
		if got, err := h.holder().Twin(t.Context(), "model"); !narthex.IsKind(err, kind) || !strings.Contains(err.Error(), says) || len(got.Files) > 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Truncate(weights, client.MostTwin+1); err != nil {
		t.Fatal(err)
	}
	refused("a folder that is large", "smaller version", narthex.Refused)
	if _, err := h.holder().Twin(t.Context(), "model"); strings.Contains(err.Error(), strconv.Itoa(client.MostTwin+1)) {
		t.Errorf("it tells how large all files are together, of which most may have no twin: %v", err)
	}
	if err := os.WriteFile(weights, append(testenv.Weights(), 0), 0o644); err != nil {
		t.Fatal(err)
	}
	refused("a folder that changed", "not those that the lab approved", narthex.Unavailable)
	if err := os.Remove(weights); err != nil {
		t.Fatal(err)
	}
	refused("a folder without weights", "no file of safetensors", narthex.Refused)

	bare := testenv.New(t, testenv.Options{})
	_, key := bare.Grant(t, "", testenv.Tokens(10, nil))
	if _, err := bare.Client.With(key).Twin(t.Context(), "model"); !narthex.IsKind(err, narthex.Unavailable) {
		t.Errorf("a node without environments: %v", err)
	}
}

// TestAVersionWithoutBytesHasNoTwin: it is refused as a job beside it is.
func TestAVersionWithoutBytesHasNoTwin(t *testing.T) {
	h := openHall(t, func(context.Context, sandbox.Job, string, io.Writer, io.Writer) sandbox.Ended { return sandbox.Ended{} })
	grant, key := h.Grant(t, "", fewJobs(testenv.Term("model.checkpoints", map[narthex.LimitName]narthex.Value{"checkpoints": narthex.NamesValue("early")}))...)
	if _, err := h.Client.With(key).Twin(t.Context(), "model@early"); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "states no folder") {
		t.Errorf("%s: %v", grant.ID, err)
	}
}
