package cli

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/stamp"
)

func (a *app) agreement() *cobra.Command {
	return a.group("agreement", "Read, sign and check the document that both sides sign", a.agreementShow(), a.agreementRedline(), a.agreementOutside(), a.agreementSign(), a.agreementExport(), a.agreementVerify())
}

// checkedAgreement gives an engagement's agreement, whose digest is held to the document, and the document to the engagement
// and the lab, so that nothing is shown or signed on the node's word alone.
func checkedAgreement(ctx context.Context, c *client.Client, p profile, id narthex.EngagementID) (client.AgreementView, error) {
	view, err := c.Agreement(ctx, id)
	if err != nil {
		return view, err
	}
	digest, err := agreement.Digest(view.Agreement)
	if err != nil {
		return view, err
	}
	if digest != view.Digest || view.Agreement.Engagement != id || view.Agreement.Origin != p.Origin {
		return view, problem(narthex.Conflict, "sign nothing, and ask the lab", "the node's agreement is not the document that it states: its digest, engagement or lab differs")
	}
	return view, nil
}

func (a *app) agreementShow() *cobra.Command {
	var format, out string
	c := a.command(leaf{
		use: "show ID", short: "Show an engagement's agreement, with the digest that is signed",
		long: `Show an engagement's agreement. It is made here from the document whose digest is signed, so that what you read is what you
sign. The form json is the document itself: the SHA-256 of the file is the digest. The form pdf needs --out.`,
		example: "narthex agreement show eng_…\nnarthex agreement show eng_… --format pdf --out agreement.pdf",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			return a.showAgreement(ctx, id, agreement.Form(format), out)
		}})
	c.Flags().StringVar(&format, "format", string(agreement.Text), joined(agreement.Forms()))
	c.Flags().StringVar(&out, "out", "", "write it to a new file")
	oneOf(c, "format", agreement.Forms())
	return c
}

func (a *app) showAgreement(ctx context.Context, id narthex.EngagementID, form agreement.Form, out string) error {
	if form == agreement.PDF && out == "" {
		return problem(narthex.Invalid, "say where it should go, as with --out agreement.pdf", "a PDF is not for a terminal")
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	view, err := checkedAgreement(ctx, c, p, id)
	if err != nil {
		return err
	}
	taxonomy, err := lab.Taxonomy()
	if err != nil {
		return err
	}
	data, err := agreement.Document{Taxonomy: taxonomy, Agreement: view.Agreement, Signatures: view.Signatures, Outside: view.Outside}.In(form)
	if err != nil {
		return err
	}
	switch {
	case out != "":
		if err = newFile(out, data, 0o644); err == nil {
			a.say("wrote %s", out)
		}
	case a.json:
		err = a.encode(a.env.Stdout, view)
	case form == agreement.JSON:
		_, err = fmt.Fprintf(a.env.Stdout, "%s\n", data)
	default:
		page := a.page(a.env.Stdout)
		page.document(string(data))
		err = page.err
	}
	if err != nil {
		return err
	}
	if view.Outside != nil {
		where := "kept elsewhere"
		if view.Outside.Kept {
			where = "get it with `narthex agreement outside get " + string(id) + " --out FILE`"
		}
		a.say("signed with it: an outside document of %d bytes, digest %s; %s", view.Outside.Size, view.Outside.Digest, where)
	}
	if len(view.Missing) > 0 {
		a.say("digest %s; not signed yet by: %s", view.Digest, strings.Join(view.Missing, ", "))
	}
	return p.saw("agreement "+string(id), view.Digest)
}

func (a *app) agreementRedline() *cobra.Command {
	return a.command(leaf{
		use: "redline ID", short: "Show what an agreement changes of its pathway's standard",
		long: `Show in what an agreement differs from its pathway's standard: limits other than the default, terms that the pathway does
not offer, values of clauses other than the clause's default, and another number of days. It is part of what is signed.`,
		example: "narthex agreement redline eng_…",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			view, err := checkedAgreement(ctx, c, p, id)
			if err != nil {
				return err
			}
			if view.Agreement.Redline == nil {
				return problem(narthex.Conflict, "compare it with `narthex pathways "+string(view.Agreement.Pathway)+"`", "this agreement was made without a redline")
			}
			return a.show(view.Agreement.Redline, func(page *page) {
				for _, line := range agreement.RedlineInWords(view.Agreement.Redline) {
					page.line("%s", line)
				}
			})
		}})
}

// newFile writes a file that was not there before; it is on the disk when newFile returns.
func newFile(path string, data []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fileError("written", path, err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fileError("written", path, err)
	}
	return nil
}

func (a *app) agreementSign() *cobra.Command {
	var as, digest, outside string
	c := a.command(leaf{
		use: "sign ID", short: "Sign the agreement for a party",
		long: `Sign an agreement with the signing key on this machine. The signature is on the digest of the text that
"narthex agreement show" showed you last, or on the one you give with --digest; it is for one document, party, person and lab.
Where an outside document is bound to the agreement, get it with "narthex agreement outside get", look at it, and bring it with
--outside: the signature is on both digests. With the last signature the grant is in force.`,
		example: "narthex agreement show eng_…\nnarthex agreement sign eng_… --as researcher",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			return a.signAgreement(ctx, id, narthex.PartyRole(as), digest, outside)
		}})
	c.Flags().StringVar(&as, "as", "", "for whom you sign, where you may for more than one: "+joined(narthex.PartyRoles()))
	c.Flags().StringVar(&digest, "digest", "", "the digest of the text you have read")
	c.Flags().StringVar(&outside, "outside", "", "your copy of the outside document, where one is bound to the agreement")
	oneOf(c, "as", narthex.PartyRoles())
	return c
}

func (a *app) signAgreement(ctx context.Context, id narthex.EngagementID, party narthex.PartyRole, named, copied string) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	key, err := p.signingKey()
	if err != nil {
		return err
	}
	view, err := checkedAgreement(ctx, c, p, id)
	if err != nil {
		return err
	}
	digest, err := seen(p, "agreement "+string(id), named, "narthex agreement show "+string(id))
	if err != nil {
		return err
	}
	if digest != view.Digest {
		return problem(narthex.Conflict, "read it again with `narthex agreement show "+string(id)+"`", "the agreement is another than the one you read: its digest is %s", view.Digest.Short())
	}
	outside, err := sameOutside(view.Outside, copied)
	if err != nil {
		return err
	}
	if party == "" {
		if party, err = onlyParty(view.Agreement, p.Person, fingerprint(key)); err != nil {
			return err
		}
	}
	if !names(view.Agreement, party, p.Person, fingerprint(key)) {
		return problem(narthex.Refused, "the cover of `narthex agreement show "+string(id)+"` says who may sign", "the agreement does not name you with the key on this machine for the %s", party)
	}
	envelope, err := agreement.Sign(key, agreement.NewStatement(digest, party, p.Person, p.Origin).With(outside))
	if err != nil {
		return err
	}
	after, err := c.Sign(ctx, id, client.Sign{Party: party, Digest: digest, Outside: outside, Signer: fingerprint(key), Envelope: envelope})
	if err != nil {
		return err
	}
	return a.show(after, func(page *page) {
		if after.Unstamped {
			page.mark("note:", yellow, "the time-stamping authority gave no stamp; the signature stands without one")
		}
		page.line("signed %s for the %s with %s", digest, party, fingerprint(key))
		if outside != "" {
			page.line("and with it the outside document %s", outside)
		}
		if after.Engagement.Grant != "" {
			page.line("every party has signed: the grant %s is in force; `narthex key mint %s --label NAME` makes a key of it", after.Engagement.Grant, after.Engagement.Grant)
			return
		}
		page.line("it waits for: %s", strings.Join(after.Waiting, ", "))
	})
}

// names says whether the agreement's cover names the person with that key for the party.
func names(a narthex.Agreement, party narthex.PartyRole, person narthex.PersonID, print string) bool {
	return slices.ContainsFunc(a.Parties, func(named narthex.Party) bool {
		return named.Role == party && slices.ContainsFunc(named.Signers, func(s narthex.PartySigner) bool { return s.Person == person && s.Fingerprint == print })
	})
}

func (a *app) agreementExport() *cobra.Command {
	var out string
	c := a.command(leaf{
		use: "export ID", short: "Write the agreement with its signatures as one file to keep",
		example: "narthex agreement export eng_… --out agreement.json\nnarthex agreement verify agreement.json --signer ada=ada.pub",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			view, err := checkedAgreement(ctx, c, p, id)
			if err != nil {
				return err
			}
			data, err := canon.JSON(agreement.Bundle{Agreement: view.Agreement, Digest: view.Digest, Signatures: view.Signatures, Authorised: view.Authorised, Outside: view.Outside})
			if err != nil {
				return err
			}
			if len(view.Missing) > 0 {
				a.say("not signed yet by: %s", strings.Join(view.Missing, ", "))
			}
			if out == "" {
				_, err = fmt.Fprintf(a.env.Stdout, "%s\n", data)
				return err
			}
			if err := newFile(out, append(data, '\n'), 0o644); err != nil {
				return err
			}
			a.say("wrote %s; `narthex agreement verify %s` checks it without the lab", out, out)
			return nil
		}})
	c.Flags().StringVar(&out, "out", "", "write it to a new file")
	return c
}

func (a *app) agreementVerify() *cobra.Command {
	var signers []string
	var authorities, outside string
	c := a.command(leaf{
		use: "verify FILE", short: "Check an exported agreement and its signatures, offline",
		long: `Check a file that "narthex agreement export" wrote: that nothing in it was changed, that every party has signed it, each by
someone whom the cover names, and in the order that the agreement sets, where it sets one; and the authorisation of an institution
that agreed beforehand. Bring
the public keys of the signers by a way of your own, each as --signer NAME=FILE with what "narthex signer show --public" printed
there; a signature by a key that you did not bring is checked with the key that the file states, and is said to be so. With --outside it is
checked too that a PDF is the outside document which every party signed.`,
		example: "narthex agreement verify agreement.json --signer ada=ada.pub --signer dean=dean.pub --signer lab=lab.pub",
		run: func(_ context.Context, args []string) error {
			return a.verifyAgreement(args[0], signers, authorities, outside)
		}})
	c.Flags().StringVar(&outside, "outside", "", "the outside document that was signed with it, to check that it is that one")
	c.Flags().StringVar(&authorities, "stamp-ca", "", "a file of certificates in PEM, to check time stamps with")
	c.Flags().StringArrayVar(&signers, "signer", nil, "a signer's name and the file of their public key, NAME=FILE")
	return c
}

func (a *app) verifyAgreement(path string, signers []string, authorities, outside string) error {
	var roots *x509.CertPool
	if authorities != "" {
		pem, err := readFile(authorities)
		if err != nil {
			return err
		}
		if roots, err = stamp.Roots(pem); err != nil {
			return err
		}
	}
	keys := map[string]agreement.Verifier{}
	for _, signer := range signers {
		name, file, found := strings.Cut(signer, "=")
		if _, twice := keys[name]; !found || name == "" || twice {
			return problem(narthex.Invalid, "write --signer ada=ada.pub, each name once", "a signer is a name and a file")
		}
		data, err := readFile(file)
		if err != nil {
			return err
		}
		if keys[name], err = agreement.ParseVerifier(strings.TrimSpace(string(data))); err != nil {
			return hinted{err, file + " must hold what `narthex signer show --public` prints"}
		}
	}
	data, err := readFile(path)
	if err != nil {
		return err
	}
	report, err := agreement.VerifyStamped(data, keys, roots)
	if err != nil {
		return advise(err, "rely on nothing in this file; ask the other sides for their copies")
	}
	if outside != "" {
		if _, err := sameOutside(report.Outside, outside); err != nil {
			return err
		}
	}
	return a.show(report, func(p *page) {
		p.line("every party has signed %s", report.Digest)
		for _, s := range report.Signatures {
			whose := "key brought as " + s.Known
			if s.Stated {
				whose = "key as the file states it"
			}
			p.line("  %s: signed by %s (%s) at %s with %s, %s", s.Party, s.Name, s.By, day(s.At), s.Key, whose)
		}
		if s := report.Authorised; s != nil {
			whose := "key brought as " + s.Known
			if s.Stated {
				whose = "key as the file states it"
			}
			p.line("  %s: authorised beforehand by %s (%s) at %s, until %s, with %s, %s", s.Party, s.Name, s.By, day(s.At), day(s.Until), s.Key, whose)
		}
		for _, s := range report.Signatures {
			switch {
			case !s.Stamped.IsZero():
				p.line("  %s: stamped at %s by an authority that you brought", s.Party, s.Stamped.Format(time.RFC3339))
			case s.Stamp:
				p.line("  %s: there is a time stamp, which was not checked; bring its authority's certificates with --stamp-ca", s.Party)
			}
		}
		switch d := report.Outside; {
		case d != nil && outside != "":
			p.line("each signature is on %s too: the same %d bytes, %s", outside, d.Size, d.Digest)
		case d != nil:
			p.line("each signature is on an outside document too, of %d bytes, %s, which was not checked; bring it with --outside", d.Size, d.Digest)
		}
		p.line("the times of signing are the lab's word: a signature states none")
		if report.Stated {
			p.mark("note:", yellow, "at least one key is only what the file states; bring it with --signer to be sure of it")
		}
	})
}

// onlyParty gives the one party that the agreement lets this person sign for with this key.
func onlyParty(made narthex.Agreement, person narthex.PersonID, print string) (narthex.PartyRole, error) {
	may := slices.DeleteFunc(narthex.PartyRoles(), func(role narthex.PartyRole) bool { return !names(made, role, person, print) })
	switch len(may) {
	case 0:
		return "", problem(narthex.Refused, "its cover says who may sign, and with which key", "the agreement does not name you with the key on this machine")
	case 1:
		return may[0], nil
	}
	return "", problem(narthex.Invalid, "give it with --as: "+joined(may), "you may sign for more than one party")
}
