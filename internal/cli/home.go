package cli

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"narthex"
	"narthex/internal/canon"
	"narthex/internal/order"
	"narthex/internal/wire"
)

// What is kept of a user, in a folder of mode 0700: the name of the profile in use, and a folder a profile.
const (
	currentFile = "current"
	profilesDir = "profiles"
	aboutFile   = "profile.json"
	loginFile   = "login.key"     // secret
	pendingFile = "login.key.new" // secret, until the lab has taken it
	sessionFile = "session.json"  // secret
	signerFile  = "signer.key"    // secret
	seenFile    = "seen.json"     // digests of what was shown, so that a vote carries them
)

// home is the folder of everything that is kept.
func (a *app) home() (string, error) {
	if dir := a.env.Getenv("NARTHEX_HOME"); dir != "" {
		return dir, nil
	}
	if dir := a.env.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "narthex"), nil
	}
	if dir := a.env.Getenv("HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, ".config", "narthex"), nil
	}
	return "", problem(narthex.Invalid, "set NARTHEX_HOME to a folder of yours", "there is no home directory to keep log-ins in")
}

// profile is one log-in: a person at a node.
type profile struct {
	name string
	dir  string
	about
}

// about is what a profile says of itself. The origin is that of the lab's ledger: a log-in is for no other.
type about struct {
	URL    string           `json:"url"`
	Lab    string           `json:"lab"`
	Origin string           `json:"origin"`
	Person narthex.PersonID `json:"person"`
	Name   string           `json:"name"`
}

// session is what lets a person act, until it expires.
type session struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// chosen gives the profile that flags, environment and habit choose, which may not be there yet.
func (a *app) chosen() (profile, error) {
	dir, err := a.home()
	if err != nil {
		return profile{}, err
	}
	name := a.profile
	if name == "" {
		name = a.env.Getenv("NARTHEX_PROFILE")
	}
	if name == "" {
		name = currentProfile(dir)
	}
	if err := narthex.CheckName("a profile's name", name); err != nil {
		return profile{}, err
	}
	p := profile{name: name, dir: filepath.Join(dir, profilesDir, name)}
	p.about, err = readJSON[about](filepath.Join(p.dir, aboutFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return p, err
}

// currentProfile is the profile in use where none is named.
func currentProfile(home string) string {
	data, err := os.ReadFile(filepath.Join(home, currentFile))
	if name := strings.TrimSpace(string(data)); err == nil && name != "" {
		return name
	}
	return "default"
}

// exists says whether there is a log-in.
func (p profile) exists() bool { return p.URL != "" }

// profiles lists every profile that is kept.
func (a *app) profiles() ([]profile, error) {
	dir, err := a.home()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, profilesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError("read", dir, err)
	}
	var found []profile
	for _, entry := range entries {
		p := profile{name: entry.Name(), dir: filepath.Join(dir, profilesDir, entry.Name())}
		if p.about, err = readJSON[about](filepath.Join(p.dir, aboutFile)); err == nil {
			found = append(found, p)
		}
	}
	order.By(found, func(a, b profile) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

func (p profile) save() error { return p.writeJSON(aboutFile, p.about) }

func (p profile) session() (session, error) {
	return readSecretJSON[session](filepath.Join(p.dir, sessionFile))
}

func (p profile) writeJSON(name string, value any) error {
	data, err := canon.JSON(value)
	if err != nil {
		return err
	}
	return p.write(name, data)
}

// write puts a file of mode 0600 into the profile, whole or not at all.
func (p profile) write(name string, data []byte) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fileError("made", p.dir, err)
	}
	return writeWhole(filepath.Join(p.dir, name), data)
}

// writeWhole puts a file of mode 0600 in place, whole or not at all.
func writeWhole(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // has mode 0600
	if err != nil {
		return fileError("written", path, err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fileError("written", path, err), os.Remove(file.Name()))
	}
	return nil
}

func readJSON[T any](path string) (T, error) {
	var zero T
	data, err := os.ReadFile(path)
	if err != nil {
		return zero, err
	}
	value, err := wire.Decode[T](data, wire.Limits{Bytes: 1 << 20, Depth: 8})
	if err != nil {
		return zero, problem(narthex.Conflict, "put it back from a backup, or remove it and log in anew", "%s is not as it was written", path)
	}
	return value, nil
}

func readSecretJSON[T any](path string) (T, error) {
	if err := private(path); err != nil {
		var zero T
		return zero, err
	}
	return readJSON[T](path)
}

// private refuses a secret that others on the machine can read.
func private(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return problem(narthex.Refused, "`chmod 600 "+path+"`, and think of who may have read it", "%s is a secret, and others on this machine can read it", path)
	}
	return nil
}

const keyBlock = "PRIVATE KEY"

// readKey reads a key of the profile.
func (p profile) readKey(name string) (ed25519.PrivateKey, error) {
	path := filepath.Join(p.dir, name)
	if err := private(path); err != nil {
		return nil, err
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block != nil && block.Type == keyBlock && len(rest) == 0 {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if key, is := parsed.(ed25519.PrivateKey); err == nil && is {
			return key, nil
		}
	}
	return nil, problem(narthex.Conflict, "put it back from a backup, or remove it and make a new key", "%s does not read as a key", path)
}

// writeKey keeps a key in the profile, as PKCS #8 in PEM.
func (p profile) writeKey(name string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return p.write(name, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}))
}

// saw remembers the digest of what the user was shown.
func (p profile) saw(what string, digest narthex.Digest) error {
	seen, err := readJSON[map[string]narthex.Digest](filepath.Join(p.dir, seenFile))
	if err != nil || seen == nil {
		seen = map[string]narthex.Digest{}
	}
	seen[what] = digest
	return p.writeJSON(seenFile, seen)
}

// hasSeen gives the digest of what the user was last shown of it, or "".
func (p profile) hasSeen(what string) narthex.Digest {
	seen, err := readJSON[map[string]narthex.Digest](filepath.Join(p.dir, seenFile))
	if err != nil {
		return ""
	}
	return seen[what]
}
