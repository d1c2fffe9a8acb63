package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
)

func (a *app) agreementCommand() *cobra.Command {
	var format, out string
	show := leaf("show ENGAGEMENT", "Show the agreement", "  narthex agreement show eng_…\n  narthex agreement show eng_… --format html --out agreement.html", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		view, err := a.agreementOf(ctx, args[0])
		if err != nil {
			return err
		}
		text, known := map[string]string{"md": view.Markdown, "html": view.HTML}[format]
		if format == "json" {
			bundle, err := json.MarshalIndent(agreement.Bundle{Agreement: view.Agreement, Digest: view.Digest, Signatures: view.Signatures}, "", "  ")
			if err != nil {
				return err
			}
			text, known = string(bundle)+"\n", true
		}
		if !known {
			return narthex.Invalidf("The format is md, html or json.").For("format")
		}
		return a.write(out, text)
	})
	show.Flags().StringVar(&format, "format", "md", "md, html, or json: the file that `verify` checks")
	show.Flags().StringVar(&out, "out", "", "write to this file")
	var as string
	sign := leaf("sign ENGAGEMENT", "Sign the agreement for a party", "  narthex agreement show eng_…\n  narthex agreement sign eng_… --as researcher", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		p, err := a.profile()
		if err != nil {
			return err
		}
		if len(p.Signer) != ed25519.PrivateKeySize {
			return narthex.Invalidf("This profile has no signing key; `narthex signer new` makes one.")
		}
		view, err := a.agreementOf(ctx, args[0])
		if err != nil {
			return err
		}
		digest, err := agreement.Digest(view.Agreement)
		if err != nil {
			return err
		}
		if digest != view.Digest {
			return narthex.Conflictf("The node shows a digest that is not the agreement's. Do not sign; tell the lab.")
		}
		envelope, err := agreement.Sign(p.Signer, agreement.NewStatement(digest, narthex.PartyRole(as), p.Person, view.Agreement.Origin))
		if err != nil {
			return err
		}
		return a.onEngagement(ctx, args[0], func(c *client.Client, id narthex.EngagementID) (client.EngagementView, error) {
			return c.Sign(ctx, id, client.Sign{Party: narthex.PartyRole(as), Digest: digest, Signer: agreement.Fingerprint(p.Signer.Public().(ed25519.PublicKey)), Envelope: envelope})
		})
	})
	sign.Flags().StringVar(&as, "as", "", "researcher, institution or lab")
	var signers []string
	verify := leaf("verify FILE", "Check an agreement and its signatures offline", "  narthex agreement show eng_… --format json --out agreement.json\n  narthex agreement verify agreement.json --signer ada=ada.pub", cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		return a.verifyAgreement(args[0], signers)
	})
	verify.Flags().StringArrayVar(&signers, "signer", nil, "NAME=FILE: a signer's public key that you bring, in base64")
	return group("agreement", "Agreements: read, sign, verify", show, sign, verify)
}

func (a *app) verifyAgreement(path string, signers []string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return narthex.Invalidf("The agreement's file cannot be read; check its path.").Because(err)
	}
	keys := map[string]ed25519.PublicKey{}
	for _, signer := range signers {
		name, file, found := strings.Cut(signer, "=")
		if !found {
			return narthex.Invalidf("A signer is written NAME=FILE.").For("signer")
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return narthex.Invalidf("A signer's key file cannot be read; check its path.").For("signer").Because(err)
		}
		if keys[name], err = agreement.ParseKey(strings.TrimSpace(string(text))); err != nil {
			return err
		}
	}
	report, err := agreement.VerifyBundle(data, keys)
	if err != nil {
		return err
	}
	return a.show(report, func(w io.Writer) {
		row(w, "digest", report.Digest)
		for _, line := range report.Lines {
			row(w, "", line)
		}
		if report.Stated {
			row(w, "note", "keys as stated by the lab; bring the signers' own with --signer NAME=FILE to be sure")
		}
	})
}

func (a *app) agreementOf(ctx context.Context, text string) (client.AgreementView, error) {
	engagement, err := id[narthex.EngagementID](text)
	if err != nil {
		return client.AgreementView{}, err
	}
	c, err := a.me()
	if err != nil {
		return client.AgreementView{}, err
	}
	return c.Agreement(ctx, engagement)
}

// write prints text, or puts it into a new file.
func (a *app) write(out, text string) error {
	if out == "" {
		_, err := io.WriteString(a.env.Stdout, text)
		return err
	}
	if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
		return narthex.Invalidf("The file cannot be written; check its path.").For("out").Because(err)
	}
	return nil
}

func (a *app) grantCommand() *cobra.Command {
	list := leaf("list", "List grants", "  narthex grant list", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		list, err := c.Grants(ctx)
		if err != nil {
			return err
		}
		return a.show(list, func(w io.Writer) {
			if len(list.Grants) == 0 {
				row(w, "There are no grants that you may see. A grant comes from a signed agreement: `narthex engagements list`.")
				return
			}
			row(w, "GRANT", "ENGAGEMENT", "FROM", "UNTIL", "ENDED")
			for _, g := range list.Grants {
				row(w, g.ID, g.Engagement, g.NotBefore.Format("2006-01-02"), g.NotAfter.Format("2006-01-02"), g.Ended)
			}
		})
	})
	show := leaf("show [GRANT]", "Show a grant: what was used, what is reserved, what is left", "  narthex grant show grt_…\n  NARTHEX_KEY=nx_… narthex grant show --url https://narthex.lab.example", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		view, err := a.grantView(ctx, args)
		if err != nil {
			return err
		}
		return a.show(view, func(w io.Writer) { writeGrant(w, view) })
	})
	return group("grant", "Grants: what is in force, and what is left of it", list, show)
}

func (a *app) grantView(ctx context.Context, args []string) (client.GrantView, error) {
	if len(args) == 0 {
		key := a.env.Getenv("NARTHEX_KEY")
		if key == "" {
			return client.GrantView{}, narthex.Invalidf("Name a grant, or set NARTHEX_KEY to a key of it.")
		}
		node, err := a.node()
		if err != nil {
			return client.GrantView{}, err
		}
		return node.With(key).OwnGrant(ctx)
	}
	grant, err := id[narthex.GrantID](args[0])
	if err != nil {
		return client.GrantView{}, err
	}
	c, err := a.me()
	if err != nil {
		return client.GrantView{}, err
	}
	return c.Grant(ctx, grant)
}

func writeGrant(w io.Writer, view client.GrantView) {
	g := view.Grant
	row(w, "grant", g.ID)
	row(w, "agreement", g.Agreement)
	row(w, "in force", fmt.Sprintf("%v, from %s until %s", view.InForce, g.NotBefore.Format("2006-01-02"), g.NotAfter.Format("2006-01-02")))
	for _, lock := range view.Locks {
		row(w, "locked", fmt.Sprintf("%s %s: %s %s", lock.Subject, lock.Target, lock.Reason, lock.Note))
		row(w, "appeal", fmt.Sprintf("to %s, answered in %d business days", g.AppealTo, g.AppealDays))
	}
	for _, cut := range view.Ended {
		row(w, "cut", fmt.Sprintf("%s at %s: %s", cut.Call, cut.At.Format("2006-01-02 15:04:05"), cut.Reason))
	}
	fmt.Fprintln(w)
	row(w, "CLAUSE", "BUDGET", "ALLOWED", "USED", "RESERVED", "LEFT", "UNIT")
	for _, b := range view.Budgets {
		clause := ""
		if term, has := narthex.FindTerm(g.Terms, b.Attribute, b.Asset); has {
			clause = term.Clause
		}
		unit := b.Unit
		if b.Per != "" {
			unit += " a " + b.Per
		}
		row(w, clause, fmt.Sprintf("%s %s on %s", b.Attribute, b.Limit, b.Asset), b.Allowed, b.Used, b.Reserved, b.Left, unit)
	}
}

func (a *app) keyCommand() *cobra.Command {
	var in client.Mint
	var agent bool
	var terms string
	mint := leaf("mint GRANT", "Mint a key; it is shown once", "  narthex key mint grt_… --label laptop\n  narthex key mint grt_… --label crawler --agent --terms terms.json --hours 8", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		grant, err := id[narthex.GrantID](args[0])
		if err != nil {
			return err
		}
		if in.Actor = narthex.Human; agent {
			in.Actor = narthex.Agent
		}
		if terms != "" {
			data, err := os.ReadFile(terms)
			if err == nil {
				err = json.Unmarshal(data, &in.Terms)
			}
			if err != nil {
				return narthex.Invalidf("The file of terms does not read as a JSON list of terms.").For("terms").Because(err)
			}
		}
		c, err := a.me()
		if err != nil {
			return err
		}
		minted, err := c.Mint(ctx, grant, in)
		if err != nil {
			return err
		}
		return a.show(minted, func(w io.Writer) {
			row(w, "key", minted.Token)
			row(w, "name", minted.Key.ID)
			row(w, "until", minted.Key.NotAfter.Format("2006-01-02 15:04 MST"))
			row(w, "use it", fmt.Sprintf("as the API key of an OpenAI client with base URL %s/v1; it is not shown again", c.Base()))
		})
	})
	mint.Flags().StringVar(&in.Label, "label", "", "what you call it")
	mint.Flags().BoolVar(&agent, "agent", false, "the key is for a program that acts for you")
	mint.Flags().StringVar(&terms, "terms", "", "a JSON file with narrower terms; an agent's key needs them")
	mint.Flags().IntVar(&in.Hours, "hours", 0, "how long it lives, at most 720")
	list := leaf("list GRANT", "List the keys of a grant", "  narthex key list grt_…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		view, err := a.grantView(ctx, args)
		if err != nil {
			return err
		}
		return a.show(view.Keys, func(w io.Writer) {
			if len(view.Keys) == 0 {
				row(w, "This grant has no keys that you may see; `narthex key mint` makes one.")
				return
			}
			row(w, "KEY", "LABEL", "FOR", "UNTIL", "REVOKED")
			for _, k := range view.Keys {
				row(w, k.ID, k.Label, k.Actor, k.NotAfter.Format("2006-01-02 15:04"), k.Revoked)
			}
		})
	})
	revoke := leaf("revoke KEY", "Revoke a key; its calls end at once", "  narthex key revoke key_…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		key, err := id[narthex.KeyID](args[0])
		if err != nil {
			return err
		}
		c, err := a.me()
		if err != nil {
			return err
		}
		revoked, err := c.RevokeKey(ctx, key)
		if err != nil {
			return err
		}
		return a.show(revoked, func(w io.Writer) { row(w, "revoked", revoked.ID) })
	})
	return group("key", "Keys of a grant", mint, list, revoke)
}

func (a *app) lockCommand() *cobra.Command {
	var in client.LockRequest
	c := leaf("lock SUBJECT TARGET", "Stop a person, org, engagement, grant, key or asset at once", "  narthex lock grant grt_… --reason suspected_exfiltration\n  narthex lock asset minim-1 --reason maintenance\n  narthex lock list", cobra.ExactArgs(2), func(ctx context.Context, args []string) error {
		in.Subject, in.Target = narthex.LockSubject(args[0]), args[1]
		c, err := a.me()
		if err != nil {
			return err
		}
		locked, err := c.Lock(ctx, in)
		if err != nil {
			return err
		}
		return a.show(locked, func(w io.Writer) {
			row(w, "locked", locked.Lock.ID)
			row(w, "live calls ended", locked.Streams)
			row(w, "next", "someone else lifts it: narthex unlock "+string(locked.Lock.ID))
		})
	})
	c.Flags().StringVar((*string)(&in.Reason), "reason", "", fmt.Sprintf("one of %v", narthex.LockReasons()))
	c.Flags().StringVar(&in.Note, "note", "", "what the one locked out is told")
	c.AddCommand(leaf("list", "List the locks in force", "  narthex lock list", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		list, err := c.Locks(ctx)
		if err != nil {
			return err
		}
		return a.show(list, func(w io.Writer) {
			if len(list.Locks) == 0 {
				row(w, "Nothing is locked. `narthex lock SUBJECT TARGET --reason …` locks.")
				return
			}
			row(w, "LOCK", "SUBJECT", "TARGET", "REASON", "SINCE")
			for _, l := range list.Locks {
				row(w, l.ID, l.Subject, l.Target, l.Reason, l.At.Format("2006-01-02 15:04"))
			}
		})
	}))
	return c
}

func (a *app) unlockCommand() *cobra.Command {
	return leaf("unlock LOCK", "Lift a lock that someone else set", "  narthex unlock lck_…", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		lock, err := id[narthex.LockID](args[0])
		if err != nil {
			return err
		}
		c, err := a.me()
		if err != nil {
			return err
		}
		lifted, err := c.Unlock(ctx, lock)
		if err != nil {
			return err
		}
		return a.show(lifted, func(w io.Writer) { row(w, "lifted", lifted.ID) })
	})
}
