package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) horizon() *cobra.Command {
	return a.command(leaf{
		use: "horizon ASSET", short: "Show how long all grants together would need to carry an asset out",
		long: `Show how long the access that is given would need to carry an asset out, by channel and in sum, over every grant of every
person that has not ended; and of the bytes that may ever leave, how many did by each channel, how many are reserved for calls that
are open, jobs that wait or run and releases that are not decided, and when the rest could be gone. The door admits by the same numbers.
Below stand the alarms: a quarter, half or three quarters gone, and days on which more left by somebody than three times on their own
median day. It is for people of the lab who guard assets. What is small and worth taking is not held by its size, and then no time is
given. Text is apart: it teaches behaviour and does not carry the asset.`,
		example: "narthex horizon minim-1\nnarthex horizon minim-1 --json",
		run: func(ctx context.Context, args []string) error {
			if err := narthex.CheckName("an asset", args[0]); err != nil {
				return hinted{err, "assets are named as their files in the assets folder of the lab directory"}
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			view, err := c.Horizon(ctx, narthex.AssetName(args[0]))
			if err != nil {
				return err
			}
			return a.show(view, func(p *page) { writeHorizon(p, view) })
		}})
}

// writeHorizon has a row a channel: of what is asked, and of all grants where the reader may know of them.
func writeHorizon(p *page, view client.Horizon) {
	p.heading("Horizon of " + string(view.Asset))
	least := fmt.Sprintf("%d days for the label %s; %s must approve what is below it", view.LeastDays, view.Label, words(view.Reviewers))
	p.fields([2]string{"  least", least}, [2]string{"  asked", sumInWords(view.Asked)}, [2]string{"  over all", overAllInWords(view)}, [2]string{"  lifetime", lifetimeInWords(view.Lifetime)})
	t := newTable("GRANTS", "CHANNEL", "BITS A DAY", "HORIZON")
	for _, part := range []struct {
		name string
		sum  *client.HorizonSum
	}{{"asked", view.Asked}, {"all", view.All}} {
		if part.sum == nil {
			continue
		}
		for _, line := range part.sum.Channels {
			if line.BitsPerDay > 0 || line.Unbounded {
				t.row(part.name, strings.ReplaceAll(line.Channel, "_", " "), bitsInWords(line), line.Says)
			}
		}
		t.row(part.name, "sum", bitsInWords(part.sum.Sum), part.sum.Sum.Says)
		t.row(part.name, "text, apart", bitsInWords(part.sum.Text), part.sum.Text.Says)
	}
	p.table(t)
	if view.Lifetime != nil {
		writeLifetime(p, *view.Lifetime)
	}
}

// writeLifetime has a row a channel of what left, and the alarms.
func writeLifetime(p *page, l client.Lifetime) {
	t := newTable("CHANNEL", "LEFT THE LAB", "RESERVED")
	for _, line := range l.Channels {
		if line.Used > 0 || line.Reserved > 0 {
			t.row(strings.ReplaceAll(line.Channel, "_", " "), strconv.FormatInt(line.Used, 10), strconv.FormatInt(line.Reserved, 10))
		}
	}
	t.row("sum, in bytes", strconv.FormatInt(l.Used, 10), strconv.FormatInt(l.Reserved, 10))
	p.table(t)
	if l.Passed > 0 {
		p.line("alarm: %d%% of the bytes that may ever leave have left", l.Passed)
	}
	for _, d := range l.Unusual {
		p.line("alarm: on %s %d bytes left by %s, whose median day has %d", d.Day, d.Bytes, d.Person, d.Median)
	}
}

func sumInWords(sum *client.HorizonSum) string {
	switch {
	case sum == nil:
		return ""
	case sum.Breaks:
		return sum.Sum.Says + ", below the least"
	}
	return sum.Sum.Says
}

func overAllInWords(view client.Horizon) string {
	if view.All == nil {
		return ""
	}
	grants := fmt.Sprintf("%d grants", view.Grants)
	if view.Grants == 1 {
		grants = "1 grant"
	}
	if view.Asked != nil {
		grants = "with " + grants + " of others"
	}
	return sumInWords(view.All) + " (" + grants + ")"
}

func lifetimeInWords(l *client.Lifetime) string {
	if l == nil {
		return ""
	}
	gone := "no grant that has not ended carries any of it"
	if l.Days != nil {
		gone = fmt.Sprintf("which all grants could take in %.2f days", *l.Days)
	}
	return fmt.Sprintf("%d bytes may ever leave; %d did, %d are reserved, %d are left, %s", l.Allowed, l.Used, l.Reserved, l.Left, gone)
}

func bitsInWords(line client.HorizonLine) string {
	if line.Unbounded {
		return "unbounded"
	}
	return strconv.FormatInt(line.BitsPerDay, 10)
}
