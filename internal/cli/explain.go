package cli

import (
	"context"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) explain() *cobra.Command {
	var from, actor, person, attribute, asset string
	var completions bool
	c := a.command(leaf{
		use: "explain [GRANT]", short: "Say what the door would decide on a request, and why",
		long: `Say what the door would decide now on a request, and why: every clause that allows it, or everything that stands against it.
Nothing is reserved and nothing is recorded. With --attribute and --asset in the place of a request it is said of the least request
that uses the attribute: one token, and as little of everything else. GRANT may be left out where you have one. The lab's people can ask about anyone
whom the grant names.`,
		example: "narthex explain --request body.json\nnarthex explain --attribute model.logprobs --asset minim-1\nnarthex explain grt_… --request body.json --actor agent",
		run: func(ctx context.Context, args []string) error {
			in := client.Explain{Actor: narthex.ActorKind(actor), Attribute: narthex.AttributeName(attribute), Asset: asset}
			switch {
			case from == "" && (attribute == "" || asset == ""):
				return problem(narthex.Invalid, "give the body of a request with --request FILE, or - for standard input, or name --attribute and --asset", "there is nothing to explain")
			case from != "" && (attribute != "" || asset != ""):
				return problem(narthex.Invalid, "leave --request out, or --attribute and --asset", "it is explained of a request or of an attribute, and not of both")
			case from != "":
				body, err := a.readInput(from)
				if err != nil {
					return err
				}
				if in.Surface, in.Request = "chat", string(body); completions {
					in.Surface = "completions"
				}
			}
			var err error
			if person != "" {
				if in.Person, err = parseID[narthex.PersonID](person, "`narthex people list` shows identifiers"); err != nil {
					return err
				}
			}
			return a.explained(ctx, args, in)
		}})
	c.Flags().StringVar(&from, "request", "", "the request's body, a JSON file, or - for standard input")
	c.Flags().BoolVar(&completions, "completions", false, "it is for /v1/completions, and not for a chat")
	c.Flags().StringVar(&attribute, "attribute", "", "in the place of a request: an attribute, such as model.logprobs")
	c.Flags().StringVar(&asset, "asset", "", "with it: an asset, or asset@version")
	c.Flags().StringVar(&actor, "actor", "", "who would call: human or agent")
	c.Flags().StringVar(&person, "person", "", "who would call, for the lab's people")
	oneOf(c, "actor", []narthex.ActorKind{narthex.Human, narthex.Agent})
	return c
}

func (a *app) explained(ctx context.Context, args []string, in client.Explain) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	id, err := theGrant(ctx, c, args)
	if err != nil {
		return err
	}
	out, err := c.Explain(ctx, id, in)
	if err != nil {
		return err
	}
	return a.show(out, func(p *page) {
		if out.Allowed {
			p.mark("allowed:", bold, out.Says)
		} else {
			p.mark("denied:", red, out.Says)
		}
		if len(out.Reasons) == 0 {
			return
		}
		t := newTable("CLAUSE", "ATTRIBUTE", "LIMIT", "ALLOWED", "ASKED", "WHY")
		for _, r := range out.Reasons {
			t.row(r.Clause, string(r.Attribute), string(r.Limit), r.Allowed, r.Asked, r.Says)
		}
		p.table(t)
	})
}
