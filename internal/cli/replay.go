package cli

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/audit"
	"narthex/internal/canon"
	"narthex/internal/lab"
	"narthex/internal/wire"
	"narthex/ledger"
)

func (a *app) replay() *cobra.Command {
	var key, dir, documents string
	c := a.command(leaf{
		use: "replay [FILE]", short: "Decide every recorded call again, from what was signed",
		long: `Decide every call of an exported ledger again, in order, from the signed agreements, the terms of the keys, the guardrails of the
time and the facts that are recorded with each call, and report each decision that does not follow. It needs no network:

  narthex ledger export ledger.jsonl --with-documents documents
  narthex replay ledger.jsonl --documents documents --key KEY

The export is verified first, and each document is believed by its digest alone. That the recorded facts are true it does not
show; a researcher's own receipts do, for their own calls. With --dir, replay the data directory of a node that is stopped.`,
		example: "narthex replay ledger.jsonl --documents documents --key ledger.lab.example+…\nnarthex replay --dir /var/lib/narthex",
		run: func(ctx context.Context, args []string) error {
			report, err := a.replayOf(ctx, args, key, dir, documents)
			if err != nil {
				return err
			}
			if err := a.show(report, func(p *page) { writeReplay(p, report) }); err != nil {
				return err
			}
			switch {
			case report.Differs():
				return problem(narthex.Conflict, "ask the lab how these came about; the entries are signed", "%d recorded decisions do not follow from what was signed", len(report.Differences)+len(report.Impossible)+report.More)
			case len(report.Missing) > 0:
				return problem(narthex.Invalid, "fetch them with `narthex ledger export FILE --with-documents DIR`", "%d documents are not at hand, so not every call could be decided again", len(report.Missing))
			}
			return nil
		}})
	c.Flags().StringVar(&key, "key", "", "the ledger's verifier key, name+hash+key")
	c.Flags().StringVar(&documents, "documents", "", "the folder of agreements and lab directories")
	c.Flags().StringVar(&dir, "dir", "", "the data directory of a node that does not run")
	return c
}

func (a *app) replayOf(ctx context.Context, args []string, key, dir, folder string) (audit.Replayed, error) {
	var none audit.Replayed
	switch {
	case (dir == "") == (len(args) == 0):
		return none, problem(narthex.Invalid, "name an export, or a data directory with --dir", "it replays one thing")
	case dir != "" && a.env.ReplayDir == nil:
		return none, a.notBuilt("replay a data directory")
	case dir != "":
		return a.env.ReplayDir(ctx, dir)
	case folder == "":
		return none, problem(narthex.Invalid, "name the folder with --documents; `narthex ledger export FILE --with-documents DIR` fills one", "the agreements and lab directories are not given")
	}
	in := a.env.Stdin
	if args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return none, fileError("read", args[0], err)
		}
		defer file.Close()
		in = file
	}
	if key == "" {
		stated, _, err := ledger.Stated(in)
		if err != nil {
			return none, err
		}
		return none, noKey("an export", "the file", stated)
	}
	return audit.ReplayExport(in, key, documents(folder))
}

func writeReplay(p *page, r audit.Replayed) {
	switch {
	case r.Differs():
	case r.Untold > 0:
		p.line("every decision that can be told follows from what was signed; %d cannot be told, for entries or documents are not shown", r.Untold)
	default:
		p.line("every decision follows from what was signed")
	}
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	p.fields([2]string{"entries", count(r.Size)}, [2]string{"allowed again", count(r.Allowed)}, [2]string{"denied again", count(r.Denied)},
		[2]string{"denied unread", count(r.Unread)}, [2]string{"denied by a fault", count(r.Failed)}, [2]string{"cannot be told", count(r.Untold)}, [2]string{"differences", strconv.Itoa(len(r.Differences) + len(r.Impossible) + r.More)})
	for _, d := range r.Differences {
		p.line("%s", d.InWords())
	}
	for _, d := range r.Impossible {
		p.line("%s", audit.InWords(d))
	}
	for _, digest := range r.Missing {
		p.line("not at hand: %s", digest)
	}
}

// documents is a folder of them: agreements/HEX.json, directories/HEX/….
type documents string

func (d documents) path(kind string, digest narthex.Digest) string {
	return filepath.Join(string(d), kind, strings.TrimPrefix(string(digest), "sha256:"))
}

const mostDocument = 64 << 20

// Agreement reads an agreement; whether it has the digest is the replay's business.
func (d documents) Agreement(digest narthex.Digest) (*narthex.Agreement, error) {
	data, err := os.ReadFile(d.path("agreements", digest) + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError("read", string(d), err)
	}
	a, err := wire.Decode[narthex.Agreement](data, wire.Limits{Bytes: mostDocument, Depth: 16})
	return &a, err
}

// Directory reads a lab directory.
func (d documents) Directory(digest narthex.Digest) (lab.Files, error) {
	path := d.path("directories", digest)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return lab.ReadDir(path)
}

// write puts a document into the folder, where it has its digest.
func (d documents) write(doc client.Document) error {
	changed := problem(narthex.Conflict, "ask again; where it stays so, the node's documents were changed", "a document that the node sent has not the digest that it states")
	switch {
	case doc.Agreement != nil:
		if is, err := agreement.Digest(*doc.Agreement); err != nil || is != doc.Digest {
			return changed
		}
		form, err := canon.JSON(doc.Agreement)
		if err != nil {
			return err
		}
		path := d.path("agreements", doc.Digest) + ".json"
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, form, 0o600))
	case doc.Files != nil:
		if lab.Files(doc.Files).Digest() != doc.Digest || !allLocal(doc.Files) {
			return changed
		}
		return lab.Files(doc.Files).Write(d.path("directories", doc.Digest))
	}
	return changed
}

func allLocal(files map[string][]byte) bool {
	for name := range files {
		if !filepath.IsLocal(name) {
			return false
		}
	}
	return true
}

// fetchDocuments writes the node's agreements and lab directories into a new folder.
func (a *app) fetchDocuments(ctx context.Context, c *client.Client, dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return problem(narthex.Conflict, "name a new folder, so that nothing is overwritten", "%s is there already", dir)
	}
	whole, err := os.CreateTemp(filepath.Dir(dir), ".documents-*")
	if err != nil {
		return fileError("written", dir, err)
	}
	defer os.Remove(whole.Name())
	defer whole.Close()
	if err := c.Documents(ctx, whole); err != nil {
		return err
	}
	if _, err := whole.Seek(0, 0); err != nil {
		return fileError("read", dir, err)
	}
	n, err := a.writeDocuments(whole, dir)
	if err != nil {
		return err
	}
	a.say("wrote %d agreements and lab directories to %s", n, dir)
	return nil
}

func (a *app) writeDocuments(whole *os.File, dir string) (int, error) {
	lines := bufio.NewScanner(whole)
	lines.Buffer(nil, mostDocument)
	for n := 0; lines.Scan(); n++ {
		d, err := wire.Decode[client.Document](lines.Bytes(), wire.Limits{Bytes: mostDocument, Depth: 16})
		if err != nil {
			return n, err
		}
		if d.End > 0 || d.Digest == "" {
			if d.End != n || lines.Scan() {
				break
			}
			return n, nil
		}
		if err := documents(dir).write(d); err != nil {
			return n, err
		}
	}
	return 0, problem(narthex.Unavailable, "ask again", "the node's documents broke off")
}
