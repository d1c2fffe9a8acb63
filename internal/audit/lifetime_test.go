package audit_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/ledger"
	"narthex/policy"
)

// bulky is the test lab with a model that is held by its size.
func bulky(files lab.Files) {
	text := string(files["assets/model.yaml"])
	for _, part := range [][2]string{{"lifetime_bytes: 0", "lifetime_bytes: 1000000000"}, {"bytes: 1000000\n", "bytes: 1000000000000\n"}, {"[behav, small]", "[behav, bulk]"}} {
		text = strings.Replace(text, part[0], part[1], 1)
	}
	files["assets/model.yaml"] = []byte(text)
}

// scoredTerms are terms under which a token with its log-probability carries 15 bits.
func scoredTerms() []narthex.Term {
	none := narthex.NumberValue(0)
	return []narthex.Term{testenv.Tokens(1e5, nil), testenv.Term("model.logprobs", map[narthex.LimitName]narthex.Value{"top_k": none, "decimals": none})}
}

const scoredBody = `{"model":"model","messages":[{"role":"user","content":"hello"}],"max_tokens":8,"logprobs":true}`

// scoredCall makes a call with eight log-probabilities that the model tells, which carry 15 bytes.
func scoredCall(t testing.TB, e *testenv.Env, key string) {
	t.Helper()
	e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"aaaaaaaa"},"logprobs":{"content":[`+
			strings.TrimSuffix(strings.Repeat(`{"token":"a","logprob":-1,"bytes":null,"top_logprobs":[]},`, 8), ",")+`]},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":8,"total_tokens":15}}`)
	})
	if status, text, err := e.Chat(t.Context(), key, scoredBody); err != nil || status != http.StatusOK {
		t.Fatal(status, text, err)
	}
}

// accountIn gives the model's account as it is stored, or nil.
func accountIn(t testing.TB, s store.Store) (account *policy.Account) {
	t.Helper()
	must(t, s.View(t.Context(), func(r store.Reader) error {
		value, err := r.Get(store.Accounts, policy.AssetHolder("model"))
		if err != nil || value == nil {
			return err
		}
		account = &policy.Account{}
		return json.Unmarshal(value, account)
	}))
	return account
}

func differs(report client.Audit, what, key string) bool {
	return slices.ContainsFunc(report.Differences, func(d client.Difference) bool {
		return d.What == what && d.Table == string(store.Accounts) && d.Key == key
	})
}

// earlierCall appends a call as a program left it that kept no account of assets: its intent like one that is there, and its outcome
// with so many tokens, or none where it is still open.
func earlierCall(t testing.TB, tx *journal.Tx, engine *policy.Engine, like ledger.Opening, tokens *int64) {
	t.Helper()
	var holds []policy.Hold
	var uses []narthex.Use
	must(t, json.Unmarshal([]byte(like.Field("reserved")), &holds))
	must(t, json.Unmarshal([]byte(like.Field("uses")), &uses))
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, like.Text("grant"))
	must(t, err)
	account, err := journal.Get[policy.Account](tx, store.Accounts, like.Text("grant"))
	must(t, err)
	q := policy.Question{Asset: narthex.Asset{Name: "model"}, Uses: uses, Now: tx.Now(), Layers: []policy.Layer{{Holder: string(grant.ID), Terms: grant.Terms, Account: *account}}}
	next, hold := engine.Again(q, 0, holds[0])
	form, err := canon.JSON([]policy.Hold{hold})
	must(t, err)
	directory, err := journal.Get[struct {
		InForce string `json:"in_force"`
	}](tx, store.Meta, "directory")
	must(t, err)
	fields := slices.Clone(like.Fields)
	entry := make([]narthex.Field, len(fields))
	for i, field := range fields {
		switch entry[i] = field; field.Name {
		case "reserved":
			entry[i] = narthex.CanonicalField("reserved", string(form))
		case "directory":
			entry[i] = narthex.TextField("directory", directory.InForce)
		}
	}
	index, err := tx.AppendIntent(entry...)
	must(t, err)
	if tokens != nil {
		used := []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.Tokens, Amount: *tokens}}
		next = next.Settle(hold, used)
		form, err := canon.JSON(used)
		must(t, err)
		_, err = tx.AppendOutcome(index, narthex.TextField("grant", grant.ID), narthex.TextField("status", "served"), narthex.CanonicalField("used", string(form)), narthex.TextField("answer", narthex.MakeDigest([32]byte{})))
		must(t, err)
	}
	must(t, journal.Put(tx, store.Accounts, string(grant.ID), &next))
}

// TestWhatAnEarlierProgramLetOutIsCountedAtTheStart: a store without accounts of assets gets them, with what its calls carried by what
// they settled, and in full where that is not known or they are still open. Once an entry tells of the account it is never made anew.
func TestWhatAnEarlierProgramLetOutIsCountedAtTheStart(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	e.Tampered = true // the calls of another program are not decided again as they were
	_, key := e.Grant(t, "", scoredTerms()...)
	scoredCall(t, e, key)
	files, err := testenv.Files(e.Model.URL)
	must(t, err)
	bulky(files)
	state, err := e.People["olga"].Propose(t.Context(), files)
	must(t, err)
	for _, name := range []string{"carol", "dan"} {
		_, err = e.People[name].ApproveLab(t.Context(), state.Proposed)
		must(t, err)
	}
	s, logKey := stopped(t, e)
	engine, like := engineOf(t), lastIntent(t, s)
	j, err := journal.Open(t.Context(), s, journal.Config{Clock: e.Clock.Now, Random: rand.Reader, Signer: signerOf(t, e)})
	must(t, err)
	few, many, unknown := int64(4), int64(300), int64(-1)
	must(t, j.Update(t.Context(), func(tx *journal.Tx) error {
		for _, tokens := range []*int64{&few, &many, &unknown, nil} {
			earlierCall(t, tx, engine, like, tokens)
		}
		return nil
	}))
	must(t, j.Close())
	const want = 8 + 15 + 15 + 15 // 4 tokens are 60 bits, and eight tokens are what each could carry
	if report := audited(t, s, logKey); len(report.Differences) != 1 || !differs(report, "row_missing", "asset/model") {
		show(t, report.Differences)
		t.Fatal("an account that is not there is not named")
	}
	stands := func(used int64) {
		t.Helper()
		account := accountIn(t, s)
		if account == nil || len(account.Budgets) != 1 || account.Budgets[0].Budget.Used != used || account.Budgets[0].Budget.Reserved != 0 {
			t.Fatalf("the account stands at %+v, and not at %d", account, used)
		}
		if report := audited(t, s, logKey); len(report.Differences) != 0 {
			show(t, report.Differences)
			t.Fatal("it is not what the entries say")
		}
	}
	must(t, watchOf(t, e, s, io.Discard).Start(t.Context()))
	stands(want)
	must(t, s.Close())
	e.Start(t) // it closes the call that was open
	again(t, e)
	if open := len(openCalls(t, e)); open != 0 {
		t.Fatalf("%d calls are open", open)
	}
	view, err := e.People["sam"].Horizon(t.Context(), "model")
	must(t, err)
	if view.Lifetime == nil || view.Lifetime.Used != want || view.Lifetime.Reserved != 0 {
		t.Fatalf("the lab sees %+v", view.Lifetime)
	}
	scoredCall(t, e, key)
	s, _ = stopped(t, e)
	stands(want + 15)
	writeRow(t, s, store.Accounts, "asset/model", nil)
	if err := watchOf(t, e, s, io.Discard).Start(t.Context()); !narthex.IsKind(err, narthex.Conflict) {
		t.Fatalf("an account that was taken away is made anew: %v", err)
	}
}

// lastIntent gives the last call that was admitted.
func lastIntent(t testing.TB, s store.Store) (intent ledger.Opening) {
	t.Helper()
	must(t, s.View(t.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		must(t, err)
		return journal.EachEntry(r, 0, head.Size, func(_ uint64, _ ledger.Record, o ledger.Opening) error {
			if o.Type == narthex.EntryCallIntent {
				intent = o
			}
			return nil
		})
	}))
	return intent
}

// TestACallThatACrashLeftOpenCostsItsAssetWhatItReserved: nobody knows what it carried, and the next start charges all of it.
func TestACallThatACrashLeftOpenCostsItsAssetWhatItReserved(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: bulky})
	_, key := e.Grant(t, "", scoredTerms()...)
	scoredCall(t, e, key)
	s, _ := stopped(t, e)
	like := lastIntent(t, s)
	j, err := journal.Open(t.Context(), s, journal.Config{Clock: e.Clock.Now, Random: rand.Reader, Signer: signerOf(t, e)})
	must(t, err)
	must(t, j.Update(t.Context(), func(tx *journal.Tx) error {
		var holds []policy.Hold
		must(t, json.Unmarshal([]byte(like.Field("reserved")), &holds))
		for _, hold := range holds {
			account, err := journal.Get[policy.Account](tx, store.Accounts, hold.Holder)
			must(t, err)
			next := policy.Account{Budgets: slices.Clone(account.Budgets), Rates: account.Rates, Open: slices.Clone(account.Open)}
			for _, taken := range hold.Budgets {
				at := slices.IndexFunc(next.Budgets, func(l policy.Line) bool { return l.Key == taken.Key })
				next.Budgets[at].Budget.Reserved += taken.Amount
			}
			for _, opened := range hold.Opened {
				at := slices.IndexFunc(next.Open, func(c policy.Count) bool { return c.Attribute == opened.Attribute })
				next.Open[at].N++
			}
			must(t, journal.Put(tx, store.Accounts, hold.Holder, &next))
		}
		_, err := tx.AppendIntent(like.Fields...)
		return err
	}))
	must(t, j.Close())
	if budget := accountIn(t, s).Budgets[0].Budget; budget.Used != 15 || budget.Reserved != 15 {
		t.Fatalf("while it is open the account stands at %+v", budget)
	}
	must(t, s.Close())
	e.Start(t)
	again(t, e)
	view, err := e.People["sam"].Horizon(t.Context(), "model")
	must(t, err)
	if view.Lifetime == nil || view.Lifetime.Used != 30 || view.Lifetime.Reserved != 0 {
		t.Errorf("after the start the account stands at %+v", view.Lifetime)
	}
}

func engineOf(t testing.TB) *policy.Engine {
	t.Helper()
	taxonomy, err := lab.Taxonomy()
	must(t, err)
	none, _ := policy.ParseGuardrails(nil)
	engine, err := policy.NewEngine(taxonomy, none)
	must(t, err)
	return engine
}

func openCalls(t testing.TB, e *testenv.Env) []narthex.CallID {
	t.Helper()
	var export bytes.Buffer
	must(t, e.People["lea"].Export(t.Context(), &export))
	report, err := ledger.Verify(&export, e.Node.LogKey())
	must(t, err)
	return report.Open
}

// TestAnAccountThatWasLoweredIsNamed: whoever writes that less of an asset was let out is found, also where openings of some who took
// of it were erased: then at least what the others took stands.
func TestAnAccountThatWasLoweredIsNamed(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: bulky})
	e.Tampered = true
	_, key := e.Grant(t, "", scoredTerms()...)
	e.Outsiders(t, "2", "Second")
	_, other := e.Grant(t, "2", scoredTerms()...)
	scoredCall(t, e, key)
	scoredCall(t, e, other)
	s, logKey := stopped(t, e)
	const holder = "asset/model"
	account := accountIn(t, s)
	set := func(used int64) client.Audit {
		t.Helper()
		changed := policy.Account{Budgets: slices.Clone(account.Budgets)}
		changed.Budgets[0].Budget.Used = used
		row, err := json.Marshal(changed)
		must(t, err)
		writeRow(t, s, store.Accounts, holder, row)
		return audited(t, s, logKey)
	}
	if report := set(30); len(report.Differences) != 0 {
		show(t, report.Differences)
		t.Fatal("the account as it was written is not what the entries say")
	}
	for _, used := range []int64{0, 29, 31} {
		if !differs(set(used), "row_differs", holder) {
			t.Errorf("%d used where 30 are is not named", used)
		}
	}
	moved := policy.Account{Budgets: []policy.Line{account.Budgets[0], account.Budgets[0]}}
	moved.Budgets[0].Budget.Used, moved.Budgets[1].Budget.Used, moved.Budgets[1].Key.Attribute = 20, 10, "output.release"
	row, err := json.Marshal(moved)
	must(t, err)
	writeRow(t, s, store.Accounts, holder, row)
	if !differs(audited(t, s, logKey), "row_differs", holder) {
		t.Error("log-probabilities that stand as released are not named")
	}
	gone, indexes := map[uint64]bool{}, []uint64{}
	must(t, s.View(t.Context(), func(r store.Reader) error {
		head, err := journal.ReadHead(r)
		must(t, err)
		return journal.EachEntry(r, 0, head.Size, func(index uint64, _ ledger.Record, o ledger.Opening) error {
			if o.Type == narthex.EntryCallIntent && strings.Contains(o.Field("facts"), string(e.People["ada"].ID)) {
				gone[index], indexes = true, append(indexes, index)
			}
			return nil
		})
	}))
	list, err := canon.JSON(indexes)
	must(t, err)
	appendEntry(t, e, s, narthex.EntryOpeningsErased, narthex.TextField("person", e.People["ada"].ID), narthex.TextField("by", e.People["carol"].ID), narthex.TextField("reason", "a test"), narthex.CanonicalField("entries", string(list)))
	erase(t, s, gone)
	for used, named := range map[int64]bool{30: false, 15: false, 14: true} {
		if report := set(used); differs(report, "row_differs", holder) != named {
			show(t, report.Differences)
			t.Errorf("with one of two erased %d used is named: %v", used, !named)
		}
	}
	none, foreign := policy.Account{}, policy.Account{Budgets: append(slices.Clone(account.Budgets), account.Budgets[0])}
	foreign.Budgets[1].Key.Asset = "another"
	for name, spoiled := range map[string]policy.Account{"no line": none, "a line of another asset": foreign} {
		row, err := json.Marshal(spoiled)
		must(t, err)
		writeRow(t, s, store.Accounts, holder, row)
		if !differs(audited(t, s, logKey), "row_differs", holder) {
			t.Errorf("with one of two erased %s is not named", name)
		}
	}
}
