package demo

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
)

// person is someone of the story, with the keys that only they hold.
type person struct {
	Name   string             `json:"name"`
	ID     narthex.PersonID   `json:"id"`
	Login  ed25519.PrivateKey `json:"login"`
	Signer ed25519.PrivateKey `json:"signer,omitempty"`

	client *client.Client // with a session of their own
}

// cast is everyone of the story, by name.
type cast map[string]*person

const castFile = "people.json"

// load reads the cast of an earlier start.
func loadCast(dir string) (cast, error) {
	data, err := os.ReadFile(filepath.Join(dir, castFile))
	if err != nil {
		return nil, err
	}
	c := cast{}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("read the people of an earlier start: %w", err)
	}
	return c, nil
}

// save keeps the cast for a later start, for its owner's eyes.
func (c cast) save(dir string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return writeSecret(filepath.Join(dir, castFile), data)
}

// writeSecret makes a file of mode 0600 under a new name and renames it; a link in its place is refused.
func writeSecret(path string, data []byte) error {
	if err := plainFile(path); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return narthex.Invalidf("The file cannot be written there; check the folder.").Because(err)
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close(), os.Rename(file.Name(), path))
}

// plainFile refuses a path at which something else than a plain file stands, such as a link.
func plainFile(path string) error {
	if info, err := os.Lstat(path); path != "" && err == nil && !info.Mode().IsRegular() {
		return narthex.Refusedf("There is something at that path that is not a plain file; name another.")
	}
	return nil
}

// join redeems a code under a new name in the cast.
func (c cast) join(ctx context.Context, node *client.Client, name, code string, signs bool) (*person, error) {
	p := &person{Name: name}
	var err error
	if p.Login, err = client.NewKey(); err != nil {
		return nil, err
	}
	session, err := node.Redeem(ctx, code, p.Login)
	if err != nil {
		return nil, err
	}
	p.ID, p.client = session.Person.ID, node.With(session.Token)
	c[name] = p
	if !signs {
		return p, nil
	}
	return p, p.enrollSigner(ctx)
}

func (p *person) enrollSigner(ctx context.Context) error {
	var err error
	if p.Signer, err = client.NewKey(); err != nil {
		return err
	}
	_, err = p.client.EnrollSigner(ctx, p.Signer)
	return err
}

// login gives everyone a session again.
func (c cast) login(ctx context.Context, node *client.Client) error {
	for _, p := range c {
		session, err := node.Login(ctx, p.Login)
		if err != nil {
			return fmt.Errorf("log in as %s: %w", p.Name, err)
		}
		p.client = node.With(session.Token)
	}
	return nil
}

// sign signs an engagement's agreement for a party.
func (p *person) sign(ctx context.Context, id narthex.EngagementID, party narthex.PartyRole) (client.EngagementView, error) {
	view, err := p.client.Agreement(ctx, id)
	if err != nil {
		return client.EngagementView{}, err
	}
	public := p.Signer.Public().(ed25519.PublicKey)
	envelope, err := agreement.Sign(p.Signer, agreement.NewStatement(view.Digest, party, p.ID, view.Agreement.Origin))
	if err != nil {
		return client.EngagementView{}, err
	}
	return p.client.Sign(ctx, id, client.Sign{Party: party, Digest: view.Digest, Signer: agreement.Fingerprint(public), Envelope: envelope})
}
