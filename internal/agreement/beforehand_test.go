package agreement_test

import (
	"crypto/ed25519"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/canon"
)

const (
	official = "per_" + narthex.PersonID("bbbbbbbbbbbbbbbbbbbbbbbbba")
	institut = narthex.OrgID("org_aaaaaaaaaaaaaaaaaaaaaaaaaa")
)

// authorises makes the official's word of before for the researcher of in, who is of their organisation, as change leaves it.
func (c cast) authorises(t testing.TB, in agreement.Input, change func(*narthex.Authorisation)) narthex.SignedAuthorisation {
	t.Helper()
	a := narthex.Authorisation{Format: narthex.AuthorisationFormat, Origin: in.Origin, Org: institut, Person: in.Parties[0].Person, Pathways: []narthex.PathwayName{in.Engagement.Application.Pathway},
		NotBefore: in.NotBefore, NotAfter: in.NotBefore.AddDate(1, 0, 0)}
	if change != nil {
		change(&a)
	}
	digest, err := canon.Digest(a)
	if err != nil {
		t.Fatal(err)
	}
	key := c[narthex.PartyInstitution]
	envelope, err := agreement.Sign(key, agreement.NewStatement(digest, narthex.PartyInstitution, official, a.Origin))
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public().(ed25519.PublicKey)
	return narthex.SignedAuthorisation{Authorisation: a, Signature: narthex.SignedBy{Party: narthex.PartyInstitution, By: official, Digest: digest, Signer: agreement.Fingerprint(public),
		Envelope: envelope, At: in.NotBefore, PublicKey: agreement.EncodeKey(public)}}
}

// resting makes a bundle that the researcher and the lab signed and the institution agreed to beforehand.
func (c cast) resting(t testing.TB, in agreement.Input, word narthex.SignedAuthorisation) agreement.Bundle {
	t.Helper()
	in.Parties = slices.Clone(in.Parties)
	in.Parties[0].Org, in.Parties[1].Org = string(institut), string(institut)
	in.Parties[1].Signers, in.Parties[1].Authorised = []narthex.PartySigner{}, agreement.Beforehand(word, "Otto")
	for _, i := range []int{0, 2} {
		in.Parties[i].Signers = slices.Clone(in.Parties[i].Signers)
		in.Parties[i].Signers[0].Fingerprint = agreement.Fingerprint(c.key(in.Parties[i].Role))
	}
	a, digest := render(t, in)
	bundle := agreement.Bundle{Agreement: a, Digest: digest, Authorised: &word}
	for _, i := range []int{0, 2} {
		party := in.Parties[i]
		bundle.Signatures = append(bundle.Signatures, c.signs(t, a, digest, party.Role, party.Signers[0].Person, in.NotBefore.Add(time.Duration(i)*time.Minute)))
	}
	return bundle
}

func (c cast) signs(t testing.TB, a narthex.Agreement, digest narthex.Digest, party narthex.PartyRole, person narthex.PersonID, at time.Time) narthex.SignedBy {
	t.Helper()
	envelope, err := agreement.Sign(c[party], agreement.NewStatement(digest, party, person, a.Origin))
	if err != nil {
		t.Fatal(err)
	}
	return narthex.SignedBy{Party: party, By: person, Digest: digest, Signer: agreement.Fingerprint(c.key(party)), Envelope: envelope, At: at, PublicKey: agreement.EncodeKey(c.key(party))}
}

func TestAFileThatRestsOnAnAuthorisationIsCheckedOffline(t *testing.T) {
	made, people := input(t), newCast(t)
	made.Engagement.Application.SigningOrder = []narthex.PartyRole{narthex.PartyInstitution, narthex.PartyResearcher, narthex.PartyLab}
	bundle := people.resting(t, made, people.authorises(t, made, nil))
	report, err := check(t, bundle, map[string]agreement.Verifier{"otto": people.public(narthex.PartyInstitution)})
	if err != nil || report.Authorised == nil || report.Authorised.Known != "otto" || report.Authorised.Name != "Otto" || !report.Authorised.Until.Equal(made.NotBefore.AddDate(1, 0, 0)) || len(report.Signatures) != 2 {
		t.Fatalf("%+v %v", report, err)
	}
	for name, spoil := range map[string]func(*agreement.Bundle){
		"no authorisation":          func(b *agreement.Bundle) { b.Authorised = nil },
		"another one's dates":       func(b *agreement.Bundle) { b.Authorised.Authorisation.NotAfter = made.NotBefore.AddDate(0, 6, 0) },
		"another one's pathways":    func(b *agreement.Bundle) { b.Authorised.Authorisation.Pathways = []narthex.PathwayName{"x"} },
		"another digest":            func(b *agreement.Bundle) { b.Authorised.Signature.Digest = b.Digest },
		"another official":          func(b *agreement.Bundle) { b.Authorised.Signature.By = b.Signatures[1].By },
		"another envelope":          func(b *agreement.Bundle) { b.Authorised.Signature.Envelope = b.Signatures[0].Envelope },
		"another key":               func(b *agreement.Bundle) { b.Authorised.Signature.PublicKey = b.Signatures[0].PublicKey },
		"no time":                   func(b *agreement.Bundle) { b.Authorised.Signature.At = time.Time{} },
		"another party":             func(b *agreement.Bundle) { b.Authorised.Signature.Party = narthex.PartyLab },
		"a signature after its end": func(b *agreement.Bundle) { b.Signatures[1].At = made.NotBefore.AddDate(1, 0, 0) },
		"the researcher's fewer":    func(b *agreement.Bundle) { b.Signatures = b.Signatures[1:] },
		"the lab's fewer":           func(b *agreement.Bundle) { b.Signatures = b.Signatures[:1] },
	} {
		spoilt := copied(t, bundle)
		spoil(&spoilt)
		if _, err := check(t, spoilt, nil); err == nil || narthex.AsError(err).Public == "" {
			t.Errorf("a file with %s was taken: %v", name, err)
		}
	}
	added := copied(t, people.signed(t, made))
	added.Authorised = bundle.Authorised
	if _, err := check(t, added, nil); err == nil {
		t.Error("a file was taken with an authorisation that its cover does not state")
	}
}

// TestAWordOfBeforeStandsForNoSignatureOnMore: an institution that authorised beforehand has signed no outside document and has no time
// stamp, so a file in which the others signed one, or must be stamped, is not whole without its signature.
func TestAWordOfBeforeStandsForNoSignatureOnMore(t *testing.T) {
	made, people := input(t), newCast(t)
	made.Clauses[narthex.SignatureClause] = narthex.Clause{Name: narthex.SignatureClause, Title: "Signature", Text: "As it says.", Parameters: map[string]narthex.Parameter{"outside": {Kind: "choice", Default: narthex.OutsideRefused}}}
	made.Pathway.Clauses = append(slices.DeleteFunc(slices.Clone(made.Pathway.Clauses), func(u narthex.ClauseUse) bool { return u.Clause == narthex.SignatureClause }), narthex.ClauseUse{Clause: narthex.SignatureClause, Values: map[string]string{"outside": string(narthex.OutsideAccepted)}})
	bundle := people.resting(t, made, people.authorises(t, made, nil))
	if _, err := check(t, bundle, nil); err != nil {
		t.Fatalf("where none is bound: %v", err)
	}
	bundle.Outside = &narthex.OutsideDocument{Digest: narthex.MakeDigest([32]byte{1}), Size: 1}
	for i, s := range bundle.Signatures {
		envelope, err := agreement.Sign(people[s.Party], agreement.NewStatement(s.Digest, s.Party, s.By, made.Origin).With(bundle.Outside.Digest))
		if err != nil {
			t.Fatal(err)
		}
		bundle.Signatures[i].Envelope, bundle.Signatures[i].Outside = envelope, bundle.Outside.Digest
	}
	if _, err := check(t, bundle, nil); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "needs its signature") {
		t.Errorf("a document that the institution did not sign: %v", err)
	}
}

// Everything here is signed honestly: the authorisation is only not for this agreement.
func TestAnAuthorisationIsForOneResearcherPathwayTimeAndLedger(t *testing.T) {
	made, people := input(t), newCast(t)
	for name, change := range map[string]func(*narthex.Authorisation){
		"for another person":     func(a *narthex.Authorisation) { a.Person = official },
		"of another institution": func(a *narthex.Authorisation) { a.Org = "org_baaaaaaaaaaaaaaaaaaaaaaaaa" },
		"for another pathway":    func(a *narthex.Authorisation) { a.Pathways = []narthex.PathwayName{"evaluation"} },
		"still to begin":         func(a *narthex.Authorisation) { a.NotBefore = made.NotBefore.Add(time.Second) },
		"over before the end":    func(a *narthex.Authorisation) { a.NotAfter = made.NotBefore.Add(time.Minute) },
		"for another ledger":     func(a *narthex.Authorisation) { a.Origin = "b.example" },
		"too long":               func(a *narthex.Authorisation) { a.NotAfter = a.NotBefore.Add(narthex.MostAuthorised + time.Second) },
		"of another format":      func(a *narthex.Authorisation) { a.Format = "narthex agreement v1" },
		"of no pathway":          func(a *narthex.Authorisation) { a.Pathways = []narthex.PathwayName{} },
		"of a pathway twice":     func(a *narthex.Authorisation) { a.Pathways = append(a.Pathways, a.Pathways...) },
		"of parts of a second":   func(a *narthex.Authorisation) { a.NotBefore = a.NotBefore.Add(-time.Millisecond) },
	} {
		if _, err := check(t, people.resting(t, made, people.authorises(t, made, change)), nil); err == nil {
			t.Errorf("an agreement rests on an authorisation %s", name)
		}
	}
	if _, err := check(t, people.resting(t, made, people.authorises(t, made, nil)), nil); err != nil {
		t.Fatal(err)
	}
}

// The official signs both with one key, in one kind of statement: the digest keeps them apart, and the format the digests.
func TestASignatureOnAnAuthorisationIsNoneOnAnAgreement(t *testing.T) {
	made, people := input(t), newCast(t)
	word, signed := people.authorises(t, made, nil), people.signed(t, made)
	key := people.public(narthex.PartyInstitution)
	if err := agreement.VerifyAuthorisation(word, key, made.Origin); err != nil {
		t.Fatal(err)
	}
	onAgreement := copied(t, signed)
	onAgreement.Signatures[1].Envelope = word.Signature.Envelope
	if _, err := check(t, onAgreement, nil); err == nil {
		t.Error("an agreement was taken with the signature on an authorisation")
	}
	for name, put := range map[string]func(*narthex.SignedBy){
		"envelope": func(s *narthex.SignedBy) { s.Envelope = signed.Signatures[1].Envelope },
		"envelope and digest": func(s *narthex.SignedBy) {
			s.Envelope, s.Digest = signed.Signatures[1].Envelope, signed.Digest
		},
	} {
		swapped := word
		put(&swapped.Signature)
		if err := agreement.VerifyAuthorisation(swapped, key, made.Origin); err == nil {
			t.Errorf("an authorisation was taken with the %s of the signature on an agreement", name)
		}
	}
	if err := agreement.VerifyAuthorisation(word, people.public(narthex.PartyLab), made.Origin); err == nil {
		t.Error("an authorisation was taken under another's key")
	}
}

func TestEveryFormSaysWhoAuthorisedBeforehand(t *testing.T) {
	made, people := input(t), newCast(t)
	bundle := people.resting(t, made, people.authorises(t, made, nil))
	d := agreement.Document{Taxonomy: made.Taxonomy, Agreement: bundle.Agreement, Signatures: bundle.Signatures}
	cover := bundle.Agreement.Parties[1].Authorised
	space := regexp.MustCompile(`\s+`)
	want := space.ReplaceAllString("authorised beforehand by Otto ("+string(official)+") with "+cover.Fingerprint+", until before 2027-01-02T03:04:05Z, digest "+string(cover.Digest), "")
	for form, text := range map[agreement.Form]string{
		agreement.Text: in(t, d, agreement.Text), agreement.Markdown: strings.ReplaceAll(in(t, d, agreement.Markdown), "\\", ""),
		agreement.HTML: strings.ReplaceAll(in(t, d, agreement.HTML), "&#43;", "+"), agreement.PDF: readPDF(t, []byte(in(t, d, agreement.PDF))),
	} {
		if strings.Count(space.ReplaceAllString(text, ""), want) < 2 || strings.Contains(text, "not signed yet") {
			t.Errorf("%s does not say who authorised beforehand, on the cover and among the signatures", form)
		}
	}
}
