package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/artefact"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
	weights "narthex/internal/twin"
)

// adapterOf gives a file of numbers as a job leaves it: of so many values of F32, drawn from a seed.
func adapterOf(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	adapter := weights.Tensor{Name: "layers.0.down", Type: weights.F32, Shape: []int{n}}
	for range n {
		adapter.Data = binary.LittleEndian.AppendUint32(adapter.Data, math.Float32bits(float32(r.NormFloat64()*0.02)))
	}
	return weights.Write([]weights.Tensor{adapter})
}

// someOf gives every n-th value of a file of one tensor, as a file.
func someOf(t *testing.T, file []byte, n int) []byte {
	t.Helper()
	tensors, err := weights.Read(file)
	if err != nil || len(tensors) != 1 {
		t.Fatalf("the file has %d tensors: %v", len(tensors), err)
	}
	part := weights.Tensor{Name: "part", Type: weights.F32}
	for at := 0; at+4 <= len(tensors[0].Data); at += 4 * n {
		part.Data = append(part.Data, tensors[0].Data[at:at+4]...)
	}
	part.Shape = []int{len(part.Data) / 4}
	return weights.Write([]weights.Tensor{part})
}

const artefactStudy = `name: a-study
command: [/study/run]
outputs:
  - {name: adapter.safetensors, kind: safetensors, says: an adapter}
  - {name: probe.safetensors, kind: safetensors, says: a probe}
  - {name: odd.safetensors, kind: safetensors, says: what has no form}
  - {name: table.csv, kind: csv, says: a table}
`

// openArtefacts opens a hall of a lab that lets artefacts leave, by four people, and a grant that may take them out.
func openArtefacts(t *testing.T, files map[string]string, with func(*server.Config)) *hall {
	t.Helper()
	options, asset := testenv.Beside(t, testenv.Options{Config: with, Files: func(files lab.Files) {
		change := func(name, from, to string) {
			if !strings.Contains(string(files[name]), from) {
				t.Fatalf("%s has no %q", name, from)
			}
			files[name] = []byte(strings.ReplaceAll(string(files[name]), from, to))
		}
		change("lab.yaml", "roles: [auditor]", "roles: [auditor, security]")
		change("assets/model.yaml", "lifetime_bytes: 9000", "lifetime_bytes: 900000")
		change("pathways/test.yaml", "most: 9000", "most: 300000")
		change("pathways/test.yaml", "{role: security, quorum: 1}", "{role: security, quorum: 3}")
		change("pathways/test.yaml", "not_offered:", "  - {attribute: output.artefact.model, assets: [model], limits: {bytes_out: {default: 4000, least: 0, most: 300000}}}\nnot_offered:")
		change("pathways/test.yaml", "review_days:", "  - {clause: results-and-ip, values: {derivatives: leave through the airlock}}\nreview_days:")
	}}, leaves(files))
	h := &hall{Env: testenv.New(t, options), asset: asset}
	h.grant, h.key = h.grantOfFour(t, "", 100_000)
	return h
}

// grantOfFour takes terms through the workflow with four approvals.
func (h *hall) grantOfFour(t *testing.T, suffix string, bytes float64) (narthex.Grant, string) {
	t.Helper()
	n := narthex.NumberValue
	terms := []narthex.Term{testenv.Tokens(1000, nil),
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": n(1), "wall_minutes": n(20), "memory_mb": n(64), "bytes_out": n(200_000)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": n(4000)}),
		testenv.Term("output.artefact.model", map[narthex.LimitName]narthex.Value{"bytes_out": n(bytes)})}
	ada := h.People["ada"+suffix]
	view := must(ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: terms}))
	id := view.Engagement.ID
	view = must(ada.Command(t.Context(), id, "submit", client.Command{}))
	for _, by := range []struct {
		name string
		role narthex.Role
	}{{"olga", narthex.AssetOwner}, {"sam", narthex.Security}, {"paul", narthex.Security}, {"lea", narthex.Security}} {
		view = must(h.People[by.name].Command(t.Context(), id, "approve", client.Command{As: by.role, Saw: view.Engagement.Digest}))
	}
	for _, by := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada" + suffix, narthex.PartyResearcher}, {"otto" + suffix, narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		view = must(h.People[by.name].Sign(t, id, by.party))
	}
	minted := must(ada.Mint(t.Context(), view.Engagement.Grant, client.Mint{Label: "test"}))
	return must(ada.Client.Grant(t.Context(), view.Engagement.Grant)).Grant, minted.Token
}

// artefactJob runs the study that leaves artefacts, to its end.
func (h *hall) artefactJob(t *testing.T, holder *client.Client) client.JobView {
	t.Helper()
	files := studyFiles()
	for i := range files {
		if files[i].Path == "study.yaml" {
			files[i].Data = []byte(artefactStudy)
		}
	}
	job, err := holder.SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return h.overAs(t, holder, job.ID)
}

func wanted(names ...string) (list []client.WantedFile) {
	for _, name := range names {
		list = append(list, client.WantedFile{Name: name, Context: context20})
	}
	return list
}

var leftArtefacts = map[string]string{"adapter.safetensors": string(adapterOf(1, 6400)), "probe.safetensors": string(adapterOf(2, 640)), "odd.safetensors": "\x80\x04\x95pickle.", "table.csv": "layer,value\n0,1\n"}

// TestAnArtefactLeavesByFourPeopleAndTellsWhomItWasFor follows one from its job to a sample of it that was found elsewhere.
func TestAnArtefactLeavesByFourPeopleAndTellsWhomItWasFor(t *testing.T) {
	h := openArtefacts(t, leftArtefacts, nil)
	job := h.artefactJob(t, h.holder())
	if job.Package == nil || len(job.Package.Files) != 3 || len(job.Package.Refused) != 1 || job.Package.Refused[0].Name != "odd.safetensors" {
		t.Fatalf("the job left %+v", job.Package)
	}
	if _, err := h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: wanted("adapter.safetensors", "table.csv")}); !narthex.IsKind(err, narthex.Invalid) || !strings.Contains(err.Error(), "table.csv") {
		t.Errorf("an artefact beside a table: %v", err)
	}
	outcome := h.budget(t, "weights.compute", "bytes_out").Used
	asked, err := h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: wanted("adapter.safetensors", "probe.safetensors")})
	if err != nil {
		t.Fatal(err)
	}
	if asked.Reviewers != 4 || asked.Files[0].Of != "" || asked.Files[0].Digest != "" || asked.Mark == "" || !slices.ContainsFunc(asked.Findings, func(f narthex.Finding) bool { return f.Kind == "weights" && f.File == "" }) {
		t.Errorf("its author is told %+v", asked)
	}
	// All of its bytes are charged, to the account of its own and to the asset's.
	if asked.Charge < 25_000 {
		t.Errorf("28 kB of noise are charged %d bytes", asked.Charge)
	}
	for attribute, want := range map[narthex.AttributeName]int64{"output.artefact.model": asked.Charge, "weights.compute": asked.Charge, "output.release": 0} {
		if b := h.budget(t, attribute, "bytes_out"); b.Reserved != want {
			t.Errorf("of %s %+v is reserved for a charge of %d", attribute, b, asked.Charge)
		}
	}
	// One file is left out: what stays is marked as it was, and the people begin anew.
	first := h.review(t, "olga", asked.ID)
	h.vote(t, "olga", first, narthex.VerdictRelease)
	edited, err := h.holder().EditRelease(t.Context(), asked.ID, client.EditRelease{Files: wanted("adapter.safetensors")})
	if err != nil || edited.Reviewers != 4 || len(edited.Files) != 1 {
		t.Fatalf("the edit makes it %+v: %v", edited, err)
	}
	var seen client.ReleasePackage
	for i, name := range []string{"olga", "sam", "paul", "lea"} {
		seen = h.review(t, name, asked.ID)
		if len(seen.Release.Votes) != 0 {
			t.Errorf("%s sees what others said", name)
		}
		if !bytes.Equal(seen.Files[0].Data, first.Files[0].Data) || bytes.Equal(seen.Files[0].Data, []byte(leftArtefacts["adapter.safetensors"])) {
			t.Errorf("%s sees other bytes than before the edit, or no marked ones", name)
		}
		if r := h.vote(t, name, seen, narthex.VerdictRelease); (r.State == narthex.ReleaseReleased) != (i == 3) {
			t.Errorf("%d of four said yes, and it is %s", i+1, r.State)
		}
	}
	got, err := h.holder().FetchRelease(t.Context(), asked.ID)
	if err != nil || !bytes.Equal(got.Files[0].Data, seen.Files[0].Data) || got.Release.Files[0].Of != "" {
		t.Fatalf("the bytes are not those that were reviewed, or their author is told what they were: %v", err)
	}
	statement, err := airlock.OpenRecord(got.Record, h.Node.LogKey())
	if a := statement.Predicate.Artefact; err != nil || a == nil || *a != (airlock.ArtefactChecks{Form: "safetensors", Reviewers: 4, Watermark: "recipient"}) || len(statement.Predicate.Reviewers) != 4 {
		t.Errorf("the record says %+v: %v", statement.Predicate, err)
	}
	charge := got.Release.Charge
	if b := h.budget(t, "output.artefact.model", "bytes_out"); b.Reserved != 0 || b.Used != charge {
		t.Errorf("a release of %d is settled as %+v", charge, b)
	}
	account, err := h.People["sam"].Horizon(t.Context(), "model")
	if err != nil || account.Lifetime == nil || account.Lifetime.Used != charge+outcome {
		t.Errorf("the asset's account says %+v: %v", account.Lifetime, err)
	}

	// A hundredth of it tells whom it was for; what nobody marked tells nothing.
	trace := must(h.People["sam"].TraceRelease(t.Context(), client.TraceRelease{Data: someOf(t, got.Files[0].Data, 100)}))
	if len(trace.Found) != 1 || trace.Values != 64 || trace.Marks != 1 {
		t.Fatalf("of a hundredth it finds %+v", trace)
	}
	if f := trace.Found[0]; f.Release != asked.ID || f.Grant != h.grant.ID || f.Recipient != h.People["ada"].ID || f.File != "adapter.safetensors" || f.State != narthex.ReleaseReleased || f.FetchedAt.IsZero() || f.Compared != 64 || f.Agreed != 64 || f.OnceIn < 15 || f.Reviewers != 4 {
		t.Errorf("it says %+v", f)
	}
	for what, data := range map[string][]byte{"what the job left": []byte(leftArtefacts["adapter.safetensors"]), "another": adapterOf(9, 5000), "too few": someOf(t, got.Files[0].Data, 400), "words": []byte("no numbers at all")} {
		if trace := must(h.People["lea"].TraceRelease(t.Context(), client.TraceRelease{Data: data})); len(trace.Found) != 0 {
			t.Errorf("%s is said to be %+v", what, trace.Found)
		}
	}
	for name, kind := range map[string]narthex.Kind{"olga": narthex.Refused, "ada": narthex.Withheld, "otto": narthex.Withheld} {
		if _, err := h.People[name].TraceRelease(t.Context(), client.TraceRelease{Data: got.Files[0].Data}); !narthex.IsKind(err, kind) {
			t.Errorf("%s traces: %v", name, err)
		}
	}
	for what, data := range map[string][]byte{"nothing": nil, "too much": make([]byte, client.MostTrace+1)} {
		if _, err := h.People["sam"].TraceRelease(t.Context(), client.TraceRelease{Data: data}); !narthex.IsKind(err, narthex.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestEachRecipientHasAMarkOfTheirOwn: the same file for two people, and the secret of one node and of another.
func TestEachRecipientHasAMarkOfTheirOwn(t *testing.T) {
	h := openArtefacts(t, leftArtefacts, nil)
	h.Outsiders(t, "2", "Institute of two")
	_, second := h.grantOfFour(t, "2", 100_000)
	took := func(holder *client.Client) ([]byte, narthex.ReleaseID) {
		t.Helper()
		job := h.artefactJob(t, holder)
		asked := must(holder.SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: wanted("adapter.safetensors")}))
		return h.review(t, "sam", asked.ID).Files[0].Data, asked.ID
	}
	one, first := took(h.holder())
	two, other := took(h.Client.With(second))
	if bytes.Equal(one, two) {
		t.Fatal("two people are given the same bytes")
	}
	for id, data := range map[narthex.ReleaseID][]byte{first: one, other: two} {
		if trace := must(h.People["sam"].TraceRelease(t.Context(), client.TraceRelease{Data: data})); len(trace.Found) != 1 || trace.Found[0].Release != id || trace.Marks != 2 {
			t.Errorf("the bytes of %s are said to be %+v", id, trace.Found)
		}
	}
	// Who joins two copies is found as both; the secret is in the data directory alone.
	halves := append([]byte{0xff, 0xff, 0xff, 0xff}, append(bytes.Clone(one[len(one)/2&^3:]), two[len(two)/2&^3:]...)...)
	if trace := must(h.People["sam"].TraceRelease(t.Context(), client.TraceRelease{Data: halves})); len(trace.Found) != 2 {
		t.Errorf("two joined halves are said to be %+v", trace.Found)
	}
	path := filepath.Join(h.Config().Data, "mark.key")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret is a file of mode %v: %v", info.Mode(), err)
	}
	restart := func() error {
		t.Helper()
		if err := h.Node.Close(); err != nil {
			t.Fatal(err)
		}
		node, err := server.Start(t.Context(), h.Config())
		if err == nil {
			err = node.Close()
		}
		return err
	}
	kept := must(os.ReadFile(path))
	if err := os.WriteFile(path, []byte("no secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := restart(); !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "mark.key") {
		t.Errorf("it starts with a secret that is none: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	h.Start(t)
	if trace := must(h.People["sam"].TraceRelease(t.Context(), client.TraceRelease{Data: one})); len(trace.Found) != 0 || trace.Unknown != 2 || trace.Marks != 0 {
		t.Errorf("with another secret it says %+v", trace)
	}
	if err := h.Node.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	h.Start(t)
	if trace := must(h.People["sam"].TraceRelease(t.Context(), client.TraceRelease{Data: one})); len(trace.Found) != 1 {
		t.Errorf("with the secret put back it says %+v", trace)
	}
}

// TestAnArtefactNeedsAnAttributeOfItsOwn: neither output.release gives it, nor does a budget that does not hold it.
func TestAnArtefactNeedsAnAttributeOfItsOwn(t *testing.T) {
	h := openHall(t, leaves(leftArtefacts))
	job := h.artefactJob(t, h.holder())
	_, err := h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: wanted("probe.safetensors")})
	if e := narthex.AsError(err); err == nil || e.Code != "not_granted" || !strings.Contains(err.Error(), "output.artefact.model") {
		t.Errorf("a grant without it: %v", err)
	}
	four := openArtefacts(t, leftArtefacts, nil)
	four.Outsiders(t, "2", "Institute of two")
	_, key := four.grantOfFour(t, "2", 1000)
	small := four.Client.With(key)
	over := four.artefactJob(t, small)
	_, err = small.SubmitRelease(t.Context(), client.SubmitRelease{Job: over.ID, Files: wanted("probe.safetensors")})
	if e := narthex.AsError(err); err == nil || e.Code != "budget_exhausted" || e.Reason == nil || e.Reason.Limit != "bytes_out" || e.Reason.Clause == "" {
		t.Errorf("above its bytes: %v", err)
	}
	if _, err := small.SubmitRelease(t.Context(), client.SubmitRelease{Job: over.ID, Files: wanted("table.csv")}); err != nil {
		t.Errorf("a table beside it: %v", err)
	}
}

// TestAnArtefactIsMarkedOnceAtWhateverCommitTheNodeDies: where a commit fails there is a whole release or none, its bytes are there, and
// asking again makes the same.
func TestAnArtefactIsMarkedOnceAtWhateverCommitTheNodeDies(t *testing.T) {
	c := &cutting{left: -1}
	h := openArtefacts(t, leftArtefacts, func(config *server.Config) {
		config.Wrap = func(s store.Store) store.Store { c.Store = s; return c }
	})
	job := h.artefactJob(t, h.holder())
	raw := must(base64.StdEncoding.DecodeString(string(must(os.ReadFile(filepath.Join(h.Config().Data, "mark.key"))))))
	mark := must(artefact.MarkOf(narthex.NewSecret(string(raw)), artefact.Recipient{Grant: h.grant.ID, Person: h.People["ada"].ID, Job: job.ID, File: "probe.safetensors"}))
	want := must(mark.Put([]byte(leftArtefacts["probe.safetensors"])))
	whole := false
	for cut := 1; !whole; cut++ {
		if cut > 20 {
			t.Fatal("it is never taken in")
		}
		c.set(cut, cut%2 == 0)
		_, err := h.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job.ID, Files: wanted("probe.safetensors")})
		whole = err == nil
		c.set(0, false)
		_ = h.Node.Close() // it is dead
		c.set(-1, false)
		h.Start(t)
		for _, r := range must(h.holder().OwnReleases(t.Context())).Releases {
			if r.State != narthex.ReleaseSubmitted {
				continue
			}
			if got := h.review(t, "sam", r.ID); !bytes.Equal(got.Files[0].Data, want) {
				t.Errorf("cut at commit %d: other bytes wait", cut)
			}
			must(h.holder().WithdrawRelease(t.Context(), r.ID))
		}
		if b := h.budget(t, "output.artefact.model", "bytes_out"); b.Reserved != 0 {
			t.Errorf("cut at commit %d: the account says %+v", cut, b)
		}
	}
}
