package cli

import (
	"context"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

// keyFile is what --terms reads.
type keyFile struct {
	Terms []narthex.Term `json:"terms"`
}

func (a *app) key() *cobra.Command {
	return a.group("key", "API keys of a grant", a.keyMint(),
		a.command(leaf{use: "list [GRANT]", short: "List the keys of a grant", example: "narthex key list\nnarthex key list grt_…",
			run: func(ctx context.Context, args []string) error { return a.keyList(ctx, args) }}),
		a.command(leaf{use: "revoke KEY", short: "Revoke a key for good; its live calls end at once", example: "narthex key revoke key_…",
			run: func(ctx context.Context, args []string) error { return a.keyRevoke(ctx, args[0]) }}))
}

func (a *app) keyMint() *cobra.Command {
	var in client.Mint
	var agent bool
	var terms string
	c := a.command(leaf{
		use: "mint [GRANT]", short: "Make an API key of a grant; it is shown once",
		long: `Make an API key of a grant. The key is printed on standard output, alone and once; keep it where secrets are kept. GRANT may
be left out where you have one.

An agent's key has terms of its own, no wider than the grant's, in a YAML file:

  terms:
    - attribute: model.sample
      asset: model-1
      limits:
        max_tokens: 200
        tokens: 10000`,
		example: "narthex key mint --label laptop\nNARTHEX_KEY=$(narthex key mint grt_… --label notebook --hours 8)\nnarthex key mint grt_… --label crawler --agent --terms agent.yaml",
		run: func(ctx context.Context, args []string) error {
			if in.Label == "" {
				return problem(narthex.Invalid, "say with --label what or whom the key is for", "a key has a label")
			}
			in.Actor = narthex.Human
			if agent {
				in.Actor = narthex.Agent
			}
			if terms != "" {
				file, err := readYAML[keyFile](a, terms)
				if err != nil {
					return err
				}
				in.Terms = file.Terms
			}
			return a.mint(ctx, args, in)
		}})
	f := c.Flags()
	f.StringVar(&in.Label, "label", "", "what or whom it is for")
	f.BoolVar(&agent, "agent", false, "it is for a program that acts for you; needs --terms")
	f.StringVar(&terms, "terms", "", "narrower terms, a YAML file, or - for standard input")
	f.IntVar(&in.Hours, "hours", 0, "how long it lives; else as long as the grant, at most 30 days")
	return c
}

func (a *app) mint(ctx context.Context, args []string, in client.Mint) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	grant, err := theGrant(ctx, c, args)
	if err != nil {
		return err
	}
	minted, err := c.Mint(ctx, grant, in)
	if err != nil {
		return err
	}
	a.say("minted %s (%s) of %s until %s; it is shown this once:", minted.Key.ID, minted.Key.Label, minted.Key.Grant, day(minted.Key.NotAfter))
	err = a.show(minted, func(p *page) { p.line("%s", minted.Token) })
	a.say("with any client of OpenAI's API: base URL %s/v1 and this key", c.Base())
	return err
}

func (a *app) keyList(ctx context.Context, args []string) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	grant, err := theGrant(ctx, c, args)
	if err != nil {
		return err
	}
	view, err := c.Grant(ctx, grant)
	if err != nil {
		return err
	}
	keys := append([]narthex.Key{}, view.Keys...)
	return a.list(map[string][]narthex.Key{"keys": keys}, a.keyTable(keys), "no key yet; `narthex key mint "+string(grant)+" --label NAME` makes one")
}

func (a *app) keyTable(keys []narthex.Key) *table {
	t := newTable("ID", "LABEL", "FOR", "STATE", "UNTIL")
	for _, k := range keys {
		state := "in force"
		switch {
		case k.Revoked:
			state = "revoked"
		case !a.now().Before(k.NotAfter):
			state = "over"
		}
		t.row(string(k.ID), k.Label, string(k.Actor), state, day(k.NotAfter))
	}
	return t
}

func (a *app) keyRevoke(ctx context.Context, named string) error {
	id, err := parseID[narthex.KeyID](named, "`narthex key list` shows identifiers; the key itself is not one")
	if err != nil {
		return err
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	key, err := c.RevokeKey(ctx, id)
	if err != nil {
		return err
	}
	return a.show(key, func(p *page) { p.line("revoked %s (%s); its live calls have ended", key.ID, key.Label) })
}
