package agreement_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/lab"
)

var update = flag.Bool("update", false, "write the golden files anew")

// input is an agreement's input with fixed values.
func input(t testing.TB) agreement.Input {
	t.Helper()
	files, err := lab.Template()
	if err != nil {
		t.Fatal(err)
	}
	d, problems := lab.Load(files)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	person := narthex.PersonID("per_" + strings.Repeat("a", 26))
	parties := []narthex.Party{
		{Role: narthex.PartyResearcher, Name: "Ada *Outside* <script>", Person: person, Signers: []narthex.PartySigner{{Person: person, Name: "Ada", Fingerprint: "SHA256:a"}}},
		{Role: narthex.PartyInstitution, Name: "Institute", Signers: []narthex.PartySigner{{Person: "per_" + narthex.PersonID(strings.Repeat("b", 25)+"a"), Name: "Otto", Fingerprint: "SHA256:b"}}},
		{Role: narthex.PartyLab, Name: "Lab", Signers: []narthex.PartySigner{{Person: "per_" + narthex.PersonID(strings.Repeat("c", 25)+"a"), Name: "Dan", Fingerprint: "SHA256:c"}}},
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	app := narthex.Application{Engagement: "eng_" + narthex.EngagementID(strings.Repeat("a", 26)), Pathway: "interpretability", Directory: "sha256:d", Title: "A title with [links](http://x), <b>tags</b> and \u202e bidi", Days: 180,
		Terms: []narthex.Term{{Attribute: "model.sample", Asset: "example-model", Limits: map[narthex.LimitName]narthex.Value{"tokens": narthex.NumberValue(1000), "tokens_per_day": narthex.NumberValue(100)}},
			{Attribute: "model.logprobs", Asset: "example-model", Limits: map[narthex.LimitName]narthex.Value{"top_k": narthex.NumberValue(5)}}}}
	votes := []narthex.Vote{{By: "per_x", Approve: true, Saw: "sha256:e"}, {By: "per_y", Approve: true, Saw: "sha256:e"}, {By: "per_y", Approve: true, Saw: "sha256:e"}, {By: "per_z", Saw: "sha256:e"}, {By: "per_w", Approve: true, Saw: "sha256:old"}}
	return agreement.Input{Lab: "Example Lab", Origin: "ledger.lab.example", Engagement: narthex.Engagement{ID: app.Engagement, Application: app, Digest: "sha256:e", Votes: votes}, Pathway: d.Pathways["interpretability"], Clauses: d.Clauses,
		Taxonomy: d.Taxonomy, Parties: parties, NotBefore: start, NotAfter: start.AddDate(0, 0, 180)}
}

func render(t testing.TB, in agreement.Input) (narthex.Agreement, narthex.Digest) {
	t.Helper()
	a, err := agreement.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := agreement.Digest(a)
	if err != nil {
		t.Fatal(err)
	}
	return a, digest
}

func TestTheNoticesStandInEveryAgreement(t *testing.T) {
	in := input(t)
	in.Pathway.Clauses = in.Pathway.Clauses[:1]
	a, _ := render(t, in)
	for _, name := range []narthex.ClauseName{"safe-harbour", "whistleblower-notices", "notice-dtsa", "notice-sb-53", "notice-eu-2019-1937"} {
		if !slices.ContainsFunc(a.Clauses, func(c narthex.AgreedClause) bool { return c.Name == name }) {
			t.Errorf("a pathway that leaves out %s is not given it", name)
		}
	}
	for _, term := range a.Terms {
		if !strings.HasPrefix(term.Clause, "2.") {
			t.Errorf("a term has the clause %q", term.Clause)
		}
	}
}

// TestEveryPathwayThatShipsMakesAnAgreement renders each with the values that it sets and the defaults of all others.
func TestEveryPathwayThatShipsMakesAnAgreement(t *testing.T) {
	in := input(t)
	files, err := lab.Template()
	if err != nil {
		t.Fatal(err)
	}
	d, problems := lab.Load(files)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, pathway := range d.PathwayList() {
		in.Pathway, in.Engagement.Application.Pathway = pathway, pathway.Name
		a, _ := render(t, in)
		written, err := agreement.Document{Taxonomy: in.Taxonomy, Agreement: a}.In(agreement.Markdown)
		text := string(written)
		if err != nil || strings.Contains(text, "{{") {
			t.Errorf("%s: the agreement is not whole: %v", pathway.Name, err)
		}
		var shown, agreed []string
		for _, use := range d.Agreed(pathway) {
			shown = append(shown, fmt.Sprint(use.Clause, use.Values))
		}
		for _, clause := range a.Clauses {
			values := clause.Values
			if values == nil {
				values = map[string]string{}
			}
			agreed = append(agreed, fmt.Sprint(clause.Name, values))
		}
		if !slices.Equal(shown, agreed) {
			t.Errorf("%s: what is published before is not what is signed:\n%v\n%v", pathway.Name, shown, agreed)
		}
		for _, notice := range []string{"18 U.S.C. 1833(b)", "1107.1", "(EU) 2019/1937", "to an authority"} {
			if !strings.Contains(text, notice) {
				t.Errorf("%s: the agreement has not the notice %q", pathway.Name, notice)
			}
		}
	}
}

func TestWhatIsIncompleteIsNotRendered(t *testing.T) {
	for name, spoil := range map[string]func(*agreement.Input){
		"no terms":          func(in *agreement.Input) { in.Engagement.Application.Terms = nil },
		"one party":         func(in *agreement.Input) { in.Parties = in.Parties[:1] },
		"no clauses":        func(in *agreement.Input) { in.Pathway.Clauses = nil },
		"dates reversed":    func(in *agreement.Input) { in.NotAfter = in.NotBefore },
		"an unknown clause": func(in *agreement.Input) { in.Pathway.Clauses = []narthex.ClauseUse{{Clause: "none"}} },
		"no cap":            func(in *agreement.Input) { in.Pathway.Clauses = []narthex.ClauseUse{{Clause: "liability"}} },
	} {
		in := input(t)
		if spoil(&in); true {
			if _, err := agreement.Render(in); err == nil {
				t.Errorf("it was rendered with %s", name)
			}
		}
	}
}

// TestASignatureIsGoodForOneThingOnly replays each signature against every other document, party, person and lab.
func TestASignatureIsGoodForOneThingOnly(t *testing.T) {
	key, err := agreement.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := agreement.KeyVerifier(key.Public().(ed25519.PublicKey))
	var statements []agreement.Statement
	for _, digest := range []narthex.Digest{"sha256:1", "sha256:2"} {
		for _, party := range []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyInstitution, narthex.PartyLab} {
			for _, person := range []narthex.PersonID{"per_" + narthex.PersonID(strings.Repeat("a", 26)), "per_" + narthex.PersonID(strings.Repeat("b", 25)+"a")} {
				for _, origin := range []string{"a.example", "b.example"} {
					statements = append(statements, agreement.NewStatement(digest, party, person, origin))
				}
			}
		}
	}
	for i, signed := range statements {
		envelope, err := agreement.Sign(key, signed)
		if err != nil {
			t.Fatal(err)
		}
		for j, want := range statements {
			if err := agreement.VerifyEnvelope(envelope, public, want); (err == nil) != (i == j) {
				t.Errorf("the signature of %+v on %+v: %v", signed, want, err)
			}
		}
	}
	envelope, err := agreement.Sign(key, statements[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range envelope {
		changed := envelope[:i] + string(envelope[i]^1) + envelope[i+1:]
		if agreement.VerifyEnvelope(changed, public, statements[0]) == nil {
			t.Fatalf("a change at byte %d of the envelope is not found: %s", i, changed)
		}
	}
	for name, text := range map[string]string{"empty": "", "spaces": " " + envelope, "a second signature": strings.Replace(envelope, `"signatures":[`, `"signatures":[{"keyid":"x","sig":"eA=="},`, 1), "no signature": `{"payload":"","payloadType":"","signatures":[]}`} {
		if agreement.VerifyEnvelope(text, public, statements[0]) == nil {
			t.Errorf("an envelope that is %s was taken", name)
		}
	}
	other, err := agreement.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if agreement.VerifyEnvelope(envelope, agreement.KeyVerifier(other.Public().(ed25519.PublicKey)), statements[0]) == nil {
		t.Error("another key verifies it")
	}
}

func TestAKeyThatSignsAnythingIsRefused(t *testing.T) {
	for _, text := range []string{"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "7P///////////////////////////////////////38=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA=",
		"xxdqcD1N2E+6PAt2DRBnDypvSI/KYF5GUyT8fXKsA3o=", "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=", " AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		if _, err := agreement.ParseKey(text); err == nil {
			t.Errorf("%q was taken as a key", text)
		}
	}
}
