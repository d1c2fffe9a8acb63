package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
	"narthex/internal/visa"
)

const passports = "https://passports.example"

func newIssuer(t *testing.T) (*visa.Signer, []byte) {
	t.Helper()
	signer := must(visa.NewSigner(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	return signer, must(signer.Keys())
}

// trusting makes a lab that trusts issuers and whose test pathway rests on a visa of that value.
func trusting(value string, issuers map[string][]byte) func(lab.Files) {
	return func(f lab.Files) {
		trusted(issuers)(f)
		f["pathways/test.yaml"] = append(f["pathways/test.yaml"], fmt.Sprintf("rests_on:\n  - {kind: visa, name: ControlledAccessGrants, value: %q, by: dac}\n", value)...)
	}
}

// trusted makes a lab that trusts issuers.
func trusted(issuers map[string][]byte) func(lab.Files) {
	return func(f lab.Files) {
		lines := "visa_issuers:\n"
		for name, keys := range issuers {
			file := "visa-issuers/" + strings.NewReplacer("https://", "", "/", "-").Replace(name) + ".json"
			lines += fmt.Sprintf("  - {issuer: %q, jwks: %q}\n", name, file)
			f[file] = keys
		}
		f["lab.yaml"] = append(f["lab.yaml"], lines...)
	}
}

func TestAGrantRestsOnAVisaAndLapsesWithIt(t *testing.T) {
	signer, keys := newIssuer(t)
	other, otherKeys := newIssuer(t)
	const value = "https://data.example/sets/7"
	clock := &testenv.Clock{}
	e := testenv.New(t, testenv.Options{Clock: clock, Files: trusting(value, map[string][]byte{passports: keys, "https://other.example": otherKeys})})
	ada, carol := e.People["ada"], e.People["carol"]
	now := clock.Now().Truncate(time.Second)
	good := visa.Stated{Issuer: passports, Subject: "ada-at-passports", Type: "ControlledAccessGrants", Value: value, Source: "https://data.example", By: "dac", Asserted: now.Add(-time.Hour), IssuedAt: now.Add(-time.Hour), Until: now.Add(48 * time.Hour)}
	give := func(s *visa.Signer, v visa.Stated) error {
		_, err := ada.AddVisa(t.Context(), must(s.Sign(v)))
		return err
	}
	if err := give(signer, good); !narthex.IsKind(err, narthex.Refused) || !strings.Contains(err.Error(), "subject") {
		t.Errorf("a visa of nobody known: %v", err)
	}
	link := client.VisaIdentity{Issuer: passports, Subject: "ada-at-passports"}
	if _, err := ada.LinkIdentity(t.Context(), ada.ID, link); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("ada says herself whom an issuer knows: %v", err)
	}
	if _, err := carol.LinkIdentity(t.Context(), ada.ID, link); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]func(*visa.Stated) *visa.Signer{
		"another's":          func(v *visa.Stated) *visa.Signer { v.Subject = "bob"; return signer },
		"of another issuer":  func(v *visa.Stated) *visa.Signer { return other },
		"of an unknown one":  func(v *visa.Stated) *visa.Signer { v.Issuer = "https://evil.example"; return signer },
		"over":               func(v *visa.Stated) *visa.Signer { v.Until = now; return signer },
		"of the future":      func(v *visa.Stated) *visa.Signer { v.Asserted = now.Add(time.Hour); return signer },
		"issued later":       func(v *visa.Stated) *visa.Signer { v.IssuedAt = now.Add(time.Hour); return signer },
		"by nobody there is": func(v *visa.Stated) *visa.Signer { v.By = "boss"; return signer },
		"of no type":         func(v *visa.Stated) *visa.Signer { v.Type = ""; return signer },
	} {
		v := good
		by := bad(&v)
		if err := give(by, v); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("a visa that is %s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(*visa.Stated){"another value": func(v *visa.Stated) { v.Value += "0" }, "another type": func(v *visa.Stated) { v.Type = "ResearcherStatus" }, "another authority": func(v *visa.Stated) { v.By = "self" }, "no authority": func(v *visa.Stated) { v.By = "" }} {
		v := good
		spoil(&v)
		if err := give(signer, v); err != nil {
			t.Errorf("with %s it is a visa all the same: %v", name, err)
		}
	}
	id := approvedNow(t, e)
	sign := func() (err error) {
		for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution} {
			if _, err := e.People[name].Sign(t, id, party); err != nil {
				t.Fatal(err)
			}
		}
		_, err = e.People["dan"].Sign(t, id, narthex.PartyLab)
		return err
	}
	if err := sign(); narthex.AsError(err).Code != "no_visa" {
		t.Fatalf("a grant without its visa: %v", err)
	}
	if err := give(signer, good); err != nil {
		t.Fatal(err)
	}
	view := must(e.People["dan"].Sign(t, id, narthex.PartyLab))
	grant := view.Engagement.Grant
	key := must(ada.Mint(t.Context(), grant, client.Mint{Label: "x"})).Token
	served := func(when string, want bool) {
		t.Helper()
		status, body, err := e.Chat(t.Context(), key, testenv.Hello)
		if err != nil || (status == 200) != want || !want && !strings.Contains(body, "no_visa") {
			t.Errorf("%s: %d %s %v", when, status, body, err)
		}
	}
	served("with its visa", true)
	list := must(ada.Visas(t.Context(), ada.ID))
	var digest narthex.Digest
	for _, v := range list.Visas {
		if v.Value == narthex.DigestText(value) && v.Type == good.Type && v.By == "dac" {
			digest = v.Digest
		}
	}
	if _, err := carol.RemoveVisa(t.Context(), ada.ID, digest); err != nil {
		t.Fatal(err)
	}
	served("when it was removed", false)
	if err := give(signer, good); err != nil {
		t.Fatal(err)
	}
	served("when it was given anew", true)
	if _, err := e.People["sam"].UnlinkIdentity(t.Context(), ada.ID, link); err != nil {
		t.Fatal(err)
	}
	served("when the identity ended", false)
	if _, err := carol.LinkIdentity(t.Context(), ada.ID, link); err != nil {
		t.Fatal(err)
	}
	if err := give(signer, good); err != nil {
		t.Fatal(err)
	}
	served("when both are there again", true)

	// The lab takes the issuer's key out of its directory.
	_, newKeys := newIssuer(t)
	files := must(testenv.Files(e.Model.URL))
	trusting(value, map[string][]byte{passports: newKeys, "https://other.example": otherKeys})(files)
	state := must(carol.Propose(t.Context(), files))
	for _, name := range []string{"carol", "dan"} {
		if _, err := e.People[name].ApproveLab(t.Context(), state.Proposed); err != nil {
			t.Fatal(err)
		}
	}
	served("when its issuer's key was taken out", false)
	files = must(testenv.Files(e.Model.URL))
	trusting(value, map[string][]byte{passports: keys, "https://other.example": otherKeys})(files)
	state = must(carol.Propose(t.Context(), files))
	for _, name := range []string{"carol", "dan"} {
		if _, err := e.People[name].ApproveLab(t.Context(), state.Proposed); err != nil {
			t.Fatal(err)
		}
	}
	served("when it stands there again", true)
	clock.Stop(good.Until.Add(-time.Millisecond))
	served("a millisecond before it ends", true)
	clock.Stop(good.Until)
	served("when it ended", false)
}

// TestASecondInstallationAcceptsOurVisa has a grant of one lab state itself to another.
func TestASecondInstallationAcceptsOurVisa(t *testing.T) {
	ours := testenv.New(t, testenv.Options{})
	grant, _ := ours.Grant(t, "", testenv.Tokens(1000, nil))
	ada := ours.People["ada"]
	issued := must(ada.IssueVisa(t.Context(), grant.ID))
	if issued.Until.After(grant.NotAfter) || issued.Issuer != "https://"+origin || issued.Subject != string(ada.ID) || !strings.HasSuffix(issued.Value, string(grant.Engagement)) {
		t.Errorf("%+v", issued)
	}
	if _, err := ours.People["otto"].IssueVisa(t.Context(), grant.ID); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("otto, whom the grant does not name, has a visa of it: %v", err)
	}
	answer, err := http.Get(ours.Client.Base() + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	keys := must(io.ReadAll(answer.Body))
	if answer.StatusCode != 200 || strings.Contains(string(keys), `"d"`) {
		t.Fatalf("%d %s", answer.StatusCode, keys)
	}

	theirs := testenv.New(t, testenv.Options{Files: func(f lab.Files) {
		f["lab.yaml"] = []byte(strings.Replace(string(f["lab.yaml"]), origin, "ledger.second-lab.test", 1))
		trusting(issued.Value, map[string][]byte{issued.Issuer: keys})(f)
	}})
	if _, err := theirs.People["carol"].LinkIdentity(t.Context(), theirs.People["ada"].ID, client.VisaIdentity{Issuer: issued.Issuer, Subject: issued.Subject}); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.People["ada"].AddVisa(t.Context(), issued.Visa); err != nil {
		t.Fatalf("our visa at the second installation: %v", err)
	}
	_, key := theirs.Grant(t, "", testenv.Tokens(1000, nil))
	if status, body, err := theirs.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("a call that rests on our visa: %d %s %v", status, body, err)
	}
	lock := must(ours.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(grant.ID), Reason: "safety"}))
	if _, err := ada.IssueVisa(t.Context(), grant.ID); err == nil {
		t.Errorf("a locked grant has a visa: %+v", lock)
	}
}

// unknownVisa is a good visa of an issuer that no lab of a test trusts.
func unknownVisa(t *testing.T) string {
	t.Helper()
	signer, _ := newIssuer(t)
	now := time.Now()
	return must(signer.Sign(visa.Stated{Issuer: "https://unknown.example", Subject: "x", Type: "ResearcherStatus", Value: "https://x.example", Source: "https://x.example", Asserted: now, IssuedAt: now, Until: now.Add(time.Hour)}))
}
