package cli_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
	"narthex/internal/cli"
)

// person runs commands as Ada, logged in at a node of her own.
type person struct {
	t    *testing.T
	home string
	node *node
	url  string
}

func newPerson(t *testing.T) *person {
	t.Helper()
	n, err := newNode(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	p := &person{t: t, home: t.TempDir(), node: n, url: server.URL}
	if code, said := p.run("login", "--url", server.URL, "--code", theCode); code != 0 {
		t.Fatalf("she cannot log in: %s", said)
	}
	return p
}

// run gives the exit code and everything that was written.
func (p *person) run(args ...string) (int, string) {
	var out bytes.Buffer
	code := cli.Run(context.Background(), args, cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Now: func() time.Time { return noon },
		Getenv: func(name string) string { return map[string]string{"NARTHEX_HOME": p.home}[name] }})
	return code, out.String()
}

// answers makes the node answer a path with a value.
func (p *person) answers(path string, value any) {
	p.t.Helper()
	file := filepath.Join(p.node.dir, "node", "GET", path+".json")
	data, err := json.Marshal(value)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestAProofWithAnyWrongPartIsFoundOut(t *testing.T) {
	p := newPerson(t)
	for name, spoil := range map[string]func(*client.EntryProof){
		"nothing":             func(*client.EntryProof) {},
		"another index":       func(e *client.EntryProof) { e.Index = 1 },
		"a changed record":    func(e *client.EntryProof) { e.Record = append([]byte{}, e.Record...); e.Record[20] ^= 1 },
		"another record":      func(e *client.EntryProof) { e.Record = p.node.log.records[1][:] },
		"no record":           func(e *client.EntryProof) { e.Record = nil },
		"a changed path":      func(e *client.EntryProof) { e.Proof = []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} },
		"a path that is none": func(e *client.EntryProof) { e.Proof = []string{"AAAA"} },
		"no path":             func(e *client.EntryProof) { e.Proof = nil },
		"another's words": func(e *client.EntryProof) {
			e.Opening, _ = json.Marshal(p.node.log.openings[1])
		},
		"no words of ours": func(e *client.EntryProof) { e.Opening = json.RawMessage(`{"type":"inception"}`) },
		"a changed size": func(e *client.EntryProof) {
			e.Checkpoint = strings.Replace(e.Checkpoint, "\n2\n", "\n3\n", 1)
		},
	} {
		made, err := p.node.log.proof("0")
		if err != nil {
			t.Fatal(err)
		}
		proof := made.(client.EntryProof)
		spoil(&proof)
		p.answers("api/ledger/proof/0", proof)
		want := narthex.Refused.Facts().Exit
		if name == "nothing" {
			want = 0
		}
		if code, said := p.run("ledger", "prove", "0", "--key", p.node.log.key); code != want {
			t.Errorf("with %s it exits with %d: %s", name, code, said)
		}
	}
}

func TestAStateIsWhatItsCheckpointSigned(t *testing.T) {
	p := newPerson(t)
	for name, spoil := range map[string]func(*client.LedgerState){
		"another size":   func(s *client.LedgerState) { s.Size = 3 },
		"another origin": func(s *client.LedgerState) { s.Origin = "ledger.another.example" },
	} {
		state := p.node.log.state()
		spoil(&state)
		p.answers("ledger/state", state)
		if code, said := p.run("ledger", "state"); code != narthex.Refused.Facts().Exit {
			t.Errorf("with %s it exits with %d: %s", name, code, said)
		}
	}
}

func TestAnExportThatBreaksOffLeavesNothing(t *testing.T) {
	p, dir := newPerson(t), t.TempDir()
	if code, _ := p.run("ledger", "export", filepath.Join(dir, "ledger.jsonl")); code != narthex.Withheld.Facts().Exit {
		t.Errorf("it exits with %d", code)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v %v", left, err)
	}
}

func TestAnAgreementThatIsNotThisOneIsNotSigned(t *testing.T) {
	p := newPerson(t)
	if code, said := p.run("signer", "new"); code != 0 {
		t.Fatal(said)
	}
	if code, said := p.run("agreement", "show", string(engID)); code != 0 {
		t.Fatal(said)
	}
	for name, spoil := range map[string]func(*narthex.Agreement){
		"another lab's":        func(a *narthex.Agreement) { a.Origin = "ledger.another.example" },
		"another engagement's": func(a *narthex.Agreement) { a.Engagement = "eng_bbbbbbbbbbbbbbbbbbbbbbbbba" },
	} {
		view, err := p.node.agreement()
		if err != nil {
			t.Fatal(err)
		}
		spoil(&view.Agreement)
		if view.Digest, err = agreement.Digest(view.Agreement); err != nil {
			t.Fatal(err)
		}
		p.answers("api/engagements/"+string(engID)+"/agreement", view)
		if code, said := p.run("agreement", "sign", string(engID), "--as", "researcher", "--digest", string(view.Digest)); code != narthex.Conflict.Facts().Exit {
			t.Errorf("%s: it exits with %d: %s", name, code, said)
		}
	}
	if len(p.node.signed) > 0 {
		t.Errorf("something was signed: %+v", p.node.signed)
	}
}

func TestAKeptAgreementIsCheckedWithTheKeysThatOneBrings(t *testing.T) {
	p := newPerson(t)
	document, dir := narthex.Agreement{Format: "narthex agreement v1", Origin: origin, Engagement: engID, Terms: []narthex.Term{{Attribute: "model.sample", Asset: "model-1", Clause: "2.1"}}}, t.TempDir()
	people := map[narthex.PartyRole]narthex.PersonID{narthex.PartyResearcher: adaID, narthex.PartyLab: "per_" + narthex.PersonID(strings.Repeat("b", 25)+"a")}
	keys := map[narthex.PartyRole]ed25519.PrivateKey{}
	for _, role := range []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyLab} {
		key, err := client.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		keys[role] = key
		document.Parties = append(document.Parties, narthex.Party{Role: role, Signers: []narthex.PartySigner{{Person: people[role], Fingerprint: agreement.Fingerprint(key.Public().(ed25519.PublicKey))}}})
		if err := os.WriteFile(filepath.Join(dir, string(role)), []byte(client.PublicKey(key)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := agreement.Digest(document)
	if err != nil {
		t.Fatal(err)
	}
	bundle := agreement.Bundle{Agreement: document, Digest: digest}
	for role, key := range keys {
		envelope, err := agreement.Sign(key, agreement.NewStatement(digest, role, people[role], origin))
		if err != nil {
			t.Fatal(err)
		}
		bundle.Signatures = append(bundle.Signatures, narthex.SignedBy{Party: role, By: people[role], Digest: digest, Signer: agreement.Fingerprint(key.Public().(ed25519.PublicKey)), Envelope: envelope, At: noon, PublicKey: client.PublicKey(key)})
	}
	data, err := canon.JSON(bundle)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kept.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	researcher, lab := "ada="+filepath.Join(dir, "researcher"), "lab="+filepath.Join(dir, "lab")
	code, said := p.run("agreement", "verify", file, "--signer", researcher, "--signer", lab)
	if code != 0 || !strings.HasPrefix(said, "every party has signed "+string(digest)) || !strings.Contains(said, "key brought as ada") || strings.Contains(said, "note:") {
		t.Errorf("with both keys it exits with %d: %s", code, said)
	}
	if code, said := p.run("agreement", "verify", file, "--signer", researcher); code != 0 || !strings.Contains(said, "note: at least one key is only what the file states") {
		t.Errorf("with one key it exits with %d: %s", code, said)
	}
	if code, said := p.run("agreement", "verify", file, "--signer", researcher, "--signer", researcher); code != narthex.Invalid.Facts().Exit {
		t.Errorf("with one key twice it exits with %d: %s", code, said)
	}
}
