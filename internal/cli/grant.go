package cli

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) grant() *cobra.Command {
	var byKey bool
	show := a.command(leaf{
		use: "show [ID]", short: "Show a grant: terms, and what of each budget is used, reserved and left",
		long: `Show a grant. ID may be left out where you have one grant. With --key, the API key in NARTHEX_KEY is asked for its own grant,
which needs no log-in and works when the grant is locked or over, too.`,
		example: "narthex grant show\nnarthex grant show grt_…\nNARTHEX_KEY=nx_… narthex grant show --key --url https://narthex.lab.example",
		run:     func(ctx context.Context, args []string) error { return a.grantShow(ctx, args, byKey) }})
	show.Flags().BoolVar(&byKey, "key", false, "ask with the API key in NARTHEX_KEY")
	return a.group("grant", "What you hold: terms, budgets, what is left",
		a.grantList(),
		show, a.grantVisa(), a.handBack(), a.leaveGrant())
}

func (a *app) grantList() *cobra.Command {
	var of client.Page
	c := a.command(leaf{use: "list", short: "List the grants that you may know of", example: "narthex grant list",
		run: func(ctx context.Context, _ []string) error { return a.listGrants(ctx, of) }})
	pageFlags(c, &of)
	return c
}

func (a *app) listGrants(ctx context.Context, of client.Page) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Grants(ctx, of)
	if err != nil {
		return err
	}
	defer a.more("grant list", of, list.Next)
	t := newTable("ID", "STATE", "ATTRIBUTES", "UNTIL", "ENGAGEMENT")
	for _, g := range list.Grants {
		var attributes []string
		for _, term := range g.Terms {
			attributes = append(attributes, string(term.Attribute))
		}
		t.row(string(g.ID), a.grantState(g), strings.Join(attributes, ", "), day(g.NotAfter), string(g.Engagement))
	}
	return a.list(list, t, "no grant yet; it comes when every party has signed: `narthex engagements list`")
}

// grantState says how a grant stands by its dates; locks stand apart.
func (a *app) grantState(g narthex.Grant) string {
	switch now := a.now(); {
	case g.Ended:
		return "ended"
	case now.Before(g.NotBefore):
		return "not yet"
	case !g.InForce(now):
		return "lapsed"
	}
	return "in force"
}

func (a *app) grantShow(ctx context.Context, args []string, byKey bool) error {
	var view client.GrantView
	var err error
	if byKey {
		view, err = a.grantOfKey(ctx, args)
	} else {
		view, err = a.grantOfMember(ctx, args)
	}
	if err != nil {
		return err
	}
	return a.show(view, func(p *page) { a.writeGrant(p, view) })
}

// grantOfKey asks with the key in the environment; a key is no argument, where others could read it.
func (a *app) grantOfKey(ctx context.Context, args []string) (client.GrantView, error) {
	key := a.env.Getenv("NARTHEX_KEY")
	if key == "" || len(args) > 0 {
		return client.GrantView{}, problem(narthex.Invalid, "set NARTHEX_KEY to the API key and name no grant: a key has one", "with --key, the API key in NARTHEX_KEY is asked for its grant")
	}
	c, err := a.visitor()
	if err != nil {
		return client.GrantView{}, err
	}
	view, err := c.With(key).OwnGrant(ctx)
	if narthex.IsKind(err, narthex.Unauthenticated) {
		err = errNoKey()
	}
	return view, err
}

func (a *app) grantOfMember(ctx context.Context, args []string) (client.GrantView, error) {
	c, _, err := a.member()
	if err != nil {
		return client.GrantView{}, err
	}
	id, err := theGrant(ctx, c, args)
	if err != nil {
		return client.GrantView{}, err
	}
	return c.Grant(ctx, id)
}

// theGrant gives the grant that is named, or the only one.
func theGrant(ctx context.Context, c *client.Client, args []string) (narthex.GrantID, error) {
	next := "`narthex grant list` shows identifiers"
	if len(args) > 0 {
		return parseID[narthex.GrantID](args[0], next)
	}
	list, err := c.Grants(ctx, client.Page{Limit: 2})
	if err != nil {
		return "", err
	}
	switch len(list.Grants) {
	case 0:
		return "", problem(narthex.Invalid, next, "there is no grant that you may know of")
	case 1:
		return list.Grants[0].ID, nil
	}
	return "", problem(narthex.Invalid, next, "name the grant: you may know of several")
}

func (a *app) writeGrant(p *page, view client.GrantView) {
	g := view.Grant
	state := a.grantState(g)
	if len(view.Locks) > 0 {
		state += ", locked"
	}
	p.fields([2]string{"grant", string(g.ID)}, [2]string{"state", state}, [2]string{"engagement", string(g.Engagement)}, [2]string{"agreement", string(g.Agreement)},
		[2]string{"from", day(g.NotBefore)}, [2]string{"until before", day(g.NotAfter)}, [2]string{"appeal", view.Appeal})
	writeLocks(p, view.Locks)
	p.heading("Terms")
	p.table(termTable(g.Terms))
	if len(view.RestsOn) > 0 {
		p.heading("Rests on")
		p.table(restTable(view.RestsOn))
	}
	if len(view.Budgets) > 0 {
		p.heading("Budgets")
		p.table(budgetTable(view.Budgets))
	}
	if len(view.Keys) > 0 {
		p.heading("Keys")
		p.table(a.keyTable(view.Keys))
	}
	if len(view.Ended) > 0 {
		p.heading("Calls that were cut")
		t := newTable("CALL", "WHEN", "WHY")
		for _, cut := range view.Ended {
			t.row(string(cut.Call), day(cut.At), words([]string{cmp.Or(string(cut.Reason), cut.Code)}))
		}
		p.table(t)
	}
}

func budgetTable(budgets []client.BudgetView) *table {
	t := newTable("ATTRIBUTE", "ON", "LIMIT", "OF", "ALLOWED", "USED", "RESERVED", "LEFT", "UNIT")
	for _, b := range budgets {
		unit := b.Unit
		if b.Per != "" {
			unit += " a " + b.Per
		}
		t.row(string(b.Attribute), string(b.Asset), string(b.Limit), b.Holder, number(b.Allowed), number(b.Used), number(b.Reserved), number(b.Left), unit)
	}
	return t
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
