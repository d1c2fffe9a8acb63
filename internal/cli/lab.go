package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/environment"
	"narthex/internal/lab"
)

func (a *app) lab() *cobra.Command {
	return a.group("lab", "The lab directory: what is in force, what is proposed, who approved it",
		a.command(leaf{
			use: "diff [DIR] [NEWER]", short: "Show what is proposed, or compare a directory",
			long: `Without an argument, show how the proposed lab directory differs from the one in force, and who approved it.
With one, say whether that directory is the one in force, the one proposed, or neither.
With two, show how the second differs from the first, without a node.`,
			example: "narthex lab diff\nnarthex lab diff ./lab\nnarthex lab diff ./lab-before ./lab",
			run:     func(ctx context.Context, args []string) error { return a.labDiff(ctx, args) }}),
		a.command(leaf{
			use: "propose [DIR]", short: "Propose a lab directory; nothing of it takes effect before it is approved",
			example: "narthex lab propose ./lab",
			run:     func(ctx context.Context, args []string) error { return a.labPropose(ctx, dirOf(args)) }}),
		a.command(leaf{
			use: "digest FOLDER", short: "Print the digest of a folder with the bytes of an asset's version",
			long: `Read every file of a folder and print its digest, for the field digest of a version of an asset, beside its folder. It is the
digest of the lines that sha256sum prints of all its files, in order of their paths. Links and odd names are refused.`,
			example: "narthex lab digest /srv/models/final",
			run:     func(ctx context.Context, args []string) error { return a.folderDigest(ctx, args[0]) }}),
		a.labApprove())
}

func (a *app) folderDigest(ctx context.Context, dir string) error {
	folder, err := environment.ReadFolder(ctx, dir)
	if err != nil {
		return err
	}
	return a.show(folder, func(p *page) {
		p.line("%s", folder.Digest)
		a.say("%d files, %d bytes", folder.Files, folder.Bytes)
	})
}

func (a *app) labDiff(ctx context.Context, args []string) error {
	if len(args) == 2 {
		return a.localDiff(args[0], args[1])
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	state, err := c.Lab(ctx, true)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return a.show(state, func(p *page) {
			showLab(p, state)
			if state.Proposed != "" {
				p.blank()
				sayApprove(p, state.Proposed)
			}
		})
	}
	files, err := lab.ReadDir(args[0])
	if err != nil {
		return err
	}
	digest, standing := files.Digest(), "neither in force nor proposed"
	switch digest {
	case state.InForce:
		standing = "in force"
	case state.Proposed:
		standing = "proposed"
	}
	out := map[string]any{"dir": args[0], "digest": digest, "standing": standing, "in_force": state.InForce, "proposed": state.Proposed}
	return a.show(out, func(p *page) {
		p.line("%s is %s", args[0], standing)
		p.fields([2]string{"digest", string(digest)}, [2]string{"in force", string(state.InForce)}, [2]string{"proposed", string(state.Proposed)})
		if standing == "proposed" {
			showDiff(p, state)
		}
	})
}

func (a *app) localDiff(older, newer string) error {
	before, err := lab.ReadDir(older)
	if err != nil {
		return err
	}
	after, err := lab.ReadDir(newer)
	if err != nil {
		return err
	}
	diff := lab.Diff(before, after)
	out := map[string]any{"older": before.Digest(), "newer": after.Digest(), "diff": diff}
	return a.show(out, func(p *page) {
		if diff == "" {
			p.line("the two directories are the same: %s", before.Digest())
			return
		}
		p.document(diff)
	})
}

func showLab(p *page, state client.LabState) {
	p.fields([2]string{"in force", orDash(state.InForce)}, [2]string{"proposed", orDash(state.Proposed)})
	if state.Single {
		p.line("one custodian alone approves changes here")
	}
	if state.Proposed == "" {
		p.line("nothing is proposed; `narthex lab propose DIR` proposes a directory")
		return
	}
	showDiff(p, state)
}

func showDiff(p *page, state client.LabState) {
	p.heading("What would change")
	p.document(state.Diff)
	p.heading(fmt.Sprintf("Approved by %d of %d", len(state.Approvals), state.Needed))
	for _, approval := range state.Approvals {
		p.line("  %s, %s", approval.Name, day(approval.At))
	}
}

func (a *app) labPropose(ctx context.Context, dir string) error {
	files, err := lab.ReadDir(dir)
	if err != nil {
		return err
	}
	if _, problems := lab.Load(files); len(problems) > 0 {
		a.page(a.env.Stderr).document(problems.Render(files))
		return wrongDirectory(dir, problems)
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	state, err := c.Propose(ctx, files)
	if err != nil {
		return err
	}
	if state.Proposed != files.Digest() {
		return problem(narthex.Conflict, "look with `narthex lab diff`", "the node says that another directory is proposed than the one that was sent")
	}
	return a.show(state, func(p *page) {
		p.line("proposed %s", state.Proposed)
		showDiff(p, state)
		p.blank()
		sayApprove(p, state.Proposed)
	})
}

func sayApprove(p *page, digest narthex.Digest) {
	p.line("custodians approve it with: narthex lab approve --digest %s", digest)
}

func (a *app) labApprove() *cobra.Command {
	var digest string
	c := a.command(leaf{
		use: "approve [DIR]", short: "Approve the proposed lab directory by its digest",
		long: `Show how the proposed lab directory differs from the one in force, and approve it by its digest. On a terminal you are asked;
elsewhere --digest says which one you have seen. With DIR, your own copy must have the proposed digest too, so that you need
not take the node's word for what changes.`,
		example: "narthex lab approve\nnarthex lab approve ./lab --digest sha256:…",
		run:     func(ctx context.Context, args []string) error { return a.approveLab(ctx, args, digest) }})
	c.Flags().StringVar(&digest, "digest", "", "the digest of what you have seen")
	return c
}

func (a *app) approveLab(ctx context.Context, args []string, digest string) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	state, err := c.Lab(ctx, true)
	if err != nil {
		return err
	}
	if state.Proposed == "" {
		return problem(narthex.Conflict, "`narthex lab propose DIR` proposes one", "no lab directory is proposed, so there is nothing to approve")
	}
	if !a.json {
		p := a.page(a.env.Stderr)
		p.fields([2]string{"in force", orDash(state.InForce)}, [2]string{"proposed", string(state.Proposed)})
		showDiff(p, state)
	}
	if err := sameCopy(args, state.Proposed); err != nil {
		return err
	}
	if err := a.mean(digest, state.Proposed, "Approve this lab directory?", "narthex lab approve --digest "+string(state.Proposed)); err != nil {
		return err
	}
	after, err := c.ApproveLab(ctx, state.Proposed)
	if err != nil {
		return err
	}
	err = a.show(after, func(p *page) {
		if after.InForce == state.Proposed {
			p.line("approved; %s is in force", state.Proposed)
			return
		}
		p.line("approved, %d of %d; another custodian must approve %s too", len(after.Approvals), after.Needed, state.Proposed)
	})
	if err == nil && state.InForce == "" && after.InForce != "" {
		a.say("the lab is open; invite its other people: `narthex people invite --help`")
	}
	return err
}

// sameCopy holds the user's own copy, where one is given, to the digest.
func sameCopy(args []string, digest narthex.Digest) error {
	if len(args) == 0 {
		return nil
	}
	files, err := lab.ReadDir(args[0])
	if err == nil && files.Digest() != digest {
		err = problem(narthex.Conflict, "compare it with what `narthex lab diff` shows", "%s has the digest %s, and the proposed one is %s", args[0], files.Digest(), digest)
	}
	return err
}

// mean makes sure that the user means what stands: by the digest they name, or by an answer on a terminal.
func (a *app) mean(named string, standing narthex.Digest, question, again string) error {
	if named == "" {
		if !a.interactive() {
			return problem(narthex.Invalid, "read what is shown, then: "+again, "it is not said which text you mean")
		}
		return a.confirm(question)
	}
	digest, err := narthex.ParseDigest(named)
	if err != nil {
		return err
	}
	if digest != standing {
		return problem(narthex.Conflict, "read what is shown before you name its digest", "you mean %s, and what stands is %s", digest.Short(), standing.Short())
	}
	return nil
}
