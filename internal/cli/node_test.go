package cli_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/lab"
)

const (
	origin  = "ledger.lab.example"
	ada     = `{"id":"per_aaaaaaaaaaaaaaaaaaaaaaaaaa","name":"Ada","email":"ada@uni.example","org":"org_aaaaaaaaaaaaaaaaaaaaaaaaaa","state":"active"}`
	adaID   = narthex.PersonID("per_aaaaaaaaaaaaaaaaaaaaaaaaaa")
	engID   = narthex.EngagementID("eng_aaaaaaaaaaaaaaaaaaaaaaaaaa")
	theCode = "nc_good"
)

// node is a fake node. What stands in a script under node/METHOD/path.json it answers, with 200, or with the status of
// node/METHOD/path.403.json; everything else is withheld. It remembers each request in the file "requests". Proofs, signatures
// and the ledger it checks and makes itself.
type node struct {
	dir string
	log *log

	mu      sync.Mutex // guards all below
	logins  map[string]bool
	signers []client.Signer
	signed  []narthex.SignedBy
	codes   map[string]bool
}

// startNode starts a node for the script and sets URL.
func startNode(ts *testscript.TestScript, _ bool, _ []string) {
	n, err := newNode(ts.MkAbs("."))
	ts.Check(err)
	server := httptest.NewServer(n)
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
	ts.Setenv("CODE", theCode)
}

func newNode(dir string) (*node, error) {
	entries, err := newLog()
	return &node{dir: dir, log: entries, logins: map[string]bool{}, codes: map[string]bool{theCode: true}}, err
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = n.remember(r, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if n.scripted(w, r) {
		return
	}
	out, err := n.builtIn(r, body)
	if err != nil {
		e := narthex.AsError(err)
		w.WriteHeader(e.Kind.Facts().Status)
		fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error","kind":%q,"code":%q,"request_id":"req_1"}}`, e.Public, e.Kind, e.Code)
		return
	}
	json.NewEncoder(w).Encode(out)
}

// remember writes what was asked, with who asked and the body.
func (n *node) remember(r *http.Request, body []byte) error {
	file, err := os.OpenFile(filepath.Join(n.dir, "requests"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s %s %s\n", r.Method, r.RequestURI, r.Header.Get("Authorization"), body)
	return errors.Join(err, file.Close())
}

// scripted answers from a file of the script.
func (n *node) scripted(w http.ResponseWriter, r *http.Request) bool {
	path := filepath.Join(n.dir, "node", r.Method, filepath.FromSlash(r.URL.Path))
	if data, err := os.ReadFile(path + ".json"); err == nil {
		w.Write(data)
		return true
	}
	for status := 300; status < 600; status++ {
		if data, err := os.ReadFile(fmt.Sprintf("%s.%d.json", path, status)); err == nil {
			w.WriteHeader(status)
			w.Write(data)
			return true
		}
	}
	return false
}

func (n *node) builtIn(r *http.Request, body []byte) (any, error) {
	var in struct {
		Code, Nonce, Proof, Digest, Signer, Envelope string
		Party                                        narthex.PartyRole
		PublicKey                                    string `json:"public_key"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
	}
	session := json.RawMessage(`{"token":"ns_session","person":` + ada + `,"expires_at":"2026-11-24T20:00:00Z"}`)
	switch r.Method + " " + r.URL.Path {
	case "GET /api/status":
		return client.Status{Lab: "A Lab", Origin: origin, State: "open", Version: "1"}, nil
	case "POST /api/challenge":
		return client.Challenge{Nonce: "0123", Origin: origin}, nil
	case "POST /api/redeem":
		sum := sha256.Sum256([]byte(in.Code))
		if !n.codes[in.Code] || !proves(in.PublicKey, in.Proof, "redeem", hex.EncodeToString(sum[:]), in.Nonce) {
			return nil, narthex.UnauthenticatedError()
		}
		n.codes[in.Code], n.logins[in.PublicKey] = false, true
		return session, nil
	case "POST /api/login":
		if !n.logins[in.PublicKey] || !proves(in.PublicKey, in.Proof, "login", in.Nonce, in.PublicKey) {
			return nil, narthex.UnauthenticatedError()
		}
		return session, nil
	case "POST /api/logout":
		return struct{}{}, nil
	case "GET /api/whoami":
		return json.RawMessage(`{"person":` + ada + `,"org":{"id":"org_aaaaaaaaaaaaaaaaaaaaaaaaaa","name":"A University"},"signers":[],"told":["a key was minted"]}`), nil
	case "GET /api/signers":
		return client.SignerList{Signers: n.signers}, nil
	case "POST /api/signers":
		return n.enrol(in.PublicKey, in.Proof)
	case "GET /api/engagements/" + string(engID) + "/agreement":
		return n.agreement()
	case "POST /api/engagements/" + string(engID) + "/sign":
		return n.sign(in.PublicKey, in.Digest, in.Signer, in.Envelope, in.Party)
	case "POST /api/lab/propose":
		var proposed client.LabPropose
		err := json.Unmarshal(body, &proposed)
		return client.LabState{Proposed: lab.Files(proposed.Files).Digest(), Needed: 2, Diff: "*** lab.yaml\n"}, err
	case "GET /ledger/state":
		return n.log.state(), nil
	}
	if index, found := strings.CutPrefix(r.URL.Path, "/api/ledger/proof/"); found {
		return n.log.proof(index)
	}
	return nil, narthex.WithheldError()
}

// proves checks a proof as the contract says, in words of its own.
func proves(public, proof, purpose string, values ...string) bool {
	key, errKey := base64.StdEncoding.DecodeString(public)
	signed, errProof := base64.StdEncoding.DecodeString(proof)
	message := "narthex proof v1\n" + purpose + "\n" + origin + "\n" + strings.Join(values, "\n") + "\n"
	return errKey == nil && errProof == nil && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, []byte(message), signed)
}

func (n *node) enrol(public, proof string) (any, error) {
	key, err := agreement.ParseKey(public)
	if err != nil || !proves(public, proof, "enroll signer", string(adaID), public) {
		return nil, narthex.Refusedf("The proof is not that key's.")
	}
	signer := client.Signer{Fingerprint: agreement.Fingerprint(key), PublicKey: public, Person: adaID, At: noon}
	n.signers = append(n.signers, signer)
	return signer, nil
}

// agreement is one between Ada, with the key she enrolled, and the lab, with no key.
func (n *node) agreement() (client.AgreementView, error) {
	signer := narthex.PartySigner{Person: adaID, Name: "Ada"}
	for _, s := range n.signers {
		signer.Fingerprint = s.Fingerprint
	}
	document := narthex.Agreement{Format: "narthex agreement v1", Lab: "A Lab", Origin: origin, Engagement: engID, Pathway: "credits", Title: "Seeing *stars*",
		Parties:   []narthex.Party{{Role: narthex.PartyResearcher, Name: "Ada", Person: adaID, Signers: []narthex.PartySigner{signer}}, {Role: narthex.PartyLab, Name: "A Lab", Signers: []narthex.PartySigner{}}},
		NotBefore: noon, NotAfter: noon.AddDate(0, 0, 90), ContentLog: "none", AppealTo: "the programme manager", AppealDays: 10,
		Clauses: []narthex.AgreedClause{{Number: "1", Name: "purpose", Title: "Purpose", Text: "For research."}},
		Terms:   []narthex.Term{{Attribute: "model.sample", Asset: "model-1", Clause: "2.1", Limits: map[narthex.LimitName]narthex.Value{"max_tokens": narthex.NumberValue(100)}}},
		Redline: &narthex.Redline{Departures: []narthex.Departure{{What: narthex.DiffersDays, Standard: "180", Agreed: "90"}}}}
	digest, err := agreement.Digest(document)
	view := client.AgreementView{Agreement: document, Digest: digest, Markdown: "never shown", Signatures: n.signed, Missing: []string{"researcher", "lab"}}
	if _, lies := os.Stat(filepath.Join(n.dir, "node-lies")); lies == nil {
		view.Agreement.Terms[0].Limits["max_tokens"] = narthex.NumberValue(1)
	}
	return view, err
}

func (n *node) sign(_, digest, signer, envelope string, party narthex.PartyRole) (any, error) {
	view, err := n.agreement()
	if err != nil {
		return nil, err
	}
	for _, s := range n.signers {
		key, err := agreement.ParseVerifier(s.PublicKey)
		if err == nil && s.Fingerprint == signer && digest == string(view.Digest) {
			err = agreement.VerifyEnvelope(envelope, key, agreement.NewStatement(view.Digest, party, adaID, origin))
			n.signed = append(n.signed, narthex.SignedBy{Party: party, By: adaID, Digest: view.Digest, Signer: signer, Envelope: envelope, At: noon, PublicKey: s.PublicKey})
			return client.EngagementView{Waiting: []string{"the signature of the lab"}, Engagement: narthex.Engagement{ID: engID, State: narthex.Offered, Application: narthex.Application{Engagement: engID, Applicant: adaID, Org: "org_aaaaaaaaaaaaaaaaaaaaaaaaaa"}}}, err
		}
	}
	return nil, narthex.Refusedf("That is not a signing key of yours.")
}
