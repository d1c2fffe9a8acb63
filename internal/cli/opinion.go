package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

// askOpinion asks a specialist from outside.
func (a *app) askOpinion() *cobra.Command {
	var as string
	var in client.AskOpinion
	c := a.command(leaf{
		use: "invite ID", short: "Ask a specialist from outside for an opinion, by a code that works once",
		long: `Ask a specialist from outside for an opinion on an application in review, for a role that you review in, or as the programme for any
that must approve. They get a code by mail, or from you where the node sends none: it is shown once, works once, and opens this
application for them and nothing else, until it is over. They state their interests before they read it, and hand in one opinion,
which those read who see reviews. It is nobody's vote. The applicant's side learns neither that you asked nor what they said.`,
		example: "narthex review invite eng_… --as security --name 'Vera Far' --email vera@far.example --question 'Can these answers give the weights away?'",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			if in.As, err = oneRole(ctx, c, narthex.Role(as)); err != nil {
				return err
			}
			asked, err := c.AskOpinion(ctx, id, in)
			if err != nil {
				return err
			}
			return a.show(asked, func(page *page) {
				page.fields([2]string{"invitation", string(asked.Invite)}, [2]string{"until", day(asked.Until)}, [2]string{"code", asked.Code})
				if asked.Mailed {
					page.line("The code is mailed to %s and shown to nobody. Tell them the node's address; they run:", in.Email)
					page.line("  narthex opinion open %s --url %s --code -", asked.Engagement, p.URL)
					return
				}
				page.line("Give %s the code by a way that you trust; it is not shown again. They run:", in.Name)
				page.line("  narthex opinion open %s --url %s --code -", asked.Engagement, p.URL)
			})
		}})
	c.Flags().StringVar(&as, "as", "", "the role for which you ask, where you have more than one: "+joined(narthex.Roles()))
	c.Flags().StringVar(&in.Name, "name", "", "the specialist's name")
	c.Flags().StringVar(&in.Email, "email", "", "the specialist's mail address")
	c.Flags().StringVar(&in.Question, "question", "", "what you want to know")
	c.Flags().IntVar(&in.Days, "days", 0, "for how many days the invitation waits; 7 where it is not given, 30 at most")
	oneOf(c, "as", narthex.Roles())
	return c
}

func (a *app) unaskOpinion() *cobra.Command {
	return a.command(leaf{
		use: "uninvite ID INVITATION", short: "Take the invitation of a specialist back, with what they opened by it",
		example: "narthex review show eng_…\nnarthex review uninvite eng_… inv_…",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			invite, err := parseID[narthex.InviteID](args[1], "`narthex review show` lists the invitations")
			if err != nil {
				return err
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			view, err := c.UnaskOpinion(ctx, id, invite)
			if err != nil {
				return err
			}
			a.say("took the invitation back")
			return a.showEngagement(p, view)
		}})
}

// writeOpinions says which specialists were asked, and what they said on which text.
func writeOpinions(p *page, e narthex.Engagement, named func(narthex.PersonID) string) {
	for _, o := range e.Opinions {
		state := "asked, and the code waits until " + day(o.Until)
		switch {
		case !o.Given.IsZero():
			state = "said, " + day(o.Given)
		case !o.Closed.IsZero():
			state = "was asked, and it ended without an answer, " + day(o.Closed)
		case !o.Opened.IsZero():
			state = "has opened it, " + day(o.Opened)
		}
		p.heading("Specialist " + o.Name + ": " + state)
		by, on := "a reviewer", string(o.Saw)
		if o.By != "" {
			by = named(o.By)
		}
		if o.Saw != e.Digest {
			on += ", which is another text than the one that stands"
		}
		p.fields([2]string{"invitation", string(o.ID)}, [2]string{"address", o.Email}, [2]string{"asked by", by + " for " + words([]narthex.Role{o.As})}, [2]string{"about", on})
		p.block(o.Question)
		if o.Interests != "" {
			p.line("Of interests they state:")
			p.block(o.Interests)
		}
		if o.Text != "" {
			p.line("They say:")
			p.block(o.Text)
		}
	}
}

// opinionsDir is where a specialist's log-ins are kept, a file an engagement.
const opinionsDir = "opinions"

// openedOpinion is a specialist's log-in.
type openedOpinion struct {
	URL    string         `json:"url"`
	Token  string         `json:"token"`
	Digest narthex.Digest `json:"digest,omitempty"` // of what was shown
}

func (a *app) opinion() *cobra.Command {
	return a.group("opinion", "Give an opinion that a lab asked you for, as a specialist from outside",
		a.opinionOpen(), a.opinionInterests(), a.opinionShow(), a.opinionGive())
}

func (a *app) opinionOpen() *cobra.Command {
	var code string
	c := a.command(leaf{
		use: "open ID", short: "Redeem your code, which works once, and see whom it is about",
		long: `Redeem your code. It works once and makes a log-in for a few hours, kept in a file that only you can read, with which you read the one
application that you were asked about and hand in one opinion. State your interests next: nothing is shown before.`,
		example: "narthex opinion open eng_… --url https://narthex.lab.example --code -   # then paste the code",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			if code == "" {
				return problem(narthex.Invalid, "give it with --code -, and paste it", "an opinion is opened with the code that you got")
			}
			c, err := a.visitor()
			if err != nil {
				return err
			}
			if code, err = a.readCode(code); err != nil {
				return err
			}
			login, err := c.RedeemOpinion(ctx, client.RedeemOpinion{Engagement: id, Code: code})
			if narthex.IsKind(err, narthex.Unauthenticated) {
				return problem(narthex.Unauthenticated, "copy both whole, or ask whoever invited you for another", "the node does not take that code for that application: it is mistyped, used or over")
			}
			if err != nil {
				return err
			}
			if err := a.keepOpinion(id, openedOpinion{URL: c.Base(), Token: login.Token}); err != nil {
				return err
			}
			login.Token = "" // it is kept, and not shown
			return a.show(login, func(page *page) {
				page.fields([2]string{"applying", strings.Join(login.People, ", ")}, [2]string{"of", login.Org}, [2]string{"open until", day(login.ExpiresAt)})
				page.line("State what ties you to them, or that nothing does: narthex opinion interests %s --text TEXT", id)
			})
		}})
	c.Flags().StringVar(&code, "code", "", "the one-time code, or - to read it from standard input")
	return c
}

func (a *app) opinionInterests() *cobra.Command {
	var text string
	c := a.command(leaf{
		use: "interests ID", short: "State what ties you to those who apply, or that nothing does",
		example: "narthex opinion interests eng_… --text 'None: I know none of them, and have no money in it.'",
		run: func(ctx context.Context, args []string) error {
			id, c, _, err := a.openOpinion(args[0])
			if err != nil {
				return err
			}
			if err := c.StateInterests(ctx, id, client.StateInterests{Interests: text}); err != nil {
				return err
			}
			return a.show(map[string]string{"engagement": string(id)}, func(page *page) { page.line("stated; now read it: narthex opinion show %s", id) })
		}})
	c.Flags().StringVar(&text, "text", "", "your interests, in words")
	return c
}

func (a *app) opinionShow() *cobra.Command {
	return a.command(leaf{
		use: "show ID", short: "Show what you were asked about",
		example: "narthex opinion show eng_…",
		run: func(ctx context.Context, args []string) error {
			id, c, kept, err := a.openOpinion(args[0])
			if err != nil {
				return err
			}
			view, err := c.ReadForOpinion(ctx, id)
			if err != nil {
				return err
			}
			kept.Digest = view.Digest
			if err := a.show(view, func(page *page) {
				writeEngagement(page, client.EngagementView{Engagement: narthex.Engagement{ID: id, State: narthex.InReview, Application: view.Application, Digest: view.Digest}, People: view.People})
				page.heading("You are asked, for " + words([]narthex.Role{view.As}))
				page.block(view.Question)
				page.line("Answer until %s: narthex opinion give %s --text TEXT", day(view.Until), id)
			}); err != nil {
				return err
			}
			return a.keepOpinion(id, kept)
		}})
}

func (a *app) opinionGive() *cobra.Command {
	var text, digest string
	c := a.command(leaf{
		use: "give ID", short: "Hand in your one opinion on the text that you were shown",
		example: "narthex opinion show eng_…\nnarthex opinion give eng_… --text 'They cannot, for …'",
		run: func(ctx context.Context, args []string) error {
			id, c, kept, err := a.openOpinion(args[0])
			if err != nil {
				return err
			}
			in := client.GiveOpinion{Saw: kept.Digest, Text: text}
			if digest != "" {
				if in.Saw, err = narthex.ParseDigest(digest); err != nil {
					return err
				}
			}
			if in.Saw == "" {
				return problem(narthex.Invalid, "look with `narthex opinion show "+string(id)+"`, then repeat the command", "you have not been shown the text, and so can say nothing of it")
			}
			given, err := c.GiveOpinion(ctx, id, in)
			if err != nil {
				return err
			}
			path, err := a.opinionFile(id)
			if err != nil {
				return err
			}
			if err := os.Remove(path); err != nil {
				return fileError("removed", path, err)
			}
			return a.show(given, func(page *page) { page.line("handed in, on the text %s; your log-in is over", given.Saw.Short()) })
		}})
	c.Flags().StringVar(&text, "text", "", "your opinion")
	c.Flags().StringVar(&digest, "digest", "", "the digest of the text that you have seen")
	return c
}

func (a *app) opinionFile(id narthex.EngagementID) (string, error) {
	home, err := a.home()
	return filepath.Join(home, opinionsDir, string(id)+".json"), err
}

func (a *app) keepOpinion(id narthex.EngagementID, kept openedOpinion) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	return profile{dir: filepath.Join(home, opinionsDir)}.writeJSON(string(id)+".json", kept)
}

// openOpinion gives a client with the log-in that is kept for an engagement; it goes to the node that it was made for.
func (a *app) openOpinion(named string) (narthex.EngagementID, *client.Client, openedOpinion, error) {
	id, err := engagementID(named)
	if err != nil {
		return "", nil, openedOpinion{}, err
	}
	path, err := a.opinionFile(id)
	if err != nil {
		return "", nil, openedOpinion{}, err
	}
	kept, err := readSecretJSON[openedOpinion](path)
	if errors.Is(err, fs.ErrNotExist) {
		err = problem(narthex.Unauthenticated, "run `narthex opinion open "+string(id)+" --code -` with the code that you got", "you have not opened that one here, or have handed it in")
	}
	if err != nil {
		return "", nil, kept, err
	}
	c, err := client.New(kept.URL)
	if err != nil {
		return "", nil, kept, err
	}
	return id, c.With(kept.Token), kept, nil
}
