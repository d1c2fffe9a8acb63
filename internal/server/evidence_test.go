package server_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/evidence"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// pack is a folder in memory.
type pack map[string][]byte

func (p pack) Names() ([]string, error) { return slices.Sorted(maps.Keys(p)), nil }

func (p pack) Open(name string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(p[name])), nil
}

// evidenceOf gets a folder of evidence as somebody.
func evidenceOf(t *testing.T, e *testenv.Env, who string, id narthex.EngagementID) pack {
	t.Helper()
	var data bytes.Buffer
	if err := e.People[who].Evidence(t.Context(), id, &data); err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	files := pack{}
	for in := tar.NewReader(&data); ; {
		header, err := in.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = must(io.ReadAll(in))
	}
}

// TestAnyChangeOfAFolderOfEvidenceIsFoundAndItsFileNamed: a byte of any file, a file that is missing, added or exchanged, a line that
// is left out with a manifest made anew, and another ledger's key.
func TestAnyChangeOfAFolderOfEvidenceIsFoundAndItsFileNamed(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, token := e.Grant(t, "", testenv.Tokens(1000, nil))
	chat(t, e, token, testenv.Hello)
	if status, _, err := e.Chat(t.Context(), token, `{"model":"model","messages":[{"role":"user","content":"x"}],"max_tokens":5,"seed":7}`); err != nil || status != 403 {
		t.Fatalf("%d %v", status, err)
	}
	files, key := evidenceOf(t, e, "ada", grant.Engagement), must(e.Client.Ledger(t.Context())).Key
	made := must(evidence.Verify(files, key))
	if made.Engagement != grant.Engagement || made.Grant != grant.ID || len(made.Signatures) != 3 || made.Recorded != 3 || made.Agreement != grant.Agreement ||
		made.Entries[narthex.EntryCallIntent] != 1 || made.Entries[narthex.EntryCallOutcome] != 1 || made.Entries[narthex.EntryCallDenied] != 1 || made.Entries[narthex.EntryGrantActive] != 1 || len(made.Open) != 0 || made.Events == 0 {
		t.Errorf("it shows %+v", made)
	}
	names := must(files.Names())
	if len(names) != 8 {
		t.Errorf("it holds %v", names)
	}
	refuse := func(what, file string, changed pack) {
		t.Helper()
		var tampered *ledger.TamperError
		if _, err := evidence.Verify(changed, key); !errors.As(err, &tampered) || !strings.HasPrefix(tampered.What, file+":") {
			t.Errorf("%s: %v, want one that names %s", what, err, file)
		}
	}
	for _, name := range names {
		for at := 0; at < len(files[name]); at += 1 + len(files[name])/83 {
			changed := maps.Clone(files)
			changed[name] = bytes.Clone(files[name])
			changed[name][at] ^= 1
			refuse("a byte of "+name, name, changed)
		}
		for what, data := range map[string][]byte{"shorter": files[name][:len(files[name])-1], "longer": append(bytes.Clone(files[name]), '\n'), "empty": {}} {
			changed := maps.Clone(files)
			changed[name] = data
			refuse(name+" is "+what, name, changed)
		}
		changed := maps.Clone(files)
		delete(changed, name)
		refuse(name+" is missing", name, changed)
		for _, other := range names {
			if other > name && other != evidence.HandedAt && name != evidence.HandedAt {
				changed := maps.Clone(files)
				changed[name], changed[other] = files[other], files[name]
				first := name // in the order in which they are checked
				if order := append([]string{evidence.ManifestAt}, evidence.Listed()...); slices.Index(order, other) < slices.Index(order, name) {
					first = other
				}
				refuse(name+" stands for "+other, first, changed)
			}
		}
	}
	added := maps.Clone(files)
	added["more.json"] = []byte("{}")
	refuse("a file that is not of evidence", "more.json", added)

	// A holder who leaves out the denial and makes the manifest anew cannot make the lab's entry anew.
	forged := maps.Clone(files)
	forged[evidence.Entries] = nil
	for line := range bytes.Lines(files[evidence.Entries]) {
		if !bytes.Contains(line, []byte("call.denied")) {
			forged[evidence.Entries] = append(forged[evidence.Entries], line...)
		}
	}
	forged[evidence.ManifestAt] = bytes.Replace(files[evidence.ManifestAt], []byte(evidence.Of(evidence.Entries, files[evidence.Entries]).Digest), []byte(evidence.Of(evidence.Entries, forged[evidence.Entries]).Digest), 1)
	refuse("a denial is left out", evidence.ManifestAt, forged)

	// The proof of a folder is no proof of another, of the same engagement and person.
	again := evidenceOf(t, e, "ada", grant.Engagement)
	mixed := maps.Clone(files)
	mixed[evidence.HandedAt] = again[evidence.HandedAt]
	refuse("another folder's proof", evidence.ManifestAt, mixed)

	other := must(testenv.New(t, testenv.Options{}).Client.Ledger(t.Context())).Key
	var tampered *ledger.TamperError
	if _, err := evidence.Verify(files, other); !errors.As(err, &tampered) {
		t.Errorf("under another ledger's key: %v", err)
	}
	if _, err := evidence.Verify(files); err == nil {
		t.Error("it is believed without a key")
	}
}

// TestEvidenceShowsWhatItsAskerMaySee, and of the rest the digest that stands in the tree; what they may not know to have happened is
// not there at all. That it was handed out is an entry before the first byte.
func TestEvidenceShowsWhatItsAskerMaySee(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Outsiders(t, "2", "Another")
	view := submitted(t, e)
	id, key := view.Engagement.ID, must(e.Client.Ledger(t.Context())).Key
	must(e.People["sam"].Command(t.Context(), id, "comment", client.Command{Text: "a canary of the lab's", Private: true}))
	for _, name := range []string{"sam", "olga"} {
		role := map[string]narthex.Role{"sam": narthex.Security, "olga": narthex.AssetOwner}[name]
		if name == "olga" {
			files := evidenceOf(t, e, "ada", id)
			if found, err := evidence.Verify(files, key); err != nil || found.Agreement != "" {
				t.Errorf("in review: %+v %v", found, err)
			}
			if all := string(files[evidence.Entries]); strings.Contains(all, "approve") || strings.Contains(all, string(e.People["sam"].ID)) {
				t.Error("in review the applicant is told who voted, or who of the lab read it")
			}
		}
		must(e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest}))
	}
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		view = must(e.People[s.name].Sign(t, id, s.party))
	}
	token := must(e.People["ada"].Mint(t.Context(), view.Engagement.Grant, client.Mint{Label: "x"})).Token
	_, second := e.Grant(t, "2", testenv.Tokens(1000, nil))
	chat(t, e, token, testenv.Hello)
	chat(t, e, second, testenv.Hello)
	silent := must(e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(view.Engagement.Grant), Reason: narthex.LegalOrder, SilentUntil: time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)})).Lock.ID
	must(e.People["dan"].Unlock(t.Context(), silent))
	must(e.People["ada"].SubmitManuscript(t.Context(), id, client.ManuscriptSubmit{Title: "a canary of a title", Digest: textDigest("open"), Size: 1}))
	for _, who := range []string{"ada2", "otto2"} {
		var data bytes.Buffer
		if err := e.People[who].Evidence(t.Context(), id, &data); !narthex.IsKind(err, narthex.Withheld) || data.Len() > 0 {
			t.Errorf("to %s: %v", who, err)
		}
	}
	for _, c := range []struct {
		who                        string
		facts, private, manuscript bool // whether calls, the private comment and the manuscript's text are told
		any                        bool // whether it is told that there is a manuscript
	}{{"ada", true, false, true, true}, {"otto", false, false, false, true}, {"lea", true, true, false, true}, {"sam", false, true, true, true}, {"dan", true, true, false, true}} {
		files := evidenceOf(t, e, c.who, id)
		found, err := evidence.Verify(files, key)
		if err != nil {
			t.Errorf("%s: %v", c.who, err)
			continue
		}
		if found.By != e.People[c.who].ID || found.Entries[narthex.EntryCallIntent] != 1 || found.Entries[narthex.EntryCallOutcome] != 1 {
			t.Errorf("%s: %+v", c.who, found)
		}
		all := string(bytes.Join(slices.Collect(maps.Values(files)), nil))
		for text, told := range map[string]bool{`"name":"token","value"`: c.facts, `"name":"token","withheld"`: !c.facts, `"name":"facts","value"`: c.facts, `"name":"facts","withheld"`: !c.facts, "a canary of the lab's": c.private, "a canary of a title": c.manuscript, "manuscript_submit": c.any, string(silent): !slices.Contains([]string{"ada", "otto"}, c.who)} {
			if strings.Contains(all, text) != told {
				t.Errorf("%s is told %q: %v", c.who, text, !told)
			}
		}
		for _, other := range []string{string(e.People["ada2"].ID), `"call_` + "x"} {
			if strings.Contains(all, other) {
				t.Errorf("%s is told of %s", c.who, other)
			}
		}
		last := entries(t, e)
		slices.Reverse(last)
		at := slices.IndexFunc(last, func(o entry) bool {
			return o.Type == narthex.EntryEngagementRead && o.Text("by") == string(e.People[c.who].ID) && evidence.IsHandedOut(o.Text("what"))
		})
		if at < 0 || last[at].Text("what") != "evidence "+string(found.Manifest) {
			t.Errorf("no entry tells that %s got the folder %s", c.who, found.Manifest)
		}
	}
}

// TestALaterFolderSaysWhatTheEarlierOneSaid: a folder holds what happened until it was asked for, and the next one nothing else of it but
// proofs in a later checkpoint, and that the first was handed out.
func TestALaterFolderSaysWhatTheEarlierOneSaid(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, token := e.Grant(t, "", testenv.Tokens(1000, nil))
	chat(t, e, token, testenv.Hello)
	one, two := evidenceOf(t, e, "ada", grant.Engagement), evidenceOf(t, e, "ada", grant.Engagement)
	for _, name := range []string{evidence.ReadMe, evidence.Key, evidence.Agreement, evidence.Events} {
		if len(one[name]) == 0 && name != evidence.Events || !bytes.Equal(one[name], two[name]) {
			t.Errorf("%s is another", name)
		}
	}
	told := func(files pack) (lines []string) {
		for line := range bytes.Lines(files[evidence.Entries]) {
			var entry map[string]any
			must(0, json.Unmarshal(line, &entry))
			if _, proven := entry["proof"]; !proven {
				t.Fatalf("an entry without a proof: %.200s", line)
			}
			delete(entry, "proof")
			line = must(json.Marshal(entry))
			lines = append(lines, string(line))
		}
		return lines
	}
	first, second := told(one), told(two)
	if len(second) != len(first)+1 || !slices.Equal(first, second[:min(len(first), len(second))]) {
		t.Errorf("the first folder has %d entries and the second %d, or tells them otherwise", len(first), len(second))
	}
	checked := must(evidence.Verify(one, e.Node.LogKey()))
	if checked.Entries[narthex.EntryCallOutcome] != 1 {
		t.Errorf("the call that was served before the folder was asked for is not in it: %v", checked.Entries)
	}
}
