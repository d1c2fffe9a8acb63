package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) interests() *cobra.Command {
	return a.group("interests", "Declare what ties you to people from outside, so that you do not decide on them",
		a.command(leaf{use: "list", short: "List the interests that you declared; nobody else is shown them", example: "narthex interests list",
			run: func(ctx context.Context, _ []string) error {
				c, _, err := a.member()
				if err != nil {
					return err
				}
				list, err := c.Interests(ctx)
				if err != nil {
					return err
				}
				return a.writeInterests(list)
			}}),
		a.interest("add", "Declare an interest of yours in a person or an organisation", `Declare, as someone of the lab, an interest of yours: in a person from outside, by identifier or address, or in an organisation, by
identifier. While it holds you review, sign and decide nothing of what they apply for or are members of, and a vote that you gave on
it falls: its quorum is open again. Nobody from outside is shown it.`, (*client.Client).DeclareInterest),
		a.interest("end", "End an interest that you declared", "", (*client.Client).EndInterest))
}

func (a *app) interest(verb, short, long string, send func(*client.Client, context.Context, client.DeclareInterest) (client.InterestList, error)) *cobra.Command {
	var from, until string
	example := "narthex interests " + verb + " co_author ada@uni.example\nnarthex interests " + verb + " employer org_…"
	if verb == "add" {
		example += " --from 2026-01-01 --until 2027-12-31"
	}
	c := a.command(leaf{use: verb + " KIND WHOM", short: short, long: long, example: example,
		complete: kinds(),
		run: func(ctx context.Context, args []string) error {
			in := client.DeclareInterest{Interest: narthex.Interest{Kind: narthex.InterestKind(args[0])}}
			if !slices.Contains(narthex.InterestKinds(), in.Interest.Kind) {
				return problem(narthex.Invalid, "the kinds are "+joined(narthex.InterestKinds()), "there is no interest of the kind %q", args[0])
			}
			for _, at := range []struct {
				text, flag string
				into       *time.Time
			}{{from, "--from", &in.Interest.From}, {until, "--until", &in.Interest.Until}} {
				if at.text == "" {
					continue
				}
				t, err := time.Parse(time.DateOnly, at.text)
				if err != nil {
					return problem(narthex.Invalid, "as in "+at.flag+" 2026-03-01", "%s takes a day", at.flag)
				}
				*at.into = t
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			if strings.HasPrefix(args[1], "org_") {
				in.Interest.Org, err = parseID[narthex.OrgID](args[1], "`narthex people list` shows identifiers")
			} else {
				in.Interest.Person, err = findPerson(ctx, c, args[1])
			}
			if err != nil {
				return err
			}
			list, err := send(c, ctx, in)
			if err != nil {
				return err
			}
			for _, id := range list.Fell {
				a.say("your vote on %s fell; someone else of your role votes on it", id)
			}
			return a.writeInterests(list)
		}})
	if verb == "add" {
		c.Flags().StringVar(&from, "from", "", "since which `day`; today where it is not given")
		c.Flags().StringVar(&until, "until", "", "until before which `day`; ten years on where it is not given")
	}
	return c
}

func kinds() []string {
	var words []string
	for _, kind := range narthex.InterestKinds() {
		words = append(words, string(kind))
	}
	return words
}

func (a *app) writeInterests(list client.InterestList) error {
	t := newTable("KIND", "WITH", "WHOM", "FROM", "UNTIL")
	for _, view := range list.Interests {
		i := view.Interest
		t.row(strings.ReplaceAll(string(i.Kind), "_", " "), view.With, string(i.Person)+string(i.Org), day(i.From), day(i.Until))
	}
	return a.list(list, t, "you have declared no interest; `narthex interests add` declares one")
}
