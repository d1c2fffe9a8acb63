package cli

import (
	"bytes"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/ledger"
)

func (a *app) ledgerReceipt() *cobra.Command {
	var out string
	c := a.command(leaf{
		use: "receipt CALL", short: "Get the receipt of a call of yours, with the API key that made it",
		long: `Get what proves a call: its entries, their place in the ledger, and the salts with which you, and nobody else, can show what was
asked and answered. CALL is the answer's header Narthex-Call. The API key is read from NARTHEX_KEY and must be the one that made
the call; it may be over or its grant locked, but not revoked.`,
		example: "NARTHEX_KEY=nx_… narthex ledger receipt call_17 --receipt call_17.json --url https://narthex.lab.example",
		run:     func(ctx context.Context, args []string) error { return a.getReceipt(ctx, args[0], out) }})
	c.Flags().StringVar(&out, "receipt", "", "write it to this new file (else to standard output)")
	return c
}

func (a *app) getReceipt(ctx context.Context, id, out string) error {
	key := a.env.Getenv("NARTHEX_KEY")
	if key == "" {
		return problem(narthex.Invalid, "set NARTHEX_KEY to the API key that made the call", "a receipt is given to the call's key")
	}
	if _, err := narthex.CallID(id).Index(); err != nil {
		return problem(narthex.Invalid, "give a call's identifier, such as call_17: the answer's header Narthex-Call", "that names no call")
	}
	c, err := a.visitor()
	if err != nil {
		return err
	}
	receipt, err := c.With(key).Receipt(ctx, narthex.CallID(id))
	if err != nil {
		return err
	}
	if out == "" {
		_, err := a.env.Stdout.Write(append(receipt, '\n'))
		return err
	}
	if err := newFile(out, append(receipt, '\n'), 0o600); err != nil {
		return err
	}
	a.say("wrote %s; check it, on any machine, with: narthex ledger verify-receipt %s --key KEY", out, out)
	return nil
}

// receiptProofs is what a receipt is checked against.
type receiptProofs struct {
	keys, witnesses          []string
	promise, request, answer string
}

func (a *app) verifyReceipt() *cobra.Command {
	var e receiptProofs
	c := a.command(leaf{
		use: "verify-receipt FILE", short: "Check a receipt without a network and without trusting the lab",
		long: `Check a receipt: that the call and its outcome stand in the ledger that the lab signed, and, with --promise, that this is what the
lab promised when it answered. With --request and --answer, show that these files hold the bytes that were asked and answered.
Bring the lab's verifier key; give --key again for each key that the ledger had since its key was changed.`,
		example: "narthex ledger verify-receipt call_17.json --key ledger.lab.example+…\nnarthex ledger verify-receipt call_17.json --key ledger.lab.example+… --promise header.txt --request asked.json --answer answered.json",
		run:     func(_ context.Context, args []string) error { return a.checkReceipt(args[0], e) }})
	f := c.Flags()
	f.StringArrayVar(&e.keys, "key", nil, "the ledger's verifier key, name+hash+key")
	f.StringArrayVar(&e.witnesses, "witness", nil, "a witness's verifier key: say when it signed the receipt's checkpoint")
	f.StringVar(&e.promise, "promise", "", "a file with the value of the answer's header Narthex-Receipt")
	f.StringVar(&e.request, "request", "", "a file with the body that was sent")
	f.StringVar(&e.answer, "answer", "", "a file with the body that was answered")
	return c
}

// checkedReceipt is what a receipt shows.
type checkedReceipt struct {
	ledger.Evidence
	Origin  string               `json:"origin"`
	Size    uint64               `json:"size"`
	Holds   []string             `json:"holds"` // what was checked beside the entries
	Cosigns []ledger.Cosignature `json:"cosignatures"`
}

func (a *app) checkReceipt(path string, e receiptProofs) error {
	if len(e.keys) == 0 {
		return problem(narthex.Invalid, "give the lab's key with --key, from another source than the file", "a receipt is not checked with its own word for the key")
	}
	data, err := readFile(path)
	if err != nil {
		return err
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	found, err := underAny(e.keys, func(key string) (ledger.Evidence, error) { return ledger.VerifyReceipt(data, key) })
	if err != nil {
		return err
	}
	checked := checkedReceipt{Evidence: found, Origin: found.Checkpoint.Origin, Size: found.Checkpoint.Size, Holds: []string{}}
	if err := checked.bodies(e); err != nil {
		return err
	}
	if err := checked.promised(e); err != nil {
		return err
	}
	if checked.Cosigns, err = ledger.ReceiptCosignatures(data, e.witnesses...); err != nil {
		return problem(narthex.Invalid, "check the keys given with --witness", "the witnesses' signatures could not be checked: %v", err)
	}
	return a.show(checked, func(p *page) {
		p.line("%s stands in the ledger %s of %d entries", checked.Call, checked.Origin, checked.Size)
		p.fields([2]string{"asked", day(checked.At)}, [2]string{"outcome", checked.Status}, [2]string{"ended", day(checked.Ended)}, [2]string{"grant", checked.Grant}, [2]string{"agreement", checked.Agreement})
		for _, what := range checked.Holds {
			p.line("%s", what)
		}
		for _, c := range checked.Cosigns {
			p.line("the witness %s signed its checkpoint at %s", c.Name, day(c.At))
		}
	})
}

// underAny gives what holds under one of the keys, or the last error.
func underAny[T any](keys []string, check func(string) (T, error)) (found T, err error) {
	for _, key := range keys {
		if found, err = check(key); err == nil {
			return found, nil
		}
	}
	return found, err
}

// bodies holds the receipt to the bodies that the user brings.
func (c *checkedReceipt) bodies(e receiptProofs) error {
	for body, path := range map[ledger.Body]string{ledger.RequestBody: e.request, ledger.AnswerBody: e.answer} {
		if path == "" {
			continue
		}
		data, err := readFile(path)
		if err != nil {
			return err
		}
		if err := c.Evidence.Holds(body, data); err != nil {
			return err
		}
		c.Holds = append(c.Holds, "the "+string(body)+" was exactly the bytes of "+path)
	}
	return nil
}

// promised holds the receipt to the promise that came with the answer.
func (c *checkedReceipt) promised(e receiptProofs) error {
	if e.promise == "" {
		return nil
	}
	data, err := readFile(e.promise)
	if err != nil {
		return err
	}
	text := strings.TrimPrefix(strings.TrimSpace(string(data)), "Narthex-Receipt: ")
	promise, err := underAny(e.keys, func(key string) (ledger.Promise, error) { return ledger.OpenPromise(text, key) })
	if err != nil {
		return &ledger.TamperError{Index: -1, What: "The promise is not signed by the given key, or was changed"}
	}
	if err := c.Keeps(promise); err != nil {
		return err
	}
	c.Holds = append(c.Holds, "it is what the lab promised when it answered")
	return nil
}
