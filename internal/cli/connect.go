package cli

import (
	"context"
	"errors"
	"io/fs"

	"narthex"
	"narthex/client"
)

// address gives the node's address that flags, environment and profile choose.
func (a *app) address(p profile) (string, error) {
	for _, url := range []string{a.url, a.env.Getenv("NARTHEX_URL"), p.URL} {
		if url != "" {
			return url, nil
		}
	}
	return "", problem(narthex.Invalid, "name it with --url, or log in with `narthex login --url URL --code -`", "it is not known which node to ask")
}

// visitor gives a client without a credential, for what anyone may ask.
func (a *app) visitor() (*client.Client, error) {
	p, err := a.chosen()
	if err != nil {
		return nil, err
	}
	url, err := a.address(p)
	if err != nil {
		return nil, err
	}
	return client.New(url)
}

// member gives a client with the session of the profile. A session goes to the node it was made for and to no other.
func (a *app) member() (*client.Client, profile, error) {
	p, err := a.chosen()
	if err != nil {
		return nil, p, err
	}
	c, err := a.known(p)
	if err != nil {
		return nil, p, err
	}
	s, err := p.session()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, p, problem(narthex.Unauthenticated, "run `narthex login`"+p.flag(), "you are logged out of %s", p.URL)
	}
	if err != nil {
		return nil, p, err
	}
	if !a.now().Before(s.ExpiresAt) {
		return nil, p, problem(narthex.Unauthenticated, "run `narthex login`"+p.flag(), "your session at %s ended %s", p.URL, day(s.ExpiresAt))
	}
	return c.With(s.Token), p, nil
}

// known gives a client of the profile's node.
func (a *app) known(p profile) (*client.Client, error) {
	if !p.exists() {
		return nil, problem(narthex.Unauthenticated, "run `narthex login --url URL --code -` with the code of your invitation", "there is no log-in in the profile %s", p.name)
	}
	url, err := a.address(p)
	if err != nil {
		return nil, err
	}
	c, err := client.New(url)
	if err != nil {
		return nil, err
	}
	if own, err := client.New(p.URL); err != nil || own.Base() != c.Base() {
		return nil, problem(narthex.Invalid, "name a profile of that node with --profile, or log in there under a new one", "the profile %s is for %s and not for %s", p.name, p.URL, c.Base())
	}
	return c.At(p.Origin), nil
}

// notYet says, where a node knows of nothing for its lab is not open yet, that this is so.
func (a *app) notYet(ctx context.Context, err error) error {
	if !narthex.IsKind(err, narthex.Withheld) || client.RequestID(err) == "" {
		return err
	}
	c, broken := a.visitor()
	if broken != nil {
		return err
	}
	if status, broken := c.Status(ctx); broken != nil || status.State != inception {
		return err
	}
	return problem(narthex.Unavailable, whatOpens, "the lab at %s is not open yet: until its custodians have approved its directory, the node answers nothing else", c.Base())
}

const (
	inception = "inception" // a node's state until its lab is open
	whatOpens = "its custodians look with `narthex lab diff` and approve with `narthex lab approve`"
)

// flag is how the profile is named on a command line, where it must be.
func (p profile) flag() string {
	if p.name == "default" {
		return ""
	}
	return " with --profile " + p.name
}
