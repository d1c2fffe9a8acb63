package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/internal/durable"
	"narthex/internal/openlog"
	"narthex/internal/visa"
	"narthex/ledger"
)

const (
	signerFile   = "ledger.key" // secret, mode 0600
	verifierFile = "ledger.pub" // name+hash+key
	visaFile     = "visa.key"   // secret, mode 0600
	markFile     = "mark.key"   // secret, mode 0600
	drawFile     = "draw.key"   // secret, mode 0600
	demoFile     = "DEMO"
)

// logKey reads the ledger's key, or draws it where the store is empty. A store with entries and no key does not start: a new
// key would be another log.
func logKey(dir, origin string, empty bool, random io.Reader) (note.Signer, string, error) {
	data, err := os.ReadFile(filepath.Join(dir, signerFile))
	if errors.Is(err, fs.ErrNotExist) && empty {
		secret, public, err := ledger.NewKey(random, origin)
		if err != nil {
			return nil, "", err
		}
		if err := errors.Join(writeFile(filepath.Join(dir, signerFile), secret, 0o600), writeFile(filepath.Join(dir, verifierFile), public, 0o644)); err != nil {
			return nil, "", err
		}
		data = []byte(secret)
	} else if err != nil {
		return nil, "", narthex.Conflictf("The ledger's key (%s in the data directory) is missing or cannot be read, and the ledger has entries. Put the key back from your backup.", signerFile).Because(err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, "", narthex.Conflictf("The ledger's key (%s) does not read as a key. Put it back from your backup.", signerFile).Because(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, verifierFile))
	if err != nil {
		return nil, "", narthex.Conflictf("The ledger's public key (%s) cannot be read. Put it back from your backup.", verifierFile).Because(err)
	}
	key := strings.TrimSpace(string(public))
	verifier, err := note.NewVerifier(key)
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return nil, "", narthex.Conflictf("%s and %s are not one key pair. Put both back from one backup.", signerFile, verifierFile).Because(err)
	}
	return signer, key, nil
}

// visaKey reads the key that signs the lab's visas, or draws it where there is none: it signs nothing else, and a new one makes the
// visas that were given before it worthless and nothing more.
func visaKey(dir string, random io.Reader) (*visa.Signer, error) {
	path := filepath.Join(dir, visaFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var raw [32]byte
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return nil, fmt.Errorf("draw the key of visas: %w", err)
		}
		key, err := visaScalar(raw[:])
		if err != nil {
			return nil, err
		}
		if err := writeFile(path, base64.StdEncoding.EncodeToString(raw[:]), 0o600); err != nil {
			return nil, err
		}
		return visa.NewSigner(key)
	}
	raw, wrong := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(string(data)))
	if err == nil {
		err = wrong
	}
	var key *ecdsa.PrivateKey
	if err == nil {
		key, err = visaScalar(raw)
	}
	if err != nil {
		return nil, narthex.Conflictf("The key of visas (%s in the data directory) does not read as a key. Put it back from your backup, or take the file away: the node then draws another, and the visas that it gave before count no more.", visaFile).Because(err)
	}
	return visa.NewSigner(key)
}

// drawn reads a secret of 32 bytes that is kept beside the data, or draws it where there is none. What it is for, and what to do where its
// file does not read, stands in the error.
func drawn(dir, file, what, otherwise string, random io.Reader) (narthex.Secret, error) {
	path := filepath.Join(dir, file)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var raw [32]byte
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return narthex.Secret{}, fmt.Errorf("draw the %s: %w", what, err)
		}
		return narthex.NewSecret(string(raw[:])), writeFile(path, base64.StdEncoding.EncodeToString(raw[:]), 0o600)
	}
	raw, wrong := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(string(data)))
	if err != nil || wrong != nil || len(raw) != 32 {
		return narthex.Secret{}, narthex.Conflictf("The %s (%s in the data directory) does not read as one. Put it back from your backup%s.", what, file, otherwise).Because(errors.Join(err, wrong))
	}
	return narthex.NewSecret(string(raw)), nil
}

// markSecret is what artefacts are marked with for who receives them. Marks of another one are not found any more.
func markSecret(dir string, random io.Reader) (narthex.Secret, error) {
	return drawn(dir, markFile, "secret of watermarks", ": artefacts that left are marked with it, and with another their marks are not found", random)
}

// drawKey says what of the releases by standing rules is looked at again: what it said stands in the ledger, and with a new one what leaves
// from then on is drawn by that.
func drawKey(dir string, random io.Reader) (narthex.Secret, error) {
	return drawn(dir, drawFile, "key of second looks", ", or take the file away: the node then draws another", random)
}

func visaScalar(raw []byte) (*ecdsa.PrivateKey, error) {
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
}

// beginAnchor begins the anchor of an empty store, and refuses where the anchor or the ledger's key says that there was a ledger.
func beginAnchor(anchor *openlog.Anchor, dir string) error {
	_, err := os.Stat(filepath.Join(dir, signerFile))
	if keyed := !errors.Is(err, fs.ErrNotExist); keyed && !anchor.Exists() {
		return narthex.Conflictf("The store is empty and the anchor is missing, and the data directory has a ledger's key: there was a ledger. Put database and anchor back from a backup; a new lab needs a new data directory.")
	}
	return anchor.Begin()
}

// writeFile makes a file that is there whole or not at all.
func writeFile(path, text string, mode os.FileMode) error {
	return durable.WriteFile(path, []byte(text+"\n"), mode)
}

// checkDemo refuses a demonstration's store to a node that is none, and the other way round.
func checkDemo(dir string, demo, empty bool) error {
	_, err := os.Stat(filepath.Join(dir, demoFile))
	marked := err == nil
	switch {
	case marked && !demo:
		return narthex.Refusedf("That data directory is a demonstration's: its people are made up and its keys were printed. Use another.").For("data")
	case demo && !marked && !empty:
		return narthex.Refusedf("That data directory is not a demonstration's; the demonstration leaves it alone. Name another with --dir.").For("data")
	case demo && !marked:
		return writeFile(filepath.Join(dir, demoFile), "This store is a demonstration's. `narthex serve` refuses it.", 0o644)
	}
	return nil
}

// ownDirectory makes the data directory, or takes the rights of others from one that is there.
func ownDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return narthex.Invalidf("The data directory cannot be made; check its path and rights.").For("data").Because(err)
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(dir, 0o700)
	}
	if err != nil {
		return narthex.Invalidf("The data directory is open to others on this machine, and it cannot be closed: it holds the ledger's key. Give it to this user alone, mode 0700.").For("data").Because(err)
	}
	return nil
}
