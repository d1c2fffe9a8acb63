package audit_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// history lets much happen at a node: people come and go, a directory changes, grants with and without keys of their own are
// used, denied, locked, ended, over a change of the day.
func history(t testing.TB, o testenv.Options) *testenv.Env {
	t.Helper()
	e := testenv.New(t, hosted(t, sited(papered(o))))
	keyed(t, e)
	bound(t, e)
	studied(t, e)
	_, key := e.Grant(t, "", testenv.Tokens(1_000_000, map[narthex.LimitName]narthex.Value{"tokens_per_day": narthex.NumberValue(5000), "rate": narthex.NumberValue(60), "concurrency": narthex.NumberValue(3), "actor_kinds": narthex.NamesValue("human", "agent")}),
		testenv.Term("model.system_prompt", nil), testenv.Term("model.checkpoints", nil))
	use(t, e, key)
	agent(t, e)
	locks(t, e, key)
	e.Clock.Move(24 * time.Hour)
	again(t, e)
	use(t, e, key)
	directory(t, e)
	use(t, e, key)
	leave(t, e, key)
	return e
}

// papered adds a pathway that accepts an outside document.
func papered(o testenv.Options) testenv.Options {
	before := o.Files
	o.Files = func(f lab.Files) {
		if before != nil {
			before(f)
		}
		f["lab.yaml"] = bytes.Replace(f["lab.yaml"], []byte("email: sam@lab.test, roles: [security]"), []byte("email: sam@lab.test, roles: [security, legal]"), 1)
		paper := bytes.Replace(f["pathways/test.yaml"], []byte("name: test\n"), []byte("name: paper\n"), 1)
		f["pathways/paper.yaml"] = bytes.Replace(paper, []byte("  - {role: security, quorum: 1}\nclauses:\n"), []byte("  - {role: legal, quorum: 1}\nclauses:\n  - {clause: signature, values: {outside: accepted}}\n"), 1)
	}
	return o
}

// bound has an outside document bound to an agreement that is offered.
func bound(t testing.TB, e *testenv.Env) {
	t.Helper()
	view, err := e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "paper", Title: "on paper", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}})
	must(t, err)
	id := view.Engagement.ID
	view, err = e.People["ada"].Command(t.Context(), id, "submit", client.Command{})
	must(t, err)
	for _, as := range []struct {
		name string
		role narthex.Role
	}{{"olga", narthex.AssetOwner}, {"sam", narthex.Legal}} {
		view, err = e.People[as.name].Command(t.Context(), id, "approve", client.Command{As: as.role, Saw: view.Engagement.Digest})
		must(t, err)
	}
	_, err = e.People["sam"].Command(t.Context(), id, "bind", client.Command{Saw: view.Engagement.Agreement, Outside: []byte("%PDF-1.7\n%%EOF\n")})
	must(t, err)
}

const told = `{"model":"model","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}],"max_tokens":5}`

// use makes calls of every kind: allowed, denied by a term, by a guardrail, withheld, unread.
func use(t testing.TB, e *testenv.Env, key string) {
	t.Helper()
	e.Model.Handle(nil)
	for _, body := range []string{testenv.Hello, told, `{"model":"model","messages":[{"role":"user","content":"hello"}],"max_tokens":7}`,
		`{"model":"model","messages":[{"role":"user","content":"hello"}],"max_tokens":5000}`, `{"model":"hidden","messages":[{"role":"user","content":"hello"}]}`, `{"model":"nothing","messages":[]}`, `{"`,
		`{"model":"model@early","messages":[{"role":"user","content":"hello"}]}`,
		`{"model":"model","stream":true,"messages":[{"role":"user","content":"hello"}],"max_tokens":5}`} {
		if _, _, err := e.Chat(t.Context(), key, body); err != nil {
			t.Fatal(err)
		}
	}
	e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	if status, _, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status == 200 {
		t.Fatal(status, err)
	}
	e.Model.Handle(nil)
	if _, err := e.Client.With(key).Models(t.Context()); err != nil && narthex.AsError(err).Kind != narthex.Refused {
		t.Fatal(err)
	}
	_, err := e.Client.With(key).OwnGrant(t.Context())
	must(t, err)
}

func grantOf(t testing.TB, e *testenv.Env, name string) narthex.Grant {
	t.Helper()
	list, err := e.People[name].Grants(t.Context(), client.Page{})
	must(t, err)
	at := slices.IndexFunc(list.Grants, func(g narthex.Grant) bool { return slices.Contains(g.Persons, e.People[name].ID) && !g.Ended })
	return list.Grants[at]
}

// agent mints a key with terms of its own, uses it up to its budget and for a checkpoint that its grant shows and it does not,
// and revokes it.
func agent(t testing.TB, e *testenv.Env) {
	t.Helper()
	ada, grant := e.People["ada"], grantOf(t, e, "ada")
	minted, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "agent", Actor: narthex.Agent, Hours: 2, Terms: []narthex.Term{testenv.Tokens(1500, nil)}})
	must(t, err)
	use(t, e, minted.Token)
	use(t, e, minted.Token)
	_, err = ada.RevokeKey(t.Context(), minted.Key.ID)
	must(t, err)
}

// locks sets locks on several subjects and lifts some.
func locks(t testing.TB, e *testenv.Env, key string) {
	t.Helper()
	grant := grantOf(t, e, "ada")
	for _, in := range []client.LockRequest{{Subject: "asset", Target: "model", Reason: "maintenance"}, {Subject: "grant", Target: string(grant.ID), Reason: "safety", Note: "we look"},
		{Subject: "org", Target: string(grant.Org), Reason: "incident"}} {
		locked, err := e.People["sam"].Lock(t.Context(), in)
		must(t, err)
		use(t, e, key)
		_, err = e.People["carol"].Unlock(t.Context(), locked.Lock.ID)
		must(t, err)
	}
	_, err := e.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "hidden", Reason: "legal_order"})
	must(t, err)
}

// again gives everyone a session anew: the clock went on.
func again(t testing.TB, e *testenv.Env) {
	t.Helper()
	for _, p := range e.People {
		session, err := e.Client.Login(t.Context(), p.Login)
		must(t, err)
		p.Client = e.Client.With(session.Token)
	}
}

// directory puts another lab directory in force, in which somebody is missing.
func directory(t testing.TB, e *testenv.Env) {
	t.Helper()
	files, err := testenv.Files(e.Model.URL)
	must(t, err)
	files["guardrails/more.cedar"] = []byte("@id(\"no-nine\")\nforbid (principal, action, resource) when { context has max_tokens && context.max_tokens == 9 };\n")
	files["lab.yaml"] = []byte(string(files["lab.yaml"]) + "  - {handle: nora, name: Nora, email: nora@lab.test, roles: [legal], region: de}\n")
	state, err := e.People["olga"].Propose(t.Context(), files)
	must(t, err)
	for _, name := range []string{"carol", "dan"} {
		_, err = e.People[name].ApproveLab(t.Context(), state.Proposed)
		must(t, err)
	}
	delete(files, "guardrails/more.cedar")
	_, err = e.People["olga"].Propose(t.Context(), files)
	must(t, err)
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Handle: "nora"})
	must(t, err)
	if invited.Code == "" {
		t.Fatal("no code")
	}
}

// leave ends the grant, suspends a person, ends a session and a signing key.
func leave(t testing.TB, e *testenv.Env, key string) {
	t.Helper()
	e.Outsiders(t, "2", "Second")
	e.Authorise(t, "otto2", "ada2", 30)
	_, second := e.Grant(t, "2", testenv.Tokens(1000, nil))
	use(t, e, second)
	e.Authorise(t, "otto", "ada", 30)
	_, err := e.People["otto"].Unauthorise(t.Context(), e.People["ada"].ID)
	must(t, err)
	_, err = e.People["carol"].Suspend(t.Context(), e.People["ada2"].ID, "a test")
	must(t, err)
	use(t, e, second)
	grant := grantOf(t, e, "ada")
	_, err = e.People["ada"].Command(t.Context(), grant.Engagement, "end", client.Command{Text: "done"})
	must(t, err)
	use(t, e, key)
	who, err := e.People["ada"].WhoAmI(t.Context())
	must(t, err)
	_, err = e.People["ada"].RevokeSigner(t.Context(), who.Signers[0].Fingerprint)
	must(t, err)
	must(t, e.People["ada"].Logout(t.Context()))
}

// stopped ends a node and opens its store.
func stopped(t testing.TB, e *testenv.Env) (store.Store, string) {
	t.Helper()
	must(t, e.Node.Close())
	s, err := sqlite.Open(t.Context(), e.Config().Data)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, e.Node.LogKey()
}

func audited(t testing.TB, s store.Store, key string) client.Audit {
	t.Helper()
	report, err := audit.Once(t.Context(), s, key, time.Now)
	must(t, err)
	return report
}

func show(t testing.TB, list []client.Difference) {
	t.Helper()
	for _, d := range list {
		t.Log(audit.InWords(d))
	}
}

// altered is a reader under which one row is another, or is absent.
type altered struct {
	store.Reader
	table store.Table
	key   string
	value []byte // nil where it is absent
}

func (a altered) Get(table store.Table, key string) ([]byte, error) {
	if table == a.table && key == a.key {
		return a.value, nil
	}
	return a.Reader.Get(table, key)
}

func (a altered) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	if table != a.table {
		return a.Reader.Scan(table, span)
	}
	wide := span
	wide.Limit++
	rows, err := a.Reader.Scan(table, wide)
	rows = slices.DeleteFunc(rows, func(r store.Row) bool { return r.Key == a.key })
	if a.value != nil && a.key >= span.From && (span.To == "" || a.key < span.To) {
		rows = append(rows, store.Row{Key: a.key, Value: a.value})
	}
	slices.SortFunc(rows, func(x, y store.Row) int { return strings.Compare(x.Key, y.Key) })
	if span.Reverse {
		slices.Reverse(rows)
	}
	return rows[:min(len(rows), span.Limit)], err
}

// frozen is the rows of a store, in memory.
type frozen map[store.Table][]store.Row

func freeze(t testing.TB, s store.Store) frozen {
	t.Helper()
	all := frozen{}
	must(t, s.View(t.Context(), func(r store.Reader) error {
		for _, table := range store.Tables() {
			all[table] = rowsOf(t, r, table)
		}
		return nil
	}))
	return all
}

func (f frozen) find(table store.Table, key string) (int, bool) {
	return slices.BinarySearchFunc(f[table], key, func(r store.Row, key string) int { return strings.Compare(r.Key, key) })
}

func (f frozen) Get(table store.Table, key string) ([]byte, error) {
	if at, here := f.find(table, key); here {
		return f[table][at].Value, nil
	}
	return nil, nil
}

func (f frozen) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	from, _ := f.find(table, span.From)
	to := len(f[table])
	if span.To != "" {
		to, _ = f.find(table, span.To)
	}
	rows := slices.Clone(f[table][from:max(from, to)])
	if span.Reverse {
		slices.Reverse(rows)
	}
	return rows[:min(len(rows), span.Limit)], nil
}

// rowsOf gives every row of a table.
func rowsOf(t testing.TB, r store.Reader, table store.Table) []store.Row {
	t.Helper()
	rows, err := r.Scan(table, store.Span{Limit: 100_000})
	must(t, err)
	return rows
}

// compared folds what a reader has and compares it.
func compared(t testing.TB, r store.Reader, key string) client.Audit {
	t.Helper()
	f, err := audit.NewFold()
	must(t, err)
	head, err := journal.ReadHead(r)
	must(t, err)
	must(t, f.Entries(r, head.Size))
	report, err := f.Compare(r, head, key)
	must(t, err)
	return report
}
