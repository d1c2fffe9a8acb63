package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
)

// step is one part of the story: it acts, and fails where what it sees is not what it should be.
type step struct {
	title string
	run   func(context.Context) error
}

// story tells the life of one engagement, from an empty lab to an auditor with an exported ledger.
func (s *stage) story(ctx context.Context) error {
	t := &tale{stage: s}
	for _, step := range []step{
		{"The lab opens: two custodians approve its directory", t.inception},
		{"People come in, each with a one-time code and a key of their own", t.invitations},
		{"A researcher looks at the pathways and applies", t.apply},
		{"Security asks, the researcher answers", t.question},
		{"Two people decide, and the one who co-wrote it cannot", t.review},
		{"One document, its digest, three signatures", t.agreement},
		{"The researcher uses the model", t.use},
		{"What was not signed is not given", t.refusals},
		{"The budget is what it says", t.budget},
		{"Her code goes to the weights, and results come out through two people", t.beside},
		{"Security locks the grant while an answer streams", t.lock},
		{"An auditor checks all of it, offline", t.audit},
	} {
		s.tell.heading(step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("the step %q: %w", step.title, err)
		}
	}
	return nil
}

// tale is what the story knows as it goes.
type tale struct {
	*stage
	engagement narthex.EngagementID
	grant      narthex.GrantID
	key        string
}

// refused holds an error to be the refusal that was expected.
func refused(err error, kind narthex.Kind, code string) (*narthex.Error, error) {
	if err == nil {
		return nil, fmt.Errorf("it was allowed, and should have been refused with %s", code)
	}
	e := narthex.AsError(err)
	if e.Kind != kind || e.Code != code {
		return nil, fmt.Errorf("it was refused with %s %s, and should have been with %s %s: %w", e.Kind, e.Code, kind, code, err)
	}
	return e, nil
}

func (t *tale) inception(ctx context.Context) error {
	t.tell.act("the node", "starts on an empty store and prints the directory's digest and a one-time code for each custodian")
	t.tell.yes("directory %s", t.digest.Short())
	for _, who := range []struct{ handle, name string }{{"carol", "Carol"}, {"dan", "Dan"}} {
		p, err := t.cast.join(ctx, t.client, who.handle, t.codes[who.handle], false)
		if err != nil {
			return err
		}
		state, err := p.client.Lab(ctx, true)
		if err != nil {
			return err
		}
		if state.Proposed != t.digest || state.Diff == "" {
			return errors.New("the custodian is not shown what there is to approve")
		}
		t.tell.act(who.name, "logs in with the code, reads the directory and approves its digest")
		if state, err = p.client.ApproveLab(ctx, t.digest); err != nil {
			return err
		}
		t.tell.yes("%d of %d approvals", len(state.Approvals), state.Needed)
	}
	status, err := t.client.Status(ctx)
	if err != nil {
		return err
	}
	if status.State != "open" {
		return errors.New("the lab did not open")
	}
	t.tell.yes("the lab is open; the inception is the first entry of its ledger")
	for _, name := range []string{"carol", "dan"} {
		who, err := t.cast[name].client.WhoAmI(ctx)
		if err != nil {
			return err
		}
		t.cast[name].ID = who.Person.ID
	}
	return t.cast["dan"].enrollSigner(ctx)
}

func (t *tale) invitations(ctx context.Context) error {
	carol := t.cast["carol"].client
	for _, handle := range []string{"olga", "sam", "lea", "paul"} {
		invited, err := carol.Invite(ctx, client.Invite{Handle: handle})
		if err != nil {
			return err
		}
		if _, err := t.cast.join(ctx, t.client, handle, invited.Code, false); err != nil {
			return err
		}
	}
	t.tell.act("Carol", "invites the lab's people: Olga owns the model, Sam is security, Lea audits, Paul sponsors")
	otto, err := carol.Invite(ctx, client.Invite{Name: "Otto Official", Email: "otto@open-minds.test", OrgName: "Institute for Open Minds", OrgRegion: "fr", Official: true, Region: "fr"})
	if err != nil {
		return err
	}
	ada, err := carol.Invite(ctx, client.Invite{Name: "Ada Outside", Email: "ada@open-minds.test", Org: otto.Org.ID, Region: "fr"})
	if err != nil {
		return err
	}
	if _, err := t.cast.join(ctx, t.client, "otto", otto.Code, true); err != nil {
		return err
	}
	if _, err := t.cast.join(ctx, t.client, "ada", ada.Code, true); err != nil {
		return err
	}
	t.tell.act("Carol", "invites Ada, a researcher of the Institute for Open Minds, and Otto, who signs for it")
	_, err = t.cast.join(ctx, t.client, "twice", ada.Code, false)
	if _, err := refused(err, narthex.Unauthenticated, "unauthenticated"); err != nil {
		return err
	}
	t.tell.no("the same code a second time: refused")
	return nil
}

// draft is what Ada asks for.
func draft(sponsor narthex.PersonID, tokens float64, withPrefill bool) client.Draft {
	term := func(attribute narthex.AttributeName, limits map[narthex.LimitName]narthex.Value) narthex.Term {
		return narthex.Term{Attribute: attribute, Asset: "minim-1", Limits: limits}
	}
	d := client.Draft{Pathway: "interpretability", Title: "What a small model says under a trigger", Sponsor: sponsor,
		Answers: map[string]string{"project": "We look for phrases that switch a small model's behaviour, and when in training they begin to."},
		Terms: []narthex.Term{
			term("model.sample", map[narthex.LimitName]narthex.Value{"tokens": narthex.NumberValue(tokens)}),
			term("model.logprobs", map[narthex.LimitName]narthex.Value{"top_k": narthex.NumberValue(5)}),
			term("model.checkpoints", nil),
			term("weights.compute", nil),
			term("output.release", nil),
		}}
	if withPrefill {
		d.Terms = append(d.Terms, term("model.prefill", nil))
	}
	return d
}

func (t *tale) apply(ctx context.Context) error {
	list, err := t.client.Pathways(ctx)
	if err != nil {
		return err
	}
	if len(list.Pathways) != 1 {
		return errors.New("the pathway is not shown")
	}
	p := list.Pathways[0]
	t.tell.act("Ada", "sees, without an account, what is offered")
	t.tell.yes("%s: %s\ndecided by %s and %s within %d business days", p.Title, p.Summary, p.Reviews[0].Role, p.Reviews[1].Role, p.ReviewDays)
	ada := t.cast["ada"].client
	t.tell.act("Ada", "asks for sampling, log-probabilities (top_k 5), checkpoints, jobs beside the weights, and to begin the model's answers herself (prefill)")
	view, err := ada.Draft(ctx, draft(t.cast["paul"].ID, 2000, true))
	if err != nil {
		return err
	}
	t.engagement = view.Engagement.ID
	if len(view.Notices) != 2 || view.Notices[0].Attribute != "model.prefill" || !view.Notices[0].Blocks {
		return fmt.Errorf("she should be told that prefill is not offered, and is told %v", view.Notices)
	}
	if view.Notices[1].Blocks || len(view.Horizons) != 1 || !view.Horizons[0].Asked.Breaks || view.Horizons[0].All != nil {
		return fmt.Errorf("she should be told the horizon of what she asks alone, and is told %v %v", view.Notices, view.Horizons)
	}
	t.tell.no("%s", view.Notices[0].Says)
	t.tell.yes("%s", view.Notices[1].Says)
	_, err = ada.Command(ctx, t.engagement, "submit", client.Command{})
	if _, err := refused(err, narthex.Invalid, "invalid"); err != nil {
		return err
	}
	t.tell.no("submitted as it is: a question has no answer yet")
	if _, err := ada.Edit(ctx, t.engagement, t.draftWith(2000)); err != nil {
		return err
	}
	if view, err = ada.Command(ctx, t.engagement, "submit", client.Command{}); err != nil {
		return err
	}
	if view.Engagement.State != narthex.InReview {
		return fmt.Errorf("it is %s and not in review", view.Engagement.State)
	}
	t.tell.act("Ada", "leaves prefill out, answers, and submits")
	t.tell.yes("in review until %s; it waits for %s", view.Engagement.Due.Format("2 January 2006"), strings.Join(view.Waiting, " and "))
	told, err := t.cast["sam"].client.Notices(ctx, client.Page{Limit: 1})
	if err != nil {
		return err
	}
	if len(told.Notices) != 1 || told.Notices[0].Kind != "review_asked" || told.Notices[0].Engagement != t.engagement {
		return fmt.Errorf("Sam should be told that it waits for him, and is told %v", told.Notices)
	}
	t.tell.yes("Sam is told: %s %s", told.Notices[0].Happened, told.Notices[0].Do)
	return nil
}

func (t *tale) draftWith(tokens float64) client.Draft {
	d := draft(t.cast["paul"].ID, tokens, false)
	d.Answers["need"] = "Log-probabilities show the switch before the words do, and checkpoints show when it was learned."
	return d
}

func (t *tale) question(ctx context.Context) error {
	sam, ada := t.cast["sam"].client, t.cast["ada"].client
	if _, err := sam.Command(ctx, t.engagement, "return", client.Command{As: narthex.Security, Text: "Will the prompts hold anything of other people?"}); err != nil {
		return err
	}
	t.tell.act("Sam", `returns it: "Will the prompts hold anything of other people?"`)
	view, err := ada.Engagement(ctx, t.engagement)
	if err != nil {
		return err
	}
	if view.Engagement.State != narthex.Returned || len(view.Engagement.Notes) != 1 {
		return errors.New("the question did not reach her")
	}
	changed := t.draftWith(2000)
	changed.Answers["need"] += " Prompts are ours alone; they hold nothing of anybody else."
	if view, err = ada.Command(ctx, t.engagement, "revise", client.Command{Text: "No. It says so in the answer now.", Draft: &changed}); err != nil {
		return err
	}
	t.tell.act("Ada", "answers, and says so in the application")
	t.tell.yes("round %d, digest %s", view.Engagement.Round, view.Engagement.Digest.Short())
	return nil
}

// counter has the model's owner offer half of the time, which is accepted, and gives the digest of the text that it makes.
func (t *tale) counter(ctx context.Context, e narthex.Engagement) (narthex.Digest, error) {
	ada := t.cast["ada"].client
	offer := client.Command{As: narthex.AssetOwner, Saw: e.Digest, Text: "Half of the time will do; a renewal is easy.", Counter: &client.Narrowing{Days: e.Application.Days / 2}}
	if _, err := t.cast["olga"].client.Command(ctx, t.engagement, "counter", offer); err != nil {
		return "", err
	}
	view, err := ada.Engagement(ctx, t.engagement)
	if err != nil {
		return "", err
	}
	if view.Engagement.Counter == nil || len(view.Counter) != 1 {
		return "", errors.New("the counter-offer did not reach her")
	}
	t.tell.act("Olga", "as the model's owner, offers less: "+view.Counter[0])
	if view, err = ada.Command(ctx, t.engagement, "accept", client.Command{Saw: view.Engagement.Counter.Digest}); err != nil {
		return "", err
	}
	if view.Engagement.State != narthex.InReview || view.Engagement.Application.Days != e.Application.Days/2 {
		return "", fmt.Errorf("it is %s for %d days", view.Engagement.State, view.Engagement.Application.Days)
	}
	t.tell.act("Ada", "accepts; Olga's offer was her approval of that very text, and counts")
	return view.Engagement.Digest, nil
}

func (t *tale) review(ctx context.Context) error {
	view, err := t.cast["olga"].client.Engagement(ctx, t.engagement)
	if err != nil {
		return err
	}
	saw, err := t.counter(ctx, view.Engagement)
	if err != nil {
		return err
	}
	_, err = t.cast["paul"].client.Command(ctx, t.engagement, "approve", client.Command{As: narthex.Security, Saw: saw})
	e, err := refused(err, narthex.Refused, "refused")
	if err != nil {
		return err
	}
	t.tell.act("Paul", "who sponsors it and is also of security, tries to approve")
	t.tell.no("%s", e.Public)
	_, err = t.cast["sam"].client.Command(ctx, t.engagement, "approve", client.Command{As: narthex.Security, Saw: "sha256:" + narthex.Digest(strings.Repeat("0", 64))})
	if _, err := refused(err, narthex.Conflict, "conflict"); err != nil {
		return err
	}
	t.tell.act("Sam", "votes on another text than the one that stands")
	t.tell.no("refused: a vote names the digest of what was seen")
	if view, err = t.cast["sam"].client.Engagement(ctx, t.engagement); err != nil || len(view.Engagement.Votes) != 0 {
		return fmt.Errorf("Sam sees votes before his own: %v (%w)", view.Engagement.Votes, err)
	}
	view, err = t.cast["sam"].client.Command(ctx, t.engagement, "approve", client.Command{As: narthex.Security, Saw: saw})
	if err != nil {
		return err
	}
	t.tell.act("Sam", "approves for security; until then he saw nobody's vote")
	if view.Engagement.State != narthex.Offered {
		return fmt.Errorf("it is %s and not offered", view.Engagement.State)
	}
	t.tell.yes("approved by everyone who must; the agreement is made")
	return nil
}

func (t *tale) agreement(ctx context.Context) error {
	shown, err := t.cast["ada"].client.Agreement(ctx, t.engagement)
	if err != nil {
		return err
	}
	t.tell.act("Narthex", "renders the agreement from the terms and the lab's clauses")
	t.tell.yes("digest %s\n%d clauses; clause 2 is the terms:", shown.Digest, len(shown.Agreement.Clauses)+1)
	for _, term := range shown.Agreement.Terms {
		t.tell.yes("%s  %s on %s", term.Clause, term.Attribute, term.Asset)
	}
	_, err = t.cast["ada"].sign(ctx, t.engagement, narthex.PartyLab)
	if err == nil {
		return errors.New("a researcher signed for the lab")
	}
	var view client.EngagementView
	for _, who := range []struct {
		name  string
		party narthex.PartyRole
	}{{"ada", narthex.PartyResearcher}, {"otto", narthex.PartyInstitution}, {"dan", narthex.PartyLab}} {
		if view, err = t.cast[who.name].sign(ctx, t.engagement, who.party); err != nil {
			return err
		}
		t.tell.act(strings.ToUpper(who.name[:1])+who.name[1:], "signs for the "+string(who.party))
	}
	if view.Engagement.State != narthex.Active || view.Engagement.Grant == "" {
		return fmt.Errorf("it is %s and not active", view.Engagement.State)
	}
	t.grant = view.Engagement.Grant
	t.tell.yes("the grant is in force: %s", t.grant)
	return nil
}

// clauses of the story's terms, in their order.
func clauseOf(view client.GrantView, attribute narthex.AttributeName) string {
	at := slices.IndexFunc(view.Grant.Terms, func(term narthex.Term) bool { return term.Attribute == attribute })
	if at < 0 {
		return ""
	}
	return view.Grant.Terms[at].Clause
}

// freshGrant takes the story's terms with a million tokens through the whole workflow and gives a key of the grant.
func (s *stage) freshGrant(ctx context.Context) (string, error) {
	t := &tale{stage: s}
	view, err := t.granted(ctx, t.draftWith(1_000_000))
	if err != nil {
		return "", err
	}
	minted, err := s.cast["ada"].client.Mint(ctx, view.Engagement.Grant, client.Mint{Label: "to try things"})
	return minted.Token, err
}

// granted takes an application of Ada's through the whole workflow.
func (t *tale) granted(ctx context.Context, asked client.Draft) (client.EngagementView, error) {
	view, err := t.cast["ada"].client.Draft(ctx, asked)
	if err != nil {
		return view, err
	}
	id := view.Engagement.ID
	if view, err = t.cast["ada"].client.Command(ctx, id, "submit", client.Command{}); err != nil {
		return view, err
	}
	saw := view.Engagement.Digest
	for name, role := range map[string]narthex.Role{"olga": narthex.AssetOwner, "sam": narthex.Security} {
		if _, err := t.cast[name].client.Command(ctx, id, "approve", client.Command{As: role, Saw: saw}); err != nil {
			return view, err
		}
	}
	for name, party := range map[string]narthex.PartyRole{"ada": narthex.PartyResearcher, "otto": narthex.PartyInstitution} {
		if _, err := t.cast[name].sign(ctx, id, party); err != nil {
			return view, err
		}
	}
	return t.cast["dan"].sign(ctx, id, narthex.PartyLab)
}
