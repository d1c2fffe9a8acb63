package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) agreementOutside() *cobra.Command {
	return a.command(leaf{
		use: "outside ID FILE", short: "Bind a PDF that was signed elsewhere to the agreement",
		long: `Bind a PDF that the sides signed elsewhere to an agreement, for the lab, as someone who reviews it for legal. Its pathway must
accept one. The node is told its digest and size; the file stays with you, so send it to who signs. It adds signatures and changes
nothing of the terms. From then on each party signs both digests; signatures that were there fall, also when it is replaced.`,
		example: "narthex agreement show eng_…\nnarthex agreement outside eng_… countersigned.pdf",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			document, err := outsideDocument(args[1])
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
			after, err := c.Command(ctx, id, "bind", client.Command{Saw: view.Digest, Outside: &document})
			if err != nil {
				return err
			}
			return a.show(after, func(page *page) {
				page.line("bound %s, %d bytes, %s, to the agreement %s", args[1], document.Size, document.Digest, view.Digest)
				page.line("send the file to who signs: `narthex agreement sign %s --outside FILE` signs both", id)
			})
		}})
}

// outsideDocument reads a PDF and gives what an agreement is bound to.
func outsideDocument(path string) (narthex.OutsideDocument, error) {
	var none narthex.OutsideDocument
	info, err := os.Stat(path)
	if err != nil {
		return none, fileError("read", path, err)
	}
	switch {
	case !info.Mode().IsRegular():
		return none, problem(narthex.Invalid, "name a PDF", "%s is no file", path)
	case info.Size() == 0:
		return none, problem(narthex.Invalid, "look whether it was copied whole", "%s is empty", path)
	case info.Size() > narthex.MostOutside:
		return none, problem(narthex.Invalid, "scan it at a lower resolution", "%s has %d bytes, and an outside document has at most %d", path, info.Size(), narthex.MostOutside)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return none, fileError("read", path, err)
	}
	if !isPDF(data) {
		return none, problem(narthex.Invalid, "export or scan the signed document as a PDF", "%s is no whole PDF", path)
	}
	return narthex.OutsideDocument{Digest: narthex.MakeDigest(sha256.Sum256(data)), Size: int64(len(data))}, nil
}

// isPDF says whether data begins and ends as a PDF does.
func isPDF(data []byte) bool {
	return bytes.HasPrefix(data, []byte("%PDF-")) && bytes.Contains(data[max(0, len(data)-1024):], []byte("%%EOF"))
}

// sameOutside holds a reader's copy to the outside document that is bound to an agreement, and gives its digest: none where neither
// is there. Nobody signs one that they do not have.
func sameOutside(bound *narthex.OutsideDocument, path string) (narthex.Digest, error) {
	switch {
	case bound == nil && path == "":
		return "", nil
	case bound == nil:
		return "", problem(narthex.Conflict, "leave --outside out, or ask the lab's legal people to bind it", "no outside document is bound to this agreement")
	case path == "":
		return "", problem(narthex.Invalid, "ask the lab for it, and bring it with --outside FILE", "an outside document is bound to this agreement, and is signed with it: %d bytes, %s", bound.Size, bound.Digest)
	}
	digest, size, err := digestOf(path)
	if err != nil {
		return "", err
	}
	if digest != bound.Digest || size != bound.Size {
		return "", problem(narthex.Conflict, "sign nothing, and ask the lab for the document", "%s is not the outside document that is bound to this agreement: its digest is %s, and that one's %s", path, digest, bound.Digest)
	}
	return digest, nil
}
