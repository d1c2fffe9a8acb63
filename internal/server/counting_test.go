package server_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// submitted makes an application of ada's that waits for its reviewers.
func submitted(t testing.TB, e *testenv.Env) client.EngagementView {
	t.Helper()
	view := drafted(t, e)
	view, err := e.People["ada"].Command(t.Context(), view.Engagement.ID, "submit", client.Command{})
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func drafted(t testing.TB, e *testenv.Env) client.EngagementView {
	t.Helper()
	view, err := e.People["ada"].Draft(t.Context(), client.Draft{Pathway: "test", Title: "a test", Answers: map[string]string{"why": "to see"}, Terms: []narthex.Term{testenv.Tokens(1000, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func approve(t testing.TB, e *testenv.Env, name string, role narthex.Role, view client.EngagementView) client.EngagementView {
	t.Helper()
	view, err := e.People[name].Command(t.Context(), view.Engagement.ID, "approve", client.Command{As: role, Saw: view.Engagement.Digest})
	if err != nil {
		t.Fatalf("%s approves: %v", name, err)
	}
	return view
}

func lockPerson(t testing.TB, e *testenv.Env, by, who string) narthex.LockID {
	t.Helper()
	lock, err := e.People[by].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(e.People[who].ID), Reason: "compromised_credential"})
	if err != nil {
		t.Fatal(err)
	}
	return lock.Lock.ID
}

func TestAVoteCountsOnlyWhileItsGiverMayVote(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	view := submitted(t, e)
	approve(t, e, "sam", narthex.Security, view)
	if _, err := e.People["carol"].Suspend(t.Context(), e.People["sam"].ID, "key stolen"); err != nil {
		t.Fatal(err)
	}
	view = approve(t, e, "olga", narthex.AssetOwner, view)
	if view.Engagement.State != narthex.InReview || !strings.Contains(strings.Join(view.Waiting, " "), "security") {
		t.Errorf("with the vote of someone suspended it is %s and waits for %v", view.Engagement.State, view.Waiting)
	}
	if view = approve(t, e, "paul", narthex.Security, view); view.Engagement.State != narthex.Offered {
		t.Errorf("with another vote it is %s", view.Engagement.State)
	}
	if made, err := e.People["ada"].Client.Agreement(t.Context(), view.Engagement.ID); err != nil || made.Agreement.Approvals != 2 {
		t.Errorf("two people approved whose votes count, and the agreement states %d, %v", made.Agreement.Approvals, err)
	}

	view = submitted(t, e)
	approve(t, e, "paul", narthex.Security, view)
	lock := lockPerson(t, e, "carol", "paul")
	if view = approve(t, e, "olga", narthex.AssetOwner, view); view.Engagement.State != narthex.InReview {
		t.Errorf("with the vote of someone locked it is %s", view.Engagement.State)
	}
	if _, err := e.People["dan"].Unlock(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	if view, err := e.People["ada"].Engagement(t.Context(), view.Engagement.ID); err != nil || view.Engagement.State != narthex.Offered {
		t.Errorf("when the lock is lifted it is %s, %v", view.Engagement.State, err)
	}
}

// A reviewer who audits too reads no vote in the ledger before their own.
func TestTheLedgerTellsAReviewerNoVoteBeforeTheirOwn(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: func(f lab.Files) {
		for name, text := range f {
			f[name] = []byte(strings.Replace(string(text), "sam@lab.test, roles: [security]", "sam@lab.test, roles: [security, auditor]", 1))
		}
	}})
	sam, view := e.People["sam"], submitted(t, e)
	approve(t, e, "olga", narthex.AssetOwner, view)
	tells := func() (proofs, export bool) {
		t.Helper()
		olga := string(e.People["olga"].ID)
		for index := uint64(0); ; index++ {
			proof, err := sam.Proof(t.Context(), index)
			if err != nil {
				break
			}
			proofs = proofs || strings.Contains(string(proof.Opening), `"approve"`) && strings.Contains(string(proof.Opening), olga)
		}
		var out strings.Builder
		if err := sam.Export(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			export = export || strings.Contains(line, `"approve"`) && strings.Contains(line, olga)
		}
		return proofs, export
	}
	if proofs, export := tells(); proofs || export {
		t.Errorf("before a vote of their own the proofs tell of another's: %v, and the export: %v", proofs, export)
	}
	approve(t, e, "sam", narthex.Security, view)
	if proofs, export := tells(); !proofs || !export {
		t.Errorf("after it the proofs tell of it: %v, and the export: %v", proofs, export)
	}
}

// What a command would do is not worked out for who may not give it: that reads all grants, in the writer.
func TestWhoMayNotGiveACommandIsRefusedFirst(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	view := submitted(t, e)
	for _, in := range []*client.Narrowing{nil, {Days: -1}, {Days: 1}} {
		if _, err := e.People["ada"].Command(t.Context(), view.Engagement.ID, "counter", client.Command{As: narthex.Security, Saw: view.Engagement.Digest, Text: "so", Counter: in}); !narthex.IsKind(err, narthex.Refused) {
			t.Errorf("the applicant offers %+v: %v", in, err)
		}
	}
}

func TestAnApprovalOfADirectoryCountsOnlyWhileItsGiverMayApprove(t *testing.T) {
	e := testenv.New(t, testenv.Options{Files: with(eve)})
	dan := e.People["dan"]
	asEve, err := redeem(t, e, invite(t, dan.Client, "eve"))
	if err != nil {
		t.Fatal(err)
	}
	digest := propose(t, e, e.People["paul"].Client, func(f lab.Files) { with(eve)(f); delete(f, "guardrails/test.cedar") })
	if _, err := e.People["carol"].ApproveLab(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	lock := lockPerson(t, e, "sam", "carol")
	if state, err := dan.ApproveLab(t.Context(), digest); err != nil || state.InForce == digest {
		t.Errorf("with the approval of someone locked it is in force: %v", err)
	}
	if _, err := asEve.ApproveLab(t.Context(), digest); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("eve approves beside who made her code: %v", err)
	}
	if _, err := dan.Unlock(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	if state, err := e.People["carol"].ApproveLab(t.Context(), digest); err != nil || state.InForce != digest {
		t.Errorf("with two who may approve it is not in force: %v", err)
	}
}

func TestAGrantComesOnlyOfSignaturesWhoseGiversMaySign(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	view := submitted(t, e)
	id := view.Engagement.ID
	approve(t, e, "sam", narthex.Security, view)
	approve(t, e, "olga", narthex.AssetOwner, view)
	for name, party := range map[string]narthex.PartyRole{"dan": narthex.PartyLab, "ada": narthex.PartyResearcher} {
		if _, err := e.People[name].Sign(t, id, party); err != nil {
			t.Fatal(err)
		}
	}
	lock := lockPerson(t, e, "sam", "dan")
	if view, err := e.People["otto"].Sign(t, id, narthex.PartyInstitution); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a grant comes of the signature of someone locked: %s %v", view.Engagement.State, err)
	}
	if _, err := e.People["carol"].Unlock(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	if view, err := e.People["otto"].Sign(t, id, narthex.PartyInstitution); err != nil || view.Engagement.State != narthex.Active {
		t.Errorf("when the lock is lifted: %s %v", view.Engagement.State, err)
	}
}

// inForce puts a changed directory in force.
func inForce(t testing.TB, e *testenv.Env, change func(lab.Files)) narthex.Digest {
	t.Helper()
	digest := propose(t, e, e.People["carol"].Client, change)
	for _, name := range []string{"carol", "dan"} {
		if _, err := e.People[name].ApproveLab(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
	}
	return digest
}

func TestReviewersAndClausesAreThoseOfTheDirectoryInForce(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	old, waits := drafted(t, e), submitted(t, e)
	approve(t, e, "sam", narthex.Security, waits)
	digest := inForce(t, e, func(f lab.Files) {
		text := strings.Replace(string(f["pathways/test.yaml"]), "role: security, quorum: 1", "role: security, quorum: 2", 1)
		f["pathways/test.yaml"] = []byte(strings.Replace(text, "cap: 1000 EUR", "cap: 5 EUR", 1))
	})
	if _, err := e.People["olga"].Command(t.Context(), waits.Engagement.ID, "approve", client.Command{As: narthex.AssetOwner, Saw: waits.Engagement.Digest}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what was submitted under another directory is approved under this one: %v", err)
	}
	if _, err := e.People["olga"].Command(t.Context(), waits.Engagement.ID, "return", client.Command{As: narthex.AssetOwner, Text: "The pathway changed."}); err != nil {
		t.Fatal(err)
	}
	revised, err := e.People["ada"].Command(t.Context(), waits.Engagement.ID, "revise", client.Command{Text: "As it is."})
	if err != nil {
		t.Fatal(err)
	}
	late, err := e.People["ada"].Command(t.Context(), old.Engagement.ID, "submit", client.Command{})
	if err != nil {
		t.Fatal(err)
	}
	for name, view := range map[string]client.EngagementView{"an old draft": late, "an old submission, revised": revised} {
		approve(t, e, "olga", narthex.AssetOwner, view)
		if view = approve(t, e, "sam", narthex.Security, view); view.Engagement.State != narthex.InReview {
			t.Errorf("%s keeps its old reviewers: it is %s", name, view.Engagement.State)
			continue
		}
		approve(t, e, "paul", narthex.Security, view)
		made, err := e.People["ada"].Client.Agreement(t.Context(), view.Engagement.ID)
		if err != nil {
			t.Fatal(err)
		}
		if made.Agreement.Directory != digest || !strings.Contains(made.Markdown, "5 EUR") || strings.Contains(made.Markdown, "1000 EUR") {
			t.Errorf("%s: the agreement cites %s, and %s is in force", name, made.Agreement.Directory.Short(), digest.Short())
		}
	}
}

func TestAnApplicationIsBoundedBeforeTheWriterSeesIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	var terms []narthex.Term
	for range 65 {
		terms = append(terms, testenv.Tokens(1, nil))
	}
	many := client.Draft{Pathway: "test", Title: "a test", Terms: terms}
	crowd := client.Draft{Pathway: "test", Title: "a test", Terms: terms[:1], Members: make([]narthex.PersonID, 33)}
	for i := range crowd.Members {
		crowd.Members[i] = e.People["otto"].ID
	}
	id := drafted(t, e).Engagement.ID
	for field, in := range map[string]client.Draft{"terms": many, "members": crowd} {
		if _, err := e.People["ada"].Draft(t.Context(), in); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("a draft with too many %s: %v", field, err)
		}
		if _, err := e.People["ada"].Edit(t.Context(), id, in); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("an edit with too many %s: %v", field, err)
		}
	}
}

// TestWhatWaitsForASigningKeyIsOfferedWithIt: and what waits for another lets an enrolment be.
func TestWhatWaitsForASigningKeyIsOfferedWithIt(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	otto := e.People["otto"]
	keys, err := otto.Signers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := otto.RevokeSigner(t.Context(), keys.Signers[0].Fingerprint); err != nil {
		t.Fatal(err)
	}
	view := submitted(t, e)
	approve(t, e, "sam", narthex.Security, view)
	if view = approve(t, e, "olga", narthex.AssetOwner, view); view.Engagement.State != narthex.InReview {
		t.Fatalf("it is %s while a party has no key", view.Engagement.State)
	}
	enrol(t, e.People["lea"])
	if view, err = e.People["ada"].Engagement(t.Context(), view.Engagement.ID); err != nil || view.Engagement.State != narthex.InReview {
		t.Errorf("with a key of someone else it is %s, %v", view.Engagement.State, err)
	}
	enrol(t, otto)
	if view, err = e.People["ada"].Engagement(t.Context(), view.Engagement.ID); err != nil || view.Engagement.State != narthex.Offered {
		t.Errorf("with the key it waited for it is %s, %v", view.Engagement.State, err)
	}
}

func enrol(t testing.TB, p *testenv.Person) {
	t.Helper()
	key, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.EnrollSigner(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}
