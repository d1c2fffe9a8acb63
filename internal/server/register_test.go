package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// registering puts the clause of the public register, with these values, and a question for it, into the pathway of the tests.
func registering(values string) func(lab.Files) {
	return func(files lab.Files) {
		text := strings.Replace(string(files["pathways/test.yaml"]), "  - {clause: purpose}\n", "  - {clause: purpose}\n  - {clause: public-register, values: {"+values+"}}\n", 1)
		files["pathways/test.yaml"] = []byte(strings.Replace(text, "questions:\n", "questions:\n  - {name: summary, ask: What for?, required: false, max_chars: 200}\n", 1))
	}
}

// anonymous asks without a credential, and gives all of an answer that is not of the request alone.
func anonymous(t *testing.T, e *testenv.Env, path string) string {
	t.Helper()
	answer := must(http.Get(e.Client.Base() + path))
	defer answer.Body.Close()
	body := must(io.ReadAll(answer.Body))
	header := answer.Header.Clone()
	id := header.Get("X-Request-Id")
	header.Del("X-Request-Id")
	header.Del("Date")
	return answer.Status + string(must(json.Marshal(header))) + strings.ReplaceAll(string(body), id, "")
}

// registered takes an application with a public summary to a grant, and gives its engagement.
func registered(t *testing.T, e *testenv.Env, summary string) narthex.EngagementID {
	t.Helper()
	ada := e.People["ada"]
	view := must(ada.Draft(t.Context(), client.Draft{Pathway: "test", Title: "a canary of a title", Answers: map[string]string{"why": "a canary of a reason", "summary": summary}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}}))
	view = must(ada.Command(t.Context(), view.Engagement.ID, "submit", client.Command{}))
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		must(e.People[name].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: role, Saw: view.Engagement.Digest}))
	}
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		must(e.People[name].Sign(t, view.Engagement.ID, party))
	}
	return view.Engagement.ID
}

// TestNothingTellsOfAnEmbargoedEngagement to somebody without an account, until the embargo is over: not the register, nor its counts,
// its digest, or a page after it.
func TestNothingTellsOfAnEmbargoedEngagement(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: registering(`shown: after an embargo, embargo_days: "30", organisation: "yes"`)})
	paths := []string{"/v1/register", "/v1/register?limit=1", "/v1/pathways", "/v1/assets"}
	before := map[string]string{}
	for _, path := range paths {
		before[path] = anonymous(t, e, path)
	}
	id := registered(t, e, "To see how it works.")
	e.Clock.Move(2 * time.Minute) // beyond what is kept of the register
	for _, path := range paths {
		if now := anonymous(t, e, path); now != before[path] {
			t.Errorf("%s tells of it:\n%s\n%s", path, before[path], now)
		}
	}
	other := narthex.EngagementID("eng_" + strings.Repeat("a", len(id)-4))
	if hidden, absent := anonymous(t, e, "/v1/register?after="+string(id)), anonymous(t, e, "/v1/register?after="+string(other)); hidden != absent || !strings.HasPrefix(hidden, "404") {
		t.Errorf("to come after it is another than to come after nothing:\n%s\n%s", hidden, absent)
	}
	e.Clock.Move(30*24*time.Hour - 10*time.Minute)
	if now := anonymous(t, e, "/v1/register"); now != before["/v1/register"] {
		t.Errorf("in the last minutes of the embargo: %s", now)
	}
	e.Clock.Move(20 * time.Minute)
	page := must(e.Client.Register(t.Context(), client.Page{}))
	if len(page.Entries) != 1 || page.Count != 1 || page.Entries[0].Engagement != id || page.Entries[0].Organisation != "Institute" || page.Entries[0].Summary != "To see how it works." ||
		len(page.Entries[0].Access) != 1 || page.Entries[0].Level == "" || page.Entries[0].People != nil {
		t.Errorf("when it is over: %+v", page)
	}
}

// TestTheRegisterShowsWhatWasAgreedAndNoMore: nobody's name and no organisation unless it was agreed, no title, reason or asset; the
// works that were published; page by page. An agreement without the clause, or that is itself secret, is not in it.
func TestTheRegisterShowsWhatWasAgreedAndNoMore(t *testing.T) {
	for _, c := range []struct {
		values      string
		org, people bool
	}{{`organisation: "no"`, false, false}, {`names: "yes"`, true, true}} {
		e := testenv.New(t, testenv.Options{Files: registering(c.values)})
		first := registered(t, e, "One.")
		second := registered(t, e, "Two.")
		must(e.People["ada"].SubmitManuscript(t.Context(), first, client.ManuscriptSubmit{Title: "a canary of a paper", Digest: textDigest("x"), Size: 1}))
		must(e.People["ada"].OnManuscript(t.Context(), first, 1, "publish", client.ManuscriptCommand{Reference: "10.1234/probes.5", Saw: textDigest("x")}))
		must(e.People["ada"].Command(t.Context(), second, "end", client.Command{Text: "done"}))
		e.Clock.Move(2 * time.Minute)
		one := must(e.Client.Register(t.Context(), client.Page{Limit: 1}))
		two := must(e.Client.Register(t.Context(), client.Page{Limit: 1, After: one.Next}))
		if len(one.Entries) != 1 || len(two.Entries) != 1 || two.Next != "" || one.Digest != two.Digest || one.Count != 2 {
			t.Fatalf("%+v\n%+v", one, two)
		}
		a, b := one.Entries[0], two.Entries[0]
		if a.Engagement != first || a.State != "in force" || len(a.Published) != 1 || a.Published[0] != "10.1234/probes.5" || b.Engagement != second || b.State != "ended" || len(b.Published) != 0 {
			t.Errorf("%+v\n%+v", a, b)
		}
		told := must(json.Marshal([]client.Register{one, two}))
		for text, is := range map[string]bool{"Institute": c.org, "Ada": c.people, "canary": false, "Otto": false, `"model"`: false, string(e.People["ada"].ID): false} {
			if bytes.Contains(told, []byte(text)) != is {
				t.Errorf("with %s it tells of %s: %v", c.values, text, !is)
			}
		}
	}
	plain := testenv.New(t, testenv.Options{})
	plain.Grant(t, "", testenv.Tokens(10, nil))
	plain.Clock.Move(2 * time.Minute)
	if page := must(plain.Client.Register(t.Context(), client.Page{})); len(page.Entries) != 0 || page.Count != 0 {
		t.Errorf("without the clause: %+v", page)
	}
}

// TestTheCatalogueShowsWhatMayBeAskedForAndNothingElse: of what a pathway offers its name and kind; its title where the directory says
// that it is public; of an asset that is hidden nothing.
func TestTheCatalogueShowsWhatMayBeAskedForAndNothingElse(t *testing.T) {
	list := func(change func(lab.Files)) (client.Catalogue, string) {
		e := testenv.New(t, testenv.Options{Files: change})
		return must(e.Client.Catalogue(t.Context())), anonymous(t, e, "/v1/assets")
	}
	found, text := list(nil)
	if len(found.Assets) != 1 || found.Assets[0].Name != "model" || found.Assets[0].Kind != "model" || found.Assets[0].Title != "" || found.Assets[0].Versions != nil || len(found.Assets[0].Offered) == 0 {
		t.Errorf("%+v", found)
	}
	for _, hidden := range []string{"hidden", "owner", "upstream", "lifetime", "label", testenv.Credential} {
		if strings.Contains(text, hidden) {
			t.Errorf("it tells %q: %s", hidden, text)
		}
	}
	if _, without := list(func(files lab.Files) { delete(files, "assets/hidden.yaml") }); without != text {
		t.Errorf("a hidden asset is not as an absent one:\n%s\n%s", text, without)
	}
	found, _ = list(func(files lab.Files) {
		files["assets/hidden.yaml"] = append(files["assets/hidden.yaml"], []byte("\npublic: true\n")...)
	})
	if len(found.Assets) != 2 || found.Assets[0].Name != "hidden" || found.Assets[0].Title == "" {
		t.Errorf("an asset that is public: %+v", found)
	}
}
