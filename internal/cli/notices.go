package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"narthex/client"
)

func (a *app) notices() *cobra.Command {
	var after string
	var limit int
	c := a.command(leaf{
		use: "notices", short: "List what you were told, the latest first",
		long: `List what you were told: what happened, why you are told, and the next step. Where you run the programme, what could not be
delivered to anybody is listed too. Notices are kept for 90 days. Where the lab has a mail server set, you get them by mail as well.`,
		example: "narthex notices\nnarthex notices --limit 20 --json",
		run: func(ctx context.Context, _ []string) error {
			return a.noticeList(ctx, client.Page{After: after, Limit: limit})
		}})
	c.Flags().StringVar(&after, "after", "", "go on after this place, as the end of a page names it")
	c.Flags().IntVar(&limit, "limit", 0, "how many, up to 500")
	return c
}

func (a *app) noticeList(ctx context.Context, of client.Page) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Notices(ctx, of)
	if err != nil {
		return err
	}
	return a.show(list, func(p *page) { showNotices(p, list) })
}

func showNotices(p *page, list client.NoticeList) {
	if len(list.Notices) == 0 {
		p.line("you were told nothing; `narthex work` lists what waits for you")
	} else {
		t := newTable("AT", "WHAT HAPPENED", "WHY", "NEXT", "SENT")
		for _, n := range list.Notices {
			t.row(day(n.At), n.Happened, n.Why, n.Do, strings.ReplaceAll(n.State, "_", " "))
		}
		p.table(t)
	}
	if list.Next != "" {
		p.line("more: narthex notices --after %s", list.Next)
	}
	if len(list.Undelivered) > 0 {
		p.heading("What could not be delivered to anybody")
		t := newTable("GIVEN UP", "NOTICE", "ABOUT", "FOR", "TRIES", "BECAUSE")
		for _, n := range list.Undelivered {
			whom := "webhook " + n.Channel
			if n.Person != "" {
				whom = string(n.Person) + " by " + n.Channel
			}
			t.row(day(n.GivenUp), n.Kind, string(n.Engagement), whom, fmt.Sprint(n.Tries), strings.ReplaceAll(n.Because, "_", " "))
		}
		p.table(t)
	}
	if list.Waiting > 0 {
		p.line("%d notices wait to be delivered", list.Waiting)
	}
}
