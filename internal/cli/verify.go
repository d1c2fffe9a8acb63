package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/durable"
	"narthex/ledger"
)

// against is what a ledger is checked with.
type against struct {
	key   string
	since string // a file with an earlier checkpoint
	keep  string // the file that gets the checkpoint which was verified
}

func (w *against) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.key, "key", "", "the ledger's verifier key, name+hash+key")
	c.Flags().StringVar(&w.since, "since", "", "a checkpoint that you kept, or an earlier export: the ledger must go on from it")
	c.Flags().StringVar(&w.keep, "keep", "", "write the checkpoint to this file when it is verified, for --since the next time")
}

func (a *app) ledgerVerify() *cobra.Command {
	var w against
	var dir string
	c := a.command(leaf{
		use: "verify [LEDGER]", short: "Check a ledger without trusting the lab: a running lab's, a mirror, an export, or a stopped node's data",
		long: `Check every entry of a ledger: that none was changed, removed, added or moved, and that the lab signed exactly this. LEDGER is
the address of a running lab's ledger, a folder with the files of one, the file of an export, or one that narthex ledger open
wrote; - is an export on standard input. An export shows what entries say, and then it is checked too that the stories in it are whole. Only an address needs a
network. With --dir, check the data directory of a node that is stopped or was killed.

Get the verifier key by a way of your own, such as the signed agreement or the lab's website, and not from the ledger. Keep the
checkpoint with --keep and bring it with --since the next time: so a ledger that was cut, rolled back or told otherwise to
others is found out.`,
		example: "narthex ledger verify https://narthex.lab.example/ledger --key ledger.lab.example+… --keep lab.checkpoint\nnarthex ledger verify ledger.jsonl --key ledger.lab.example+… --since lab.checkpoint\nnarthex ledger verify --dir /var/lib/narthex",
		run: func(ctx context.Context, args []string) error {
			switch {
			case (dir == "") == (len(args) == 0):
				return problem(narthex.Invalid, "name a ledger, or a data directory with --dir", "it checks one thing")
			case dir != "":
				return a.verifyDir(ctx, dir, w)
			}
			return a.verifyLedger(ctx, args[0], w)
		}})
	c.ValidArgsFunction = nil // a file, a folder, or what nobody can complete
	w.flags(c)
	c.Flags().StringVar(&dir, "dir", "", "the data directory of a node that does not run")
	return c
}

// verifyLedger checks what the name is of.
func (a *app) verifyLedger(ctx context.Context, name string, w against) error {
	info, err := os.Stat(name)
	if err == nil && info.Mode().IsRegular() {
		data, err := disclosed(name)
		if err != nil {
			return err
		}
		if data != nil {
			return a.verifyDisclosure(data, w.key)
		}
	}
	since, earlier := w.earlier()
	if earlier != nil {
		return earlier
	}
	check := a.checkExport
	switch {
	case isAddress(name):
		check = func(name string, w against, since []string) (ledger.Report, error) {
			source, err := published(ctx, name)
			if err != nil {
				return ledger.Report{}, err
			}
			return checkLog(source, w, since)
		}
	case err == nil && info.IsDir():
		check = func(name string, w against, since []string) (ledger.Report, error) {
			root, err := os.OpenRoot(name)
			if err != nil {
				return ledger.Report{}, fileError("read", name, err)
			}
			defer root.Close()
			return checkLog(folder{root}.file, w, since)
		}
	}
	report, err := check(name, w, since)
	if err != nil {
		return sinceError(err)
	}
	if err := w.kept(report); err != nil {
		return err
	}
	return a.show(report, func(p *page) { writeReport(p, report, "the key that you gave", w) })
}

func isAddress(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

func (a *app) checkExport(path string, w against, since []string) (ledger.Report, error) {
	in := a.env.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return ledger.Report{}, fileError("read", path, err)
		}
		defer file.Close()
		in = file
	}
	if w.key == "" {
		stated, _, err := ledger.Stated(in)
		if err != nil {
			return ledger.Report{}, err
		}
		return ledger.Report{}, noKey("an export", "the file", stated)
	}
	return ledger.Verify(in, w.key, since...)
}

func checkLog(source ledger.Source, w against, since []string) (ledger.Report, error) {
	if w.key == "" {
		stated, err := source("key")
		if err != nil {
			return ledger.Report{}, err
		}
		return ledger.Report{}, noKey("a ledger", "the ledger", strings.TrimSpace(string(stated)))
	}
	return ledger.VerifyLog(source, w.key, since...)
}

// noKey refuses to take a ledger's own word for its key, and shows what it states.
func noKey(what, it, stated string) error {
	return problem(narthex.Invalid, "give the lab's key with --key, from another source than "+it+"; "+it+" states "+stated, "%s is not checked with its own word for the key", what)
}

// earlier reads the checkpoint of --since.
func (w against) earlier() ([]string, error) {
	if w.since == "" {
		return nil, nil
	}
	file, err := os.Open(w.since)
	if err != nil {
		return nil, fileError("read", w.since, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, ledger.LongestFile))
	if err != nil {
		return nil, fileError("read", w.since, err)
	}
	text := string(data)
	if strings.HasPrefix(text, "{") {
		if _, text, err = ledger.Stated(bytes.NewReader(data)); err != nil {
			return nil, problem(narthex.Invalid, "name a checkpoint that --keep wrote, or an earlier export", "%s is neither a checkpoint nor an export", w.since)
		}
	}
	if _, err := ledger.ParseCheckpoint(text); err != nil {
		return nil, problem(narthex.Invalid, "name a checkpoint that --keep wrote, or an earlier export", "%s is neither a checkpoint nor an export", w.since)
	}
	return []string{text}, nil
}

// sinceError says what to do where an earlier checkpoint is not of this ledger.
func sinceError(err error) error {
	if errors.Is(err, ledger.ErrForeign) {
		return problem(narthex.Invalid, "bring a checkpoint of this very ledger with --since, or leave it out the first time", "the earlier checkpoint is not signed by a key of this ledger")
	}
	return err
}

// kept writes the verified checkpoint to the file of --keep.
func (w against) kept(r ledger.Report) error {
	if w.keep == "" {
		return nil
	}
	if err := durable.WriteFile(w.keep, []byte(r.Checkpoint), 0o644); err != nil {
		return fileError("written", w.keep, err)
	}
	return nil
}

func (a *app) verifyDir(ctx context.Context, dir string, w against) error {
	if a.env.VerifyDir == nil {
		return a.notBuilt("check a data directory")
	}
	since, err := w.earlier()
	if err != nil {
		return err
	}
	report, source, err := a.env.VerifyDir(ctx, dir, w.key, since...)
	if err != nil {
		return sinceError(err)
	}
	if err := w.kept(report); err != nil {
		return err
	}
	out := struct {
		ledger.Report
		KeySource string `json:"key_source"`
	}{report, source}
	return a.show(out, func(p *page) { writeReport(p, report, source, w) })
}

func writeReport(p *page, r ledger.Report, source string, w against) {
	p.line("the ledger is whole: %d entries, none changed, all of them signed", r.Size)
	p.fields([2]string{"origin", r.Origin}, [2]string{"root", r.Root}, [2]string{"first", day(r.First)}, [2]string{"last", day(r.Last)},
		[2]string{"governance", strconv.FormatUint(r.Governance, 10)}, [2]string{"use", strconv.FormatUint(r.Use, 10)},
		[2]string{"opened", strconv.FormatUint(r.Opened, 10)}, [2]string{"checked with", source})
	if w.since != "" {
		p.line("it goes on from the checkpoint in %s", w.since)
	}
	if w.keep != "" {
		p.line("its checkpoint is kept in %s; bring it the next time with --since", w.keep)
	}
	if len(r.ByType) > 0 {
		p.blank()
		t := newTable("TYPE", "ENTRIES")
		for _, kind := range slices.Sorted(maps.Keys(r.ByType)) {
			t.row(string(kind), strconv.Itoa(r.ByType[kind]))
		}
		p.table(t)
	}
	if len(r.Open) > 0 {
		p.line("calls without an outcome yet: %s", joined(r.Open))
	}
}

// published reads a ledger at its address.
func published(ctx context.Context, address string) (ledger.Source, error) {
	log, err := client.NewLog(address)
	if err != nil {
		return nil, err
	}
	return func(path string) ([]byte, error) {
		data, err := log.File(ctx, path)
		if narthex.IsKind(err, narthex.Withheld) {
			return nil, ledger.ErrAbsent
		}
		return data, err
	}, nil
}

// folder holds the files of a published ledger, each under its path; the list of openings is openings/list, for the path
// itself is a folder's.
type folder struct{ root *os.Root }

func nameOf(path string) string {
	if path == "openings" {
		return "openings/list"
	}
	return path
}

func (f folder) file(path string) ([]byte, error) {
	file, err := f.root.Open(nameOf(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ledger.ErrAbsent
	}
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 16*ledger.LongestFile+1))
	if err != nil {
		return nil, fileError("read", path, err)
	}
	if len(data) > 16*ledger.LongestFile {
		return nil, fmt.Errorf("read %s: it is longer than any file of a ledger", path)
	}
	return data, nil
}
