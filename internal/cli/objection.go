package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/workflow"
)

// objectionOf is the name under which the digest of an objection that was shown is kept.
func objectionOf(id narthex.EngagementID) string { return string(id) + "/objection" }

// object asks to amend what was granted, for the lab.
func (a *app) object() *cobra.Command {
	var in client.Command
	var as string
	c := a.command(leaf{
		use: "object ID", short: "Ask to amend what was granted, for the lab, in the pathway's time",
		long: `Ask to amend what was granted, for the lab: once, within the pathway's days of the decision, on one of its grounds and with another
way to the same end. Those who review the application decide on it, and you do not. Until then nothing changes; where nobody decides in
its time, the objection falls. Upheld, it sends back what is not in force yet; what is stays in force until an amendment is signed.`,
		example: "narthex engagements object eng_… --as programme --ground 'it does not hold it' --alternative 'Ask for the final version.' --reason '…'",
		run: func(ctx context.Context, args []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			if in.As, err = oneRole(ctx, c, narthex.Role(as)); err != nil {
				return err
			}
			return a.give(ctx, args[0], "object", "objected to what was granted in", in)
		}})
	c.Flags().StringVar(&as, "as", "", "the role in which you object, where you have more than one: "+joined(narthex.Roles()))
	c.Flags().StringVar(&in.Ground, "ground", "", "on which of the pathway's grounds, word for word")
	c.Flags().StringVar(&in.Alternative, "alternative", "", "another way to the same end")
	c.Flags().StringVar(&in.Text, "reason", "", "why, for the applicant")
	oneOf(c, "as", narthex.Roles())
	return c
}

// onObjection is one of the two votes on an objection. It carries the digest of what was shown.
func (a *app) onObjection(verb, short, done string) *cobra.Command {
	var as, reason string
	c := a.command(leaf{
		use: verb + " ID", short: short,
		long:    short + ".\n\nThe vote names the digest of the objection that `narthex review show` showed you last. One vote to dismiss it ends it; it is upheld\nby as many as must approve an application, in every role. Whoever objected does not vote on it, and no rule stands in for anybody.",
		example: "narthex review show eng_…\nnarthex review " + verb + " eng_… --as legal --reason '…'",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			return a.castOn(ctx, id, objectionOf(id), verb, done, "", client.Command{As: narthex.Role(as), Text: reason})
		}})
	c.Flags().StringVar(&as, "as", "", "the role in which you review, where you have more than one: "+joined(narthex.Roles()))
	c.Flags().StringVar(&reason, "reason", "", "why, for both sides")
	oneOf(c, "as", narthex.Roles())
	return c
}

// mediation is what both sides do in the mediation of a decision.
func (a *app) mediation() *cobra.Command {
	return a.group("mediation", "Name a mediator of what was decided, and record what came of it",
		a.mediator("propose", "propose_mediator", "Propose a mediator, whom the other side may accept", "proposed a mediator in"),
		a.mediator("accept", "accept_mediator", "Accept the mediator whom the other side proposed", "accepted the mediator of"),
		a.recordMediation())
}

func (a *app) mediator(verb, command, short, done string) *cobra.Command {
	var in client.Command
	c := a.command(leaf{
		use: verb + " ID", short: short,
		long:    short + ".\n\nA mediator is somebody outside both sides. The applicant speaks for their side, and the programme for the lab. Narthex writes to no\nmediator: the sides do.",
		example: "narthex engagements show eng_…\nnarthex engagements mediation " + verb + " eng_… --name 'Vera Far' --email vera@far.example",
		run:     func(ctx context.Context, args []string) error { return a.give(ctx, args[0], command, done, in) }})
	c.Flags().StringVar(&in.Name, "name", "", "their name")
	c.Flags().StringVar(&in.Email, "email", "", "their address")
	if verb == "propose" {
		c.Flags().StringVar(&in.Text, "remark", "", "words that go with it")
	}
	return c
}

func (a *app) recordMediation() *cobra.Command {
	var in client.Command
	var result string
	c := a.command(leaf{
		use: "record ID", short: "Record what came of a mediation, as your side says",
		long: `Record what came of a mediation, as your side says. Agreed takes both sides' word, and gives nothing by itself: what was refused goes
back to its applicant, who asks for what was agreed on, and it is decided anew. Not agreed, or that a side takes part no longer, takes one.`,
		example: "narthex engagements mediation record eng_… --result agreed --text 'The final version, for 30 days.'",
		run: func(ctx context.Context, args []string) error {
			in.Result = narthex.MediationResult(result)
			return a.give(ctx, args[0], "record_mediation", "recorded what came of the mediation in", in)
		}})
	c.Flags().StringVar(&result, "result", "", joined(narthex.MediationResults()))
	c.Flags().StringVar(&in.Text, "text", "", "what came of it, in words")
	oneOf(c, "result", narthex.MediationResults())
	return c
}

func writeRefusal(p *page, view client.EngagementView, named func(narthex.PersonID) string) {
	e := view.Engagement
	r := e.Refusal
	if r == nil {
		return
	}
	if p.heading("Refused"); e.State != narthex.Declined {
		p.line("this was refused before, and went back to its applicant since")
	}
	p.fields([2]string{"ground", r.Ground}, [2]string{"another way", r.Alternative})
	writeMediation(p, r.Mediation, "may be asked for before "+day(r.MediateBy), stateOfMediation(view, r.Mediation), named)
}

// writeObjection says what the lab asks to be amended of what was granted, and where that stands.
func writeObjection(p *page, view client.EngagementView, named func(narthex.PersonID) string) {
	o := view.Engagement.Objection
	if o == nil {
		return
	}
	p.heading(named(o.By) + " objects as " + words([]narthex.Role{o.As}) + ", " + day(o.At))
	stands := map[narthex.ObjectionState]string{
		narthex.ObjectionOpen: "it is open, and falls where nobody decides on it before " + day(o.DecideBy), narthex.ObjectionUpheld: "upheld on " + day(o.DecidedAt),
		narthex.ObjectionDismissed: "dismissed on " + day(o.DecidedAt), narthex.ObjectionFell: "it fell on " + day(o.DecideBy) + ", for nobody had decided on it",
	}
	p.fields([2]string{"ground", o.Ground}, [2]string{"another way", o.Alternative}, [2]string{"why", o.Text}, [2]string{"stands", stands[view.Objection]}, [2]string{"digest", string(o.Digest)})
	if len(o.Votes) > 0 {
		t := newTable("WHO", "AS", "VOTE", "WHEN", "REASON")
		for _, vote := range o.Votes {
			verdict := "dismiss"
			if vote.Approve {
				verdict = "uphold"
			}
			t.row(named(vote.By), words([]narthex.Role{vote.As}), verdict, day(vote.At), vote.Reason)
		}
		p.table(t)
	}
	if o.Upheld {
		writeMediation(p, o.Mediation, "may be asked for before "+day(o.MediateBy), stateOfMediation(view, o.Mediation), named)
	}
}

// stateOfMediation says in words where a mediation stands; of one that is not of what was decided last, nothing.
func stateOfMediation(view client.EngagementView, m *narthex.DecisionMediation) string {
	if now := workflow.MediationOf(view.Engagement); m == nil || now == nil || !now.At.Equal(m.At) {
		return ""
	}
	stands := workflow.MediationInWords(view.Mediation)
	if view.Mediation.Open() && !m.Until.IsZero() {
		stands += "; it ends " + day(m.Until)
	}
	return stands
}

func writeMediation(p *page, m *narthex.DecisionMediation, before, stands string, named func(narthex.PersonID) string) {
	if m == nil {
		p.fields([2]string{"mediation", before})
		return
	}
	fields := [][2]string{{"mediation", "asked for on " + day(m.At) + ": " + m.Text}}
	fields = append(fields, [2]string{"it stands", stands})
	if x := m.Mediator; x != nil {
		who := x.Name + ", " + x.Email + ", proposed by " + named(x.Said.By)
		if x.Said.Text != "" {
			who += ": " + x.Said.Text
		}
		if !m.Began.IsZero() {
			who += "; accepted by the other side on " + day(m.Began)
		}
		fields = append(fields, [2]string{"mediator", who})
	}
	for _, side := range []struct {
		name string
		said *narthex.MediationOutcome
	}{{"the applicant says", m.Authors}, {"the lab says", m.Lab}} {
		if side.said != nil {
			fields = append(fields, [2]string{side.name, strings.ReplaceAll(string(side.said.Result), "_", " ") + ", " + day(side.said.Said.At) + ": " + side.said.Said.Text})
		}
	}
	p.fields(fields...)
}
