package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"narthex/internal/durable"
	"narthex/ledger"
)

func (a *app) ledgerMirror() *cobra.Command {
	var w against
	c := a.command(leaf{
		use: "mirror ADDRESS DIR", short: "Copy a published ledger into a folder of files, checking all of it",
		long: `Copy what a lab publishes of its ledger into a folder: the checkpoint, the key, the tiles, the bundles of records and the public
openings, each under its own path. Everything is checked as it is copied, and what the folder holds from before must be the
beginning of it: a ledger that was cut, or tells another history, is refused and the folder left as it was. A copy that broke
off goes on where it was. Anyone can check the folder with narthex ledger verify, or with a program of their own.`,
		example: "narthex ledger mirror https://narthex.lab.example/ledger ./lab-ledger --key ledger.lab.example+…",
		run:     func(ctx context.Context, args []string) error { return a.mirror(ctx, args[0], args[1], w) }})
	w.flags(c)
	return c
}

func (a *app) mirror(ctx context.Context, address, dir string, w against) error {
	since, err := w.earlier()
	if err != nil {
		return err
	}
	remote, err := published(ctx, address)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fileError("written", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fileError("read", dir, err)
	}
	defer root.Close()
	m := &mirrored{remote: remote, dir: dir, kept: folder{root}, heads: map[string][]byte{}}
	known, err := m.kept.file("checkpoint")
	if err == nil {
		since = append(since, string(known))
	} else if !errors.Is(err, ledger.ErrAbsent) {
		return err
	}
	report, err := checkLog(m.file, w, since)
	if err != nil {
		return errors.Join(sinceError(err), m.undo(err))
	}
	if err := errors.Join(m.finish(), w.kept(report)); err != nil {
		return err
	}
	return a.show(report, func(p *page) {
		p.line("copied into %s: %d files are new", dir, len(m.written))
		writeReport(p, report, "the key that you gave", w)
	})
}

// mirrored is a source that keeps what it reads. What changes as the ledger grows is written last.
type mirrored struct {
	remote  ledger.Source
	dir     string
	kept    folder
	heads   map[string][]byte // checkpoint, key and list of openings
	written []string
}

func (m *mirrored) file(path string) ([]byte, error) {
	if !strings.Contains(path, "/") {
		data, err := m.remote(path)
		m.heads[path] = data
		return data, err
	}
	data, err := m.kept.file(path)
	if err == nil || !errors.Is(err, ledger.ErrAbsent) {
		return data, err
	}
	if data, err = m.remote(path); err != nil {
		return nil, err
	}
	return data, m.write(path, data)
}

func (m *mirrored) write(path string, data []byte) error {
	name := filepath.Join(m.dir, filepath.FromSlash(nameOf(path)))
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = durable.WriteFile(name, data, 0o644)
	}
	if err != nil {
		return fileError("written", name, err)
	}
	m.written = append(m.written, name)
	return nil
}

func (m *mirrored) finish() error {
	for _, path := range []string{"openings", "key", "checkpoint"} {
		if err := m.write(path, m.heads[path]); err != nil {
			return err
		}
	}
	return nil
}

// undo takes away what was written where the ledger is at fault; where only the copying broke off, it stays.
func (m *mirrored) undo(err error) error {
	if tampered := new(ledger.TamperError); !errors.As(err, &tampered) {
		return nil
	}
	var errs []error
	for _, name := range m.written {
		errs = append(errs, os.Remove(name))
	}
	return errors.Join(errs...)
}
