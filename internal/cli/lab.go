package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
)

func (a *app) serveCommand() *cobra.Command {
	var f ServeFlags
	c := leaf("serve", "Run a node", `  narthex serve --lab ./lab --data ./data
  narthex serve --data ./data --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem`, cobra.NoArgs, func(ctx context.Context, _ []string) error { return a.env.Serve(ctx, f) })
	c.Flags().StringVar(&f.Lab, "lab", "", "the lab directory; needed for the first start")
	c.Flags().StringVar(&f.Data, "data", "", "where the store and the ledger's key are kept")
	c.Flags().StringVar(&f.Listen, "listen", "127.0.0.1:8080", "address to listen on; off loopback TLS must be set")
	c.Flags().StringVar(&f.Ops, "ops", "", "operators' address for health and metrics, on loopback")
	c.Flags().StringVar(&f.TLSCert, "tls-cert", "", "file of the TLS certificate")
	c.Flags().StringVar(&f.TLSKey, "tls-key", "", "file of its key")
	c.Flags().BoolVar(&f.BehindTLSProxy, "behind-tls-proxy", false, "something before the node ends TLS and nobody else reaches it")
	return c
}

func (a *app) demoCommand() *cobra.Command {
	var f DemoFlags
	c := leaf("demo", "Run the miniature lab and its story, on loopback", "  narthex demo\n  narthex demo --once\n  narthex demo --dir ./demo-state --info info.json", cobra.NoArgs,
		func(ctx context.Context, _ []string) error { return a.env.Demo(ctx, f) })
	c.Flags().StringVar(&f.Dir, "dir", "", "keep its state here; a second start on it tells no story")
	c.Flags().StringVar(&f.Info, "info", "", "write what scripts need to this file, once it is up")
	c.Flags().BoolVar(&f.Once, "once", false, "tell the story, check every step, and end")
	return c
}

func (a *app) initCommand() *cobra.Command {
	return leaf("init DIR", "Write a lab directory to begin with", "  narthex init ./lab", cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		if err := lab.Init(args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.env.Stdout, "A lab directory is in %s. Put your people, assets and pathways in, then:\n  narthex check %s\n  narthex serve --lab %s --data ./data\n", args[0], args[0], args[0])
		return err
	})
}

func (a *app) checkCommand() *cobra.Command {
	return leaf("check DIR", "Check a lab directory and show what it would allow", "  narthex check ./lab", cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		files, err := lab.ReadDir(args[0])
		if err != nil {
			return err
		}
		directory, problems := lab.Load(files)
		if len(problems) > 0 {
			fmt.Fprint(a.env.Stderr, problems.Render(files))
			return narthex.Invalidf("The lab directory has %d problems; none of it would take effect.", len(problems))
		}
		_, err = fmt.Fprintf(a.env.Stdout, "%sdigest %s\n", directory.Table(), directory.Digest)
		return err
	})
}

func (a *app) labCommand() *cobra.Command {
	diff := leaf("diff", "Show the proposed lab directory beside the one in force", "  narthex lab diff", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return a.labState(ctx, func(c *client.Client) (client.LabState, error) { return c.Lab(ctx, true) })
	})
	propose := leaf("propose DIR", "Propose a lab directory; nothing takes effect before two custodians approve it", "  narthex lab propose ./lab", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		files, err := lab.ReadDir(args[0])
		if err != nil {
			return err
		}
		if _, problems := lab.Load(files); len(problems) > 0 {
			fmt.Fprint(a.env.Stderr, problems.Render(files))
			return narthex.Invalidf("The lab directory has %d problems.", len(problems))
		}
		return a.labState(ctx, func(c *client.Client) (client.LabState, error) { return c.Propose(ctx, files) })
	})
	var digest string
	approve := leaf("approve", "Approve the proposed lab directory by its digest", "  narthex lab diff\n  narthex lab approve --digest sha256:…", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		seen, err := narthex.ParseDigest(digest)
		if err != nil {
			return err
		}
		return a.labState(ctx, func(c *client.Client) (client.LabState, error) { return c.ApproveLab(ctx, seen) })
	})
	approve.Flags().StringVar(&digest, "digest", "", "the whole digest of what you read (required)")
	return group("lab", "The lab directory: what is in force and what is proposed", diff, propose, approve)
}

func (a *app) labState(ctx context.Context, ask func(*client.Client) (client.LabState, error)) error {
	c, err := a.me()
	if err != nil {
		return err
	}
	state, err := ask(c)
	if err != nil {
		return err
	}
	return a.show(state, func(w io.Writer) {
		fmt.Fprint(w, visible(state.Diff))
		row(w, "in force", state.InForce)
		if state.Proposed == "" {
			row(w, "proposed", "nothing; `narthex lab propose DIR` proposes")
			return
		}
		row(w, "proposed", state.Proposed)
		for _, approval := range state.Approvals {
			row(w, "approved by", approval.Name)
		}
		row(w, "next", fmt.Sprintf("%d of %d approvals; `narthex lab approve --digest %s`", len(state.Approvals), state.Needed, state.Proposed))
	})
}

func (a *app) peopleCommand() *cobra.Command {
	var in client.Invite
	invite := leaf("invite", "Make a one-time code for a person", `  narthex people invite --handle olga
  narthex people invite --name "Otto Official" --email otto@institute.example --org-name "An Institute" --official
  narthex people invite --name "Ada Outside" --email ada@institute.example --org org_…`, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		invited, err := c.Invite(ctx, in)
		if err != nil {
			return err
		}
		return a.show(invited, func(w io.Writer) {
			row(w, "person", invited.Person.ID)
			if invited.Org != nil {
				row(w, "organisation", invited.Org.ID)
			}
			row(w, "code", invited.Code)
			row(w, "good until", invited.ExpiresAt.Format("2006-01-02 15:04 MST"))
			row(w, "next", fmt.Sprintf("give them the code; they run: narthex login --url %s --code CODE", c.Base()))
		})
	})
	invite.Flags().StringVar(&in.Handle, "handle", "", "a lab person's handle in lab.yaml")
	invite.Flags().StringVar(&in.Name, "name", "", "an outsider's name")
	invite.Flags().StringVar(&in.Email, "email", "", "an outsider's address")
	invite.Flags().StringVar((*string)(&in.Org), "org", "", "their organisation's identifier")
	invite.Flags().StringVar(&in.OrgName, "org-name", "", "the name of a new organisation")
	invite.Flags().StringVar(&in.OrgRegion, "org-region", "", "where it is: two letters")
	invite.Flags().StringVar(&in.Region, "region", "", "where they work: two letters")
	invite.Flags().BoolVar(&in.Official, "official", false, "they sign for their organisation")
	list := leaf("list", "List people", "  narthex people list", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		people, err := c.People(ctx)
		if err != nil {
			return err
		}
		return a.show(people, func(w io.Writer) {
			row(w, "PERSON", "NAME", "OF", "ROLES", "STATE")
			orgs := map[narthex.OrgID]string{}
			for _, org := range people.Orgs {
				orgs[org.ID] = org.Name
			}
			for _, p := range people.People {
				of, roles := "the lab", strings.Trim(fmt.Sprint(p.Roles), "[]")
				if p.Org != "" {
					of = orgs[p.Org]
				}
				if p.Official {
					roles = "official"
				}
				row(w, p.ID, p.Name, of, roles, p.State)
			}
		})
	})
	roles := leaf("roles", "List who holds which role; roles change by a directory proposal", "  narthex people roles", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		people, err := c.People(ctx)
		if err != nil {
			return err
		}
		return a.show(people, func(w io.Writer) {
			row(w, "ROLE", "PEOPLE")
			for _, role := range narthex.Roles() {
				var holders []string
				for _, p := range people.People {
					if p.Has(role) {
						holders = append(holders, p.Name)
					}
				}
				row(w, role, strings.Join(holders, ", "))
			}
		})
	})
	return group("people", "Invite, list, suspend and remove people", invite, list, roles, a.changePerson("suspend"), a.changePerson("remove"))
}

func (a *app) changePerson(what string) *cobra.Command {
	var reason string
	c := leaf(what+" PERSON", strings.ToUpper(what[:1])+what[1:]+" a person at once; everything they use ends", "  narthex people "+what+" per_… --reason 'left the institute'", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		person, err := id[narthex.PersonID](args[0])
		if err != nil {
			return err
		}
		c, err := a.me()
		if err != nil {
			return err
		}
		change := c.Suspend
		if what == "remove" {
			change = c.Remove
		}
		changed, err := change(ctx, person, reason)
		if err != nil {
			return err
		}
		return a.show(changed, func(w io.Writer) { row(w, changed.Name, "is", changed.State) })
	})
	c.Flags().StringVar(&reason, "reason", "", "why; they are told")
	return c
}
