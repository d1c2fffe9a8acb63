package server_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"narthex"
	"narthex/internal/lab"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// inception gives the ledger's first entry.
func inception(t *testing.T, e *testenv.Env) ledger.Opening {
	t.Helper()
	var export bytes.Buffer
	if err := e.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(export.Bytes()) {
		var entry struct {
			Opening json.RawMessage `json:"opening"`
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		if len(entry.Opening) == 0 {
			continue
		}
		var opening ledger.Opening
		if err := opening.UnmarshalJSON(entry.Opening); err != nil {
			t.Fatal(err)
		}
		return opening
	}
	t.Fatal("the ledger is empty")
	return ledger.Opening{}
}

// TestASingleCustodianIsSaidEverywhereAndEndsForGood: one approval opens the lab; that stands in the inception entry and on each
// agreement's cover; with a second custodian it is over and does not come back.
func TestASingleCustodianIsSaidEverywhereAndEndsForGood(t *testing.T) {
	const two = "handle: dan, name: Dan, email: dan@lab.test, roles: [custodian, signatory]"
	single := func(files lab.Files) {
		text := strings.Replace(string(files["lab.yaml"]), two, strings.Replace(two, "custodian, ", "", 1), 1)
		files["lab.yaml"] = []byte(strings.Replace(text, "people:", "single_custodian: true\npeople:", 1))
	}
	e := testenv.New(t, testenv.Options{Files: single}) // which is open with carol's approval alone
	ctx, carol, dan := t.Context(), e.People["carol"], e.People["dan"]
	cover := func(grant narthex.Grant, suffix string) bool {
		view, err := e.People["ada"+suffix].Agreement(ctx, grant.Engagement)
		if err != nil {
			t.Fatal(err)
		}
		if shown := strings.Contains(view.Markdown, "single custodian"); shown != view.Agreement.SingleCustodian || shown != strings.Contains(view.HTML, "single custodian") {
			t.Errorf("the agreement says %t and its cover %t", view.Agreement.SingleCustodian, shown)
		}
		return view.Agreement.SingleCustodian
	}
	if state, err := carol.Lab(ctx, false); err != nil || !state.Single || state.InForce == "" {
		t.Errorf("with one custodian: %+v %v", state, err)
	}
	if first := inception(t, e); first.Type != narthex.EntryInception || first.Field("single_custodian") != "true" || first.Field("custodians") != "1" {
		t.Errorf("the first entry is %+v", first)
	}
	if grant, _ := e.Grant(t, "", testenv.Tokens(10, nil)); !cover(grant, "") {
		t.Error("an agreement's cover does not say that the lab has a single custodian")
	}
	both, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	put := func(files lab.Files) {
		t.Helper()
		if _, err := carol.Propose(ctx, files); err != nil {
			t.Fatal(err)
		}
		if _, err := carol.ApproveLab(ctx, files.Digest()); err != nil {
			t.Fatal(err)
		}
	}
	put(both)
	if state, err := dan.Lab(ctx, false); err != nil || state.Single || state.InForce != both.Digest() {
		t.Fatalf("with a second custodian: %+v %v", state, err)
	}
	e.Outsiders(t, "2", "Second")
	if grant, _ := e.Grant(t, "2", testenv.Tokens(10, nil)); cover(grant, "2") {
		t.Error("an agreement's cover still says that the lab has a single custodian")
	}
	alone, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	single(alone)
	if _, err := carol.Propose(ctx, alone); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a lab of two custodians goes back to one: %v", err)
	}
	next, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	next["guardrails/test.cedar"] = []byte("@id(\"x\")\nforbid (principal, action, resource);\n")
	put(next)
	if state, err := carol.Lab(ctx, false); err != nil || state.InForce != both.Digest() {
		t.Errorf("one of two custodians put a directory in force alone: %+v %v", state, err)
	}
}
