package server_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/canon"
	"narthex/internal/statement"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// stated asks for a statement and checks it offline.
func stated(t *testing.T, e *testenv.Env, who string, id narthex.EngagementID, names bool) ([]byte, statement.Checked) {
	t.Helper()
	data := must(e.People[who].Statement(t.Context(), id, client.StatementRequest{Names: names}))
	return data, must(statement.Verify(data, must(e.Client.Ledger(t.Context())).Key))
}

// TestAStatementSaysWhatWasAskedGivenUsedAndRefused, by attribute, as the ledger has it, and the same to everyone.
func TestAStatementSaysWhatWasAskedGivenUsedAndRefused(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"yes"`)})
	ada := e.People["ada"]
	view := must(ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "Seeing <stars> & more", Answers: map[string]string{"why": "to see"},
		Terms: []narthex.Term{testenv.Tokens(1000, nil), testenv.Term("model.seed", nil)}}))
	id := view.Engagement.ID
	view = must(ada.Command(t.Context(), id, "submit", client.Command{}))
	if _, err := ada.Statement(t.Context(), id, client.StatementRequest{}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a statement of what has no grant: %v", err)
	}
	view = must(e.People["olga"].Command(t.Context(), id, "counter", client.Command{As: narthex.AssetOwner, Saw: view.Engagement.Digest, Text: "less",
		Counter: &client.Narrowing{Terms: []narthex.Term{{Attribute: "model.sample", Asset: "model", Limits: map[narthex.LimitName]narthex.Value{"tokens": narthex.NumberValue(500)}}}, Drop: []client.TermName{{Attribute: "model.seed", Asset: "model"}}}}))
	must(ada.Command(t.Context(), id, "accept", client.Command{Saw: view.Engagement.Counter.Digest}))
	view = must(ada.Engagement(t.Context(), id))
	must(e.People["sam"].Command(t.Context(), id, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest}))
	for _, s := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		view = must(e.People[s.name].Sign(t, id, s.party))
	}
	key := must(ada.Mint(t.Context(), view.Engagement.Grant, client.Mint{Label: "x"})).Token
	_, before := stated(t, e, "ada", id, false)
	for range 3 {
		if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
			t.Fatalf("%d %s %v", status, body, err)
		}
	}
	if status, _, err := e.Chat(t.Context(), key, `{"model":"model","messages":[{"role":"user","content":"x"}],"max_tokens":5,"seed":7}`); err != nil || status != 403 {
		t.Fatalf("what was not given: %d %v", status, err)
	}
	locked := must(e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "engagement", Target: string(id), Reason: "safety", Note: "a canary of a note"}))
	must(e.People["dan"].Unlock(t.Context(), locked.Lock.ID))
	data, made := stated(t, e, "ada", id, false)
	s := made.Statement
	if before.Digest == made.Digest || before.Statement.Use.Calls != 0 {
		t.Errorf("before any call: %+v", before.Statement.Use)
	}
	find := func(name narthex.AttributeName) client.StatementAttribute {
		t.Helper()
		at := slices.IndexFunc(s.Attributes, func(a client.StatementAttribute) bool { return a.Attribute == name })
		if at < 0 {
			t.Fatalf("%s is not among %+v", name, s.Attributes)
		}
		return s.Attributes[at]
	}
	sample, seed := find("model.sample"), find("model.seed")
	budget := must(ada.Client.Grant(t.Context(), view.Engagement.Grant)).Budgets
	spent := budget[slices.IndexFunc(budget, func(b client.BudgetView) bool { return b.Limit == "tokens" })].Used
	if !sample.Asked || !sample.Given || sample.Calls != 3 || len(sample.Used) != 1 || sample.Used[0] != (client.StatementAmount{Unit: "tokens", Amount: spent}) || spent == 0 || sample.Refused != 0 ||
		!strings.Contains(strings.Join(sample.Limits, "; "), "500 tokens") || !strings.Contains(strings.Join(sample.Narrowed, "; "), "1000 tokens") || sample.Clause != "2.1" {
		t.Errorf("sampling: %+v, of %d tokens", sample, spent)
	}
	if !seed.Asked || seed.Given || seed.Calls != 0 || seed.Refused != 1 {
		t.Errorf("the seed: %+v", seed)
	}
	if s.Use.Calls != 3 || s.Use.Refused != 1 || len(s.Refused) != 1 || s.Refused[0].Attribute != "model.seed" || s.Refused[0].Count != 1 {
		t.Errorf("in all: %+v %+v", s.Use, s.Refused)
	}
	if len(s.Locks) != 1 || s.Locks[0].Reason != "safety" || s.Locks[0].Until.IsZero() || s.ContentLog != "none" || s.Level.Model != 1 || s.Level.Information != 0 || s.Level.Time != 2 || len(s.Obligations) != 1 {
		t.Errorf("%+v %q %+v %+v", s.Locks, s.ContentLog, s.Level, s.Obligations)
	}
	for _, canary := range []string{"Ada", "Otto", "Dan", "a canary of a note", string(e.People["otto"].ID)} {
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("it tells of %s", canary)
		}
	}
	for _, entry := range s.Entries {
		if proof := must(e.People["lea"].Proof(t.Context(), entry.Index)); !bytes.Contains(proof.Opening, []byte(`"type":"`+entry.Type+`"`)) {
			t.Errorf("entry %d is no %s: %s", entry.Index, entry.Type, proof.Opening)
		}
	}
	// The same history gives the same statement to everyone who may have it, and no second entry.
	size := must(e.Client.Ledger(t.Context())).Size
	for _, name := range []string{"ada", "carol", "lea"} {
		if _, again := stated(t, e, name, id, false); again.Digest != made.Digest || again.Index != made.Index {
			t.Errorf("to %s it is another one: entry %d, not %d", name, again.Index, made.Index)
		}
	}
	if now := must(e.Client.Ledger(t.Context())).Size; now != size {
		t.Errorf("asking again made %d entries", now-size)
	}
	if _, named := stated(t, e, "lea", id, true); named.Digest == made.Digest || !slices.Equal(named.Statement.Names, []string{"Ada"}) {
		t.Errorf("with names: %v", named.Statement.Names)
	}
	for _, name := range []string{"otto", "sam", "olga", "dan"} {
		if _, err := e.People[name].Statement(t.Context(), id, client.StatementRequest{}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("to %s: %v", name, err)
		}
	}
}

// TestAnyByteOfAStatementThatIsChangedIsFound, and one that was never issued, or by another ledger.
func TestAnyByteOfAStatementThatIsChangedIsFound(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"yes"`)})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	data, _ := stated(t, e, "ada", grant.Engagement, false)
	key := must(e.Client.Ledger(t.Context())).Key
	for at := range data {
		for _, by := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(data)
			changed[at] ^= by
			if _, err := statement.Verify(changed, key); err == nil {
				t.Fatalf("byte %d of %d, %q for %q, is not missed: %s", at, len(data), changed[at], data[at], data[max(0, at-40):min(len(data), at+40)])
			}
		}
	}
	for at := 0; at < len(data); at += 7 {
		if _, err := statement.Verify(slices.Delete(bytes.Clone(data), at, at+1), key); err == nil {
			t.Fatalf("byte %d may be left out", at)
		}
		if _, err := statement.Verify(slices.Insert(bytes.Clone(data), at, ' '), key); err == nil {
			t.Fatalf("a space may stand before byte %d", at)
		}
	}
	// A statement of the lab's own making, with the proof of one that was issued.
	read := must(statement.Read(data))
	read.Statement.Use.Calls = 1_000_000
	forged := statement.NewFile(read.Key, read.Checkpoint, must(canon.Digest(read.Statement)), read.Statement)
	forged.Entry = read.Entry
	var tampered *ledger.TamperError
	if _, err := statement.Verify(must(forged.Marshal()), key); !errors.As(err, &tampered) || !strings.Contains(err.Error(), "did not issue") {
		t.Errorf("a statement that was never issued: %v", err)
	}
	other := testenv.New(t, testenv.Options{})
	if _, err := statement.Verify(data, must(other.Client.Ledger(t.Context())).Key); !errors.As(err, &tampered) {
		t.Errorf("under another ledger's key: %v", err)
	}
}

// TestTwoRendersOfAStatementAreTheSameBytes, also where someone else asked.
func TestTwoRendersOfAStatementAreTheSameBytes(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: certifying(`"yes"`)})
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	var before []byte
	for _, name := range []string{"ada", "lea"} {
		data, _ := stated(t, e, name, grant.Engagement, false)
		file := must(statement.Read(data))
		page := must(file.Sheet().PDF())
		if !bytes.HasPrefix(page, []byte("%PDF-1")) || before != nil && !bytes.Equal(page, before) {
			t.Errorf("the PDF of %s is another", name)
		}
		before = page
		text := must(file.Sheet().Text())
		for _, says := range []string{"Access statement: a test", "asked and given", "tokens in all 1000 tokens", "0 calls were served or begun", string(file.Digest)} {
			if !strings.Contains(text, says) {
				t.Errorf("in words it does not say %q:\n%s", says, text)
			}
		}
	}
}
