package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

// away says that someone of the lab is away, or who is.
func (a *app) away() *cobra.Command {
	var from, until, to string
	c := a.command(leaf{
		use: "away", short: "Say that you are away and who stands in, or show who is",
		long: `Say from when until when you are away, and who stands in for you; without --until, show who of the lab is away. Both are days, the
last one included, or instants. Nobody is asked why.

A stand-in is someone who holds one of your roles themselves: standing in gives none. What you claimed is free again for others of
the role, and stands on their list. An owner's stand-in decides on an asset where its file names them as its deputy, while the
absence lasts; their vote counts in the place of the owner's, never beside it.`,
		example: "narthex people away --from 2026-07-01 --until 2026-07-14 --to sam\nnarthex people away\nnarthex people back",
		run: func(ctx context.Context, _ []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			if until == "" {
				if from != "" || to != "" {
					return problem(narthex.Invalid, "give it with --until", "an absence has an end")
				}
				list, err := c.WhoIsAway(ctx)
				if err != nil {
					return err
				}
				return a.list(list, awayTable(list), "nobody of the lab is away")
			}
			in := client.Away{}
			if in.From, err = dayOrTime(from, false); err != nil {
				return err
			}
			if in.Until, err = dayOrTime(until, true); err != nil {
				return err
			}
			if in.From.IsZero() {
				in.From = time.Now()
			}
			if to != "" {
				if in.StandIn, err = findPerson(ctx, c, to); err != nil {
					return err
				}
			}
			list, err := c.Away(ctx, in)
			if err != nil {
				return err
			}
			return a.list(list, awayTable(list), "nobody of the lab is away")
		}})
	c.Flags().StringVar(&from, "from", "", "the first day, as 2026-07-01; now where it is left out")
	c.Flags().StringVar(&until, "until", "", "the last day, as 2026-07-14")
	c.Flags().StringVar(&to, "to", "", "who stands in: an identifier, a handle or an address")
	return c
}

func (a *app) back() *cobra.Command {
	return a.command(leaf{
		use: "back", short: "End your absence", example: "narthex people back",
		run: func(ctx context.Context, _ []string) error {
			c, _, err := a.member()
			if err != nil {
				return err
			}
			list, err := c.Back(ctx)
			if err != nil {
				return err
			}
			return a.list(list, awayTable(list), "you are back; nobody of the lab is away")
		}})
}

func awayTable(list client.AwayList) *table {
	t := newTable("WHO", "FROM", "UNTIL", "STANDS IN", "AS")
	for _, row := range list.Away {
		t.row(row.Name, day(row.From), day(row.Until), orDash(row.StandInName), orDash(joined(row.Covered)))
	}
	return t
}

// dayOrTime reads a day, of which it gives the beginning or the end, or an instant.
func dayOrTime(text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	t, err := narthex.ParseTime(text)
	if err != nil {
		return t, problem(narthex.Invalid, "write 2026-07-01", "%q is no day", text)
	}
	return t, nil
}
