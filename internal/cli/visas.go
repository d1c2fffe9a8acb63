package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) visas() *cobra.Command {
	link := func(use, short, long string, act func(*client.Client, context.Context, narthex.PersonID, client.VisaIdentity) (client.VisasView, error)) *cobra.Command {
		return a.command(leaf{use: use + " PERSON ISSUER SUBJECT", short: short, long: long, example: "narthex visas " + use + " ada@uni.example https://passports.example 4c1f-…",
			run: func(ctx context.Context, args []string) error {
				return a.aboutVisas(ctx, args[0], func(c *client.Client, id narthex.PersonID) (client.VisasView, error) {
					return act(c, ctx, id, client.VisaIdentity{Issuer: args[1], Subject: args[2]})
				})
			}})
	}
	return a.group("visas", "GA4GH visas of others, on which grants can rest",
		a.command(leaf{use: "list [PERSON]", short: "List a person's visas: yours, where you name nobody",
			long:    "List a person's visas and the issuers that know them. What a visa says stands as digests; COUNTS says whether it is in time and\nits issuer's key is in the lab's directory.",
			example: "narthex visas list\nnarthex visas list ada@uni.example",
			run: func(ctx context.Context, args []string) error {
				return a.aboutVisas(ctx, strings.Join(args, ""), func(c *client.Client, id narthex.PersonID) (client.VisasView, error) { return c.Visas(ctx, id) })
			}}),
		a.command(leaf{use: "add FILE", short: "Give a visa of yours",
			long:    "Give a visa: a file with the signed text alone, as its issuer gave it to you. It counts where the lab's directory has its issuer's\nkey, the lab recorded by which subject that issuer knows you, it is in time, and it has no conditions. The text is not kept.",
			example: "narthex visas add visa.jwt",
			run: func(ctx context.Context, args []string) error {
				data, err := readFile(args[0])
				if err != nil {
					return err
				}
				return a.aboutVisas(ctx, "", func(c *client.Client, _ narthex.PersonID) (client.VisasView, error) {
					return c.AddVisa(ctx, strings.TrimSpace(string(data)))
				})
			}}),
		a.command(leaf{use: "remove DIGEST [PERSON]", short: "End a visa at once: yours, where you name nobody",
			example: "narthex visas remove sha256:…",
			run: func(ctx context.Context, args []string) error {
				return a.aboutVisas(ctx, strings.Join(args[1:], ""), func(c *client.Client, id narthex.PersonID) (client.VisasView, error) {
					return c.RemoveVisa(ctx, id, narthex.Digest(args[0]))
				})
			}}),
		link("link", "Record by which subject an issuer knows a person", "Record, as the lab's programme or security, that an issuer of visas knows a person by that subject: what its visas have as sub. Look at\nit in a way of your own; whoever controls that subject gives visas as this person. It stands as its digest.", (*client.Client).LinkIdentity),
		link("unlink", "End that, and every visa of that issuer", "End that an issuer knows a person by a subject. Every visa of theirs by that issuer ends at once.", (*client.Client).UnlinkIdentity))
}

// aboutVisas does something about a person's visas and shows what then is known of them.
func (a *app) aboutVisas(ctx context.Context, whose string, do func(*client.Client, narthex.PersonID) (client.VisasView, error)) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	id := p.Person
	if whose != "" {
		if id, err = findPerson(ctx, c, whose); err != nil {
			return err
		}
	}
	view, err := do(c, id)
	if err != nil {
		return err
	}
	t := newTable("DIGEST", "TYPE", "ISSUER", "BY", "UNTIL", "COUNTS")
	for _, v := range view.Visas {
		counts := "no"
		if v.Counts {
			counts = "yes"
		}
		t.row(string(v.Digest), v.Type, v.Issuer, v.By, day(v.Until), counts)
	}
	note := "no visas"
	if len(view.Identities) == 0 {
		note = "no visas, and no issuer is recorded to know this person: the lab's programme says so with `narthex visas link`"
	}
	return a.list(view, t, note)
}

func (a *app) grantVisa() *cobra.Command {
	var out string
	c := a.command(leaf{use: "visa GRANT", short: "Have a signed visa that states your grant, for others who trust this lab",
		long:    "Have a GA4GH visa of this lab's: that you hold a grant of this engagement (ControlledAccessGrants, by dac). It ends with the grant, with\nthe first of what the grant rests on, and after thirty days. Others check it with the keys at /.well-known/jwks.json of this node.",
		example: "narthex grant visa grt_… --out visa.jwt",
		run: func(ctx context.Context, args []string) error {
			id, err := parseID[narthex.GrantID](args[0], "`narthex grant list` shows identifiers")
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			issued, err := c.IssueVisa(ctx, id)
			if err != nil {
				return err
			}
			if out != "" {
				if err := newFile(out, []byte(issued.Visa+"\n"), 0o600); err != nil {
					return err
				}
				a.say("wrote %s", out)
				issued.Visa = ""
			}
			return a.show(issued, func(p *page) {
				if issued.Visa != "" {
					p.line("%s", issued.Visa)
				}
				a.say("issuer %s, subject %s, value %s, until %s", issued.Issuer, issued.Subject, issued.Value, day(issued.Until))
			})
		}})
	c.Flags().StringVar(&out, "out", "", "write it to a new file")
	return c
}
