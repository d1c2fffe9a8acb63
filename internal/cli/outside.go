package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

func (a *app) agreementOutside() *cobra.Command {
	c := a.command(leaf{
		use: "outside ID FILE", short: "Bind a PDF that was signed elsewhere to the agreement",
		long: `Bind a PDF that the sides signed elsewhere to an agreement, for the lab, as someone who reviews it for legal. Its pathway must
accept one. The node keeps the file, at most 4 MB, and whoever may read the agreement gets it with "narthex agreement outside get"; nobody
looks at what stands in it but who signs. It adds signatures and changes nothing of the terms. From then on each party signs both digests;
signatures that were there fall, also when it is replaced.`,
		example: "narthex agreement show eng_…\nnarthex agreement outside eng_… countersigned.pdf",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			file, err := readPDF(args[1], narthex.MostOutside)
			if err != nil {
				return err
			}
			document, err := narthex.CheckOutside(file)
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
			after, err := c.Command(ctx, id, "bind", client.Command{Saw: view.Digest, Outside: file})
			if err != nil {
				return err
			}
			if bound := after.Engagement.Outside; bound == nil || *bound != document {
				return problem(narthex.Conflict, "look with `narthex agreement show "+string(id)+"`, and ask the lab", "the node says that it bound another document than %s", args[1])
			}
			return a.show(after, func(page *page) {
				page.line("bound %s, %d bytes, %s, to the agreement %s", args[1], document.Size, document.Digest, view.Digest)
				page.line("who signs gets it with `narthex agreement outside get %s --out FILE`, and signs both with `narthex agreement sign %s --outside FILE`", id, id)
			})
		}})
	c.AddCommand(a.agreementOutsideGet())
	return c
}

func (a *app) agreementOutsideGet() *cobra.Command {
	var out string
	c := a.command(leaf{
		use: "get ID", short: "Get the PDF that is bound to the agreement",
		long: `Get the document signed elsewhere that is bound to an agreement, where the node keeps it, as a new file. It is written only if it has
the digest that the agreement is signed with. That you read it is an entry. Open it with care: nobody looked at what stands in it.`,
		example: "narthex agreement outside get eng_… --out countersigned.pdf",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			if out == "" {
				return problem(narthex.Invalid, "say where it should go, as with --out countersigned.pdf", "a PDF is not for a terminal")
			}
			c, p, err := a.member()
			if err != nil {
				return err
			}
			view, err := checkedAgreement(ctx, c, p, id)
			if err != nil {
				return err
			}
			var file bytes.Buffer
			if err := c.Outside(ctx, id, &atMost{&file, narthex.MostOutside}); err != nil {
				return err
			}
			document, err := narthex.CheckOutside(file.Bytes())
			if err != nil || view.Outside == nil || document != *view.Outside {
				return problem(narthex.Conflict, "sign nothing, and ask the lab", "what the node sent is not the outside document that is bound to this agreement, so it is not written")
			}
			if err := newFile(out, file.Bytes(), 0o600); err != nil {
				return err
			}
			return a.show(document, func(page *page) {
				page.line("wrote %s, %d bytes, %s", out, document.Size, document.Digest)
			})
		}})
	c.Flags().StringVar(&out, "out", "", "the new file")
	return c
}

// atMost takes so many bytes, and refuses more.
type atMost struct {
	to   io.Writer
	left int
}

func (w *atMost) Write(data []byte) (int, error) {
	if w.left -= len(data); w.left < 0 {
		return 0, errors.New("it is larger than any outside document")
	}
	return w.to.Write(data)
}

// readPDF reads a whole PDF of at most so many bytes.
func readPDF(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, problem(narthex.Invalid, "name a PDF", "%s is no file", path)
	case info.Size() == 0:
		return nil, problem(narthex.Invalid, "look whether it was copied whole", "%s is empty", path)
	case info.Size() > most:
		return nil, problem(narthex.Invalid, "scan it at a lower resolution", "%s has %d bytes, and an outside document has at most %d", path, info.Size(), most)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	if !isPDF(data) {
		return nil, problem(narthex.Invalid, "export or scan the signed document as a PDF", "%s is no whole PDF", path)
	}
	return data, nil
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
		return "", problem(narthex.Invalid, "get it with `narthex agreement outside get`, or where it is kept elsewhere from the lab, and bring it with --outside FILE", "an outside document is bound to this agreement, and is signed with it: %d bytes, %s", bound.Size, bound.Digest)
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
