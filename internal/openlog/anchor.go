package openlog

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"narthex"
	"narthex/internal/durable"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
)

// Anchor is a file outside the database that holds the last published checkpoint. It belongs on another volume than the
// database: what is restored together is believed together.
type Anchor struct {
	path string
	mu   sync.Mutex // guards the file
}

// NewAnchor names the file; nothing is read or written yet.
func NewAnchor(path string) *Anchor { return &Anchor{path: path} }

// Write keeps a checkpoint: whole or not at all, and on the disk when it returns.
func (a *Anchor) Write(checkpoint string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := durable.WriteFile(a.path, []byte(checkpoint), 0o600); err != nil {
		return narthex.Unavailablef("The ledger's anchor cannot be written; check the path and the space of --anchor.").Because(err)
	}
	return nil
}

// Exists says whether the file is there, or cannot be told to be absent.
func (a *Anchor) Exists() bool {
	_, err := os.Stat(a.path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Begin writes an anchor that knows of no entry, for a node whose store is empty. One that knows of entries is left alone.
func (a *Anchor) Begin() error {
	if known, err := a.read(); err != nil || known != "" {
		return errors.Join(err, a.refuse(known))
	}
	return a.Write(begun)
}

// begun is what an anchor holds before there is a checkpoint, so that a file which lost its text does not look like one.
const begun = "no checkpoint was published yet\n"

func (a *Anchor) refuse(known string) error {
	if known == "" {
		return nil
	}
	return narthex.Conflictf("The store is empty, and the anchor says that there was a ledger. Put the database back from a backup; a new lab needs a new anchor file (--anchor).")
}

// read gives the checkpoint kept; "" where the file is absent or was begun. An empty file is a damaged one.
func (a *Anchor) read() (string, error) {
	data, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", narthex.Unavailablef("The ledger's anchor cannot be read; check the path of --anchor.").Because(err)
	}
	switch text := string(data); text {
	case begun:
		return "", nil
	case "":
		return "", errAnchor()
	default:
		return text, nil
	}
}

func errAnchor() error {
	return narthex.Conflictf("The ledger's anchor is damaged or another ledger's. Put the right file back; where there is none, state what happened: `narthex ledger restore --reason …`.")
}

// Known is what an anchor says.
type Known struct {
	Size uint64
	Root ledger.Hash
}

// Read gives what the anchor knows. Keys are the log's, the one in force and the one before it.
func (a *Anchor) Read(keys ...string) (Known, error) {
	text, err := a.read()
	if err != nil || text == "" {
		return Known{}, err
	}
	for _, key := range keys {
		if checkpoint, err := ledger.OpenCheckpoint(text, key); err == nil {
			return Known{checkpoint.Size, checkpoint.Root}, nil
		}
	}
	return Known{}, errAnchor()
}

// Check refuses a store that does not continue what the anchor knows.
func (a *Anchor) Check(r store.Reader, keys ...string) error {
	if !a.Exists() {
		return narthex.Conflictf("The ledger has entries and its anchor is missing, so it cannot be told whether the database is an old one. Put the file back (--anchor), or state what happened: `narthex ledger restore --reason …`.")
	}
	known, err := a.Read(keys...)
	if err != nil || known.Size == 0 {
		return err
	}
	head, err := journal.ReadHead(r)
	if err != nil {
		return err
	}
	behind := narthex.Conflictf("The database is behind its anchor: it holds %d entries, and %d were published. It is an old copy, or another history. Restore the latest backup; where this is the latest that there is, state it: `narthex ledger restore --reason …`.", head.Size, known.Size)
	if known.Size > head.Size {
		return behind
	}
	tree, err := ledger.OpenTree(known.Size, journal.Tiles{Reader: r}.Tile)
	if err != nil {
		return err
	}
	if tree.Root() != known.Root {
		return narthex.Conflictf("The database and its anchor tell different histories from some entry before %d on. Restore the latest backup; where this is the one to go on with, state it: `narthex ledger restore --reason …`.", known.Size)
	}
	return nil
}
