package server_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// colleague brings in a person of ada's organisation who works in a region, and who applies and signs as "ada" and "otto" with the suffix.
func colleague(t *testing.T, e *testenv.Env, suffix, region string) {
	t.Helper()
	who, err := e.People["ada"].WhoAmI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "Bea", Email: "bea@x.test", Org: who.Person.Org, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	bea := &testenv.Person{}
	for _, key := range []*ed25519.PrivateKey{&bea.Login, &bea.Signer} {
		if *key, err = client.NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	session, err := e.Client.Redeem(t.Context(), invited.Code, bea.Login)
	if err != nil {
		t.Fatal(err)
	}
	bea.Client, bea.ID = e.Client.With(session.Token), session.Person.ID
	if _, err := bea.EnrollSigner(t.Context(), bea.Signer); err != nil {
		t.Fatal(err)
	}
	e.People["ada"+suffix], e.People["otto"+suffix] = bea, e.People["otto"]
}

// offered takes terms through the workflow for a person until only the lab's signature is missing.
func offered(t *testing.T, e *testenv.Env, suffix string, terms ...narthex.Term) narthex.EngagementID {
	t.Helper()
	view, err := e.People["ada"+suffix].Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: terms})
	if err != nil {
		t.Fatal(err)
	}
	id := view.Engagement.ID
	if view, err = e.People["ada"+suffix].Command(t.Context(), id, "submit", client.Command{}); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		if _, err := e.People[name].Command(t.Context(), id, "approve", client.Command{As: role, Saw: view.Engagement.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	for name, party := range map[string]narthex.PartyRole{"ada" + suffix: narthex.PartyResearcher, "otto" + suffix: narthex.PartyInstitution} {
		if _, err := e.People[name].Sign(t, id, party); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// older is a store in which one grant gives model.logit_bias where it was signed for model.seed, from when its grant is set: as one
// would that was signed before the two excluded each other.
type older struct {
	store.Store
	grant atomic.Pointer[narthex.GrantID]
}

func (o *older) View(ctx context.Context, read func(store.Reader) error) error {
	return o.Store.View(ctx, func(r store.Reader) error { return read(olderReader{r, o}) })
}

func (o *older) Update(ctx context.Context, change func(store.Tx) error) error {
	return o.Store.Update(ctx, func(tx store.Tx) error { return change(olderTx{tx, olderReader{tx, o}}) })
}

type olderReader struct {
	store.Reader
	of *older
}

func (r olderReader) Get(table store.Table, key string) ([]byte, error) {
	row, err := r.Reader.Get(table, key)
	if id := r.of.grant.Load(); id != nil && table == store.Grants && key == string(*id) {
		row = bytes.Replace(row, []byte(`"model.seed"`), []byte(`"model.logit_bias"`), 1)
	}
	return row, err
}

// Scan finds the grant in the list of those that give what it is said to give.
func (r olderReader) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	const signed, said = "/model.seed/", "/model.logit_bias/"
	if r.of.grant.Load() == nil || table != store.Listings || !strings.Contains(span.From, said) {
		return r.Reader.Scan(table, span)
	}
	span.From, span.To = strings.Replace(span.From, said, signed, 1), strings.Replace(span.To, said, signed, 1)
	rows, err := r.Reader.Scan(table, span)
	for i := range rows {
		rows[i].Key = strings.Replace(rows[i].Key, signed, said, 1)
	}
	return rows, err
}

type olderTx struct {
	store.Tx
	reader olderReader
}

func (t olderTx) Get(table store.Table, key string) ([]byte, error) { return t.reader.Get(table, key) }

func (t olderTx) Scan(table store.Table, span store.Span) ([]store.Row, error) {
	return t.reader.Scan(table, span)
}

// TestWhatAColleagueHoldsExcludesToo: at submission, with the last signature, and at each call, where both are held because an
// older grant gives what later came to be excluded.
func TestWhatAColleagueHoldsExcludesToo(t *testing.T) {
	under := &older{}
	e := testenv.New(t, testenv.Options{Wrap: func(s store.Store) store.Store { under.Store = s; return under }})
	e.Tampered = true // the node decided on a grant that nobody signed so, which a replay finds
	colleague(t, e, "2", "fr")
	one := []narthex.Term{testenv.Tokens(1000, nil), testenv.Term("model.logprobs", nil)}
	other := []narthex.Term{testenv.Tokens(1000, nil), testenv.Term("model.logit_bias", nil)}
	own, theirs := offered(t, e, "", other...), offered(t, e, "2", other...)
	_, key := e.Grant(t, "", one...)
	for name, id := range map[string]narthex.EngagementID{"one's own": own, "a colleague's": theirs} {
		if _, err := e.People["dan"].Sign(t, id, narthex.PartyLab); err == nil || !strings.Contains(err.Error(), "may not be held together") {
			t.Errorf("%s agreement on what is excluded was signed: %v", name, err)
		}
	}
	view, err := e.People["ada2"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "x", Answers: map[string]string{"why": "x"}, Terms: other})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.People["ada2"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a colleague submitted what is excluded: %v", err)
	}
	// An older grant of the colleague's: what it gives was no exclusion when it was signed.
	grant, second := e.Grant(t, "2", testenv.Tokens(1000, nil), testenv.Term("model.seed", nil))
	asks := map[string]string{key: say(`"max_tokens":3,"logprobs":true`), second: say(`"max_tokens":3,"logit_bias":{"1":1}`)}
	if status, body, err := e.Chat(t.Context(), key, asks[key]); err != nil || status != 200 {
		t.Errorf("before both are held: %d %s %v", status, body, err)
	}
	if err := e.Node.Close(); err != nil { // so that nothing of the grant is in memory
		t.Fatal(err)
	}
	e.Start(t)
	under.grant.Store(&grant.ID)
	for key, ask := range asks {
		if status, body, err := e.Chat(t.Context(), key, ask); err != nil || status != 403 || !strings.Contains(body, `"code":"excluded"`) {
			t.Errorf("while both are held: %d %s %v", status, body, err)
		}
		if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
			t.Errorf("what neither excludes, while both are held: %d %s %v", status, body, err)
		}
	}
}
