package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
)

func (a *app) signer() *cobra.Command {
	var public bool
	show := a.command(leaf{
		use: "show", short: "Show your signing keys and their fingerprints",
		example: "narthex signer show\nnarthex signer show --public > ada.pub   # for those who check your signatures",
		run:     func(ctx context.Context, _ []string) error { return a.signerShow(ctx, public) }})
	show.Flags().BoolVar(&public, "public", false, "print the public half of the key on this machine and nothing else")
	return a.group("signer", "The key with which you sign agreements",
		a.command(leaf{
			use: "new", short: "Make a signing key on this machine and enrol it",
			long:    "Make a signing key. The secret half stays in a file that only you can read; the lab gets the public half, with a proof\nthat you hold the other. Agreements are signed with it, so keep a backup.",
			example: "narthex signer new",
			run:     func(ctx context.Context, _ []string) error { return a.signerNew(ctx) }}),
		show,
		a.command(leaf{
			use: "revoke [FINGERPRINT]", short: "End a signing key for good; what it signed stays signed",
			example: "narthex signer revoke\nnarthex signer revoke SHA256:…",
			run:     func(ctx context.Context, args []string) error { return a.signerRevoke(ctx, args) }}))
}

// signerNew makes a key, or finishes what broke off: a key on this machine that the node does not know is enrolled as it is.
func (a *app) signerNew(ctx context.Context) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	key, err := p.readKey(signerFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, err := c.Signers(ctx)
	if err != nil {
		return err
	}
	known, enrolled := findSigner(list.Signers, key)
	switch {
	case enrolled && known.RevokedAt.IsZero():
		return problem(narthex.Conflict, "use it, or end it first with `narthex signer revoke`", "you have a signing key on this machine: %s", known.Fingerprint)
	case enrolled || key == nil:
		if key, err = client.NewKey(); err != nil {
			return err
		}
		if err := p.writeKey(signerFile, key); err != nil {
			return err
		}
	}
	signer, err := c.EnrollSigner(ctx, key)
	if err != nil {
		return err
	}
	return a.show(signer, func(page *page) {
		page.line("enrolled the signing key %s", signer.Fingerprint)
		page.line("its secret half is in %s; keep a backup of that file", filepath.Join(p.dir, signerFile))
	})
}

// findSigner gives what the node knows of a key on this machine.
func findSigner(signers []client.Signer, key ed25519.PrivateKey) (client.Signer, bool) {
	if key == nil {
		return client.Signer{}, false
	}
	at := slices.IndexFunc(signers, func(s client.Signer) bool { return s.Fingerprint == fingerprint(key) })
	if at < 0 {
		return client.Signer{}, false
	}
	return signers[at], true
}

func fingerprint(key ed25519.PrivateKey) string {
	return agreement.Fingerprint(key.Public().(ed25519.PublicKey))
}

func (a *app) signerShow(ctx context.Context, public bool) error {
	if public {
		p, err := a.chosen()
		if err != nil {
			return err
		}
		key, err := p.signingKey()
		if err != nil {
			return err
		}
		text := client.PublicKey(key)
		return a.show(map[string]string{"public_key": text, "fingerprint": fingerprint(key)}, func(page *page) { page.line("%s", text) })
	}
	c, _, err := a.member()
	if err != nil {
		return err
	}
	list, err := c.Signers(ctx)
	if err != nil {
		return err
	}
	return a.list(list, signerTable(list.Signers), "no signing key yet; make one with `narthex signer new`")
}

// signingKey reads the signing key on this machine.
func (p profile) signingKey() (ed25519.PrivateKey, error) {
	key, err := p.readKey(signerFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem(narthex.Conflict, "make one with `narthex signer new`", "there is no signing key on this machine")
	}
	return key, err
}

func signerTable(signers []client.Signer) *table {
	t := newTable("FINGERPRINT", "KIND", "ENROLLED", "STATE")
	for _, s := range signers {
		state := "in force"
		if !s.RevokedAt.IsZero() {
			state = "revoked " + day(s.RevokedAt)
		}
		t.row(s.Fingerprint, string(s.Kind), day(s.At), state)
	}
	return t
}

func (a *app) signerRevoke(ctx context.Context, args []string) error {
	c, p, err := a.member()
	if err != nil {
		return err
	}
	print := slices.Concat(args, []string{""})[0]
	if print == "" {
		key, err := p.signingKey()
		if err != nil {
			return err
		}
		print = fingerprint(key)
	}
	if err := a.confirm("Revoke " + print + " for good?"); err != nil {
		return err
	}
	signer, err := c.RevokeSigner(ctx, print)
	if err != nil {
		return err
	}
	return a.show(signer, func(page *page) {
		page.line("revoked %s; what it signed stays signed", signer.Fingerprint)
	})
}
