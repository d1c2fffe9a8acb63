package agreement_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/agreement"
)

// cast is who signs for each party, with their keys.
type cast map[narthex.PartyRole]ed25519.PrivateKey

func newCast(t testing.TB) cast {
	t.Helper()
	made := cast{}
	for _, role := range narthex.PartyRoles() {
		key, err := agreement.NewKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		made[role] = key
	}
	return made
}

func (c cast) public(role narthex.PartyRole) agreement.Verifier {
	return agreement.KeyVerifier(c.key(role))
}

func (c cast) key(role narthex.PartyRole) ed25519.PublicKey {
	return c[role].Public().(ed25519.PublicKey)
}

// signed makes an agreement that every party of the cast has signed, a minute after each other.
func (c cast) signed(t testing.TB, in agreement.Input) agreement.Bundle {
	t.Helper()
	in.Parties = slices.Clone(in.Parties)
	for i := range in.Parties {
		in.Parties[i].Signers = slices.Clone(in.Parties[i].Signers)
		in.Parties[i].Signers[0].Fingerprint = agreement.Fingerprint(c.key(in.Parties[i].Role))
	}
	a, digest := render(t, in)
	bundle := agreement.Bundle{Agreement: a, Digest: digest}
	for i, party := range in.Parties {
		person := party.Signers[0].Person
		envelope, err := agreement.Sign(c[party.Role], agreement.NewStatement(digest, party.Role, person, a.Origin))
		if err != nil {
			t.Fatal(err)
		}
		bundle.Signatures = append(bundle.Signatures, narthex.SignedBy{Party: party.Role, By: person, Digest: digest, Signer: agreement.Fingerprint(c.key(party.Role)),
			Envelope: envelope, At: in.NotBefore.Add(time.Duration(i) * time.Minute), PublicKey: agreement.EncodeKey(c.key(party.Role))})
	}
	return bundle
}

func check(t testing.TB, b agreement.Bundle, keys map[string]agreement.Verifier) (agreement.Report, error) {
	t.Helper()
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return agreement.VerifyBundle(data, keys)
}

// copied gives a bundle of its own.
func copied(t testing.TB, b agreement.Bundle) agreement.Bundle {
	t.Helper()
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var out agreement.Bundle
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAFileIsCheckedOffline(t *testing.T) {
	made, people := input(t), newCast(t)
	made.Engagement.Application.SigningOrder = narthex.PartyRoles()
	bundle := people.signed(t, made)
	keys := map[string]agreement.Verifier{}
	for role := range people {
		keys[string(role)] = people.public(role)
	}
	report, err := check(t, bundle, keys)
	if err != nil || report.Stated || len(report.Signatures) != 3 || report.Signatures[1].Known != "institution" || report.Signatures[1].Name != "Otto" || !report.Signatures[1].At.Equal(made.NotBefore.Add(time.Minute)) {
		t.Errorf("with keys that were brought: %+v %v", report, err)
	}
	if report, err := check(t, bundle, nil); err != nil || !report.Stated || !report.Signatures[0].Stated || report.Signatures[0].Known != "" {
		t.Errorf("without: %+v %v", report, err)
	}
	one, three := 0, 2
	resign := func(b *agreement.Bundle, change func()) { // an honest digest over a document that is not whole
		change()
		_, digest := b.Agreement, must(t)(agreement.Digest(b.Agreement))
		b.Digest = digest
		for i, s := range b.Signatures {
			envelope, err := agreement.Sign(people[s.Party], agreement.NewStatement(digest, s.Party, s.By, b.Agreement.Origin))
			if err != nil {
				t.Fatal(err)
			}
			b.Signatures[i].Digest, b.Signatures[i].Envelope = digest, envelope
		}
	}
	for name, spoil := range map[string]func(*agreement.Bundle){
		"another title":            func(b *agreement.Bundle) { b.Agreement.Title += "x" },
		"a wider term":             func(b *agreement.Bundle) { b.Agreement.Terms[0].Limits["tokens"] = narthex.NumberValue(9e9) },
		"another clause":           func(b *agreement.Bundle) { b.Agreement.Clauses[0].Text += "x" },
		"another digest":           func(b *agreement.Bundle) { b.Digest = "sha256:0" },
		"a signature fewer":        func(b *agreement.Bundle) { b.Signatures = b.Signatures[:2] },
		"no signature":             func(b *agreement.Bundle) { b.Signatures = nil },
		"one party twice":          func(b *agreement.Bundle) { b.Signatures = append(b.Signatures, b.Signatures[0]) },
		"another signer":           func(b *agreement.Bundle) { b.Signatures[0].By = b.Signatures[1].By },
		"somebody else's key":      func(b *agreement.Bundle) { b.Signatures[0].Signer = b.Signatures[1].Signer },
		"another public key":       func(b *agreement.Bundle) { b.Signatures[0].PublicKey = b.Signatures[1].PublicKey },
		"a signature without time": func(b *agreement.Bundle) { b.Signatures[0].At = time.Time{} },
		"a signature's own digest": func(b *agreement.Bundle) { b.Signatures[0].Digest = "sha256:0" },
		"an order that was not":    func(b *agreement.Bundle) { slices.Reverse(b.Signatures) },
		"times out of order":       func(b *agreement.Bundle) { b.Signatures[one].At = b.Signatures[three].At.Add(1) },
		"an order turned with time": func(b *agreement.Bundle) {
			b.Signatures[one], b.Signatures[three] = b.Signatures[three], b.Signatures[one]
			b.Signatures[one].At, b.Signatures[three].At = b.Signatures[three].At, b.Signatures[one].At
		},
		"another format": func(b *agreement.Bundle) { resign(b, func() { b.Agreement.Format = "narthex agreement v9" }) },
		"no ledger":      func(b *agreement.Bundle) { resign(b, func() { b.Agreement.Origin = "" }) },
		"no terms":       func(b *agreement.Bundle) { resign(b, func() { b.Agreement.Terms = nil }) },
		"no lab": func(b *agreement.Bundle) {
			b.Signatures = b.Signatures[:2]
			resign(b, func() { b.Agreement.Parties = b.Agreement.Parties[:2] })
		},
		"a party twice": func(b *agreement.Bundle) {
			resign(b, func() { b.Agreement.Parties = append(b.Agreement.Parties, b.Agreement.Parties[0]) })
		},
		"one person for two parties": func(b *agreement.Bundle) {
			resign(b, func() {
				b.Signatures[1].By = b.Signatures[0].By
				b.Agreement.Parties[1].Signers[0].Person = b.Signatures[0].By
			})
		},
	} {
		spoilt := copied(t, bundle)
		spoil(&spoilt)
		for _, brought := range []map[string]agreement.Verifier{nil, keys} {
			if _, err := check(t, spoilt, brought); err == nil || narthex.AsError(err).Public == "" {
				t.Errorf("a file with %s was taken: %v", name, err)
			}
		}
	}
	again := copied(t, bundle)
	resign(&again, func() {})
	if _, err := check(t, again, keys); err != nil {
		t.Errorf("signed again: %v", err)
	}
	if _, err := agreement.VerifyBundle([]byte("{}"), nil); err == nil {
		t.Error("an empty file was taken")
	}
}

func must(t testing.TB) func(narthex.Digest, error) narthex.Digest {
	return func(d narthex.Digest, err error) narthex.Digest {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// TestASignatureIsTakenInNoOtherPlace puts each signature, of every party, agreement and lab, in the place of every other: as it
// is, with its fields made to fit, and with its envelope alone. The same people sign everywhere, so that nothing but the
// statement keeps the places apart.
func TestASignatureIsTakenInNoOtherPlace(t *testing.T) {
	people := newCast(t)
	type place struct {
		bundle agreement.Bundle
		at     int
		name   string
	}
	var places []place
	for _, origin := range []string{"a.example", "b.example"} {
		for _, title := range []string{"one", "two"} {
			made := input(t)
			made.Origin, made.Engagement.Application.Title = origin, title
			bundle := people.signed(t, made)
			for i, s := range bundle.Signatures {
				places = append(places, place{bundle, i, fmt.Sprintf("%s of %s at %s", s.Party, title, origin)})
			}
		}
	}
	pairs := 0
	for _, from := range places {
		for _, to := range places {
			signature, into := from.bundle.Signatures[from.at], to.bundle.Signatures[to.at]
			fitted := into
			fitted.Envelope = signature.Envelope
			keyed := signature
			keyed.Party, keyed.By, keyed.Digest = into.Party, into.By, into.Digest
			for how, put := range map[string]narthex.SignedBy{"as it is": signature, "with its envelope alone": fitted, "with its fields made to fit": keyed} {
				pairs++
				b := copied(t, to.bundle)
				b.Signatures[to.at] = put
				if _, err := check(t, b, nil); (err == nil) != (from.name == to.name) {
					t.Errorf("the signature of the %s in the place of the %s, %s: %v", from.name, to.name, how, err)
				}
			}
		}
	}
	if pairs != 12*12*3 {
		t.Errorf("%d pairs were tried", pairs)
	}
}

func TestADocumentShowsNoSignatureThatDoesNotVerify(t *testing.T) {
	made, people := input(t), newCast(t)
	bundle := people.signed(t, made)
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: bundle.Agreement, Signatures: bundle.Signatures[:1]}
	for _, form := range []agreement.Form{agreement.Text, agreement.Markdown, agreement.HTML} {
		text := strings.Join(strings.Fields(strings.ReplaceAll(in(t, d, form), "\\", "")), " ")
		if !strings.Contains(text, "signed by Ada (per_") || strings.Count(text, "not signed yet") != 2 {
			t.Errorf("%s does not say who signed", form)
		}
	}
	d.Signatures = slices.Clone(bundle.Signatures)
	d.Signatures[0].Envelope = d.Signatures[1].Envelope
	if _, err := d.In(agreement.Text); err == nil {
		t.Error("a signature that does not verify is shown")
	}
}

// An order of signing is not taken from a file as it stands: its words would reach the reader's terminal.
func TestAFileNamesNoPartiesOfItsOwn(t *testing.T) {
	made, people := input(t), newCast(t)
	made.Engagement.Application.SigningOrder = []narthex.PartyRole{"\x1b]0;researcher", narthex.PartyLab}
	if _, err := check(t, people.signed(t, made), nil); err == nil || strings.Contains(narthex.AsError(err).Public, "\x1b") {
		t.Errorf("an order with a party that there is not: %v", err)
	}
	made.Engagement.Application.SigningOrder = []narthex.PartyRole{narthex.PartyResearcher, narthex.PartyResearcher, narthex.PartyLab}
	if _, err := check(t, people.signed(t, made), nil); err == nil || !strings.Contains(narthex.AsError(err).Public, "twice") {
		t.Errorf("an order with a party twice: %v", err)
	}
}

// A file in which others signed under the same names is no file of those whose keys the reader brought.
func TestAForgedFileIsNotThatOfAKeyThatWasBrought(t *testing.T) {
	brought := map[string]agreement.Verifier{"ada": newCast(t).public(narthex.PartyResearcher)}
	forged := newCast(t).signed(t, input(t))
	if report, err := check(t, forged, brought); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "ada") {
		t.Errorf("ada's key signed nothing in it: %+v %v", report, err)
	}
}

// TestAFileIsHeldToHowItsAgreementAsksToBeSigned: the lab last, and an outside document that is required.
func TestAFileIsHeldToHowItsAgreementAsksToBeSigned(t *testing.T) {
	clause := func(values map[string]string) agreement.Input {
		in := input(t)
		in.Clauses[narthex.SignatureClause] = narthex.Clause{Name: narthex.SignatureClause, Title: "Signature", Text: "As it says.", Parameters: map[string]narthex.Parameter{"order": {Kind: "choice", Default: narthex.InAnyOrder}, "outside": {Kind: "choice", Default: narthex.OutsideRefused}}}
		in.Pathway.Clauses = append(slices.DeleteFunc(slices.Clone(in.Pathway.Clauses), func(u narthex.ClauseUse) bool { return u.Clause == narthex.SignatureClause }), narthex.ClauseUse{Clause: narthex.SignatureClause, Values: values})
		return in
	}
	last := newCast(t).signed(t, clause(map[string]string{"order": narthex.LabSignsLast}))
	if _, err := check(t, last, nil); err != nil {
		t.Errorf("the lab last: %v", err)
	}
	lab := slices.IndexFunc(last.Signatures, func(s narthex.SignedBy) bool { return s.Party == narthex.PartyLab })
	last.Signatures[0], last.Signatures[lab] = last.Signatures[lab], last.Signatures[0]
	last.Signatures[0].At, last.Signatures[lab].At = last.Signatures[lab].At, last.Signatures[0].At
	if _, err := check(t, last, nil); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "lab signs last") {
		t.Errorf("the lab first: %v", err)
	}
	required := newCast(t).signed(t, clause(map[string]string{"outside": string(narthex.OutsideRequired)}))
	if _, err := check(t, required, nil); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "outside document") {
		t.Errorf("without the document that is required: %v", err)
	}
	none := newCast(t).signed(t, input(t))
	none.Outside = &narthex.OutsideDocument{Digest: narthex.MakeDigest([32]byte{1}), Size: 1}
	if _, err := check(t, none, nil); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "accepts none") {
		t.Errorf("a document that it does not accept: %v", err)
	}
}
