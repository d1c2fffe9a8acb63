package client_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"narthex"
	"narthex/client"
)

// err1 drops an answer.
func err1[T any](_ T, err error) error { return err }

func TestEveryMethodAsksItsOneRoute(t *testing.T) {
	var (
		eng = narthex.EngagementID("eng_aaaaaaaaaaaaaaaaaaaaaaaaaa")
		per = narthex.PersonID("per_aaaaaaaaaaaaaaaaaaaaaaaaaa")
		grt = narthex.GrantID("grt_aaaaaaaaaaaaaaaaaaaaaaaaaa")
		inv = narthex.InviteID("inv_aaaaaaaaaaaaaaaaaaaaaaaaaa")
		key = narthex.KeyID("key_aaaaaaaaaaaaaaaaaaaaaaaaaa")
		lck = narthex.LockID("lck_aaaaaaaaaaaaaaaaaaaaaaaaaa")
	)
	node := newFake(t, says(200, `{}`))
	c := node.client(t)
	for _, row := range []struct {
		route string
		ask   func(context.Context) error
	}{
		{"GET /api/status", func(ctx context.Context) error { return err1(c.Status(ctx)) }},
		{"POST /api/logout", c.Logout},
		{"GET /api/whoami", func(ctx context.Context) error { return err1(c.WhoAmI(ctx)) }},
		{"GET /api/people", func(ctx context.Context) error { return err1(c.People(ctx, client.Page{})) }},
		{"POST /api/people", func(ctx context.Context) error { return err1(c.Invite(ctx, client.Invite{})) }},
		{"POST /api/people/" + string(per) + "/suspend", func(ctx context.Context) error { return err1(c.Suspend(ctx, per, "why")) }},
		{"POST /api/people/" + string(per) + "/remove", func(ctx context.Context) error { return err1(c.Remove(ctx, per, "why")) }},
		{"POST /api/people/" + string(per) + "/authorise", func(ctx context.Context) error {
			return err1(c.Authorise(ctx, per, client.Authorise{Authorisation: narthex.Authorisation{Org: "org_aaaaaaaaaaaaaaaaaaaaaaaaaa", Person: per}}))
		}},
		{"POST /api/people/away", func(ctx context.Context) error { return err1(c.Away(ctx, client.Away{})) }},
		{"POST /api/people/back", func(ctx context.Context) error { return err1(c.Back(ctx)) }},
		{"GET /api/people/away", func(ctx context.Context) error { return err1(c.WhoIsAway(ctx)) }},
		{"GET /api/people/" + string(per) + "/standing", func(ctx context.Context) error { return err1(c.Standing(ctx, per)) }},
		{"POST /api/people/" + string(per) + "/standing", func(ctx context.Context) error { return err1(c.RecordStanding(ctx, per, client.RecordStanding{})) }},
		{"POST /api/people/" + string(per) + "/standing/withdraw", func(ctx context.Context) error { return err1(c.TakeBackStanding(ctx, per, client.TakeBackStanding{})) }},
		{"POST /api/engagements/" + string(eng) + "/amend", func(ctx context.Context) error { return err1(c.Amend(ctx, eng, client.Amend{Days: 1})) }},
		{"POST /api/engagements/" + string(eng) + "/state", func(ctx context.Context) error { return err1(c.State(ctx, eng, client.Recertify{})) }},
		{"POST /api/engagements/" + string(eng) + "/confirm", func(ctx context.Context) error { return err1(c.Confirm(ctx, eng, client.Recertify{})) }},
		{"POST /api/people/" + string(per) + "/unauthorise", func(ctx context.Context) error { return err1(c.Unauthorise(ctx, per)) }},
		{"POST /api/engagements/" + string(eng) + "/opinions", func(ctx context.Context) error { return err1(c.AskOpinion(ctx, eng, client.AskOpinion{})) }},
		{"POST /api/engagements/" + string(eng) + "/opinions/" + string(inv) + "/withdraw", func(ctx context.Context) error { return err1(c.UnaskOpinion(ctx, eng, inv)) }},
		{"POST /api/opinions/redeem", func(ctx context.Context) error {
			return err1(c.RedeemOpinion(ctx, client.RedeemOpinion{Engagement: eng}))
		}},
		{"POST /api/opinions/" + string(eng) + "/interests", func(ctx context.Context) error { return c.StateInterests(ctx, eng, client.StateInterests{}) }},
		{"GET /api/opinions/" + string(eng), func(ctx context.Context) error { return err1(c.ReadForOpinion(ctx, eng)) }},
		{"POST /api/opinions/" + string(eng), func(ctx context.Context) error { return err1(c.GiveOpinion(ctx, eng, client.GiveOpinion{})) }},
		{"GET /api/rules", func(ctx context.Context) error { return err1(c.Rules(ctx)) }},
		{"GET /api/rules/rul_1", func(ctx context.Context) error { return err1(c.Rule(ctx, "rul_1")) }},
		{"POST /api/rules/rul_1/approve", func(ctx context.Context) error { return err1(c.ApproveRule(ctx, "rul_1", client.JudgeRule{})) }},
		{"POST /api/rules/rul_1/refuse", func(ctx context.Context) error { return err1(c.RefuseRule(ctx, "rul_1", client.JudgeRule{})) }},
		{"POST /api/rules/rul_1/end", func(ctx context.Context) error { return err1(c.EndRule(ctx, "rul_1")) }},
		{"POST /api/rules/rul_1/look", func(ctx context.Context) error { return err1(c.LookAgain(ctx, "rul_1", client.LookAgain{})) }},
		{"GET /v1/rules", func(ctx context.Context) error { return err1(c.OwnRules(ctx)) }},
		{"GET /v1/rules/rul_1", func(ctx context.Context) error { return err1(c.OwnRule(ctx, "rul_1")) }},
		{"POST /v1/rules", func(ctx context.Context) error { return err1(c.ProposeRule(ctx, client.ProposeRule{})) }},
		{"POST /v1/rules/rul_1/end", func(ctx context.Context) error { return err1(c.EndOwnRule(ctx, "rul_1")) }},
		{"GET /api/lab", func(ctx context.Context) error { return err1(c.Lab(ctx, false)) }},
		{"GET /api/lab?diff=yes", func(ctx context.Context) error { return err1(c.Lab(ctx, true)) }},
		{"GET /api/assets/m/horizon", func(ctx context.Context) error { return err1(c.Horizon(ctx, "m")) }},
		{"POST /api/lab/propose", func(ctx context.Context) error { return err1(c.Propose(ctx, nil)) }},
		{"POST /api/lab/approve", func(ctx context.Context) error { return err1(c.ApproveLab(ctx, "")) }},
		{"GET /api/signers", func(ctx context.Context) error { return err1(c.Signers(ctx)) }},
		{"POST /api/signers/revoke", func(ctx context.Context) error { return err1(c.RevokeSigner(ctx, "SHA256:x")) }},
		{"GET /api/pathways", func(ctx context.Context) error { return err1(c.Pathways(ctx)) }},
		{"GET /api/pathways/credits", func(ctx context.Context) error { return err1(c.Pathway(ctx, "credits")) }},
		{"GET /api/engagements", func(ctx context.Context) error { return err1(c.Engagements(ctx, client.Page{})) }},
		{"POST /api/engagements", func(ctx context.Context) error { return err1(c.Draft(ctx, client.Draft{})) }},
		{"GET /api/engagements/" + string(eng), func(ctx context.Context) error { return err1(c.Engagement(ctx, eng)) }},
		{"POST /api/engagements/" + string(eng) + "/edit", func(ctx context.Context) error { return err1(c.Edit(ctx, eng, client.Draft{})) }},
		{"POST /api/engagements/" + string(eng) + "/submit", func(ctx context.Context) error { return err1(c.Command(ctx, eng, "submit", client.Command{})) }},
		{"GET /api/engagements/" + string(eng) + "/agreement", func(ctx context.Context) error { return err1(c.Agreement(ctx, eng)) }},
		{"POST /api/engagements/" + string(eng) + "/sign", func(ctx context.Context) error { return err1(c.Sign(ctx, eng, client.Sign{})) }},
		{"GET /api/grants", func(ctx context.Context) error { return err1(c.Grants(ctx, client.Page{})) }},
		{"GET /api/grants/" + string(grt), func(ctx context.Context) error { return err1(c.Grant(ctx, grt)) }},
		{"POST /api/grants/" + string(grt) + "/keys", func(ctx context.Context) error { return err1(c.Mint(ctx, grt, client.Mint{})) }},
		{"POST /api/keys/" + string(key) + "/revoke", func(ctx context.Context) error { return err1(c.RevokeKey(ctx, key)) }},
		{"GET /v1/grant", func(ctx context.Context) error { return err1(c.OwnGrant(ctx)) }},
		{"GET /v1/models", func(ctx context.Context) error { return err1(c.Models(ctx)) }},
		{"GET /api/locks", func(ctx context.Context) error { return err1(c.Locks(ctx)) }},
		{"POST /api/locks", func(ctx context.Context) error { return err1(c.Lock(ctx, client.LockRequest{})) }},
		{"POST /api/locks/" + string(lck) + "/lift", func(ctx context.Context) error { return err1(c.Unlock(ctx, lck)) }},
		{"GET /ledger/state", func(ctx context.Context) error { return err1(c.Ledger(ctx)) }},
		{"GET /api/ledger/export", func(ctx context.Context) error { return c.Export(ctx, io.Discard) }},
		{"GET /api/ledger/proof/7", func(ctx context.Context) error { return err1(c.Proof(ctx, 7)) }},
	} {
		before := len(node.seen())
		if err := row.ask(t.Context()); err != nil {
			t.Errorf("%s: %v", row.route, err)
		}
		if asked := node.seen()[before:]; !slices.Equal(asked, []string{row.route}) {
			t.Errorf("%s: it asked %v", row.route, asked)
		}
	}
}
