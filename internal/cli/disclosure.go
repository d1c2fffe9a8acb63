package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/ledger"
)

// opening is what of an entry is to be shown, and where it goes.
type opening struct {
	key    string
	fields []string
	out    string
}

func (a *app) ledgerOpen() *cobra.Command {
	var o opening
	c := a.command(leaf{
		use: "open ID", short: "Write a file that shows one entry, or some of its fields, to someone who holds the lab's key",
		long: `Write a file that shows what one entry says and that it stands in the ledger: whoever holds it checks it with narthex ledger
verify, without a network and without trusting the lab. With --field, only those fields are shown, and of the others nothing. ID
is a call's, such as call_17, or an entry's number. Openings need a right: yours to what is about you, an auditor's to all.`,
		example: "narthex ledger open 42 --out entry-42.json\nnarthex ledger open call_17 --field clauses --field asset --out clauses.json\nnarthex ledger verify clauses.json --key ledger.lab.example+…",
		run: func(ctx context.Context, args []string) error {
			index, err := entryIndex(args[0])
			if err != nil {
				return err
			}
			return a.openEntry(ctx, index, o)
		}})
	c.Flags().StringVar(&o.key, "key", "", "the ledger's verifier key, name+hash+key; else the one that the node states")
	c.Flags().StringArrayVar(&o.fields, "field", nil, "show this field only; may be given again")
	c.Flags().StringVar(&o.out, "out", "", "write it to this new file (else to standard output)")
	return c
}

func (a *app) openEntry(ctx context.Context, index uint64, o opening) error {
	c, _, err := a.member()
	if err != nil {
		return err
	}
	proof, err := c.Proof(ctx, index)
	if err != nil {
		return err
	}
	if o.key == "" {
		state, err := c.Ledger(ctx)
		if err != nil {
			return err
		}
		o.key = state.Key
	}
	record, opened, _, err := checkProof(proof, index, o.key)
	if err != nil {
		return err
	}
	if opened == nil {
		return problem(narthex.Refused, "ask an auditor of the lab", "what entry %d says is not shown to you, or was erased", index)
	}
	hashes, err := proofHashes(proof)
	if err != nil {
		return err
	}
	disclosure, err := ledger.NewDisclosure(o.key, proof.Checkpoint, index, record, hashes, *opened, o.fields...)
	if err != nil {
		return err
	}
	data, err := ledger.MarshalDisclosure(disclosure)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if o.out == "" {
		_, err := a.env.Stdout.Write(data)
		return err
	}
	if err := newFile(o.out, data, 0o600); err != nil {
		return err
	}
	a.say("wrote %s; whoever holds it checks it with: narthex ledger verify %s --key KEY", o.out, o.out)
	return nil
}

// mostDisclosure bounds the file of a disclosure, in bytes.
const mostDisclosure = 1 << 20

// disclosed reads a file where it is a disclosure; otherwise it gives nil.
func disclosed(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, mostDisclosure))
	if err == nil && ledger.IsReceipt(data) {
		return nil, problem(narthex.Invalid, "check it with: narthex ledger verify-receipt "+path+" --key KEY", "that is a call's receipt, and no ledger")
	}
	if err != nil || !ledger.IsDisclosure(data) {
		return nil, err
	}
	return bytes.TrimSuffix(data, []byte("\n")), nil
}

// verifyDisclosure checks a file that shows one entry.
func (a *app) verifyDisclosure(data []byte, key string) error {
	if key == "" {
		return problem(narthex.Invalid, "give the lab's key with --key, from another source than the file", "a disclosure is not checked with its own word for the key")
	}
	shown, err := ledger.VerifyDisclosure(data, key)
	if err != nil {
		return err
	}
	out := struct {
		ledger.Shown
		Origin string `json:"origin"`
		Size   uint64 `json:"size"`
	}{shown, shown.Checkpoint.Origin, shown.Checkpoint.Size}
	return a.show(out, func(p *page) {
		p.line("entry %d stands in the ledger %s of %d entries, and says this", shown.Index, out.Origin, out.Size)
		pairs := [][2]string{{"when", day(shown.At)}, {"type", string(shown.Type)}}
		for _, field := range shown.Fields {
			pairs = append(pairs, [2]string{field.Name, field.Value})
		}
		if shown.Withheld > 0 {
			pairs = append(pairs, [2]string{"not shown", strconv.Itoa(shown.Withheld) + " more fields"})
		}
		p.fields(append(pairs, [2]string{"checked with", "the key that you gave"})...)
	})
}
