package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// accepting is a platform whose pathway accepts an outside document, and an engagement of it whose agreement is offered.
func accepting(t *testing.T) (*testenv.Env, narthex.EngagementID) {
	t.Helper()
	return acceptingOn(t, nil)
}

// acceptingOn is the same with something between the node and its store.
func acceptingOn(t *testing.T, wrap func(store.Store) store.Store) (*testenv.Env, narthex.EngagementID) {
	t.Helper()
	e := testenv.New(t, testenv.Options{Wrap: wrap, Files: func(f lab.Files) {
		f["lab.yaml"] = bytes.Replace(f["lab.yaml"], []byte("email: sam@lab.test, roles: [security]"), []byte("email: sam@lab.test, roles: [security, legal]"), 1)
		f["lab.yaml"] = bytes.Replace(f["lab.yaml"], []byte("roles: [sponsor, security]"), []byte("roles: [sponsor, signatory]"), 1)
		f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("  - {role: security, quorum: 1}\nclauses:\n"), []byte("  - {role: legal, quorum: 1}\nclauses:\n  - {clause: signature, values: {outside: accepted}}\n"), 1)
	}})
	key, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	e.People["paul"].Signer = key
	if _, err := e.People["paul"].EnrollSigner(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	view, err := e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	id := view.Engagement.ID
	if view, err = e.People["ada"].Command(t.Context(), id, "submit", client.Command{}); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Legal} {
		if _, err := e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	return e, id
}

// pdf writes a PDF that says something.
func pdf(t *testing.T, says string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), says+".pdf")
	if err := os.WriteFile(path, []byte("%PDF-1.7\n"+says+"\n%%EOF\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// bad runs a command line that must fail, and say so.
func (p *typist) bad(says string, args ...string) {
	p.t.Helper()
	if code, out, err := p.run(args...); code == 0 || !strings.Contains(err, says) {
		p.t.Errorf("narthex %s exits %d and does not say %q:\n%s%s", strings.Join(args, " "), code, says, out, err)
	}
}

// TestAnOutsideDocumentIsSignedWithTheAgreement: by everyone, by its digest, and no other in its place.
func TestAnOutsideDocumentIsSignedWithTheAgreement(t *testing.T) {
	e, engagement := accepting(t)
	id, first, second := string(engagement), pdf(t, "first"), pdf(t, "second")
	sam, ada, otto, dan := seat(t, e, "sam"), seat(t, e, "ada"), seat(t, e, "otto"), seat(t, e, "dan")
	for _, p := range []*typist{ada, otto, dan} {
		p.good("agreement", "show", id)
	}
	ada.bad("no outside document is bound", "agreement", "sign", id, "--outside", first)
	dan.bad("another role", "agreement", "outside", id, first)
	if out := sam.good("agreement", "outside", id, first); !strings.Contains(out, "bound "+first) {
		t.Errorf("it prints %s", out)
	}
	ada.bad("is signed with it", "agreement", "sign", id)
	got := filepath.Join(t.TempDir(), "got.pdf")
	ada.bad("say where it should go", "agreement", "outside", "get", id)
	if out := ada.good("agreement", "outside", "get", id, "--out", got); !strings.Contains(out, "wrote "+got) || !sameFiles(t, got, first) {
		t.Errorf("it prints %s", out)
	}
	ada.bad("exists", "agreement", "outside", "get", id, "--out", got)
	ada.bad("is not the outside document that is bound", "agreement", "sign", id, "--outside", second)
	if out := ada.good("agreement", "sign", id, "--outside", first); !strings.Contains(out, "and with it the outside document sha256:") {
		t.Errorf("it prints %s", out)
	}
	dan.good("agreement", "sign", id, "--outside", first)
	given := signatures(t, e, engagement)[0]

	sam.good("agreement", "outside", id, second)
	if left := signatures(t, e, engagement); len(left) != 0 {
		t.Fatalf("a signature outlasts the document that it is on: %+v", left)
	}
	for what, outside := range map[string]narthex.Digest{"as it was given": given.Outside, "as one on the other": boundTo(t, e, engagement)} {
		if _, err := e.People["ada"].Client.Sign(t.Context(), engagement, client.Sign{Party: given.Party, Digest: given.Digest, Outside: outside, Signer: given.Signer, Envelope: given.Envelope}); err == nil {
			t.Errorf("a signature on another document counts again, %s", what)
		}
	}
	paul := seat(t, e, "paul") // in the place of dan, whose signature fell
	paul.good("agreement", "show", id)
	for _, p := range []*typist{ada, otto, paul} {
		p.good("agreement", "sign", id, "--outside", second)
	}

	kept := filepath.Join(t.TempDir(), "agreement.json")
	ada.good("agreement", "export", id, "--out", kept)
	if out := ada.good("agreement", "verify", kept, "--outside", second); !strings.Contains(out, "each signature is on "+second+" too") {
		t.Errorf("verify prints %s", out)
	}
	if out := ada.good("agreement", "verify", kept); !strings.Contains(out, "which was not checked; bring it with --outside") {
		t.Errorf("verify prints %s", out)
	}
	ada.bad("is not the outside document that is bound", "agreement", "verify", kept, "--outside", first)

	folder := filepath.Join(t.TempDir(), "with")
	key := e.Node.LogKey()
	published(t, e)
	ada.bad("the folder has it already", "evidence", id, "--to", folder, "--outside", second)
	ada.good("evidence", id, "--to", folder)
	ada.good("evidence", "verify", folder, "--key", key)
	if !sameFiles(t, filepath.Join(folder, "outside.pdf"), second) {
		t.Error("the folder has another document")
	}
	if err := os.WriteFile(filepath.Join(folder, "outside.pdf"), []byte("%PDF-1.7 another %%EOF"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.bad("outside.pdf", "evidence", "verify", folder, "--key", key)
}

// TestWhatIsKeptElsewhereIsSaidToBe: an outside document that an earlier program bound by its digest is none that the node has, and whoever
// has it adds it to a folder of evidence.
func TestWhatIsKeptElsewhereIsSaidToBe(t *testing.T) {
	var stored store.Store
	e, engagement := acceptingOn(t, func(s store.Store) store.Store { stored = s; return s })
	id, file := string(engagement), pdf(t, "scan")
	sam, ada := seat(t, e, "sam"), seat(t, e, "ada")
	sam.good("agreement", "show", id)
	sam.good("agreement", "outside", id, file)
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		if _, err := e.People[name].Sign(t, engagement, party); err != nil {
			t.Fatal(err)
		}
	}
	view, err := e.People["ada"].Engagement(t.Context(), engagement)
	if err != nil {
		t.Fatal(err)
	}
	view.Engagement.Outside.Kept = false
	row, err := json.Marshal(view.Engagement)
	if err != nil {
		t.Fatal(err)
	}
	e.Tampered = true
	err = stored.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.Put(store.Engagements, id, row), tx.Delete(store.Outsides, id))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, said := ada.run("agreement", "show", id); !strings.Contains(said, "kept elsewhere") {
		t.Errorf("it says %s", said)
	}
	ada.bad("kept elsewhere", "agreement", "outside", "get", id, "--out", filepath.Join(t.TempDir(), "x.pdf"))
	key, bare, with := e.Node.LogKey(), filepath.Join(t.TempDir(), "bare"), filepath.Join(t.TempDir(), "with")
	published(t, e)
	ada.good("evidence", id, "--to", bare)
	ada.good("evidence", "verify", bare, "--key", key)
	ada.bad("outside.pdf", "evidence", id, "--to", with, "--outside", pdf(t, "another"))
	ada.good("evidence", id, "--to", with, "--outside", file)
	ada.good("evidence", "verify", with, "--key", key)
	if err := os.WriteFile(filepath.Join(with, "outside.pdf"), []byte("%PDF-1.7 another %%EOF"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.bad("it is another document than the one that was signed", "evidence", "verify", with, "--key", key)
}

func sameFiles(t *testing.T, one, other string) bool {
	t.Helper()
	var texts [2][]byte
	for i, path := range []string{one, other} {
		var err error
		if texts[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(texts[0], texts[1])
}

// TestAKeptAgreementHoldsItsOutsideDocument: nothing of it is left out or exchanged in a file.
func TestAKeptAgreementHoldsItsOutsideDocument(t *testing.T) {
	e, id := accepting(t)
	if _, err := e.People["sam"].Command(t.Context(), id, "bind", client.Command{Saw: agreed(t, e, id).Digest, Outside: []byte("%PDF-1.7\n%%EOF\n")}); err != nil {
		t.Fatal(err)
	}
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		if _, err := e.People[name].Sign(t, id, party); err != nil {
			t.Fatal(err)
		}
	}
	view := agreed(t, e, id)
	for what, change := range map[string]func(*agreement.Bundle){
		"":         func(*agreement.Bundle) {},
		"left out": func(b *agreement.Bundle) { b.Outside = nil },
		"exchanged": func(b *agreement.Bundle) {
			b.Outside = &narthex.OutsideDocument{Digest: narthex.MakeDigest([32]byte{2}), Size: 10}
		},
		"exchanged with the words of the signatures": func(b *agreement.Bundle) {
			b.Outside = &narthex.OutsideDocument{Digest: narthex.MakeDigest([32]byte{2}), Size: 10}
			for i := range b.Signatures {
				b.Signatures[i].Outside = b.Outside.Digest
			}
		},
		"left out with the words of the signatures": func(b *agreement.Bundle) {
			b.Outside = nil
			for i := range b.Signatures {
				b.Signatures[i].Outside = ""
			}
		},
		"without bytes": func(b *agreement.Bundle) { b.Outside = &narthex.OutsideDocument{Digest: b.Outside.Digest} },
	} {
		bundle := agreement.Bundle{Agreement: view.Agreement, Digest: view.Digest, Signatures: append([]narthex.SignedBy{}, view.Signatures...), Outside: view.Outside}
		change(&bundle)
		data, err := json.Marshal(bundle)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := agreement.VerifyBundle(data, nil); (err == nil) != (what == "") {
			t.Errorf("%q: %v", what, err)
		}
	}
}

// TestWhatIsNoPDFIsNotBound: nothing is sent of what is no PDF.
func TestWhatIsNoPDFIsNotBound(t *testing.T) {
	e, engagement := accepting(t)
	sam, dir := seat(t, e, "sam"), t.TempDir()
	write := func(name, text string, size int64) string {
		path := filepath.Join(dir, name)
		err := os.WriteFile(path, []byte(text), 0o600)
		if err == nil && size > 0 {
			err = os.Truncate(path, size)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for says, path := range map[string]string{
		"is empty": write("empty.pdf", "", 0), "is no whole PDF": write("text.pdf", "Dear lab,\n%%EOF\n", 0), "no whole PDF": write("cut.pdf", "%PDF-1.7\nsigned by", 0),
		"at most 4194304": write("large.pdf", "%PDF-1.7\n", narthex.MostOutside+1), "is no file": dir, "cannot be read": filepath.Join(dir, "nowhere.pdf"),
	} {
		sam.bad(says, "agreement", "outside", string(engagement), path)
	}
	if agreed(t, e, engagement).Outside != nil {
		t.Error("something is bound")
	}
}

func agreed(t *testing.T, e *testenv.Env, id narthex.EngagementID) client.AgreementView {
	t.Helper()
	view, err := e.People["ada"].Client.Agreement(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func signatures(t *testing.T, e *testenv.Env, id narthex.EngagementID) []narthex.SignedBy {
	t.Helper()
	return agreed(t, e, id).Signatures
}

func boundTo(t *testing.T, e *testenv.Env, id narthex.EngagementID) narthex.Digest {
	t.Helper()
	return agreed(t, e, id).Outside.Digest
}

// published waits until all that happened stands in the published checkpoint.
func published(t *testing.T, e *testenv.Env) {
	t.Helper()
	var export bytes.Buffer
	if err := e.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	size := uint64(bytes.Count(export.Bytes(), []byte("\n"))) - 2 // of which are the head and the checkpoint
	for range 200 {
		head, err := e.Client.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if head.Size >= size {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the ledger is not published")
}
