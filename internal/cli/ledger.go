package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

func (a *app) ledgerCommand() *cobra.Command {
	state := leaf("state", "Show the ledger's size, checkpoint and key", "  narthex ledger state --url https://narthex.lab.example", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		node, err := a.node()
		if err != nil {
			return err
		}
		state, err := node.Ledger(ctx)
		if err != nil {
			return err
		}
		return a.show(state, func(w io.Writer) {
			row(w, "origin", state.Origin)
			row(w, "entries", state.Size)
			row(w, "key", state.Key)
			fmt.Fprintf(w, "\n%s", visible(state.Checkpoint))
		})
	})
	export := leaf("export FILE", "Write the whole ledger to a file that anyone can verify", "  narthex ledger export ledger.jsonl", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		file, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return narthex.Invalidf("The file cannot be made; name one that is not there yet.").Because(err)
		}
		if err := c.Export(ctx, file); err != nil {
			return errors.Join(err, file.Close(), os.Remove(args[0]))
		}
		return errors.Join(file.Sync(), file.Close())
	})
	prove := leaf("prove ID", "Prove that a call or entry is in the ledger", "  narthex ledger prove call_42\n  narthex ledger prove 42", cobra.ExactArgs(1), a.prove)
	return group("ledger", "The ledger: read, export, verify", state, export, a.verifyCommand(), prove)
}

func (a *app) verifyCommand() *cobra.Command {
	var key, dir string
	c := leaf("verify [FILE]", "Verify a ledger offline, with the lab's public key alone", "  narthex ledger verify ledger.jsonl --key 'lab.example+…'\n  narthex ledger verify --dir ./data", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		if (dir == "") == (len(args) == 0) {
			return narthex.Invalidf("Name a file that was exported, or the data of a stopped node with --dir.")
		}
		if dir != "" {
			report, source, err := a.env.VerifyDir(ctx, dir, key)
			if err != nil {
				return err
			}
			return a.showReport(report, source)
		}
		if key == "" {
			return narthex.Invalidf("Give the lab's verifier key with --key, from a source other than the file: the lab publishes it at /ledger/key.").For("key")
		}
		file, err := os.Open(args[0])
		if err != nil {
			return narthex.Invalidf("The file cannot be read; check its path.").Because(err)
		}
		report, err := ledger.Verify(file, key)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
		return a.showReport(report, "the key that you gave")
	})
	c.Flags().StringVar(&key, "key", "", "the lab's verifier key, name+hash+key")
	c.Flags().StringVar(&dir, "dir", "", "the data directory of a stopped or killed node; it is not changed")
	return c
}

func (a *app) showReport(report ledger.Report, source string) error {
	return a.show(report, func(w io.Writer) {
		row(w, "verified", fmt.Sprintf("%d entries of %s, with %s", report.Size, report.Origin, source))
		row(w, "root", report.Root)
		row(w, "from", report.First.Format("2006-01-02 15:04:05 MST"))
		row(w, "until", report.Last.Format("2006-01-02 15:04:05 MST"))
		row(w, "governance", report.Governance)
		row(w, "use", report.Use)
		row(w, "opened", fmt.Sprintf("%d; of the others only that they stand is verified", report.Opened))
		for _, kind := range slices.Sorted(maps.Keys(report.ByType)) {
			row(w, "", fmt.Sprintf("%s %d", kind, report.ByType[kind]))
		}
		for _, call := range report.Open {
			row(w, "open", string(call)+": an intent without an outcome; the node closes it when it starts")
		}
	})
}

// prove fetches an entry with its inclusion proof and checks the proof against the node's checkpoint.
func (a *app) prove(ctx context.Context, args []string) error {
	index, err := narthex.CallID(args[0]).Index()
	if err != nil {
		if index, err = strconv.ParseUint(args[0], 10, 62); err != nil {
			return narthex.Invalidf("Name a call, such as call_42, or an entry's index.")
		}
	}
	c, err := a.me()
	if err != nil {
		return err
	}
	proof, err := c.Proof(ctx, index)
	if err != nil {
		return err
	}
	state, err := c.Ledger(ctx)
	if err != nil {
		return err
	}
	if err := checkProof(proof, state.Key); err != nil {
		return err
	}
	return a.show(proof, func(w io.Writer) {
		row(w, "entry", proof.Index)
		row(w, "proven", "in the tree of the checkpoint below, with the key that the node states")
		if proof.Opening != nil {
			row(w, "says", string(proof.Opening))
		}
		fmt.Fprintf(w, "\n%s", visible(proof.Checkpoint))
	})
}

func checkProof(proof client.EntryProof, key string) error {
	bad := func(cause error) error {
		return narthex.Refusedf("The node's proof does not hold. Keep what it answered and tell an auditor.").Because(cause)
	}
	checkpoint, err := ledger.OpenCheckpoint(proof.Checkpoint, key)
	if err != nil {
		return bad(err)
	}
	record, err := ledger.ParseRecord(proof.Record)
	if err != nil {
		return bad(err)
	}
	var hashes []ledger.Hash
	for _, text := range proof.Proof {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != 32 {
			return bad(err)
		}
		hashes = append(hashes, ledger.Hash(raw))
	}
	if err := ledger.CheckInclusion(record, proof.Index, checkpoint.Size, checkpoint.Root, hashes); err != nil {
		return bad(err)
	}
	if proof.Opening != nil {
		var opening ledger.Opening
		if err := opening.UnmarshalJSON(proof.Opening); err != nil {
			return bad(err)
		}
		return opening.Opens(record)
	}
	return nil
}
