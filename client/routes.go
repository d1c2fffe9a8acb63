package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"narthex"
)

// Status is what anyone may know of the node.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, "GET", "/api/status", nil)
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
func (c *Client) People(ctx context.Context, of Page) (PersonList, error) {
	return call[PersonList](ctx, c, "GET", of.address("/api/people"), nil)
}

// Invite makes a one-time code.
func (c *Client) Invite(ctx context.Context, in Invite) (Invited, error) {
	return call[Invited](ctx, c, "POST", "/api/people", in)
}

// Suspend stops a person at once.
func (c *Client) Suspend(ctx context.Context, person narthex.PersonID, reason string) (narthex.Person, error) {
	return call[narthex.Person](ctx, c, "POST", route("api", "people", string(person), "suspend"), PersonChange{Reason: reason})
}

// Remove stops a person for good.
func (c *Client) Remove(ctx context.Context, person narthex.PersonID, reason string) (narthex.Person, error) {
	return call[narthex.Person](ctx, c, "POST", route("api", "people", string(person), "remove"), PersonChange{Reason: reason})
}

// Away says that you are away, and who stands in.
func (c *Client) Away(ctx context.Context, in Away) (AwayList, error) {
	return call[AwayList](ctx, c, "POST", route("api", "people", "away"), in)
}

// Back ends your absence.
func (c *Client) Back(ctx context.Context) (AwayList, error) {
	return call[AwayList](ctx, c, "POST", route("api", "people", "back"), struct{}{})
}

// WhoIsAway lists who of the lab is away or will be.
func (c *Client) WhoIsAway(ctx context.Context) (AwayList, error) {
	return call[AwayList](ctx, c, "GET", route("api", "people", "away"), nil)
}

// Standing gives what is known of a person's standing.
func (c *Client) Standing(ctx context.Context, person narthex.PersonID) (StandingView, error) {
	return call[StandingView](ctx, c, "GET", route("api", "people", string(person), "standing"), nil)
}

// RecordStanding records a training, a screening or an affiliation of a person.
func (c *Client) RecordStanding(ctx context.Context, person narthex.PersonID, in RecordStanding) (StandingView, error) {
	return call[StandingView](ctx, c, "POST", route("api", "people", string(person), "standing"), in)
}

// TakeBackStanding ends a standing at once.
func (c *Client) TakeBackStanding(ctx context.Context, person narthex.PersonID, in TakeBackStanding) (StandingView, error) {
	return call[StandingView](ctx, c, "POST", route("api", "people", string(person), "standing", "withdraw"), in)
}

// Amend begins an application that takes the place of an engagement in force when every party has signed it.
func (c *Client) Amend(ctx context.Context, id narthex.EngagementID, in Amend) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", route("api", "engagements", string(id), "amend"), in)
}

// State states that an engagement's purpose and people are still so.
func (c *Client) State(ctx context.Context, id narthex.EngagementID, in Recertify) (StandingView, error) {
	return call[StandingView](ctx, c, "POST", route("api", "engagements", string(id), "state"), in)
}

// Confirm confirms it.
func (c *Client) Confirm(ctx context.Context, id narthex.EngagementID, in Recertify) (StandingView, error) {
	return call[StandingView](ctx, c, "POST", route("api", "engagements", string(id), "confirm"), in)
}

// Authorise gives an institution's word for one of its people.
func (c *Client) Authorise(ctx context.Context, person narthex.PersonID, in Authorise) (narthex.SignedAuthorisation, error) {
	return call[narthex.SignedAuthorisation](ctx, c, "POST", route("api", "people", string(person), "authorise"), in)
}

// Unauthorise takes it back.
func (c *Client) Unauthorise(ctx context.Context, person narthex.PersonID) (narthex.SignedAuthorisation, error) {
	return call[narthex.SignedAuthorisation](ctx, c, "POST", route("api", "people", string(person), "unauthorise"), struct{}{})
}

// Erase takes away what is known of a person from outside who was removed.
func (c *Client) Erase(ctx context.Context, person narthex.PersonID, reason string) (Erased, error) {
	return call[Erased](ctx, c, "POST", route("api", "people", string(person), "erase"), PersonChange{Reason: reason})
}

// Lab gives the lab directory's state, with the difference that is proposed where withDiff is set.
func (c *Client) Lab(ctx context.Context, withDiff bool) (LabState, error) {
	path := "/api/lab"
	if withDiff {
		path += "?diff=yes"
	}
	return call[LabState](ctx, c, "GET", path, nil)
}

// Horizon gives what all grants not yet ended open on an asset.
func (c *Client) Horizon(ctx context.Context, asset narthex.AssetName) (Horizon, error) {
	return call[Horizon](ctx, c, "GET", route("api", "assets", string(asset), "horizon"), nil)
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

// EnrollPasskey enrols a passkey of the session's person.
func (c *Client) EnrollPasskey(ctx context.Context, in PasskeyEnroll) (Signer, error) {
	return call[Signer](ctx, c, "POST", "/api/passkeys", in)
}

// PasskeyChallenge asks for a challenge to enrol a passkey or to log in with one.
func (c *Client) PasskeyChallenge(ctx context.Context) (Challenge, error) {
	return call[Challenge](ctx, c, "POST", "/api/challenge", ChallengeRequest{Passkey: true})
}

// PasskeyLogin makes a session for the holder of a passkey.
func (c *Client) PasskeyLogin(ctx context.Context, in PasskeyLogin) (Session, error) {
	return call[Session](ctx, c, "POST", "/api/passkeys/login", in)
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
	return call[PathwayView](ctx, c, "GET", route("api", "pathways", string(name)), nil)
}

// Engagements lists the engagements that the person may know of.
func (c *Client) Engagements(ctx context.Context, of Page) (EngagementList, error) {
	return call[EngagementList](ctx, c, "GET", of.address("/api/engagements"), nil)
}

// Engagement gives one engagement.
func (c *Client) Engagement(ctx context.Context, id narthex.EngagementID) (EngagementView, error) {
	return call[EngagementView](ctx, c, "GET", route("api", "engagements", string(id)), nil)
}

// Draft begins an application.
func (c *Client) Draft(ctx context.Context, in Draft) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", "/api/engagements", in)
}

// Edit writes a draft anew.
func (c *Client) Edit(ctx context.Context, id narthex.EngagementID, in Draft) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", route("api", "engagements", string(id), "edit"), in)
}

// Command gives a command on an engagement.
func (c *Client) Command(ctx context.Context, id narthex.EngagementID, command string, in Command) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", route("api", "engagements", string(id), command), in)
}

// Report counts what became of applications.
func (c *Client) Report(ctx context.Context) (Report, error) {
	return call[Report](ctx, c, "GET", "/api/report", nil)
}

// Notices lists what the person was told.
func (c *Client) Notices(ctx context.Context, of Page) (NoticeList, error) {
	return call[NoticeList](ctx, c, "GET", of.address("/api/notices"), nil)
}

// Work lists what waits for the person.
func (c *Client) Work(ctx context.Context, of Page) (WorkList, error) {
	return call[WorkList](ctx, c, "GET", of.address("/api/work"), nil)
}

// Agreement gives an engagement's agreement.
func (c *Client) Agreement(ctx context.Context, id narthex.EngagementID) (AgreementView, error) {
	return call[AgreementView](ctx, c, "GET", route("api", "engagements", string(id), "agreement"), nil)
}

// Sign sends a party's signature.
func (c *Client) Sign(ctx context.Context, id narthex.EngagementID, in Sign) (EngagementView, error) {
	return call[EngagementView](ctx, c, "POST", route("api", "engagements", string(id), "sign"), in)
}

// Grants lists the grants that the person may know of.
func (c *Client) Grants(ctx context.Context, of Page) (GrantList, error) {
	return call[GrantList](ctx, c, "GET", of.address("/api/grants"), nil)
}

// Grant gives one grant.
func (c *Client) Grant(ctx context.Context, id narthex.GrantID) (GrantView, error) {
	return call[GrantView](ctx, c, "GET", route("api", "grants", string(id)), nil)
}

// Explain asks what the door would decide on a request now.
func (c *Client) Explain(ctx context.Context, id narthex.GrantID, in Explain) (Explanation, error) {
	return call[Explanation](ctx, c, "POST", route("api", "grants", string(id), "explain"), in)
}

// OwnGrant gives the grant of an API key; it works when the grant is locked or over, too.
func (c *Client) OwnGrant(ctx context.Context) (GrantView, error) {
	return call[GrantView](ctx, c, "GET", "/v1/grant", nil)
}

// Models gives the models that an API key's grant shows, as OpenAI's API lists them. Calls on them go through [Client.Do].
func (c *Client) Models(ctx context.Context) (json.RawMessage, error) {
	return call[json.RawMessage](ctx, c, "GET", "/v1/models", nil)
}

// Mint makes a key of a grant.
func (c *Client) Mint(ctx context.Context, id narthex.GrantID, in Mint) (Minted, error) {
	return call[Minted](ctx, c, "POST", route("api", "grants", string(id), "keys"), in)
}

// RevokeKey ends a key.
func (c *Client) RevokeKey(ctx context.Context, id narthex.KeyID) (narthex.Key, error) {
	return call[narthex.Key](ctx, c, "POST", route("api", "keys", string(id), "revoke"), struct{}{})
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
	return call[narthex.Lock](ctx, c, "POST", route("api", "locks", string(id), "lift"), struct{}{})
}

// RecordNationalities records whose national a person is, for locks on a class of people.
func (c *Client) RecordNationalities(ctx context.Context, id narthex.PersonID, in Nationalities) (Nationalities, error) {
	return call[Nationalities](ctx, c, "POST", route("api", "people", string(id), "nationalities"), in)
}

// Incidents lists what went wrong in an engagement.
func (c *Client) Incidents(ctx context.Context, id narthex.EngagementID) (IncidentList, error) {
	return call[IncidentList](ctx, c, "GET", route("api", "engagements", string(id), "incidents"), nil)
}

// OpenIncident says that something went wrong.
func (c *Client) OpenIncident(ctx context.Context, id narthex.EngagementID, in OpenIncident) (IncidentList, error) {
	return call[IncidentList](ctx, c, "POST", route("api", "engagements", string(id), "incidents"), in)
}

// ResolveIncident says what became of it.
func (c *Client) ResolveIncident(ctx context.Context, id narthex.EngagementID, in ResolveIncident) (IncidentList, error) {
	return call[IncidentList](ctx, c, "POST", route("api", "engagements", string(id), "incidents", "resolve"), in)
}

// AppealLock hands in an appeal against a lock.
func (c *Client) AppealLock(ctx context.Context, id narthex.LockID, in LockAppeal) (narthex.Lock, error) {
	return call[narthex.Lock](ctx, c, "POST", route("api", "locks", string(id), "appeal"), in)
}

// AppealWithKey hands it in with an API key of what is locked.
func (c *Client) AppealWithKey(ctx context.Context, in KeyAppeal) (narthex.Lock, error) {
	return call[narthex.Lock](ctx, c, "POST", "/v1/appeal", in)
}

// ReviewLock says that a lock stays, or lifts it, and answers its appeals.
func (c *Client) ReviewLock(ctx context.Context, id narthex.LockID, in ReviewLock) (narthex.Lock, error) {
	return call[narthex.Lock](ctx, c, "POST", route("api", "locks", string(id), "review"), in)
}

// SilenceLock says until when nobody may tell of a lock.
func (c *Client) SilenceLock(ctx context.Context, id narthex.LockID, in LockSilence) (narthex.Lock, error) {
	return call[narthex.Lock](ctx, c, "POST", route("api", "locks", string(id), "silence"), in)
}

// Ledger gives the ledger's state.
func (c *Client) Ledger(ctx context.Context) (LedgerState, error) {
	return call[LedgerState](ctx, c, "GET", "/ledger/state", nil)
}

// Audit folds all entries and compares them with the tables; with last it gives the result of the last time.
func (c *Client) Audit(ctx context.Context, last bool) (Audit, error) {
	path := "/api/ledger/audit"
	if last {
		path += "?last=yes"
	}
	return call[Audit](ctx, c, "GET", path, nil)
}

// Documents writes the agreements and lab directories that entries name to w, one [Document] a line.
func (c *Client) Documents(ctx context.Context, w io.Writer) error {
	return c.download(ctx, "/api/ledger/documents", w)
}

// Export writes the whole ledger to w.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	return c.download(ctx, "/api/ledger/export", w)
}

// Outside writes the outside document that is bound to an engagement's agreement to w, where the node keeps it. What was written is the
// document only if it has the digest that the agreement says.
func (c *Client) Outside(ctx context.Context, id narthex.EngagementID, w io.Writer) error {
	return c.download(ctx, route("api", "engagements", string(id), "outside"), w)
}

// Evidence writes the folder of an engagement's evidence to w, as a tar.
func (c *Client) Evidence(ctx context.Context, id narthex.EngagementID, w io.Writer) error {
	return c.download(ctx, route("api", "engagements", string(id), "evidence"), w)
}

func (c *Client) download(ctx context.Context, path string, w io.Writer) error {
	answer, err := c.Do(ctx, "GET", path, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return ReadProblem(answer)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return narthex.Unavailablef("The answer broke off; what was written is not whole. Ask again.").Because(err)
	}
	return nil
}

// Proof gives an entry of the ledger with its inclusion proof.
func (c *Client) Proof(ctx context.Context, index uint64) (EntryProof, error) {
	return call[EntryProof](ctx, c, "GET", fmt.Sprintf("/api/ledger/proof/%d", index), nil)
}

// Receipt gives the receipt of a call of the API key, as it was written: its one form is part of what is checked.
func (c *Client) Receipt(ctx context.Context, id narthex.CallID) (json.RawMessage, error) {
	return call[json.RawMessage](ctx, c, "GET", route("v1", "receipts", string(id)), nil)
}

// address gives the address of a page of the list at path.
func (p Page) address(path string) string {
	query := url.Values{}
	if p.State != "" {
		query.Set("state", string(p.State))
	}
	if p.Mine {
		query.Set("mine", "yes")
	}
	if p.After != "" {
		query.Set("after", p.After)
	}
	if p.Limit != 0 {
		query.Set("limit", strconv.Itoa(p.Limit))
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// History gives what happened with an engagement, and who read it of late.
func (c *Client) History(ctx context.Context, id narthex.EngagementID) (History, error) {
	return call[History](ctx, c, "GET", route("api", "engagements", string(id), "history"), nil)
}

// HistoryBefore gives who read an engagement before an entry, as Earlier of a history names it.
func (c *Client) HistoryBefore(ctx context.Context, id narthex.EngagementID, entry uint64) (History, error) {
	return call[History](ctx, c, "GET", route("api", "engagements", string(id), "history")+"?before="+strconv.FormatUint(entry, 10), nil)
}

// Interests lists what you, of the lab, declared of yourself.
func (c *Client) Interests(ctx context.Context) (InterestList, error) {
	return call[InterestList](ctx, c, "GET", "/api/interests", nil)
}

// DeclareInterest declares an interest of yours.
func (c *Client) DeclareInterest(ctx context.Context, in DeclareInterest) (InterestList, error) {
	return call[InterestList](ctx, c, "POST", "/api/interests", in)
}

// EndInterest takes a declaration back.
func (c *Client) EndInterest(ctx context.Context, in DeclareInterest) (InterestList, error) {
	return call[InterestList](ctx, c, "POST", "/api/interests/end", in)
}
