package server_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/airlock"
	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// everyone is who may ask for what is everybody's own: there is no wrong role for it.
const everyone = "everyone"

// right is a row of who may use a route: with that path and body the people named are let in, and nobody else.
type right struct {
	route, path string
	body        any
	may         []string
}

var (
	labPeople  = []string{"carol", "dan", "olga", "sam", "lea", "paul"}
	custodians = []string{"carol", "dan"}
	guards     = []string{"carol", "dan", "sam", "paul"}
	all        = []string{everyone}
)

// scene is a lab with an application of ada's in every state, and with what others have.
type scene struct {
	*testenv.Env
	tokens map[string]string // of the people by name, and of API keys as "key" and "another's key"
	dead   map[string]string // credentials that open nothing, by why
	rights []right
}

// setScene makes a scene, and the rights in an order in which each can be used by the first who may.
func setScene(t *testing.T) *scene {
	_, keys := newIssuer(t)
	options, _ := testenv.Beside(t, testenv.Options{Files: func(files lab.Files) {
		with(eve)(files)
		reporting(files)
		reviewing(strict)(files)
		objecting(files)
		trusted(map[string][]byte{passports: keys})(files)
		withStudies(files)
	}}, leaves(map[string]string{"table.csv": "a,b\n0,1\n"}))
	e := testenv.New(t, options)
	e.Outsiders(t, "2", "Second")
	ada := e.People["ada"]
	draft, review := drafted(t, e), submitted(t, e)
	returned := submitted(t, e)
	command := func(name string, id narthex.EngagementID, what string, in client.Command) client.EngagementView {
		t.Helper()
		view, err := e.People[name].Command(t.Context(), id, what, in)
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
	command("sam", returned.Engagement.ID, "return", client.Command{As: narthex.Security, Saw: returned.Engagement.Digest, Text: "why?"})
	narrowing := func(view client.EngagementView) client.Command {
		return client.Command{As: narthex.AssetOwner, Saw: view.Engagement.Digest, Text: "less will do", Counter: &client.Narrowing{Days: 1}}
	}
	countered, accepted := submitted(t, e), submitted(t, e)
	accepted = command("olga", accepted.Engagement.ID, "counter", narrowing(accepted))
	declined := submitted(t, e)
	withdrawn := submitted(t, e)
	unasked := must(e.People["sam"].AskOpinion(t.Context(), review.Engagement.ID, vera()))
	refusing := func(saw narthex.Digest) client.Command {
		in := object(narthex.AssetOwner)
		in.Saw = saw
		return in
	}
	refused := submitted(t, e)
	command("olga", refused.Engagement.ID, "decline", refusing(refused.Engagement.Digest))
	toObject, objected := offered(t, e, "", testenv.Tokens(11, nil)), offered(t, e, "", testenv.Tokens(12, nil))
	objection := command("carol", objected, "object", object(narthex.Programme)).Engagement.Objection.Digest
	far := client.Command{Name: "Vera Far", Email: "vera@far.test"}
	toSign := offered(t, e, "", testenv.Tokens(10, nil))
	grant, key := e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(1e6, nil))...)
	_, second := e.Grant(t, "2", testenv.Tokens(1e6, nil))
	ending, _ := e.Grant(t, "", testenv.Tokens(1e6, nil))
	owes, _ := e.Grant(t, "", testenv.Tokens(1e6, nil))
	report := client.CloseOut{Obligation: narthex.FinalReport, Evidence: narthex.MakeDigest([32]byte{1}), Text: "x"}
	for _, id := range []narthex.EngagementID{ending.Engagement, owes.Engagement} {
		command("ada", id, "end", client.Command{Text: "done"})
	}
	must(ada.Meet(t.Context(), ending.Engagement, report))
	must(ada.Meet(t.Context(), ending.Engagement, client.CloseOut{Obligation: narthex.PersonalDataDeleted, Evidence: narthex.MakeDigest([32]byte{2}), Text: "x"}))
	papers := manuscriptsOf(t, e, ending.Engagement)
	made, _ := chat(t, e, key, testenv.Hello)
	beside := &hall{Env: e, key: key}
	study := client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles()}
	job := beside.over(t, beside.submit(t).ID)
	leave := client.SubmitRelease{Job: job.ID, Files: []client.WantedFile{{Name: "table.csv", Context: context20}}}
	out := must(beside.holder().SubmitRelease(t.Context(), leave))
	for _, name := range []string{"olga", "sam"} {
		beside.vote(t, name, beside.review(t, name, out.ID), narthex.VerdictRelease)
	}
	e.Pathway = "read"
	_, reads := e.Grant(t, "", append(testenv.JobTerms(), testenv.Tokens(10, nil))...)
	e.Pathway = ""
	inReview := (&hall{Env: e, key: reads}).submit(t)
	plan := must(airlock.PlanDigest(inReview.Plan))
	studies := "/api/studies/" + string(inReview.ID)
	waits := beside.review(t, "olga", must(beside.holder().SubmitRelease(t.Context(), leave)).ID).Release
	says := client.VoteRelease{Saw: waits.Package, Verdicts: verdicts(waits, narthex.VerdictRelease)}
	rule := must(beside.holder().ProposeRule(t.Context(), asked(job.ID)))
	ruleOf, no := "/rules/"+string(rule.ID), must(beside.holder().ProposeRule(t.Context(), asked(job.ID)))
	over := must(beside.holder().ProposeRule(t.Context(), asked(job.ID)))
	jobs, releases := "/v1/jobs/"+string(job.ID), "/v1/releases/"+string(waits.ID)
	minted, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "revoked"})
	if err != nil {
		t.Fatal(err)
	}
	gone, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "to revoke"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ada.RevokeKey(t.Context(), minted.Key.ID); err != nil {
		t.Fatal(err)
	}
	locked, err := e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "asset", Target: "hidden", Reason: "safety"})
	if err != nil {
		t.Fatal(err)
	}
	soon := e.Clock.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	onGrant := must(e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "engagement", Target: string(ending.Engagement), Reason: "safety"}))
	silent := must(e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "engagement", Target: string(withdrawn.Engagement.ID), Reason: narthex.LegalOrder, SilentUntil: soon}))
	signature, err := e.People["dan"].Client.Agreement(t.Context(), toSign)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := agreement.Sign(e.People["dan"].Signer, agreement.NewStatement(signature.Digest, narthex.PartyLab, e.People["dan"].ID, signature.Agreement.Origin))
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := func(key ed25519.PrivateKey) string { return agreement.Fingerprint(key.Public().(ed25519.PublicKey)) }
	fresh := must(client.NewKey())
	public := client.PublicKey(fresh)
	proof := base64.StdEncoding.EncodeToString(ed25519.Sign(fresh, client.LoginMessage("enroll signer", "ledger.test-lab.test", string(ada.ID), public)))
	files, err := testenv.Files(e.Model.URL)
	if err != nil {
		t.Fatal(err)
	}
	with(eve)(files)
	reporting(files)
	reviewing(strict)(files)
	files["guardrails/test.cedar"] = []byte("@id(\"other\")\nforbid (principal, action, resource) when { context.max_tokens == 8 };\n")

	s := &scene{Env: e, tokens: map[string]string{"key": key, "another's key": second}}
	for name := range e.People {
		s.tokens[name] = session(t, e, name)
	}
	s.dead = map[string]string{"none": "", "a revoked key": minted.Token, "a code": invite(t, e.People["carol"].Client, "eve"), "a wrong key": key[:10] + string(key[10]^1) + key[11:], "a session that was ended": session(t, e, "ada")}
	if err := e.Client.With(s.dead["a session that was ended"]).Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Outsiders(t, "gone", "Third")
	s.dead["a session of someone suspended"] = session(t, e, "adagone")
	if _, err := e.People["carol"].Suspend(t.Context(), e.People["adagone"].ID, "left"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.People["carol"].Remove(t.Context(), e.People["ottogone"].ID, "left"); err != nil {
		t.Fatal(err)
	}
	engagement := func(what string, view narthex.EngagementID, body any, may ...string) right {
		return right{"POST /api/engagements/{engagement}/" + what, "/api/engagements/" + string(view) + "/" + what, body, may}
	}
	text := client.Draft{Pathway: "test", Title: "again", Answers: map[string]string{"why": "x"}, Terms: []narthex.Term{testenv.Tokens(10, nil)}}
	saw := func(view client.EngagementView, as narthex.Role) client.Command {
		return client.Command{As: as, Saw: view.Engagement.Digest, Text: "x"}
	}
	paper := func(manuscript int, verb string, in client.ManuscriptCommand, may ...string) right {
		return right{"POST /api/engagements/{engagement}/publications/{manuscript}/" + verb, papers + "/" + fmt.Sprint(manuscript) + "/" + verb, in, may}
	}
	examiners, two := []string{"sam", "paul", "carol", "olga"}, client.ManuscriptCommand{Redaction: 2, Text: "x"}
	purpose := must(ada.Engagement(t.Context(), grant.Engagement)).Engagement.Digest
	readers := append([]string{"ada", "otto"}, labPeople...)
	s.rights = []right{
		{"POST /v1/chat/completions", chats, json.RawMessage(testenv.Hello), []string{"key", "another's key"}},
		{"POST /v1/completions", "/v1/completions", json.RawMessage(`{"model":"model","prompt":"x","max_tokens":1}`), nil}, // neither has model.base
		{"GET /v1/models", "/v1/models", nil, []string{"key", "another's key"}},
		{"GET /v1/grant", "/v1/grant", nil, []string{"key", "another's key"}},
		{"GET /v1/environments", "/v1/environments", nil, []string{"key", "another's key"}},
		{"GET /v1/assets/{asset}/twin", "/v1/assets/model@final/twin", nil, []string{"key"}},
		{"GET /v1/jobs", "/v1/jobs", nil, []string{"key", "another's key"}}, {"GET /v1/releases", "/v1/releases", nil, []string{"key", "another's key"}},
		{"POST /v1/jobs", "/v1/jobs", study, []string{"key"}},
		{"GET /v1/jobs/{job}", jobs, nil, []string{"key"}}, {"POST /v1/jobs/{job}/cancel", jobs + "/cancel", struct{}{}, []string{"key"}},
		{"GET /v1/releases/{release}", releases, nil, []string{"key"}},
		{"GET /v1/releases/{release}/package", "/v1/releases/" + string(out.ID) + "/package", nil, []string{"key"}},
		{"GET /api/releases", "/api/releases", nil, labPeople},
		{"GET /api/releases/{release}", "/api/releases/" + string(waits.ID), nil, []string{"olga", "sam", "paul"}},
		{"POST /api/releases/{release}/vote", "/api/releases/" + string(waits.ID) + "/vote", says, []string{"olga", "sam", "paul"}},
		{"POST /api/releases/{release}/return", "/api/releases/" + string(waits.ID) + "/return", client.VoteRelease{Saw: waits.Package, Comment: "x"}, []string{"sam", "olga", "paul"}},
		{"POST /api/releases/trace", "/api/releases/trace", client.TraceRelease{Data: []byte("x")}, []string{"carol", "dan", "sam", "lea", "paul"}},
		{"GET /api/studies", "/api/studies", nil, labPeople},
		{"GET /api/studies/{job}", studies, nil, []string{"olga", "sam", "paul"}},
		{"POST /api/studies/{job}/approve", studies + "/approve", client.VoteStudy{Saw: plan}, []string{"olga", "sam", "paul"}},
		{"POST /api/studies/{job}/return", studies + "/return", client.VoteStudy{Saw: plan, Comment: "x"}, []string{"sam", "olga", "paul"}},
		{"POST /v1/releases/{release}/edit", releases + "/edit", client.EditRelease{Files: leave.Files}, []string{"key"}},
		{"POST /v1/releases/{release}/withdraw", releases + "/withdraw", struct{}{}, []string{"key"}},
		{"POST /v1/releases", "/v1/releases", leave, []string{"key"}},
		{"GET /v1/rules", "/v1/rules", nil, []string{"key", "another's key"}},
		{"GET /v1/rules/{rule}", "/v1" + ruleOf, nil, []string{"key"}},
		{"POST /v1/rules", "/v1/rules", asked(job.ID), []string{"key"}},
		{"GET /api/rules", "/api/rules", nil, labPeople},
		{"GET /api/rules/{rule}", "/api" + ruleOf, nil, []string{"olga", "sam", "paul"}},
		{"POST /api/rules/{rule}/approve", "/api" + ruleOf + "/approve", client.JudgeRule{Saw: rule.Digest}, []string{"olga", "sam", "paul"}},
		{"POST /api/rules/{rule}/refuse", "/api/rules/" + string(no.ID) + "/refuse", client.JudgeRule{Saw: no.Digest, Comment: "x"}, []string{"olga", "sam", "paul"}},
		{"POST /api/rules/{rule}/look", "/api" + ruleOf + "/look", client.LookAgain{Release: out.ID, Saw: out.Package}, nil}, // nothing was drawn
		{"POST /v1/rules/{rule}/end", "/v1" + ruleOf + "/end", struct{}{}, []string{"key"}},
		{"POST /api/rules/{rule}/end", "/api/rules/" + string(over.ID) + "/end", struct{}{}, []string{"olga", "sam", "paul"}},
		{"GET /v1/receipts/{call}", "/v1/receipts/" + made.Get("Narthex-Call"), nil, []string{"key"}},
		{"GET /api/whoami", "/api/whoami", nil, all}, {"GET /api/lab", "/api/lab", nil, all}, {"GET /api/people", "/api/people", nil, all}, {"GET /api/signers", "/api/signers", nil, all},
		{"GET /api/engagements", "/api/engagements", nil, all}, {"GET /api/work", "/api/work", nil, all}, {"GET /api/notices", "/api/notices", nil, all}, {"GET /api/report", "/api/report", nil, []string{"carol", "dan", "lea"}}, {"GET /api/grants", "/api/grants", nil, all}, {"GET /api/ledger/proof/{index}", "/api/ledger/proof/0", nil, all}, {"POST /api/logout", "/api/logout", struct{}{}, all},
		{"GET /api/assets/{asset}/horizon", "/api/assets/model/horizon", nil, labPeople},
		{"GET /api/engagements/{engagement}", "/api/engagements/" + string(draft.Engagement.ID), nil, []string{"ada"}},
		{"GET /api/engagements/{engagement}", "/api/engagements/" + string(review.Engagement.ID), nil, readers},
		{"GET /api/engagements/{engagement}/history", "/api/engagements/" + string(review.Engagement.ID) + "/history", nil, readers},
		{"GET /api/engagements/{engagement}/evidence", "/api/engagements/" + string(grant.Engagement) + "/evidence", nil, readers},
		{"GET /api/engagements/{engagement}/agreement", "/api/engagements/" + string(grant.Engagement) + "/agreement", nil, readers},
		{"GET /api/engagements/{engagement}/agreement/{form}", "/api/engagements/" + string(grant.Engagement) + "/agreement/pdf", nil, readers},
		{"GET /api/grants/{grant}", "/api/grants/" + string(grant.ID), nil, readers},
		{"GET /api/grants/{grant}/calls", "/api/grants/" + string(grant.ID) + "/calls", nil, []string{"ada"}},
		{"POST /api/engagements", "/api/engagements", text, []string{"ada", "otto", "ada2", "otto2"}},
		engagement("edit", draft.Engagement.ID, text, "ada"),
		engagement("submit", draft.Engagement.ID, client.Command{}, "ada"),
		engagement("revise", returned.Engagement.ID, client.Command{Text: "because"}, "ada"),
		engagement("comment", review.Engagement.ID, client.Command{Text: "x"}, "ada", "sam", "paul", "olga", "carol"),
		engagement("comment", review.Engagement.ID, client.Command{Text: "x", Private: true}, "sam", "paul", "olga", "carol"),
		engagement("nudge", review.Engagement.ID, client.Command{}),
		engagement("counter", countered.Engagement.ID, narrowing(countered), "olga"),
		engagement("accept", accepted.Engagement.ID, client.Command{Saw: accepted.Engagement.Counter.Digest}, "ada"),
		engagement("claim", review.Engagement.ID, client.Command{As: narthex.Security}, "sam", "paul"),
		engagement("unclaim", review.Engagement.ID, client.Command{As: narthex.Security}, "sam", "carol"),
		engagement("entrust", review.Engagement.ID, client.Command{As: narthex.Security, Person: e.People["paul"].ID}, "carol"),
		engagement("opinions", review.Engagement.ID, vera(), "sam", "paul", "carol"),
		engagement("bind", toSign, client.Command{Outside: []byte("%PDF-1.7")}),                                    // its clause accepts none
		{"GET /api/engagements/{engagement}/outside", "/api/engagements/" + string(toSign) + "/outside", nil, nil}, // none is bound
		engagement("object", toObject, object(narthex.Programme), "carol"),
		engagement("uphold", objected, client.Command{As: narthex.Security, Saw: objection, Text: "x"}, "sam", "paul"),
		engagement("dismiss", objected, client.Command{As: narthex.AssetOwner, Saw: objection, Text: "x"}, "olga"),
		engagement("mediate", refused.Engagement.ID, client.Command{Text: "x"}, "ada"),
		engagement("propose_mediator", refused.Engagement.ID, far, "carol", "ada"),
		engagement("accept_mediator", refused.Engagement.ID, far, "ada"), // whom carol proposed
		engagement("record_mediation", refused.Engagement.ID, client.Command{Result: narthex.MediationNotAgreed, Text: "x"}, "ada", "carol"),
		{"POST /api/engagements/{engagement}/opinions/{invite}/withdraw", "/api/engagements/" + string(unasked.Engagement) + "/opinions/" + string(unasked.Invite) + "/withdraw", struct{}{}, []string{"sam", "carol"}},
		{"POST /api/opinions/{engagement}/interests", "/api/opinions/" + string(unasked.Engagement) + "/interests", client.StateInterests{Interests: "none"}, nil}, // no person, and no key
		{"GET /api/opinions/{engagement}", "/api/opinions/" + string(unasked.Engagement), nil, nil},
		{"POST /api/opinions/{engagement}", "/api/opinions/" + string(unasked.Engagement), client.GiveOpinion{Saw: review.Engagement.Digest, Text: "x"}, nil},
		engagement("return", review.Engagement.ID, saw(review, narthex.Security), "sam", "paul"),
		engagement("decline", declined.Engagement.ID, refusing(declined.Engagement.Digest), "olga"),
		engagement("approve", withdrawn.Engagement.ID, saw(withdrawn, narthex.AssetOwner), "olga"),
		engagement("approve", withdrawn.Engagement.ID, saw(withdrawn, narthex.Programme)),
		engagement("withdraw", withdrawn.Engagement.ID, client.Command{}, "ada"),
		engagement("assign", review.Engagement.ID, client.Command{}),
		engagement("sign", toSign, client.Sign{Party: narthex.PartyLab, Digest: signature.Digest, Signer: fingerprint(e.People["dan"].Signer), Envelope: envelope}, "dan"),
		{"POST /api/grants/{grant}/keys", "/api/grants/" + string(grant.ID) + "/keys", client.Mint{Label: "x"}, []string{"ada"}},
		{"POST /api/keys/{key}/revoke", "/api/keys/" + string(gone.Key.ID) + "/revoke", struct{}{}, []string{"carol", "sam", "paul", "ada"}},
		{"POST /api/grants/{grant}/explain", "/api/grants/" + string(grant.ID) + "/explain", client.Explain{Surface: "chat", Request: testenv.Hello}, append([]string{"ada"}, labPeople...)},
		{"POST /api/engagements/{engagement}/incidents", "/api/engagements/" + string(owes.Engagement) + "/incidents", client.OpenIncident{Kind: "misuse", Severity: "low", At: soon.AddDate(0, 0, -9), Text: "x"}, []string{"ada", "otto", "carol", "dan", "sam", "paul"}},
		{"POST /api/engagements/{engagement}/incidents/resolve", "/api/engagements/" + string(owes.Engagement) + "/incidents/resolve", client.ResolveIncident{Number: 1, Outcome: "contained", Text: "x"}, []string{"carol", "dan", "sam", "paul"}},
		{"GET /api/engagements/{engagement}/incidents", "/api/engagements/" + string(owes.Engagement) + "/incidents", nil, readers},
		{"GET /api/locks", "/api/locks", nil, all},
		{"POST /v1/appeal", "/v1/appeal", client.KeyAppeal{Lock: onGrant.Lock.ID, Text: "it is not theirs"}, nil}, // neither rests on it
		{"POST /api/locks/{lock}/appeal", "/api/locks/" + string(onGrant.Lock.ID) + "/appeal", client.LockAppeal{Text: "it is ours"}, []string{"ada", "otto"}},
		{"POST /api/locks/{lock}/review", "/api/locks/" + string(onGrant.Lock.ID) + "/review", client.ReviewLock{Outcome: narthex.LockUpheld, Text: "we look"}, []string{"dan", "sam", "paul"}},
		{"POST /api/locks/{lock}/silence", "/api/locks/" + string(silent.Lock.ID) + "/silence", client.LockSilence{Until: soon}, []string{"carol", "dan", "sam", "paul"}},
		{"POST /api/people/{person}/nationalities", "/api/people/" + string(e.People["ada2"].ID) + "/nationalities", client.Nationalities{Nationalities: []string{"fr"}}, []string{"carol"}},
		{"POST /api/locks", "/api/locks", client.LockRequest{Subject: "engagement", Target: string(ending.Engagement), Reason: "safety"}, guards},
		{"POST /api/locks", "/api/locks", client.LockRequest{Subject: "asset", Target: "hidden", Reason: "safety"}, append([]string{"olga"}, guards...)},
		{"POST /api/locks/{lock}/lift", "/api/locks/" + string(locked.Lock.ID) + "/lift", struct{}{}, []string{"dan", "sam", "paul"}},
		{"GET /api/interests", "/api/interests", nil, labPeople},
		{"POST /api/interests", "/api/interests", tie("funder", e.People["ada2"].ID, ""), labPeople},
		{"POST /api/interests/end", "/api/interests/end", tie("funder", e.People["ada2"].ID, ""), labPeople},
		{"POST /api/signers", "/api/signers", client.SignerEnroll{PublicKey: public, Proof: proof}, []string{"ada"}},
		{"POST /api/signers/revoke", "/api/signers/revoke", map[string]string{"fingerprint": fingerprint(ada.Signer)}, []string{"ada"}},
		{"POST /api/people", "/api/people", client.Invite{Name: "New", Email: "new@x.test", Org: grant.Org}, []string{"carol", "otto"}},
		{"POST /api/people", "/api/people", client.Invite{Name: "New", Email: "new@x.test", Org: grant.Org, Official: true}, []string{"carol"}},
		{"POST /api/people", "/api/people", client.Invite{Handle: "eve"}, custodians},
		{"POST /api/people/{person}/authorise", "/api/people/" + string(ada.ID) + "/authorise", e.Word(t, "otto", "ada", 30, "test"), []string{"otto"}},
		{"POST /api/people/{person}/unauthorise", "/api/people/" + string(ada.ID) + "/unauthorise", struct{}{}, []string{"otto"}},
		{"GET /api/people/away", "/api/people/away", nil, labPeople},
		{"POST /api/people/away", "/api/people/away", client.Away{From: e.Clock.Now(), Until: e.Clock.Now().Add(time.Hour)}, labPeople},
		{"POST /api/people/back", "/api/people/back", struct{}{}, labPeople},
		{"GET /api/people/{person}/standing", "/api/people/" + string(ada.ID) + "/standing", nil, readers},
		{"POST /api/people/{person}/standing", "/api/people/" + string(ada.ID) + "/standing", client.RecordStanding{Kind: narthex.Training, Name: "basics"}, []string{"carol", "sam", "paul"}},
		{"POST /api/people/{person}/standing", "/api/people/" + string(ada.ID) + "/standing", client.RecordStanding{Kind: narthex.Affiliation}, []string{"otto"}},
		{"POST /api/people/{person}/standing/withdraw", "/api/people/" + string(ada.ID) + "/standing/withdraw", client.TakeBackStanding{Kind: narthex.Training, Name: "basics"}, guards},
		{"POST /api/passkeys", "/api/passkeys", client.PasskeyEnroll{}, nil}, // this node has no site, so nobody
		{"GET /api/people/{person}/visas", "/api/people/" + string(ada.ID) + "/visas", nil, readers},
		{"POST /api/people/{person}/identities", "/api/people/" + string(ada.ID) + "/identities", client.VisaIdentity{Issuer: passports, Subject: "x"}, []string{"carol", "sam", "paul"}},
		{"POST /api/people/{person}/identities/remove", "/api/people/" + string(ada.ID) + "/identities/remove", client.VisaIdentity{Issuer: passports, Subject: "x"}, append([]string{"ada"}, guards...)},
		{"POST /api/people/{person}/visas/remove", "/api/people/" + string(ada.ID) + "/visas/remove", client.VisaRemove{Digest: textDigest("none")}, nil}, // there is none
		{"POST /api/visas", "/api/visas", client.VisaAdd{Visa: unknownVisa(t)}, nil},                                                                      // by an issuer that nobody knows
		{"POST /api/grants/{grant}/visa", "/api/grants/" + string(grant.ID) + "/visa", struct{}{}, []string{"ada"}},
		engagement("amend", grant.Engagement, client.Amend{Days: 3}, "ada"),
		engagement("state", grant.Engagement, client.Recertify{Saw: purpose}, "ada"),
		engagement("confirm", grant.Engagement, client.Recertify{Saw: purpose}, "otto"),
		engagement("transfer", grant.Engagement, client.Command{Person: e.People["paul"].ID}, "ada"),
		engagement("take", grant.Engagement, client.Command{}, "paul"),
		engagement("join", review.Engagement.ID, client.Command{Saw: review.Engagement.Digest}), // it names no member
		engagement("leave", grant.Engagement, client.Command{}),
		{"POST /api/people/{person}/suspend", "/api/people/" + string(e.People["ada2"].ID) + "/suspend", client.PersonChange{Reason: "x"}, guards},
		{"POST /api/people/{person}/remove", "/api/people/" + string(e.People["ada2"].ID) + "/remove", client.PersonChange{Reason: "x"}, guards},
		{"POST /api/people/{person}/erase", "/api/people/" + string(e.People["ottogone"].ID) + "/erase", client.PersonChange{Reason: "x"}, custodians},
		{"GET /api/engagements/{engagement}/publications", papers, nil, append([]string{"ada", "otto"}, examiners...)},
		{"GET /api/engagements/{engagement}/publications/{manuscript}", papers + "/1", nil, append([]string{"ada", "otto"}, examiners...)},
		{"GET /api/engagements/{engagement}/publications/{manuscript}/statement", papers + "/2/statement", nil, append([]string{"ada"}, examiners...)},
		{"POST /api/engagements/{engagement}/publications", papers, client.ManuscriptSubmit{Title: "x", Digest: textDigest("another"), Size: 1}, []string{"ada"}},
		paper(1, "redact", askFor("page 3", "personal data"), examiners...),
		paper(1, "extend", client.ManuscriptCommand{Reason: "safety", Days: 1, Text: "x"}, examiners...),
		paper(1, "pause", client.ManuscriptCommand{Text: "x"}, append([]string{"sam", "ada"}, examiners...)...),
		paper(1, "resume", client.ManuscriptCommand{Text: "x"}, append([]string{"sam", "ada"}, examiners...)...),
		paper(1, "accept", client.ManuscriptCommand{Redaction: 1}, "ada"),
		paper(1, "contest", two, "ada"), paper(1, "uphold", two, examiners...), paper(1, "mediate", client.ManuscriptCommand{Redaction: 2, Mediator: "x"}, "ada"),
		paper(1, "outcome", client.ManuscriptCommand{Redaction: 2, Outcome: "falls", Decision: textDigest("x")}, append([]string{"sam", "ada"}, examiners...)...),
		paper(1, "drop", client.ManuscriptCommand{Redaction: 1}, examiners...),
		paper(1, "clear", client.ManuscriptCommand{}, examiners...),
		paper(2, "publish", client.ManuscriptCommand{Reference: "10.1234/x", Saw: textDigest("clear")}, "ada"),
		engagement("end", grant.Engagement, client.Command{Text: "x"}, "ada", "carol"),
		{"GET /api/engagements/{engagement}/obligations", "/api/engagements/" + string(owes.Engagement) + "/obligations", nil, readers},
		engagement("statement", owes.Engagement, client.StatementRequest{}, "ada", "carol", "lea"),
		engagement("meet", owes.Engagement, report, "ada", "otto"),
		engagement("reject", owes.Engagement, report, "carol"),
		engagement("waive", owes.Engagement, report, guards...),
		engagement("close", ending.Engagement, client.Command{Text: "x"}, "carol"),
		{"GET /api/ledger/export", "/api/ledger/export", nil, []string{"lea", "carol", "dan"}},
		{"GET /api/ledger/documents", "/api/ledger/documents", nil, []string{"lea", "carol", "dan"}},
		{"GET /api/ledger/audit", "/api/ledger/audit", nil, []string{"lea", "carol", "dan"}},
		{"POST /api/lab/propose", "/api/lab/propose", client.LabPropose{Files: files}, labPeople},
		{"POST /api/lab/approve", "/api/lab/approve", client.LabApprove{Digest: lab.Files(files).Digest()}, custodians},
	}
	return s
}

// manuscriptsOf hands two manuscripts in, one with two redactions and one that is clear, and gives their path.
func manuscriptsOf(t *testing.T, e *testenv.Env, id narthex.EngagementID) string {
	t.Helper()
	for i, text := range []string{"open", "clear"} {
		if _, err := e.People["ada"].SubmitManuscript(t.Context(), id, client.ManuscriptSubmit{Title: text, Digest: textDigest(text), Size: 1}); err != nil {
			t.Fatal(err)
		}
		verb, in := "clear", client.ManuscriptCommand{}
		if i == 0 {
			verb, in = "redact", client.ManuscriptCommand{Redactions: append(askFor("page 1", "personal data").Redactions, askFor("page 2", "personal data").Redactions...)}
		}
		if _, err := e.People["sam"].OnManuscript(t.Context(), id, i+1, verb, in); err != nil {
			t.Fatal(err)
		}
	}
	return "/api/engagements/" + string(id) + "/publications"
}

// use asks for what a right is about, with a credential.
func (s *scene) use(t *testing.T, r right, token string) said {
	t.Helper()
	body := ""
	if r.body != nil {
		body = string(must(json.Marshal(r.body)))
	}
	method, _, _ := strings.Cut(r.route, " ")
	list := converse(t, s.Env, request(method, r.path, token, body, closing))
	if len(list) != 1 {
		t.Fatalf("%s: %d answers", r.route, len(list))
	}
	return list[0]
}

// TestEveryRouteRefusesEveryWrongRole: nobody, no dead credential, no credential of another kind and no person of another role uses
// any route, and nothing comes of their trying; who may is let in with the same request.
func TestEveryRouteRefusesEveryWrongRole(t *testing.T) {
	s := setScene(t)
	listed := map[string]bool{}
	for _, r := range s.rights {
		listed[r.route] = true
	}
	for _, route := range s.Node.Routes() {
		if name := route.Method + " " + route.Path; route.Right != "anyone" && !listed[name] {
			t.Errorf("nobody says who may use %s; give it a row", name)
		}
	}
	before := len(entries(t, s.Env))
	for _, r := range s.rights {
		for why, token := range s.dead {
			if got := s.use(t, r, token); got.status != 401 {
				t.Errorf("%s %s with %s: %d %s", r.route, r.path, why, got.status, got.body)
			}
		}
		door := strings.Contains(r.route, " /v1/")
		for name, token := range s.tokens {
			isKey := strings.Contains(name, "key")
			if slices.Contains(r.may, name) || slices.Contains(r.may, everyone) && !isKey {
				continue
			}
			got := s.use(t, r, token)
			if wrong := isKey != door || strings.Contains(r.route, " /api/opinions/"); wrong && got.status != 401 || !wrong && got.status != 403 && got.status != 404 && got.status != 409 {
				t.Errorf("%s %s as %s: %d %s", r.route, r.path, name, got.status, got.body)
			}
			if outsider := !slices.Contains(labPeople, name) && name != "ada" && name != "otto"; got.status == 403 && outsider && !door && !slices.Contains([]string{"POST /api/signers", "POST /api/passkeys", "POST /api/visas"}, r.route) {
				t.Errorf("%s %s tells %s that it is there: %s", r.route, r.path, name, got.body)
			}
		}
	}
	for _, entry := range entries(t, s.Env)[before:] {
		if entry.Type != narthex.EntryCallDenied && entry.Type != narthex.EntrySessionOpened && entry.Type != narthex.EntryLedgerRead { // the last two are of this test's own reading
			t.Errorf("of their trying came %s: %v", entry.Type, entry.Fields)
		}
	}
	for _, r := range s.rights {
		if len(r.may) == 0 || r.may[0] == everyone && r.route == "POST /api/logout" {
			continue
		}
		name := r.may[0]
		if name == everyone {
			name = "otto"
		}
		if got := s.use(t, r, s.tokens[name]); got.status != 200 && !(r.route == "GET /v1/receipts/{call}" && got.status == 503) {
			t.Errorf("%s %s as %s, who may: %d %s", r.route, r.path, name, got.status, fmt.Sprintf("%.300s", got.body))
		}
	}
}
