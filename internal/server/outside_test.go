package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/evidence"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// papers is a lab whose pathway accepts an outside document, with what its store holds.
type papers struct {
	*testenv.Env
	raw store.Store
}

func withPapers(t *testing.T, url string) papers {
	p := papers{}
	p.Env = testenv.New(t, testenv.Options{Store: url, Wrap: func(s store.Store) store.Store { p.raw = s; return s }, Files: func(f lab.Files) {
		f["lab.yaml"] = bytes.Replace(f["lab.yaml"], []byte("email: sam@lab.test, roles: [security]"), []byte("email: sam@lab.test, roles: [security, legal]"), 1)
		f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("  - {role: security, quorum: 1}\nclauses:\n"), []byte("  - {role: legal, quorum: 1}\nclauses:\n  - {clause: signature, values: {outside: accepted}}\n"), 1)
	}})
	p.Outsiders(t, "2", "Another Institute")
	return p
}

// offer gives an engagement of ada's whose agreement is offered.
func (p papers) offer(t *testing.T) narthex.EngagementID {
	t.Helper()
	view := submitted(t, p.Env)
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Legal} {
		must(p.People[name].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: role, Saw: view.Engagement.Digest}))
	}
	return view.Engagement.ID
}

// bind binds a file, as sam.
func (p papers) bind(t *testing.T, id narthex.EngagementID, file []byte) (client.EngagementView, error) {
	t.Helper()
	return p.People["sam"].Command(t.Context(), id, "bind", client.Command{Saw: must(p.People["sam"].Client.Agreement(t.Context(), id)).Digest, Outside: file})
}

// get fetches what is bound.
func (p papers) get(t *testing.T, who string, id narthex.EngagementID) ([]byte, error) {
	t.Helper()
	var file bytes.Buffer
	err := p.People[who].Outside(t.Context(), id, &file)
	return file.Bytes(), err
}

// kept gives what the store holds for an engagement, or nil.
func (p papers) kept(t *testing.T, id narthex.EngagementID) (file []byte) {
	t.Helper()
	err := p.raw.View(t.Context(), func(r store.Reader) error {
		value, err := r.Get(store.Outsides, string(id))
		var row book.Outside
		if err == nil && value != nil {
			err = json.Unmarshal(value, &row)
		}
		file = row.File
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// change puts another row behind the ledger's back, or takes it away where it is nil.
func (p papers) change(t *testing.T, table store.Table, key string, row any) {
	t.Helper()
	p.Tampered = true
	err := p.raw.Update(t.Context(), func(tx store.Tx) error {
		if row == nil {
			return tx.Delete(table, key)
		}
		return tx.Put(table, key, must(json.Marshal(row)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// differences gives the table and kind of each difference that an audit finds.
func (p papers) differences(t *testing.T) []string {
	t.Helper()
	found := []string{}
	for _, d := range must(p.People["lea"].Audit(t.Context(), false)).Differences {
		found = append(found, d.Table+" "+d.What)
	}
	return found
}

func (p papers) sign(t *testing.T, id narthex.EngagementID) {
	t.Helper()
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		must(p.People[name].Sign(t, id, party))
	}
}

func scan(says string) []byte { return []byte("%PDF-1.7\n<script>" + says + "</script>\n%%EOF\n") }

// TestAnOutsideDocumentIsKeptForWhoReadsTheAgreement: byte by byte, as a file that no browser opens, for them and for nobody else; that they
// read it is an entry, and its digest is the one that is signed.
func TestAnOutsideDocumentIsKeptForWhoReadsTheAgreement(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		p := withPapers(t, url)
		id, file := p.offer(t), scan("first")
		if _, err := p.get(t, "ada", id); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("where none is bound: %v", err)
		}
		if _, err := p.get(t, "ada2", id); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("a stranger, where none is bound: %v", err)
		}
		must(p.bind(t, id, file))
		for _, who := range []string{"ada", "otto", "sam", "dan", "carol", "lea"} {
			if got, err := p.get(t, who, id); err != nil || !bytes.Equal(got, file) {
				t.Errorf("%s gets %q: %v", who, got, err)
			}
		}
		for _, who := range []string{"ada2", "otto2"} {
			got, err := p.get(t, who, id)
			_, absent := p.get(t, who, "eng_aaaaaaaaaaaaaaaaaaaaaaaaaa")
			if len(got) > 0 || !narthex.IsKind(err, narthex.Withheld) || narthex.AsError(err).Public != narthex.AsError(absent).Public {
				t.Errorf("a stranger, %s, gets %q and %v, and of what is absent %v", who, got, err, absent)
			}
		}
		read := map[narthex.PersonID]int{}
		for _, line := range must(p.People["carol"].History(t.Context(), id)).Lines {
			if line.Read == "outside document" {
				read[line.By]++
			}
		}
		if read[p.People["ada"].ID] != 1 || len(read) != 6 {
			t.Errorf("the readings are %v", read)
		}

		answer := must(p.People["ada"].Do(t.Context(), "GET", "/api/engagements/"+string(id)+"/outside", nil))
		defer answer.Body.Close()
		if body := must(io.ReadAll(answer.Body)); answer.StatusCode != http.StatusOK || !bytes.Equal(body, file) {
			t.Fatalf("%d %q", answer.StatusCode, body)
		}
		for name, want := range map[string]string{"Content-Type": "application/pdf", "X-Content-Type-Options": "nosniff", "Content-Disposition": `attachment; filename="outside-` + string(id) + `.pdf"`, "Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store"} {
			if got := answer.Header[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q", name, got)
			}
		}

		p.sign(t, id)
		view := must(p.People["ada"].Client.Agreement(t.Context(), id))
		for _, s := range view.Signatures {
			var envelope struct{ Payload string }
			if err := json.Unmarshal([]byte(s.Envelope), &envelope); err != nil {
				t.Fatal(err)
			}
			var signed agreement.Statement
			if err := json.Unmarshal(must(base64.StdEncoding.DecodeString(envelope.Payload)), &signed); err != nil || signed.Outside != narthex.MakeDigest(sha256.Sum256(must(p.get(t, "ada", id)))) {
				t.Errorf("%s signed %+v: %v", s.Party, signed, err)
			}
		}
		if found := p.differences(t); len(found) > 0 {
			t.Errorf("the audit finds %v", found)
		}
	})
}

// TestWhatIsNoOutsideDocumentIsRefused: by the field and the rule, and nothing is bound or kept.
func TestWhatIsNoOutsideDocumentIsRefused(t *testing.T) {
	p := withPapers(t, "")
	id := p.offer(t)
	large := func(n int) []byte { return append(scan("large"), make([]byte, n-len(scan("large")))...) }
	for says, file := range map[string][]byte{
		"no bytes":                  nil,
		"its first bytes are %PDF-": []byte("PK\x03\x04 %PDF-1.7"),
		"at most 4194304 bytes, and this one has 4194305":                 large(narthex.MostOutside + 1),
		"at most 4194304 bytes, and what was sent is too large to hold":   large(narthex.MostOutside + 1<<20),
		"at most 4194304 bytes, and what was sent is too large to hold o": large(3 * narthex.MostOutside),
	} {
		_, err := p.bind(t, id, file)
		if !narthex.IsKind(err, narthex.Invalid) || narthex.AsError(err).Param != "outside" || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, of the field %q", says, err, narthex.AsError(err).Param)
		}
	}
	if view := must(p.People["sam"].Engagement(t.Context(), id)); view.Engagement.Outside != nil || p.kept(t, id) != nil {
		t.Errorf("something is bound: %+v", view.Engagement.Outside)
	}
	largest := large(narthex.MostOutside)
	must(p.bind(t, id, largest))
	if got, err := p.get(t, "ada", id); err != nil || !bytes.Equal(got, largest) {
		t.Errorf("the largest comes back with %d bytes: %v", len(got), err)
	}
}

// TestAnExchangedFileIsNotGiven: what the store holds in the place of what was bound is refused to everyone, in no folder of evidence, and
// found by the audit; so is what is gone.
func TestAnExchangedFileIsNotGiven(t *testing.T) {
	p := withPapers(t, "")
	id, file := p.offer(t), scan("first")
	must(p.bind(t, id, file))
	p.sign(t, id)
	evidenceOf(t, p.Env, "ada", id)
	other := bytes.Replace(file, []byte("first"), []byte("other"), 1)
	for what, row := range map[string]any{"another file": book.Outside{File: other}, "a longer one": book.Outside{File: append(slices.Clone(file), '\n')}, "none": nil} {
		p.change(t, store.Outsides, string(id), row)
		if got, err := p.get(t, "ada", id); len(got) > 0 || !narthex.IsKind(err, narthex.Unavailable) || row != nil && !strings.Contains(err.Error(), "another file than the outside document that was bound") {
			t.Errorf("%s: %q %v", what, got, err)
		}
		var folder bytes.Buffer
		if err := p.People["ada"].Evidence(t.Context(), id, &folder); err == nil || bytes.Contains(folder.Bytes(), []byte("%PDF-")) {
			t.Errorf("%s is in a folder of evidence: %v", what, err)
		}
		want := "outsides row_differs"
		if row == nil {
			want = "outsides row_missing"
		}
		if found := p.differences(t); !slices.Equal(found, []string{want}) {
			t.Errorf("%s: the audit finds %v", what, found)
		}
	}
	p.change(t, store.Outsides, string(id), book.Outside{File: file})
	p.change(t, store.Outsides, "eng_aaaaaaaaaaaaaaaaaaaaaaaaaa", book.Outside{File: file})
	if found := p.differences(t); !slices.Equal(found, []string{"outsides row_unexpected"}) {
		t.Errorf("what nobody bound: the audit finds %v", found)
	}
}

// TestAFolderOfEvidenceHasTheOutsideDocument: and is none without it, or with another.
func TestAFolderOfEvidenceHasTheOutsideDocument(t *testing.T) {
	p := withPapers(t, "")
	id, file := p.offer(t), scan("first")
	must(p.bind(t, id, file))
	p.sign(t, id)
	files, key := evidenceOf(t, p.Env, "ada", id), must(p.Client.Ledger(t.Context())).Key
	if !bytes.Equal(files[evidence.Outside], file) {
		t.Fatalf("the folder has %q", files[evidence.Outside])
	}
	if made := must(evidence.Verify(files, key)); made.Outside != narthex.MakeDigest(sha256.Sum256(file)) {
		t.Errorf("what was checked is %s", made.Outside)
	}
	for what, change := range map[string]func(pack){
		"left out":  func(f pack) { delete(f, evidence.Outside) },
		"exchanged": func(f pack) { f[evidence.Outside] = scan("other") },
	} {
		changed := pack{}
		for name, data := range files {
			changed[name] = data
		}
		change(changed)
		var tampered *ledger.TamperError
		if _, err := evidence.Verify(changed, key); !errors.As(err, &tampered) || !strings.HasPrefix(tampered.What, evidence.Outside+":") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWhatWasBoundByItsDigestAloneIsKeptElsewhere: as an earlier program bound it. It counts, and is nowhere to be had here.
func TestWhatWasBoundByItsDigestAloneIsKeptElsewhere(t *testing.T) {
	p := withPapers(t, "")
	id, file := p.offer(t), scan("first")
	must(p.bind(t, id, file))
	p.sign(t, id)
	e := must(p.People["ada"].Engagement(t.Context(), id)).Engagement
	elsewhere := *e.Outside
	elsewhere.Kept = false
	e.Outside = &elsewhere
	p.change(t, store.Engagements, string(id), e)
	p.change(t, store.Outsides, string(id), nil)
	if got, err := p.get(t, "ada", id); len(got) > 0 || !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "kept elsewhere") {
		t.Errorf("%q %v", got, err)
	}
	files, key := evidenceOf(t, p.Env, "ada", id), must(p.Client.Ledger(t.Context())).Key
	if _, there := files[evidence.Outside]; there {
		t.Error("the folder has the document")
	}
	must(evidence.Verify(files, key))
	files[evidence.Outside] = file // whoever holds it adds it
	if made := must(evidence.Verify(files, key)); made.Outside != e.Outside.Digest {
		t.Errorf("what was added is not checked: %+v", made)
	}
	files[evidence.Outside] = scan("other")
	if _, err := evidence.Verify(files, key); err == nil {
		t.Error("another document is taken for the one that was signed")
	}
}

// TestWhatIsBoundAnewTakesThePlaceOfWhatWas: and goes where the agreement falls.
func TestWhatIsBoundAnewTakesThePlaceOfWhatWas(t *testing.T) {
	p := withPapers(t, "")
	id := p.offer(t)
	must(p.bind(t, id, scan("first")))
	must(p.bind(t, id, scan("second")))
	if got := p.kept(t, id); !bytes.Equal(got, scan("second")) {
		t.Errorf("the store holds %q", got)
	}
	must(p.People["olga"].DeclareInterest(t.Context(), tie("co_author", p.People["ada"].ID, "")))
	if e := must(p.People["ada"].Engagement(t.Context(), id)).Engagement; e.Outside != nil || p.kept(t, id) != nil {
		t.Errorf("the agreement fell, and the store holds %q", p.kept(t, id))
	}
}

// TestWhatNobodySignedIsErasedWithItsApplicant: with no trace in the file of the database; what somebody signed stays.
func TestWhatNobodySignedIsErasedWithItsApplicant(t *testing.T) {
	p := withPapers(t, "")
	bare, signed := p.offer(t), p.offer(t)
	for id, file := range map[narthex.EngagementID][]byte{bare: scan("nobody-signed-it"), signed: scan("otto-signed-it")} {
		must(p.bind(t, id, file))
	}
	must(p.People["otto"].Sign(t, signed, narthex.PartyInstitution))
	for _, id := range []narthex.EngagementID{bare, signed} {
		must(p.People["ada"].Command(t.Context(), id, "withdraw", client.Command{Text: "no more"}))
	}
	must(p.People["carol"].Remove(t.Context(), p.People["ada"].ID, "left"))
	must(p.People["carol"].Erase(t.Context(), p.People["ada"].ID, "asked for it"))
	if p.kept(t, bare) != nil || p.kept(t, signed) == nil {
		t.Errorf("of what nobody signed the store holds %q, and of what otto signed %q", p.kept(t, bare), p.kept(t, signed))
	}
	if _, err := p.get(t, "carol", bare); !narthex.IsKind(err, narthex.Unavailable) || !strings.Contains(err.Error(), "it went with them") {
		t.Errorf("what went: %v", err)
	}
	if found := p.differences(t); len(found) > 0 {
		t.Errorf("the audit finds %v", found)
	}
	delete(p.People, "ada")
}
