package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
)

func (a *app) obligations() *cobra.Command {
	return a.command(leaf{
		use: "obligations ENGAGEMENT", short: "List what an agreement asks by a date, and how it is met",
		long: `List what an engagement's agreement asks someone to do by a date: a certificate of destruction, the deletion of personal data, a
report, proof of insurance. An engagement closes when nothing is open, and while a certificate is late nobody whom the engagement
names signs another agreement.`,
		example: "narthex obligations eng_…\nnarthex obligations eng_… --json",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			list, err := c.Obligations(ctx, id)
			if err != nil {
				return err
			}
			return a.showObligations(list)
		}})
}

func (a *app) showObligations(list client.ObligationList) error {
	t := newTable("OBLIGATION", "STATE", "DUE", "BY", "WHAT", "CLAUSE", "NEXT")
	for _, o := range list.Obligations {
		by := string(o.By)
		if by == "" {
			by = "for information"
		}
		t.row(string(o.Obligation), string(o.State), day(o.Due), by, o.Says, o.Clause, obligationNext(o))
	}
	return a.list(list, t, "this agreement asks for nothing by a date; the programme closes it when it has ended: `narthex engagements close "+string(list.Engagement)+"`")
}

// obligationNext is what meets an obligation, or what was last said of it.
func obligationNext(o client.ObligationView) string {
	if len(o.Done) > 0 {
		if last := o.Done[len(o.Done)-1]; last.Rejected != nil && o.Next != "" {
			return "rejected: " + last.Rejected.Text + "; " + o.Next
		}
	}
	if len(o.Waivers) == 1 && o.Next != "" {
		return o.Next + "; one of two has waived it"
	}
	return o.Next
}

// aboutObligation is a command that names an obligation and gives a reason.
func (a *app) aboutObligation(verb, short, long, done string, send func(*client.Client) func(context.Context, narthex.EngagementID, client.CloseOut) (client.ObligationList, error)) *cobra.Command {
	var name, reason string
	c := a.command(leaf{
		use: verb + " ID", short: short, long: long,
		example: "narthex engagements " + verb + " eng_… --obligation final_report --reason '…'",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			list, err := send(c)(ctx, id, client.CloseOut{Obligation: narthex.ObligationName(name), Text: reason})
			if err != nil {
				return err
			}
			a.say("%s %s", done, name)
			return a.showObligations(list)
		}})
	c.Flags().StringVar(&name, "obligation", "", "which: "+joined(narthex.ObligationNames()))
	c.Flags().StringVar(&reason, "reason", "", "why; both sides read it")
	oneOf(c, "obligation", narthex.ObligationNames())
	return c
}

func (a *app) rejectEvidence() *cobra.Command {
	return a.aboutObligation("reject", "Send evidence of an obligation back, once",
		"Say that what was handed in does not meet an obligation, and why. It is then open again. That can be done once for each obligation.", "rejected the evidence of",
		func(c *client.Client) func(context.Context, narthex.EngagementID, client.CloseOut) (client.ObligationList, error) {
			return c.Reject
		})
}

func (a *app) waiveObligation() *cobra.Command {
	return a.aboutObligation("waive", "Give an obligation up, which takes two people of the lab",
		"Give an obligation up for the lab, as where nobody is there any more who could meet it. It counts with the word of a second person.", "waived, as one of two,",
		func(c *client.Client) func(context.Context, narthex.EngagementID, client.CloseOut) (client.ObligationList, error) {
			return c.Waive
		})
}

func (a *app) meetObligation() *cobra.Command {
	var name, evidence, note string
	c := a.command(leaf{
		use: "meet ID", short: "Hand in what meets an obligation",
		long: `Say that an obligation is met, with a file as evidence: its digest is sent and kept, and the file stays with you. Show it to the
lab in a way of your own. A certificate of destruction is made with "narthex engagements certify".`,
		example: "narthex engagements meet eng_… --obligation final_report --evidence report.pdf --note 'Sent to the programme by mail.'",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			if evidence == "" {
				return problem(narthex.Invalid, "name a file with --evidence; its digest is sent, and not the file", "an obligation is met with evidence")
			}
			digest, err := fileDigest(evidence)
			if err != nil {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			list, err := c.Meet(ctx, id, client.CloseOut{Obligation: narthex.ObligationName(name), Evidence: digest, Text: note})
			if err != nil {
				return err
			}
			a.say("handed in %s, %s; keep the file", evidence, digest)
			return a.showObligations(list)
		}})
	c.Flags().StringVar(&name, "obligation", "", "which: "+joined(narthex.ObligationNames()))
	c.Flags().StringVar(&evidence, "evidence", "", "the file, whose digest is sent")
	c.Flags().StringVar(&note, "note", "", "what the lab should know of it")
	oneOf(c, "obligation", narthex.ObligationNames())
	return c
}

// fileDigest gives the SHA-256 of a file of any size.
func fileDigest(path string) (narthex.Digest, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fileError("read", path, err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fileError("read", path, err)
	}
	return narthex.MakeDigest([32]byte(sum.Sum(nil))), nil
}

// destroyed is what a person says of what they received.
type destroyed struct {
	received                        []string
	list, method, at, backups, note string
	nothing                         bool
}

func (a *app) certify() *cobra.Command {
	var d destroyed
	c := a.command(leaf{
		use: "certify ID", short: "Sign a certificate that what you received is destroyed",
		long: `Sign, with the signing key on this machine, that what was received under an engagement's agreement is destroyed: what it was, how,
and when. Write down the digests before you destroy: "sha256sum FILE… > received.txt", and then --list received.txt. Where nothing
was received, say that with --nothing. It can be done when access has ended.`,
		example: "sha256sum results/* > received.txt\nnarthex engagements certify eng_… --list received.txt --method deleted\nnarthex engagements certify eng_… --received 'notes on paper' --method device_destroyed --at 2026-03-01T12:00:00Z\nnarthex engagements certify eng_… --nothing",
		run:     func(ctx context.Context, args []string) error { return a.certifyDestruction(ctx, args[0], d) }})
	f := c.Flags()
	f.StringArrayVar(&d.received, "received", nil, "something that was received, by its name; repeat for more")
	f.StringVar(&d.list, "list", "", "a file with what was received, as sha256sum prints it")
	f.BoolVar(&d.nothing, "nothing", false, "nothing was received")
	f.StringVar(&d.method, "method", "", "how it was destroyed: "+joined(narthex.Methods()))
	f.StringVar(&d.at, "at", "", "when the last of it was destroyed; now where it is left out")
	f.StringVar(&d.backups, "backups-until", "", "until when copies stay in routine backups, where the agreement lets them")
	f.StringVar(&d.note, "note", "", "what the lab should know of it")
	oneOf(c, "method", narthex.Methods())
	return c
}

// certificate makes the document of what a person says.
func (d destroyed) certificate(now time.Time) (narthex.Certificate, error) {
	made := narthex.Certificate{Format: narthex.CertificateFormat, Received: []narthex.Received{}, Method: narthex.Method(d.method), At: now.UTC().Truncate(time.Second)}
	for _, name := range d.received {
		made.Received = append(made.Received, narthex.Received{Name: name})
	}
	if d.list != "" {
		data, err := readFile(d.list)
		if err != nil {
			return made, err
		}
		if made.Received, err = addListed(made.Received, string(data), d.list); err != nil {
			return made, err
		}
	}
	if d.nothing == (len(made.Received) > 0) {
		return made, problem(narthex.Invalid, "name it with --received or --list, or say --nothing", "a certificate says what was received, or that it was nothing")
	}
	for _, when := range []struct {
		flag, text string
		into       *time.Time
	}{{"--at", d.at, &made.At}, {"--backups-until", d.backups, &made.BackupsUntil}} {
		if when.text == "" {
			continue
		}
		at, err := narthex.ParseTime(when.text)
		if err != nil {
			return made, problem(narthex.Invalid, "write "+when.flag+" 2026-03-01T12:00:00Z", "%q is no time", when.text)
		}
		*when.into = at.UTC()
	}
	return made, nil
}

// addListed reads lines of a digest in hexadecimal, two characters, and a name, as sha256sum prints them.
func addListed(list []narthex.Received, text, path string) ([]narthex.Received, error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		digits, name, found := strings.Cut(line, " ")
		sum, err := hex.DecodeString(digits)
		if !found || err != nil || len(sum) != sha256.Size || len(name) < 2 {
			return nil, problem(narthex.Invalid, "make it with sha256sum FILE… > received.txt", "%s has a line that is no digest with a name", path)
		}
		list = append(list, narthex.Received{Name: name[1:], Digest: narthex.MakeDigest([32]byte(sum))})
	}
	return list, nil
}

func (a *app) certifyDestruction(ctx context.Context, named string, d destroyed) error {
	id, err := engagementID(named)
	if err != nil {
		return err
	}
	made, err := d.certificate(a.now())
	if err != nil {
		return err
	}
	c, p, err := a.member()
	if err != nil {
		return err
	}
	key, err := p.signingKey()
	if err != nil {
		return err
	}
	view, err := c.Engagement(ctx, id)
	if err != nil {
		return err
	}
	e := view.Engagement
	made.Origin, made.Engagement, made.Agreement, made.Person = p.Origin, e.ID, e.Agreement, p.Person
	party := narthex.PartyInstitution
	if slices.Contains(e.Authors, p.Person) {
		party = narthex.PartyResearcher
	}
	digest, err := agreement.CertificateDigest(made, p.Origin)
	if err != nil {
		return err
	}
	if err := a.confirm("Sign that " + destroyedInWords(made) + "?"); err != nil {
		return err
	}
	envelope, err := agreement.Sign(key, agreement.NewStatement(digest, party, p.Person, p.Origin))
	if err != nil {
		return err
	}
	list, err := c.Meet(ctx, id, client.CloseOut{Obligation: narthex.DestructionCertificate, Text: d.note,
		Certify: &client.Certify{Certificate: made, Party: party, Signer: fingerprint(key), Envelope: envelope}})
	if err != nil {
		return err
	}
	a.say("signed %s with %s", digest, fingerprint(key))
	return a.showObligations(list)
}

// destroyedInWords says what a certificate says, in one line.
func destroyedInWords(c narthex.Certificate) string {
	if len(c.Received) == 0 {
		return "nothing was received"
	}
	names := make([]string, len(c.Received))
	for i, r := range c.Received {
		names[i] = r.Name
	}
	return strings.Join(names, ", ") + ": " + strings.ReplaceAll(string(c.Method), "_", " ") + ", " + day(c.At)
}
