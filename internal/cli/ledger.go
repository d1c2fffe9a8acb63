package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

func (a *app) ledger() *cobra.Command {
	return a.group("ledger", "What happened, and whether the record of it was changed",
		a.command(leaf{use: "state", short: "Show the ledger's size, its signed checkpoint and its key", example: "narthex ledger state --url https://narthex.lab.example",
			run: func(ctx context.Context, _ []string) error { return a.ledgerState(ctx) }}),
		a.ledgerExport(), a.ledgerVerify(), a.ledgerAudit(), a.ledgerMirror(), a.ledgerProve(), a.ledgerOpen(), a.ledgerReceipt(), a.verifyReceipt(), a.rotateKey(), a.ledgerRestore())
}

func (a *app) ledgerExport() *cobra.Command {
	var documents string
	c := a.command(leaf{
		use: "export [FILE]", short: "Write the whole ledger, for auditors and custodians",
		example: "narthex ledger export ledger.jsonl\nnarthex ledger export ledger.jsonl --with-documents documents\nnarthex ledger export | gzip > ledger.jsonl.gz",
		run: func(ctx context.Context, args []string) error {
			if err := a.exportTo(ctx, args); err != nil || documents == "" {
				return err
			}
			c, _, err := a.member()
			if err != nil {
				return err
			}
			return a.fetchDocuments(ctx, c, documents)
		}})
	c.Flags().StringVar(&documents, "with-documents", "", "also write the agreements and lab directories that entries name, to this new folder")
	return c
}

func (a *app) ledgerState(ctx context.Context) error {
	c, err := a.visitor()
	if err != nil {
		return err
	}
	state, err := c.Ledger(ctx)
	if err != nil {
		return err
	}
	if _, err := signedState(state, state.Key); err != nil {
		return err
	}
	return a.show(state, func(p *page) {
		p.fields([2]string{"origin", state.Origin}, [2]string{"entries", strconv.FormatUint(state.Size, 10)}, [2]string{"key", state.Key})
		p.heading("Checkpoint, signed by that key")
		p.block(state.Checkpoint)
		writeWitnesses(p, state)
	})
}

// writeWitnesses says which witness has signed what.
func writeWitnesses(p *page, state client.LedgerState) {
	if len(state.Witnesses) == 0 {
		p.line("nobody outside signs this ledger: the lab's directory names no witnesses")
		return
	}
	t := newTable("WITNESS", "SIGNED", "AT", "STATE")
	for _, w := range state.Witnesses {
		says := "signs"
		switch {
		case w.Alarm:
			says = "ALARM: " + w.Wrong
		case w.Wrong != "":
			says = w.Wrong
		case w.Size == 0:
			says = "not asked yet"
		}
		t.row(w.Name, strconv.FormatUint(w.Size, 10), day(w.At), says)
	}
	p.heading("Witnesses")
	p.table(t)
	if state.Require > 0 {
		p.line("nothing is served while fewer than %d of them sign", state.Require)
	}
}

// signedState holds a state to its checkpoint's signature.
func signedState(state client.LedgerState, key string) (ledger.Checkpoint, error) {
	checkpoint, err := ledger.OpenCheckpoint(state.Checkpoint, key)
	if err == nil && (checkpoint.Size != state.Size || checkpoint.Origin != state.Origin) {
		err = errors.New("it is not of the size and origin that the node states")
	}
	if err != nil {
		return checkpoint, &ledger.TamperError{Index: -1, What: "The node's checkpoint is not what its key signed: " + err.Error()}
	}
	return checkpoint, nil
}

// exportTo writes the export to standard output, or to a new file that is there whole or not at all.
func (a *app) exportTo(ctx context.Context, args []string) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	if len(args) == 0 || args[0] == "-" {
		return c.Export(ctx, a.env.Stdout)
	}
	path := args[0]
	if _, err := os.Lstat(path); err == nil {
		return problem(narthex.Conflict, "name a new file, so that nothing is overwritten", "%s is there already", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return fileError("written", path, err)
	}
	err = c.Export(ctx, file)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	a.say("wrote %s; check it, on any machine, with: narthex ledger verify %s --key KEY", path, path)
	return nil
}

func (a *app) ledgerProve() *cobra.Command {
	var key string
	c := a.command(leaf{
		use: "prove ID", short: "Show an entry and prove that it stands in the ledger",
		long: `Ask for an entry with its proof and check it here: what the entry says against its record, the record against the tree, the
tree against the checkpoint that the lab signed. ID is a call's, such as call_17, or an entry's number. Without --key, the
checkpoint is checked with the key that the node states, and that is said.`,
		example: "narthex ledger prove call_17\nnarthex ledger prove 3 --key ledger.lab.example+…",
		run: func(ctx context.Context, args []string) error {
			index, err := entryIndex(args[0])
			if err != nil {
				return err
			}
			return a.proveEntry(ctx, index, key)
		}})
	c.Flags().StringVar(&key, "key", "", "the ledger's verifier key, name+hash+key")
	return c
}

func entryIndex(text string) (uint64, error) {
	if strings.HasPrefix(text, "call_") {
		return narthex.CallID(text).Index()
	}
	index, err := strconv.ParseUint(text, 10, 62)
	if err != nil || strconv.FormatUint(index, 10) != text {
		return 0, problem(narthex.Invalid, "give a call's identifier, such as call_17, or an entry's number", "that names no entry")
	}
	return index, nil
}

// proved is an entry whose proof was checked.
type proved struct {
	client.EntryProof
	Origin    string `json:"origin"`
	Size      uint64 `json:"size"`
	KeySource string `json:"key_source"`
}

func (a *app) proveEntry(ctx context.Context, index uint64, key string) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	proof, err := c.Proof(ctx, index)
	if err != nil {
		return err
	}
	source := "the key that you gave"
	if key == "" {
		state, err := c.Ledger(ctx)
		if err != nil {
			return err
		}
		key, source = state.Key, "the key that the node states; bring the lab's with --key to be sure"
	}
	record, opening, checkpoint, err := checkProof(proof, index, key)
	if err != nil {
		return err
	}
	out := proved{proof, checkpoint.Origin, checkpoint.Size, source}
	return a.show(out, func(p *page) {
		p.line("entry %d stands in the ledger %s of %d entries", index, checkpoint.Origin, checkpoint.Size)
		p.fields([2]string{"when", day(record.Time())}, [2]string{"checked with", source})
		if opening == nil {
			p.line("what it says is not shown to you")
			return
		}
		pairs := [][2]string{{"type", string(opening.Type)}}
		for _, field := range opening.Fields {
			pairs = append(pairs, [2]string{field.Name, field.Value})
		}
		p.blank()
		p.fields(pairs...)
	})
}

// checkProof checks an entry's proof from its words up to the signature of the checkpoint.
func checkProof(proof client.EntryProof, index uint64, key string) (ledger.Record, *ledger.Opening, ledger.Checkpoint, error) {
	wrong := func(what string, err error) error {
		return &ledger.TamperError{Index: int64(index), What: fmt.Sprintf("%s (%v)", what, err)}
	}
	checkpoint, err := ledger.OpenCheckpoint(proof.Checkpoint, key)
	if err != nil {
		return ledger.Record{}, nil, checkpoint, wrong("the checkpoint is not signed by the key", err)
	}
	record, err := ledger.ParseRecord(proof.Record)
	if err != nil {
		return record, nil, checkpoint, wrong("its record is not well formed", err)
	}
	hashes, err := proofHashes(proof)
	if err != nil {
		return record, nil, checkpoint, wrong("its proof is not well formed", err)
	}
	if err := ledger.CheckInclusion(record, index, checkpoint.Size, checkpoint.Root, hashes); err != nil || proof.Index != index {
		return record, nil, checkpoint, wrong("its proof does not lead to the checkpoint", err)
	}
	if len(proof.Opening) == 0 || bytes.Equal(proof.Opening, []byte("null")) {
		return record, nil, checkpoint, nil
	}
	var opening ledger.Opening
	err = json.Unmarshal(proof.Opening, &opening)
	if err == nil {
		err = opening.Opens(record)
	}
	if err != nil {
		return record, nil, checkpoint, wrong("what it says is not what was recorded", err)
	}
	return record, &opening, checkpoint, nil
}

func proofHashes(proof client.EntryProof) ([]ledger.Hash, error) {
	var hashes []ledger.Hash
	for _, text := range proof.Proof {
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) != len(ledger.Hash{}) {
			return nil, errors.Join(errors.New("a hash has not 32 bytes"), err)
		}
		hashes = append(hashes, ledger.Hash(raw))
	}
	return hashes, nil
}
