package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"narthex/client"
)

func (a *app) register() *cobra.Command {
	var of client.Page
	c := a.command(leaf{
		use: "register", short: "Show the lab's public register: who has, or had, which access",
		long: `Show the engagements that both sides agreed to make public: what for, which kinds of access, from when until when, and what was
published of them. It needs no log-in. What is in an embargo is not in it, nor in any of its counts.`,
		example: "narthex register --url https://narthex.lab.example",
		run:     func(ctx context.Context, _ []string) error { return a.showRegister(ctx, of) }})
	pageFlags(c, &of)
	return c
}

func (a *app) showRegister(ctx context.Context, of client.Page) error {
	c, err := a.visitor()
	if err != nil {
		return err
	}
	found, err := c.Register(ctx, of)
	if err != nil {
		return a.notYet(ctx, err)
	}
	defer a.more("register", of, found.Next)
	return a.show(found, func(p *page) {
		if len(found.Entries) == 0 {
			p.line("no engagement stands in the public register")
		}
		for _, e := range found.Entries {
			p.heading(string(e.Engagement))
			p.fields([2]string{"  pathway", string(e.Pathway)}, [2]string{"  state", e.State}, [2]string{"  organisation", e.Organisation}, [2]string{"  people", strings.Join(e.People, ", ")},
				[2]string{"  access", strings.Join(e.Access, "; ")}, [2]string{"  how deep", e.Level}, [2]string{"  from", day(e.From)}, [2]string{"  until", day(e.Until)}, [2]string{"  published", strings.Join(e.Published, ", ")})
			if e.Summary != "" {
				p.block(e.Summary)
			}
		}
		p.blank()
		p.line("%d in all; the register's digest is %s", found.Count, found.Digest)
	})
}

func (a *app) assets() *cobra.Command {
	return a.command(leaf{
		use: "assets", short: "Show what may be asked for",
		long:    `Show the assets that a pathway of the lab offers, and which attributes of each. It needs no log-in.`,
		example: "narthex assets --url https://narthex.lab.example",
		run: func(ctx context.Context, _ []string) error {
			c, err := a.visitor()
			if err != nil {
				return err
			}
			list, err := c.Catalogue(ctx)
			if err != nil {
				return a.notYet(ctx, err)
			}
			t := newTable("ASSET", "KIND", "TITLE", "VERSIONS", "ATTRIBUTE", "BY THE PATHWAY", "WHICH IS")
			for _, asset := range list.Assets {
				cells := []string{string(asset.Name), string(asset.Kind), asset.Title, strings.Join(asset.Versions, ", ")}
				for _, offer := range asset.Offered {
					t.row(append(cells, string(offer.Attribute), string(offer.Pathway), offer.Says)...)
					cells = []string{"", "", "", ""}
				}
				if len(asset.Offered) == 0 {
					t.row(append(cells, "", "", "")...)
				}
			}
			return a.list(list, t, "this lab offers nothing yet; `narthex pathways` shows its pathways")
		}})
}
