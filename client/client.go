// Package client is the Go client of a Narthex node's HTTP API, and the types of that API.
//
// It is for programs that act for a person: the command line is one. It promises that every answer which is not a success
// comes back as a *narthex.Error with the kind, the code and the clause that the node gave; that a redirect is never followed;
// and that a credential goes to the node it was made for and over plain http to loopback only.
//
// It trusts the node for what it answers: whoever wants proof verifies the ledger. Read next: types.go for what is sent and
// answered, login.go for how a key proves itself.
package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"narthex"
)

// mostAnswer bounds an answer that is read whole, in bytes.
const mostAnswer = 64 << 20

// Client talks to one node with one credential.
type Client struct {
	base  string
	token narthex.Secret
	http  *http.Client
}

// New makes a client of the node at base, an http or https URL without a path. Plain http is for loopback only.
func New(base string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, narthex.Invalidf("A node's address is http:// or https://, a host and an optional port.").For("url")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && (err != nil || !ip.IsLoopback()) && u.Hostname() != "localhost" {
		return nil, narthex.Invalidf("Plain http would show your credentials to the network; use https.").For("url")
	}
	return &Client{base: u.Scheme + "://" + u.Host, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 16, ResponseHeaderTimeout: 10 * time.Minute, IdleConnTimeout: time.Minute},
	}}, nil
}

// With gives a client of the same node with another credential: a session's token or an API key.
func (c *Client) With(token string) *Client {
	other := *c
	other.token = narthex.NewSecret(token)
	return &other
}

// Base gives the node's address.
func (c *Client) Base() string { return c.base }

// Do sends a request with an optional JSON body and gives the answer as it is, for surfaces with types of their own. The
// caller closes the body.
func (c *Client) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if !c.token.Empty() {
		request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, narthex.Unavailablef("The node at %s does not answer; check the address and that it runs.", c.base).Because(err)
	}
	return answer, nil
}

// ReadProblem reads the error of an answer that is not a success.
func ReadProblem(answer *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	var problem struct {
		Error struct {
			ProblemBody
			Kind string `json:"kind"`
		} `json:"error"`
	}
	if err != nil || json.Unmarshal(data, &problem) != nil || problem.Error.Message == "" {
		return narthex.Unavailablef("The node answered %d without saying why.", answer.StatusCode).Because(err)
	}
	p := problem.Error
	kind := p.Kind
	if kind == "" {
		kind = p.Type
	}
	out := &narthex.Error{Kind: narthex.KindNamed(kind), Code: p.Code, Param: p.Param, Public: p.Message}
	if p.Clause != "" || p.Limit != "" || p.Allowed != "" {
		out.Reason = &narthex.Reason{Code: p.Code, Clause: p.Clause, Limit: narthex.LimitName(p.Limit), Allowed: p.Allowed, Asked: p.Asked, Says: p.Message}
	}
	return out
}

// call sends a request and reads the answer into Out.
func call[Out any](ctx context.Context, c *Client, method, path string, in any) (Out, error) {
	var out Out
	answer, err := c.Do(ctx, method, path, in)
	if err != nil {
		return out, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return out, ReadProblem(answer)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return out, narthex.Unavailablef("The node's answer does not read; is it a Narthex node of this version?").Because(err)
	}
	return out, nil
}

// Status is what anyone may know of the node.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, "GET", "/api/status", nil)
}

// NewKey draws a key that a person logs in or signs with.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// PublicKey gives the text form of a key's public half.
func PublicKey(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

func prove(key ed25519.PrivateKey, purpose, origin string, values ...string) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, LoginMessage(purpose, origin, values...)))
}

// Redeem turns a one-time code into a log-in with key.
func (c *Client) Redeem(ctx context.Context, code string, key ed25519.PrivateKey) (Session, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return Session{}, err
	}
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return Session{}, err
	}
	sum := sha256.Sum256([]byte(code))
	in := Redeem{Code: code, PublicKey: PublicKey(key), Nonce: hex.EncodeToString(nonce[:])}
	in.Proof = prove(key, "redeem", status.Origin, hex.EncodeToString(sum[:]), in.Nonce)
	return call[Session](ctx, c, "POST", "/api/redeem", in)
}

// Login makes a session for the holder of key.
func (c *Client) Login(ctx context.Context, key ed25519.PrivateKey) (Session, error) {
	challenge, err := call[Challenge](ctx, c, "POST", "/api/challenge", ChallengeRequest{PublicKey: PublicKey(key)})
	if err != nil {
		return Session{}, err
	}
	proof := prove(key, "login", challenge.Origin, challenge.Nonce, PublicKey(key))
	return call[Session](ctx, c, "POST", "/api/login", Login{PublicKey: PublicKey(key), Nonce: challenge.Nonce, Proof: proof})
}

// Logout ends the session.
func (c *Client) Logout(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, "POST", "/api/logout", struct{}{})
	return err
}

// WhoAmI is the person behind the session.
func (c *Client) WhoAmI(ctx context.Context) (WhoAmI, error) {
	return call[WhoAmI](ctx, c, "GET", "/api/whoami", nil)
}

// People lists the people whom the session's person may know of.
func (c *Client) People(ctx context.Context) (PersonList, error) {
	return call[PersonList](ctx, c, "GET", "/api/people", nil)
}

// Invite makes a one-time code.
func (c *Client) Invite(ctx context.Context, in Invite) (Invited, error) {
	return call[Invited](ctx, c, "POST", "/api/people", in)
}

// Suspend stops a person at once.
func (c *Client) Suspend(ctx context.Context, person narthex.PersonID, reason string) (narthex.Person, error) {
	return call[narthex.Person](ctx, c, "POST", "/api/people/"+string(person)+"/suspend", PersonChange{Reason: reason})
}

// Remove stops a person for good.
func (c *Client) Remove(ctx context.Context, person narthex.PersonID, reason string) (narthex.Person, error) {
	return call[narthex.Person](ctx, c, "POST", "/api/people/"+string(person)+"/remove", PersonChange{Reason: reason})
}

// Lab gives the lab directory's state, with the difference that is proposed where withDiff is set.
func (c *Client) Lab(ctx context.Context, withDiff bool) (LabState, error) {
	path := "/api/lab"
	if withDiff {
		path += "?diff=yes"
	}
	return call[LabState](ctx, c, "GET", path, nil)
}

// Propose offers a lab directory.
func (c *Client) Propose(ctx context.Context, files map[string][]byte) (LabState, error) {
	return call[LabState](ctx, c, "POST", "/api/lab/propose", LabPropose{Files: files})
}

// ApproveLab approves the proposed lab directory by its digest.
func (c *Client) ApproveLab(ctx context.Context, digest narthex.Digest) (LabState, error) {
	return call[LabState](ctx, c, "POST", "/api/lab/approve", LabApprove{Digest: digest})
}

// Signers lists the person's signing keys.
func (c *Client) Signers(ctx context.Context) (SignerList, error) {
	return call[SignerList](ctx, c, "GET", "/api/signers", nil)
}

// EnrollSigner enrols a signing key for the session's person.
func (c *Client) EnrollSigner(ctx context.Context, key ed25519.PrivateKey) (Signer, error) {
	who, err := c.WhoAmI(ctx)
	if err != nil {
		return Signer{}, err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return Signer{}, err
	}
	proof := prove(key, "enroll signer", status.Origin, string(who.Person.ID), PublicKey(key))
	return call[Signer](ctx, c, "POST", "/api/signers", SignerEnroll{PublicKey: PublicKey(key), Proof: proof})
}

// RevokeSigner ends a signing key of the person.
func (c *Client) RevokeSigner(ctx context.Context, fingerprint string) (Signer, error) {
	return call[Signer](ctx, c, "POST", "/api/signers/revoke", map[string]string{"fingerprint": fingerprint})
}

// Pathways lists the pathways.
func (c *Client) Pathways(ctx context.Context) (PathwayList, error) {
	return call[PathwayList](ctx, c, "GET", "/api/pathways", nil)
}

// Pathway gives one pathway.
func (c *Client) Pathway(ctx context.Context, name narthex.PathwayName) (PathwayView, error) {
	return call[PathwayView](ctx, c, "GET", "/api/pathways/"+url.PathEscape(string(name)), nil)
}

// Engagements lists the engagements that the person may know of.
func (c *Client) Engagements(ctx context.Context) (EngagementList, error) {
	return call[EngagementList](ctx, c, "GET", "/api/engagements", nil)
}

// Engagement gives one engagement.
func (c *Client) Engagement(ctx context.Context, id narthex.EngagementID) (EngagementView, error) {
	return call[EngagementView](ctx, c, "GET", "/api/engagements/"+string(id), nil)
}

// Draft begins an application.
func (c *Client) Draft(ctx context.Context, in Draft) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", "/api/engagements", in)
}

// Edit writes a draft anew.
func (c *Client) Edit(ctx context.Context, id narthex.EngagementID, in Draft) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", "/api/engagements/"+string(id)+"/edit", in)
}

// Command gives a command on an engagement.
func (c *Client) Command(ctx context.Context, id narthex.EngagementID, command string, in Command) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", "/api/engagements/"+string(id)+"/"+url.PathEscape(command), in)
}

// Agreement gives an engagement's agreement.
func (c *Client) Agreement(ctx context.Context, id narthex.EngagementID) (AgreementView, error) {
	return call[AgreementView](ctx, c, "GET", "/api/engagements/"+string(id)+"/agreement", nil)
}

// Sign sends a party's signature.
func (c *Client) Sign(ctx context.Context, id narthex.EngagementID, in Sign) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", "/api/engagements/"+string(id)+"/sign", in)
}

// Grants lists the grants that the person may know of.
func (c *Client) Grants(ctx context.Context) (GrantList, error) {
	return call[GrantList](ctx, c, "GET", "/api/grants", nil)
}

// Grant gives one grant.
func (c *Client) Grant(ctx context.Context, id narthex.GrantID) (GrantView, error) {
	return call[GrantView](ctx, c, "GET", "/api/grants/"+string(id), nil)
}

// OwnGrant gives the grant of an API key; it works when the grant is locked or over, too.
func (c *Client) OwnGrant(ctx context.Context) (GrantView, error) {
	return call[GrantView](ctx, c, "GET", "/v1/grant", nil)
}

// Mint makes a key of a grant.
func (c *Client) Mint(ctx context.Context, id narthex.GrantID, in Mint) (Minted, error) {
	return call[Minted](ctx, c, "POST", "/api/grants/"+string(id)+"/keys", in)
}

// RevokeKey ends a key.
func (c *Client) RevokeKey(ctx context.Context, id narthex.KeyID) (narthex.Key, error) {
	return call[narthex.Key](ctx, c, "POST", "/api/keys/"+string(id)+"/revoke", struct{}{})
}

// Locks lists the locks in force.
func (c *Client) Locks(ctx context.Context) (LockList, error) {
	return call[LockList](ctx, c, "GET", "/api/locks", nil)
}

// Lock stops something at once. When it returns, every live call that it concerns has ended.
func (c *Client) Lock(ctx context.Context, in LockRequest) (Locked, error) {
	return call[Locked](ctx, c, "POST", "/api/locks", in)
}

// Unlock lifts a lock.
func (c *Client) Unlock(ctx context.Context, id narthex.LockID) (narthex.Lock, error) {
	return call[narthex.Lock](ctx, c, "POST", "/api/locks/"+string(id)+"/lift", struct{}{})
}

// Ledger gives the ledger's state.
func (c *Client) Ledger(ctx context.Context) (LedgerState, error) {
	return call[LedgerState](ctx, c, "GET", "/ledger/state", nil)
}

// Export writes the whole ledger to w.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	answer, err := c.Do(ctx, "GET", "/api/ledger/export", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return ReadProblem(answer)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return narthex.Unavailablef("The export broke off; what was written is not whole. Ask again.").Because(err)
	}
	return nil
}

// Proof gives an entry of the ledger with its inclusion proof.
func (c *Client) Proof(ctx context.Context, index uint64) (EntryProof, error) {
	return call[EntryProof](ctx, c, "GET", fmt.Sprintf("/api/ledger/proof/%d", index), nil)
}
