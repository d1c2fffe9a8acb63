// Package witness signs that it has seen a log grow and nothing else: a server of the C2SP tlog-witness protocol, for someone
// outside the lab to run.
//
// It promises that it never signs two trees of one log of which neither begins with the other; that what it signed is on its
// disk before the signature leaves; and that it starts from what is there or not at all. It signs for the logs that it was
// told of, under their keys, and for no other.
//
// It trusts its disk and its clock. It trusts a log for nothing: whoever sends a log's checkpoint may be anyone, since the
// log's signature is on it. Read next: server.go for the protocol.
package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"narthex"
	"narthex/internal/durable"
	"narthex/internal/order"
	"narthex/ledger"
)

const (
	keyFile  = "witness.key" // secret, mode 0600
	pubFile  = "witness.pub"
	lockFile = "witness.lock"
)

// New makes a witness's folder with a fresh key and gives the key that verifies it.
func New(dir, name string, random io.Reader) (string, error) {
	secret, public, err := ledger.NewWitnessKey(random, name)
	if err != nil {
		return "", narthex.Invalidf("A witness's name has no spaces and no plus sign; use a host name of yours.").For("name").Because(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", narthex.Invalidf("The witness's folder cannot be made; check its path and rights.").For("dir").Because(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, keyFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", narthex.Conflictf("There is a witness in that folder already. Its memory is worth keeping: use it, or name another folder.").For("dir")
	}
	return public, errors.Join(durable.WriteFile(filepath.Join(dir, keyFile), []byte(secret+"\n"), 0o600), durable.WriteFile(filepath.Join(dir, pubFile), []byte(public+"\n"), 0o644))
}

// Witness is a running witness. One process at a time holds its folder.
type Witness struct {
	dir   string
	lock  *os.File
	clock func() time.Time
	sign  *ledger.Cosigner
	key   string
	logs  map[string][]string // the keys of each log, by origin

	mu   sync.Mutex // guards seen, and that it is on the disk before it is signed
	seen map[string]ledger.Checkpoint
}

// Open starts a witness of the logs whose verifier keys are given; a log that changed its key has two.
func Open(dir string, logs []string, clock func() time.Time) (*Witness, error) {
	if clock == nil || len(logs) == 0 {
		return nil, narthex.Invalidf("Name at least one log by its verifier key: --log name+hash+key.").For("log")
	}
	secret, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, narthex.Invalidf("There is no witness in that folder; `narthex witness new` makes one.").For("dir").Because(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, pubFile))
	if err != nil {
		return nil, narthex.Conflictf("The witness's public key (%s) cannot be read. Put it back from your backup.", pubFile).Because(err)
	}
	w := &Witness{dir: dir, clock: clock, key: strings.TrimSpace(string(public)), logs: map[string][]string{}, seen: map[string]ledger.Checkpoint{}}
	if w.sign, err = ledger.NewCosigner(strings.TrimSpace(string(secret))); err != nil {
		return nil, narthex.Conflictf("The witness's key (%s) does not read as one. Put it back from your backup.", keyFile).Because(err)
	}
	for _, key := range logs {
		name, _, _ := strings.Cut(key, "+")
		w.logs[name] = append(w.logs[name], key)
	}
	if err := w.hold(); err != nil {
		return nil, err
	}
	if err := w.remember(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *Witness) hold() (err error) {
	if w.lock, err = os.OpenFile(filepath.Join(w.dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return narthex.Invalidf("The witness's folder cannot be written; check its rights.").For("dir").Because(err)
	}
	if err := unix.Flock(int(w.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(narthex.Conflictf("Another process runs this witness. Stop it first: two would sign without knowing of each other.").For("dir"), w.lock.Close())
	}
	return nil
}

// remember reads what was signed for each log.
func (w *Witness) remember() error {
	for origin := range w.logs {
		data, err := os.ReadFile(w.path(origin))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return narthex.Conflictf("The witness's memory of a log cannot be read. Put it back from your backup; without it the witness could sign another history.").Because(err)
		}
		if w.seen[origin], err = w.open(origin, string(data)); err != nil {
			return narthex.Conflictf("The witness's memory of a log is damaged, or of another key than the one given. Put it back from your backup, or name the log's earlier key as well: --log.").Because(err)
		}
	}
	return nil
}

func (w *Witness) path(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(w.dir, "log-"+hex.EncodeToString(sum[:12]))
}

// open checks a checkpoint under any key of its log.
func (w *Witness) open(origin, checkpoint string) (ledger.Checkpoint, error) {
	err := errors.New("no key of that log is known")
	for _, key := range w.logs[origin] {
		var opened ledger.Checkpoint
		if opened, err = ledger.OpenCheckpoint(checkpoint, key); err == nil {
			return opened, nil
		}
	}
	return ledger.Checkpoint{}, err
}

// Key is the witness's public key, name+hash+key.
func (w *Witness) Key() string { return w.key }

// Close gives the folder free.
func (w *Witness) Close() error { return w.lock.Close() }

// Seen lists the logs with what was signed of each, by origin.
func (w *Witness) Seen() []ledger.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := []ledger.Checkpoint{}
	for origin := range w.logs {
		checkpoint := w.seen[origin]
		checkpoint.Origin = origin
		seen = append(seen, checkpoint)
	}
	order.By(seen, func(a, b ledger.Checkpoint) int { return strings.Compare(a.Origin, b.Origin) })
	return seen
}

// Refusal is why a witness does not sign, as the protocol tells it.
type Refusal struct {
	Status int    // of HTTP
	Size   uint64 // with a conflict, that of the tree signed last
	What   string
}

func (r *Refusal) Error() string { return fmt.Sprintf("the witness does not sign: %s", r.What) }

// Add signs a checkpoint whose tree begins with the one signed last. The error is a *Refusal where the log is at fault.
func (w *Witness) Add(old uint64, proof []ledger.Hash, checkpoint string) (string, error) {
	stated, err := ledger.ParseCheckpoint(checkpoint)
	if err != nil {
		return "", &Refusal{Status: 400, What: "that is no checkpoint"}
	}
	if len(w.logs[stated.Origin]) == 0 {
		return "", &Refusal{Status: 404, What: "the log is not one that it was told of"}
	}
	opened, err := w.open(stated.Origin, checkpoint)
	if err != nil {
		return "", &Refusal{Status: 403, What: "the checkpoint is not signed by the log's key"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := follows(w.seen[opened.Origin], old, proof, opened); err != nil {
		return "", err
	}
	if err := durable.WriteFile(w.path(opened.Origin), []byte(checkpoint), 0o600); err != nil {
		return "", err
	}
	w.seen[opened.Origin] = opened
	return w.sign.Sign(checkpoint, w.clock())
}

// follows says whether a tree is the one seen last, grown.
func follows(last ledger.Checkpoint, old uint64, proof []ledger.Hash, next ledger.Checkpoint) error {
	switch {
	case old > next.Size:
		return &Refusal{Status: 400, What: "the old size is larger than the checkpoint's"}
	case old != last.Size:
		return &Refusal{Status: 409, Size: last.Size, What: "it has signed a tree of another size than the old one"}
	case old == next.Size && old != 0 && last.Root != next.Root:
		return &Refusal{Status: 409, Size: last.Size, What: "it has signed another tree of that size: one of the two histories was made up"}
	case old == 0 || old == next.Size:
		if len(proof) != 0 {
			return &Refusal{Status: 422, What: "there is nothing to prove and a proof came"}
		}
		return nil
	}
	if err := ledger.CheckConsistency(old, last.Root, next.Size, next.Root, proof); err != nil {
		return &Refusal{Status: 422, What: "the tree does not begin with the one that it has signed"}
	}
	return nil
}
