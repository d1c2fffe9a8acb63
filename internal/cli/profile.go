package cli

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"narthex"
)

// profile is what is kept for one person at one node, in a file for their eyes only.
type profile struct {
	URL     string             `json:"url"`
	Person  narthex.PersonID   `json:"person,omitempty"`
	Login   ed25519.PrivateKey `json:"login,omitempty"`
	Signer  ed25519.PrivateKey `json:"signer,omitempty"`
	Session string             `json:"session,omitempty"`
}

// path is where the profile stands: below NARTHEX_HOME, or the user's configuration folder.
func (a *app) path() (string, error) {
	if err := narthex.CheckName("a profile", a.name); err != nil {
		return "", err
	}
	home := a.env.Getenv("NARTHEX_HOME")
	if home == "" {
		base := a.env.Getenv("XDG_CONFIG_HOME")
		if base == "" {
			user := a.env.Getenv("HOME")
			if user == "" {
				return "", narthex.Invalidf("There is no place for your keys: set NARTHEX_HOME to a folder.")
			}
			base = filepath.Join(user, ".config")
		}
		home = filepath.Join(base, "narthex")
	}
	return filepath.Join(home, a.name+".json"), nil
}

func (a *app) profile() (profile, error) {
	var p profile
	path, err := a.path()
	if err != nil {
		return p, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return p, narthex.Invalidf("Your profile cannot be read; name another with --profile, or move it away and log in with a new code.").Because(err)
	}
	return p, nil
}

// keep writes the profile whole or not at all.
func (a *app) keep(p profile) error {
	path, err := a.path()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return narthex.Invalidf("The folder for your keys cannot be made; set NARTHEX_HOME to one that can.").Because(err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return narthex.Invalidf("Your profile cannot be written.").Because(err)
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return narthex.Invalidf("Your profile cannot be written.").Because(err)
	}
	return os.Rename(file.Name(), path)
}
