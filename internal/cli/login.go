package cli

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
)

// loggedIn is what a log-in prints.
type loggedIn struct {
	Profile   string         `json:"profile"`
	URL       string         `json:"url"`
	Lab       string         `json:"lab"`
	Person    narthex.Person `json:"person"`
	ExpiresAt time.Time      `json:"expires_at"`
}

func (a *app) login() *cobra.Command {
	var code string
	var replace bool
	c := a.command(leaf{
		use: "login", short: "Open a session, the first time with a one-time code",
		long: `Open a session at a lab's node.

The first time, the one-time code of your invitation makes a log-in: a key is drawn, kept in a file that only you can read,
and enrolled. Later the key alone opens a session. There is no password.`,
		example: "narthex login --url https://narthex.lab.example --code -   # then paste the code\nnarthex login\nnarthex login --profile other-lab --url https://other.example --code -",
		run: func(ctx context.Context, _ []string) error {
			p, err := a.chosen()
			if err != nil {
				return err
			}
			if code == "" {
				return a.loginAgain(ctx, p)
			}
			if p.exists() && !replace {
				return problem(narthex.Conflict, "name a new profile with --profile, or give this log-in up with --replace", "the profile %s is the log-in of %s at %s", p.name, p.Name, p.URL)
			}
			return a.loginFirst(ctx, p, code)
		}})
	c.Flags().StringVar(&code, "code", "", "the one-time code, or - to read it from standard input")
	c.Flags().BoolVar(&replace, "replace", false, "give up the log-in that the profile has, such as one whose key was lost at the node")
	return c
}

// loginFirst redeems a code with a fresh key. The key is kept before it is sent: a code works once.
func (a *app) loginFirst(ctx context.Context, p profile, code string) error {
	url, err := a.address(p)
	if err != nil {
		return err
	}
	c, err := client.New(url)
	if err != nil {
		return err
	}
	if code, err = a.readCode(code); err != nil {
		return err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	key, again, err := p.pendingKey()
	if err != nil {
		return err
	}
	c = c.At(status.Origin)
	opened, err := c.Redeem(ctx, code, key)
	if again && narthex.IsKind(err, narthex.Unauthenticated) {
		opened, err = c.Login(ctx, key) // the code was taken the last time and the answer did not arrive
	}
	if narthex.IsKind(err, narthex.Unauthenticated) {
		return problem(narthex.Unauthenticated, "copy it whole, or ask whoever invited you for another", "the node does not take that code: it is mistyped, used or older than a week")
	}
	if err != nil {
		return err
	}
	if err := p.setAside(opened.Person.ID); err != nil {
		return err
	}
	p.about = about{URL: c.Base(), Lab: status.Lab, Origin: status.Origin, Person: opened.Person.ID, Name: opened.Person.Name}
	if err := errors.Join(p.writeKey(loginFile, key), p.save(), os.Remove(filepath.Join(p.dir, pendingFile)), a.firstProfile(p)); err != nil {
		return err
	}
	if err := a.opened(p, opened); err != nil || status.State != inception {
		return err
	}
	a.say("the lab is not open yet: %s", whatOpens)
	return nil
}

// setAside keeps the signing key of another person out of the way of the one who logs in.
func (p profile) setAside(person narthex.PersonID) error {
	if p.Person == "" || p.Person == person {
		return nil
	}
	own := filepath.Join(p.dir, signerFile)
	if err := os.Rename(own, own+"."+string(p.Person)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError("moved", own, err)
	}
	return nil
}

// readCode gives the code itself.
func (a *app) readCode(code string) (string, error) {
	if code != "-" {
		return code, nil
	}
	if a.interactive() {
		return a.ask("code:")
	}
	line, err := bufio.NewReader(a.env.Stdin).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", narthex.Invalidf("There is no code on standard input. Write it there on a line of its own.").Because(err)
	}
	return line, nil
}

// pendingKey gives the key of an attempt that broke off, or draws one and keeps it.
func (p profile) pendingKey() (key ed25519.PrivateKey, again bool, err error) {
	key, err = p.readKey(pendingFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, true, err
	}
	if key, err = client.NewKey(); err != nil {
		return nil, false, err
	}
	return key, false, p.writeKey(pendingFile, key)
}

// firstProfile makes the profile the one in use where none is.
func (a *app) firstProfile(p profile) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(home, currentFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return writeWhole(filepath.Join(home, currentFile), []byte(p.name+"\n"))
}

// loginAgain opens a session with the key that is kept.
func (a *app) loginAgain(ctx context.Context, p profile) error {
	c, err := a.known(p)
	if err != nil {
		return err
	}
	key, err := p.readKey(loginFile)
	if err != nil {
		return err
	}
	opened, err := c.Login(ctx, key)
	if narthex.IsKind(err, narthex.Unauthenticated) {
		return problem(narthex.Unauthenticated, "ask the lab; with a new code, `narthex login --code -` makes the log-in anew", "the node does not take the log-in of %s: it was stopped, or never finished", p.Name)
	}
	if err != nil {
		return err
	}
	return a.opened(p, opened)
}

// opened keeps a session and says so; its token is not shown.
func (a *app) opened(p profile, s client.Session) error {
	if err := p.writeJSON(sessionFile, session{Token: s.Token, ExpiresAt: s.ExpiresAt}); err != nil {
		return err
	}
	out := loggedIn{p.name, p.URL, p.Lab, s.Person, s.ExpiresAt}
	return a.show(out, func(page *page) {
		page.line("logged in to %s at %s as %s until %s", p.Lab, p.URL, s.Person.Name, day(s.ExpiresAt))
	})
}

func (a *app) logout() *cobra.Command {
	return a.command(leaf{
		use: "logout", short: "End your session; the log-in key stays",
		example: "narthex logout",
		run: func(ctx context.Context, _ []string) error {
			c, p, err := a.member()
			if err != nil {
				return err
			}
			// A session that the node does not know any more is as ended as one that it ends now.
			if err := c.Logout(ctx); err != nil && !narthex.IsKind(err, narthex.Unauthenticated) {
				return err
			}
			if err := os.Remove(filepath.Join(p.dir, sessionFile)); err != nil {
				return fileError("removed", filepath.Join(p.dir, sessionFile), err)
			}
			return a.show(map[string]string{"profile": p.name, "url": p.URL}, func(page *page) { page.line("logged out of %s", p.URL) })
		}})
}

func (a *app) whoami() *cobra.Command {
	return a.command(leaf{
		use: "whoami", short: "Show who you are at the node, your roles and signing keys",
		example: "narthex whoami\nnarthex whoami --json",
		run: func(ctx context.Context, _ []string) error {
			c, p, err := a.member()
			if err != nil {
				return err
			}
			who, err := c.WhoAmI(ctx)
			if err != nil {
				return err
			}
			return a.show(who, func(page *page) { showWho(page, p, who) })
		}})
}

func showWho(page *page, p profile, who client.WhoAmI) {
	of := p.Lab
	if who.Org != nil {
		of = who.Org.Name + " (" + string(who.Org.ID) + ")"
	}
	roles := words(who.Person.Roles)
	if who.Person.Official {
		roles = "signs for the organisation"
	}
	page.fields([2]string{"name", who.Person.Name}, [2]string{"id", string(who.Person.ID)}, [2]string{"handle", who.Person.Handle},
		[2]string{"of", of}, [2]string{"roles", roles}, [2]string{"at", p.URL}, [2]string{"profile", p.name})
	if len(who.Signers) > 0 {
		page.heading("Signing keys")
		page.table(signerTable(who.Signers))
	}
	if len(who.Told) > 0 {
		page.heading("You were told")
		for _, told := range who.Told {
			page.line("  %s", told)
		}
	}
}
