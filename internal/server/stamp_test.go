package server_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/stamp"
	"narthex/internal/testenv"
)

// tsa is a time-stamping authority with a certificate of its own authority.
type tsa struct {
	*httptest.Server
	ca    []byte // PEM
	mode  atomic.Value
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	wrong *x509.Certificate // not for time stamps
}

func newTSA(t *testing.T) *tsa {
	t.Helper()
	root := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	now := time.Now()
	rootCert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := must(x509.CreateCertificate(rand.Reader, rootCert, rootCert, root.Public(), root))
	rootCert = must(x509.ParseCertificate(der))
	a := &tsa{ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	// Extended key usage must be critical, which the standard library does not write by itself.
	usage := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "tsa"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{usage}}
	a.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, leaf, rootCert, a.key.Public(), root))))
	leaf.ExtraExtensions, leaf.ExtKeyUsage, leaf.SerialNumber = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, big.NewInt(3)
	a.wrong = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, leaf, rootCert, a.key.Public(), root))))
	a.mode.Store("")
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *tsa) serve(w http.ResponseWriter, r *http.Request) {
	asked, err := timestamp.ParseRequest(must(io.ReadAll(r.Body)))
	if err != nil || a.mode.Load() == "down" {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	answer := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: asked.HashedMessage, Time: time.Now(), Nonce: asked.Nonce, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}
	cert := a.cert
	switch a.mode.Load() {
	case "another digest":
		answer.HashedMessage = make([]byte, 32)
	case "another nonce":
		answer.Nonce = big.NewInt(7)
	case "another certificate":
		cert = a.wrong
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(must(answer.CreateResponseWithOpts(cert, a.key, crypto.SHA256))) //nolint:errcheck // a test's answer
}

func stamping(t *testing.T, a *tsa, require bool) *testenv.Env {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, a.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return testenv.New(t, testenv.Options{Config: func(c *server.Config) { c.Timestamp = stamp.Settings{URL: a.URL, CA: file, Require: require} }})
}

func TestSignaturesAreStampedAndCheckedOffline(t *testing.T) {
	a := newTSA(t)
	e := stamping(t, a, false)
	id := approvedNow(t, e)
	for i, s := range []struct {
		name  string
		party narthex.PartyRole
		mode  string
	}{{"ada", narthex.PartyResearcher, ""}, {"otto", narthex.PartyInstitution, "down"}, {"dan", narthex.PartyLab, ""}} {
		a.mode.Store(s.mode)
		view := must(e.People[s.name].Sign(t, id, s.party))
		if view.Unstamped != (s.mode != "") {
			t.Errorf("signature %d: unstamped is %v", i, view.Unstamped)
		}
	}
	made := must(e.People["ada"].Client.Agreement(t.Context(), id))
	bundle := agreement.Bundle{Agreement: made.Agreement, Digest: made.Digest, Signatures: made.Signatures}
	roots := must(stamp.Roots(a.ca))
	report, err := agreement.VerifyStamped(must(json.Marshal(bundle)), nil, roots)
	if err != nil || report.Signatures[0].Stamped.IsZero() || !report.Signatures[1].Stamped.IsZero() || report.Signatures[2].Stamped.IsZero() {
		t.Fatalf("%+v %v", report, err)
	}
	if report, err := agreement.VerifyBundle(must(json.Marshal(bundle)), nil); err != nil || !report.Signatures[0].Stamp || !report.Signatures[0].Stamped.IsZero() {
		t.Errorf("without its certificates: %+v %v", report, err)
	}
	if _, err := agreement.VerifyStamped(must(json.Marshal(bundle)), nil, must(stamp.Roots(newTSA(t).ca))); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("under another authority: %v", err)
	}
	bundle.Signatures[0].Stamp, bundle.Signatures[2].Stamp = bundle.Signatures[2].Stamp, bundle.Signatures[0].Stamp
	if _, err := agreement.VerifyStamped(must(json.Marshal(bundle)), nil, roots); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a stamp of another signature: %v", err)
	}
}

func TestARequiredStampIsRequired(t *testing.T) {
	a := newTSA(t)
	e := stamping(t, a, true)
	id := approvedNow(t, e)
	for _, mode := range []string{"down", "another digest", "another nonce", "another certificate"} {
		a.mode.Store(mode)
		if _, err := e.People["ada"].Sign(t, id, narthex.PartyResearcher); !narthex.IsKind(err, narthex.Unavailable) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	a.mode.Store("")
	if _, err := e.People["ada"].Sign(t, id, narthex.PartyResearcher); err != nil {
		t.Error(err)
	}
}

// stampedClause has the pathway's agreement ask for a stamp with each signature.
func stampedClause(f lab.Files) {
	f["pathways/test.yaml"] = bytes.Replace(f["pathways/test.yaml"], []byte("clauses:\n"), []byte("clauses:\n  - {clause: signature, values: {method: with signing keys and a time stamp}}\n"), 1)
}

// TestAnAgreementThatAsksForStampsIsInForceWithThemAlone: also where the node itself does not require them.
func TestAnAgreementThatAsksForStampsIsInForceWithThemAlone(t *testing.T) {
	a := newTSA(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, a.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	e := testenv.New(t, testenv.Options{Files: stampedClause, Config: func(c *server.Config) { c.Timestamp = stamp.Settings{URL: a.URL, CA: file} }})
	id := approvedNow(t, e)
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution, "dan": narthex.PartyLab} {
		a.mode.Store("down")
		if _, err := e.People[name].Sign(t, id, party); !narthex.IsKind(err, narthex.Unavailable) {
			t.Errorf("%s without a stamp: %v", name, err)
		}
		a.mode.Store("")
		must(e.People[name].Sign(t, id, party))
	}
	if view := must(e.People["ada"].Engagement(t.Context(), id)); view.Engagement.Grant == "" {
		t.Fatal("with all stamps it is not in force")
	}
	made := must(e.People["ada"].Client.Agreement(t.Context(), id))
	bundle := agreement.Bundle{Agreement: made.Agreement, Digest: made.Digest, Signatures: made.Signatures}
	if _, err := agreement.VerifyStamped(must(json.Marshal(bundle)), nil, must(stamp.Roots(a.ca))); err != nil {
		t.Error(err)
	}
	bundle.Signatures[1].Stamp = ""
	if _, err := agreement.VerifyBundle(must(json.Marshal(bundle)), nil); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a kept file without one of the stamps: %v", err)
	}
}

// TestANodeThatCannotStampOffersNoAgreementThatAsksForIt: it could never come into force.
func TestANodeThatCannotStampOffersNoAgreementThatAsksForIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: stampedClause})
	view := submitted(t, e)
	approve(t, e, "olga", narthex.AssetOwner, view)
	_, err := e.People["sam"].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: narthex.Security, Saw: view.Engagement.Digest})
	if !narthex.IsKind(err, narthex.Conflict) || !strings.Contains(err.Error(), "no time-stamping authority") {
		t.Errorf("the last approval: %v", err)
	}
}
