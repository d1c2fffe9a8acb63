package cli

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/internal/evidence"
	"narthex/ledger"
)

func (a *app) evidence() *cobra.Command {
	var to, outside string
	c := a.command(leaf{
		use: "evidence ENGAGEMENT", short: "Get one folder that proves what happened with an engagement",
		long: `Get one folder with everything that proves what happened with an engagement, as far as you may see it: the agreement with its
signatures, each entry of the ledger with its place in a signed checkpoint, and what people did and wrote. What is withheld of an entry
stands as the digest that it has in the ledger. Whoever gets the folder checks it offline with "narthex evidence verify". That you got
it is an entry too, and is what the folder is held to. Where an outside document was signed with the agreement, the folder has it, and it
is checked with the rest; where it is kept elsewhere the folder has its digest, and you add your copy with --outside.`,
		example: "narthex evidence eng_… --to evidence\nnarthex evidence verify evidence --key ledger.lab.example+…",
		run: func(ctx context.Context, args []string) error {
			id, err := engagementID(args[0])
			if err != nil {
				return err
			}
			if to == "" {
				return problem(narthex.Invalid, "name a new folder with --to", "it is not said where the evidence goes")
			}
			return a.fetchEvidence(ctx, id, to, outside)
		}})
	c.Flags().StringVar(&to, "to", "", "the new folder")
	c.Flags().StringVar(&outside, "outside", "", "your copy of an outside document that was signed with the agreement and is kept elsewhere, to go with it")
	c.AddCommand(a.verifyEvidence())
	return c
}

func (a *app) fetchEvidence(ctx context.Context, id narthex.EngagementID, to, outside string) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return fileError("made", to, err)
	}
	read, write := io.Pipe()
	go func() { write.CloseWithError(c.Evidence(ctx, id, write)) }() // ends with its answer, or when read is closed
	err = unpack(read, to)
	read.CloseWithError(errors.New("the folder is no longer written"))
	if _, there := os.Lstat(filepath.Join(to, evidence.Outside)); err == nil && outside != "" && there == nil {
		err = problem(narthex.Conflict, "leave --outside out", "the lab keeps the outside document, so that the folder has it already")
	}
	if err == nil && outside != "" {
		err = copyFile(filepath.Join(to, evidence.Outside), outside)
	}
	if err == nil {
		err = a.mine(to, id, p.Origin)
	}
	if err != nil {
		if gone := os.RemoveAll(to); gone != nil {
			a.say("what was written of %s is not whole and could not be removed", to)
		}
		return err
	}
	a.say("check it, on any machine, with: narthex evidence verify %s --key KEY", to)
	return a.show(map[string]string{"folder": to}, func(p *page) { p.line("%s", to) })
}

// copyFile copies what is there to a new file.
func copyFile(to, from string) error {
	data, err := readPDF(from, narthex.MostElsewhere)
	if err != nil {
		return err
	}
	return newFile(to, data, 0o644)
}

// mine looks whether a folder that just came is whole, and what was asked for. Whether its key is the lab's is the user's to check.
func (a *app) mine(to string, id narthex.EngagementID, origin string) error {
	key, err := readFile(filepath.Join(to, evidence.Key))
	if err != nil {
		return err
	}
	found, err := evidence.Verify(proofs(to), strings.TrimSuffix(string(key), "\n"))
	if err == nil && (found.Engagement != id || found.Origin != origin) {
		err = problem(narthex.Conflict, "rely on nothing in it, and ask the lab", "the node's evidence is of another engagement or lab")
	}
	return err
}

// unpack writes the files of a tar into a folder: none but those of evidence, and each once.
func unpack(from io.Reader, to string) error {
	in := tar.NewReader(from)
	for {
		header, err := in.Next()
		if err == io.EOF {
			_, err = io.Copy(io.Discard, from)
			return err
		}
		if err != nil {
			return broken(err)
		}
		names := append(evidence.Listed(), evidence.ManifestAt, evidence.HandedAt)
		if header.Typeflag != tar.TypeReg || !slices.Contains(names, header.Name) {
			return problem(narthex.Conflict, "rely on nothing in it, and ask the lab", "the node sent a file that is not of evidence")
		}
		file, err := os.OpenFile(filepath.Join(to, header.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fileError("written", header.Name, err)
		}
		_, err = io.Copy(file, in)
		if closed := file.Close(); err == nil && closed != nil {
			return fileError("written", header.Name, closed)
		}
		if err != nil {
			return broken(err)
		}
	}
}

// broken says of an answer that ended early what it is.
func broken(err error) error {
	var ours *narthex.Error
	if errors.As(err, &ours) {
		return err
	}
	return narthex.Unavailablef("The evidence broke off or does not read; nothing was kept. Ask again.").Because(err)
}

// proofs is a folder of evidence on this machine.
type proofs string

// Names lists what is in it.
func (f proofs) Names() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, fileError("read", string(f), err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// Open opens a file of it.
func (f proofs) Open(name string) (io.ReadCloser, error) {
	path := filepath.Join(string(f), name)
	file, err := os.Open(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, &ledger.TamperError{Index: -1, What: name + ": it is no file"}
	}
	return file, nil
}

func (a *app) verifyEvidence() *cobra.Command {
	var keys, witnesses []string
	c := a.command(leaf{
		use: "verify FOLDER", short: "Check a folder of evidence without a network and without trusting the lab",
		long: `Check a folder of evidence: that the lab handed out exactly this, that nothing was changed, added or left out since, that the
agreement is signed by every party, and that each entry stands in the ledger that the lab signed and says what was recorded. The first
file that is wrong is named. Bring the ledger's verifier key, from another source than the folder; give --key again for each key that
the ledger had since its key was changed.`,
		example: "narthex evidence verify evidence --key ledger.lab.example+…\nnarthex evidence verify evidence --key ledger.lab.example+… --witness witness.example+…",
		run:     func(_ context.Context, args []string) error { return a.checkEvidence(args[0], keys, witnesses) }})
	c.Flags().StringArrayVar(&keys, "key", nil, "the ledger's verifier key, name+hash+key")
	c.Flags().StringArrayVar(&witnesses, "witness", nil, "a witness's verifier key: say when it signed the checkpoint")
	return c
}

// checkedEvidence is what a folder shows.
type checkedEvidence struct {
	evidence.Checked
	Cosigns []ledger.Cosignature `json:"cosignatures"`
}

func (a *app) checkEvidence(path string, keys, witnesses []string) error {
	if len(keys) == 0 {
		return problem(narthex.Invalid, "give the lab's key with --key, from another source than the folder", "evidence is not checked with its own word for the key")
	}
	found, err := evidence.Verify(proofs(path), keys...)
	if err != nil {
		return err
	}
	checked := checkedEvidence{Checked: found, Cosigns: []ledger.Cosignature{}}
	if len(witnesses) > 0 {
		if checked.Cosigns, err = ledger.Cosignatures(found.Checkpoint, witnesses...); err != nil {
			return problem(narthex.Invalid, "check the keys given with --witness", "the witnesses' signatures could not be checked: %v", err)
		}
	}
	return a.show(checked, func(p *page) {
		p.line("the lab handed out exactly this folder, and everything in it stands in the ledger %s of %d entries", checked.Origin, checked.Size)
		p.fields([2]string{"engagement", string(checked.Engagement)}, [2]string{"grant", string(checked.Grant)}, [2]string{"handed to", string(checked.By)}, [2]string{"handed out", day(checked.Handed)},
			[2]string{"manifest", string(checked.Manifest)}, [2]string{"agreement", string(checked.Agreement)})
		for _, s := range checked.Signatures {
			p.line("signed for the %s by %s with %s", s.Party, s.Name, s.Key)
		}
		t := newTable("ENTRIES", "COUNT")
		for _, kind := range narthex.EntryTypes() {
			if n := checked.Entries[kind]; n > 0 {
				t.row(string(kind), strconv.Itoa(n))
			}
		}
		p.table(t)
		p.line("withheld: %d fields of %d entries; each stands as its digest", checked.Withheld, checked.Partly)
		p.line("events with what people wrote: %d", checked.Events)
		if len(checked.Open) > 0 {
			p.line("calls without an outcome in it: %s", strings.Join(checked.Open, ", "))
		}
		for _, c := range checked.Cosigns {
			p.line("the witness %s signed its checkpoint at %s", c.Name, day(c.At))
		}
	})
}
