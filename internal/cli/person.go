package cli

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
)

func (a *app) loginCommand() *cobra.Command {
	var code string
	c := leaf("login", "Log in, with a one-time code the first time", "  narthex login --url https://narthex.lab.example --code nc_…\n  narthex login", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		p, err := a.profile()
		if err != nil {
			return err
		}
		node, err := a.node()
		if err != nil {
			return err
		}
		if code == "-" {
			line, err := io.ReadAll(io.LimitReader(a.env.Stdin, 200))
			if err != nil {
				return err
			}
			code = strings.TrimRight(string(line), "\r\n")
		}
		var session client.Session
		if code != "" {
			p.URL = node.Base()
			if p.Login, err = client.NewKey(); err != nil {
				return err
			}
			session, err = node.Redeem(ctx, code, p.Login)
		} else {
			if len(p.Login) != ed25519.PrivateKeySize {
				return narthex.Invalidf("There is no log-in key here yet. Ask for a one-time code and give it with --code.")
			}
			session, err = node.Login(ctx, p.Login)
		}
		if err != nil {
			return err
		}
		p.Person, p.Session = session.Person.ID, session.Token
		if err := a.keep(p); err != nil {
			return err
		}
		return a.show(session.Person, func(w io.Writer) {
			row(w, "logged in as", session.Person.Name)
			row(w, "until", session.ExpiresAt.Format("2006-01-02 15:04 MST"))
		})
	})
	c.Flags().StringVar(&code, "code", "", "the one-time code, or - to read it from standard input")
	return c
}

func (a *app) logoutCommand() *cobra.Command {
	return leaf("logout", "End the session, at the node too", "  narthex logout", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		if err := c.Logout(ctx); err != nil {
			return err
		}
		p, err := a.profile()
		if err != nil {
			return err
		}
		p.Session = ""
		return a.keep(p)
	})
}

func (a *app) whoamiCommand() *cobra.Command {
	return leaf("whoami", "Show who you are, your signing keys, and what you are told", "  narthex whoami", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		who, err := c.WhoAmI(ctx)
		if err != nil {
			return err
		}
		return a.show(who, func(w io.Writer) {
			row(w, "person", who.Person.ID)
			row(w, "name", who.Person.Name)
			if who.Org != nil {
				row(w, "of", who.Org.Name)
			}
			row(w, "roles", strings.Trim(fmt.Sprint(who.Person.Roles), "[]"))
			for _, s := range who.Signers {
				row(w, "signing key", s.Fingerprint)
			}
			for _, told := range who.Told {
				row(w, "told", told)
			}
		})
	})
}

func (a *app) signerCommand() *cobra.Command {
	fresh := leaf("new", "Make a signing key and enrol it", "  narthex signer new", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		p, err := a.profile()
		if err != nil {
			return err
		}
		if len(p.Signer) > 0 {
			return narthex.Conflictf("This profile has a signing key. Revoke it first: `narthex signer revoke`.")
		}
		if p.Signer, err = client.NewKey(); err != nil {
			return err
		}
		signer, err := c.EnrollSigner(ctx, p.Signer)
		if err != nil {
			return err
		}
		if err := a.keep(p); err != nil {
			return err
		}
		return a.show(signer, func(w io.Writer) { row(w, "enrolled", signer.Fingerprint) })
	})
	show := leaf("show", "Show your signing keys", "  narthex signer show", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		list, err := c.Signers(ctx)
		if err != nil {
			return err
		}
		return a.show(list, func(w io.Writer) {
			if len(list.Signers) == 0 {
				row(w, "You have no signing key yet; `narthex signer new` makes one.")
				return
			}
			row(w, "FINGERPRINT", "PUBLIC KEY", "SINCE", "REVOKED")
			for _, s := range list.Signers {
				revoked := ""
				if !s.RevokedAt.IsZero() {
					revoked = s.RevokedAt.Format("2006-01-02")
				}
				row(w, s.Fingerprint, s.PublicKey, s.At.Format("2006-01-02"), revoked)
			}
		})
	})
	revoke := leaf("revoke", "Revoke your signing key; what it signed stays signed", "  narthex signer revoke", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		c, err := a.me()
		if err != nil {
			return err
		}
		p, err := a.profile()
		if err != nil {
			return err
		}
		if len(p.Signer) == 0 {
			return narthex.Invalidf("This profile has no signing key.")
		}
		signer, err := c.RevokeSigner(ctx, agreement.Fingerprint(p.Signer.Public().(ed25519.PublicKey)))
		if err != nil {
			return err
		}
		p.Signer = nil
		if err := a.keep(p); err != nil {
			return err
		}
		return a.show(signer, func(w io.Writer) { row(w, "revoked", signer.Fingerprint) })
	})
	return group("signer", "Your signing key", fresh, show, revoke)
}
