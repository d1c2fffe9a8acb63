package cli

import (
	"context"

	"github.com/spf13/cobra"

	"narthex/client"
)

// join is a member's acceptance for themselves, of the agreement where there is one, and of the application before.
func (a *app) join() *cobra.Command {
	var digest string
	c := a.command(leaf{
		use: "join ID", short: "Accept for yourself what you are named in as a member",
		long: `Accept for yourself an application or an agreement that names you as a member: the one that was shown to you last, or whose digest
you give. The applicant's signature does not stand for you: until you accept, the grant is not yours to use and you have no keys. A
changed text wants a new acceptance. ` + "`narthex grant leave`" + ` ends it again.`,
		example: "narthex agreement show eng_…\nnarthex engagements join eng_…",
		run:     func(ctx context.Context, args []string) error { return a.joinAs(ctx, args[0], digest) }})
	c.Flags().StringVar(&digest, "digest", "", "the digest of the text that you have seen")
	return c
}

func (a *app) joinAs(ctx context.Context, named, digest string) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	view, err := c.Engagement(ctx, id)
	if err != nil {
		return err
	}
	what, look := string(id), "narthex engagements show "+string(id)
	if view.Engagement.Agreement != "" {
		what, look = "agreement "+string(id), "narthex agreement show "+string(id)
	}
	in := client.Command{}
	if in.Saw, err = seen(p, what, digest, look); err != nil {
		return err
	}
	return a.give(ctx, named, "join", "you accepted for yourself", in)
}

// joinNext is what a member types to accept for themselves.
func joinNext(agreed bool, id string) string {
	if agreed {
		return "narthex agreement show " + id + ", then narthex engagements join " + id
	}
	return "narthex engagements show " + id + ", then narthex engagements join " + id
}
